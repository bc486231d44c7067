"""How long a start takes with so many events in the log: from exec to the first /readyz that says yes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.figures import Figure
from bench.running import folder, free_port, program, serve_command, wait_ready
from bench.sizes import Sizes
from bench.streams import MINUTE_MS, Center
from queuepulse.engine import codec
from queuepulse.engine.events import Event, SourceRestarted, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import KeptSnapshot
from queuepulse.stores.folder import Folder
from queuepulse.stores.sqlite import SqliteLog

QUEUES: Final = 200
AGENTS: Final = 1_000
KEY: Final = VdnKey(1, 1)
BATCH: Final = 1_000
ROUND_EVENTS: Final = 250_000
"""Simulated once, then told again and again, each time later: a simulation of millions would take minutes."""
AT_ONCE: Final = 64
"""Batches given to the log before it is waited for."""


def measure(sizes: Sizes) -> list[Figure]:
    """One VDN, killed just before its next snapshot was due: the most that a start has to fold of it."""
    events = Center(QUEUES, AGENTS, 0).events(min(ROUND_EVENTS, max(sizes.restart_events)))
    return [_restart(sizes, events, count) for count in sizes.restart_events]


def _restart(sizes: Sizes, events: Sequence[Event], count: int) -> Figure:
    with folder() as place:
        with Folder(place) as kept:
            tail = asyncio.run(_write(kept.log_file, events, count, sizes.snapshot_every))
            megabytes = kept.log_file.stat().st_size / 2**20
        times_s = [_start_s(place) for _ in range(sizes.restart_runs)]
    return Figure(
        f"restart {count}",
        f"start with {count:,} events in the log",
        median(times_s),
        "s",
        f"{tail:,} of them since the snapshot; {megabytes:,.0f} MB; {min(times_s):.2f} to {max(times_s):.2f}",
    )


def _start_s(place: Path) -> float:
    port = free_port()
    begun_s = time.perf_counter()
    with program(serve_command(place, port), place) as running:
        wait_ready(port, running, place)
        elapsed_s = time.perf_counter() - begun_s
        # A gentle end would keep a snapshot, and the next start would have nothing to fold.
        running.kill()
        running.wait()
    return elapsed_s


async def _write(file: Path, events: Sequence[Event], count: int, snapshot_every: int) -> int:
    """Logs and folds the events, with snapshots as the hub keeps them; gives what came after the last one."""
    log = SqliteLog(file, elapsed=time.perf_counter, warn=print)
    engine = Vdn()
    position, unkept = 0, 0
    # So that the last one lies as far back as it can.
    due = (count + BATCH) % snapshot_every or snapshot_every
    waited_for = []
    for batch in _batches(events, count):
        at_ms = batch[-1].at or 0
        waited_for.append(log.append(KEY, at_ms, len(batch), codec.encode_events(batch)))
        for event in batch:
            engine.apply(event)
        engine.advance(engine.clock_ms)
        engine.tell()  # As in the hub: what is told is history's, and not the snapshot's.
        position, unkept = position + len(batch), unkept + len(batch)
        if len(waited_for) == AT_ONCE or position >= due:
            await asyncio.gather(*waited_for)
            waited_for.clear()
        if position >= due:
            await log.keep_snapshot(KeptSnapshot(KEY, position, at_ms, engine.snapshot()))
            due, unkept = due + snapshot_every, 0
    await asyncio.gather(*waited_for)
    log.close()
    return unkept


def _batches(events: Sequence[Event], count: int) -> Iterator[list[Event]]:
    """So many events, up to a minute ago, in batches as the hub gets them."""
    span_ms = (events[-1].at or 0) + MINUTE_MS
    rounds = -(-count // len(events))
    start_ms = time.time_ns() // 1_000_000 - rounds * span_ms
    left = count
    for number in range(rounds):
        shift_ms = start_ms + number * span_ms
        for begin in range(0, min(left, len(events)), BATCH):
            some = events[begin : begin + min(BATCH, left - begin)]
            moved = [msgspec.structs.replace(event, at=(event.at or 0) + shift_ms) for event in some]
            if begin == 0:
                # Calls of the round before have no end.
                moved[0] = SourceRestarted(at=shift_ms)
            yield moved
        left -= len(events)
