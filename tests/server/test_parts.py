"""The parts around HTTP, each by itself: certificates, connections, the gate, bodies, log lines."""

import asyncio
import fcntl
import io
import json
import logging
import socket
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from queuepulse.asgi import BodyRefused, read_body
from queuepulse.certificates import (
    CertificateRefused,
    check_authorities,
    development_certificate,
    read_certificate,
)
from queuepulse.connections import Closed, Connections
from queuepulse.edge import ListenRefused, listen
from queuepulse.gate import Gate, Phase
from queuepulse.logs import log_to
from queuepulse.proxies import Proxies

NOW_MS = 1_704_164_645_000
YEAR_MS = 365 * 86_400_000

TRY_LOCK = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"

# Certificates


def test_a_development_certificate_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    made = development_certificate(tmp_path, NOW_MS)
    assert stat.S_IMODE(made.private_key.stat().st_mode) == 0o600
    assert made.expires_at_ms > NOW_MS + 9 * YEAR_MS
    assert development_certificate(tmp_path, NOW_MS + YEAR_MS) == made


def pem(key: Any, password: bytes | None = None) -> bytes:
    sealed = NoEncryption() if password is None else BestAvailableEncryption(password)
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)
    return made


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"nonsense", "holds no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), "protected by a password"),
        (pem(ec.generate_private_key(ec.SECP521R1())), "of a kind that is not served"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "key values mismatch"),
        (pem(rsa.generate_private_key(65_537, 1_024)), "of a kind that is not served"),
    ],
    ids=["nonsense", "password", "curve", "another's", "short"],
)
def test_a_key_that_cannot_be_served_is_refused(tmp_path: Path, key: bytes, reason: str) -> None:
    made = development_certificate(tmp_path, NOW_MS)
    file = tmp_path / "other.key"
    file.write_bytes(key)
    with pytest.raises(CertificateRefused, match=reason):
        read_certificate(made.certificate, file)


def test_a_missing_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CertificateRefused, match="No such file"):
        read_certificate(tmp_path / "none.pem", tmp_path / "none.key")


def test_authorities_that_are_none_are_refused(tmp_path: Path) -> None:
    made = development_certificate(tmp_path, NOW_MS)
    assert check_authorities(made.certificate) == made.certificate
    (tmp_path / "nonsense").write_bytes(b"nonsense")
    for name, reason in (("nonsense", "holds no certificates"), ("none", "cannot be read")):
        with pytest.raises(CertificateRefused, match=reason):
            check_authorities(tmp_path / name)


# Listening


def test_plain_http_on_an_address_that_others_reach_is_refused() -> None:
    with pytest.raises(ListenRefused, match="plain HTTP on the loopback only"):
        listen("0.0.0.0", 0, loopback_only=True)
    listen("localhost", 0, loopback_only=True).close()


# Connections


class Clients:
    """Connections to a listener, and its own ends of them."""

    def __init__(self) -> None:
        self.listener = listen("127.0.0.1", 0)
        self.listener.setblocking(True)
        self.ends: list[socket.socket] = []

    def connect(self, count: int) -> list[socket.socket]:
        made = []
        for _ in range(count):
            made.append(socket.create_connection(self.listener.getsockname(), timeout=20))
            self.ends += [made[-1], self.listener.accept()[0]]
        return made

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self.listener, *self.ends):
            end.close()


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


def test_of_an_address_the_connections_that_came_last_are_closed() -> None:
    with Clients() as clients:
        first = clients.connect(3)
        connections = Connections(clients.listener, per_address_max=4)
        assert asyncio.run(connections.sweep()) == Closed(0, 0)
        later = clients.connect(5)
        assert asyncio.run(connections.sweep()) == Closed(4, 0)
        assert [is_open(client) for client in first] == [True] * 3
        assert sum(is_open(client) for client in later) == 1


def test_connections_of_another_listener_are_left_alone() -> None:
    with Clients() as ours, Clients() as others:
        theirs = others.connect(3)
        connections = Connections(ours.listener, per_address_max=1)
        assert asyncio.run(connections.sweep()) == Closed(0, 0)
        assert connections.close_all() == 0
        assert all(is_open(client) for client in theirs)


def test_a_proxy_may_have_any_number_of_connections() -> None:
    with Clients() as clients:
        clients.connect(3)
        is_proxy = Proxies([ip_network("127.0.0.0/8")]).trusts
        connections = Connections(clients.listener, per_address_max=1, is_proxy=is_proxy)
        assert asyncio.run(connections.sweep()) == Closed(0, 0)
        assert len(connections) == 3


def test_a_silent_connection_is_closed() -> None:
    with Clients() as clients:
        (client,) = clients.connect(1)
        # Every connection has been silent for more than -1 ms.
        connections = Connections(clients.listener, per_address_max=1, silent_ms_max=-1)
        assert asyncio.run(connections.sweep()) == Closed(0, 1)
        assert not is_open(client)


def test_a_look_at_the_connections_drops_no_lock_on_a_file(tmp_path: Path) -> None:
    """Closing a duplicate of a file's descriptor drops the locks on it: databases live by them."""
    file = tmp_path / "locked"
    file.write_bytes(b"x")
    with file.open("r+b") as locked, socket.create_server(("127.0.0.1", 0)) as listener:
        fcntl.lockf(locked, fcntl.LOCK_EX)
        asyncio.run(Connections(listener, per_address_max=4).sweep())
        other = subprocess.run([sys.executable, "-c", TRY_LOCK, str(file)], capture_output=True, check=False)
    assert b"BlockingIOError" in other.stderr


# The gate


async def ask(app: Any, path: str, **more: Any) -> int:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "path": path, "raw_path": path.encode(), "method": "GET", "headers": [], **more}
    await asyncio.create_task(app(scope, receive, send))
    return int(said[0]["status"]) if said else 0


def app_of(status: int, until: asyncio.Event | None = None) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        if until is not None:
            await until.wait()
        await send({"type": "http.response.start", "status": status, "headers": []})

    return app


def test_applications_are_closed_while_the_server_starts_and_ends() -> None:
    async def course() -> None:
        gate = Gate([(b"/app/", app_of(201))], app_of(202))
        assert [await ask(gate, "/app/x"), await ask(gate, "/healthz")] == [503, 202]
        gate.phase = Phase.OPEN
        assert [await ask(gate, "/app/x"), await ask(gate, "/healthz")] == [201, 202]
        assert await gate.end(0.0) == 0
        assert [await ask(gate, "/app/x"), await ask(gate, "/healthz")] == [503, 202]

    asyncio.run(course())


def test_what_runs_at_the_end_is_answered_or_cut_off() -> None:
    async def course() -> None:
        quick, never = asyncio.Event(), asyncio.Event()
        gate = Gate([(b"/quick", app_of(201, quick)), (b"/slow", app_of(201, never))], app_of(202))
        gate.phase = Phase.OPEN
        asked = [asyncio.create_task(ask(gate, path)) for path in ("/quick", "/slow")]
        asyncio.get_running_loop().call_later(0.01, quick.set)
        for _ in range(5):  # both have begun then
            await asyncio.sleep(0)
        assert await gate.end(0.1) == 1
        async with asyncio.timeout(20):
            assert await asyncio.gather(*asked) == [201, 0]

    asyncio.run(course())


def test_while_draining_requests_are_answered_and_told_to_go_elsewhere() -> None:
    async def course() -> None:
        gate = Gate([(b"/app/", app_of(201))], app_of(202))
        gate.phase = Phase.DRAINING
        for version, headers in (("1.1", [(b"connection", b"close")]), ("2", [])):
            said: list[Any] = []

            async def send(message: Any, said: list[Any] = said) -> None:
                said.append(message)

            scope = {"raw_path": b"/app/x", "path": "/app/x", "http_version": version, "headers": []}
            await asyncio.create_task(gate(scope, send, send))
            assert (said[0]["status"], said[0]["headers"]) == (201, headers)

    asyncio.run(course())


def test_a_client_behind_a_proxy_has_a_share_of_what_runs() -> None:
    async def course() -> None:
        until = asyncio.Event()
        proxies = Proxies([ip_network("10.0.0.0/8")])
        gate = Gate([(b"/app/", app_of(201, until))], app_of(202), proxies=proxies, running_max=2)
        gate.phase = Phase.OPEN

        def asked(client: str) -> "asyncio.Task[int]":
            headers = [(b"x-forwarded-for", client.encode())]
            return asyncio.create_task(ask(gate, "/app/x", headers=headers, client=("10.0.0.1", "5")))

        first = [asked("192.0.2.1") for _ in range(3)]
        other = asked("192.0.2.2")
        for _ in range(5):
            await asyncio.sleep(0)
        until.set()
        async with asyncio.timeout(20):
            assert sorted(await asyncio.gather(*first)) == [201, 201, 429]
            assert await other == 201
            assert await asked("192.0.2.1") == 201

    asyncio.run(course())


def test_a_defect_is_answered_without_its_reason() -> None:
    async def broken(*_: Any) -> None:
        raise ValueError("a secret")

    with structlog.testing.capture_logs() as lines:
        assert asyncio.run(ask(Gate([], broken), "/x")) == 500
    assert [line["log_level"] for line in lines] == ["error"]


# Bodies


def body_of(messages: Iterable[Any], **headers: str) -> Any:
    left = iter(messages)

    async def receive() -> Any:
        for message in left:
            return message
        await asyncio.Event().wait()

    scope = {"headers": [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]}
    return asyncio.run(read_body(scope, receive, bytes_max=10, seconds_max=0.05))


def part(body: bytes, more: bool = True) -> Any:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_comes_whole_however_it_is_cut() -> None:
    assert body_of([part(b"0123456789", more=False)]) == b"0123456789"
    assert body_of([part(b"01"), part(b""), part(b"234"), part(b"", more=False)]) == b"01234"


@pytest.mark.parametrize(
    ("messages", "headers", "status"),
    [
        ([], {"content_length": "11"}, 413),
        ([], {"content_length": "9" * 5_000}, 413),
        ([part(b"0123456789A", more=False)], {}, 413),
        ([part(b"01234567"), part(b"89A")], {"content_length": "10"}, 413),
        ([part(b"0")], {"content_length": "10"}, 408),
        ([part(b"0"), {"type": "http.disconnect"}], {"content_length": "10"}, 400),
    ],
)
def test_a_body_that_is_too_long_too_slow_or_cut_off_is_refused(
    messages: list[Any], headers: dict[str, str], status: int
) -> None:
    with pytest.raises(BodyRefused) as refused:
        body_of(messages, **headers)
    assert refused.value.status == status


# Log lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, sinks = root.level, root.handlers[:]
    yield
    structlog.reset_defaults()
    root.setLevel(level)
    root.handlers[:] = sinks


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["file", "terminal"])
def test_a_traceback_in_the_log_shows_no_values(stream: io.StringIO) -> None:
    log_to(stream, lambda: NOW_MS)
    a_secret = "value" + "-of-a-variable"
    try:
        raise ValueError(len(a_secret))
    except ValueError:
        structlog.get_logger("queuepulse.test").exception("it failed")
    text = stream.getvalue()
    assert "2024-01-02T03:04:05.000Z" in text
    assert "ValueError: 19" in text
    assert a_secret not in text
    if not stream.isatty():
        assert json.loads(text)["event"] == "it failed"
