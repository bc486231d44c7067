"""What the events of agents mean (events.md, "Agents").

Each rule changes the books and says how the event ended.
"""

from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.events import (
    MAIN_SOURCE,
    MEDIA_PHONE,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
)
from queuepulse.engine.outcomes import APPLIED, OUT_OF_PLACE, REPEATED, Outcome
from queuepulse.engine.states import CODES, IDLE, SIGNED_OUT


def agent_signed_in(books: Books, event: AgentSignedIn, at_ms: int) -> Outcome:
    """Begins a session, or replaces what is set of the one he has; a running wrap-up goes on."""
    agent = books.agent(event.agent)
    skills = sorted(event.skills)
    base = CODES[event.state] if event.state else IDLE
    capacity = event.capacity or 1
    agent.touch(at_ms)
    before = _session(agent)
    agent.base, agent.capacity, agent.media, agent.reason = base, capacity, event.media or MEDIA_PHONE, None
    if agent.state == SIGNED_OUT:
        books.sign_in(agent, event.source or MAIN_SOURCE, skills, at_ms)
        return APPLIED
    agent.unexplained = -1
    books.shift(agent, at_ms)
    books.requeue(agent, skills, at_ms)
    return REPEATED if _session(agent) == before else APPLIED


def agent_signed_out(books: Books, event: AgentSignedOut, at_ms: int) -> Outcome:
    """Ends ringing, wrap-up and session; a talk goes on in the books of its call."""
    agent = _signed_in(books, event.agent, at_ms)
    if agent is None:
        return OUT_OF_PLACE
    books.sign_out(agent, at_ms)
    return APPLIED


def agent_skills_set(books: Books, event: AgentSkillsSet, at_ms: int) -> Outcome:
    """Changes the queues he counts in; state and timers go on."""
    agent = _signed_in(books, event.agent, at_ms)
    if agent is None:
        return OUT_OF_PLACE
    before = _session(agent)
    agent.unexplained = -1
    books.shift(agent, at_ms)
    books.requeue(agent, sorted(event.skills), at_ms)
    return REPEATED if _session(agent) == before else APPLIED


def agent_state_set(books: Books, event: AgentStateSet, at_ms: int) -> Outcome:
    """Sets his base state and ends a running wrap-up."""
    agent = _signed_in(books, event.agent, at_ms)
    if agent is None:
        return OUT_OF_PLACE
    before = _session(agent)
    agent.base = CODES[event.state]
    agent.reason = event.reason
    books.end_wrapup(agent, at_ms)
    agent.unexplained = -1
    books.shift(agent, at_ms)
    return REPEATED if _session(agent) == before else APPLIED


def _signed_in(books: Books, agent_id: int, at_ms: int) -> Agent | None:
    """The agent, if he is signed in; an event at `at_ms` has touched him."""
    agent = books.agents.get(agent_id)
    if agent is None or agent.state == SIGNED_OUT:
        return None
    agent.touch(at_ms)
    return agent


def _session(agent: Agent) -> tuple[object, ...]:
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
