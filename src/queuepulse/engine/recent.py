"""Bounded memories of what was seen lately: ids of events, and of calls that ended."""

from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

FORGET_EVERY_MS: Final = 1_000
"""How often expired keys are looked for: it costs nothing between, and few expire at once."""
K = TypeVar("K", bound=Hashable)


class Recent(Generic[K]):
    """Keys, each with when it was seen last (ms); the oldest go when there are too many or time is up.

    `keep_ms` is how long a key counts as recent, both ends included; `size_max` how many are kept.
    """

    __slots__ = ("_forget_at_ms", "_later", "_order", "keep_ms", "seen_ms", "size_max")

    def __init__(self, keep_ms: int, size_max: int) -> None:
        self.keep_ms = keep_ms
        self.size_max = size_max
        self.seen_ms: dict[K, int] = {}
        # The keys in the order of sightings. One seen again stands in it again: `_later` counts how often.
        self._order: deque[K] = deque()
        self._later: dict[K, int] = {}
        self._forget_at_ms = 0

    def again(self, key: K, clock_ms: int) -> bool:
        """Whether the key was seen recently; it is now. One step, as it is taken for every event."""
        known = self.seen_ms
        seen_ms = known.get(key)
        known[key] = clock_ms
        self._order.append(key)
        if clock_ms > self._forget_at_ms:
            self._forget(clock_ms)
        if seen_ms is not None:
            self._seen_again(key)
            return clock_ms - seen_ms <= self.keep_ms
        if len(known) > self.size_max:
            self._drop_oldest()
        return False

    def kept(self, clock_ms: int) -> tuple[list[K], dict[K, int]]:
        """A copy of all that is remembered: the keys in their order, and when each was seen."""
        self._forget(clock_ms)
        self._compact()
        return list(self._order), self.seen_ms.copy()

    def restore(self, seen_ms: dict[K, int]) -> None:
        """Makes this the memory that `kept` described; the order of `seen_ms` is that of the keys."""
        self.seen_ms = seen_ms
        self._order = deque(seen_ms)

    def _seen_again(self, key: K) -> None:
        self._later[key] = self._later.get(key, 0) + 1
        if len(self._order) > 2 * self.size_max:
            self._compact()

    def _compact(self) -> None:
        """Leaves each key where it was seen last."""
        if self._later:
            latest = dict.fromkeys(reversed(self._order))
            self._order = deque(reversed(latest))
            self._later = {}

    def _drop_oldest(self) -> None:
        key = self._order.popleft()
        while key in self._later:
            self._pass_over(key)
            key = self._order.popleft()
        del self.seen_ms[key]

    def _pass_over(self, key: K) -> None:
        """One place of a key that stands again further on is gone."""
        self._later[key] -= 1
        if not self._later[key]:
            del self._later[key]

    def _forget(self, clock_ms: int) -> None:
        """Drops the expired keys at the front."""
        order, known, later, kept_ms = self._order, self.seen_ms, self._later, clock_ms - self.keep_ms
        while order:
            key = order[0]
            if later and key in later:
                self._pass_over(key)
            elif known[key] < kept_ms:
                del known[key]
            else:
                break
            order.popleft()
        self._forget_at_ms = clock_ms + FORGET_EVERY_MS


class EndedCalls(Recent[str]):
    """The ids of calls that ended, each with its end (events.md, rule 8)."""

    __slots__ = ()

    def remember(self, call: str, at_ms: int, clock_ms: int) -> None:
        """The call ended then, or its end came out of place: of several ends the latest holds."""
        if call in self.seen_ms:
            at_ms = max(at_ms, self.end_of(call, clock_ms))
        self.again(call, at_ms)

    def end_of(self, call: str, clock_ms: int) -> int:
        """When the call ended, as far as that is remembered; -1 else."""
        seen_ms = self.seen_ms.get(call, -1)
        return seen_ms if clock_ms - seen_ms <= self.keep_ms else -1
