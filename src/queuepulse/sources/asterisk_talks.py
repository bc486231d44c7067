"""What Asterisk's events say of callers who talk: the answer, the channels of the talk, and its end.

The answer is AgentConnect. The end is AgentComplete, unless the caller's own channel was optimised away just
before: then it is a false one, and the bridge tells the true end.
"""

from collections.abc import Mapping
from typing import Final, Literal

from queuepulse.engine.events import CallAnswered, CallHeld, CallReleased, CallResumed
from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_headers import number_of
from queuepulse.sources.asterisk_members import Members
from queuepulse.sources.asterisk_visits import Visit, Visits, closest
from queuepulse.sources.asterisk_waits import Waits
from queuepulse.sources.telling import Moment, Queues, Told

ReleasedBy = Literal["caller", "agent", "transfer"]

REASONS: Final[Mapping[str, ReleasedBy]] = {"caller": "caller", "agent": "agent", "transfer": "transfer"}
"""Who ended a talk, by the Reason of AgentComplete."""

BACK_MS: Final = 1_000
"""A caller back in the queue this soon after his talk may be there before the talk is told to have ended."""


class Talks:
    """The callers of one source who talk to an agent."""

    def __init__(self, told: Told, queues: Queues, members: Members, visits: Visits, waits: Waits) -> None:
        self._told = told
        self._queues = queues
        self._members = members
        self._visits = visits
        self._waits = waits

    # The answer and the end

    def connect(self, message: Message, moment: Moment) -> None:
        """AgentConnect: the wait ends here, though Leave came first."""
        visit = self._waits.found(message) or self._unheard_of(message, moment)
        if visit is None:
            return
        agent_id = self._members.id_of(message, moment)
        self._answer(visit, agent_id, message.get("DestUniqueid", ""), moment)

    def _unheard_of(self, message: Message, moment: Moment) -> Visit | None:
        """The visit of which the answer is the first that we hear. HoldTime says how long he waited (s)."""
        uniqueid, queue = message.get("Uniqueid", ""), message.get("Queue", "")
        skill = self._queues.id_of(queue, moment)
        if not uniqueid or skill is None or self._visits.is_full or self._visits.talking(uniqueid, queue):
            return None
        visit = self._visits.add(uniqueid, queue, skill, moment.at_ms - 1000 * number_of(message, "HoldTime"))
        visit.linkedid = message.get("Linkedid", uniqueid)
        self._waits.offer(visit, message, moment)
        return visit

    def _answer(self, visit: Visit, agent_id: int | None, phone: str, moment: Moment) -> None:
        self._visits.unask(visit)
        visit.touched_ms = moment.at_ms
        self.take_up(visit, agent_id, phone, moment)
        self._told.tell(
            CallAnswered(
                at=moment.at_ms,
                id=moment.name("answered", visit.call),
                source=self._told.source,
                call=visit.call,
                agent=agent_id,
                skill=visit.skill,
            )
        )

    def complete(self, message: Message, moment: Moment) -> None:
        """AgentComplete: the agent's part is over, unless the caller's channel was optimised away."""
        by = REASONS.get(message.get("Reason", ""), "caller")
        visit = self._completed(message, moment)
        if visit is None:
            self._waits.note_end(message, moment)
            return
        if visit.answered_ms is None:
            self._answer_late(visit, message, moment)
        if visit.swapped and visit.question is None and visit.bridge:
            visit.completed_by = by
        else:
            self.release(visit, moment, by)

    def _completed(self, message: Message, moment: Moment) -> Visit | None:
        """The visit that an AgentComplete speaks of. Its channels may be missing, all of them."""
        uniqueid, phone = message.get("Uniqueid", ""), message.get("DestUniqueid", "")
        queue = message.get("Queue", "")
        visit = self._visits.talking(uniqueid, queue) or (self._visits.of_party(phone) if phone else None)
        if visit is not None:
            return visit if visit.completed_by is None or visit.question is not None else None
        hold_s, talk_s = number_of(message, "HoldTime"), number_of(message, "TalkTime")
        if uniqueid:
            visit = self._waits.found(message)
            if visit is None or self._visits.ended_since(
                visit.uniqueid, visit.skill, visit.joined_ms - BACK_MS
            ):
                return None
            # It waits, and has done so long enough to have been answered unheard by us.
            return visit if moment.at_ms - visit.joined_ms >= 1000 * (hold_s + talk_s - 1) else None
        agent_id = self._members.id_of(message, moment)
        talks = [
            talk
            for talk in self._visits
            if talk.answered_ms is not None
            and talk.queue == queue
            and talk.agent_id == agent_id
            and (talk.completed_by is None or talk.question is not None)
            and (not phone or not talk.phone or talk.swapped)
        ]
        return closest(talks, hold_s, talk_s, moment.at_ms)

    def _answer_late(self, visit: Visit, message: Message, moment: Moment) -> None:
        """Tells an answer of which we hear only at its end, as long ago as TalkTime says (whole seconds)."""
        at_ms = max(visit.joined_ms, moment.at_ms - 1000 * number_of(message, "TalkTime"))
        agent_id = self._members.id_of(message, moment)
        self._answer(visit, agent_id, message.get("DestUniqueid", ""), Moment(at_ms, moment.stamp))

    def release(self, visit: Visit, moment: Moment, by: ReleasedBy) -> None:
        """The agent's part is over, and his wrap-up begins."""
        self._visits.end(visit, moment.at_ms)
        wrapup_ms = None
        if visit.agent_id is not None:
            wrapup_ms = self._members.begin_wrapup(visit.agent_id, visit.queue, visit.skill, moment.at_ms)
            self._members.talk(visit.agent_id, -1, moment)
        self._told.tell(
            CallReleased(
                at=moment.at_ms,
                id=moment.name("released", visit.call),
                source=self._told.source,
                call=visit.call,
                by=by,
                wrapup_ms=wrapup_ms,
            )
        )

    def settle(self, visit: Visit) -> None:
        """Nothing came that says otherwise: the talk is over since it was asked."""
        assert visit.asked is not None
        self.release(visit, visit.asked, visit.completed_by or "caller")

    def hangup(self, message: Message, moment: Moment) -> None:
        """Hangup of a channel that talks."""
        uniqueid = message.get("Uniqueid", "")
        visit = self._visits.of_party(uniqueid)
        if visit is None:
            return
        if visit.completed_by is not None:
            self.release(visit, moment, visit.completed_by)
        elif uniqueid == visit.caller or not is_local(message):
            # The AgentComplete may still come, and knows better who ended it.
            visit.completed_by = "caller" if uniqueid == visit.caller else "agent"
            self._visits.ask(visit, "gone", moment)

    def back(self, message: Message, moment: Moment) -> None:
        """QueueCallerJoin by a caller whose talk after the same queue has not been told to end."""
        for visit in self._visits.of_caller(message.get("Uniqueid", "")):
            if visit.answered_ms is not None and visit.question is not None:
                self.settle(visit)
            elif visit.answered_ms is not None and visit.queue == message.get("Queue"):
                self.release(visit, moment, "transfer")

    # What the switch's picture says

    def forget(self, visit: Visit, moment: Moment) -> None:
        """A visit that the picture does not show any more: how it ended is not known. Tells nothing."""
        self._waits.hush(visit, moment)
        if visit.agent_id is not None:
            self._members.talk(visit.agent_id, -1, moment)
        self._visits.end(visit, moment.at_ms)

    def take_up(self, visit: Visit, agent_id: int | None, phone: str, answered: Moment) -> None:
        """A visit that the picture shows talking. Tells nothing."""
        self._waits.hush(visit, answered)
        if agent_id is not None:
            self._members.talk(agent_id, 1, answered)
        visit.answered_ms = answered.at_ms
        visit.agent_id = agent_id
        self._visits.connect(visit, phone)

    # Bridges, holds and transfers

    def bridge_enter(self, message: Message, moment: Moment) -> None:
        """BridgeEnter: the talk begins, or another channel takes the place of one optimised away."""
        uniqueid, bridge = message.get("Uniqueid", ""), message.get("BridgeUniqueid", "")
        gone = message.get("SwapUniqueid", "")
        visit = self._visits.of_party(gone) if gone else self._visits.of_party(uniqueid)
        if visit is not None:
            if not visit.bridge:
                visit.bridge = bridge
            if gone and visit.bridge == bridge:
                self._visits.swap(visit, gone, uniqueid)
                if visit.question == "gap":
                    self._visits.unask(visit)
            return
        for waiting in self._visits.of_caller(uniqueid):
            if waiting.answered_ms is None and waiting.picked_up:
                # The AgentConnect before it was lost.
                agent_id = waiting.legs.get(waiting.picked_up)
                self._answer(waiting, agent_id, waiting.picked_up, moment)
                waiting.bridge = bridge

    def bridge_leave(self, message: Message, moment: Moment) -> None:
        """BridgeLeave: the true end of a talk that the switch has falsely ended before."""
        visit = self._visits.of_party(message.get("Uniqueid", ""))
        if visit is None or visit.completed_by is None or visit.bridge != message.get("BridgeUniqueid"):
            return
        if is_local(message):
            if visit.question is None:
                self._visits.ask(visit, "gap", moment)
        else:
            # Who leaves a bridge first has ended the talk.
            self.release(visit, moment, "agent" if message.get("Uniqueid") == visit.phone else "caller")

    def hold(self, message: Message, moment: Moment) -> None:
        """Hold by the agent's phone."""
        visit = self._visits.of_party(message.get("Uniqueid", ""))
        if visit is not None and visit.phone == message.get("Uniqueid"):
            self._told.tell(
                CallHeld(
                    at=moment.at_ms,
                    id=moment.name("held", visit.call),
                    source=self._told.source,
                    call=visit.call,
                )
            )

    def unhold(self, message: Message, moment: Moment) -> None:
        """Unhold by the agent's phone."""
        visit = self._visits.of_party(message.get("Uniqueid", ""))
        if visit is not None and visit.phone == message.get("Uniqueid"):
            self._told.tell(
                CallResumed(
                    at=moment.at_ms,
                    id=moment.name("resumed", visit.call),
                    source=self._told.source,
                    call=visit.call,
                )
            )

    def attended_transfer(self, message: Message, moment: Moment) -> None:
        """AttendedTransfer: who waits in a queue under the consult leg's Uniqueid is now the transferee."""
        transferee = message.get("TransfereeUniqueid", "")
        for key in ("SecondTransfererUniqueid", "OrigTransfererUniqueid"):
            for visit in list(self._visits.of_caller(message.get(key, ""))):
                if visit.answered_ms is None and transferee:
                    self._visits.alias(visit, transferee)


def is_local(message: Message) -> bool:
    """Whether the event's channel is one side of a Local pair, which another may replace."""
    return message.get("Channel", "").startswith("Local/")
