"""A server beside others that open its files, and clients that send before they listen."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from queuepulse.people import Scope
from queuepulse.stores.keys import KeyStore
from server.running import Running, serving, until

EVERYTHING = [Scope()]
INGEST = "/ingest/v1/events?cc=1&vdn=1"
EVENT = b'{"type":"call_offered","call":"%d","skill":1}'
TRIES = 30


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("company")) as running:
        yield running


def posted(running: Running, token: str, number: int = 0) -> int:
    with running.client() as client:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/x-ndjson"}
        return client.post(INGEST, content=EVENT % number, headers=headers).status_code


def test_keys_are_noticed_however_often_they_change(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        for _ in range(3):
            with KeyStore(tmp_path) as keys:
                new = keys.add("adapter", EVERYTHING, 0, ingests=True)
            assert new.token is not None
            token = new.token
            until(lambda token=token: posted(running, token) == 200)
            with KeyStore(tmp_path) as keys:
                assert keys.revoke(new.ak, 1)
            until(lambda token=token: posted(running, token) == 401)


def test_nothing_is_lost_when_another_program_has_looked_into_the_log(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        token = keys.add("adapter", EVERYTHING, 0, ingests=True).token or ""
    with serving(tmp_path) as running:
        with running.client() as client:
            # After a look at the connections, which comes each second.
            until(lambda: "queuepulse_connections 1.0" in client.get("/metrics").text)
        assert posted(running, token, 1) == 200
        with closing(apsw.Connection(str(tmp_path / "log.sqlite"))) as reader:
            assert list(reader.execute("SELECT count(*) FROM batch"))
        assert posted(running, token, 2) == 200
        running.kill()
    again = subprocess.run(
        [sys.executable, "-c", POSITION, str(tmp_path / "log.sqlite")],
        capture_output=True,
        check=True,
        text=True,
    )
    assert int(again.stdout) >= 2


POSITION = (
    "import apsw, sys; print(list(apsw.Connection(sys.argv[1]).execute('SELECT position FROM head'))[0][0])"
)


@pytest.mark.parametrize(
    ("path", "content_type", "size", "status"),
    [
        ("/nowhere", "application/json", 2, 404),
        ("/rest/cmsapp/v1/openapi/nowhere", "application/json", 400_000, 404),
        (INGEST, "text/plain", 400_000, 415),
        (INGEST, "application/x-ndjson", 3_000_000, 413),
    ],
)
def test_who_sends_much_over_http_2_is_told_why_it_is_refused(
    running: Running, tmp_path: Path, path: str, content_type: str, size: int, status: int
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * size)
    curl = ["curl", "-sk", "--http2", "-w", "%{http_code} ", "--data-binary", f"@{body}"]
    asked = [f"{running.url}{path}&try={number}" for number in range(TRIES)]
    if "?" not in path:
        asked = [url.replace("&", "?") for url in asked]
    for url in asked:
        curl += ["-o", "/dev/null", url]
    told = subprocess.run(
        [*curl, "-H", f"Content-Type: {content_type}"], capture_output=True, check=False, text=True
    )
    assert told.stdout.split() == [str(status)] * TRIES
