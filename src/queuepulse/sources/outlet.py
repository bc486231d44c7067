"""What all that listens to a source shares: who it is, how to wait, and the way of its events into the log.

Events pass a last check here: what a translator made, nobody has read yet, and the log is read again at every
start.
"""

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.engine import codec
from queuepulse.engine.events import CallOffered, Event, VdnKey
from queuepulse.ports import Ingest, LogFull
from queuepulse.sources.masking import masked

LOG_RETRY_S: Final = 1.0
"""How often a log that cannot be written is tried again; meanwhile nothing is read from the switch."""
FRAMES_TOLD_MAX: Final = 4
"""Functions of ours that a line about a defect names, the innermost first."""
_log: FilteringBoundLogger = structlog.get_logger()


class Address(NamedTuple):
    """Where a switch listens. `ca` is a file of certificates to trust in place of the system's."""

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Source(NamedTuple):
    """What is listened to, for which VDN, under which name; with masked callers where `masks_callers`."""

    name: str
    vdn: VdnKey
    address: Address
    masks_callers: bool = False


class Chance(NamedTuple):
    """What a link cannot compute: how to wait, a number from 0 to 1 for jitter, and names of its own."""

    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    token: Callable[[], str]


def count_nothing() -> None:
    """For who counts no defects."""


class Outlet:
    """The way of one source's events into the log. `on_defect` is called each time that we are at fault."""

    def __init__(
        self,
        source: Source,
        ingest: Ingest,
        chance: Chance,
        on_defect: Callable[[], None] = count_nothing,
    ) -> None:
        self._source = source
        self._ingest = ingest
        self._chance = chance
        self._on_defect = on_defect
        self._told: set[str] = set()

    async def deliver(self, events: list[Event]) -> None:
        """Logs the events; returns when they are, however long the log cannot be written."""
        if self._source.masks_callers:
            events = [_without_caller(event) for event in events]
        events = self._sound(events)
        while events:
            try:
                await self._ingest.ingest(self._source.vdn, events)
            except LogFull:
                await self._chance.sleep(LOG_RETRY_S)
            else:
                return

    def tell_defect(self, error: BaseException, consequence: str) -> None:
        """Counts a defect of ours; the first of its kind is logged. What the switch said is not shown."""
        self._on_defect()
        where = place_of(error)
        if where not in self._told:
            self._told.add(where)
            _log.error(
                "a source says what QueuePulse cannot read, by its own fault",
                source=self._source.name,
                where=where,
                consequence=consequence,
                advice="Record what it says (queuepulse sources record), or keep the file, and report it with"
                " this line.",
            )

    def _sound(self, events: list[Event]) -> list[Event]:
        """Those events that can be read again from the log."""
        try:
            codec.decode_trusted(codec.encode_events(events))
        except Exception as error:  # whatever it is, it is ours
            if len(events) == 1:
                self.tell_defect(error, f"An event ({type(events[0]).__name__}) is left out.")
                return []
            half = len(events) // 2
            return self._sound(events[:half]) + self._sound(events[half:])
        return events


def place_of(error: BaseException | None) -> str:
    """What kind of error, and where in our code; its own words may hold what the switch said."""
    trace = None if error is None else error.__traceback__
    frames = traceback.extract_tb(trace)[::-1][:FRAMES_TOLD_MAX]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return " < ".join([type(error).__name__, *places])


def _without_caller(event: Event) -> Event:
    # An agent's interface stays: by it he is known again.
    return masked(event, "caller", "called") if isinstance(event, CallOffered) else event
