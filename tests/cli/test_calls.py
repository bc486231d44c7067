"""`queuepulse calls`, as a person uses it, of a server that was killed on the way."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from engine.folding import NINE_MS, event
from queuepulse import cli
from queuepulse.calling import CallTold, told_call
from queuepulse.cli.calls import show
from queuepulse.cli.figures_table import WIDTH
from queuepulse.engine import codec
from queuepulse.engine.events import Event
from queuepulse.engine.vdn import Vdn
from queuepulse.stores.keys import KeyStore, Scope
from server.running import serving

INGEST = "/ingest/v1/events?cc=1&vdn=1"
MINUTE_MS = 60_000


def minutes_of(count: int) -> list[Event]:
    """A call each minute: every third overflows, and every fourth gives up."""
    found = [event("agent_signed_in", 0, agent=101, skills=[1, 2])]
    for number in range(count):
        begin_ms, call = number * MINUTE_MS, f"c{number:02}"
        found.append(event("call_offered", begin_ms, call=call, skill=1, caller="13912345678"))
        if number % 3 == 2:
            found.append(event("call_offered", begin_ms + 5_000, call=call, skill=2))
        if number % 4 == 3:
            found.append(event("call_left", begin_ms + 9_000, call=call, cause="abandoned"))
        else:
            found.append(event("call_answered", begin_ms + 7_500, call=call, agent=101))
            found.append(event("call_released", begin_ms + 40_000, call=call))
    return found


def words(capfd: Any, *arguments: str, status: int = 0) -> tuple[str, str]:
    assert cli.run(list(arguments)) == status, capfd.readouterr()
    told = capfd.readouterr()
    return told.out, told.err


def test_calls_are_found_by_id_and_by_time_also_after_a_kill(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyStore(tmp_path) as keys:
        token = keys.add("switch", [Scope()], 0, ingests=True).token
        foreign = keys.add("other", [Scope(2)], 0, ingests=True).token
    assert token is not None and foreign is not None
    monkeypatch.setenv("QUEUEPULSE_TOKEN", token)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/x-ndjson"}
    events = minutes_of(40)
    half = len(events) // 2
    for some, kills in ((events[:half], True), (events[half:], False)):
        with serving(tmp_path, "--plain-http", HISTORY_CALLS_DAYS="400") as server, server.client() as client:
            for begin in range(0, len(some), 20):
                body = codec.encode_events(some[begin : begin + 20])
                assert client.post(INGEST, content=body, headers=headers).status_code == 200
            if kills:
                continue
            asked = ("calls", "--url", server.url, "--cc", "1", "--vdn", "1")
            out, err = words(capfd, *asked, "--from", "2026-01-01T00:00Z")
            calls = [json.loads(line) for line in out.splitlines()]
            assert [call["call"] for call in calls] == [f"c{number:02}" for number in range(40)]
            assert not err
            assert [len(call["passes"]) for call in calls] == [1 + (n % 3 == 2) for n in range(40)]
            assert {one["caller"] for call in calls for one in call["passes"] if one["number"] == 1} == {
                "*********78"
            }
            out, _ = words(capfd, *asked, "c02", "--json")
            told = json.loads(out)
            assert [(one["skill"], one["outcome"]) for one in told["passes"]] == [
                (1, "overflowed"), (2, "released"),
            ]  # fmt: skip
            assert told["passes"][1] == calls[2]["passes"][1]
            given = ("--from", "2026-01-01T10:10", "--to", "2026-01-01T10:20", "--timezone", "Europe/Berlin")
            out, _ = words(capfd, *asked, *given, "--outcome", "abandoned")
            assert [json.loads(line)["call"] for line in out.splitlines()] == ["c11", "c15", "c19"]
            out, err = words(
                capfd, *asked, "--from", str(NINE_MS), "--limit", "2", "--agent", "101", "--table"
            )
            assert [line.split()[0] for line in out.splitlines()[2:]] == ["c00", "c01"]
            assert "more calls" in err
            assert "no longer kept" in words(capfd, *asked, "nobody", status=1)[1]
            words(capfd, *asked, status=2)
            words(capfd, *asked, "A", "--from", "0", status=2)
            words(capfd, *asked, "--from", "0", "--outcome", "lost", status=1)
            monkeypatch.setenv("QUEUEPULSE_TOKEN", foreign)
            assert "may not see VDN 1/1" in words(capfd, *asked, "c02", status=1)[1]


def shown(*calls: CallTold) -> list[list[str]]:
    file = io.StringIO()
    show(Console(file=file, width=WIDTH), list(calls))
    return [line.split() for line in file.getvalue().splitlines()]


def test_a_table_has_only_what_any_pass_has() -> None:
    vdn = Vdn()
    for one in (
        event("call_offered", 0, call="[b]A", skill=7),
        event("call_left", 1_250, call="[b]A", cause="abandoned"),
    ):
        vdn.apply(one)
    [[record]] = vdn.books.finished.parts(10)
    lines = shown(told_call((NINE_MS, "[b]A"), [record]))
    assert lines[0] == ["call", "pass", "skill", "outcome", "day", "offered", "waited"]
    assert lines[2] == ["[b]A", "1", "7", "abandoned,", "short", "2026-01-01", "09:00:00", "1.2"]
    assert shown() == [["No", "call", "that", "is", "kept", "is", "so."]]
