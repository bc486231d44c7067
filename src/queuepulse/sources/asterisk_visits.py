"""A visit: one stay of one caller in one queue of Asterisk, waiting and then perhaps talking; and finding it.

A caller may visit several queues, or one twice, under one Uniqueid; and his channel may be another one at the
end than at the start.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from queuepulse.engine.events import PICTURE_MAX
from queuepulse.sources.telling import Moment

CALL_ID_MAX: Final = 64
"""Characters of a call id (events.md)."""
VISITS_MAX: Final = PICTURE_MAX
"""Live visits: as many as one picture may show."""
ENDED_MAX: Final = 1_000
"""Ended visits of which we know when: only those of the last milliseconds matter."""

Question = Literal["key", "lost", "answer", "gap", "gone"]
"""What a visit waits to learn: whether leaving was by key; why the wait was lost; whether the answer comes;
whether another channel steps in for one that left the bridge; whether the switch still tells of the end."""


class Place(NamedTuple):
    """Where in the dialplan a channel is."""

    context: str
    exten: str
    priority: str


class Visit:
    """A live visit. Times are epoch ms of the switch's clock.

    `caller` is the Uniqueid of the channel that now stands for the caller, `phone` that of the agent's
    channel. `legs` are the channels that ring, each with its agent, `picked_up` the one that answered. `left`
    is when he left the queue, which does not say yet whether for an agent. `swapped` is set when the caller's
    first channel, one side of a Local pair, was optimised away: then the switch tells a false end, and
    `bridge` has the true one. `question` is what is still to be learned, and `asked` since when.
    """

    __slots__ = (
        "agent_id",
        "aliases",
        "answered_ms",
        "asked",
        "bridge",
        "call",
        "caller",
        "completed_by",
        "hangup",
        "joined_ms",
        "left",
        "legs",
        "linkedid",
        "lost",
        "max_wait_ms",
        "phone",
        "picked_up",
        "place",
        "question",
        "queue",
        "skill",
        "swapped",
        "touched_ms",
        "uniqueid",
    )

    def __init__(self, call: str, uniqueid: str, queue: str, skill: int, joined_ms: int) -> None:
        self.call = call
        self.uniqueid = uniqueid
        self.queue = queue
        self.skill = skill
        self.joined_ms = joined_ms
        self.touched_ms = joined_ms
        self.linkedid = uniqueid
        self.place: Place | None = None
        self.max_wait_ms: int | None = None
        self.legs: dict[str, int] = {}
        self.picked_up = ""
        self.hangup = False
        self.lost: Place | None = None
        self.left: Moment | None = None
        self.answered_ms: int | None = None
        self.agent_id: int | None = None
        self.caller = uniqueid
        self.aliases: list[str] = []
        self.phone = ""
        self.bridge = ""
        self.swapped = False
        self.completed_by: Literal["caller", "agent", "transfer"] | None = None
        self.question: Question | None = None
        self.asked: Moment | None = None


class Visits:
    """The live visits, found by queue and caller, by the channels of a talk, and by ringing legs."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._by_caller: dict[str, list[Visit]] = {}
        self._by_leg: dict[str, Visit] = {}
        self._by_party: dict[str, Visit] = {}
        self._ended_ms: dict[str, int] = {}
        self.open: dict[Visit, None] = {}

    def __iter__(self) -> Iterator[Visit]:
        return iter({visit: None for visits in self._by_caller.values() for visit in visits})

    def add(self, uniqueid: str, queue: str, skill: int, joined_ms: int) -> Visit:
        """Begins a visit."""
        call = call_id(self._source, uniqueid, skill)
        visit = Visit(call, uniqueid, queue, skill, joined_ms)
        self._by_caller.setdefault(uniqueid, []).append(visit)
        return visit

    @property
    def is_full(self) -> bool:
        """Whether there are as many as may be."""
        return len(self._by_caller) >= VISITS_MAX

    def end(self, visit: Visit, at_ms: int) -> None:
        """The visit is over."""
        for uniqueid in {visit.uniqueid, *visit.aliases}:
            visits = self._by_caller[uniqueid]
            visits.remove(visit)
            if not visits:
                del self._by_caller[uniqueid]
        for leg in visit.legs:
            self._by_leg.pop(leg, None)
        for party in (visit.caller, visit.phone):
            if self._by_party.get(party) is visit:
                del self._by_party[party]
        self.open.pop(visit, None)
        self.note_end(visit.call, at_ms)

    def note_end(self, call: str, at_ms: int) -> None:
        """A visit is over, also one that was never known here."""
        self._ended_ms.pop(call, None)
        self._ended_ms[call] = at_ms
        if len(self._ended_ms) > ENDED_MAX:
            del self._ended_ms[next(iter(self._ended_ms))]

    def ended_ms(self, uniqueid: str, skill: int) -> int:
        """When this caller's last visit of this queue ended, as far as that is remembered; -1 else."""
        return self._ended_ms.get(call_id(self._source, uniqueid, skill), -1)

    def ended_since(self, uniqueid: str, skill: int, at_ms: int) -> bool:
        """Whether a visit of this caller in this queue ended at `at_ms` or later."""
        return self.ended_ms(uniqueid, skill) >= at_ms

    # Finding

    def of_caller(self, uniqueid: str) -> list[Visit]:
        """The visits of the caller whose channel has or had this Uniqueid, as they are now."""
        return list(self._by_caller.get(uniqueid, ()))

    def of_leg(self, uniqueid: str) -> Visit | None:
        """The visit for which this channel rings, or rang until it answered."""
        return self._by_leg.get(uniqueid)

    def of_party(self, uniqueid: str) -> Visit | None:
        """The visit in which this channel talks."""
        return self._by_party.get(uniqueid)

    def waiting(self, uniqueid: str, linkedid: str, queue: str) -> Visit | None:
        """The visit of this caller that waits in this queue, also under another's channel."""
        for visit in self.of_caller(uniqueid):
            if visit.queue == queue and visit.answered_ms is None:
                return visit
        if not linkedid or uniqueid in self._by_caller:
            return None
        linked = [
            visit
            for visit in self
            if visit.queue == queue
            and visit.answered_ms is None
            and linkedid in (visit.linkedid, visit.uniqueid)
        ]
        return linked[0] if len(linked) == 1 else None

    def talking(self, uniqueid: str, queue: str) -> Visit | None:
        """The visit of this caller that talks after this queue."""
        for visit in self.of_caller(uniqueid):
            if visit.queue == queue and visit.answered_ms is not None:
                return visit
        return None

    # What is still to be learned

    def ask(self, visit: Visit, question: Question, moment: Moment) -> None:
        """From now on a next event, or else time, is to settle this."""
        visit.question, visit.asked = question, moment
        self.open[visit] = None

    def unask(self, visit: Visit) -> None:
        """Nothing is open any more."""
        visit.question = None
        self.open.pop(visit, None)

    # Changing what is found

    def alias(self, visit: Visit, uniqueid: str) -> None:
        """The caller goes on under another Uniqueid."""
        visits = self._by_caller.setdefault(uniqueid, [])
        if visit not in visits:
            visits.append(visit)
            visit.aliases.append(uniqueid)
        visit.caller = uniqueid

    def ring(self, visit: Visit, leg: str, agent_id: int) -> None:
        """This channel rings at an agent for the visit."""
        visit.legs[leg] = agent_id
        self._by_leg[leg] = visit

    def hush(self, visit: Visit, leg: str) -> int | None:
        """This channel no longer rings; the agent it rang at, None if it did not ring."""
        self._by_leg.pop(leg, None)
        return visit.legs.pop(leg, None)

    def hush_all(self, visit: Visit) -> list[int]:
        """No channel rings for the visit any more; the agents that any rang at."""
        agents = list(visit.legs.values())
        for leg in list(visit.legs):
            self.hush(visit, leg)
        return agents

    def connect(self, visit: Visit, phone: str) -> None:
        """The caller and this channel talk."""
        visit.phone = phone
        for party in (visit.caller, phone):
            if party:
                self._by_party[party] = visit

    def swap(self, visit: Visit, gone: str, uniqueid: str) -> None:
        """In the talk's bridge another channel took the place of one that was optimised away."""
        self._by_party.pop(gone, None)
        self._by_party[uniqueid] = visit
        if gone == visit.caller:
            visit.caller, visit.swapped = uniqueid, True
        else:
            visit.phone = uniqueid


def call_id(source: str, uniqueid: str, skill: int) -> str:
    """The call id of a visit: the same from an event and from a picture, and of this source only."""
    call = f"{source}/{uniqueid}/{skill}"
    if len(call) <= CALL_ID_MAX and call.isprintable():
        return call
    return hashlib.blake2b(call.encode(), digest_size=CALL_ID_MAX // 2).hexdigest()


def closest(visits: Iterable[Visit], hold_s: int, talk_s: int, now_ms: int) -> Visit | None:
    """The talk whose wait and length fit best what the switch says of a call that it does not name."""

    def off(visit: Visit) -> int:
        assert visit.answered_ms is not None
        return abs(visit.answered_ms - visit.joined_ms - 1000 * hold_s) + abs(
            now_ms - visit.answered_ms - 1000 * talk_s
        )

    return min(visits, key=off, default=None)
