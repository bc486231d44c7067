"""What every event log promises, whichever store keeps it."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from queuepulse.engine.events import VdnKey
from queuepulse.ports import EventLog, KeptSnapshot, LogFull
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.sqlite import SqliteLog

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
EVERYTHING = 2**62


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    if request.param == "memory":
        opened: EventLog = MemoryLog()
    else:
        opened = SqliteLog(tmp_path / "log.sqlite", elapsed=lambda: 0.0, warn=pytest.fail)
    yield opened
    opened.close()


async def fill(log: EventLog, *batches: tuple[VdnKey, int]) -> list[int]:
    """Append one batch per (vdn, count); its time and its body tell its number, from 1."""
    number = enumerate(batches, 1)
    return [await log.append(vdn, 1000 * n, count, b"batch %d\n" % n) for n, (vdn, count) in number]


def test_positions_count_events_from_one_without_gaps(log: EventLog) -> None:
    assert log.position() == 0
    assert asyncio.run(fill(log, (BANK, 3), (SHOP, 1), (BANK, 5))) == [3, 4, 9]
    assert log.position() == 9
    assert [(batch.first, batch.last) for batch in log.read()] == [(1, 3), (4, 4), (5, 9)]


def test_what_was_appended_is_read_as_it_was(log: EventLog) -> None:
    body = bytes(range(256)) * 3000
    asyncio.run(_wait(lambda: log.append(SHOP, 1_700_000_000_123, 2, body)))
    (batch,) = log.read()
    assert batch == (1, 2, SHOP, 1_700_000_000_123, body)


def test_reading_begins_behind_a_position_and_gives_a_spanning_batch_whole(log: EventLog) -> None:
    asyncio.run(fill(log, (BANK, 3), (SHOP, 1), (BANK, 5)))
    assert [batch.first for batch in log.read(after=3)] == [4, 5]
    assert [batch.first for batch in log.read(after=5)] == [5]
    assert list(log.read(after=9)) == []


def test_one_vdn_can_be_read_alone(log: EventLog) -> None:
    asyncio.run(fill(log, (BANK, 3), (SHOP, 1), (BANK, 5), (SHOP, 2)))
    assert [batch.last for batch in log.read(vdn=SHOP)] == [4, 11]
    assert [batch.last for batch in log.read(after=3, vdn=BANK)] == [9]
    assert list(log.read(vdn=VdnKey(9, 9))) == []


def test_many_appends_at_once_are_answered_in_the_order_of_their_calls(log: EventLog) -> None:
    async def steps() -> None:
        answered: list[int] = []

        async def one(awaited: asyncio.Future[int]) -> None:
            answered.append(await awaited)

        waiting = [log.append(VdnKey(1, n % 7 + 1), n, 1, b"%d" % n) for n in range(300)]
        await asyncio.gather(*(one(awaited) for awaited in waiting))  # type: ignore[arg-type]
        assert answered == list(range(1, 301))

    asyncio.run(steps())
    assert [batch.body for batch in log.read()] == [b"%d" % n for n in range(300)]


def test_reading_ends_where_the_log_ended_when_it_began(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, *[(BANK, 1)] * 100)
        reading = log.read()
        assert next(reading).last == 1
        await fill(log, (BANK, 1))
        assert [batch.last for batch in reading] == list(range(2, 101))

    asyncio.run(steps())


def test_the_newest_snapshot_is_given(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, (BANK, 3), (SHOP, 1), (BANK, 5))
        assert log.newest_snapshot(BANK) is None
        for position in (3, 9, 4):
            await log.keep_snapshot(KeptSnapshot(BANK, position, 7, b"at %d" % position))
        assert log.newest_snapshot(BANK) == KeptSnapshot(BANK, 9, 7, b"at 9")
        assert log.newest_snapshot(SHOP) is None

    asyncio.run(steps())


def test_a_snapshot_of_what_is_not_logged_is_a_bug(log: EventLog) -> None:
    with pytest.raises(AssertionError):
        asyncio.run(_wait(lambda: log.keep_snapshot(KeptSnapshot(BANK, 1, 0, b""))))


def test_all_vdns_of_batches_and_snapshots_are_known(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, (SHOP, 3), (VdnKey(2, 1), 1), (SHOP, 5))
        await log.keep_snapshot(KeptSnapshot(BANK, 3, 0, b""))

    asyncio.run(steps())
    assert log.vdns() == [BANK, SHOP, VdnKey(2, 1)]


def test_nothing_is_removed_without_a_snapshot(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, (BANK, 3), (SHOP, 1))
        assert await log.prune(EVERYTHING, 0) == 0

    asyncio.run(steps())
    assert [batch.last for batch in log.read()] == [3, 4]


def test_retention_stops_at_the_oldest_kept_snapshot_of_each_vdn(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, (BANK, 3), (SHOP, 1), (BANK, 5), (SHOP, 2), (BANK, 1))
        await log.keep_snapshot(KeptSnapshot(BANK, 9, 0, b""))
        await log.keep_snapshot(KeptSnapshot(BANK, 12, 0, b""))
        assert await log.prune(EVERYTHING, 0) == 3
        await log.keep_snapshot(KeptSnapshot(SHOP, 12, 0, b""))
        assert await log.prune(EVERYTHING, 0) == 8

    asyncio.run(steps())
    # 12 is behind the older snapshot of the bank: that one can be read on from if the newer is damaged.
    assert [batch.last for batch in log.read()] == [12]
    assert [batch.last for batch in log.read(vdn=SHOP)] == []
    assert log.vdns() == [BANK, SHOP]


def test_retention_by_age_stops_at_the_first_young_batch(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, *[(BANK, 2)] * 200)
        await log.keep_snapshot(KeptSnapshot(BANK, 400, 0, b""))
        assert await log.prune(151_000, EVERYTHING) == 300
        assert await log.prune(151_000, EVERYTHING) == 0
        assert await log.append(BANK, 0, 1, b"late") == 401

    asyncio.run(steps())
    assert [batch.first for batch in log.read()] == list(range(301, 402, 2))
    assert [batch.first for batch in log.read(vdn=BANK)] == list(range(301, 402, 2))


def test_retention_by_size_keeps_the_newest(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, *[(BANK, 1)] * 50)
        await log.keep_snapshot(KeptSnapshot(BANK, 50, 0, b""))
        assert 0 < await log.prune(0, 200) < 50

    asyncio.run(steps())
    assert [batch.last for batch in log.read()][-1] == 50


def test_positions_go_on_after_everything_was_removed(log: EventLog) -> None:
    async def steps() -> None:
        await fill(log, (BANK, 3))
        await log.keep_snapshot(KeptSnapshot(BANK, 3, 0, b"three"))
        assert await log.prune(EVERYTHING, 0) == 3
        assert (log.position(), list(log.read())) == (3, [])
        assert await fill(log, (SHOP, 1), (BANK, 1)) == [4, 5]

    asyncio.run(steps())
    assert [batch.last for batch in log.read(vdn=BANK)] == [5]
    assert log.newest_snapshot(BANK) == KeptSnapshot(BANK, 3, 0, b"three")


def test_a_closed_log_takes_nothing(log: EventLog) -> None:
    log.close()
    with pytest.raises(LogFull, match="closed"):
        asyncio.run(_wait(lambda: log.append(BANK, 0, 1, b"")))


def test_a_full_memory_is_told() -> None:
    log = MemoryLog(bytes_max=10)
    with pytest.raises(LogFull, match="full"):
        asyncio.run(fill(log, *[(BANK, 1)] * 3))
    log.bytes_max = 100
    assert asyncio.run(fill(log, (BANK, 1))) == [2]


async def _wait(start: Callable[[], object]) -> None:
    await start()  # type: ignore[misc]
