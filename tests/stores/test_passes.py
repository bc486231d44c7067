"""Call records in every store of history: each pass once, found by id and in order, and for a time."""

import random
from typing import Any

import pytest

from engine.folding import DAY_MS, HOUR_MS, NINE_MS, event, events_of, folded
from queuepulse.engine.calls import Finished, PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.engine.passes import record_of
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import Told
from queuepulse.stores.history import Database, KeptHistory
from queuepulse.stores.passes import KeptCalls, PassKey, masked
from queuepulse.stores.rollups import take_in
from stores.history import BANK, everything

SHOP = VdnKey(1, 2)
KEPT = {"5min": 35, "15min": 400, "day": 3_650}
OPEN = KeptCalls(masks_numbers=False)


def ended_of(vdn: Vdn) -> list[PassRecord]:
    return [record_of(one) for some in vdn.tell().passes for one in some]


def many(seed: int) -> list[PassRecord]:
    """The passes of a stream that has every kind of event."""
    vdn = folded(events_of(seed, 150))
    vdn.advance(vdn.clock_ms + HOUR_MS)
    return ended_of(vdn)


def put(database: Database, records: list[Any], vdn: VdnKey = BANK) -> None:
    database.write(lambda blocks: blocks.put_passes(vdn, records, masks_numbers=False))


def in_order(records: list[PassRecord]) -> list[PassRecord]:
    return sorted(records, key=lambda one: one[:5])


def paged(database: Database, most: int, vdn: VdnKey = BANK) -> list[PassKey]:
    """All keys, page by page."""
    found: list[PassKey] = []
    after: tuple[Any, ...] = (0, "")
    with database.reading() as blocks:
        while some := blocks.pass_keys(vdn, after, 2**60, most):
            assert len(some) <= most
            found += some
            after = some[-1][:5]
    return found


@pytest.mark.parametrize("seed", [0, 3])
def test_what_is_put_is_found_again_by_id_and_in_order(database: Database, seed: int) -> None:
    records = many(seed)
    random.Random(seed).shuffle(records)
    put(database, records)
    put(database, records[:40])
    put(database, many(seed + 1), SHOP)
    for most in (1, 7, 10_000):
        keys = paged(database, most)
        assert [key[:5] for key in keys] == [one[:5] for one in in_order(records)]
    with database.reading() as blocks:
        calls = {(one.call_at_ms, one.call) for one in records}
        assert blocks.passes_of(BANK, calls, 1_000) == in_order(records)
        assert blocks.passes_of(BANK, calls, 7) == in_order(records)[:7]
        assert blocks.passes_of(BANK, [], 9) == blocks.passes_of(BANK, [(1, "c1")], 9) == []
        for call in {one.call for one in records}:
            of_call = in_order([one for one in records if one.call == call])
            assert blocks.passes_with_id(BANK, call, 1_000) == of_call
            assert blocks.passes_with_id(BANK, call, 2) == of_call[-2:]
        assert blocks.passes_with_id(BANK, "nobody", 10) == []
        assert blocks.passes_with_id(VdnKey(9, 9), "c1", 10) == []


def test_ids_are_ordered_alike_whatever_letters_they_have(database: Database) -> None:
    ids = ["b", "B", "ä", "a-1", "a 1", "é", "Z", "中", "1", "10", "2", "\U0001f600", "\uff61"]
    vdn = folded([event("call_offered", 0, call=call, skill=1) for call in ids])
    for call in ids:
        vdn.apply(event("call_left", 1_000, call=call, cause="key"))
    vdn.advance(vdn.clock_ms + HOUR_MS)
    put(database, ended_of(vdn))
    assert [key.call for key in paged(database, 3)] == sorted(ids)


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
    for after_ms, is_there in ((2 * DAY_MS, True), (2 * DAY_MS + 1, False)):
        keeps.prune_now(NINE_MS + after_ms)
        with database.reading() as blocks:
            assert bool(blocks.passes_with_id(BANK, "A", 9)) == is_there
    none = KeptHistory(database, KEPT, KeptCalls(0))
    none.write_now([Told(BANK, 4, numbered().tell())])
    assert paged(database, 9) == []


def test_a_busy_minute_is_written_whole(database: Database) -> None:
    vdn, count = Vdn(), 1_234
    for number in range(count):
        vdn.apply(event("call_offered", number, call=f"c{number}", skill=1 + number % 9))
        vdn.apply(event("call_left", number + 1, call=f"c{number}", cause="key"))
    passes: list[Finished] = vdn.books.finished
    put(database, passes)
    assert len(paged(database, 500)) == count
