"""What every store of history promises, and that its sums are those of plain loops over the events."""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from librt.vecs import vec
from mypy_extensions import i64

from engine.folding import DAY_MS, HOUR_MS, NINE_MS, event, events_of
from queuepulse.engine.blocks import AGENT, KINDS, QUEUE, BadBlock, decode, encode
from queuepulse.engine.events import (
    CallAnswered,
    CallLeft,
    CallOffered,
    CallReleased,
    Clock,
    Event,
    VdnConfigured,
)
from queuepulse.engine.fields import QUEUE_FIELDS
from queuepulse.engine.histograms import key_of
from queuepulse.engine.outcomes import APPLIED
from queuepulse.engine.records import Record, add_all
from queuepulse.engine.vdn import Vdn
from queuepulse.simulator import Assumptions, simulate
from queuepulse.stores.history import Database, Period, pages, periods
from queuepulse.stores.rollups import DAY, FIVE, KEPT, QUARTER, State, take_in
from stores.history import BANK, everything, fill

FIVE_MS = 300_000


def a_day() -> list[Event]:
    """A busy day, and the mark behind it."""
    assumptions = Assumptions(agents=8, skills=3)
    told = list(simulate(assumptions, seed=3, start_ms=NINE_MS - 9 * HOUR_MS, hours=24))
    return [*told, Clock(at=NINE_MS + 40 * HOUR_MS)]


def read(database: Database, grain: str, kind: Any = QUEUE, begin: int = 0, end: int = 2**50) -> list[Period]:
    with database.reading() as blocks:
        return list(periods(blocks, BANK, kind, grain, begin, end))


def plain(records: dict[int, Record]) -> dict[int, tuple[list[int], list[dict[int, int]]]]:
    return {number: (list(record.counts), list(record.entries)) for number, record in sorted(records.items())}


def test_what_is_told_again_is_not_added_again(database: Database) -> None:
    engine = Vdn()
    for one in events_of(1, 80, snapshots=False):
        engine.apply(one)
    engine.advance(engine.clock_ms + HOUR_MS)
    closed = engine.tell()
    assert database.write(lambda blocks: take_in(blocks, BANK, 80, closed)) is True
    before = everything(database)
    for position in (80, 79, 1):
        assert database.write(lambda blocks: take_in(blocks, BANK, position, closed)) is False  # noqa: B023
    assert everything(database) == before


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    fill(database, events_of(1, 80, snapshots=False))
    before, closed = everything(database), Vdn().tell()

    def work(blocks: Any) -> None:
        take_in(blocks, BANK, 10_000, closed)
        blocks.put(BANK, "queue", FIVE, 0, {0: b"half"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(work)
    assert everything(database) == before


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_each_grain_is_exactly_the_sum_of_its_five_minutes(database: Database, kind: Any) -> None:
    fill(database, a_day())
    fives = read(database, "5min", kind)
    assert len(fives) > 250
    for grain in ("15min", "30min", "60min", "day", "month"):
        longer = read(database, grain, kind)
        assert all(one.end_ms <= after.begin_ms for one, after in itertools.pairwise(longer))
        for period in longer:
            total: dict[int, Record] = {}
            for five in fives:
                if period.begin_ms <= five.begin_ms < period.end_ms:
                    add_all(total, {one: record.copy() for one, record in five.records.items()})
            assert plain(total) == plain(period.records)
        held = sum(len([1 for five in fives if one.begin_ms <= five.begin_ms < one.end_ms]) for one in longer)
        assert held == len(fives)


def test_a_period_that_runs_is_read_from_its_five_minutes(database: Database) -> None:
    events = [one for one in a_day() if (one.at or 0) < NINE_MS + HOUR_MS // 2 + 400_000]
    fill(database, [*events, Clock(at=NINE_MS + HOUR_MS // 2 + 400_000)])
    last_five, last_quarter, day = (read(database, grain)[-1] for grain in ("5min", "15min", "day"))
    assert last_five.begin_ms == NINE_MS + HOUR_MS // 2
    assert last_quarter.begin_ms == last_five.begin_ms
    with database.reading() as blocks:
        assert blocks.marks(BANK, "queue", DAY, 0, 2**50) == []
    place = QUEUE_FIELDS.index("offered")
    offered = sum(record.counts[place] for record in day.records.values())
    assert offered == sum(isinstance(one, CallOffered) for one in events if (one.at or 0) < last_five.end_ms)


def test_a_late_event_corrects_every_grain(database: Database) -> None:
    late = [
        event("call_offered", -2 * HOUR_MS, call="late", skill=1),
        event("call_left", -2 * HOUR_MS + 30_000, call="late", cause="abandoned"),
    ]
    day_later = Clock(at=NINE_MS + DAY_MS)
    engine = fill(database, [*a_day(), day_later])
    before = {grain: read(database, grain) for grain in ("5min", "15min", "60min", "day", "month")}
    for one in late:
        engine.apply(one)
    engine.advance(engine.clock_ms + FIVE_MS)
    closed = engine.tell()
    assert database.write(lambda blocks: take_in(blocks, BANK, 10**6, closed))
    for grain, known in before.items():
        old, new = ({one.begin_ms: one for one in some} for some in (known, read(database, grain)))
        (begin_ms,) = [
            at_ms for at_ms, one in new.items() if one.begin_ms <= NINE_MS - 2 * HOUR_MS < one.end_ms
        ]
        counts = zip(_counts(old.get(begin_ms)), _counts(new[begin_ms]), strict=True)
        changed = {name: after - was for name, (was, after) in zip(QUEUE_FIELDS, counts, strict=True)}
        names = ("offered", "offered_in", "left_abandoned", "waits", "wait_ms", "missed", "left_bin_30")
        assert [changed.get(name, 0) for name in names] == [1, 1, 1, 1, 30_000, 1, 1], grain
        assert not any(changed[name] for name in changed if name.startswith("answered"))


def _counts(period: Period | None) -> list[int]:
    records = period.records if period else {}
    return records.get(1, QUEUE.blank()).counts


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 26, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 22, tzinfo=UTC), 25),
        ("Asia/Kathmandu", datetime(2026, 3, 26, tzinfo=UTC), 24),
        ("Africa/Cairo", datetime(2026, 4, 21, tzinfo=UTC), 23),
    ],
)
def test_a_week_is_what_plain_loops_count_by_local_day_and_hour(
    database: Database,
    zone: str,
    first: datetime,
    hours: int,
) -> None:
    """Also where clocks are changed, and where calls are told late and days are built already."""
    start_ms = int(first.timestamp()) * 1000
    assumptions = Assumptions(agents=3, skills=2)
    events: list[Event] = [VdnConfigured(at=start_ms, timezone=zone)]
    events += delayed(list(simulate(assumptions, seed=9, start_ms=start_ms, hours=7 * 24)))
    events.append(Clock(at=start_ms + 10 * DAY_MS, id="end"))
    trial = Vdn()
    applied = [one for one in events if trial.apply(one) is APPLIED]
    fill(database, events)
    tz = ZoneInfo(zone)
    for grain, key in (("day", day_of), ("60min", hour_of)):
        expected = loops(applied, tz, key)
        found: dict[Any, Counter[str]] = {}
        for period in read(database, grain):
            total: Counter[str] = Counter()
            for record in period.records.values():
                total.update(dict(zip(QUEUE_FIELDS, record.counts, strict=True)))
            found[key(period.begin_ms, tz)] = Counter({name: total[name] for name in NAMES if total[name]})
        assert found == expected
    lengths = {(one.end_ms - one.begin_ms) // HOUR_MS for one in read(database, "day")}
    assert hours in lengths


NAMES = ("offered", "answered", "left_abandoned", "waits", "wait_ms", "talks", "talk_ms")


def day_of(at_ms: int, zone: ZoneInfo) -> Any:
    return datetime.fromtimestamp(at_ms / 1000, zone).date()


def hour_of(at_ms: int, zone: ZoneInfo) -> Any:
    moment = datetime.fromtimestamp(at_ms / 1000, zone)
    return moment.date(), moment.hour, moment.utcoffset()


def delayed(events: list[Event]) -> list[Event]:
    """The same, but all that some calls do is told late, in its order: by minutes, or by more than a day."""
    rng = random.Random(5)
    late = {
        one.call: rng.choice([60_000, 400_000, 4_000_000, 30 * HOUR_MS])
        for one in events
        if isinstance(one, CallOffered) and rng.random() < 0.02
    }
    order = [
        ((one.at or 0) + late.get(getattr(one, "call", ""), 0), place) for place, one in enumerate(events)
    ]
    return [events[place] for _, place in sorted(order)]


def loops(events: Iterable[Event], zone: ZoneInfo, key: Any) -> dict[Any, Counter[str]]:
    """What happened by local day or hour, straight from the events; a call that moves on ends what it did."""
    sums: dict[Any, Counter[str]] = defaultdict(Counter)
    waits: dict[str, int] = {}
    talks: dict[str, int] = {}
    for one in events:
        if not isinstance(one, CallOffered | CallAnswered | CallLeft | CallReleased):
            continue
        at_ms, call = one.at or 0, one.call
        here = sums[key(at_ms, zone)]
        if call in waits:
            here.update(waits=1, wait_ms=at_ms - waits.pop(call))
        elif call in talks:
            here.update(talks=1, talk_ms=at_ms - talks.pop(call))
        match one:
            case CallOffered():
                here["offered"] += 1
                waits[call] = at_ms
            case CallAnswered():
                here["answered"] += 1
                talks[call] = at_ms
            case CallLeft():
                here[f"left_{one.cause}"] += 1
    return {
        where: Counter({name: count for name, count in found.items() if count and name in NAMES})
        for where, found in sums.items()
    }


def test_columns_are_what_records_are(database: Database) -> None:
    fill(database, a_day())
    fields = ["answered_bin_20", "offered", "idle_ms", "left_abandoned"]
    with database.reading() as blocks:
        found = list(pages(blocks, BANK, QUEUE, QUARTER, fields, NINE_MS, NINE_MS + 4 * HOUR_MS))
        whole = dict(blocks.scan(BANK, "queue", QUARTER, range(QUEUE.spans_part + 1), NINE_MS, 2**50))
    assert len(found) == 16
    for page in found:
        records = decode(QUEUE, whole[page.at_ms])
        assert list(page.ids) == sorted(records)
        for field, column in zip(fields, page.columns, strict=True):
            place = QUEUE_FIELDS.index(field)
            values = [0] * len(page.ids) if column is None else list(column)
            assert values == [records[number].counts[place] for number in page.ids]


def test_each_grain_is_kept_as_long_as_it_says(database: Database) -> None:
    fill(database, [*a_day(), Clock(at=NINE_MS + 3 * DAY_MS)])
    with database.reading() as blocks:
        kept = {grain: blocks.marks(BANK, "queue", grain, 0, 2**50) for grain in KEPT}
    cut = kept[FIVE][100]
    database.write(lambda blocks: blocks.forget(BANK, FIVE, cut))
    with database.reading() as blocks:
        after = {grain: blocks.marks(BANK, "queue", grain, 0, 2**50) for grain in KEPT}
        assert blocks.state(BANK) is not None
    assert after == kept | {FIVE: kept[FIVE][100:]}
    assert min(len(marks) for marks in kept.values()) >= 1


def test_a_zone_that_changes_cuts_the_days_to_come_and_loses_nothing(database: Database) -> None:
    middle = NINE_MS + 3 * HOUR_MS
    zone = VdnConfigured(at=middle, timezone="Pacific/Kiritimati")
    told = a_day()
    events = [
        *(one for one in told if (one.at or 0) < middle),
        zone,
        *(one for one in told if (one.at or 0) >= middle),
    ]
    fill(database, [*events, Clock(at=NINE_MS + 3 * DAY_MS)])
    place = QUEUE_FIELDS.index("offered")
    sums = [
        sum(record.counts[place] for one in read(database, grain) for record in one.records.values())
        for grain in ("5min", "15min", "day")
    ]
    assert sums == [sum(isinstance(one, CallOffered) for one in events)] * 3
    with database.reading() as blocks:
        assert (
            blocks.state(BANK) == msgspec.convert(list(blocks.state(BANK) or ()), State)
            and (blocks.state(BANK) or State()).timezone == "Pacific/Kiritimati"
        )


def test_histograms_of_the_first_format_are_read(database: Database) -> None:
    fill(database, a_day()[:400])
    for kind in KINDS.values():
        for five in read(database, "5min", kind):
            bodies = encode(kind, five.records)
            rows = [
                [record.span(place) for place in range(len(kind.spans))] for record in five.records.values()
            ]
            older = b"\x01" + msgspec.msgpack.encode([list(five.records), rows])
            assert plain(decode(kind, bodies | {kind.spans_part: older})) == plain(five.records)


def test_a_block_of_another_format_is_refused_and_an_older_one_is_read() -> None:
    bodies = encode(QUEUE, {7: QUEUE.blank(), 2: QUEUE.blank()})
    assert plain(decode(QUEUE, bodies)) == plain({2: QUEUE.blank(), 7: QUEUE.blank()})
    with pytest.raises(BadBlock, match="format 9"):
        decode(QUEUE, {part: b"\x09" + body[1:] for part, body in bodies.items()})
    for spans, what in ((b"\x09", "histograms of format 9"), (b"\x02" + bytes(10), "longer or shorter")):
        with pytest.raises(BadBlock, match=what):
            decode(QUEUE, bodies | {QUEUE.spans_part: spans})
    record = AGENT.blank()
    for place, name in enumerate(AGENT.fields):
        record.counts[place] = 2**40 if name == "talk_ms" else -5 if name == "idle_ms" else 3
    record.entries = vec[i64]([key_of(0, 5) + 1, key_of(0, 900) + 2, key_of(2, 0) + 70_000])
    assert plain(decode(AGENT, encode(AGENT, {1: record}))) == plain({1: record})
