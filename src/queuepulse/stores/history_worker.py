"""History written by a program of its own: adding up takes as long as folding, and must not hold the loop.

The server encodes what its engines told and waits; the worker adds it up and writes it. It holds nothing that
matters: killed, it is started anew, and what was under way is told again.
"""

import asyncio
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import msgspec

from queuepulse.engine.events import VdnKey
from queuepulse.engine.facts import Closed, Facts
from queuepulse.engine.finished import Finished
from queuepulse.ports import HistoryUnavailable, Told
from queuepulse.stores.history import Database, KeptHistory, open_history
from queuepulse.stores.passes import KeptCalls
from queuepulse.stores.rollups import KEPT_CALLS
from queuepulse.stores.workers import settle_in


class WorkerHistory:
    """A `History` whose writing is done by a worker; reading is done here. `close` ends both."""

    def __init__(
        self, url: str | None, file: Path, keep_days: Mapping[str, int], calls: KeptCalls = KEPT_CALLS
    ) -> None:
        # Opened here first, so that whoever starts the server is told what is wrong.
        self._database = open_history(url, file)
        self._history = KeptHistory(self._database, keep_days, calls)
        self._begin = (url, str(file), dict(keep_days), calls)
        self._pool: ProcessPoolExecutor | None = None

    @property
    def database(self) -> Database:
        """Where the blocks lie, for reading."""
        return self._database

    async def write(self, told: Sequence[Told]) -> None:
        parts = []
        for one in told:
            parts.append(encode(one))
            await asyncio.sleep(0)
        await self._answer(asyncio.wrap_future(self._submit(_write, parts)))

    def write_now(self, told: Sequence[Told]) -> None:
        try:
            self._submit(_write, [encode(one) for one in told]).result()
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

    def _submit(self, work: Any, argument: Any) -> "Future[None]":
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), initializer=_open, initargs=self._begin
            )
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


def encode(told: Told) -> bytes:
    """What was told, for the worker: without the ids of calls in facts, which no sum looks at."""
    closed = told.closed
    facts = [facts.packed() for facts in closed.facts]
    passes = [[some.packed(), some.texts] for some in closed.passes]
    return msgspec.msgpack.encode([told.vdn, told.position, facts, passes, *closed[2:]])


def decode(body: bytes) -> Told:
    """The same again."""
    vdn, position, facts, passes, *rest = msgspec.msgpack.decode(body)
    closed = Closed(
        [Facts.of(memoryview(items).cast("q"), []) for items in facts],
        [Finished.of(memoryview(items).cast("q"), texts) for items, texts in passes],
        *rest,
    )
    return Told(VdnKey(*vdn), position, closed)


# In the worker

_kept: KeptHistory | None = None


def _open(url: str | None, file: str, keep_days: dict[str, int], calls: KeptCalls) -> None:
    global _kept  # noqa: PLW0603 - a worker has one history, from its begin to its end
    settle_in()
    _kept = KeptHistory(open_history(url, Path(file)), keep_days, calls)


def _write(parts: list[bytes]) -> None:
    assert _kept is not None
    _kept.write_now([decode(part) for part in parts])


def _prune(now_ms: int) -> None:
    assert _kept is not None
    _kept.prune_now(now_ms)
