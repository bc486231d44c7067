"""A restart is the newest snapshot and its tail; what the settings say is logged only if it differs."""

import asyncio
import itertools

import msgspec
import pytest

from hub.given import BANK, NOW_MS, SHOP, HandClock, hub_on, kept_by, logged, offered, straight
from queuepulse.engine import codec
from queuepulse.engine.events import Event, SkillConfigured, VdnConfigured
from queuepulse.engine.vdn import Vdn
from queuepulse.hub import HubSettings
from queuepulse.ports import EventLog, KeptSnapshot
from queuepulse.simulator import Assumptions, simulate
from queuepulse.stores.memory import MemoryLog


@pytest.mark.parametrize("seed", range(6))
def test_a_restart_is_the_newest_snapshot_and_its_tail_and_equals_the_whole_log(
    log: EventLog, seed: int
) -> None:
    events = list(simulate(Assumptions(agents=20, skills=5), seed=seed, start_ms=NOW_MS, hours=1))[:1_200]
    ends = sorted({(seed * 397 + step * 211) % len(events) for step in range(9)} | {0, len(events)})

    async def walk() -> None:
        hub = hub_on(log, HandClock(), HubSettings(ahead_ms_max=10**9))
        for number, (begin, end) in enumerate(itertools.pairwise(ends)):
            for vdn in (BANK, SHOP)[: number % 2 + 1]:
                await hub.ingest(vdn, events[begin:end])
            if number % 3 == 0 and end < len(events):
                await hub.stop()  # keeps snapshots
        again = hub_on(log, HandClock(), HubSettings(ahead_ms_max=10**9))
        folded = again.restore()
        tail = 0
        for vdn in (BANK, SHOP):
            kept = log.newest_snapshot(vdn)
            assert kept is not None
            tail += sum(batch.last - batch.first + 1 for batch in log.read(kept.position, vdn))
        assert folded == tail > 0
        for vdn in (BANK, SHOP):
            before, after = await hub.rows(vdn, range(1, 6)), await again.rows(vdn, range(1, 6))
            assert after == before
        for vdn in (BANK, SHOP):
            expected = straight(log, vdn).snapshot()
            assert await kept_by(again, log, vdn) == expected

    asyncio.run(walk())


@pytest.mark.parametrize("position", range(1, 10))
def test_a_snapshot_in_the_midst_of_a_batch_is_gone_on_from_there(log: EventLog, position: int) -> None:
    first = [offered(f"first {number}") for number in range(3)]
    second = [offered(f"second {number}", at=NOW_MS + number) for number in range(6)]

    async def walk() -> None:
        engine = Vdn()
        for event in [*first, *second][:position]:
            engine.apply(event)
        for events in (first, second):
            await log.append(BANK, NOW_MS, len(events), codec.encode_events(events))
        await log.keep_snapshot(KeptSnapshot(BANK, position, NOW_MS, engine.snapshot()))
        hub = hub_on(log)
        assert hub.restore() == 9 - position
        answer = await hub.rows(BANK, [3])
        assert answer.rows[0].waiting == 9
        # A snapshot is its own answer if nothing came after it.
        assert await kept_by(hub, log, BANK) == straight(log, BANK).snapshot()

    asyncio.run(walk())


def test_a_snapshot_that_cannot_be_read_is_told_and_the_whole_log_is_folded() -> None:
    log, told = MemoryLog(), []

    async def walk() -> None:
        await hub_on(log).ingest(BANK, [offered("a"), offered("b")])
        await log.keep_snapshot(KeptSnapshot(BANK, 2, NOW_MS, b"of another release"))
        hub = hub_on(log, warn=told.append)
        assert hub.restore() == 2
        assert (await hub.rows(BANK, [3])).rows[0].waiting == 2

    asyncio.run(walk())
    (sentence,) = told
    assert "1/1" in sentence


def test_only_what_differs_from_the_log_is_declared(log: EventLog) -> None:
    vdn = VdnConfigured(name="Bank", timezone="Europe/Berlin", day_starts="06:00")
    loans, cards = SkillConfigured(skill=3, name="Loans"), SkillConfigured(skill=4, wrapup_ms=9_000)

    async def declared(*events: SkillConfigured | VdnConfigured) -> list[Event]:
        hub, before = hub_on(log), len(logged(log))
        hub.restore()
        await hub.declare(BANK, events)
        return logged(log)[before:]

    async def walk() -> None:
        assert len(await declared(vdn, loans, cards)) == 3
        assert await declared(vdn, loans, cards) == []
        (event,) = await declared(vdn, msgspec.structs.replace(loans, name="Credit"), cards)
        assert isinstance(event, SkillConfigured) and (event.skill, event.name, event.at) == (
            3,
            "Credit",
            NOW_MS,
        )
        # What the settings leave open stays as the log says.
        assert await declared(VdnConfigured(), SkillConfigured(skill=3), SkillConfigured(skill=4)) == []

    asyncio.run(walk())
