"""What events get before they are logged: a time where they have none, a name where we gave the time."""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from queuepulse.engine.events import Event


class Stamped(NamedTuple):
    """The events as they are logged, and how many came from the future."""

    events: list[Event]
    clamped: int


class Stamper:
    """Makes events ready for the log. `ahead_ms_max` is how far one may be ahead of our clock."""

    def __init__(self, ahead_ms_max: int) -> None:
        self._ahead_ms_max = ahead_ms_max
        # Of names: not given before, and not after a restart.
        self._start = secrets.token_hex(6)
        self._named = 0

    def stamp(self, events: Sequence[Event], now_ms: int) -> Stamped:
        """Fills in a missing `at`, and sets one from the future to our clock (events.md, rule 11).

        An event whose `at` we made gets a name of ours too: alike in all its keys, it is still another event.
        """
        latest_ms, clamped, stamped = now_ms + self._ahead_ms_max, 0, list(events)
        for index, event in enumerate(events):
            if event.at is None or event.at > latest_ms:
                clamped += event.at is not None
                stamped[index] = msgspec.structs.replace(event, at=now_ms, id=event.id or self._name())
        return Stamped(stamped, clamped)

    def _name(self) -> str:
        self._named += 1
        return f"~{self._start}-{self._named}"
