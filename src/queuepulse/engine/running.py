"""What runs in a queue at an instant, as terms of explanations: agents in states, calls that wait or talk."""

from typing import Final

from queuepulse.engine import questions
from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.explanations import Term
from queuepulse.engine.figures import DAY, FIVE
from queuepulse.engine.places import Places
from queuepulse.engine.queues import FIVE_MS, MINUTE_MS
from queuepulse.engine.states import (
    ADJUST,
    BUSY,
    IDLE,
    NAMES,
    OCCUPIED,
    PREOCCUPIED,
    REST,
    SIGNED_OUT,
    STUDY,
    TALKING,
    WORK,
)

STATES_OF: Final[dict[str, tuple[int, ...]]] = {
    "talking": (TALKING,),
    "idle": (IDLE,),
    "available": (IDLE,),
    "busy": (BUSY,),
    "rest": (REST,),
    "work": (WORK, ADJUST),
    "study": (STUDY,),
    "occupied": (OCCUPIED,),
    "preoccupied": (PREOCCUPIED,),
    "signed_in": tuple(range(SIGNED_OUT + 1, len(NAMES))),
}
"""The states that count in each figure of agents."""


def begin_ms(books: Books, period: str, now_ms: int) -> int:
    """When the period of a figure began that runs at `now_ms`, which is not before the clock."""
    if period == FIVE:
        return now_ms - now_ms % FIVE_MS
    if period == DAY:
        return books.day_ms if now_ms < books.day_end_ms else books.day_end_ms
    return now_ms


class Standing:
    """An agent as if time had run on: his state and since when, and until when a wrap-up runs (0: none)."""

    __slots__ = ("agent", "since_ms", "spare", "state", "until_ms")

    def __init__(self, agent: Agent, now_ms: int) -> None:
        self.agent = agent
        self.state = agent.state
        self.since_ms = agent.since_ms
        self.until_ms = agent.wrapup_until_ms
        self.spare = agent.spare
        if 0 < self.until_ms <= now_ms:
            move = questions.move(agent, self.until_ms)
            self.spare = move.spare + agent.spare > 0
            if move.into != SIGNED_OUT:
                self.state, self.since_ms = move.into, self.until_ms
            self.until_ms = 0


class Running:
    """A queue at `now_ms`, as if time had run on until then."""

    def __init__(self, books: Books, skill: int, now_ms: int, places: Places) -> None:
        self._books = books
        self._queue = books.queues.get(skill)
        self._now_ms = now_ms
        self._places = places

    def _standing(self) -> list[Standing]:
        """Those signed in to the queue, the longest in their state first."""
        if self._queue is None:
            return []
        queue, now_ms = self._queue, self._now_ms
        found = [Standing(agent, now_ms) for agent in self._books.agents.values() if queue in agent.queues]
        found.sort(key=_since)
        return found

    def agents(self, figure: str) -> list[Term]:
        """All agents signed in to the queue: those in the states of the figure count."""
        states, with_spare = STATES_OF[figure], figure == "available"
        standing = self._standing()
        talks: dict[int, list[str]] = {one.agent.id: [] for one in standing}
        for stay in self._books.calls.values():
            if stay.agent_id in talks and stay.answered_at_ms >= 0:
                talks[stay.agent_id].append(stay.call)
        terms = []
        for one in standing:
            counts = one.state in states or (with_spare and one.spare)
            could = with_spare and one.agent.capacity > 1 and one.agent.base == IDLE
            why_not = "" if counts else "in_use" if could else "other_state"
            terms.append(self._agent(one, {figure: 1} if counts else {}, why_not, talks[one.agent.id]))
        return terms

    def idlers(self) -> list[Term]:
        """Those who are idle, each with how long."""
        return [
            self._agent(one, {"idle_ms_max": max(self._now_ms - one.since_ms, 0)}, "", [])
            for one in self._standing()
            if one.state == IDLE
        ]

    def waits(self, longest: str) -> list[Term]:
        """The passes that wait, the longest first: each is one; or, with the name of a maximum, how long."""
        if self._queue is None:
            return []
        found = []
        since = self._queue.waits.standing()
        for call in sorted(since, key=lambda call: (since[call], call)):
            stay, since_ms = self._books.calls[call], since[call]
            adds = {longest: max(self._now_ms - since_ms, 0)} if longest else {"waiting": 1}
            where = self._places.of_call(call)
            ringing = tuple([agent.id for agent in stay.ringing])
            found.append(Term("waiting", adds, call=call, since_ms=since_ms, agents=ringing, position=where))
        return found

    def talks(self) -> list[Term]:
        """The passes answered and not released, the longest first."""
        queue = self._queue
        found = [
            Term(
                "talking",
                {"in_talk": 1},
                call=stay.call,
                agent=stay.agent_id or None,
                since_ms=stay.answered_at_ms,
                position=self._places.of_call(stay.call),
            )
            for stay in self._books.calls.values()
            if stay.queue is queue and stay.answered_at_ms >= 0
        ]
        found.sort(key=_term_since)
        return found

    def ended_today(self) -> list[Term]:
        """The talks that ended in the statistics day, by the minute."""
        queue, books = self._queue, self._books
        if queue is None or self._now_ms >= books.day_end_ms:
            return []
        first = books.day_ms // MINUTE_MS
        return [
            Term("talks", {"ended_today": count}, since_ms=minute * MINUTE_MS, at_ms=(minute + 1) * MINUTE_MS)
            for minute, count in sorted(queue.ended_by_minute.items())
            if minute >= first
        ]

    def _agent(self, one: Standing, adds: dict[str, int], why_not: str, calls: list[str]) -> Term:
        agent = one.agent
        return Term(
            "agent",
            adds,
            why_not,
            agent=agent.id,
            name=agent.name,
            state=NAMES[one.state],
            base=NAMES[agent.base],
            since_ms=one.since_ms,
            until_ms=one.until_ms or None,
            calls=tuple(sorted(calls)),
            ringing=tuple(sorted(agent.rings)),
            position=self._places.of_agent(agent.id) if one.since_ms == agent.since_ms else None,
        )


def _since(one: Standing) -> tuple[int, int]:
    return one.since_ms, one.agent.id


def _term_since(term: Term) -> tuple[int, str]:
    return term.since_ms or 0, term.call or ""
