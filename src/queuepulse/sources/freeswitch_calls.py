"""What FreeSWITCH tells of callers and of the agents they ring at, as our events.

The wait ends at bridge-agent-start; but that is sent before the bridge is sure, so the answer is told a
moment later. What a lost event would have said is taken from the next one of the visit, which repeats times.
"""

from queuepulse.engine.events import (
    NAME_MAX,
    CallAlerting,
    CallAnswered,
    CallLeft,
    CallOffered,
    CallReleased,
    CallUnanswered,
    LeftCause,
)
from queuepulse.sources.esl import Message
from queuepulse.sources.freeswitch_agents import Agents
from queuepulse.sources.freeswitch_visits import (
    CALL_ID_MAX,
    FAILURES,
    Lost,
    Visit,
    Visits,
    cause_of_cancel,
    epoch_ms,
)
from queuepulse.sources.telling import SETTLE_MS, Moment, Queues, Told


class Calls:
    """The rules of visits. Each takes a message, when it happened, and when it arrived (our clock)."""

    def __init__(self, told: Told, queues: Queues, agents: Agents) -> None:
        self._told = told
        self._queues = queues
        self._agents = agents
        self.visits = Visits()

    # The caller

    def start(self, message: Message, moment: Moment, now_ms: int) -> None:
        """A caller joins a queue, or comes back to it within the time that the switch grants him."""
        headers = message.headers
        call = _call_of(message)
        resumed = headers.get("CC-Action") == "member-queue-resume"
        if not call or self.visits.get(call) or (self.visits.ended_ms(call) is not None and not resumed):
            return
        visit = Visit(call, headers.get("CC-Queue", ""), moment.at_ms, now_ms)
        self._offer(visit, moment, caller=headers.get("CC-Member-CID-Number"))

    def end(self, message: Message, moment: Moment, now_ms: int) -> None:
        """The switch is done with the caller: he was served, or his wait was given up."""
        if message.headers.get("CC-Cause") == "Terminated":
            self.bridge_end(message, moment, now_ms)
            return
        visit = self._visit(message, moment, now_ms)
        if visit is None:
            return
        headers = message.headers
        cause = cause_of_cancel(headers.get("CC-Cancel-Reason", ""), headers.get("Answer-State", ""))
        if visit.answered_ms is None:
            self._leave(visit, cause, moment, now_ms)
        else:
            visit.lost = Lost(cause, moment)

    # The agents

    def offering(self, message: Message, moment: Moment, now_ms: int) -> None:
        """An agent's phone is called."""
        visit = self._visit(message, moment, now_ms)
        name = message.headers.get("CC-Agent", "")
        if visit is None or visit.answered_ms is not None or not name:
            return
        self._agents.offered(name, visit.queue, moment, now_ms)
        agent_id = self._agents.id_of(name, moment)
        if agent_id is None:
            return
        self.visits.ring(visit, name)
        self._told.tell(
            CallAlerting(
                at=moment.at_ms,
                id=moment.name("alerting"),
                source=self._told.source,
                call=visit.call,
                agent=agent_id,
            )
        )

    def fail(self, message: Message, moment: Moment, now_ms: int) -> None:
        """An agent did not get the call; told also of those who lost the race for it, and after its end."""
        visit = self.visits.get(_call_of(message))
        if visit is not None:
            visit.touched_ms = now_ms
            name = message.headers.get("CC-Agent", "")
            self._hush(visit, name, message.headers.get("CC-Hangup-Cause", ""), moment)

    def free(self, name: str, moment: Moment) -> None:
        """The agent's phone rings no more; the switch does not always say for whom it rang."""
        for visit in self.visits.rung_by(name):
            self._hush(visit, name, "ORIGINATOR_CANCEL", moment)

    def bridge_start(self, message: Message, moment: Moment, now_ms: int) -> None:
        """An agent answers. Whether the two get together is not sure yet."""
        visit = self._visit(message, moment, now_ms)
        if visit is None or visit.answered_ms is not None:
            return
        visit.agent = message.headers.get("CC-Agent", "")
        visit.answered_ms, visit.answer = moment.at_ms, moment
        visit.settles_ms = now_ms + SETTLE_MS
        self.visits.unsettled[visit.call] = visit

    def bridge_end(self, message: Message, moment: Moment, now_ms: int) -> None:
        """The agent's part is over, or never was. The second message of one end finds no visit any more."""
        visit = self._visit(message, moment, now_ms)
        if visit is None:
            return
        headers = message.headers
        if headers.get("CC-Agent-Bridged") == "false":
            self._unbridge(visit, moment, now_ms)
            return
        if visit.failed:
            lost = visit.lost or Lost(cause_of_cancel("", headers.get("Answer-State", "")), moment)
            self._leave(visit, lost.cause, lost.moment, now_ms)
            return
        if visit.answered_ms is None:
            # That he answered was lost: the end repeats when, in whole seconds.
            answered_ms = epoch_ms(headers.get("CC-Agent-Answered-Time"))
            visit.agent = headers.get("CC-Agent", "")
            visit.answered_ms = max(visit.waiting_since_ms, min(answered_ms or moment.at_ms, moment.at_ms))
            visit.answer = Moment(visit.answered_ms, moment.stamp)
        self._settle(visit)
        self._release(visit, self._end_of_talk(visit, message, moment), now_ms)

    def _end_of_talk(self, visit: Visit, message: Message, moment: Moment) -> Moment:
        """The switch looks for hang-ups only ten times a second; the channel knows when it was."""
        hung_up = message.headers.get("Caller-Channel-Hangup-Time", "")
        at_ms = int(hung_up) // 1000 if hung_up.isascii() and hung_up.isdigit() and len(hung_up) < 18 else 0
        assert visit.answered_ms is not None
        return Moment(at_ms, moment.stamp) if visit.answered_ms <= at_ms <= moment.at_ms else moment

    def _unbridge(self, visit: Visit, moment: Moment, now_ms: int) -> None:
        """Agent and caller never got together: no answer. Where one was told, it is over at once."""
        if visit.is_told_answered:
            self._release(visit, moment, now_ms, wrapup_ms=0)
            return
        name, visit.agent = visit.agent, ""
        visit.answered_ms = visit.answer = None
        visit.failed = True
        self.visits.unsettled.pop(visit.call, None)
        if visit.lost is not None:
            self._leave(visit, visit.lost.cause, visit.lost.moment, now_ms)
        else:
            self._hush(visit, name, "", moment)

    # Time

    def advance(self, now_ms: int) -> None:
        """Tells the answers of which no more is to be learned."""
        for visit in self._due(now_ms):
            self._settle(visit)

    def settle_all(self) -> None:
        """Tells all answers now."""
        for visit in list(self.visits.unsettled.values()):
            self._settle(visit)

    def due_ms(self) -> int | None:
        """When `advance` has work, on our clock."""
        return min((visit.settles_ms for visit in self.visits.unsettled.values()), default=None)

    def _due(self, now_ms: int) -> list[Visit]:
        return [visit for visit in self.visits.unsettled.values() if visit.settles_ms <= now_ms]

    # Telling

    def _visit(self, message: Message, moment: Moment, now_ms: int) -> Visit | None:
        """The visit of the message; one whose start was lost begins with it. `None` after its end."""
        call = _call_of(message)
        visit = self.visits.get(call)
        if visit is None and call and self.visits.ended_ms(call) is None:
            joined_ms = epoch_ms(message.headers.get("CC-Member-Joined-Time"))
            since_ms = min(joined_ms or moment.at_ms, moment.at_ms)
            visit = Visit(call, message.headers.get("CC-Queue", ""), since_ms, now_ms)
            if not self._offer(visit, moment, caller=message.headers.get("CC-Member-CID-Number")):
                return None
        if visit is not None:
            visit.touched_ms = now_ms
        return visit

    def _offer(self, visit: Visit, moment: Moment, caller: str | None) -> bool:
        skill = self._queues.id_of(visit.queue, moment)
        if skill is None:
            return False
        self.visits.add(visit)
        self._told.tell(
            CallOffered(
                at=moment.at_ms,
                id=moment.name("offered"),
                source=self._told.source,
                call=visit.call,
                skill=skill,
                caller=caller[:NAME_MAX] if caller else None,
                since=visit.waiting_since_ms if visit.waiting_since_ms < moment.at_ms else None,
            )
        )
        return True

    def _hush(self, visit: Visit, name: str, cause: str, moment: Moment) -> None:
        """The agent stops ringing, if he rang and the caller still waits."""
        rang = self.visits.hush(visit, name)
        agent_id = self._agents.id_of(name, moment)
        if rang and agent_id is not None and not visit.is_told_answered:
            self._told.tell(
                CallUnanswered(
                    at=moment.at_ms,
                    id=moment.name("unanswered", visit.call),
                    source=self._told.source,
                    call=visit.call,
                    agent=agent_id,
                    cause=FAILURES.get(cause, "failed"),
                )
            )

    def _settle(self, visit: Visit) -> None:
        """Tells the answer, if it is not told yet."""
        self.visits.unsettled.pop(visit.call, None)
        moment, visit.answer = visit.answer, None
        if moment is None:
            return
        self.visits.hush_all(visit)
        self._told.tell(
            CallAnswered(
                at=moment.at_ms,
                id=moment.name("answered"),
                source=self._told.source,
                call=visit.call,
                agent=self._agents.id_of(visit.agent, moment),
                skill=self._queues.id_of(visit.queue, moment),
            )
        )

    def _release(self, visit: Visit, moment: Moment, now_ms: int, wrapup_ms: int | None = None) -> None:
        agent = self._agents.get(visit.agent)
        wrapup_ms = agent.wrapup_ms if wrapup_ms is None else wrapup_ms
        agent.wrapup_until_ms = moment.at_ms + (wrapup_ms or 0)
        agent.touched_ms = now_ms
        self.visits.end(visit, now_ms)
        self._told.tell(
            CallReleased(
                at=moment.at_ms,
                id=moment.name("released"),
                source=self._told.source,
                call=visit.call,
                wrapup_ms=wrapup_ms,
            )
        )

    def _leave(self, visit: Visit, cause: LeftCause, moment: Moment, now_ms: int) -> None:
        self.visits.end(visit, now_ms)
        self._told.tell(
            CallLeft(
                at=moment.at_ms,
                id=moment.name("left"),
                source=self._told.source,
                call=visit.call,
                cause=cause,
            )
        )


def _call_of(message: Message) -> str:
    """The id of the visit; empty where there is none that an event could carry."""
    call = message.headers.get("CC-Member-UUID", "")
    return call if len(call) <= CALL_ID_MAX and call.isprintable() else ""
