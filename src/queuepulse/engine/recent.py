"""A bounded memory of what was seen lately: ids of events, and of calls that ended."""

from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

FORGET_EVERY_MS: Final = 1_000
"""How often expired keys are looked for: it costs nothing between, and few expire at once."""
K = TypeVar("K", bound=Hashable)


class Recent(Generic[K]):
    """Keys, each with the clock (ms) at which it was seen last; the oldest go when there are too many or time
    is up.

    `keep_ms` is how long a key counts as recent, both ends included; `size_max` how many are kept.
    """

    __slots__ = ("_forget_at_ms", "_order", "keep_ms", "seen_ms", "size_max")

    def __init__(self, keep_ms: int, size_max: int) -> None:
        self.keep_ms = keep_ms
        self.size_max = size_max
        self.seen_ms: dict[K, int] = {}
        self._order: deque[K] = deque()
        self._forget_at_ms = 0

    def holds(self, key: K, clock_ms: int) -> bool:
        """Whether the key was seen within the last `keep_ms` before `clock_ms`."""
        seen_ms = self.seen_ms.get(key)
        return seen_ms is not None and clock_ms - seen_ms <= self.keep_ms

    def again(self, key: K, clock_ms: int) -> bool:
        """Whether the key was seen recently; it is now. One step, as it is taken for every event."""
        seen_ms = self.seen_ms.get(key)
        self.seen_ms[key] = clock_ms
        if seen_ms is not None:
            return clock_ms - seen_ms <= self.keep_ms
        self._order.append(key)
        if clock_ms > self._forget_at_ms:
            self._forget(clock_ms)
        if len(self._order) > self.size_max:
            del self.seen_ms[self._order.popleft()]
        return False

    def kept(self, clock_ms: int) -> tuple[list[K], dict[K, int]]:
        """A copy of all that is remembered: the keys in their order, and when each was seen."""
        self._forget(clock_ms)
        return list(self._order), self.seen_ms.copy()

    def restore(self, seen_ms: dict[K, int]) -> None:
        """Makes this the memory that `kept` described; the order of `seen_ms` is that of the keys."""
        self.seen_ms = seen_ms
        self._order = deque(seen_ms)

    def _forget(self, clock_ms: int) -> None:
        """Drops the expired keys at the front.

        One that was seen again holds up those behind it; they stay a little longer, and `holds` knows better.
        """
        order, seen_ms = self._order, self.seen_ms
        while order and clock_ms - seen_ms[order[0]] > self.keep_ms:
            del seen_ms[order.popleft()]
        self._forget_at_ms = clock_ms + FORGET_EVERY_MS
