"""History follows from the log alone: no kill, restart or outage loses anything of it or counts it twice."""

import asyncio
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.given import BANK, NOW_MS, SHOP, HandClock, Tally, turns
from queuepulse import chronicle as chronicle_module
from queuepulse.chronicle import Chronicle
from queuepulse.engine.events import Clock, Event, VdnKey
from queuepulse.hub import Hub, HubSettings
from queuepulse.ports import EventLog, History, HistoryUnavailable, Told
from queuepulse.simulator import Assumptions, simulate
from queuepulse.stores.history import KeptHistory, rebuild
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives
from stores.history import everything

KEPT = {"5min": 35, "15min": 400, "day": 3650}
SETTINGS = HubSettings(ahead_ms_max=10**10)


class Flaky:
    """A history that cannot be reached when the test says so."""

    def __init__(self, history: KeptHistory) -> None:
        self.history = history
        self.fails = False
        self.written: list[Told] = []

    async def write(self, told: Sequence[Told]) -> None:
        self.write_now(told)

    def write_now(self, told: Sequence[Told]) -> None:
        if self.fails:
            raise HistoryUnavailable("it is away.")
        self.written += told
        self.history.write_now(told)

    def position(self, vdn: VdnKey) -> int:
        return self.history.position(vdn)

    async def prune(self, now_ms: int) -> None:
        await self.history.prune(now_ms)


def hub_with(log: EventLog, history: History, warn: Any = pytest.fail) -> Hub:
    chronicle = Chronicle(history, warn)
    return Hub(log, HandClock(), Tally(), SETTINGS, warn, lambda *_: None, RecentFives(), chronicle)


def a_shift(seed: int) -> list[Event]:
    """Three hours from nine in the morning on."""
    start_ms = NOW_MS + 6 * 3_600_000
    told = list(simulate(Assumptions(agents=8, skills=3), seed=seed, start_ms=start_ms, hours=3))
    return [*told, Clock(at=start_ms + 4 * 3_600_000, id="end")]


@pytest.mark.parametrize("seed", range(8))
def test_kills_and_restarts_leave_the_history_that_the_log_gives(
    log: EventLog, tmp_path: Path, seed: int
) -> None:
    """A killed server has written what it had, or not; what is in its memory is gone."""
    rng, events = random.Random(seed), a_shift(seed)
    database = SqliteHistory(tmp_path / "history.sqlite")
    cuts = sorted({0, len(events), *(rng.randrange(len(events)) for _ in range(40))})

    async def walk() -> None:
        hub = hub_with(log, KeptHistory(database, KEPT), warn=lambda _sentence: None)
        for begin, end in itertools.pairwise(cuts):
            for vdn in (BANK, SHOP)[: rng.randint(1, 2)]:
                await hub.ingest(vdn, events[begin:end])
            what = rng.random()
            if what < 0.5:
                await hub.chronicle.write()
            if what < 0.25:
                await hub.stop()
            if what < 0.7:
                hub = hub_with(log, KeptHistory(database, KEPT), warn=lambda _sentence: None)
                hub.restore()
        await hub.chronicle.flush()

    asyncio.run(walk())
    written = everything(database)
    assert len(written) > 200
    for vdn in (BANK, SHOP):
        rebuild(database, log, vdn)
    assert everything(database) == written
    database.close()


def test_an_outage_is_told_and_made_up_for_and_no_snapshot_is_kept_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuepulse.chronicle.GATHER_S", 0)
    log, told, events = MemoryLog(), [], a_shift(1)
    database = SqliteHistory(tmp_path / "history.sqlite")
    flaky = Flaky(KeptHistory(database, KEPT))

    async def walk() -> None:
        hub = hub_with(log, flaky, warn=told.append)
        flaky.fails = True
        running = asyncio.create_task(hub.chronicle.run())
        await hub.ingest(BANK, events[: len(events) // 2])
        await turns()
        assert hub.chronicle.fault is not None and len(told) == 1
        await hub.stop()
        assert log.newest_snapshot(BANK) is None
        flaky.fails = False
        await hub.ingest(BANK, events[len(events) // 2 :])
        await hub.stop()
        assert log.newest_snapshot(BANK) is not None
        assert hub.chronicle.fault is None and len(told) == 2
        running.cancel()

    asyncio.run(walk())
    written = everything(database)
    rebuild(database, log, BANK)
    assert everything(database) == written != {}
    database.close()


def test_what_waits_too_long_is_given_up_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronicle_module, "WAITING_ITEMS_MAX", 2_500)
    log, told = MemoryLog(), []
    database = SqliteHistory(tmp_path / "history.sqlite")
    flaky = Flaky(KeptHistory(database, KEPT))
    flaky.fails = True

    async def walk() -> None:
        hub = hub_with(log, flaky, warn=told.append)
        for event in a_shift(2):
            await hub.ingest(BANK, [event])
        flaky.fails = False
        assert not hub.chronicle.is_behind(BANK)
        await hub.chronicle.flush()

    asyncio.run(walk())
    (sentence,) = told
    assert "1/1" in sentence and "rebuild" in sentence
    assert everything(database) == {}
    assert rebuild(database, log, BANK) > 0 and everything(database)
    database.close()


def test_a_log_without_its_history_is_told(tmp_path: Path) -> None:
    log, told = MemoryLog(), []

    async def walk() -> None:
        hub = hub_with(log, Flaky(KeptHistory(first, KEPT)))
        await hub.ingest(BANK, a_shift(3))
        await hub.stop()
        hub_with(log, Flaky(KeptHistory(other, KEPT)), warn=told.append).restore()

    with_history = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    first, other = map(SqliteHistory, with_history)
    asyncio.run(walk())
    assert len(told) == 1 and "history rebuild" in told[0]
    first.close()
    other.close()


def test_old_records_are_removed_behind_what_waits_and_the_hub_waits_for_neither(tmp_path: Path) -> None:
    log, events, told = MemoryLog(), a_shift(1), []
    database = SqliteHistory(tmp_path / "history.sqlite")

    class Slow(Flaky):
        """Notes in which order it is asked."""

        async def write(self, some: Sequence[Told]) -> None:
            await super().write(some)
            told.append("written")

        async def prune(self, now_ms: int) -> None:
            told.append(f"pruned as of {now_ms}")
            pruned.set()

    pruned = asyncio.Event()

    async def walk() -> None:
        hub = hub_with(log, Slow(KeptHistory(database, KEPT)))
        await hub.ingest(BANK, events)
        hub.chronicle.prune(NOW_MS)
        assert told == []
        running = asyncio.create_task(hub.chronicle.run())
        await pruned.wait()
        running.cancel()
        await hub.stop()

    asyncio.run(walk())
    assert told == ["written", f"pruned as of {NOW_MS}"]
    database.close()
