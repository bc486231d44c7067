"""What a hub does by itself. Time passes here when nothing else is to be done."""

import asyncio
import itertools
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from hub.given import BANK, FIVE_MS, NOW_MS, FullLog, hub_on, logged, offered
from queuepulse.engine.events import AgentSignedIn, CallAnswered, CallReleased, Clock, Event
from queuepulse.hub import QUIET_S, Hub, HubSettings
from queuepulse.ports import KeptSnapshot, LogBusy, LogFull
from queuepulse.stores.memory import MemoryLog


class SkippingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer it lets the time pass at once."""

    s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for nothing"
            self.s += max(timeout, 0.0)
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop in which hours pass in no time; threads have done their work when they are asked."""

    def __init__(self) -> None:
        self.skipping = SkippingSelector()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        done = self.create_future()
        done.set_result(func(*args))
        return done


class LoopClock:
    """Tells the time of the skipping loop; `ahead_ms` is what the machine's clock is wrong by."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return NOW_MS + self.ahead_ms + round(self.elapsed() * 1000)

    def elapsed(self) -> float:
        return asyncio.get_running_loop().time()


def while_running(hub: Hub, walk: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `walk` beside the hub's chores."""

    async def both() -> None:
        chores = asyncio.create_task(hub.run())
        await walk()
        assert not chores.done()
        chores.cancel()
        await asyncio.wait([chores])

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(both())


def test_time_is_logged_when_it_changes_something_and_no_event_comes() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock)

    async def walk() -> None:
        await hub.ingest(BANK, [AgentSignedIn(agent=7, skills=frozenset({3}))])
        await asyncio.sleep(1_000)

    while_running(hub, walk)
    _, *clocks = logged(log)
    marks_ms = [NOW_MS + 54_500 + number * FIVE_MS for number in range(4)]
    assert all(isinstance(event, Clock) for event in clocks)
    assert [event.at for event in clocks] == [mark_ms + 500 for mark_ms in marks_ms]


def test_time_is_not_logged_where_events_tell_it() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock)

    async def walk() -> None:
        for _ in range(10_000):
            await hub.ingest(BANK, [AgentSignedIn(agent=7, skills=frozenset({3}))])
            await asyncio.sleep(0.1)

    while_running(hub, walk)
    assert not [event for event in logged(log) if isinstance(event, Clock)]


def test_time_is_logged_once_a_second_at_most_however_many_timers_end() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock)

    async def walk() -> None:
        events: list[Event] = []
        for agent in range(1, 101):
            call = str(agent)
            events += [
                AgentSignedIn(agent=agent, skills=frozenset({3})),
                CallAnswered(call=call, agent=agent, skill=3),
                CallReleased(call=call, wrapup_ms=10_000 + agent * 100),
            ]
        await hub.ingest(BANK, events)
        await asyncio.sleep(QUIET_S)
        for second in range(1, 12):
            await asyncio.sleep(1)
            (row,) = (await hub.rows(BANK, [3])).rows
            assert row.idle >= min(100, second * 10 - 10)

    while_running(hub, walk)
    at_ms = [event.at or 0 for event in logged(log) if isinstance(event, Clock)]
    assert 9 <= len(at_ms) <= 11
    assert all(after - before >= 1_000 for before, after in itertools.pairwise(at_ms))


def test_time_is_not_logged_while_a_clock_that_jumped_ahead_is_caught_up_with() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock)

    async def walk() -> None:
        clock.ahead_ms = 3_600_000
        await hub.ingest(BANK, [AgentSignedIn(agent=7, skills=frozenset({3}))])
        clock.ahead_ms = 0
        await asyncio.sleep(3_000)
        assert len(logged(log)) == 1
        await asyncio.sleep(1_200)
        assert len(logged(log)) > 1

    while_running(hub, walk)


def test_a_snapshot_is_kept_after_so_many_events_and_after_so_long() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock, HubSettings(snapshot_every_events=100, snapshot_every_s=60))

    def kept_at() -> int:
        kept = log.newest_snapshot(BANK)
        return kept.position if kept else 0

    async def walk() -> None:
        await hub.ingest(BANK, [offered(str(number)) for number in range(99)])
        await asyncio.sleep(10)
        assert kept_at() == 0
        await hub.ingest(BANK, [offered("the hundredth")])
        await asyncio.sleep(2)
        assert kept_at() == 100
        await hub.ingest(BANK, [offered("one more")])
        await asyncio.sleep(50)
        assert kept_at() == 100
        await asyncio.sleep(12)
        assert kept_at() == log.position() > 100
        first = log.newest_snapshot(BANK)
        await asyncio.sleep(120)
        assert log.newest_snapshot(BANK) is first

    while_running(hub, walk)


def test_a_snapshot_that_the_end_interrupts_is_taken_at_the_end() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock, HubSettings(snapshot_every_events=1))
    keep = log.keep_snapshot
    begun: list[KeptSnapshot] = []

    def never(snapshot: KeptSnapshot) -> Awaitable[None]:
        begun.append(snapshot)
        return asyncio.get_running_loop().create_future()

    async def walk() -> None:
        await hub.ingest(BANK, [offered("a")])
        log.keep_snapshot = never  # type: ignore[method-assign]
        await asyncio.sleep(2)
        assert len(begun) == 1

    async def end() -> None:
        await hub.stop()
        kept = log.newest_snapshot(BANK)
        assert kept is not None and kept.position == 1

    while_running(hub, walk)
    log.keep_snapshot = keep  # type: ignore[method-assign]
    asyncio.run(end())


def test_what_is_too_old_is_removed_once_a_snapshot_stands_for_it() -> None:
    log, clock = MemoryLog(), LoopClock()
    hub = hub_on(log, clock, HubSettings(snapshot_every_s=600, keep_days=1))

    async def walk() -> None:
        for hour in range(30):
            await hub.ingest(BANK, [offered(str(hour), at=None)])
            await asyncio.sleep(3_600)
        oldest = next(log.read())
        assert oldest.first > 1
        assert clock.now_ms() - oldest.at_ms <= 86_400_000 + 60_000
        again = hub_on(log, clock)
        again.restore()
        assert (await again.rows(BANK, [3])).rows[0].waiting == 30

    while_running(hub, walk)


def test_a_log_that_cannot_be_written_is_told_once_and_so_is_that_it_can_again() -> None:
    log, clock, told = FullLog(), LoopClock(), []
    hub = hub_on(log, clock, warn=told.append)

    async def walk() -> None:
        await hub.ingest(BANK, [offered("a")])
        log.fault = LogFull("no room.")
        for _ in range(3):
            with pytest.raises(LogFull):
                await hub.ingest(BANK, [offered("b")])
            await asyncio.sleep(10)
            assert hub.log_fault == "no room."
        assert len(told) == 1 and "no room." in told[0]
        assert (await hub.rows(BANK, [3])).rows[0].waiting == 1
        log.fault = None
        await asyncio.sleep(2)
        assert hub.log_fault is None
        assert len(told) == 2

    while_running(hub, walk)


def test_a_log_that_is_only_busy_has_no_fault() -> None:
    log, clock = FullLog(), LoopClock()
    hub = hub_on(log, clock)

    async def walk() -> None:
        log.fault = LogBusy("come again")
        with pytest.raises(LogBusy):
            await hub.ingest(BANK, [offered("a")])
        assert hub.log_fault is None

    while_running(hub, walk)
