"""What history costs while events come in, and how long a long question to it takes."""

import asyncio
import contextlib
import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import msgspec

from bench import steady
from bench.figures import Figure
from bench.machine import in_fresh_interpreter
from bench.sizes import Sizes
from bench.streams import Center, bodies
from queuepulse.chronicle import Chronicle
from queuepulse.collecting import collect_rarely
from queuepulse.engine import codec
from queuepulse.engine.blocks import QUEUE, Bodies, encode
from queuepulse.engine.events import VdnKey
from queuepulse.engine.fields import QUEUE_FIELDS
from queuepulse.engine.histograms import counted
from queuepulse.engine.vdn import Vdn
from queuepulse.hub import Hub, HubSettings, SystemClock
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.ports import Told
from queuepulse.stores.history import pages
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.history_worker import WorkerHistory
from queuepulse.stores.records import RecentFives
from queuepulse.stores.rollups import QUARTER, QUARTER_MS, State
from queuepulse.stores.sqlite import SqliteLog

QUEUES: Final = 200
AGENTS: Final = 1_000
BATCH: Final = 1_000
START_MS: Final = 1_750_000_000_000
VDN: Final = VdnKey(1, 1)
KEEP_DAYS: Final = {"5min": 35, "15min": 400, "day": 3_650}
DRAWN: Final = 96
"""Blocks that differ: a day of them, again and again."""
ASKED: Final = ["offered", "answered"]


def measure(sizes: Sizes) -> list[Figure]:
    """Each in a fresh interpreter, on files in a temporary folder."""
    burst = in_fresh_interpreter(_costs, sizes.history_events, sizes.history_pairs)
    question = in_fresh_interpreter(_questions, sizes.history_days, sizes.history_queues, sizes.history_runs)
    asked = f"{sizes.history_days} days, {sizes.history_queues} queues, 15 minutes: 2 figures, as JSON"
    return [
        _cost("history cost", "of durable ingest, what history takes", burst),
        steady.measure(sizes),
        Figure(
            "history question",
            "a question to history, " + asked,
            median(question),
            "ms",
            f"runs {min(question):.0f} to {max(question):.0f}",
        ),
    ]


# What it costs


def _cost(key: str, meaning: str, costs: tuple[list[float], list[float], list[float]]) -> Figure:
    shares, of_core, late = costs
    detail = (
        f"pairs {', '.join(f'{share:.0f}' for share in sorted(shares))}; by the server's own processor time "
        f"{median(of_core):.1f}; the worker is done {median(late):.1f} s later"
    )
    return Figure(key, meaning, median(shares), "%", detail)


class Ingested(NamedTuple):
    """Seconds until all was durable and folded, by the clock and by the processor; and then until history."""

    elapsed_s: float
    core_s: float
    behind_s: float


def _costs(count: int, pairs: int) -> tuple[list[float], list[float], list[float]]:
    """By how much the ingest of the same batches is slower with a history than without, in percent.

    By the clock, and by the processor's time of the program that ingests; and by how many seconds history is
    behind in the end. The two of a pair run one after the other, so that what disturbs one disturbs both; in
    every second pair the one with a history is first, so that neither always finds the other's traces. Both
    begin alike: no dead objects of the run before are left, and what it wrote is on the disk.
    """
    collect_rarely()  # As in the server.
    parts = [
        codec.decode_lines(body) for body in bodies(Center(QUEUES, AGENTS, START_MS).events(count), BATCH)
    ]
    shares, of_core, late = [], [], []
    for number in range(pairs):
        found = {}
        for told in (False, True) if number % 2 == 0 else (True, False):
            gc.collect()
            os.sync()
            found[told] = asyncio.run(_ingest(parts, with_history=told))
        plain, whole = found[False], found[True]
        shares.append(100 * (1 - plain.elapsed_s / whole.elapsed_s))
        of_core.append(100 * (1 - plain.core_s / whole.core_s))
        late.append(whole.behind_s)
    return shares, of_core, late


async def _ingest(parts: list[list[codec.Event]], *, with_history: bool) -> Ingested:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as held:
        log = held.enter_context(
            contextlib.closing(SqliteLog(Path(folder, "log"), elapsed=clock.elapsed, warn=print))
        )
        chronicle = None
        if with_history:
            history = WorkerHistory(None, Path(folder, "history"), KEEP_DAYS)
            # As in a server that runs: the worker is there.
            history.write_now([Told(VDN, 0, Vdn().tell())])
            held.callback(history.close)
            chronicle = Chronicle(history, print)
        metrics = Metrics(Readings(*[int] * len(Readings._fields)))  # Nobody scrapes.
        hub = Hub(
            log,
            clock,
            metrics,
            HubSettings(ahead_ms_max=10**12),
            print,
            lambda *_: None,
            RecentFives(),
            chronicle,
        )
        writing = asyncio.create_task(hub.chronicle.run())
        begun_s, core_s = time.perf_counter(), time.process_time()
        for events in parts:
            await hub.ingest(VDN, events)
        ended_s, core_s = time.perf_counter(), time.process_time() - core_s
        await hub.chronicle.flush()
        behind_s = time.perf_counter() - ended_s
        writing.cancel()
    return Ingested(ended_s - begun_s, core_s, behind_s)


# A long question


def _questions(days: int, queues: int, runs: int) -> list[float]:
    """Milliseconds from the question to the bytes of the answer."""
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteHistory(Path(folder, "history"))
        with contextlib.closing(database):
            to_ms, quarters = fill(database, START_MS, days, queues), days * DRAWN
            took = []
            for _ in range(runs):
                begun_s = time.perf_counter()
                answer = b"".join(_answer(database, to_ms))
                took.append(1000 * (time.perf_counter() - begun_s))
                told = msgspec.json.decode(answer)
                assert len(told) == quarters and len(told[-1]["offered"]) == queues
    return took


def fill(database: SqliteHistory, from_ms: int, days: int, queues: int) -> int:
    """Writes as many days of quarters of an hour; gives when they end."""
    drawn = [_block(number, queues) for number in range(DRAWN)]
    to_ms = from_ms + days * DRAWN * QUARTER_MS

    def write(blocks: SqlBlocks) -> None:
        for number in range(days * DRAWN):
            blocks.put(VDN, QUEUE.name, QUARTER, from_ms + number * QUARTER_MS, drawn[number % DRAWN])
        blocks.set_state(VDN, State(1, to_ms, from_ms))

    database.write(write)
    return to_ms


def _block(seed: int, queues: int) -> Bodies:
    rng = random.Random(seed)
    records = {}
    for skill in range(1, queues + 1):
        record = QUEUE.blank()
        for place, name in enumerate(QUEUE_FIELDS):
            record.counts[place] = rng.randrange(900_000 if name.endswith(("_ms", "_max")) else 40)
        for span in range(len(QUEUE.spans)):
            for _ in range(9):
                record.entries = counted(record.entries, span, rng.randrange(60_000))
        records[skill] = record
    return encode(QUEUE, records)


def _answer(database: SqliteHistory, to_ms: int) -> Iterator[bytes]:
    """The periods as JSON, column by column."""
    with database.reading() as blocks:
        yield b"["
        comma = b""
        for page in pages(blocks, VDN, QUEUE, QUARTER, ASKED, START_MS, to_ms):
            values = ([0] * len(page.ids) if one is None else one.tolist() for one in page.columns)
            yield comma + msgspec.json.encode({"at": page.at_ms, **dict(zip(ASKED, values, strict=True))})
            comma = b","
        yield b"]"
