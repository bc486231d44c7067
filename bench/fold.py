"""How many events a second one core folds: the engine alone, and with decoding and all checks before it."""

import time
from statistics import median
from typing import Final, NamedTuple

from bench.figures import Figure
from bench.machine import in_fresh_interpreter
from bench.sizes import Sizes
from bench.streams import Center, bodies
from queuepulse.collecting import collect_rarely
from queuepulse.engine import codec
from queuepulse.engine.vdn import Vdn

QUEUES: Final = 200
AGENTS: Final = 1_000
START_MS: Final = 1_750_000_000_000
BATCH: Final = 1_000


def measure(sizes: Sizes) -> list[Figure]:
    """200 queues, 1000 agents with three of them each; one interpreter, one core, the median of some runs."""
    folds, whole = in_fresh_interpreter(_runs, sizes.fold_events, sizes.fold_runs)
    return [
        _figure("fold", "fold of decoded events", sizes.fold_events, folds),
        _figure("decode+fold", "decode, check and fold NDJSON", sizes.fold_events, whole),
    ]


class Run(NamedTuple):
    """How long one run took: by the clock, and what the core gave to it of that."""

    elapsed_s: float
    core_s: float

    @classmethod
    def now(cls) -> "Run":
        """What both clocks say."""
        return cls(time.perf_counter(), time.process_time())

    def plus(self, begun: "Run", ended: "Run") -> "Run":
        """This and what lies between the two."""
        return Run(
            self.elapsed_s + ended.elapsed_s - begun.elapsed_s, self.core_s + ended.core_s - begun.core_s
        )


def _figure(key: str, meaning: str, count: int, runs: list[Run]) -> Figure:
    rates = [count / run.elapsed_s for run in runs]
    of_core = median(count / run.core_s for run in runs)
    detail = f"runs {min(rates):,.0f} to {max(rates):,.0f}; by processor time {of_core:,.0f}"
    return Figure(key, meaning, median(rates), "events/s", detail)


def _runs(count: int, runs: int) -> tuple[list[Run], list[Run]]:
    collect_rarely()  # As in the server.
    lines = bodies(Center(QUEUES, AGENTS, START_MS).events(count), BATCH)
    folds, whole = [], []
    for _ in range(runs):
        fold, both = _timed(lines)
        folds.append(fold)
        whole.append(both)
    return folds, whole


def _timed(lines: list[bytes]) -> tuple[Run, Run]:
    """Folds all batches into a new engine: how long that took, and how long with the decoding before.

    As in the server each batch is folded right after it was decoded, and closed five minutes are taken.
    Events that lie in memory for long are slower to fold, because they have left the caches.
    """
    vdn = Vdn()
    fold, both = Run(0.0, 0.0), Run(0.0, 0.0)
    for body in lines:
        begun = Run.now()
        events = codec.decode_lines(body)
        decoded = Run.now()
        for event in events:
            vdn.apply(event)
        vdn.advance(vdn.clock_ms)
        vdn.tell()
        folded = Run.now()
        fold, both = fold.plus(decoded, folded), both.plus(begun, folded)
    return fold, both
