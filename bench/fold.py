"""How many events a second one core folds: the engine alone, and with decoding and all checks before it."""

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Final, NamedTuple

from bench.figures import Figure
from bench.machine import in_fresh_interpreter
from bench.sizes import Sizes
from bench.streams import Center, bodies
from queuepulse.engine import codec
from queuepulse.engine.events import Event
from queuepulse.engine.vdn import Vdn

QUEUES: Final = 200
AGENTS: Final = 1_000
START_MS: Final = 1_750_000_000_000
BATCH: Final = 1_000


def measure(sizes: Sizes) -> list[Figure]:
    """200 queues, 1000 agents with three of them each; one interpreter, one core, the median of some runs."""
    folds, whole = in_fresh_interpreter(_runs, sizes.fold_events, sizes.fold_runs)
    return [
        _figure("fold", "fold, events decoded before", sizes.fold_events, folds),
        _figure("decode+fold", "decode, check and fold NDJSON", sizes.fold_events, whole),
    ]


class Run(NamedTuple):
    """How long one run took: by the clock, and what the core gave to it of that."""

    elapsed_s: float
    core_s: float


def _figure(key: str, meaning: str, count: int, runs: list[Run]) -> Figure:
    rates = [count / run.elapsed_s for run in runs]
    of_core = median(count / run.core_s for run in runs)
    detail = f"runs {min(rates):,.0f} to {max(rates):,.0f}; by processor time {of_core:,.0f}"
    return Figure(key, meaning, median(rates), "events/s", detail)


def _runs(count: int, runs: int) -> tuple[list[Run], list[Run]]:
    events = Center(QUEUES, AGENTS, START_MS).events(count)
    lines = bodies(events, BATCH)
    folds, whole = [], []
    for _ in range(runs):
        folds.append(_timed(lambda: [events]))
        whole.append(_timed(lambda: map(codec.decode_lines, lines)))
    return folds, whole


def _timed(batches: Callable[[], Iterable[list[Event]]]) -> Run:
    """Folds all batches into a new engine; what makes them is timed, too."""
    vdn = Vdn()
    begun_s, core_s = time.perf_counter(), time.process_time()
    for batch in batches():
        for event in batch:
            vdn.apply(event)
    return Run(time.perf_counter() - begun_s, time.process_time() - core_s)
