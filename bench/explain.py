"""How long it takes to say what a figure is made of: a live one, and one of an hour ago."""

import asyncio
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.figures import Figure
from bench.machine import in_fresh_interpreter
from bench.sizes import Sizes
from bench.streams import Center
from queuepulse.engine.events import VdnKey
from queuepulse.engine.figures import FIGURES
from queuepulse.engine.measures import SLIDING
from queuepulse.engine.queues import FIVE_MS
from queuepulse.explainer import HubExplainer
from queuepulse.hub import Hub, HubSettings, SystemClock
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.retelling import Why
from queuepulse.stores.records import RecentFives
from queuepulse.stores.retold_worker import Retellers
from queuepulse.stores.sqlite import SqliteLog

QUEUES: Final = 200
AGENTS: Final = 1_000
START_MS: Final = 1_750_000_000_000
BATCH: Final = 1_000
SNAPSHOTS: Final = 10
"""Snapshots on the way: a server keeps one in ten minutes."""
LATE_MS: Final = 2 * FIVE_MS - 1_000
VDN: Final = VdnKey(1, 1)
ASKED: Final = (
    *(Why(1, figure.name) for figure in FIGURES),
    *(
        Why(1, name, window=SLIDING, seconds=3_600)
        for name in ("offered", "service_level_ignore", "occupancy")
    ),
)
"""The nineteen, and some over the longest window that is in memory."""


class _Took(NamedTuple):
    """Milliseconds: of each run the slowest figure, its name, and of a question about the past."""

    live_ms: list[float]
    slowest: str
    past_ms: list[float]
    past_s: float


def measure(sizes: Sizes) -> list[Figure]:
    """In a fresh interpreter, on a log in a temporary folder."""
    took = _Took(*in_fresh_interpreter(_run, sizes.explain_events, sizes.explain_runs))
    return [
        Figure(
            "explain",
            f"a live figure of one of {QUEUES} queues explained, the slowest of {len(ASKED)}",
            median(took.live_ms),
            "ms",
            f"{took.slowest}; at most {max(took.live_ms):.1f}",
        ),
        Figure(
            "explain past",
            f"the same of {took.past_s / 60:.0f} minutes ago, out of the log",
            median(took.past_ms),
            "ms",
            f"{sizes.explain_events:,} events; the first, which starts the worker, {took.past_ms[0]:.0f}",
        ),
    ]


def _run(events: int, runs: int) -> tuple[list[float], str, list[float], float]:
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_explained(Path(name), events, runs))


async def _explained(folder: Path, count: int, runs: int) -> tuple[list[float], str, list[float], float]:
    file, clock = folder / "log.sqlite", SystemClock()
    log = SqliteLog(file, elapsed=clock.elapsed, warn=print)
    settings = HubSettings(snapshot_every_events=max(count // SNAPSHOTS, 1))
    metrics = Metrics(Readings(*[int] * len(Readings._fields)))  # Nobody scrapes.
    hub = Hub(log, clock, metrics, settings, print, lambda vdn, correction: None, RecentFives())
    center = Center(QUEUES, AGENTS, START_MS)
    events = center.events(count)
    # Late in five minutes there is most to explain.
    events += center.until((events[-1].at or 0) // FIVE_MS * FIVE_MS + LATE_MS)
    with closing(log), closing(Retellers(file, 600.0)) as retellers:
        for begin in range(0, len(events), BATCH):
            await hub.ingest(VDN, events[begin : begin + BATCH])
            await hub._keep_due()
        explainer = HubExplainer(hub, clock, retellers)
        end_ms = hub.hosted[VDN].engine.clock_ms
        took: dict[str, list[float]] = {}
        for _ in range(runs):
            for why in ASKED:
                begun_s = time.perf_counter()
                await explainer.explain(VDN, why._replace(at_ms=end_ms))
                took.setdefault(why.figure, []).append(1000 * (time.perf_counter() - begun_s))
        ago_ms = min(3_600_000, (end_ms - START_MS) // 2)
        past_ms = []
        for number in range(max(3, runs // 3)):
            begun_s = time.perf_counter()
            await explainer.explain(VDN, Why(1, "wait_s_mean", end_ms - ago_ms - number))
            past_ms.append(1000 * (time.perf_counter() - begun_s))
    slowest = max(took, key=lambda name: median(took[name]))
    return took[slowest], slowest, past_ms, ago_ms / 1000
