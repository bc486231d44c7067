"""The engine of one VDN: what each event means (events.md), and nothing else.

It is a pure function of its events. It never reads a clock; a question changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Any, Final

from queuepulse.engine import days, keeping, questions, repair
from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.calls import Pass
from queuepulse.engine.events import (
    MAIN_SOURCE,
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
    CallAlerting,
    CallAnswered,
    CallHeld,
    CallLeft,
    CallOffered,
    CallReleased,
    CallResumed,
    CallUnanswered,
    Clock,
    Event,
    LinkLost,
    LinkRestored,
    SkillConfigured,
    Snapshot,
    SourceRestarted,
    VdnConfigured,
)
from queuepulse.engine.figures import Row
from queuepulse.engine.queues import Five, Limits
from queuepulse.engine.states import CODES, IDLE, SIGNED_OUT


class Outcome(IntEnum):
    """How an event ended (events.md, rule 2)."""

    APPLIED = 0
    REPEATED = 1
    OUT_OF_PLACE = 2


APPLIED: Final = Outcome.APPLIED
REPEATED: Final = Outcome.REPEATED
OUT_OF_PLACE: Final = Outcome.OUT_OF_PLACE


class Vdn:
    """One virtual call center: the smallest thing within which all figures agree.

    `timezone` (IANA) and `day_starts` (HH:MM) set the statistics day until a `vdn_configured` says otherwise.
    """

    def __init__(self, timezone: str = days.UTC, day_starts: str = days.MIDNIGHT) -> None:
        days.zone(timezone)
        days.minutes_of(day_starts)
        self._use(Books(timezone, day_starts))

    def _use(self, books: Books) -> None:
        self.books = books
        self._rules: dict[type[Event], Callable[[Any, int], Outcome]] = {
            AgentSignedIn: self._agent_signed_in,
            AgentSignedOut: self._agent_signed_out,
            AgentSkillsSet: self._agent_skills_set,
            AgentStateSet: self._agent_state_set,
            CallOffered: self._call_offered,
            CallAlerting: self._call_alerting,
            CallUnanswered: self._call_unanswered,
            CallAnswered: self._call_answered,
            CallLeft: self._call_left,
            CallHeld: self._call_held,
            CallResumed: self._call_resumed,
            CallReleased: self._call_released,
            SkillConfigured: self._skill_configured,
            AgentConfigured: self._agent_configured,
            VdnConfigured: self._vdn_configured,
            Snapshot: self._snapshot,
            LinkLost: self._link_lost,
            LinkRestored: self._link_restored,
            SourceRestarted: self._source_restarted,
            Clock: self._clock,
        }

    # The verbs

    def apply(self, event: Event) -> Outcome:
        """Folds one event into the state. It must be valid and carry `at`: the edge has seen to that."""
        books = self.books
        at_ms = event.at
        assert at_ms is not None, "the edge fills in `at`"
        clock_ms = books.clock_ms
        if at_ms > clock_ms:
            books.clock_ms = clock_ms = at_ms
            if at_ms >= books.due_ms:
                books.run_timers(at_ms)
        if books.seen.again(event.id or event, clock_ms):
            return REPEATED
        return self._rules[type(event)](event, at_ms)

    def rows(self, skill_ids: Sequence[int], now_ms: int) -> list[Row]:
        """The figures of these queues at `now_ms`, in this order; a queue never heard of has zeros.

        Figures are as if time had run on to `now_ms`; below the clock they are those at the clock.
        """
        return questions.rows(self.books, skill_ids, now_ms)

    def advance(self, now_ms: int) -> list[Five]:
        """Returns the five minutes closed since it was last asked, having let time run on to `now_ms`.

        Only for a `now_ms` that is in the log, as the `at` of an event: else the fold would depend on who
        asks.
        """
        books = self.books
        if now_ms > books.clock_ms:
            books.clock_ms = now_ms
            books.run_timers(now_ms)
        closed, books.closed = books.closed, []
        return closed

    def deadline_ms(self) -> int:
        """The next instant at which time alone changes something."""
        return self.books.due_ms

    def snapshot(self) -> bytes:
        """The whole state; equal for equal logs, in any process."""
        return keeping.dump(self.books)

    @classmethod
    def restore(cls, snapshot: bytes) -> "Vdn":
        """The engine that `snapshot` described. Raises `keeping.BadSnapshot`."""
        vdn = cls.__new__(cls)
        vdn._use(keeping.load(snapshot))
        return vdn

    @property
    def clock_ms(self) -> int:
        """The largest `at` so far, whatever the outcome; -1 before the first event."""
        return self.books.clock_ms

    @property
    def stale_since_ms(self) -> int | None:
        """Since when a source's link is lost; `None` when all see their switch."""
        return min(self.books.links.values(), default=None)

    def would_change(self, event: SkillConfigured | VdnConfigured) -> bool:
        """Whether the event says anything that the state does not say yet."""
        if isinstance(event, VdnConfigured):
            return any(True for _ in differences(self.books, event, VDN_KEYS))
        queue = self.books.queues.get(event.skill)
        if queue is None or queue.limits is None:
            return True
        return any(True for _ in differences(queue.limits, event, LIMITS_KEYS))

    # Agents

    def _agent_signed_in(self, event: AgentSignedIn, at_ms: int) -> Outcome:
        books = self.books
        agent = books.agent(event.agent)
        skills = sorted(event.skills)
        base = CODES[event.state] if event.state else IDLE
        capacity = event.capacity or 1
        agent.touch(at_ms)
        before = session(agent)
        agent.base, agent.capacity, agent.media, agent.reason = base, capacity, event.media, None
        if agent.state == SIGNED_OUT:
            books.sign_in(agent, event.source or MAIN_SOURCE, skills, at_ms)
            return APPLIED
        agent.unexplained = -1
        books.shift(agent, at_ms)
        books.requeue(agent, skills)
        return REPEATED if session(agent) == before else APPLIED

    def _agent_signed_out(self, event: AgentSignedOut, at_ms: int) -> Outcome:
        agent = self._signed_in(event.agent, at_ms)
        if agent is None:
            return OUT_OF_PLACE
        self.books.sign_out(agent, at_ms)
        return APPLIED

    def _agent_skills_set(self, event: AgentSkillsSet, at_ms: int) -> Outcome:
        agent = self._signed_in(event.agent, at_ms)
        if agent is None:
            return OUT_OF_PLACE
        before = session(agent)
        agent.unexplained = -1
        self.books.shift(agent, at_ms)
        self.books.requeue(agent, sorted(event.skills))
        return REPEATED if session(agent) == before else APPLIED

    def _agent_state_set(self, event: AgentStateSet, at_ms: int) -> Outcome:
        agent = self._signed_in(event.agent, at_ms)
        if agent is None:
            return OUT_OF_PLACE
        before = session(agent)
        agent.base = CODES[event.state]
        agent.reason = event.reason
        agent.wrapup_until_ms = 0
        agent.unexplained = -1
        self.books.shift(agent, at_ms)
        return REPEATED if session(agent) == before else APPLIED

    def _signed_in(self, agent_id: int, at_ms: int) -> Agent | None:
        """The agent, if he is signed in; an event at `at_ms` has touched him."""
        agent = self.books.agents.get(agent_id)
        if agent is None or agent.state == SIGNED_OUT:
            return None
        agent.touch(at_ms)
        return agent

    def _explain(self, agent: Agent, at_ms: int) -> Outcome:
        """An event that says nothing new of the agent, but ends a state that only a picture knew of."""
        agent.touch(at_ms)
        if agent.unexplained < 0:
            return REPEATED
        agent.unexplained = -1
        self.books.shift(agent, at_ms)
        return APPLIED

    # Calls

    def _call_offered(self, event: CallOffered, at_ms: int) -> Outcome:
        books, call = self.books, event.call
        if at_ms <= books.end_of(call):
            return OUT_OF_PLACE
        source, touched_ms = event.source or MAIN_SOURCE, at_ms
        before = books.calls.get(call)
        if before is not None:
            if at_ms <= before.answered_at_ms:
                return OUT_OF_PLACE
            before.touch(at_ms)
            if before.answered_at_ms >= 0:
                books.end_talk(before, at_ms)
            elif before.queue.skill == event.skill:
                return REPEATED
            else:
                books.leave(before, "overflowed", at_ms)
            # An overflow or a transfer is the same call: it belongs to the source that opened it.
            source, touched_ms = before.source, before.touched_ms
        queue = books.queue(event.skill)
        since_ms = at_ms if event.since is None or event.since > at_ms else event.since
        inbound = event.direction != "out"
        stay = books.offer(call, queue, source, at_ms, since_ms, inbound)
        stay.touched_ms = touched_ms
        stay.media, stay.caller, stay.called = event.media, event.caller, event.called
        stay.priority = event.priority
        five = books.five(queue, at_ms)
        five.offered += 1
        if inbound:
            five.offered_in += 1
        return APPLIED

    def _call_alerting(self, event: CallAlerting, at_ms: int) -> Outcome:
        stay, agent = self.books.calls.get(event.call), self.books.agents.get(event.agent)
        if stay is None or stay.answered_at_ms >= 0 or agent is None or agent.state == SIGNED_OUT:
            return OUT_OF_PLACE
        stay.touch(at_ms)
        if event.call in agent.rings:
            return self._explain(agent, at_ms)
        agent.unexplained = -1
        self.books.ring(stay, agent, at_ms)
        return APPLIED

    def _call_unanswered(self, event: CallUnanswered, at_ms: int) -> Outcome:
        stay, agent = self.books.calls.get(event.call), self.books.agents.get(event.agent)
        if stay is None or stay.answered_at_ms >= 0 or agent is None or agent.state == SIGNED_OUT:
            return OUT_OF_PLACE
        stay.touch(at_ms)
        if event.call not in agent.rings:
            return self._explain(agent, at_ms)
        agent.unexplained = -1
        self.books.stop_ring(stay, agent, at_ms)
        return APPLIED

    def _call_answered(self, event: CallAnswered, at_ms: int) -> Outcome:
        books, skill = self.books, event.skill
        stay = books.calls.get(event.call)
        if stay is None and skill is None:
            return OUT_OF_PLACE
        agent_id = event.agent or 0
        agent = books.agents.get(agent_id)
        if stay is not None and stay.answered_at_ms >= 0:
            stay.touch(at_ms)
            if not agent_id or agent_id == stay.agent_id:
                return REPEATED if agent is None or agent.state == SIGNED_OUT else self._explain(agent, at_ms)
            books.discredit(stay, at_ms)
            if agent is not None:
                agent.unexplained = -1
            books.credit(stay, agent_id, at_ms)
            return APPLIED
        if agent is not None:
            agent.unexplained = -1
        if stay is None or (skill is not None and stay.queue.skill != skill):
            assert skill is not None
            stay = self._offer_at_answer(event, at_ms, stay, skill)
        stay.touch(at_ms)
        books.answer(stay, agent_id, at_ms, books.five(stay.queue, at_ms))
        return APPLIED

    def _offer_at_answer(self, event: CallAnswered, at_ms: int, before: Pass | None, skill: int) -> Pass:
        """The pass in `skill` that only its answer tells of: an overflow where the call waited elsewhere."""
        books = self.books
        source, inbound, touched_ms = event.source or MAIN_SOURCE, True, at_ms
        if before is not None:
            source, inbound, touched_ms = before.source, before.inbound, before.touched_ms
            books.leave(before, "overflowed", at_ms)
        queue = books.queue(skill)
        stay = books.offer(event.call, queue, source, at_ms, at_ms, inbound)
        stay.touched_ms = touched_ms
        stay.wait_known = before is not None
        five = books.five(queue, at_ms)
        five.offered += 1
        if inbound:
            five.offered_in += 1
        return stay

    def _call_left(self, event: CallLeft, at_ms: int) -> Outcome:
        stay = self.books.calls.get(event.call)
        if stay is None or stay.answered_at_ms >= 0:
            if stay is None:
                self.books.remember_end(event.call, at_ms)
            return OUT_OF_PLACE
        self.books.remember_end(event.call, at_ms)
        self.books.leave(stay, event.cause, at_ms)
        return APPLIED

    def _call_held(self, event: CallHeld, at_ms: int) -> Outcome:
        stay = self.books.calls.get(event.call)
        if stay is None or stay.answered_at_ms < 0:
            return OUT_OF_PLACE
        stay.touch(at_ms)
        if stay.hold_since_ms >= 0:
            return REPEATED
        stay.hold_since_ms = at_ms
        return APPLIED

    def _call_resumed(self, event: CallResumed, at_ms: int) -> Outcome:
        stay = self.books.calls.get(event.call)
        if stay is None or stay.answered_at_ms < 0:
            return OUT_OF_PLACE
        stay.touch(at_ms)
        if stay.hold_since_ms < 0:
            return REPEATED
        stay.hold_ms += max(0, at_ms - stay.hold_since_ms)
        stay.hold_since_ms = -1
        return APPLIED

    def _call_released(self, event: CallReleased, at_ms: int) -> Outcome:
        books = self.books
        stay = books.calls.get(event.call)
        books.remember_end(event.call, at_ms)
        if stay is None:
            return OUT_OF_PLACE
        if stay.answered_at_ms < 0:
            books.close(stay, at_ms)  # The answer was lost (rule 7).
            return APPLIED
        wrapup_ms = event.wrapup_ms
        if wrapup_ms is None:
            limits = stay.queue.limits
            wrapup_ms = 0 if limits is None else limits.wrapup_ms
        books.end_talk(stay, at_ms, wrapup_ms)
        return APPLIED

    # Names, repairs, links, time

    def _skill_configured(self, event: SkillConfigured, at_ms: int) -> Outcome:
        queue = self.books.queue(event.skill)
        limits = queue.limits
        if limits is None:
            limits = queue.limits = Limits()
            configure(limits, event, LIMITS_KEYS)
            return APPLIED
        return APPLIED if configure(limits, event, LIMITS_KEYS) else REPEATED

    def _agent_configured(self, event: AgentConfigured, at_ms: int) -> Outcome:
        return APPLIED if configure(self.books.agent(event.agent), event, AGENT_KEYS) else REPEATED

    def _vdn_configured(self, event: VdnConfigured, at_ms: int) -> Outcome:
        books = self.books
        if not configure(books, event, VDN_KEYS):
            return REPEATED
        books.day_ms, books.day_end_ms = days.day_of(books.clock_ms, books.timezone, books.day_starts)
        books.set_due()
        for queue in books.queues.values():
            queue.row_until_ms = 0
        return APPLIED

    def _snapshot(self, event: Snapshot, at_ms: int) -> Outcome:
        return APPLIED if repair.repair(self.books, event, event.source or MAIN_SOURCE) else REPEATED

    def _link_lost(self, event: LinkLost, at_ms: int) -> Outcome:
        links, source = self.books.links, event.source or MAIN_SOURCE
        if source in links:
            return REPEATED
        links[source] = at_ms
        return APPLIED

    def _link_restored(self, event: LinkRestored, at_ms: int) -> Outcome:
        return REPEATED if self.books.links.pop(event.source or MAIN_SOURCE, None) is None else APPLIED

    def _source_restarted(self, event: SourceRestarted, at_ms: int) -> Outcome:
        return APPLIED if repair.restart(self.books, at_ms, event.source or MAIN_SOURCE) else REPEATED

    def _clock(self, event: Clock, at_ms: int) -> Outcome:
        return APPLIED


LIMITS_KEYS: Final = (
    "name",
    "media",
    "answer_within_ms",
    "short_wait_ms",
    "max_waiting",
    "max_wait_ms",
    "wrapup_ms",
)
AGENT_KEYS: Final = ("name", "phone", "media")
VDN_KEYS: Final = ("name", "timezone", "day_starts")


def session(agent: Agent) -> tuple[object, ...]:
    """What an event can set of an agent's session, to see whether it did."""
    return (
        agent.queues,
        agent.state,
        agent.base,
        agent.reason,
        agent.capacity,
        agent.media,
        agent.wrapup_until_ms,
    )


def differences(target: object, event: Event, keys: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """The keys that the event carries with another value than the target has."""
    for key in keys:
        value = getattr(event, key)
        if value is not None and value != getattr(target, key):
            yield key, value


def configure(target: object, event: Event, keys: tuple[str, ...]) -> bool:
    """Copies the keys that the event carries; whether that changed anything."""
    changes = list(differences(target, event, keys))
    for key, value in changes:
        setattr(target, key, value)
    return bool(changes)
