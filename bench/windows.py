"""How long questions about windows take: a sliding hour of many queues, and a month by quarters."""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Figure
from bench.history import START_MS, VDN, fill
from bench.machine import in_fresh_interpreter
from bench.sizes import Sizes
from bench.streams import Center
from queuepulse.chronicle import Chronicle
from queuepulse.hub import Hub, HubSettings, SystemClock
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.protocol.keys import Key
from queuepulse.recall import Recall
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives
from queuepulse.v1.app import Asked
from queuepulse.v1.figures import Figures
from queuepulse.v1.interfaces import FIGURES
from queuepulse.v1.parameters import Limits, read_query

QUEUES: Final = 200
AGENTS: Final = 1_000
BATCH: Final = 1_000
STEP_MS: Final = 1_000
"""Between two questions, as somebody who looks each second."""
MONTH: Final = "figures=offered,answered&grain=15min"


class Moving:
    """The real clock for what things take; the time of day is the bench's."""

    def __init__(self) -> None:
        self.ms = START_MS
        self._real = SystemClock()

    def now_ms(self) -> int:
        return self.ms

    def elapsed(self) -> float:
        return self._real.elapsed()


def measure(sizes: Sizes) -> list[Figure]:
    """Each in a fresh interpreter."""
    first, sliding = in_fresh_interpreter(_sliding, sizes.window_minutes, sizes.window_asks)
    month = in_fresh_interpreter(_month, sizes.history_days, sizes.history_queues, sizes.history_runs)
    return [
        Figure(
            "sliding hour",
            f"a sliding hour, {QUEUES} queues, all figures, each second anew",
            median(sliding),
            "ms",
            f"{min(sliding):.1f} to {max(sliding):.1f}; the first question {first:.0f}",
        ),
        Figure(
            "figures of a month",
            f"/v1/figures: {sizes.history_days} days, {sizes.history_queues} queues, 15 minutes: 2 figures",
            median(month),
            "ms",
            f"{min(month):.0f} to {max(month):.0f}",
        ),
    ]


def _hub(clock: Moving, chronicle: Chronicle | None = None) -> Hub:
    metrics = Metrics(Readings(*[int] * len(Readings._fields)))  # Nobody scrapes.
    settings = HubSettings(ahead_ms_max=10**12)
    return Hub(MemoryLog(), clock, metrics, settings, print, lambda *_: None, RecentFives(), chronicle)


async def _ask(figures: Figures, query: str) -> float:
    """Milliseconds until the bytes of the answer."""
    begun_s = time.perf_counter()
    values = read_query(query.encode(), FIGURES.parameters, Limits(10_000))
    told = await figures(Asked(Key("ak", "bench", "sk", sees_all=True), VDN, values))
    took_ms = 1000 * (time.perf_counter() - begun_s)
    assert isinstance(told.body, bytes) and len(told.body) > 10_000
    return took_ms


def _sliding(minutes: int, asks: int) -> tuple[float, list[float]]:
    async def run() -> tuple[float, list[float]]:
        clock = Moving()
        hub, center = _hub(clock), Center(QUEUES, AGENTS, START_MS)
        end_ms = START_MS + minutes * 60_000
        events = list(center.until(end_ms))
        for begin in range(0, len(events), BATCH):
            await hub.ingest(VDN, events[begin : begin + BATCH])
        clock.ms = end_ms
        with tempfile.TemporaryDirectory() as folder:
            database = SqliteHistory(Path(folder, "history"))
            recall = Recall(hub, database, clock)
            figures = Figures(recall)
            query = f"cc=1&vdn=1&skills=1-{QUEUES}&seconds=3600"
            first_ms, took_ms = await _ask(figures, query), []
            for _ in range(asks):
                clock.ms += STEP_MS
                await hub.ingest(VDN, list(center.until(clock.ms)))
                took_ms.append(await _ask(figures, query))
            recall.close()
            database.close()
        return first_ms, took_ms

    return asyncio.run(run())


def _month(days: int, queues: int, runs: int) -> list[float]:
    async def run() -> list[float]:
        clock = Moving()
        with tempfile.TemporaryDirectory() as folder:
            database = SqliteHistory(Path(folder, "history"))
            end_ms = fill(database, START_MS, days, queues)
            clock.ms = end_ms
            recall = Recall(_hub(clock), database, clock)
            query = f"cc=1&vdn=1&skills=1-{queues}&from={START_MS}&to={end_ms}&{MONTH}"
            took_ms = [await _ask(Figures(recall), query) for _ in range(runs)]
            recall.close()
            database.close()
        return took_ms

    return asyncio.run(run())
