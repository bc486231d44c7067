"""Events on their way to a server: names and new times for them, batches, and posts that are tried again.

Time is passed in; files are not known here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from queuepulse.cli.event_files import Numbered
from queuepulse.client import Client, IngestReceipt, TooManyRequests, Unavailable, Unreachable
from queuepulse.engine.codec import encode_events
from queuepulse.engine.events import CallReleased, Snapshot

BATCH_EVENTS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 256 * 1024
"""With this the server has an answer within some hundredths of a second, and little is sent twice."""
BATCH_SPAN_MS_MAX: Final = 10 * 60_000
"""From the first to the last event of a batch: sent twice, its ids are still remembered (15 minutes)."""
RETRY_FIRST_S: Final = 0.5
RETRY_S_MAX: Final = 30.0
TRIES_MAX: Final = 12
"""Some four minutes in all: time for a server to be restarted or a disk to be made room on."""
_ID_DIGITS: Final = 32
_INSTANTS: Final = ("at", "since", "asked_at", "wrapup_until", "waiting_since", "answered_at")
"""The keys of events, and of what is in a snapshot, that hold an instant."""


class Batch(NamedTuple):
    """Events to be sent at once: their text, and the line of the last."""

    last_number: int
    body: bytes


class Totals(msgspec.Struct):
    """What became of all events so far; `position` is that of the last one in the server's log."""

    accepted: int = 0
    applied: int = 0
    repeated: int = 0
    out_of_place: int = 0
    position: int = 0

    def add(self, receipt: IngestReceipt) -> None:
        self.accepted += receipt.accepted
        self.applied += receipt.applied
        self.repeated += receipt.repeated
        self.out_of_place += receipt.out_of_place
        self.position = receipt.position

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted}, applied {self.applied}, repeated {self.repeated}, "
            f"out_of_place {self.out_of_place}"
        )


def named(events: Iterable[Numbered]) -> Iterator[Numbered]:
    """The events with an id each: their own, or one made of line number and content, the same in every run.

    With the number, so that an honest repetition in the file stays one; without the file's name, so that a
    copy is the same file.
    """
    for number, event in events:
        if event.id is not None:
            yield Numbered(number, event)
        else:
            digest = sha256(b"%d " % number + encode_events([event])).hexdigest()[:_ID_DIGITS]
            yield Numbered(number, msgspec.structs.replace(event, id=f"send-{digest}"))


def batches(events: Iterable[Numbered]) -> Iterator[Batch]:
    """The events in their order, as many at a time as the limits allow."""
    lines: list[bytes] = []
    size = first_ms = last_number = 0
    for number, event in events:
        line, at_ms = encode_events([event]), event.at or 0
        is_full = len(lines) == BATCH_EVENTS_MAX or size + len(line) > BATCH_BYTES_MAX
        if lines and (is_full or abs(at_ms - first_ms) > BATCH_SPAN_MS_MAX):
            yield Batch(last_number, b"".join(lines))
            lines, size = [], 0
        if not lines:
            first_ms = at_ms
        lines.append(line)
        size += len(line)
        last_number = number
    if lines:
        yield Batch(last_number, b"".join(lines))


class Sender:
    """Posts batches to one VDN of a server, and again when it is away or busy.

    `wait(seconds)` waits; `tell`, if given, gets a sentence, once for each time that the server is away.
    """

    def __init__(
        self,
        client: Client,
        cc: int,
        vdn: int,
        wait: Callable[[float], None],
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self._client, self._cc, self._vdn, self._wait, self._tell = client, cc, vdn, wait, tell
        self._was_there = False

    def post(self, body: bytes) -> IngestReceipt:
        """Raises ClientError when it is of no use to go on: a refusal, or a server away for too long.

        A server that was never there is not waited for: more likely the URL is wrong.
        """
        delay_s, tell = RETRY_FIRST_S, self._tell
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                receipt = self._client.ingest(self._cc, self._vdn, body)
            except (Unavailable, Unreachable) as error:
                away = isinstance(error, Unreachable)
                if not tries_left or (away and not self._was_there):
                    raise
                # Too many requests is how a fast sender is paced: nothing that a person should look at.
                if tell is not None and not isinstance(error, TooManyRequests):
                    tell(f"Waiting for the server: {error.what}.")
                    tell = None
                told_s = error.retry_after_s if isinstance(error, Unavailable) else None
                self._wait(min(RETRY_S_MAX, max(delay_s, told_s or 0)))
                delay_s = min(RETRY_S_MAX, 2 * delay_s)
            else:
                self._was_there = True
                return receipt
        raise AssertionError("the last try returns or raises")


class Play:
    """Events moved so that the first happens at `starts_at_ms` (epoch ms), and all go at `speed`.

    Every play is a new one: its ids are its own, so that the same file can be played again.
    """

    def __init__(self, starts_at_ms: int, speed: float) -> None:
        self._starts_at_ms, self._speed = starts_at_ms, speed
        self._first_ms: int | None = None

    def moved(self, numbered: Numbered) -> Numbered:
        """The event as it happens in this play; a wrap-up is as much shorter as the play is faster."""
        number, event = numbered
        if self._first_ms is None:
            self._first_ms = event.at or 0
        changes = self._instants(event)
        changes["id"] = f"play-{self._starts_at_ms}-{number}"
        if isinstance(event, CallReleased) and event.wrapup_ms is not None:
            changes["wrapup_ms"] = round(event.wrapup_ms / self._speed)
        if isinstance(event, Snapshot):
            changes["agents"] = self._pictures(event.agents)
            changes["calls"] = self._pictures(event.calls)
        return Numbered(number, msgspec.structs.replace(event, **changes))

    def _pictures(self, pictures: Sequence[msgspec.Struct]) -> tuple[msgspec.Struct, ...]:
        return tuple(msgspec.structs.replace(picture, **self._instants(picture)) for picture in pictures)

    def _instants(self, value: msgspec.Struct) -> dict[str, Any]:
        first_ms = self._first_ms or 0
        found = {name: getattr(value, name, None) for name in _INSTANTS}
        return {
            name: max(0, self._starts_at_ms + round((instant_ms - first_ms) / self._speed))
            for name, instant_ms in found.items()
            if instant_ms is not None
        }


def due_batches(
    events: Iterable[Numbered], now_ms: Callable[[], int], wait: Callable[[float], None]
) -> Iterator[Batch]:
    """The events when they are due: what is due at once goes at once, and then the next one is waited for."""
    due: list[Numbered] = []
    for numbered in events:
        ahead_ms = (numbered.event.at or 0) - now_ms()
        if ahead_ms > 0:
            yield from batches(due)
            due = []
            wait(max(0, (numbered.event.at or 0) - now_ms()) / 1000)
        due.append(numbered)
        if len(due) == BATCH_EVENTS_MAX:
            yield from batches(due)
            due = []
    yield from batches(due)
