"""What Asterisk's events say of callers who wait: joining, ringing, and leaving without an answer.

Count the waiting at Join and Leave. Why a wait ended unanswered no single event tells (`_cause_of_loss`).
"""

from collections.abc import Mapping
from typing import Final, Literal

from queuepulse.engine.events import CallAlerting, CallLeft, CallOffered, CallUnanswered, LeftCause
from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_headers import QueueTerms, number_of, text_of, value_of
from queuepulse.sources.asterisk_members import Members
from queuepulse.sources.asterisk_visits import Place, Visit, Visits, call_id
from queuepulse.sources.telling import Moment, Queues, Told

Unanswered = Literal["no_answer", "rejected", "busy", "canceled", "failed"]

TIMEOUT_SLACK_MS: Final = 1_500
"""How much earlier than its longest wait a queue lets go: it counts from and to whole seconds."""
DIAL_CAUSES: Final[Mapping[str, Unanswered]] = {
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    "CHANUNAVAIL": "failed",
    "CONGESTION": "failed",
}
"""Why a leg stopped ringing, by its DialStatus; any other is that the queue gave it up."""
STATUS_CAUSES: Final[Mapping[str, LeftCause]] = {
    "TIMEOUT": "timeout",
    "CONTINUE": "timeout",
    "LEAVEEMPTY": "no_agent",
    "LEAVEUNAVAIL": "no_agent",
    "WITHDRAW": "withdrawn",
}
"""Why a caller left, by the QUEUESTATUS that the dialplan then sees."""


class Waits:
    """The callers of one source who wait, or have left and nobody knows yet why."""

    def __init__(
        self, told: Told, queues: Queues, members: Members, visits: Visits, terms: Mapping[int, QueueTerms]
    ) -> None:
        self._told = told
        self._queues = queues
        self._members = members
        self._visits = visits
        self._terms = terms
        # Without class `call` nothing tells whether a leg answered, and only time settles what Leave means.
        self._sees_dials = False

    # Joining and leaving

    def join(self, message: Message, moment: Moment) -> None:
        """QueueCallerJoin: a caller enters a queue."""
        uniqueid, queue = message.get("Uniqueid", ""), message.get("Queue", "")
        skill = self._queues.id_of(queue, moment)
        if not uniqueid or skill is None or self._visits.is_full:
            return
        for before in self._visits.of_caller(uniqueid):
            if before.question is not None:
                self.settle(before, seen_at=place_of(message))
            elif before.queue == queue:
                # Its end was lost, and he is back.
                self._leave(before, "closed", Moment(moment.at_ms - 1, moment.stamp))
        # Two stays of one caller in one queue never touch, or the second would seem to belong to the first.
        joined_ms = max(moment.at_ms, self._visits.ended_ms(uniqueid, skill) + 1)
        visit = self._visits.add(uniqueid, queue, skill, joined_ms)
        visit.linkedid = message.get("Linkedid", uniqueid)
        visit.place = place_of(message)
        self.offer(visit, message, Moment(visit.joined_ms, moment.stamp))

    def offer(self, visit: Visit, message: Message, moment: Moment) -> None:
        """Tells that the visit waits; at `moment`, however long it has already."""
        self._told.tell(
            CallOffered(
                at=moment.at_ms,
                id=moment.name("offered", visit.call),
                source=self._told.source,
                call=visit.call,
                skill=visit.skill,
                caller=text_of(message, "CallerIDNum"),
                since=visit.joined_ms if visit.joined_ms < moment.at_ms else None,
            )
        )

    def abandon(self, message: Message, moment: Moment) -> None:
        """QueueCallerAbandon: he leaves unanswered, for any of many reasons. The Leave comes next."""
        visit = self.found(message)
        if visit is not None:
            visit.lost = place_of(message)

    def leave(self, message: Message, moment: Moment) -> None:
        """QueueCallerLeave: he no longer waits; he may be on his way to an agent."""
        visit = self.found(message)
        if visit is None:
            self.note_end(message, moment)
        if visit is None or visit.left is not None:
            return
        visit.left = moment
        visit.touched_ms = moment.at_ms
        if visit.lost is not None:
            if visit.hangup:
                self._leave(visit, "abandoned", moment)
            elif visit.place is not None and visit.place[:2] != visit.lost[:2]:
                # Redirected: the switch's own books say abandoned, but it was not he who gave up.
                self._leave(visit, "withdrawn", moment)
            else:
                self._visits.ask(visit, "lost", moment)
        elif visit.picked_up:
            self._visits.ask(visit, "answer", moment)
        elif self._sees_dials:
            self._leave(visit, "key", moment)
        else:
            self._visits.ask(visit, "key", moment)

    def note_end(self, message: Message, moment: Moment) -> None:
        """The end of a visit that we do not know: a picture on its way may still show it."""
        uniqueid, skill = message.get("Uniqueid", ""), self._queues.id_of(message.get("Queue", ""), moment)
        if uniqueid and skill is not None:
            self._visits.note_end(call_id(self._told.source, uniqueid, skill), moment.at_ms)

    def found(self, message: Message) -> Visit | None:
        """The visit that waits and that the event speaks of."""
        return self._visits.waiting(
            message.get("Uniqueid", ""), message.get("Linkedid", ""), message.get("Queue", "")
        )

    def _leave(self, visit: Visit, cause: LeftCause, moment: Moment) -> None:
        self.hush(visit, moment)
        self._visits.end(visit, moment.at_ms)
        self._told.tell(
            CallLeft(
                at=moment.at_ms,
                id=moment.name("left", visit.call),
                source=self._told.source,
                call=visit.call,
                cause=cause,
            )
        )

    def hush(self, visit: Visit, moment: Moment) -> None:
        """No phone rings for the visit any more."""
        for agent_id in self._visits.hush_all(visit):
            self._members.ring(agent_id, -1, moment)

    # Why he left

    def settle(self, visit: Visit, seen_at: Place | None = None, known: LeftCause | None = None) -> None:
        """Answers the visit's question by what is known now: where in the dialplan he was seen next, or why
        he left.
        """
        question, moment = visit.question, visit.asked
        assert moment is not None
        self._visits.unask(visit)
        if question == "key":
            self._leave(visit, "key", moment)
        elif question == "answer":
            # A leg answered and nothing came of it: the caller hung up in between, or the answer was lost.
            self._leave(visit, known or "closed", moment)
        else:
            self._leave(visit, known or self._cause_of_loss(visit, moment, seen_at is not None), moment)

    def _cause_of_loss(self, visit: Visit, moment: Moment, is_seen: bool) -> LeftCause:
        """Why a caller left who did not hang up: nobody there, his time was up, or he was taken out before.

        That he lives on is seen, or follows from no hang-up, if we hear of those.
        """
        if self._members.is_empty(visit.queue):
            return "no_agent"
        terms = self._terms.get(visit.skill)
        max_ms = visit.max_wait_ms or (terms.max_wait_ms if terms else None)
        if not max_ms or moment.at_ms - visit.joined_ms >= max_ms - TIMEOUT_SLACK_MS:
            return "timeout"
        return "withdrawn" if is_seen or self._sees_dials else "abandoned"

    def queue_status(self, message: Message, moment: Moment) -> None:
        """VarSet of QUEUESTATUS, which only class `dialplan` sees: it says why he left."""
        for visit in self._visits.of_caller(message.get("Uniqueid", "")):
            if visit.question == "lost":
                self.settle(visit, known=STATUS_CAUSES.get(message.get("Value", "")))

    def hangup_request(self, message: Message, moment: Moment) -> None:
        """HangupRequest: this channel's far end hung up; of a waiting caller it comes before the Abandon."""
        for visit in self._visits.of_caller(message.get("Uniqueid", "")):
            visit.hangup = visit.hangup or visit.answered_ms is None

    def hangup(self, message: Message, moment: Moment) -> None:
        """Hangup of a channel: of a caller it may settle why he left."""
        uniqueid = message.get("Uniqueid", "")
        for visit in self._visits.of_caller(uniqueid):
            if visit.answered_ms is not None:
                continue
            if visit.question is not None:
                place = place_of(message)
                # One who went on in the dialplan hangs up elsewhere; `h` is where the hung-up go.
                hung_up = place == visit.lost or place.exten == "h" or visit.question == "answer"
                self.settle(visit, place, "abandoned" if hung_up else None)
            elif uniqueid == visit.caller:
                self._leave(visit, "closed", moment)  # How it ended was lost.

    # Ringing

    def called(self, message: Message, moment: Moment) -> None:
        """AgentCalled: an agent's phone rings for a waiting call."""
        visit, leg = self.found(message), message.get("DestUniqueid", "")
        agent_id = self._members.id_of(message, moment)
        if visit is None or agent_id is None or not leg or leg in visit.legs:
            return
        visit.linkedid = message.get("Linkedid", visit.linkedid)
        visit.touched_ms = moment.at_ms
        self._visits.ring(visit, leg, agent_id)
        self._members.ring(agent_id, 1, moment)
        self._told.tell(
            CallAlerting(
                at=moment.at_ms,
                id=moment.name("alerting", visit.call, agent_id),
                source=self._told.source,
                call=visit.call,
                agent=agent_id,
            )
        )

    def ring_no_answer(self, message: Message, moment: Moment) -> None:
        """AgentRingNoAnswer: RingTime (ms) tells a busy desk, which rings not at all, from an idle one."""
        rang = number_of(message, "RingTime") > 1000
        self._unanswered(message, moment, "no_answer" if rang else "busy")

    def dump(self, message: Message, moment: Moment) -> None:
        """AgentDump: the agent hung up during the announcement; the caller stays queued."""
        visit = self._visits.of_leg(message.get("DestUniqueid", ""))
        if visit is not None:
            visit.picked_up = ""
        self._unanswered(message, moment, "rejected")

    def dial_end(self, message: Message, moment: Moment) -> None:
        """DialEnd: for a cancelled ring the only sign there is."""
        self._sees_dials = True
        status = message.get("DialStatus", "")
        if status != "ANSWER":
            self._unanswered(message, moment, DIAL_CAUSES.get(status, "canceled"))
            return
        leg = message.get("DestUniqueid", "")
        visit = self._visits.of_leg(leg)
        for one in [visit] if visit else self._visits.of_caller(message.get("Uniqueid", "")):
            one.picked_up = leg

    def _unanswered(self, message: Message, moment: Moment, cause: Unanswered) -> None:
        leg = message.get("DestUniqueid", "")
        visit = self._visits.of_leg(leg)
        agent_id = self._visits.hush(visit, leg) if visit else None
        if visit is None or agent_id is None:
            return
        visit.touched_ms = moment.at_ms
        self._members.ring(agent_id, -1, moment)
        if visit.left is None:
            self._told.tell(
                CallUnanswered(
                    at=moment.at_ms,
                    id=moment.name("unanswered", visit.call, agent_id),
                    source=self._told.source,
                    call=visit.call,
                    agent=agent_id,
                    cause=cause,
                )
            )


def place_of(message: Message) -> Place:
    """Where in the dialplan the event's channel is."""
    return Place(value_of(message, "Context"), value_of(message, "Exten"), value_of(message, "Priority"))
