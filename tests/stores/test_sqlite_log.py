"""What the log on disk promises beyond every log: full disks pass, commits are shared, kills lose nothing."""

import asyncio
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from queuepulse.engine.events import VdnKey
from queuepulse.ports import KeptSnapshot, LogBusy, LogFull
from queuepulse.stores.sqlite import SqliteLog
from queuepulse.stores.writer import PENDING_BYTES_MAX

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
BIG = random.Random(1).randbytes(20_000)
"""Events that do not get smaller."""


def opened(file: Path) -> SqliteLog:
    return SqliteLog(file, elapsed=lambda: 0.0, warn=pytest.fail)


async def fill(log: SqliteLog, batches: int) -> None:
    """Batches of ten events; its time tells its number, from 1."""
    for number in range(1, batches + 1):
        await log.append(SHOP if number % 2 else BANK, number, 10, b"%d" % number)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """A file that would grow beyond `size` fails to be written, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_appends_until_there_is_room_and_reads_go_on(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.sqlite")

    async def steps() -> None:
        await fill(log, 60)
        before = list(log.read())
        with disk_of((tmp_path / "log.sqlite-wal").stat().st_size + 5000):
            for _ in range(3):
                with pytest.raises(LogFull, match="Make room"):
                    await log.append(BANK, 0, 10, BIG)
                assert (log.position(), list(log.read())) == (600, before)
            with pytest.raises(LogFull):
                await log.keep_snapshot(KeptSnapshot(BANK, 600, 0, BIG))
        assert await log.append(BANK, 0, 10, b"room") == 610

    asyncio.run(steps())
    before = list(log.read())
    log.close()
    log = opened(tmp_path / "log.sqlite")
    assert list(log.read()) == before
    log.close()


def test_a_file_that_may_not_grow_refuses_appends_until_it_may(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.sqlite")
    connection = log._writer._connection

    async def steps() -> None:
        connection.pragma("max_page_count", connection.pragma("page_count") + 1)
        with pytest.raises(LogFull, match="full"):
            await log.append(BANK, 0, 10, BIG)
        connection.pragma("max_page_count", 2**30)
        assert await log.append(BANK, 0, 10, BIG) == 10

    asyncio.run(steps())
    log.close()


def test_more_than_may_wait_for_the_disk_is_refused_at_once(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.sqlite")

    async def steps() -> None:
        big = bytes(PENDING_BYTES_MAX // 4)
        waiting = [log.append(BANK, 0, 1, big) for _ in range(4)]
        with pytest.raises(LogBusy):
            log.append(BANK, 0, 1, big)
        assert await asyncio.gather(*waiting) == [1, 2, 3, 4]
        assert await log.append(BANK, 0, 1, big) == 5

    asyncio.run(steps())
    log.close()


def test_commits_are_grouped_and_measured(tmp_path: Path) -> None:
    ticks = iter(range(1_000_000))
    commits: list[tuple[float, int]] = []
    log = SqliteLog(
        tmp_path / "log.sqlite",
        elapsed=lambda: float(next(ticks)),
        warn=pytest.fail,
        on_commit=lambda seconds, works: commits.append((seconds, works)),
    )

    async def steps() -> None:
        await asyncio.gather(*(log.append(BANK, 0, 1, b"x") for _ in range(500)))

    asyncio.run(steps())
    log.close()
    assert sum(works for _, works in commits) == 500
    assert len(commits) < 100 and {seconds for seconds, _ in commits} == {1.0}


def test_what_fails_together_is_undone_together(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.sqlite")
    begun, gate = threading.Event(), threading.Event()

    async def steps() -> None:
        # While one transaction runs, the next gathers.
        def hold(_: apsw.Connection) -> bool:
            begun.set()
            return gate.wait(timeout=10)

        held = log._writer.submit(hold)
        assert begun.wait(timeout=10)
        waiting: list[asyncio.Future[Any]] = [
            log.append(BANK, 0, 1, b"x"),
            log.keep_snapshot(KeptSnapshot(BANK, 99, 0, b"of what is not logged")),
            log.append(BANK, 0, 1, b"y"),
        ]
        gate.set()
        assert await held
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [AssertionError] * 3
        assert (log.position(), list(log.read())) == (0, [])
        assert await log.append(BANK, 0, 1, b"z") == 1

    asyncio.run(steps())
    log.close()


def test_a_canceled_append_holds_nobody_up(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.sqlite")

    async def steps() -> None:
        waiting = [log.append(BANK, 0, 1, b"x") for _ in range(3)]
        waiting[1].cancel()
        assert await waiting[2] == 3

    asyncio.run(steps())
    log.close()


def test_retention_runs_beside_reading_and_appending(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.sqlite")

    async def steps() -> None:
        await fill(log, 60)
        for vdn in (BANK, SHOP):
            await log.keep_snapshot(KeptSnapshot(vdn, 600, 0, b""))
        reading = log.read()
        read = [next(reading)]
        await asyncio.gather(log.prune(50, 2**60), fill(log, 5))
        read.extend(reading)
        assert read[-1].last == 600

    asyncio.run(steps())
    assert next(log.read()).first == 491
    log.close()


_CHILD = """
import asyncio, sys
from pathlib import Path
from queuepulse.engine.events import VdnKey
from queuepulse.stores.sqlite import SqliteLog

log = SqliteLog(Path(sys.argv[1]), elapsed=lambda: 0.0, warn=print)

async def one(number):
    position = await log.append(VdnKey(1, number % 3 + 1), number, 2, b"%d" % number * 500)
    print(position, number, flush=True)

async def main():
    number = log.position() // 2
    while True:
        await asyncio.gather(*(one(number + more) for more in range(8)))
        number += 8

asyncio.run(main())
"""


def test_a_kill_loses_nothing_acknowledged_and_counts_nothing_twice(tmp_path: Path) -> None:
    file = tmp_path / "log.sqlite"
    dice = random.Random(3)
    acknowledged: dict[int, int] = {}
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", _CHILD, str(file)], stdout=subprocess.PIPE, text=True)
        assert child.stdout
        for _ in range(dice.randrange(1, 200)):
            position, number = map(int, child.stdout.readline().split())
            acknowledged[position] = number
        child.send_signal(signal.SIGKILL)
        for line in child.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):
                position, number = map(int, line.split())
                acknowledged[position] = number
        child.wait()
        child.stdout.close()
        log = opened(file)
        read = {batch.last: batch.body for batch in log.read()}
        log.close()
        assert list(read) == list(range(2, len(read) * 2 + 1, 2))
        for position, number in acknowledged.items():
            assert read[position] == b"%d" % number * 500
