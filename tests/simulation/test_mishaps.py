"""What else can happen to a real server: its disk is full, and what is damaged is told."""

import json
import resource
import sys
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
import urllib3

from queuepulse.client import Client, Unavailable
from queuepulse.engine import codec
from queuepulse.engine.events import CallOffered
from queuepulse.server import EXIT_DAMAGED
from queuepulse.stores.folder import LOG_FILE
from simulation.servers import Server, make_key

FILE_BYTES_MAX = 512 * 1024
BATCHES_MAX = 1_000
POLLS_MAX = 20_000
"""Questions until a state must have come: each takes a millisecond or more."""


def batch(number: int, size: int = 200) -> bytes:
    """Calls with names that do not get smaller; each waits in queue 3 for good."""
    names = (f"{number}-{place}" for place in range(size))
    return codec.encode_events([CallOffered(call=name, id=name, skill=3) for name in names])


def waiting(client: Client) -> int:
    (row,) = client.stateinfo(1, 1, [3]).rows
    return row.waiting


def is_ready(url: str) -> bool:
    return urllib3.request("GET", f"{url}/readyz", retries=False).status == 200


def wait_until_ready(url: str, wanted: bool) -> None:
    assert any(is_ready(url) is wanted for _ in range(POLLS_MAX))


def fill(client: Client, first: int) -> int:
    """Sends batches until one is refused; the number of that one."""
    for number in range(first, first + BATCHES_MAX):
        try:
            client.ingest(1, 1, batch(number))
        except Unavailable as unavailable:
            assert unavailable.retry_after_s and "log" in str(unavailable)
            return number
    raise AssertionError("the disk did not get full")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of another program")
def test_a_full_disk_refuses_events_answers_questions_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    key = make_key(tmp_path)

    def limit(pid: int, file_bytes_max: int) -> None:
        # Its soft limit alone, which may be raised again.
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_bytes_max, hard))

    with Server(tmp_path, "--plain-http") as server:
        assert server.wait_until_ready()
        with key.client(server.url) as client:
            limit(server.pid, FILE_BYTES_MAX)
            refused = fill(client, 0)
            assert refused > 0
            wait_until_ready(server.url, wanted=False)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    client.ingest(1, 1, batch(refused))
                assert waiting(client) == refused * 200
            limit(server.pid, resource.RLIM_INFINITY)
            wait_until_ready(server.url, wanted=True)
            client.ingest(1, 1, batch(refused))
            assert waiting(client) == (refused + 1) * 200
            limit(server.pid, (tmp_path / f"{LOG_FILE}-wal").stat().st_size)
            refused = fill(client, refused + 1)
        server.kill()
    with Server(tmp_path, "--plain-http") as server:
        assert server.wait_until_ready()
        with key.client(server.url) as client:
            assert waiting(client) == refused * 200
            client.ingest(1, 1, batch(refused))
            assert waiting(client) == (refused + 1) * 200


def test_a_log_with_a_hole_is_refused_with_what_is_lost_unless_the_loss_is_accepted(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with Server(tmp_path, "--plain-http") as server:
        assert server.wait_until_ready()
        with key.client(server.url) as client:
            for number in range(5):
                client.ingest(1, 1, batch(number, 10))
            client.ingest(2, 7, batch(5, 10))
        server.kill()
    connection = apsw.Connection(str(tmp_path / LOG_FILE))
    connection.execute("UPDATE batch SET body = zeroblob(length(body)) WHERE first = 21")
    connection.close()

    with Server(tmp_path, "--plain-http") as server:
        assert server.status() == EXIT_DAMAGED
        told = server.text()
    assert "VDN 1/1, events 21 to 30" in told and "2/7" not in told
    assert "queuepulse restore" in told and "--accept-loss" in told
    assert "Traceback" not in told

    with Server(tmp_path, "--plain-http", "--accept-loss") as server:
        assert server.wait_until_ready()
        losses = []
        for line in server.told:
            with suppress(ValueError):
                losses += [fields["loss"] for fields in [json.loads(line)] if "loss" in fields]
        assert len(losses) == 1 and "events 21 to 30" in losses[0]
        with key.client(server.url) as client:
            assert waiting(client) == 40
