"""How long reads of 1000 queues take while events pour in: 100 batches of 100 a second."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench.figures import Figure, Skipped
from bench.living import CC, VDN, Living, Writer, checked_answer, living
from bench.requests import Connection, question
from bench.running import folder
from bench.sizes import Sizes
from bench.wrk import CONNECTIONS, wrk

BATCHES_PER_S: Final = 100
BATCH_EVENTS: Final = 100
READS_PER_S: Final = 10
"""Of each connection, where they are paced: sixteen wallboards that ask ten times as often as they should."""
STARTS_S: Final = 3.0
SETTLE_S: Final = 0.5


def measure(sizes: Sizes) -> list[Figure]:
    """The 99th percentile, in ms: at a steady pace, and with all connections asking without a pause.

    The goal is that of the steady pace: without pauses the mean is 16 / rate, whatever the server, and the
    rate is that of the two ends of TLS; nginx alone with these bytes is above the aim, too.
    """
    with living(sizes) as alive:
        body = checked_answer(alive, range(1, alive.queues + 1))
        return [_paced(alive, sizes.latency_s), _without_pause(alive, sizes.latency_s, len(body))]


def _writer(alive: Living, seconds: float) -> Writer:
    return Writer(
        alive, batches_per_s=BATCHES_PER_S, batch_events=BATCH_EVENTS, seconds_max=seconds + STARTS_S
    )


def _without_pause(alive: Living, seconds: int, answer_bytes: int) -> Figure:
    signed = question(alive.target, CC, VDN, range(1, alive.queues + 1))
    meaning = f"p99 of {alive.queues}-queue reads, {CONNECTIONS} connections without pause"
    try:
        with folder() as place, _writer(alive, seconds) as writer:
            load = wrk(place).run(alive.target.url, [signed], answer_bytes, seconds)
    except Skipped as skipped:
        return Figure("p99 skipped", meaning, 0, "ms", f"skipped: {skipped}")
    detail = (
        f"{load.rate:,.0f} reads/s, p50 {load.p50_us / 1000:.1f} ms, max {load.max_us / 1000:.0f} ms; "
        f"{_written(writer)}"
    )
    return Figure("p99 saturated", meaning, load.p99_us / 1000, "ms", detail)


def _paced(alive: Living, seconds: int) -> Figure:
    request = question(alive.target, CC, VDN, range(1, alive.queues + 1)).as_bytes()
    with ThreadPoolExecutor(CONNECTIONS) as threads, _writer(alive, seconds) as writer:
        begin_s = time.perf_counter() + SETTLE_S
        begins_s = [begin_s + number / CONNECTIONS / READS_PER_S for number in range(CONNECTIONS)]
        reads = seconds * READS_PER_S
        runs = [threads.submit(_ask_paced, alive, request, begin_s, reads) for begin_s in begins_s]
        waits_ms = sorted(wait_ms for run in runs for wait_ms in run.result())
    detail = (
        f"{CONNECTIONS * READS_PER_S} reads/s, p50 {percentile(waits_ms, 0.5):.1f} ms, "
        f"max {waits_ms[-1]:.0f} ms; {_written(writer)}"
    )
    meaning = f"p99 of {alive.queues}-queue reads, {CONNECTIONS} connections, {READS_PER_S} reads/s each"
    return Figure("p99", meaning, percentile(waits_ms, 0.99), "ms", detail)


def _ask_paced(alive: Living, request: bytes, begin_s: float, reads: int) -> list[float]:
    """How long each read took from when it was due, in ms: its wait for the one before counts, too."""
    waits_ms = []
    with Connection(alive.target.host, alive.target.port) as connection:
        for number in range(reads):
            due_s = begin_s + number / READS_PER_S
            time.sleep(max(due_s - time.perf_counter(), 0))
            status, _ = connection.ask(request)
            assert status == 200
            waits_ms.append((time.perf_counter() - due_s) * 1000)
    return waits_ms


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _written(writer: Writer) -> str:
    return f"{writer.sent:,} batches written, at most {writer.late_ms_max:.0f} ms late"
