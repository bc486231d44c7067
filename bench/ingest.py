"""How many events a second become durable over HTTPS, in batches of 1000, each answered after its commit."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from bench.figures import Figure
from bench.requests import Connection, Target, batch
from bench.running import server
from bench.sizes import Sizes
from bench.streams import MINUTE_MS, Center, bodies
from queuepulse.client import IngestReceipt

QUEUES: Final = 200
AGENTS: Final = 1_000
BATCH: Final = 1_000


def measure(sizes: Sizes) -> list[Figure]:
    """Each connection feeds a VDN of its own, as a switch does, and waits for each answer."""
    with server() as target:
        rates = {}
        for cc, connections in enumerate(sizes.ingest_connections, 1):
            events = sizes.ingest_events // connections
            rates[connections] = _rate(target, cc, connections, events - events % BATCH)
    best = max(rates, key=rates.__getitem__)
    each = [
        Figure(f"ingest {connections}", f"durable ingest, connections: {connections}", rate, "events/s")
        for connections, rate in rates.items()
    ]
    return [
        *each,
        Figure("ingest", "durable ingest, the best of these", rates[best], "events/s", f"{best} connections"),
    ]


def _rate(target: Target, cc: int, connections: int, events: int) -> float:
    start_ms = time.time_ns() // 1_000_000 - 24 * 60 * MINUTE_MS
    parts = bodies(Center(QUEUES, AGENTS, start_ms).events(events), BATCH)
    return rate(target, cc, connections, parts)


def rate(target: Target, cc: int, connections: int, parts: list[bytes]) -> float:
    """Events a second, where each connection posts these bodies to a VDN of its own."""
    streams = [[batch(target, cc, vdn, part) for part in parts] for vdn in range(1, connections + 1)]
    with contextlib.ExitStack() as held:
        lines = [held.enter_context(Connection(target.host, target.port)) for _ in streams]
        threads = held.enter_context(ThreadPoolExecutor(connections))
        begun_s = time.perf_counter()
        accepted = sum(threads.map(_send, lines, streams))
        elapsed_s = time.perf_counter() - begun_s
    sent = connections * sum(part.count(b"\n") for part in parts)
    assert accepted == sent, "an answer told of fewer events than were sent"
    return accepted / elapsed_s


def _send(connection: Connection, requests: list[bytes]) -> int:
    """Posts one batch after the other; gives the number of events acknowledged, each of them new."""
    accepted = 0
    for request in requests:
        status, body = connection.ask(request)
        assert status == 200, body
        receipt = msgspec.json.decode(body, type=IngestReceipt)
        assert receipt.repeated < receipt.accepted, "events counted before make no load"
        accepted += receipt.accepted
    return accepted
