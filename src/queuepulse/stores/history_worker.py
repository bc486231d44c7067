"""History written by a program of its own: adding up takes as long as folding, and must not hold the loop.

The server shows what its engines told and waits; the worker adds it up and writes it. It holds nothing that
matters: killed, it is started anew, and what was under way is told again.
Numbers lie in memory that both see. Sent through a pipe they would be copied eight times, and what they push
out of the processor's caches costs the server as much as all else that the worker does.
"""

import asyncio
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from queuepulse.engine.events import VdnKey
from queuepulse.engine.facts import Closed, Facts
from queuepulse.engine.finished import Finished
from queuepulse.ports import HistoryUnavailable, Told
from queuepulse.stores.history import Database, KeptHistory, open_history
from queuepulse.stores.passes import KeptCalls
from queuepulse.stores.rollups import KEPT_CALLS
from queuepulse.stores.workers import settle_in

SHARED_BYTES: Final = 8 * 2**20
"""What server and worker both see: three times what is written at once; what has no room there is sent."""
_SPAWN: Final = multiprocessing.get_context("spawn")


class Shared:
    """Memory that a server and its worker see: one writes, and then the other reads."""

    def __init__(self, memory: Any) -> None:
        self._bytes = memoryview(memory).cast("B")
        self._end = 0

    def begin(self) -> None:
        """What lies in it is read."""
        self._end = 0

    def put(self, items: Any) -> "Place | bytes":
        """Where in it a vector of integers lies now; where it has no room, the vector itself."""
        some = memoryview(items).cast("B")
        begin, end = self._end, self._end + some.nbytes
        if end > self._bytes.nbytes:
            return bytes(some)
        self._bytes[begin:end] = some
        self._end = end
        return Place(begin, end)

    def get(self, place: "Place | bytes") -> memoryview:
        """The integers that were put there."""
        some = self._bytes[place.begin : place.end] if isinstance(place, Place) else memoryview(place)
        return some.cast("q")


class Place(NamedTuple):
    """A stretch of shared memory, in bytes."""

    begin: int
    end: int


class WorkerHistory:
    """A `History` whose writing is done by a worker; reading is done here. `close` ends both."""

    def __init__(
        self, url: str | None, file: Path, keep_days: Mapping[str, int], calls: KeptCalls = KEPT_CALLS
    ) -> None:
        # Opened here first, so that whoever starts the server is told what is wrong.
        self._database = open_history(url, file)
        self._history = KeptHistory(self._database, keep_days, calls)
        memory = _SPAWN.RawArray("b", SHARED_BYTES)
        self._shared = Shared(memory)
        self._begin = (url, str(file), dict(keep_days), calls, memory)
        self._pool: ProcessPoolExecutor | None = None
        # Until it is done the worker may read what is shared.
        self._last: Future[None] | None = None

    @property
    def database(self) -> Database:
        """Where the blocks lie, for reading."""
        return self._database

    async def write(self, told: Sequence[Told]) -> None:
        while self._last is not None and not self._last.done():
            # Whoever waited for it went away.
            await asyncio.wait([asyncio.wrap_future(self._last)])
        await self._answer(asyncio.wrap_future(self._show(told)))

    def write_now(self, told: Sequence[Told]) -> None:
        if self._last is not None:
            wait([self._last])
        try:
            self._show(told).result()
        except BrokenProcessPool:
            raise self._lost() from None

    def position(self, vdn: VdnKey) -> int:
        return self._history.position(vdn)

    async def prune(self, now_ms: int) -> None:
        await self._answer(asyncio.wrap_future(self._submit(_prune, now_ms)))

    def close(self) -> None:
        """Finish what was asked for, then let go of the database."""
        if self._pool is not None:
            self._pool.shutdown()
        self._history.close()

    def _show(self, told: Sequence[Told]) -> "Future[None]":
        """Has the worker write that; in one go, as all of it lies in the shared memory until it has."""
        self._shared.begin()
        self._last = self._submit(_write, [shown(one, self._shared) for one in told])
        return self._last

    def _submit(self, work: Any, argument: Any) -> "Future[None]":
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, _SPAWN, initializer=_open, initargs=self._begin)
        try:
            return self._pool.submit(work, argument)
        except BrokenProcessPool:
            raise self._lost() from None

    async def _answer(self, future: "asyncio.Future[None]") -> None:
        try:
            await future
        except BrokenProcessPool:
            raise self._lost() from None

    def _lost(self) -> HistoryUnavailable:
        """The worker is gone: the next work starts another."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
        return HistoryUnavailable("The program that writes history has ended; it is started anew.")


def shown(told: Told, shared: Shared) -> Any:
    """What was told, for the worker: without the ids of calls in facts, which no sum looks at."""
    closed = told.closed
    facts = [shared.put(some.items) for some in closed.facts]
    passes = [(shared.put(some.items), msgspec.msgpack.encode(some.texts)) for some in closed.passes]
    return told.vdn, told.position, facts, passes, closed[2:]


def seen(what: Any, shared: Shared) -> Told:
    """The same again."""
    vdn, position, facts, passes, rest = what
    closed = Closed(
        [Facts.of(shared.get(place), []) for place in facts],
        [Finished.of(shared.get(place), msgspec.msgpack.decode(texts)) for place, texts in passes],
        *rest,
    )
    return Told(vdn, position, closed)


# In the worker

_kept: KeptHistory | None = None
_shared: Shared | None = None


def _open(url: str | None, file: str, keep_days: dict[str, int], calls: KeptCalls, memory: Any) -> None:
    global _kept, _shared  # noqa: PLW0603 - a worker has one history, from its begin to its end
    settle_in()
    _shared = Shared(memory)
    _kept = KeptHistory(open_history(url, Path(file)), keep_days, calls)


def _write(parts: list[Any]) -> None:
    assert _kept is not None and _shared is not None
    _kept.write_now([seen(part, _shared) for part in parts])


def _prune(now_ms: int) -> None:
    assert _kept is not None
    _kept.prune_now(now_ms)
