"""The event log in memory, for tests and demos: the same promises, except that it does not last."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Final, TypeVar

from queuepulse.engine.events import VdnKey
from queuepulse.ports import IsReadable, KeptSnapshot, LogBatch, LogFull

BYTES_MAX: Final = 2**30
"""Bytes of all batches together: a demo left running for days must not eat the machine."""
SNAPSHOTS_KEPT: Final = 2
"""Snapshots kept per VDN, as on disk."""

T = TypeVar("T")


class MemoryLog:
    """An `EventLog` that is gone with the program. `bytes_max` may be changed, for tests of a full one."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self._batches: list[LogBatch] = []
        self._bytes = 0
        self._position = 0
        self._snapshots: dict[VdnKey, list[KeptSnapshot]] = {}
        self._closed = False

    def append(self, vdn: VdnKey, at_ms: int, count: int, body: bytes) -> Awaitable[int]:
        assert count > 0
        if self._closed or self._bytes + len(body) > self.bytes_max:
            raise LogFull(f"The log in memory is {'closed' if self._closed else 'full'}.")
        first, self._position = self._position + 1, self._position + count
        self._batches.append(LogBatch(first, self._position, vdn, at_ms, body))
        self._bytes += len(body)
        return _answered(self._position)

    def read(self, after: int = 0, vdn: VdnKey | None = None) -> Iterator[LogBatch]:
        # A copy: the end of reading is the end of now.
        for batch in list(self._batches):
            if batch.last > after and vdn in (None, batch.vdn):
                yield batch

    def keep_snapshot(self, snapshot: KeptSnapshot) -> Awaitable[None]:
        assert snapshot.position <= self._position
        others = [
            kept for kept in self._snapshots.get(snapshot.vdn, []) if kept.position != snapshot.position
        ]
        by_age = sorted([*others, snapshot], key=lambda kept: kept.position)
        self._snapshots[snapshot.vdn] = by_age[-SNAPSHOTS_KEPT:]
        return _answered(None)

    def newest_snapshot(
        self, vdn: VdnKey, is_readable: IsReadable = lambda body: True
    ) -> KeptSnapshot | None:
        kept = reversed(self._snapshots.get(vdn, []))
        return next((snapshot for snapshot in kept if is_readable(snapshot.body)), None)

    def vdns(self) -> list[VdnKey]:
        return sorted({*self._snapshots, *(batch.vdn for batch in self._batches)})

    def position(self) -> int:
        return self._position

    def prune(self, before_ms: int, bytes_max: int) -> Awaitable[int]:
        removed = kept_from = 0
        for batch in self._batches:
            is_due = batch.at_ms < before_ms or self._bytes > bytes_max
            if not is_due or batch.last > self._stands_for(batch.vdn):
                break
            kept_from += 1
            self._bytes -= len(batch.body)
            removed += batch.last - batch.first + 1
        del self._batches[:kept_from]
        return _answered(removed)

    def close(self) -> None:
        self._closed = True

    def _stands_for(self, vdn: VdnKey) -> int:
        kept = self._snapshots.get(vdn)
        return kept[0].position if kept else 0


def _answered(answer: T) -> Awaitable[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future
