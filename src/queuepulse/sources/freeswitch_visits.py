"""A visit: one stay of one caller in one queue of FreeSWITCH, waiting and then perhaps talking.

A visit is the switch's `CC-Member-UUID`; the same caller may make several, or come back to one (a resume).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from queuepulse.engine.events import LeftCause
from queuepulse.sources.telling import Moment

ENDED_MAX: Final = 10_000
"""Ended visits remembered: what the switch still tells of one comes within the second."""
LIVE_MAX: Final = 100_000
"""Live visits kept, as many as one picture may hold: without pictures those whose end was lost stay."""

CALL_ID_MAX: Final = 64
"""Characters of a call id (events.md)."""

CANCELED: Final[Mapping[str, LeftCause]] = {
    "TIMEOUT": "timeout",
    "NO_AGENT_TIMEOUT": "no_agent",
    "EXIT_WITH_KEY": "key",
}
"""Why a wait was lost, by `CC-Cancel-Reason`; the others need a look at the caller's channel."""

UnansweredCause = Literal["no_answer", "rejected", "busy", "canceled", "failed"]

FAILURES: Final[Mapping[str, UnansweredCause]] = {
    "NO_ANSWER": "no_answer",
    "ALLOTTED_TIMEOUT": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "NORMAL_CLEARING": "no_answer",
    "CALL_REJECTED": "rejected",
    "USER_BUSY": "busy",
    "NORMAL_CIRCUIT_CONGESTION": "busy",
    "ORIGINATOR_CANCEL": "canceled",
    "LOSE_RACE": "canceled",
    "PICKED_OFF": "canceled",
    "SUCCESS": "canceled",
}
"""Why an agent did not get a call, by `CC-Hangup-Cause`; any other is `failed`."""


class Lost(NamedTuple):
    """That the switch gave up waiting for the caller, and why."""

    cause: LeftCause
    moment: Moment


class Visit:
    """A live visit. Instants are epoch ms of the switch's clock, but `touched_ms` of ours.

    `agent` is who answered. `answer` is that answer as long as it is not told, because the bridge is not sure
    yet; `settles_ms` (our clock) is when it is. `lost` is set when the switch gave up waiting while an agent
    answered: the bridge decides. `failed` says that a bridge never was.
    """

    __slots__ = (
        "agent",
        "answer",
        "answered_ms",
        "call",
        "failed",
        "lost",
        "queue",
        "rings",
        "settles_ms",
        "touched_ms",
        "waiting_since_ms",
    )

    def __init__(self, call: str, queue: str, waiting_since_ms: int, touched_ms: int) -> None:
        self.call = call
        self.queue = queue
        self.waiting_since_ms = waiting_since_ms
        self.touched_ms = touched_ms
        self.rings: dict[str, None] = {}
        self.agent = ""
        self.answered_ms: int | None = None
        self.answer: Moment | None = None
        self.settles_ms = 0
        self.lost: Lost | None = None
        self.failed = False

    @property
    def is_told_answered(self) -> bool:
        """Whether the log has it talking."""
        return self.answered_ms is not None and self.answer is None


class Visits:
    """The live visits, by id, by queue and by who rings; and when lately ended ones ended (our clock)."""

    def __init__(self) -> None:
        self._live: dict[str, Visit] = {}
        self._by_queue: dict[str, dict[str, Visit]] = {}
        self._by_ringing: dict[str, dict[str, Visit]] = {}
        self._ended_ms: dict[str, int] = {}
        self.unsettled: dict[str, Visit] = {}

    def __iter__(self) -> Iterator[Visit]:
        return iter(self._live.values())

    def get(self, call: str) -> Visit | None:
        """The live visit of this id."""
        return self._live.get(call)

    def ended_ms(self, call: str) -> int | None:
        """When it ended, if it is over and that was not long ago."""
        return self._ended_ms.get(call)

    def rung_by(self, name: str) -> list[Visit]:
        """The visits for which this agent's phone rings."""
        return list(self._by_ringing.get(name, {}).values())

    def waiting_in(self, queue: str) -> int:
        """How many wait in this queue, by what the log knows."""
        return sum(not visit.is_told_answered for visit in self._by_queue.get(queue, {}).values())

    def unsettled_in(self, queue: str) -> int:
        """How many of them an agent has answered."""
        return sum(visit.queue == queue for visit in self.unsettled.values())

    def add(self, visit: Visit) -> None:
        """A visit begins, or begins again."""
        self._ended_ms.pop(visit.call, None)
        self._live[visit.call] = visit
        self._by_queue.setdefault(visit.queue, {})[visit.call] = visit
        if len(self._live) > LIVE_MAX:
            self._forget(next(iter(self._live.values())))

    def ring(self, visit: Visit, name: str) -> None:
        """This agent's phone rings for the visit."""
        visit.rings[name] = None
        self._by_ringing.setdefault(name, {})[visit.call] = visit

    def hush(self, visit: Visit, name: str) -> bool:
        """It rings no more; whether it did."""
        if name not in visit.rings:
            return False
        del visit.rings[name]
        del self._by_ringing[name][visit.call]
        return True

    def hush_all(self, visit: Visit) -> None:
        """No phone rings for the visit any more."""
        for name in list(visit.rings):
            self.hush(visit, name)

    def end(self, visit: Visit, now_ms: int) -> None:
        """The visit is over."""
        self._forget(visit)
        self._ended_ms[visit.call] = now_ms
        if len(self._ended_ms) > ENDED_MAX:
            del self._ended_ms[next(iter(self._ended_ms))]

    def replace(self, visits: Iterable[Visit]) -> None:
        """From now on these are the live ones."""
        kept = {visit.call: visit for visit in visits}
        for visit in list(self._live.values()):
            if kept.get(visit.call) is not visit:
                self._forget(visit)
        for visit in kept.values():
            if visit.call not in self._live:
                self.add(visit)

    def _forget(self, visit: Visit) -> None:
        self.hush_all(visit)
        self._live.pop(visit.call, None)
        self.unsettled.pop(visit.call, None)
        of_queue = self._by_queue.get(visit.queue, {})
        of_queue.pop(visit.call, None)
        if not of_queue:
            self._by_queue.pop(visit.queue, None)


def cause_of_cancel(reason: str, answer_state: str) -> LeftCause:
    """Why the wait was lost. A hang-up and a transfer out of the queue are both `BREAK_OUT`."""
    cause = CANCELED.get(reason)
    if cause is not None:
        return cause
    return "withdrawn" if answer_state == "answered" else "abandoned"


def epoch_ms(value: str | None) -> int | None:
    """An instant in whole seconds, in ms; `None` where there is none."""
    if not value or not (value.isascii() and value.isdigit()) or len(value) > 11:
        return None
    return 1000 * int(value) or None
