"""Days and ranges are what the slow second reading counts, however much of it history has been given yet."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.folding import NINE_MS, SKILLS, stream_of
from engine.test_measures import alike, of_queue
from engine.test_windows import FIVE_MS, at, counted
from hub.given import BANK
from live.given import Center
from oracle.days import day_start_ms
from oracle.history import Historian
from queuepulse import recall as recall_module
from queuepulse.chronicle import Chronicle
from queuepulse.engine import measures
from queuepulse.engine.codec import decode_line
from queuepulse.engine.events import CallOffered, VdnConfigured
from queuepulse.engine.measures import QUEUES, Plan, exact
from queuepulse.ports import HistoryUnavailable, Told
from queuepulse.recall import TRIES_MAX, Recall
from queuepulse.simulator import FLAT_DAY, Assumptions, simulate
from queuepulse.stores.history import KeptHistory
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.windowing import WindowAsked

KEPT = {"5min": 35, "15min": 400, "day": 3650}
LENGTHS_MS = {"5min": FIVE_MS, "15min": 3 * FIVE_MS, "60min": 12 * FIVE_MS}
JsonObject = dict[str, Any]


class Desk:
    """A hub that writes its history, or does not for a while, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.center = Center()
        self.database = SqliteHistory(folder / "history.sqlite")
        self.history = KeptHistory(self.database, KEPT)
        self.center.hub.chronicle = Chronicle(self.history, pytest.fail)
        self.recall = Recall(self.center.hub, self.database, self.center.clock)

    async def tell(self, one: JsonObject) -> None:
        clock = self.center.clock
        clock.ms = max(clock.ms, one["at"]) if clock.ms > 1_750_000_000_000 else one["at"]
        await self.center.tell(decode_line(json.dumps(one).encode(), 1))

    async def window(
        self, window: str, from_ms: int = 0, to_ms: int = 0
    ) -> tuple[int, int, list[JsonObject]]:
        plan = Plan(QUEUES.measures, QUEUES)
        asked = WindowAsked(BANK, SKILLS, plan, window, 0, from_ms, to_ms)
        told = await self.recall.window(asked)
        names = [one.name for one in plan.measures]
        return told.begin_ms, told.end_ms, [dict(zip(names, row, strict=True)) for row in told.rows]

    async def series(self, grain: str, from_ms: int, to_ms: int) -> dict[tuple[int, int], list[JsonObject]]:
        plan = Plan([exact(one, grain == "5min") for one in QUEUES.measures], QUEUES)
        asked = WindowAsked(BANK, SKILLS, plan, measures.RANGE, 0, from_ms, to_ms)
        found = {}

        def shape(begin_ms: int, end_ms: int, columns: Any) -> bytes:
            names = [one.name for one in plan.measures]
            found[begin_ms, end_ms] = [
                dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)
            ]
            return b""

        told = await self.recall.series(asked, grain, shape)
        assert len(told.periods) == len(found)
        return found


def same(
    rows: list[JsonObject], then: Historian, begin: int, end: int, now: int, is_five: bool = False
) -> int:
    held = 0
    for skill, row in zip(SKILLS, rows, strict=True):
        expected = of_queue(counted(then, skill, begin, end, now), is_five)
        # Who came again is known within five minutes and within a day.
        names = expected.keys() - ({"callers"} if not is_five else set())
        wrong = {
            name: (row[name], expected[name]) for name in names if not alike(row[name], expected[name], name)
        }
        assert not wrong, (wrong, skill, begin, end, now)
        held += row["offered"]
    return held


async def look(desk: Desk, then: Historian, rng: random.Random, now: int) -> int:
    zone = then.vdn["timezone"], then.vdn["day_starts"]
    begin, end, rows = await desk.window(measures.DAY)
    assert (begin, end) == (day_start_ms(now, *zone), now)
    held = same(rows, then, begin + -begin % FIVE_MS, now + 1, now)
    assert [row["callers"] for row in rows] == [
        of_queue(counted(then, skill, begin, now + 1, now), False)["callers"] for skill in SKILLS
    ]
    from_ms = now - rng.randrange(1, 20_000_000)
    to_ms = from_ms + rng.randrange(1, 20_000_000)
    begin, end, rows = await desk.window(measures.RANGE, from_ms, to_ms)
    until = to_ms + -to_ms % FIVE_MS
    assert (begin, end) == (from_ms - from_ms % FIVE_MS, min(until, now))
    same(rows, then, begin, min(until, now + 1), now)
    grain = rng.choice(sorted(LENGTHS_MS))
    periods = await desk.series(grain, from_ms, to_ms)
    length = LENGTHS_MS[grain]
    expected = range(from_ms - from_ms % length, min(to_ms, now + 1), length)
    if grain == "60min":
        # Hours are those of the zone's clock, which may be half an hour off.
        expected = range(0)
        for (begin, end), rows in periods.items():
            same(rows, then, begin, min(end, now + 1), now)
    else:
        assert {begin for begin, _ in periods} <= set(expected)
    for begin in expected:
        rows = periods.get((begin, begin + length), [])
        if rows:
            same(rows, then, begin, min(begin + length, now + 1), now, is_five=grain == "5min")
        else:
            assert not any(
                sum(counted(then, skill, begin, begin + length, now).sums.values()) for skill in SKILLS
            )
    return held


@pytest.mark.parametrize("seed", range(100, 116))
def test_days_and_ranges_are_what_the_second_reading_counts(tmp_path: Path, seed: int) -> None:
    rng, historian, desk, held = random.Random(seed), Historian(), Desk(tmp_path), 0

    async def walk() -> None:
        nonlocal held
        for number, one in enumerate(stream_of(seed, 160, snapshots=False)):
            historian.apply(one)
            await desk.tell(one)
            if rng.random() < 0.2:
                await desk.center.hub.chronicle.write()
            if number % 12 == 11:
                desk.center.clock.ms += rng.choice((0, 0, 7_000, 400_000))
                now = max(desk.center.clock.ms, desk.center.hub.clock_ms(BANK))
                then = at(historian, now)
                held += await look(desk, then, rng, now)
                # Again, out of what is kept of the question before.
                held += await look(desk, then, rng, now)

    asyncio.run(walk())
    desk.recall.close()
    assert held > 50


@pytest.mark.parametrize(("midnight_ms", "hours"), [(1_774_738_800_000, 23), (1_792_879_200_000, 25)])
def test_days_that_clocks_change_and_live_windows_that_history_repeats(
    tmp_path: Path, midnight_ms: int, hours: int
) -> None:
    """The last Sundays of March and October 2026 in Berlin."""
    desk, seen = Desk(tmp_path), {}
    hour_ms = 12 * FIVE_MS
    start_ms, end_ms = midnight_ms - 10 * hour_ms, midnight_ms + 34 * hour_ms
    offers = []

    async def walk() -> None:
        clock = desk.center.clock
        clock.ms = start_ms
        await desk.center.tell(VdnConfigured(at=start_ms, timezone="Europe/Berlin"))
        looks = iter(range(start_ms + 1_000, end_ms, 40 * FIVE_MS))
        look_ms = next(looks)
        center = Assumptions(agents=6, skills=3, day_shape=FLAT_DAY, shift_ms=None)
        for one in simulate(center, seed=3, start_ms=start_ms + 1, hours=44):
            assert one.at is not None
            while one.at > look_ms:
                clock.ms = look_ms
                begin, end, rows = await desk.window(measures.LAST_FIVE)
                seen[begin, end] = rows
                await desk.center.hub.chronicle.flush()
                begin, end, rows = await desk.window(measures.DAY)
                assert end == look_ms
                told = sum(row["offered"] for row in rows)
                assert told == sum(begin <= at < end for at in offers)
                look_ms = next(looks, 2**60)
            clock.ms = max(clock.ms, one.at)
            offers.extend([one.at] if isinstance(one, CallOffered) else [])
            await desk.center.tell(one)
        clock.ms = end_ms
        await desk.center.hub.chronicle.flush()
        periods = await desk.series("day", midnight_ms, midnight_ms + 1)
        [(begin, end)] = periods
        assert (begin, end) == (midnight_ms, midnight_ms + hours * hour_ms)
        assert sum(row["offered"] for row in periods[begin, end]) == sum(begin <= at < end for at in offers)
        fives = await desk.series("5min", start_ms, end_ms)
        compared = 0
        for period, rows in seen.items():
            if any(row["offered"] for row in rows):
                assert [{**row, "callers": 0} for row in rows] == [
                    {**row, "callers": 0} for row in fives[period]
                ]
                compared += 1
        assert compared > 5

    asyncio.run(walk())
    desk.recall.close()


class Meddled:
    """A database of which more is written just after it began to be read, the first `times` it is."""

    def __init__(self, desk: Desk, times: int) -> None:
        self.desk, self.times, self.readings = desk, times, 0
        self.loop = asyncio.get_running_loop()

    @contextmanager
    def reading(self) -> Iterator[SqlBlocks]:
        self.readings += 1
        with self.desk.database.reading() as blocks:
            blocks.state(BANK)
            if self.readings <= self.times:
                asyncio.run_coroutine_threadsafe(self.tell_more(), self.loop).result()
            yield blocks

    async def tell_more(self) -> None:
        """A call in the next five minutes, so that those before are told, and written."""
        clock = self.desk.center.clock
        clock.ms += FIVE_MS
        await self.desk.center.tell(CallOffered(at=clock.ms, call=str(clock.ms), skill=1))
        await self.desk.center.hub.chronicle.flush()


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_what_is_written_while_history_is_read_counts_once(tmp_path: Path, times: int) -> None:
    desk = Desk(tmp_path)

    async def walk() -> None:
        meddled = Meddled(desk, times)
        desk.recall = Recall(desk.center.hub, meddled, desk.center.clock)  # type: ignore[arg-type]
        for _ in range(3):
            await meddled.tell_more()
        if times == TRIES_MAX:
            with pytest.raises(HistoryUnavailable, match="faster than it can be read"):
                await desk.window(measures.DAY)
            return
        _, _, rows = await desk.window(measures.DAY)
        assert rows[0]["offered"] == 3 + times
        assert meddled.readings == 1 + times
        # Asked again, what was read serves again, until more is written.
        await desk.window(measures.DAY)
        assert meddled.readings == 1 + times
        await meddled.tell_more()
        _, _, rows = await desk.window(measures.DAY)
        assert rows[0]["offered"] == 4 + times
        assert meddled.readings == 2 + times

    asyncio.run(walk())
    desk.recall.close()


def test_a_history_that_ended_or_is_asked_too_much_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)

    async def walk() -> None:
        monkeypatch.setattr(recall_module, "WAITING_MAX", 0)
        with pytest.raises(HistoryUnavailable, match="Too many"):
            await desk.window(measures.DAY)
        monkeypatch.setattr(desk.center.hub.chronicle, "has_ended", lambda vdn: vdn == BANK)
        with pytest.raises(HistoryUnavailable, match="rebuild"):
            await desk.window(measures.DAY)
        await desk.window(measures.FIVE)

    asyncio.run(walk())
    desk.recall.close()


def test_what_is_written_and_not_yet_known_to_be_counts_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    async def walk() -> None:
        written, known = asyncio.Event(), asyncio.Event()

        async def write(told: Sequence[Told]) -> None:
            desk.history.write_now(told)
            written.set()
            await known.wait()

        desk.history.write = write  # type: ignore[method-assign]
        for number in range(3):
            await desk.tell(
                {"type": "call_offered", "at": NINE_MS + number * FIVE_MS, "call": f"c{number}", "skill": 1}
            )
        writing = asyncio.ensure_future(desk.center.hub.chronicle.write())
        await written.wait()
        _, _, rows = await desk.window(measures.DAY)
        assert rows[0]["offered"] == 3
        known.set()
        await writing
        _, _, rows = await desk.window(measures.DAY)
        assert rows[0]["offered"] == 3

    asyncio.run(walk())
    desk.recall.close()
