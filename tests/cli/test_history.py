"""`queuepulse history`, as a person uses it: what a real server wrote, exported and made anew."""

import csv
import io
import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.folding import HOUR_MS, NINE_MS
from queuepulse.cli import run
from queuepulse.engine import codec
from queuepulse.engine.events import CallOffered, Clock
from queuepulse.engine.fields import AGENT_FIELDS, QUEUE_FIELDS
from queuepulse.simulator import Assumptions, simulate
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.keys import KeyStore, Scope
from server.running import serving
from stores.history import everything

INGEST = "/ingest/v1/events?cc=1&vdn=1"


def words(capfd: Any, *arguments: str, status: int = 0) -> tuple[str, str]:
    assert run(list(arguments)) == status, capfd.readouterr()
    told = capfd.readouterr()
    return told.out, told.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after two servers: the first was killed in the middle, the second ended."""
    folder = tmp_path_factory.mktemp("history")
    with KeyStore(folder) as keys:
        token = keys.add("switch", [Scope()], 0, ingests=True).token
    events = list(simulate(Assumptions(agents=10, skills=3), seed=4, start_ms=NINE_MS, hours=3))
    events.append(Clock(at=NINE_MS + 4 * HOUR_MS, id="end"))
    half = len(events) // 2
    headers = {"authorization": f"Bearer {token}", "content-type": "application/x-ndjson"}
    for some, kills in ((events[:half], True), (events[half:], False)):
        with serving(folder, "--plain-http") as server:
            with server.client() as client:
                for begin in range(0, len(some), 500):
                    body = codec.encode_events(some[begin : begin + 500]).replace(b'"clock"', b'"link_lost"')
                    assert client.post(INGEST, content=body, headers=headers).status_code == 200
            if not kills:
                server.program.terminate()
                assert server.wait() == 0
    os.environ.pop("QUEUEPULSE_DATA", None)
    return folder


def exported(capfd: Any, folder: Path, *arguments: str) -> list[dict[str, str]]:
    given = ["--cc", "1", "--vdn", "1", "--from", "2026-01-01T00:00Z", "--data", str(folder)]
    out, _ = words(capfd, "history", "export", *given, *arguments)
    return list(csv.DictReader(io.StringIO(out)))


def test_quarters_hold_what_was_sent(folder: Path, capfd: Any) -> None:
    rows = exported(capfd, folder)
    assert list(rows[0]) == ["from", "to", "skill", *QUEUE_FIELDS]
    assert (rows[0]["from"], rows[0]["to"]) == ("2026-01-01T09:00:00Z", "2026-01-01T09:15:00Z")
    told = simulate(Assumptions(agents=10, skills=3), seed=4, start_ms=NINE_MS, hours=3)
    sent = sum(isinstance(one, CallOffered) for one in told)
    assert sum(int(row["offered"]) for row in rows) == sent > 100
    hours = exported(capfd, folder, "--grain", "60min", "--skills", "1,3")
    assert {row["skill"] for row in hours} == {"1", "3"}


def test_json_and_agents_and_a_part_of_the_time(folder: Path, capfd: Any) -> None:
    given = ["--cc", "1", "--vdn", "1", "--from", "2026-01-01T10:00", "--to", "2026-01-01T11:00"]
    options = ["--grain", "30min", "--format", "json", "--agents", "--data", str(folder)]
    out, _ = words(capfd, "history", "export", *given, *options)
    rows = [json.loads(line) for line in out.splitlines()]
    assert list(rows[0]) == ["from", "to", "agent", *AGENT_FIELDS]
    assert {row["from"] for row in rows} == {"2026-01-01T10:00:00Z", "2026-01-01T10:30:00Z"}
    assert any(row["talking_ms"] for row in rows)


def test_made_anew_from_the_log_it_has_the_same_bytes(folder: Path, capfd: Any) -> None:
    file = folder / "history.sqlite"
    with closing(SqliteHistory(file)) as database:
        before = everything(database)
    out, _ = words(capfd, "history", "rebuild", "--data", str(folder))
    assert "1/1" in out
    with closing(SqliteHistory(file)) as database:
        assert everything(database) == before
    for name in ("", "-wal", "-shm"):
        (folder / f"history.sqlite{name}").unlink(missing_ok=True)
    words(capfd, "history", "rebuild", "--cc", "1", "--vdn", "1", "--data", str(folder))
    with closing(SqliteHistory(file)) as database:
        assert everything(database) == before


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["export", "--cc", "1", "--vdn", "1", "--from", "soon"], 2, "--from"),
        (["export", "--cc", "1", "--vdn", "1", "--from", "0", "--skills", "x"], 2, "--skills"),
        (["export", "--cc", "1", "--vdn", "1", "--from", "0"], 1, "no history"),
        (["rebuild", "--cc", "1"], 2, "--vdn"),
        (["rebuild"], 1, "no log"),
    ],
)
def test_bad_use_is_a_sentence(
    arguments: list[str], status: int, sentence: str, tmp_path: Path, capfd: Any
) -> None:
    _, err = words(capfd, "history", *arguments, "--data", str(tmp_path / "none"), status=status)
    assert sentence in err
    assert not (tmp_path / "none").exists()
