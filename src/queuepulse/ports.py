"""The seams: what the parts of the server may expect of each other, as Protocols and plain values.

Here is the event log (`EventLog`) and what answers a query (`Board`), and what passes through them.
No implementation lives here: stores, hub and servers know this module and not one another.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from queuepulse.engine.events import AT_MAX_MS, Event, VdnKey
from queuepulse.engine.facts import Closed
from queuepulse.engine.queues import Five
from queuepulse.engine.views import AgentCounts, AgentView, DaySums, FiveView, Heads, QueueView, WaitingCall
from queuepulse.protocol.health import VdnHealth
from queuepulse.protocol.interfaces import Interface
from queuepulse.protocol.keys import Key
from queuepulse.protocol.wire import Refusal

LOSSES_TOLD_MAX: Final = 20
"""Losses that one message to a person spells out; the rest are a number."""


class LogBatch(NamedTuple):
    """Events of one VDN that were logged in one act.

    Positions are per event, log-wide, from 1 and without gaps: a batch of n events takes n of them.
    `at_ms` is the server's time of logging (epoch ms); `body` is NDJSON, as `encode_events` writes it.
    """

    first: int
    last: int
    vdn: VdnKey
    at_ms: int
    body: bytes


class KeptSnapshot(NamedTuple):
    """One VDN's engine as it was after the event at `position`; `at_ms` is its clock (epoch ms)."""

    vdn: VdnKey
    position: int
    at_ms: int
    body: bytes


class Loss(NamedTuple):
    """Events that were acknowledged and cannot be read any more: positions `first` to `last`.

    `vdn` is None where it is not known whose they were, `last` is None where it is not known how many.
    `first_at_ms` and `last_at_ms` bound the time of logging (epoch ms), each None where it is not known.
    """

    vdn: VdnKey | None
    first: int
    last: int | None
    first_at_ms: int | None
    last_at_ms: int | None
    reason: str

    def __str__(self) -> str:
        whose = f"VDN {self.vdn.cc}/{self.vdn.vdn}" if self.vdn else "VDN not known"
        which = f"events {self.first} to {'an unknown one' if self.last is None else self.last}"
        when = f"logged between {_instant(self.first_at_ms)} and {_instant(self.last_at_ms)}"
        return f"{whose}, {which}, {when}: {self.reason}"


class LogFull(Exception):
    """The log cannot be written now: the disk is full or fails, or the log is closed. Nothing was logged.

    Reads go on, and appends work again when there is room.
    """


class LogBusy(LogFull):
    """More bytes wait for the disk than is allowed: the same batch may be sent again at once or later."""


class LogDamaged(Exception):
    """What was acknowledged cannot be read. `losses` says what; `str()` tells a person what to do."""

    def __init__(self, where: str, losses: Sequence[Loss]) -> None:
        self.where = where
        self.losses = list(losses)
        told = [f"  - {loss}" for loss in self.losses[:LOSSES_TOLD_MAX]]
        if len(self.losses) > LOSSES_TOLD_MAX:
            told.append(f"  - and {len(self.losses) - LOSSES_TOLD_MAX} more")
        advice = (
            "What to do: keep a copy of the data folder, then restore a backup into an empty folder "
            "(queuepulse restore FILE). Or go on without what is lost (queuepulse serve --accept-loss): "
            "a log that opens is read on behind each loss; one that does not open must be moved away first."
        )
        super().__init__("\n".join([f"The event log {where} is damaged. Lost:", *told, advice]))


IsReadable: TypeAlias = Callable[[bytes], bool]
"""Whether the reader of a snapshot can read this one; by default it can read all."""
OnLoss: TypeAlias = Callable[[Loss], None]
"""Told of each loss before the log goes on behind it."""


class EventLog(Protocol):
    """The truth: a durable, ordered log of batches of events, and the snapshots that shorten its reading."""

    def append(self, vdn: VdnKey, at_ms: int, count: int, body: bytes) -> Awaitable[int]:
        """Log `count` events (1 or more); gives the position of the last one when it is durable.

        Appends are logged, and answered, in the order of their calls. A canceled one may have been logged.
        Raises LogFull or LogBusy, at the call or when awaited; then nothing of this batch was logged.
        """

    def read(self, after: int = 0, vdn: VdnKey | None = None) -> Iterator[LogBatch]:
        """All that is logged behind position `after`, of one VDN or of all, in order; blocks, for threads.

        It ends at what was the end when it began. A batch that spans `after` is given whole.
        What retention removed is left out. Raises LogDamaged with all losses at the first one,
        unless the log was opened to accept losses.
        """

    def keep_snapshot(self, snapshot: KeptSnapshot) -> Awaitable[None]:
        """Keep it, durably, with the one before it; most of the older ones of this VDN go. Raises LogFull."""

    def newest_snapshot(self, vdn: VdnKey, is_readable: IsReadable = ...) -> KeptSnapshot | None:
        """The newest one that is whole and that the reader can read; None: fold from the log's beginning.

        Blocks. Raises LogDamaged if there is none and retention has removed events that they stood for.
        """

    def vdns(self) -> list[VdnKey]:
        """All VDNs that the log or a snapshot knows, in order; blocks."""

    def position(self) -> int:
        """The position of the last event that is durable; 0 in an empty log."""

    def prune(self, before_ms: int, bytes_max: int) -> Awaitable[int]:
        """Remove from the beginning of the log what was logged before `before_ms`, or exceeds `bytes_max`.

        It stops at the first batch that no kept snapshot of its VDN stands for, so that each kept
        snapshot can be read on from. Gives the number of events removed. Raises LogFull.
        """

    def close(self) -> None:
        """Finish what was asked for, then let go of the files; blocks. Appends raise LogFull from now on."""


class Told(NamedTuple):
    """What the engine of a VDN told of finished five minutes, and up to which position of the log."""

    vdn: VdnKey
    position: int
    closed: Closed


class HistoryUnavailable(Exception):
    """History cannot be read or written now; `str()` tells a person why. What was told can be told again."""


class History(Protocol):
    """What happened, in records of five minutes, quarters of an hour and days."""

    def write(self, told: Sequence[Told]) -> Awaitable[None]:
        """Add what was told, durably, all or nothing; what was added before changes nothing.

        Raises HistoryUnavailable.
        """

    def write_now(self, told: Sequence[Told]) -> None:
        """The same for threads; blocks."""

    def position(self, vdn: VdnKey) -> int:
        """The position of the log up to which all that was told is in; 0 of a VDN without history.

        Blocks. Raises HistoryUnavailable.
        """

    def prune(self, now_ms: int) -> Awaitable[None]:
        """Remove what is older than each grain is kept. Raises HistoryUnavailable."""


class Answer(NamedTuple):
    """What a board knows of the asked queues, in the order asked for.

    `rows` are the engine's; `position` is the last event they include. `now_ms` is the time they are
    of; `stale_since_ms` since when the switch is out of sight (None: it is in sight). Epoch ms.
    """

    rows: list[Any]
    position: int
    stale_since_ms: int | None
    now_ms: int


class BoardUnreachable(Exception):
    """Whoever folds this VDN cannot be reached now. Other VDNs may be, and this one again later."""


class BoardRefused(Exception):
    """Whoever folds this VDN gives no rows of it, for a reason to be passed on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class Board(Protocol):
    """What answers a query: one machine's hub, or a cluster."""

    async def rows(self, vdn: VdnKey, skill_ids: Sequence[int]) -> Answer:
        """The figures of these queues of one VDN, all of the same instant; it changes nothing.

        Raises BoardUnreachable.
        """


class HealthBoard(Protocol):
    """What tells of the health of the VDNs that it folds."""

    def vdns(self) -> list[VdnKey]:
        """All VDNs that were ever heard of, in order."""

    def health(self, vdn: VdnKey) -> VdnHealth:
        """That of one VDN now; it changes nothing."""


class CallBoard(Board, Protocol):
    """A board that also tells what happened to the calls."""

    async def call_rows(self, vdn: VdnKey, skill_ids: Sequence[int]) -> Answer:
        """What happened to the calls of these queues in the current five minutes. As `rows` otherwise."""


class EncodedAnswer(NamedTuple):
    """An answer that is bytes already, as the interface has it: the body of a success. Otherwise as `Answer`.

    `as_of_ms` is the time that the rows are of, where that is ahead of the board's own clock.
    """

    body: bytes
    position: int
    stale_since_ms: int | None
    as_of_ms: int | None


class EncodedBoard(Protocol):
    """A board that answers as an interface of the API spells it: from its own engines, or from others'."""

    async def encoded(self, interface: Interface, vdn: VdnKey, skill_ids: Sequence[int]) -> EncodedAnswer:
        """The figures of these queues. Raises BoardUnreachable and BoardRefused."""

    def position(self) -> int:
        """The last event in the log, as far as it is known here."""


class Receipt(NamedTuple):
    """What became of events that were sent: all `accepted` are durable and folded, each with one outcome.

    `position` is that of the last one in the log.
    """

    accepted: int
    applied: int
    repeated: int
    out_of_place: int
    position: int


class Ingest(Protocol):
    """What takes events in."""

    async def ingest(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        """Log the events of one VDN and fold them: the next query sees them. LogFull: nothing was taken."""


class FiveRecords(Protocol):
    """The closed five minutes of the queues, as far as somebody keeps them."""

    def begin(self, vdn: VdnKey, complete_from_ms: int) -> None:
        """From this mark on all five minutes of the VDN will be told; 0: those since its first event."""

    def keep(self, vdn: VdnKey, day_ms: int, fives: Sequence[Five]) -> None:
        """These were closed, in the statistics day that began at `day_ms`; those alike add up."""

    def day(self, vdn: VdnKey, day_ms: int) -> Mapping[int, DaySums] | None:
        """Sums by queue since the mark `day_ms`; None where not all of them are known."""

    def fill(self, vdn: VdnKey, day_ms: int, before: Mapping[int, DaySums]) -> None:
        """These are the sums by queue from `day_ms` up to where what is kept is complete."""

    def complete_from_ms(self, vdn: VdnKey) -> int:
        """The mark from which on all five minutes are kept."""

    def between(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Awaitable["Series"]:
        """What is kept of these queues with a mark in [from_ms, to_ms); all, from where it is complete."""


class Series(NamedTuple):
    """Five minutes by queue, in the order of their marks; before `complete_from_ms` some may be lacking."""

    complete_from_ms: int
    queues: dict[int, dict[int, FiveView]]


class Seen(NamedTuple):
    """A VDN as a whole at `at_ms`, up to the event at `position`.

    `due_ms` is the next instant at which time alone changes something.
    """

    at_ms: int
    position: int
    due_ms: int
    heads: Heads


class VdnSeen(NamedTuple):
    """What a VDN is called and when its days begin; None where nobody said."""

    vdn: VdnKey
    name: str | None
    timezone: str
    day_starts: str


class Floor(Protocol):
    """What those who look on may ask of the VDNs. Nothing that is asked changes anything."""

    def vdns(self) -> list[VdnKey]:
        """All that were ever spoken of, in order."""

    def called(self, vdn: VdnKey) -> VdnSeen:
        """Its name and its days."""

    def seen(self, vdn: VdnKey) -> Seen:
        """The VDN as a whole, now."""

    def queue_ids(self, vdn: VdnKey, most: int) -> Sequence[int]:
        """The smallest ids of its queues, at most so many."""

    async def queues(self, vdn: VdnKey, skill_ids: Sequence[int]) -> list[QueueView]:
        """Those of these queues that were ever spoken of, now."""

    async def agents(self, vdn: VdnKey) -> list[AgentView]:
        """The agents who are signed in, now."""

    def staff(self, vdn: VdnKey) -> AgentCounts:
        """The same by state, each once though he is in several queues."""

    def waiting(self, vdn: VdnKey, skill: int, most: int) -> tuple[int, list[WaitingCall]]:
        """How many calls wait in the queue, and the first of them."""

    def health(self, vdn: VdnKey) -> VdnHealth:
        """How it fares."""

    def live(self, vdn: VdnKey) -> tuple[int, int]:
        """How many agents are signed in, and how many calls wait or are talked."""

    async def series(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Series:
        """The five minutes of these queues with a mark in [from_ms, to_ms), the running ones included."""


class Clock(Protocol):
    """What time it is. Given to whoever needs it, so that tests can say; the real one is in `hub`."""

    def now_ms(self) -> int:
        """Epoch milliseconds, UTC."""

    def elapsed(self) -> float:
        """Seconds since some instant; it never goes back."""


class Keyring(Protocol):
    """The keys in force."""

    def by_ak(self, ak: str) -> Key | None:
        """The key of that AK."""

    def by_token(self, token: str) -> Key | None:
        """The key of that token."""


def _instant(at_ms: int | None) -> str:
    # A damaged row may name any time.
    if at_ms is None or not 0 <= at_ms <= AT_MAX_MS:
        return "an unknown time"
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")
