"""The five minutes out of history: those that were in memory, one reading for all who ask alike."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engine.folding import HOUR_MS, NINE_MS
from hub.given import HandClock
from queuepulse.engine.events import Clock, Event, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.views import FiveView
from queuepulse.ports import HistoryUnavailable, Series
from queuepulse.simulator import Assumptions, simulate
from queuepulse.stores.history import Database
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.past import KEPT_S, PastFives
from queuepulse.stores.records import RecentFives
from queuepulse.stores.rollups import take_in

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
SKILLS = (1, 2, 3, 7)
END_MS = NINE_MS + 4 * HOUR_MS


def told(database: Database, events: Iterable[Event]) -> RecentFives:
    """Folds the events as a hub does: what closes goes into memory and into history."""
    engine, records, some = Vdn(), RecentFives(), list(events)
    for place in range(0, len(some), 50):
        for event in some[place : place + 50]:
            engine.apply(event)
        records.keep(BANK, engine.books.day_ms, engine.advance(engine.clock_ms))
        closed, position = engine.tell(), place + 50
        if closed.facts:
            database.write(lambda blocks: take_in(blocks, BANK, position, closed))  # noqa: B023
    return records


def three_hours() -> list[Event]:
    made = simulate(Assumptions(agents=6, skills=3), seed=5, start_ms=NINE_MS, hours=3)
    return [*made, Clock(at=END_MS)]


class Counted:
    """A database that counts how often it is read, and may be out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.readings = 0
        self.is_lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def reading(self) -> Iterator[SqlBlocks]:
        self.readings += 1
        if self.is_lost:
            raise HistoryUnavailable("it is gone")
        with self._database.reading() as blocks:
            yield blocks


def test_history_has_what_memory_had(database: Database) -> None:
    records = told(database, three_hours())
    past = PastFives(database, HandClock())

    async def compared() -> tuple[Series, Series]:
        begin_ms = NINE_MS + HOUR_MS
        return (
            await records.between(BANK, SKILLS, begin_ms, END_MS),
            await past.between(BANK, SKILLS, begin_ms, END_MS),
        )

    remembered, read = asyncio.run(compared())
    assert sum(map(len, read.queues.values())) > 60
    # Memory keeps also five minutes in which nothing happened of what is shown.
    happened = {
        skill: {mark_ms: view for mark_ms, view in fives.items() if view != FiveView()}
        for skill, fives in remembered.queues.items()
    }
    assert read.queues == happened
    assert NINE_MS <= read.complete_from_ms < NINE_MS + HOUR_MS
    day_ms = NINE_MS - 9 * HOUR_MS
    assert past.sums_now(BANK, day_ms, END_MS) == records.day(BANK, day_ms)
    assert past.sums_now(SHOP, 0, END_MS) is None
    assert past.between_now(SHOP, SKILLS, NINE_MS, END_MS) == Series(END_MS, {})
    past.close()


def test_who_asks_alike_shares_a_reading_and_its_answer_is_kept_for_a_while(database: Database) -> None:
    told(database, three_hours())
    counted, clock = Counted(database), HandClock()
    past = PastFives(counted, clock)  # type: ignore[arg-type]

    async def course() -> None:
        asking = [past.between(BANK, [1], NINE_MS, END_MS) for _ in range(20)]
        answers = await asyncio.gather(*asking)
        assert counted.readings == 1
        assert all(answer is answers[0] for answer in answers)
        await past.between(BANK, [2], NINE_MS, END_MS)
        assert counted.readings == 2
        clock.s += KEPT_S
        await past.between(BANK, [1], NINE_MS, END_MS)
        assert counted.readings == 3
        assert len(past._answers) == 1

    asyncio.run(course())
    past.close()


def test_who_goes_away_takes_no_reading_from_others(database: Database) -> None:
    told(database, three_hours())
    past = PastFives(database, HandClock())

    async def course() -> None:
        one, other = (asyncio.ensure_future(past.between(BANK, [1], NINE_MS, END_MS)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        assert (await other).queues[1]
        assert one.cancelled()

    asyncio.run(course())
    past.close()


def test_what_failed_is_asked_anew(database: Database) -> None:
    told(database, three_hours())
    counted = Counted(database)
    past = PastFives(counted, HandClock())  # type: ignore[arg-type]

    async def course() -> None:
        counted.is_lost = True
        for ask in (past.between(BANK, [1], NINE_MS, END_MS), past.sums(BANK, NINE_MS, END_MS)):
            with pytest.raises(HistoryUnavailable):
                await ask
        counted.is_lost = False
        assert (await past.between(BANK, [1], NINE_MS, END_MS)).queues[1]

    asyncio.run(course())
    past.close()


def test_answers_kept_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    told(database, three_hours())
    monkeypatch.setattr("queuepulse.stores.past.KEPT_RECORDS_MAX", 60)
    past = PastFives(database, HandClock())

    async def course() -> None:
        for place in range(12):
            await past.between(BANK, [1], NINE_MS + place, END_MS)
        kept = [len(reading.result().queues[1]) for _, reading in past._answers.values()]
        # One more than fits: the last answer is weighed with the next question.
        assert sum(kept[:-1]) <= 60 < 12 * kept[0]

    asyncio.run(course())
    past.close()
