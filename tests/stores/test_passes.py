"""Call records in every store of history: each pass once, found by id and in order, and for a time."""

import random
from typing import Any

import pytest

from engine.folding import DAY_MS, HOUR_MS, NINE_MS, event, events_of, folded
from queuepulse.engine.calls import PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.engine.finished import Finished
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import Told
from queuepulse.stores import passes
from queuepulse.stores.history import Database, KeptHistory
from queuepulse.stores.passes import MINUTE_MS, KeptCalls, masked
from queuepulse.stores.rollups import take_in
from stores.history import BANK, everything

SHOP = VdnKey(1, 2)
KEPT = {"5min": 35, "15min": 400, "day": 3_650}
OPEN = KeptCalls(masks_numbers=False)


def ended_of(vdn: Vdn) -> list[PassRecord]:
    return [record for some in vdn.tell().passes for part in some.parts(100) for record in part]


def many(seed: int) -> list[PassRecord]:
    """The passes of a stream that has every kind of event."""
    vdn = folded(events_of(seed, 150))
    vdn.advance(vdn.clock_ms + HOUR_MS)
    return ended_of(vdn)


def put(database: Database, position: int, records: list[PassRecord], vdn: VdnKey = BANK) -> None:
    finished = Finished()
    for record in records:
        finished.add_record(record)
    database.write(lambda blocks: blocks.put_passes(vdn, position, [finished], masks_numbers=False))


def place(one: PassRecord) -> Any:
    return one[:5]


def read(database: Database, from_ms: int = 0, to_ms: int = 2**60, vdn: VdnKey = BANK) -> list[PassRecord]:
    """What is kept, minute by minute."""
    with database.reading() as blocks:
        found = list(blocks.passes(vdn, from_ms, to_ms))
    minutes = [minute_ms for minute_ms, _ in found]
    assert minutes == sorted(minutes)
    records = []
    for minute_ms, some in found:
        for part in some.parts(7):
            assert {one.call_at_ms - one.call_at_ms % MINUTE_MS for one in part} == {minute_ms}
            records += part
    return records


@pytest.mark.parametrize("seed", [0, 3])
def test_what_is_put_is_found_again_by_id_and_by_time(database: Database, seed: int) -> None:
    records = many(seed)
    random.Random(seed).shuffle(records)
    # Some of a minute may be told later, and what was told may be told again.
    for position, some in ((5, records[:40]), (9, records[40:]), (9, records[40:]), (5, records[:40])):
        put(database, position, some)
    put(database, 7, many(seed + 1), SHOP)
    assert sorted(read(database), key=place) == sorted(records, key=place)
    middle_ms = sorted(one.call_at_ms for one in records)[len(records) // 2]
    for from_ms, to_ms in ((middle_ms, 2**60), (0, middle_ms), (middle_ms, middle_ms + 1)):
        minutes = range(from_ms - from_ms % MINUTE_MS, to_ms)
        wanted = [one for one in records if one.call_at_ms - one.call_at_ms % MINUTE_MS in minutes]
        assert sorted(read(database, from_ms, to_ms), key=place) == sorted(wanted, key=place)
    with database.reading() as blocks:
        for call in {one.call for one in records}:
            of_call = sorted([one for one in records if one.call == call], key=place)
            assert sorted(blocks.passes_with_id(BANK, call, 1_000), key=place) == of_call
            last = blocks.passes_with_id(BANK, call, 2)
            assert len(last) >= min(2, len(of_call)) and set(map(place, of_call[-2:])) <= set(
                map(place, last)
            )
        assert blocks.passes_with_id(BANK, "nobody", 10) == []
        assert blocks.passes_with_id(VdnKey(9, 9), "c1", 10) == []


def test_ids_whose_hashes_meet_are_told_apart(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "_hashes", lambda _: b"\0\0\0\0")
    records = many(0)
    put(database, 1, records)
    with database.reading() as blocks:
        for call in {one.call for one in records}:
            of_call = sorted([one for one in records if one.call == call], key=place)
            assert sorted(blocks.passes_with_id(BANK, call, 1_000), key=place) == of_call


def test_of_an_id_used_again_the_last_calls_are_found_first(database: Database) -> None:
    [record] = ended_of(numbered())
    for day in range(5):
        put(database, day + 1, [record._replace(call_at_ms=NINE_MS + day * DAY_MS)])
    with database.reading() as blocks:
        found = blocks.passes_with_id(BANK, "A", 2)
    assert [one.call_at_ms for one in found] == [NINE_MS + 4 * DAY_MS, NINE_MS + 3 * DAY_MS]


def numbered() -> Vdn:
    keys = {"caller": "13912345678", "called": "95588"}
    vdn = folded([event("call_offered", 0, call="A", skill=1, **keys)])
    vdn.apply(event("call_left", 1_000, call="A", cause="full"))
    vdn.advance(vdn.clock_ms + HOUR_MS)
    return vdn


@pytest.mark.parametrize("masks", [True, False])
def test_numbers_are_kept_as_the_setting_says(database: Database, masks: bool) -> None:
    closed = numbered().tell()
    database.write(lambda blocks: take_in(blocks, BANK, 2, closed, KeptCalls(1, masks_numbers=masks)))
    with database.reading() as blocks:
        [record] = blocks.passes_with_id(BANK, "A", 9)
    given = ("*********78", "***88") if masks else ("13912345678", "95588")
    assert (record.caller, record.called) == given
    assert masked(record)[16:18] == ("*********78", "***88")
    # Not even among the bytes.
    assert any(b"13912345678" in body for body in everything(database).values()) != masks


def test_they_are_kept_for_as_long_as_the_setting_says(database: Database) -> None:
    keeps = KeptHistory(database, KEPT, KeptCalls(2))
    keeps.write_now([Told(BANK, 2, numbered().tell())])
    # With the others of its minute.
    for after_ms, is_there in ((2 * DAY_MS + MINUTE_MS - 1, True), (2 * DAY_MS + MINUTE_MS, False)):
        keeps.prune_now(NINE_MS + after_ms)
        with database.reading() as blocks:
            assert bool(blocks.passes_with_id(BANK, "A", 9)) == is_there
    none = KeptHistory(database, KEPT, KeptCalls(0))
    none.write_now([Told(BANK, 4, numbered().tell())])
    assert read(database) == []


def test_a_busy_minute_is_written_whole(database: Database) -> None:
    vdn, count = Vdn(), 1_234
    for number in range(count):
        vdn.apply(event("call_offered", number, call=f"c{number}", skill=1 + number % 9))
        vdn.apply(event("call_left", number + 1, call=f"c{number}", cause="key"))
    database.write(lambda blocks: blocks.put_passes(BANK, 1, [vdn.books.finished], masks_numbers=False))
    assert sorted(one.call for one in read(database)) == sorted(f"c{number}" for number in range(count))
