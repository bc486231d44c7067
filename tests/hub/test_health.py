"""What a hub tells of its VDNs' health: corrections once, and the same after a restart."""

import asyncio
from typing import Any

from hub.given import BANK, NOW_MS, SHOP, HandClock, SlowLog, hub_on, offered, turns
from queuepulse.engine.accounts import Correction
from queuepulse.engine.events import LinkLost, LinkRestored, PictureCall, Snapshot, VdnKey
from queuepulse.ports import EventLog
from queuepulse.vdn_health import Checks

ALL = frozenset(("agents", "waiting", "talking"))


def picture(after_ms: int, *calls: str) -> Snapshot:
    waiting = tuple(PictureCall(call=call, skill=1, waiting_since=NOW_MS) for call in calls)
    at_ms = NOW_MS + after_ms
    return Snapshot(
        at=at_ms, id=f"p{after_ms}", source="pbx", asked_at=at_ms - 10, covers=ALL, agents=(), calls=waiting
    )


def test_each_picture_that_corrected_something_is_told_once_with_its_vdn(log: EventLog) -> None:
    told: list[tuple[VdnKey, Correction]] = []
    hub = hub_on(log, on_correction=lambda *what: told.append(what))

    async def walk() -> None:
        await hub.ingest(BANK, [picture(100, "a", "b"), picture(200, "a", "b"), picture(300, "b")])
        await hub.ingest(SHOP, [LinkLost(at=NOW_MS, source="pbx"), picture(400, "c")])

    asyncio.run(walk())
    assert told == [
        (BANK, Correction("pbx", NOW_MS + 90, NOW_MS + 100, False, {"pass_opened": 2})),
        (BANK, Correction("pbx", NOW_MS + 290, NOW_MS + 300, False, {"pass_closed": 1})),
        (SHOP, Correction("pbx", NOW_MS + 390, NOW_MS + 400, True, {"pass_opened": 1})),
    ]
    assert hub.checks() == Checks(
        {"pass_opened": 3, "pass_closed": 1},
        {"agreed": 1, "corrected": 3},
        {"checked": 1, "awaited": 0, "unchecked": 0, "lost": 1},
    )


def test_after_a_restart_health_is_the_same_and_nothing_is_told_again(log: EventLog) -> None:
    told: list[Any] = []

    async def walk() -> None:
        hub = hub_on(log)
        await hub.ingest(BANK, [picture(100, "a"), LinkLost(at=NOW_MS + 150, source="pbx")])
        await hub.stop()  # keeps a snapshot
        await hub.ingest(BANK, [picture(200), LinkRestored(at=NOW_MS + 200, source="pbx"), picture(300)])
        again = hub_on(log, on_correction=lambda *what: told.append(what))
        again.restore()
        assert again.vdns() == hub.vdns() == [BANK]
        assert again.health(BANK) == hub.health(BANK)
        assert again.health(BANK).confident_since == NOW_MS + 200
        await again.ingest(BANK, [offered("b")])

    asyncio.run(walk())
    assert told == []


def test_a_vdn_lags_by_its_own_batches_alone() -> None:
    log, clock = SlowLog(), HandClock()
    hub = hub_on(log, clock)

    async def walk() -> None:
        sending = asyncio.create_task(hub.ingest(BANK, [offered("a")]))
        await turns()
        clock.s += 0.75
        assert hub.health(BANK).lag_ms == 750
        assert hub.health(SHOP).lag_ms == 0
        assert hub.lag_s() == 0.75
        log.waiting[0]()
        await sending
        assert (hub.health(BANK).lag_ms, hub.health(BANK).position) == (0, 1)

    asyncio.run(walk())
