"""A defect of ours in the middle of a fold: the log is whole, and nothing goes on without it."""

import asyncio

import pytest

from hub.given import BANK, hub_on, logged, offered
from queuepulse.engine.events import CallOffered
from queuepulse.engine.vdn import RULES
from queuepulse.hub import BrokenFold
from queuepulse.ports import EventLog


def broken_offer(*_: object) -> None:
    raise ZeroDivisionError("a defect")


def test_a_fold_that_breaks_ends_the_hub_and_keeps_no_snapshot(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def walk() -> None:
        hub = hub_on(log)
        await hub.ingest(BANK, [offered("a")])
        with monkeypatch.context() as defect:
            defect.setitem(RULES, CallOffered, broken_offer)
            with pytest.raises(ZeroDivisionError):
                await hub.ingest(BANK, [offered("b"), offered("c")])
        with pytest.raises(BrokenFold, match="VDN 1/1 behind position 1 cannot be folded"):
            await hub.run()
        await hub.stop()

    asyncio.run(walk())
    assert log.newest_snapshot(BANK) is None
    assert len(logged(log)) == 3

    async def again() -> int:
        hub = hub_on(log)
        hub.restore()
        return (await hub.rows(BANK, [3])).rows[0].waiting

    assert asyncio.run(again()) == 3


def test_a_start_says_which_event_it_cannot_fold(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(one(log))
    monkeypatch.setitem(RULES, CallOffered, broken_offer)
    with pytest.raises(BrokenFold, match="behind position 0 cannot be folded"):
        hub_on(log).restore()


async def one(log: EventLog) -> None:
    await hub_on(log).ingest(BANK, [offered("a")])
