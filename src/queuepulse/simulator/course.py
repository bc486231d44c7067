"""The course of a simulation: its time, its dice, what is due next and what has been told.

It knows nothing of calls or agents.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from queuepulse.engine.events import Event


class Course:
    """Simulated time from `start_ms` (epoch ms, UTC) on. All randomness comes from `seed`.

    `now_ms` is the simulated time of the act that runs.
    """

    def __init__(self, seed: int, start_ms: int) -> None:
        self.now_ms = start_ms
        self.chance = random.Random(seed)
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._due_number = 0
        self._told: deque[Event] = deque()
        self._told_number = 0
        # The start is part of every id: a demo that starts again with its seed tells new events.
        self._name = f"{seed}-{start_ms // 1000}"

    def after(self, delay_ms: float, act: Callable[..., None], *arguments: Any) -> None:
        """`act(*arguments)` is due in `delay_ms`, after everything that was due at that instant already."""
        self._due_number += 1
        heapq.heappush(self._due, (self.now_ms + round(delay_ms), self._due_number, act, arguments))

    def tell(self, kind: Callable[..., Event], **keys: object) -> None:
        """An event of this kind happens now."""
        self._told_number += 1
        self._told.append(kind(at=self.now_ms, id=f"{self._name}-{self._told_number}", **keys))

    def events_until(self, end_ms: int) -> Iterator[Event]:
        """Lets time run to `end_ms`, exclusive, and gives the events as they come."""
        due, told = self._due, self._told
        while True:
            while told:
                yield told.popleft()
            if not due or due[0][0] >= end_ms:
                return
            self.now_ms, _, act, arguments = heapq.heappop(due)
            act(*arguments)

    def happens(self, share: float) -> bool:
        """Whether something happens that does in this share of cases."""
        return self.chance.random() < share

    def exponential_ms(self, mean_ms: float) -> int:
        """An exponential duration. At least 1 ms: two things that follow on each other never coincide."""
        return max(1, round(self.chance.expovariate(1 / mean_ms)))

    def uniform_ms(self, mean_ms: float) -> int:
        """A duration between half the mean and one and a half times it."""
        return round(mean_ms * (0.5 + self.chance.random()))
