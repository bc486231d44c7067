"""`queuepulse explain`: what a person reads of it."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from engine.folding import NINE_MS, event, folded
from queuepulse import cli
from queuepulse.cli.explain import instant, show
from queuepulse.cli.figures_table import WIDTH
from queuepulse.engine import drafting
from queuepulse.engine.drafting import Asked
from queuepulse.engine.events import VdnKey
from queuepulse.retelling import Explained, encoded

CALLS = [event("call_offered", 1_000 * number, call=f"c{number}", skill=1) for number in range(1, 6)]
AGENTS = [
    event("agent_configured", 0, agent=101, name="[bold]Ann"),
    event("agent_signed_in", 0, agent=101, skills=[1], capacity=2),
    event("agent_signed_in", 0, agent=102, skills=[1]),
]


def explained(figure: str, *events: Any, limit: int = 1_000, stale_since_ms: int | None = None) -> Explained:
    vdn = folded(events)
    draft = drafting.begin(vdn.books, Asked(1, figure), NINE_MS + 20_500)
    assert draft.read(10_000)
    body = encoded(VdnKey(1, 2), draft.finish(0, limit), 41, stale_since_ms).body
    return msgspec.json.decode(body, type=Explained)


def shown(one: Explained) -> str:
    file = io.StringIO()
    show(Console(file=file, width=WIDTH), one)
    return file.getvalue()


def lines(one: Explained) -> list[list[str]]:
    return [line.split() for line in shown(one).splitlines()]


def test_each_term_has_a_line_with_what_it_adds() -> None:
    told = shown(explained("waiting", *CALLS))
    assert told.startswith("waiting (callWaitNums) of queue 1 in VDN 1/2: 5 passes\nPasses that wait now.\n")
    assert "At 2026-01-01 09:00:20.500 UTC; the log's position is 41." in told
    assert ["waiting", "c3", "09:00:03.000", "1"] in lines(explained("waiting", *CALLS))
    assert told.endswith("waiting = 5 (sum of all terms)\n")


def test_a_formula_is_shown_with_its_numbers() -> None:
    left = [event("call_left", 9_000 + number, call=f"c{number}", cause="timeout") for number in (1, 2)]
    told = shown(explained("wait_s_mean", *CALLS, *left))
    assert "wait_ms = 15003 (sum of all terms)\nwaits = 2 (sum of all terms)\n" in told
    assert told.endswith("wait_s_mean = wait_ms // waits // 1000 = 15003 // 2 // 1000 = 7\n")
    assert ["left", "c1", "timeout", "09:00:01.000", "09:00:09.001", "8001", "1"] in [
        line.split() for line in told.splitlines()
    ]


def test_what_does_not_count_says_why_and_the_word_is_explained() -> None:
    ringing = [event("call_alerting", 10_000, call=f"c{number}", agent=101) for number in (1, 2)]
    told = shown(explained("available", *AGENTS, *CALLS, *ringing))
    assert "[bold]Ann" in told
    assert next(line.split()[:8] for line in told.splitlines() if "101" in line) == [
        "agent",
        "101",
        "[bold]Ann",
        "answering,",
        "then",
        "idle",
        "c1",
        "c2",
    ]
    assert "in_use: He can take several contacts, and has as many as he can, or wraps up." in told


def test_what_is_not_listed_is_told_in_number() -> None:
    told = shown(explained("waiting", *CALLS, limit=2))
    assert "3 more terms are not listed (--after, --limit); what they add is in the sums." in told
    assert "c2" in told and "c3" not in told
    assert told.endswith("waiting = 5 (sum of all terms)\n")


def test_nothing_is_told_as_nothing() -> None:
    assert "Nothing adds to it." in shown(explained("talk_s_mean"))


def test_a_switch_out_of_sight_is_told() -> None:
    assert "out of sight since 09:00:00 UTC" in shown(explained("waiting", stale_since_ms=NINE_MS))


def test_an_instant_has_its_milliseconds_where_it_has_any() -> None:
    assert instant(NINE_MS) == "2026-01-01 09:00:00 UTC"
    assert instant(NINE_MS + 7) == "2026-01-01 09:00:00.007 UTC"


@pytest.mark.parametrize("options", [["--json", "--table"], ["--at", "yesterday"]])
def test_what_cannot_be_asked_is_refused_before_any_server_is(options: list[str]) -> None:
    asked = ["explain", "--url", "https://127.0.0.1:1", "--cc", "1", "--vdn", "1", "--skill", "1"]
    assert cli.run([*asked, "--figure", "waiting", "--ak", "a", "--sk", "s", *options]) == 2
