"""A deployment for tests: BMS nodes fed the same events, gateways before them, a load balancer before these.

Every batch offers one call to each of the queues. So in one answer all rows are alike, and the half of a row
that comes from one interface tells what the other half must be.
"""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import trustme

from docs.pages import blocks
from house.tree import ROOT
from queuepulse.certificates import DEVELOPMENT_FILE
from queuepulse.cms.nodes import Node, Nodes
from queuepulse.engine.events import VdnKey
from queuepulse.stores.keys import MASTER_KEY_FILE
from server.running import WAIT_S, Running, lenient

HOST = "127.0.0.1"
TOKEN = "an-internal-token-for-tests-and-nobody-else"
VDN = VdnKey(1, 1)
QUEUES = list(range(1, 41))
"""Fewer than the hub folds in one step: an answer holds a batch whole, or nothing of it."""
PATH = "/rest/cmsapp/v1/openapi/skill/stateinfo"


class Key(NamedTuple):
    ak: str
    sk: str
    token: str


def queuepulse(*arguments: str) -> str:
    command = [sys.executable, "-m", "queuepulse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT_S).stdout


def passed_on_keys(folder: Path, *others: Path) -> Key:
    """One key, made in one folder and passed on to the others as an operator does."""
    told = queuepulse("keys", "add", "client", "--cc", "1", "--ingest", "--data", str(folder))
    queuepulse("keys", "export", str(folder / "keys.export"), "--data", str(folder))
    for other in others:
        other.mkdir(mode=0o700)
        shutil.copy(folder / MASTER_KEY_FILE, other)
        queuepulse("keys", "import", str(folder / "keys.export"), "--data", str(other))
    secrets = dict(line.split() for line in told.splitlines())
    return Key(secrets["AK"], secrets["SK"], secrets["TOKEN"])


class Authority:
    """Signs certificates for this machine; its own is in `file`."""

    def __init__(self, place: Path, name: str = "authority") -> None:
        self.file = place / f"{name}.pem"
        self._place = place
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str) -> Path:
        """A certificate and its key, in one file."""
        pair, file = self._authority.issue_cert(HOST, "localhost"), self._place / f"{name}.pem"
        pair.private_key_and_cert_chain_pem.write_to_path(str(file))
        return file

    def settings(self, section: str, name: str) -> dict[str, str]:
        """The variables that name such a file in a section of the settings."""
        file = str(self.issue(name))
        return {f"{section}_CERTIFICATE": file, f"{section}_PRIVATE_KEY": file}


class BmsNode:
    """A server with a BMS. `url` is the public address, where events come in."""

    def __init__(self, folder: Path, **variables: str) -> None:
        variables = given({"BMS_TOKEN": TOKEN} | variables)
        self.folder = folder
        self.running = Running(
            folder, "--host", HOST, "--port", "0", "--bms-listen", f"{HOST}:0", **variables
        )
        self.bms_port = self.running.until_told("the BMS is served")["address"][1]
        self.running.ready()

    @property
    def name(self) -> str:
        return f"{HOST}:{self.bms_port}"

    @property
    def bms_url(self) -> str:
        return f"https://{self.name}"


def given(variables: dict[str, str]) -> dict[str, str]:
    """The variables without those that are to be none."""
    return {name: text for name, text in variables.items() if text}


def gateway_of(folder: Path, nodes: list[BmsNode], port: int = 0, **variables: str) -> Running:
    """A gateway, ready; its folder holds keys alone."""
    ca = folder / "bms.pem"
    ca.write_bytes(b"".join((node.folder / DEVELOPMENT_FILE).read_bytes() for node in nodes))
    settings = {
        "BMS_TOKEN": TOKEN,
        "BMS_CA": str(ca),
        "TRUSTED_PROXIES": HOST,
        "SHUTDOWN_DRAIN_S": "2",
        **variables,
    }
    urls = ",".join(node.bms_url for node in nodes)
    arguments = ("--host", HOST, "--port", str(port), "--bms-url", urls)
    return Running(folder, *arguments, **given(settings)).ready()


@contextmanager
def haproxy(place: Path, gateways: list[Running], authority: "Authority") -> Iterator[int]:
    """HAProxy with the file of contrib/, its addresses and names alone replaced; gives its port."""
    program = shutil.which("haproxy")
    assert program, "haproxy is missing; ./dev test installs it, or says how"
    port = free_port()
    text = (ROOT / "contrib" / "haproxy.cfg").read_text()
    changes = {
        "bind :443": f"bind {HOST}:{port}",
        "/etc/haproxy/queuepulse.pem": str(authority.issue("public")),
        "/etc/haproxy/gateways.pem": str(authority.file),
        "inter 1s": "inter 200ms",
        "maxconn 8000": "maxconn 200",
        **{
            f"gateway-{number}.internal:28443": f"{HOST}:{gateway.port}"
            for number, gateway in enumerate(gateways, 1)
        },
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    config = place / "haproxy.cfg"
    config.write_text(text)
    with (place / "haproxy.log").open("wb") as log:
        running = subprocess.Popen([program, "-db", "-f", str(config)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        running.kill()
        running.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def foreign_authorization() -> Callable[..., str]:
    """How the client of docs/api.md signs; it knows nothing of our code."""
    (text,) = blocks("docs/api.md", "python")
    names: dict[str, Any] = {}
    exec(compile(text, "docs/api.md", "exec"), names)  # our own page
    sign: Callable[..., str] = names["authorization"]
    return sign


class Client:
    """A foreign client with one connection that it keeps."""

    def __init__(self, port: int, key: Key) -> None:
        self._port, self._key = port, key
        self._sign = foreign_authorization()
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self, queues: list[int] = QUEUES) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of an answer: bytes, if it is not JSON. Raises OSError, HTTPException."""
        body = json.dumps({"ccId": VDN.cc, "vdn": VDN.vdn, "skillIds": queues})
        headers = {"host": f"localhost:{self._port}", "content-type": "application/json;charset=UTF-8"}
        headers["authorization"] = self._sign(
            self._key.ak, self._key.sk, "POST", PATH, headers, body, datetime.now(UTC)
        )
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                HOST, self._port, timeout=WAIT_S, context=lenient()
            )
        try:
            self._connection.request("POST", PATH, body.encode(), headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except BaseException:
            self.close()
            raise
        told = {name.lower(): value for name, value in answer.getheaders()}
        is_ours = told.get("content-type", "").startswith("application/json")
        return answer.status, told, json.loads(text) if is_ours else text

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Feeder:
    """Sends each batch to all nodes that live; `sent` were begun, `acknowledged` are in all of them."""

    def __init__(self, nodes: list[BmsNode], key: Key) -> None:
        self.sent = self.acknowledged = 0
        self._nodes = {node: node.running.client() for node in nodes}
        self._key = key

    def feed(self) -> None:
        self.sent += 1
        at_ms = time.time_ns() // 1_000_000
        body = b"".join(
            json.dumps(
                {
                    "type": "call_offered",
                    "call": f"{self.sent}-{skill}",
                    "skill": skill,
                    "at": at_ms,
                    "id": f"{self.sent}-{skill}",
                }
            ).encode()
            + b"\n"
            for skill in QUEUES
        )
        headers = {"authorization": f"Bearer {self._key.token}", "content-type": "application/x-ndjson"}
        for node, client in list(self._nodes.items()):
            try:
                answer = client.post(
                    f"/ingest/v1/events?cc={VDN.cc}&vdn={VDN.vdn}", content=body, headers=headers
                )
                assert answer.status_code == 200, answer.text
            except httpx.TransportError:
                assert node.running.program.poll() is not None
                self._nodes.pop(node).close()
        self.acknowledged = self.sent

    def __enter__(self) -> "Feeder":
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._nodes.values():
            client.close()


class Load:
    """Clients that ask without a pause, and look at every answer; `failures` are those that got none."""

    def __init__(self, port: int, key: Key, feeder: Feeder, clients: int) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self.wrong: list[str] = []
        self._feeder = feeder
        self._older: set[int] = set()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(Client(port, key),)) for _ in range(clients)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, client: Client) -> None:
        while not self._ended.is_set():
            least = self._feeder.acknowledged
            try:
                status, headers, told = client.ask()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                continue
            if status != 200 or told["resultCode"] != "0100000":
                self.failures.append(f"{status} {told}")
                continue
            self.answers += 1
            if fault := self._fault(told["resultDesc"], headers, least, self._feeder.sent):
                self.wrong.append(fault)
        client.close()

    def _fault(self, rows: list[dict[str, int]], headers: dict[str, str], least: int, most: int) -> str:
        """What is wrong with an answer, if anything is."""
        waiting, offered = rows[0]["callWaitNums"], rows[0]["allCallCount"]
        if [row["skillId"] for row in rows] != QUEUES:
            return f"other queues than asked: {rows}"
        if any((row["callWaitNums"], row["allCallCount"]) != (waiting, offered) for row in rows):
            return f"rows of several moments: {rows}"
        if not least <= waiting <= most:
            return f"{waiting} batches, and not {least} to {most}"
        if headers["x-queuepulse-position"] != str(waiting * len(QUEUES)):
            return f"{waiting} batches at position {headers['x-queuepulse-position']}"
        # Those offered in five minutes before this one; the mark may pass once while we run.
        self._older.add(waiting - offered)
        return f"halves of two moments: {self._older}" if len(self._older - {0}) > 1 else ""


def first_of(nodes: list[BmsNode]) -> BmsNode:
    """The node that gateways ask for the VDN."""
    order = Nodes([Node(node.name, NO_LINK) for node in nodes]).in_order(VDN)
    return next(node for node in nodes if node.name == order[0].name)


NO_LINK: Any = None


def metric(running: Running, name: str) -> float:
    """The value of a metric, all its labels together."""
    with running.client() as client:
        text = client.get("/metrics").text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


@contextmanager
def nginx(program: str, place: Path, gateways: list[Running], authority: Authority) -> Iterator[int]:
    """nginx with the file of contrib/, its addresses and names alone replaced; gives its port."""
    port = free_port()
    text = (ROOT / "contrib" / "nginx.conf").read_text()
    changes = {
        "listen 443": f"listen {HOST}:{port}",
        "/etc/nginx/queuepulse.pem": str(authority.issue("public")),
        "/etc/nginx/gateways.pem": str(authority.file),
        "proxy_ssl_name gateway.internal": "proxy_ssl_name localhost",
        **{
            f"gateway-{number}.internal:28443": f"{HOST}:{gateway.port}"
            for number, gateway in enumerate(gateways, 1)
        },
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    kept = "".join(
        f"{kind}_temp_path {place / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = place / "nginx.conf"
    config.write_text(
        f"daemon off; pid {place / 'nginx.pid'}; error_log {place / 'nginx.log'};\n"
        f"events {{}}\nhttp {{ access_log off;\n{kept}{text} }}\n"
    )
    with (place / "nginx.out").open("wb") as log:
        running = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        running.terminate()
        running.wait()
