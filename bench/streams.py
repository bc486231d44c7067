"""The events that are measured with: a simulated contact center in full swing, day and night."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from queuepulse.engine import codec
from queuepulse.engine.events import Event
from queuepulse.simulator import FLAT_DAY, Assumptions, ContactCenter

SEED: Final = 7
MINUTE_MS: Final = 60_000
STEP_MS: Final = 10_000
"""Simulated time asked for at once."""


class Center:
    """A center that never closes: every agent works, with three queues, and is as busy as he can bear."""

    def __init__(self, queues: int, agents: int, start_ms: int) -> None:
        assumptions = Assumptions(
            agents=agents, skills=queues, skills_per_agent=(3, 3), day_shape=FLAT_DAY, shift_ms=None
        )
        self._center = ContactCenter(assumptions, seed=SEED, start_ms=start_ms)
        self._now_ms = start_ms

    def until(self, end_ms: int) -> Iterator[Event]:
        """The next events, up to those before `end_ms`."""
        self._now_ms = max(self._now_ms, end_ms)
        return self._center.events_until(end_ms)

    def events(self, count: int) -> list[Event]:
        """The next `count` events."""
        found: list[Event] = []
        while len(found) < count:
            found += islice(self.until(self._now_ms + STEP_MS), count - len(found))
        return found


def bodies(events: Sequence[Event], size: int) -> list[bytes]:
    """The events as NDJSON, so many in each body."""
    return [codec.encode_events(events[begin : begin + size]) for begin in range(0, len(events), size)]


def happening_now(events: Sequence[Event]) -> list[Event]:
    """The events without their time: the server takes them as of when they come."""
    return [msgspec.structs.replace(event, at=None) for event in events]
