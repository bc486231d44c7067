"""What the events of calls mean (events.md, "Calls").

Each rule changes the books and says how the event ended.
"""

from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.calls import TRANSFERRED, Pass
from queuepulse.engine.events import (
    MAIN_SOURCE,
    CallAlerting,
    CallAnswered,
    CallHeld,
    CallLeft,
    CallOffered,
    CallReleased,
    CallResumed,
    CallUnanswered,
)
from queuepulse.engine.outcomes import APPLIED, OUT_OF_PLACE, REPEATED, Outcome
from queuepulse.engine.states import SIGNED_OUT


def call_offered(books: Books, event: CallOffered, at_ms: int) -> Outcome:
    """A pass begins: of a new call, by overflow of a waiting or transfer of a talking one (rules 3, 8)."""
    call = event.call
    if at_ms <= books.ended.end_of(call, books.clock_ms):
        return OUT_OF_PLACE
    source, touched_ms = event.source or MAIN_SOURCE, at_ms
    before = books.calls.get(call)
    if before is not None:
        if at_ms <= before.answered_at_ms:
            return OUT_OF_PLACE
        before.touch(at_ms)
        if before.answered_at_ms >= 0:
            books.end_talk(before, at_ms, outcome=TRANSFERRED)
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
    books.count_offer(stay, before)
    return APPLIED


def call_alerting(books: Books, event: CallAlerting, at_ms: int) -> Outcome:
    """A waiting call rings at an agent."""
    stay, agent = books.calls.get(event.call), books.agents.get(event.agent)
    if stay is None or stay.answered_at_ms >= 0 or agent is None or agent.state == SIGNED_OUT:
        return OUT_OF_PLACE
    stay.touch(at_ms)
    if event.call in agent.rings:
        return _explain(books, agent, at_ms)
    agent.unexplained = -1
    if at_ms >= books.mark_ms:
        agent.rings_untold += 1
    else:
        books.facts.rang(at_ms, agent.id, 1)
    books.ring(stay, agent, at_ms)
    return APPLIED


def call_unanswered(books: Books, event: CallUnanswered, at_ms: int) -> Outcome:
    """It no longer rings at him; it still waits."""
    stay, agent = books.calls.get(event.call), books.agents.get(event.agent)
    if stay is None or stay.answered_at_ms >= 0 or agent is None or agent.state == SIGNED_OUT:
        return OUT_OF_PLACE
    stay.touch(at_ms)
    if event.call not in agent.rings:
        return _explain(books, agent, at_ms)
    agent.unexplained = -1
    books.facts.unanswered(at_ms, agent.id)
    books.stop_ring(stay, agent, at_ms)
    return APPLIED


def call_answered(books: Books, event: CallAnswered, at_ms: int) -> Outcome:
    """The wait ends and the talk begins, also of a call that only its answer tells of (rules 4 and 5)."""
    skill = event.skill
    stay = books.calls.get(event.call)
    if stay is None and skill is None:
        return OUT_OF_PLACE
    agent_id = event.agent or 0
    agent = books.agents.get(agent_id)
    if stay is not None and stay.answered_at_ms >= 0:
        stay.touch(at_ms)
        if not agent_id or agent_id == stay.agent_id:
            return REPEATED if agent is None or agent.state == SIGNED_OUT else _explain(books, agent, at_ms)
        books.discredit(stay, at_ms)
        if agent is not None:
            agent.unexplained = -1
        books.credit(stay, agent_id, at_ms)
        return APPLIED
    if agent is not None:
        agent.unexplained = -1
    wait_known = stay is not None
    if stay is None or (skill is not None and stay.queue.skill != skill):
        assert skill is not None
        stay = _offer_at_answer(books, event, at_ms, stay, skill)
    stay.touch(at_ms)
    books.answer(stay, agent_id, at_ms, books.five(stay.queue, at_ms), wait_known)
    return APPLIED


def _offer_at_answer(books: Books, event: CallAnswered, at_ms: int, before: Pass | None, skill: int) -> Pass:
    """The pass in `skill` that only its answer tells of: an overflow where the call waited elsewhere."""
    source, inbound, touched_ms = event.source or MAIN_SOURCE, True, at_ms
    if before is not None:
        source, inbound, touched_ms = before.source, before.inbound, before.touched_ms
        books.leave(before, "overflowed", at_ms)
    queue = books.queue(skill)
    stay = books.offer(event.call, queue, source, at_ms, at_ms, inbound)
    stay.touched_ms = touched_ms
    books.count_offer(stay, before)
    return stay


def call_left(books: Books, event: CallLeft, at_ms: int) -> Outcome:
    """The wait ends unanswered."""
    stay = books.calls.get(event.call)
    if stay is None or stay.answered_at_ms >= 0:
        if stay is None:
            books.ended.remember(event.call, at_ms, books.clock_ms)
        return OUT_OF_PLACE
    books.ended.remember(event.call, at_ms, books.clock_ms)
    books.leave(stay, event.cause, at_ms)
    return APPLIED


def call_held(books: Books, event: CallHeld, at_ms: int) -> Outcome:
    """A talking call is put on hold."""
    stay = books.calls.get(event.call)
    if stay is None or stay.answered_at_ms < 0:
        return OUT_OF_PLACE
    stay.touch(at_ms)
    if stay.hold_since_ms >= 0:
        return REPEATED
    stay.hold_since_ms = at_ms
    return APPLIED


def call_resumed(books: Books, event: CallResumed, at_ms: int) -> Outcome:
    """A held call talks again."""
    stay = books.calls.get(event.call)
    if stay is None or stay.answered_at_ms < 0:
        return OUT_OF_PLACE
    stay.touch(at_ms)
    if stay.hold_since_ms < 0:
        return REPEATED
    stay.hold_ms += max(0, at_ms - stay.hold_since_ms)
    stay.hold_since_ms = -1
    return APPLIED


def call_released(books: Books, event: CallReleased, at_ms: int) -> Outcome:
    """The talk ends and the agent's wrap-up begins; of a waiting call, the answer was lost (rule 7)."""
    stay = books.calls.get(event.call)
    books.ended.remember(event.call, at_ms, books.clock_ms)
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


def _explain(books: Books, agent: Agent, at_ms: int) -> Outcome:
    """An event that says nothing new of the agent, but ends a state that only a picture knew of."""
    agent.touch(at_ms)
    if agent.unexplained < 0:
        return REPEATED
    agent.unexplained = -1
    books.shift(agent, at_ms)
    return APPLIED
