"""What memory forgot at a restart comes from history: charts before it, and the sums of today."""

from typing import Any

import pytest

from hub.given import BANK, FIVE_MS, NOW_MS, offered
from live.given import Center, played
from queuepulse.engine.events import VdnKey
from queuepulse.engine.views import DaySums, FiveView, TodayView
from queuepulse.floor import HubFloor
from queuepulse.ports import HistoryUnavailable, Series

MARK_MS = NOW_MS - NOW_MS % FIVE_MS
DAY_MS = NOW_MS - NOW_MS % 86_400_000
COMPLETE_MS = MARK_MS - FIVE_MS
"""From here on memory has all, as after a restart."""


class Past:
    """A history of some calls in one queue, which may be out of reach."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_lost = False
        self.has_any = True

    async def between(self, vdn: VdnKey, skill_ids: Any, from_ms: int, to_ms: int) -> Series:
        self._ask(f"marks to {(to_ms - MARK_MS) // FIVE_MS}")
        return Series(DAY_MS, {3: {DAY_MS: FiveView(offered=7)}})

    async def sums(self, vdn: VdnKey, from_ms: int, to_ms: int) -> dict[int, DaySums] | None:
        assert from_ms == DAY_MS
        self._ask(f"sums to {(to_ms - MARK_MS) // FIVE_MS}")
        return {3: DaySums(10, 5, 2)} if self.has_any else None

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.is_lost:
            raise HistoryUnavailable("it is gone")


class Restarted(Center):
    """A center whose memory begins with the mark before this one."""

    def __init__(self) -> None:
        super().__init__()
        self.past = Past()
        self.floor = HubFloor(self.hub, self.clock, self.records, self.past)

    async def begin(self) -> "Restarted":
        await self.tell(offered("A"))
        self.records.begin(BANK, COMPLETE_MS)
        return self

    async def today(self) -> TodayView:
        (view,) = await self.floor.queues(BANK, [3])
        return view.today


@played
async def test_a_series_is_history_up_to_where_memory_is_complete() -> None:
    center = await Restarted().begin()
    series = await center.floor.series(BANK, [3], DAY_MS, NOW_MS)
    assert series == Series(
        DAY_MS, {3: {DAY_MS: FiveView(offered=7), MARK_MS: FiveView(offered=1, offered_in=1)}}
    )
    assert center.past.asked == ["marks to -1"]
    center.past.is_lost = True
    series = await center.floor.series(BANK, [3], DAY_MS, NOW_MS)
    assert (series.complete_from_ms, [*series.queues[3]]) == (COMPLETE_MS, [MARK_MS])


@played
async def test_what_memory_has_is_not_read() -> None:
    center = await Restarted().begin()
    await center.floor.series(BANK, [3], COMPLETE_MS, NOW_MS)
    assert center.past.asked == []
    center.records.begin(BANK, 0)
    assert await center.today() == TodayView(0, 1, 0, 0)
    assert center.past.asked == []


@played
async def test_a_late_event_counts_once() -> None:
    center = await Restarted().begin()
    await center.tell(offered("late", at=COMPLETE_MS - 1, id="late"))
    # It is on its way into history, and shown from there.
    series = await center.floor.series(BANK, [3], DAY_MS, NOW_MS)
    assert [*series.queues[3]] == [DAY_MS, MARK_MS]


@played
async def test_today_goes_on_where_it_was_before_a_restart() -> None:
    center = await Restarted().begin()
    assert await center.today() == TodayView(0, 11, 5, 2)
    await center.tell(offered("B"), offered("C"))
    assert await center.today() == TodayView(0, 13, 5, 2)
    center.clock.ms += 2 * FIVE_MS
    await center.tell(offered("D", at=center.clock.ms))
    assert await center.today() == TodayView(0, 14, 5, 2)
    assert center.past.asked == ["sums to -1"]


@pytest.mark.parametrize("lacks", ["is_lost", "has_any"])
@played
async def test_what_history_does_not_know_either_is_asked_once_a_mark(lacks: str) -> None:
    center = await Restarted().begin()
    setattr(center.past, lacks, lacks == "is_lost")
    for _ in range(3):
        assert await center.today() == TodayView(0, None, None, None)
    assert len(center.past.asked) == 1
    center.clock.ms += FIVE_MS
    await center.tell(offered("B", at=center.clock.ms))
    center.past.is_lost, center.past.has_any = False, True
    assert await center.today() == TodayView(0, 12, 5, 2)
