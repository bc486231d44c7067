"""The server as a program: how it starts, is asked, is told to end, and what it refuses."""

import hashlib
import json
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuepulse.certificates import development_certificate
from queuepulse.server import EXIT_DAMAGED, EXIT_REFUSED
from queuepulse.v1.interfaces import TABLE
from server.running import H2_START, STALLED, Running, is_closed, lenient, serving, until

NOW_MS = 1_704_164_645_000
GRACE_S = 2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("shared"), SERVER_BODY_TIMEOUT_S="1") as running:
        yield running


def served_fingerprint(running: Running) -> str:
    with running.secure() as connection:
        return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").digest().hex(":").upper()


# Asking


def test_it_is_alive_and_ready_and_tells_metrics(running: Running) -> None:
    with running.client() as client:
        assert client.get("/healthz").json() == {"status": "alive"}
        assert client.get("/readyz").json() == {"status": "ready"}
        metrics = client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert b"queuepulse_log_position 0.0" in metrics.content
        assert client.get("/nowhere").status_code == 404


def test_our_own_interfaces_are_served_all_of_them(running: Running) -> None:
    with running.client() as client:
        document = client.get("/v1/openapi.json").json()
        assert sorted(document["paths"]) == sorted(one.path for one in TABLE)
        assert client.get("/v1/nowhere").status_code == 404


@pytest.mark.parametrize("http2", [False, True])
def test_it_speaks_http_1_and_2(running: Running, http2: bool) -> None:
    with running.client(http2=http2) as client:
        answer = client.post("/rest/cmsapp/v1/openapi/skill/stateinfo", json={"ccId": 1})
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        assert answer.status_code == 401


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_speaks_tls_1_2_and_1_3(running: Running, version: ssl.TLSVersion) -> None:
    context = lenient()
    context.minimum_version = context.maximum_version = version
    with running.secure(context=context) as connection:
        assert connection.version() == version.name.replace("_", ".")


def test_it_speaks_no_older_tls(running: Running) -> None:
    context = lenient()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        running.secure(context=context)


def test_the_fingerprint_told_is_that_of_the_certificate_served(running: Running) -> None:
    assert served_fingerprint(running) == running.fingerprint


# Bad clients


def test_others_are_answered_while_clients_stall(running: Running) -> None:
    for _ in range(50):
        running.connect()
    stalled = [running.secure() for _ in range(20)]
    for connection in stalled:
        connection.sendall(STALLED)
    for _ in range(20):
        connection = running.secure()
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow:")
        running.secure("h2").sendall(H2_START)
    with running.client(http2=True) as client:
        for _ in range(20):
            assert client.get("/readyz").status_code == 200
    assert stalled[0].recv(1_000).startswith(b"HTTP/1.1 408 ")


def test_a_flood_of_headers_is_refused_and_others_are_answered(running: Running) -> None:
    with running.secure() as many, running.secure() as long:
        many.sendall(
            b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(500)) + b"\r\n"
        )
        assert many.recv(1_000).startswith(b"HTTP/1.1 431 ")
        try:
            long.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"y" * 200_000 + b"\r\n\r\n")
            assert long.recv(1_000).startswith(b"HTTP/1.1 431 ")
        except OSError:
            assert is_closed(long)
    with running.client() as client:
        assert client.get("/readyz").status_code == 200


def test_a_flood_of_http_2_headers_is_refused(running: Running) -> None:
    with running.client(http2=True) as client:
        assert client.get("/healthz", headers={"x-long": "y" * 70_000}).status_code == 431
        assert client.get("/healthz").status_code == 200


def test_an_address_keeps_no_more_connections_than_its_share(tmp_path: Path) -> None:
    with serving(tmp_path, SERVER_CONNECTIONS_PER_ADDRESS_MAX="5") as running:
        first = running.secure()
        many = [running.connect() for _ in range(20)]
        assert running.until_told("connections were closed")["over_share"] >= 15
        assert is_closed(many[-1])
        first.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert first.recv(1_000).startswith(b"HTTP/1.1 200 ")


# Certificates


def test_a_new_certificate_is_served_after_sighup_and_a_bad_one_is_not(tmp_path: Path) -> None:
    pair = tmp_path / "pair.pem"
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old = development_certificate(tmp_path / "old", NOW_MS)
    new = development_certificate(tmp_path / "new", NOW_MS)
    shutil.copy(old.certificate, pair)
    settings = {"SERVER_CERTIFICATE": str(pair), "SERVER_PRIVATE_KEY": str(pair)}
    with serving(tmp_path / "folder", **settings) as running, running.client() as client:
        assert served_fingerprint(running) == running.fingerprint == old.fingerprint
        assert client.get("/healthz").status_code == 200
        shutil.copy(new.certificate, pair)
        running.signal(signal.SIGHUP)
        assert running.until_told("ready")["certificate_sha256"] == new.fingerprint
        until(lambda: served_fingerprint(running) == new.fingerprint)
        pair.write_text("nonsense")
        running.signal(signal.SIGHUP)
        assert (
            "no certificate"
            in running.until_told("the new certificate is not used, the old one stays")["reason"]
        )
        assert served_fingerprint(running) == new.fingerprint
        assert client.get("/healthz").status_code == 200


# Refused starts


def refused(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    running = Running(folder, *arguments, **variables)
    try:
        status = running.wait()
    finally:
        running.kill()
    said = "".join(running.lines)
    assert "Traceback" not in said
    return status, said


def test_a_second_server_on_the_same_folder_or_port_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "a") as running:
        status, said = refused(tmp_path / "a", "--port", "0")
        assert status == EXIT_REFUSED
        assert f"in use by another server (pid {running.program.pid})" in said
        for host in ("127.0.0.1", "0.0.0.0"):
            status, said = refused(tmp_path / "b", "--host", host, "--port", str(running.port))
            assert status == EXIT_REFUSED
            assert f"port {running.port}. Another program uses this port." in said


def test_a_port_that_another_program_would_share_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, said = refused(tmp_path, "--host", "127.0.0.1", "--port", str(other.getsockname()[1]))
    assert status == EXIT_REFUSED
    assert "Another program uses this port" in said


def test_a_damaged_log_is_told_and_not_served(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    log = tmp_path / "log.sqlite"
    log.write_bytes(b"damage" * 1_000)
    (tmp_path / "log.sqlite-wal").unlink(missing_ok=True)
    (tmp_path / "log.sqlite-shm").unlink(missing_ok=True)
    status, said = refused(tmp_path, "--port", "0")
    assert status == EXIT_DAMAGED
    assert "The event log log.sqlite is damaged. Lost:" in said
    assert "What to do:" in said


# Plain HTTP


def test_plain_http_is_for_this_machine(tmp_path: Path) -> None:
    running = Running(tmp_path, "--port", "0", "--plain-http")
    try:
        assert running.ready().url.startswith("http://127.0.0.1:")
        with running.client() as client:
            assert client.get("/healthz").status_code == 200
    finally:
        running.kill()


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as running:
        running.signal(number)
        assert running.wait() == 0


def test_it_ends_in_time_whatever_clients_do(tmp_path: Path) -> None:
    with serving(tmp_path, SHUTDOWN_GRACE_S=str(GRACE_S)) as running:
        connections = [running.connect(), running.secure(), running.secure("h2")]
        for begin in (
            STALLED,
            b"GET /healthz HTTP/1.1\r\nx-slow:",
            b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        ):
            connection = running.secure()
            connection.sendall(begin)
            connections.append(connection)
        stream = running.secure("h2")
        stream.sendall(H2_START)
        connections.append(stream)
        with running.client() as client:
            assert client.get("/healthz").status_code == 200
            running.signal(signal.SIGTERM)
            running.until_told("ending")
            # The stalled body holds the end up for long enough to look.
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").json() == {"status": "not ready", "reason": "the server is ending"}
            refused = client.post("/ingest/v1/events?cc=1&vdn=1")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert running.until_told("requests were cut off")["count"] == 1
        assert running.program.wait(GRACE_S + 2) == 0
        assert running.wait() == 0
        assert not [line for line in running.lines if "left open" in line]
        assert all(is_closed(connection) for connection in connections)


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as running, running.secure() as stalled:
        stalled.sendall(STALLED)
        running.signal(signal.SIGTERM)
        running.until_told("ending")
        running.signal(signal.SIGTERM)
        assert running.wait() == -signal.SIGTERM


def test_what_it_logs_elsewhere_than_on_a_terminal_is_json(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.signal(signal.SIGTERM)
        running.wait()
    assert {json.loads(line)["level"] for line in running.lines} == {"info"}
