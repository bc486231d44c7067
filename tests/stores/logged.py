"""A log with a stream of events and snapshots in it, for tests of what is told from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.folding import NINE_MS
from queuepulse.engine.codec import encode_events
from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import KeptSnapshot
from queuepulse.stores.sqlite import SqliteLog

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
BATCH = 16


def opened(folder: Path, **options: Any) -> SqliteLog:
    return SqliteLog(folder / "log.sqlite", elapsed=lambda: 0.0, warn=pytest.fail, **options)


async def written(log: SqliteLog, events: Sequence[Event], snapshots: Sequence[int] = ()) -> None:
    """Logs the events as they come, with a snapshot behind some of the batches; another VDN beside them."""
    engine = Vdn()
    for number, begin in enumerate(range(0, len(events), BATCH)):
        some = events[begin : begin + BATCH]
        body, at_ms = encode_events(some), NINE_MS + number
        last = await log.append(BANK, at_ms, len(some), body)
        await log.append(SHOP, at_ms, len(some), body)
        for one in some:
            engine.apply(one)
        engine.advance(engine.clock_ms)
        engine.tell()
        if number in snapshots:
            await log.keep_snapshot(KeptSnapshot(BANK, last, engine.clock_ms, engine.snapshot()))


def in_order(events: Sequence[Event]) -> list[Event]:
    """So that at any instant all before it were logged."""
    return sorted(events, key=lambda one: one.at or 0)
