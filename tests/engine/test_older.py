"""Snapshots that earlier releases wrote, as they lie in `snapshots`: they are read and go on as this one."""

from pathlib import Path

import pytest

from engine.folding import HOUR_MS, SKILLS, events_of, folded, told_by
from queuepulse.engine.keeping import FORMAT
from queuepulse.engine.tallies import Tally
from queuepulse.engine.vdn import Vdn

FOLDER = Path(__file__).parent / "snapshots"
EVENTS, KEPT = events_of(12, 150), 90


@pytest.mark.parametrize("version", range(1, FORMAT))
def test_an_engine_of_an_earlier_release_goes_on_as_if_it_was_of_this_one(version: int) -> None:
    old = Vdn.restore((FOLDER / f"format-{version}.snapshot").read_bytes())
    new = folded(EVENTS[:KEPT])
    for now_ms in (new.clock_ms, new.clock_ms + HOUR_MS):
        assert old.rows(SKILLS, now_ms) == new.rows(SKILLS, now_ms)
    for event in EVENTS[KEPT:]:
        assert old.apply(event) is new.apply(event)
        assert old.rows(SKILLS, old.clock_ms) == new.rows(SKILLS, new.clock_ms)


@pytest.mark.parametrize("version", range(1, FORMAT))
def test_what_it_tells_begins_when_it_is_restored(version: int) -> None:
    old, tally = Vdn.restore((FOLDER / f"format-{version}.snapshot").read_bytes()), Tally()
    clock_ms = old.clock_ms
    tally.add(told_by(old, clock_ms + HOUR_MS))
    assert tally.agents and min(tally.agents) >= clock_ms - clock_ms % 300_000
    signed_in = [agent for agent in old.books.agents.values() if agent.state]
    assert len(tally.agents[max(tally.agents)]) == len(signed_in)


def test_pictures_of_a_release_before_accounts_begin_anew() -> None:
    old = Vdn.restore((FOLDER / "format-1.snapshot").read_bytes())
    assert old.books.accounts.by_source == {}
    assert old.reliance().whole.since_ms is None
