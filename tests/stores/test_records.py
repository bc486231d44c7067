"""The closed five minutes in memory: they add up, are bounded, and say from when on they are complete."""

import asyncio

from queuepulse.engine.events import VdnKey
from queuepulse.engine.queues import FIVE_MS, Five
from queuepulse.engine.views import DaySums, FiveView
from queuepulse.ports import FiveRecords
from queuepulse.stores.records import RecentFives

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
DAY_MS = 86_400_000
BEGIN_MS = 20_000 * DAY_MS


def five(skill: int, place: int, **values: int) -> Five:
    made = Five(skill, BEGIN_MS + place * FIVE_MS)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def between(records: FiveRecords, vdn: VdnKey = BANK, skill: int = 1) -> dict[int, FiveView]:
    series = asyncio.run(_between(records, vdn, skill))
    return {(mark_ms - BEGIN_MS) // FIVE_MS: view for mark_ms, view in series.items()}


async def _between(records: FiveRecords, vdn: VdnKey, skill: int) -> dict[int, FiveView]:
    series = await records.between(vdn, [skill], 0, BEGIN_MS + 2 * DAY_MS)
    return series.queues.get(skill, {})


def test_what_is_told_of_a_mark_adds_up_and_maxima_do_not() -> None:
    records = RecentFives()
    records.keep(BANK, BEGIN_MS, [five(1, 0, offered=2, wait_ms=2**40, wait_ms_max=9), five(2, 0, offered=5)])
    records.keep(BANK, BEGIN_MS, [five(1, 0, offered=1, wait_ms=1, wait_ms_max=7), five(1, 2, offered=4)])
    assert between(records) == {
        0: FiveView(offered=3, wait_ms=2**40 + 1, wait_ms_max=9),
        2: FiveView(offered=4),
    }
    assert between(records, skill=2) == {0: FiveView(offered=5)}
    assert between(records, SHOP) == {} == between(records, skill=3)
    assert len(records) == 3


def test_the_day_is_summed_and_begins_anew() -> None:
    records = RecentFives()
    left = five(1, 1, offered=3, answered_in_20s=1)
    left.left[0] = 2
    records.keep(BANK, BEGIN_MS, [five(1, -1, offered=100), five(1, 0, offered=1), left])
    assert records.day(BANK, BEGIN_MS) == {1: DaySums(4, 1, 2)}
    assert records.day(SHOP, BEGIN_MS) == {}
    assert records.day(BANK, BEGIN_MS + FIVE_MS) == {1: DaySums(3, 1, 2)}
    records.keep(BANK, BEGIN_MS + DAY_MS, [five(1, 287, offered=8), five(1, 288, offered=9)])
    assert records.day(BANK, BEGIN_MS + DAY_MS) == {1: DaySums(9)}


def test_a_day_that_began_before_the_records_is_not_known() -> None:
    records = RecentFives()
    records.begin(BANK, BEGIN_MS + 1)
    records.keep(BANK, BEGIN_MS, [five(1, 1, offered=1)])
    assert records.day(BANK, BEGIN_MS) is None
    assert records.day(BANK, BEGIN_MS + 1) == {1: DaySums(1)}
    records.begin(BANK, 0)
    assert records.day(BANK, BEGIN_MS) == {}


def test_the_oldest_are_forgotten_and_that_is_told() -> None:
    records = RecentFives(records_max=3)
    records.keep(SHOP, BEGIN_MS, [five(1, 1, offered=1)])
    records.keep(BANK, BEGIN_MS, [five(1, place, offered=1) for place in range(4)])
    assert len(records) == 3
    assert ([*between(records)], [*between(records, SHOP)]) in (([2, 3], [1]), ([1, 2, 3], []))
    assert records.day(BANK, BEGIN_MS) is None
    assert BEGIN_MS < asyncio.run(_complete_from(records)) <= BEGIN_MS + 2 * FIVE_MS


async def _complete_from(records: FiveRecords) -> int:
    return (await records.between(BANK, [1], 0, 1)).complete_from_ms


def test_what_is_too_old_is_forgotten() -> None:
    records = RecentFives(kept_ms=2 * FIVE_MS)
    records.keep(BANK, BEGIN_MS, [five(1, place, offered=1) for place in range(6)])
    assert [*between(records)] == [3, 4, 5]


def test_a_day_is_filled_with_what_was_before() -> None:
    records = RecentFives()
    records.begin(BANK, BEGIN_MS + 2 * FIVE_MS)
    # Late, and for a mark of which memory has no more than this.
    records.keep(BANK, BEGIN_MS, [five(1, 1, offered=100), five(1, 2, offered=1)])
    assert records.day(BANK, BEGIN_MS) is None
    assert between(records) == {2: FiveView(offered=1)}
    records.fill(BANK, BEGIN_MS, {1: DaySums(5, 3, 1), 2: DaySums(1)})
    assert records.day(BANK, BEGIN_MS) == {1: DaySums(6, 3, 1), 2: DaySums(1)}
    records.keep(BANK, BEGIN_MS, [five(1, 1, offered=10)])
    assert records.day(BANK, BEGIN_MS) == {1: DaySums(16, 3, 1), 2: DaySums(1)}
    # A day that is cut anew is filled anew.
    assert records.day(BANK, BEGIN_MS + FIVE_MS) is None
    assert records.day(BANK, BEGIN_MS) is None
