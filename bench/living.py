"""A center whose figures change all the time: a server that holds it, and a writer that goes on with it."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

import msgspec

from bench.requests import Connection, Target, batch, question
from bench.running import server
from bench.sizes import Sizes
from bench.streams import MINUTE_MS, Center, bodies, happening_now
from queuepulse.protocol.interfaces import SKILL_STATE

CC: Final = 1
VDN: Final = 1
PRELOAD_BATCH: Final = 10_000
CONNECTIONS: Final = 8
"""Of the writer: a batch may take eight times as long as the pace."""


class Living(NamedTuple):
    """The server, the center that goes on in it, and the queues it has."""

    target: Target
    center: Center
    queues: int


@contextlib.contextmanager
def living(sizes: Sizes) -> Iterator[Living]:
    """A server that holds a simulated center in full swing."""
    now_ms = time.time_ns() // 1_000_000
    center = Center(sizes.center_queues, sizes.center_agents, now_ms - sizes.center_minutes * MINUTE_MS)
    past = list(center.until(now_ms))
    with server() as target, Connection(target.host, target.port) as connection:
        for body in bodies(past, PRELOAD_BATCH):
            status, answer = connection.ask(batch(target, CC, VDN, body))
            assert status == 200, answer
        yield Living(target, center, sizes.center_queues)


def checked_answer(living: Living, skill_ids: Sequence[int]) -> bytes:
    """One answer for these queues, after a look at it: every queue is there, in order, and work goes on."""
    with Connection(living.target.host, living.target.port) as connection:
        status, body = connection.ask(question(living.target, CC, VDN, skill_ids).as_bytes())
    told = msgspec.json.decode(body)
    assert status == 200, body
    assert told["resultCode"] == "0100000", body
    assert told["resultDesc"] == told["resultDatas"]
    skill, signed_in, *_ = (column.wire for column in SKILL_STATE.columns)
    assert [row[skill] for row in told["resultDesc"]] == list(skill_ids)
    assert any(row[signed_in] for row in told["resultDesc"]), "nobody works there"
    return body


class Writer:
    """Posts batches at a steady pace until its block ends; `sent` and `late_ms_max` tell how it went.

    It has several connections, as several switches would: a batch does not wait for the answer to the last.
    """

    def __init__(self, living: Living, *, batches_per_s: int, batch_events: int, seconds_max: float) -> None:
        self.sent = 0
        self.late_ms_max = 0.0
        self._living = living
        self._period_s = 1 / batches_per_s
        events = living.center.events(round(batches_per_s * seconds_max) * batch_events)
        requests = [
            batch(living.target, CC, VDN, body) for body in bodies(happening_now(events), batch_events)
        ]
        # An iterator in C: taking from it is one step, whichever thread does.
        self._due = zip(itertools.count(), requests, strict=False)
        self._ended = threading.Event()
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._begun_s = 0.0
        self._runs: list[Future[None]] = []

    def __enter__(self) -> "Writer":
        self._begun_s = time.perf_counter()
        self._runs = [self._threads.submit(self._run) for _ in range(CONNECTIONS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._threads.shutdown()
        for run in self._runs:
            run.result()
        assert next(self._due, None) is not None, "the writer ran out of events"

    def _run(self) -> None:
        with Connection(self._living.target.host, self._living.target.port) as connection:
            for number, request in self._due:
                late_s = time.perf_counter() - self._begun_s - number * self._period_s
                if self._ended.wait(max(-late_s, 0)):
                    return
                status, answer = connection.ask(request)
                assert status == 200, answer
                self.sent += 1
                self.late_ms_max = max(late_s * 1000, self.late_ms_max)
