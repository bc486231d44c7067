"""What tests give to a hub: clocks, logs that are slow or full; and what they look at. No test lives here."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from queuepulse.engine import codec
from queuepulse.engine.accounts import Correction
from queuepulse.engine.events import CallOffered, Event, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.hub import Hub, HubSettings
from queuepulse.ports import EventLog, KeptSnapshot, LogFull
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
NOW_MS = 1_704_164_645_500
"""2024-01-02T03:04:05.5Z: the next five minutes begin in 54.5 seconds."""
FIVE_MS = 300_000


class HandClock:
    """A clock that stands still. Each look at its seconds costs `step_s`, for what is done in slices."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.ms = NOW_MS
        self.s = 0.0
        self.step_s = step_s

    def now_ms(self) -> int:
        return self.ms

    def elapsed(self) -> float:
        self.s += self.step_s
        return self.s


class Tally:
    """`Meters` that count what a hub tells."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.clamped_events = 0

    def folded(self, outcome: str, count: int) -> None:
        self.outcomes[outcome] += count

    def clamped(self, count: int) -> None:
        self.clamped_events += count

    def answered(self, interface: str, status: int, elapsed_s: float) -> None: ...

    def refused(self, interface: str, reason: str) -> None: ...

    def authentication_failed(self, cause: str) -> None: ...

    def committed(self, elapsed_s: float) -> None: ...

    def translator_failed(self, kind: str) -> None: ...


class SlowLog(MemoryLog):
    """A log whose disk is slow: an append is durable, or refused, when the test says so.

    `waiting` are the appends under way, in order; a refused one takes no place in the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], None]] = []
        self.refuses: Callable[[], bool] = lambda: False

    def append(self, vdn: VdnKey, at_ms: int, count: int, body: bytes) -> Awaitable[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.refuses():
            self.waiting.append(lambda: future.set_exception(LogFull("no room")))
        else:
            place = super().append(vdn, at_ms, count, body)
            assert isinstance(place, asyncio.Future)
            self.waiting.append(lambda: future.set_result(place.result()))
        return future


class FullLog(MemoryLog):
    """A log on a disk that may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: LogFull | None = None

    def append(self, vdn: VdnKey, at_ms: int, count: int, body: bytes) -> Awaitable[int]:
        if self.fault is not None:
            raise self.fault
        return super().append(vdn, at_ms, count, body)

    def keep_snapshot(self, snapshot: KeptSnapshot) -> Awaitable[None]:
        if self.fault is not None:
            raise self.fault
        return super().keep_snapshot(snapshot)


def hub_on(
    log: EventLog,
    clock: Any = None,
    settings: HubSettings | None = None,
    meters: Tally | None = None,
    warn: Callable[[str], None] = pytest.fail,
    on_correction: Callable[[VdnKey, Correction], None] = lambda vdn, correction: None,
    records: RecentFives | None = None,
) -> Hub:
    kept = RecentFives() if records is None else records
    counted = meters or Tally()
    return Hub(log, clock or HandClock(), counted, settings or HubSettings(), warn, on_correction, kept)


def logged(log: EventLog, vdn: VdnKey | None = None) -> list[Event]:
    return [event for batch in log.read(vdn=vdn) for event in codec.decode_trusted(batch.body)]


def straight(log: EventLog, vdn: VdnKey) -> Vdn:
    """The engine that folds all that the log has of this VDN, from its beginning."""
    engine = Vdn()
    for batch in log.read(vdn=vdn):
        for event in codec.decode_trusted(batch.body):
            engine.apply(event)
        engine.advance(engine.clock_ms)
        engine.tell()
    return engine


async def kept_by(hub: Hub, log: EventLog, vdn: VdnKey) -> bytes | None:
    """The engine of a VDN as the hub writes it down when it stops."""
    await hub.stop()
    kept = log.newest_snapshot(vdn)
    return kept.body if kept else None


def offered(call: str, **keys: Any) -> CallOffered:
    return CallOffered(call=call, **{"skill": 3, "at": NOW_MS, "id": call, **keys})


async def turns(count: int = 20) -> None:
    """Lets everything else on the loop go as far as it can."""
    for _ in range(count):
        await asyncio.sleep(0)
