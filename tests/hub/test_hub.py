"""Events go into the log first, then into the engine; questions see what was acknowledged."""

import asyncio
import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.given import (
    BANK,
    NOW_MS,
    SHOP,
    FullLog,
    HandClock,
    SlowLog,
    Tally,
    hub_on,
    kept_by,
    logged,
    offered,
    straight,
    turns,
)
from queuepulse.engine.events import AgentSignedIn, AgentStateSet, VdnKey
from queuepulse.ports import EventLog, LogFull, Receipt
from queuepulse.stores.memory import MemoryLog

# Times and names


def test_an_event_without_a_time_gets_ours(log: EventLog) -> None:
    async def walk() -> None:
        await hub_on(log).ingest(
            BANK, [offered("a", at=None), offered("b", at=None, id=None), offered("c", at=5)]
        )

    asyncio.run(walk())
    a, b, c = logged(log)
    assert (a.at, b.at, c.at) == (NOW_MS, NOW_MS, 5)
    assert (a.id, c.id) == ("a", "c") and b.id


def test_an_event_from_the_future_is_set_to_our_clock_and_counted() -> None:
    log, meters = MemoryLog(), Tally()
    at_ms = [NOW_MS + 4_999, NOW_MS + 5_000, NOW_MS + 5_001, NOW_MS + 10**10]

    async def walk() -> None:
        await hub_on(log, meters=meters).ingest(BANK, [offered(str(at), at=at) for at in at_ms])

    asyncio.run(walk())
    assert [event.at for event in logged(log)] == [NOW_MS + 4_999, NOW_MS + 5_000, NOW_MS, NOW_MS]
    assert meters.clamped_events == 2


def test_events_that_are_alike_but_for_a_missing_time_are_different_events() -> None:
    """An agent pauses, goes on, and pauses again: whoever sends no times means all three."""
    log = MemoryLog()

    async def walk() -> Receipt:
        hub = hub_on(log)
        await hub.ingest(BANK, [AgentSignedIn(agent=7, skills=frozenset({3}))])
        pauses = [AgentStateSet(agent=7, state=state) for state in ("rest", "idle", "rest")]
        receipt = await hub.ingest(BANK, pauses)
        (row,) = (await hub.rows(BANK, [3])).rows
        assert (row.rest, row.idle) == (1, 0)
        return receipt

    assert asyncio.run(walk()) == Receipt(3, 3, 0, 0, 4)


def test_names_given_to_events_are_not_given_again_after_a_restart() -> None:
    log = MemoryLog()

    async def walk() -> None:
        for _ in range(3):
            hub = hub_on(log)
            hub.restore()
            await hub.ingest(BANK, [offered("a", at=None, id=None)] * 2)

    asyncio.run(walk())
    assert len({event.id for event in logged(log)}) == 6


# Log first, then engine


@given(
    steps=st.lists(st.tuples(st.sampled_from([BANK, SHOP]), st.integers(1, 150), st.booleans()), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_batches_that_come_at_once_are_folded_in_the_order_of_the_log(
    steps: list[tuple[VdnKey, int, bool]], seed: int
) -> None:
    """However late, and in whatever order, their appends are answered; refused ones take no part."""
    log, names, refusals, choices = SlowLog(), itertools.count(), [], random.Random(seed)
    log.refuses = lambda: refusals.pop(0)

    async def walk() -> None:
        # Each look at the clock ends a slice, so that folds run beside each other.
        hub, tasks = hub_on(log, HandClock(step_s=1.0), warn=lambda _: None), []
        for vdn, size, is_refused in steps:
            # The last word on an agent wins: another order would be another state.
            events = [
                AgentSignedIn(agent=1, skills=frozenset({next(names) + 1}), at=NOW_MS) for _ in range(size)
            ]
            refusals.append(is_refused)
            tasks.append(asyncio.create_task(hub.ingest(vdn, events)))
            await turns(choices.randrange(1, 5))
            while log.waiting and choices.random() < 0.4:
                log.waiting.pop(choices.randrange(len(log.waiting)))()
                await turns(choices.randrange(3))
        while not all(task.done() for task in tasks):
            if log.waiting:
                log.waiting.pop(choices.randrange(len(log.waiting)))()
            await turns(1)
        for (_, size, is_refused), task in zip(steps, tasks, strict=True):
            if is_refused:
                assert isinstance(task.exception(), LogFull)
            else:
                receipt = task.result()
                assert (receipt.accepted, receipt.applied) == (size, size)
        for vdn in log.vdns():
            assert await kept_by(hub, log, vdn) == straight(log, vdn).snapshot()

    asyncio.run(walk())


def test_what_the_log_refuses_is_not_folded_and_questions_are_answered() -> None:
    log = FullLog()

    async def walk() -> None:
        hub = hub_on(log, warn=lambda _: None)
        await hub.ingest(BANK, [offered("a")])
        log.fault = LogFull("no room")
        with pytest.raises(LogFull):
            await hub.ingest(BANK, [offered("b")])
        answer = await hub.rows(BANK, [3])
        assert (answer.rows[0].waiting, answer.position) == (1, 1)
        log.fault = None
        assert await hub.ingest(BANK, [offered("b")]) == Receipt(1, 1, 0, 0, 2)
        assert (await hub.rows(BANK, [3])).rows[0].waiting == 2

    asyncio.run(walk())


def test_who_stops_waiting_stops_nothing() -> None:
    log = SlowLog()

    async def walk() -> None:
        hub = hub_on(log)
        task = asyncio.create_task(hub.ingest(BANK, [offered("a")]))
        await turns()
        task.cancel()
        await turns()
        assert task.cancelled()
        assert (await hub.rows(BANK, [3])).position == 0
        log.waiting.pop()()
        await turns()
        answer = await hub.rows(BANK, [3])
        assert (answer.rows[0].waiting, answer.position) == (1, 1)

    asyncio.run(walk())


def test_stop_waits_for_what_is_under_way() -> None:
    log = SlowLog()

    async def walk() -> None:
        hub = hub_on(log)
        task = asyncio.create_task(hub.ingest(BANK, [offered("a")]))
        await turns()
        stopping = asyncio.create_task(hub.stop())
        await turns()
        assert not stopping.done()
        log.waiting.pop()()
        await stopping
        assert task.result().position == 1
        kept = log.newest_snapshot(BANK)
        assert kept is not None and (kept.position, kept.body) == (1, straight(log, BANK).snapshot())

    asyncio.run(walk())


def test_a_large_batch_lets_others_have_their_turn() -> None:
    """At 0.6 ms for 64 events, which is slow, a turn comes after 192 of them: within 2 ms."""
    positions = [0]

    async def walk() -> None:
        hub = hub_on(MemoryLog(), HandClock(step_s=0.0006))

        async def look() -> None:
            while True:
                positions.append((await hub.rows(BANK, [3])).position)
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        await hub.ingest(BANK, [offered(str(number)) for number in range(10_000)])
        await turns(2)
        looking.cancel()

    asyncio.run(walk())
    assert positions[-1] == 10_000
    assert max(after - before for before, after in itertools.pairwise(positions)) == 192


# Questions


def test_a_vdn_never_heard_of_has_zeros_and_is_not_made_by_asking(log: EventLog) -> None:
    async def walk() -> None:
        hub = hub_on(log)
        answer = await hub.rows(BANK, [5, 3])
        assert [row.skill for row in answer.rows] == [5, 3]
        assert {value for row in answer.rows for value in msgspec.structs.astuple(row)[1:]} == {0}
        assert (answer.position, answer.stale_since_ms, answer.now_ms) == (0, None, NOW_MS)
        await hub.stop()

    asyncio.run(walk())
    assert log.vdns() == []


def test_a_clock_that_jumped_ahead_and_came_back_stands_still_until_time_has_caught_up() -> None:
    clock, log = HandClock(), MemoryLog()

    async def walk() -> None:
        hub = hub_on(log, clock)
        await hub.ingest(BANK, [offered("a", at=None)])
        clock.ms = NOW_MS + 3_600_000
        await hub.ingest(BANK, [offered("b", at=None)])
        clock.ms = NOW_MS + 1_000
        answer = await hub.rows(BANK, [3])
        assert (answer.now_ms, answer.rows[0].wait_s_max) == (NOW_MS + 3_600_000, 3_600)
        await hub.ingest(BANK, [offered("c", at=None)])
        answer = await hub.rows(BANK, [3])
        assert (answer.now_ms, answer.rows[0].waiting) == (NOW_MS + 3_600_000, 3)
        clock.ms = NOW_MS + 3_601_000
        answer = await hub.rows(BANK, [3])
        assert (answer.now_ms, answer.rows[0].wait_s_max) == (NOW_MS + 3_601_000, 3_601)

    asyncio.run(walk())
    assert [event.at for event in logged(log)] == [NOW_MS, NOW_MS + 3_600_000, NOW_MS + 1_000]
