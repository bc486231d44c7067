"""Who stands longest: found at once, however many stand."""

import heapq
from typing import Any, Final, Generic, TypeVar

from queuepulse.engine.heaps import LAPSED_MAX, sweep

NOBODY_MS: Final = 2**62
"""Since when the longest stands, where nobody does: after every instant that can be asked."""

K = TypeVar("K", int, str)


class Oldest(Generic[K]):
    """Keys, each with the instant (epoch ms) since which it stands.

    Nearly all come in the order of their instants: they are in `in_order`, whose first is the oldest, and
    `last_ms` is the instant of the latest one. Late ones are in a heap whose dropped entries stay until they
    come to its top. On the hottest path others do with `in_order` what `add` and `drop` do.
    """

    __slots__ = ("_heap", "_late", "_sweep_size", "in_order", "last_ms")

    def __init__(self) -> None:
        self.in_order: dict[K, int] = {}
        self.last_ms = 0
        self._late: dict[K, int] = {}
        self._heap: list[tuple[int, K]] = []
        self._sweep_size = LAPSED_MAX

    def __len__(self) -> int:
        return len(self.in_order) + len(self._late)

    def add(self, key: K, since_ms: int) -> None:
        """The key, which does not stand yet, stands since then."""
        if since_ms >= self.last_ms:
            self.in_order[key] = self.last_ms = since_ms
        else:
            self.add_late(key, since_ms)

    def add_late(self, key: K, since_ms: int) -> None:
        """The same, for an instant before `last_ms`."""
        self._late[key] = since_ms
        heapq.heappush(self._heap, (since_ms, key))
        if len(self._heap) > self._sweep_size:
            self._sweep_size = sweep(self._heap, self._stands)

    def drop(self, key: K) -> None:
        """The key stands no longer."""
        if self.in_order.pop(key, None) is None:
            del self._late[key]

    def standing(self) -> dict[K, int]:
        """All that stand, each with since when, in no order."""
        return {**self.in_order, **self._late}

    def first_ms(self) -> int:
        """Since when the longest stands; NOBODY_MS when nobody does."""
        heap = self._heap
        while heap and not self._stands(heap[0]):
            heapq.heappop(heap)
        late_ms = heap[0][0] if heap else NOBODY_MS
        return min(next(iter(self.in_order.values()), NOBODY_MS), late_ms)

    def first(self) -> tuple[K, int] | None:
        """Who stands longest, and since when; of those since the same instant the smallest key."""
        first_ms = self.first_ms()
        if first_ms == NOBODY_MS:
            return None
        found: list[K] = []
        heap = self._heap
        if heap and heap[0][0] == first_ms:
            found.append(heap[0][1])
        for key, since_ms in self.in_order.items():
            if since_ms != first_ms:
                break
            found.append(key)
        return min(found), first_ms

    def _stands(self, entry: tuple[Any, ...]) -> bool:
        since_ms, key = entry
        return bool(self._late.get(key) == since_ms)
