"""Repair by a source's own picture, and the end of a source (events.md, "Names, repairs, links, time").

Only what is covered is repaired, only what belongs to the source, and only what no event at `asked_at` or
later touched.
"""

from typing import Final

from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.calls import Pass
from queuepulse.engine.events import MEDIA_PHONE, PictureAgent, PictureCall, Snapshot
from queuepulse.engine.queues import FIVE_MS, Five
from queuepulse.engine.states import ADJUST, CODES, DERIVED, IDLE, SIGNED_OUT

KINDS: Final = (
    "session_opened",
    "session_closed",
    "session_changed",
    "state_changed",
    "pass_opened",
    "pass_answered",
    "pass_changed",
    "pass_closed",
)
"""What a repair can change; how often it did is counted by these."""


def restart(books: Books, at_ms: int, source: str) -> bool:
    """Every live call and session of the source is over; whether there was any."""
    stays = [stay for stay in books.calls.values() if stay.source == source]
    agents = [agent for agent in _in_order(books) if agent.state != SIGNED_OUT and agent.source == source]
    with books.repairing(at_ms):
        for stay in stays:
            _close(books, stay, at_ms)
        for agent in agents:
            _end_session(books, agent, at_ms)
    return bool(stays or agents)


def repair(books: Books, picture: Snapshot, source: str) -> dict[str, int]:
    """Makes what belongs to the source equal to its picture; what that changed, by kind."""
    return _Repair(books, picture, source).run() if picture.covers else {}


class _Repair:
    """One picture on its way into the books: sessions first, then calls, then the states that both give."""

    def __init__(self, books: Books, picture: Snapshot, source: str) -> None:
        assert picture.at is not None, "the edge fills in `at`"
        self.books = books
        self.picture = picture
        self.source = source
        self.at_ms = picture.at
        self.changes: dict[str, int] = {}
        # Looked up before anything changes: what this repair touches is not newer than its own picture.
        asked_ms = picture.asked_at
        self.newer_calls = {stay.call for stay in books.calls.values() if stay.touched_ms >= asked_ms}
        self.newer_agents = {agent.id for agent in books.agents.values() if agent.touched_ms >= asked_ms}

    def run(self) -> dict[str, int]:
        covers = self.picture.covers
        agents: list[tuple[Agent, PictureAgent, tuple[int, ...] | None]] = []
        with self.books.repairing(self.at_ms):
            if "agents" in covers:
                agents = self._sessions()
            if "waiting" in covers or "talking" in covers:
                self._passes()
            for agent, item, _ in agents:
                self._state(agent, item)
        for agent, item, before in agents:
            if item.since is not None and agent.state == CODES[item.state]:
                self.books.set_since(agent, min(item.since, self.at_ms))
            if before is not None and standing(agent) != before:
                agent.touch(self.at_ms)
                self._count("state_changed", agent_id=agent.id)
        return self.changes

    def _count(self, kind: str, skill: int = 0, agent_id: int = 0) -> None:
        assert kind in KINDS
        self.changes[kind] = self.changes.get(kind, 0) + 1
        self.books.facts.repaired(self.at_ms, skill, agent_id)
        self.books.repairs[kind] = self.books.repairs.get(kind, 0) + 1

    # Sessions

    def _sessions(self) -> list[tuple[Agent, PictureAgent, tuple[int, ...] | None]]:
        """Opens, changes and closes sessions; gives whose state is still to be set, and how it stood."""
        books, at_ms = self.books, self.at_ms
        items = {item.agent: item for item in self.picture.agents}
        for agent in _in_order(books):
            if (
                agent.state != SIGNED_OUT
                and agent.source == self.source
                and agent.id not in items
                and agent.id not in self.newer_agents
            ):
                _end_session(books, agent, at_ms)
                self._count("session_closed", agent_id=agent.id)
        repaired = []
        for item in items.values():
            agent = books.agent(item.agent)
            if agent.id in self.newer_agents:
                continue
            before = None if agent.state == SIGNED_OUT else standing(agent)
            if before is None:
                self._open_session(agent, item)
            elif agent.source != self.source:
                continue
            else:
                self._change_session(agent, item)
            repaired.append((agent, item, before))
        return repaired

    def _open_session(self, agent: Agent, item: PictureAgent) -> None:
        state = CODES[item.state]
        agent.base = CODES[item.base] if item.base else IDLE
        agent.capacity, agent.media, agent.reason = item.capacity or 1, item.media or MEDIA_PHONE, item.reason
        agent.unexplained = state  # Until the calls are known.
        self.books.sign_in(agent, self.source, sorted(item.skills), self.at_ms)
        self._count("session_opened", agent_id=agent.id)

    def _change_session(self, agent: Agent, item: PictureAgent) -> None:
        before = (agent.queues, agent.capacity, agent.media)
        self.books.requeue(agent, sorted(item.skills), self.at_ms)
        agent.capacity = item.capacity or agent.capacity
        agent.media = item.media or agent.media
        if (agent.queues, agent.capacity, agent.media) != before:
            agent.touch(self.at_ms)
            self._count("session_changed", agent_id=agent.id)

    def _state(self, agent: Agent, item: PictureAgent) -> None:
        """Makes the effective state that of the picture; what nothing explains holds until his next event."""
        state = CODES[item.state]
        agent.unexplained = -1
        agent.reason = item.reason
        if state in DERIVED:
            if item.base:
                agent.base = CODES[item.base]
            if item.wrapup_until is not None:
                self._set_wrapup(agent, item.wrapup_until)
        else:
            agent.base = state
            self.books.end_wrapup(agent, self.at_ms)
        timed = state == ADJUST and item.wrapup_until is not None
        if state in DERIVED and agent.natural_state() != state and not timed:
            agent.unexplained = state
            agent.base = CODES[item.base] if item.base else IDLE
        self.books.shift(agent, self.at_ms)

    def _set_wrapup(self, agent: Agent, until_ms: int) -> None:
        """Makes a wrap-up end when the picture says; if one runs, it is the same one."""
        since_ms, queue = agent.wrapup_since_ms, agent.wrapup_queue
        if not agent.wrapup_until_ms or queue is None:
            since_ms, queue = self.at_ms, None
        agent.wrapup_until_ms, agent.wrapup_queue = 0, None
        self.books.begin_wrapup(agent, until_ms, since_ms, queue)

    # Passes

    def _passes(self) -> None:
        books = self.books
        items = {item.call: item for item in self.picture.calls}
        for stay in list(books.calls.values()):
            if stay.call not in items and self._is_ours(stay) and self._is_covered(stay):
                _close(books, stay, self.at_ms)
                self._count("pass_closed", stay.queue.skill)
        for item in items.values():
            phase = "waiting" if item.answered_at is None else "talking"
            if phase not in self.picture.covers:
                continue
            found = books.calls.get(item.call)
            if found is not None:
                if self._is_ours(found):
                    self._compare(found, item)
            elif books.ended.end_of(item.call, books.clock_ms) < self.picture.asked_at:
                self._open_pass(item)

    def _is_ours(self, stay: Pass) -> bool:
        return stay.source == self.source and stay.call not in self.newer_calls

    def _is_covered(self, stay: Pass) -> bool:
        return ("waiting" if stay.answered_at_ms < 0 else "talking") in self.picture.covers

    def _compare(self, stay: Pass, item: PictureCall) -> None:
        """A pass is the same if call, queue and phase agree, or if only the answer is missing here."""
        if stay.queue.skill == item.skill and (item.answered_at is not None or stay.answered_at_ms < 0):
            self._take_over(stay, item)
        elif self._is_covered(stay):
            _close(self.books, stay, self.at_ms)
            self._count("pass_closed", stay.queue.skill)
            self._open_pass(item)

    def _take_over(self, stay: Pass, item: PictureCall) -> None:
        books = self.books
        before = (stay.waiting_since_ms, stay.answered_at_ms, stay.agent_id, set(map(_id, stay.ringing)))
        since_ms = min(item.waiting_since, self.at_ms)
        if item.answered_at is None:
            if since_ms != stay.waiting_since_ms:
                books.set_waiting_since(stay, since_ms)
            self._set_ringing(stay, item)
        elif stay.answered_at_ms < 0:
            if since_ms != stay.waiting_since_ms:
                books.untell_reached(stay)
                stay.waiting_since_ms = since_ms
            answered_ms = min(item.answered_at, self.at_ms)
            self._answer(stay, item, answered_ms, books.five(stay.queue, answered_ms))
            stay.touch(self.at_ms)
            self._count("pass_answered", item.skill)
            return
        else:
            stay.waiting_since_ms, stay.answered_at_ms = since_ms, min(item.answered_at, self.at_ms)
            if item.agent and item.agent != stay.agent_id:
                books.discredit(stay, self.at_ms)
                books.credit(stay, item.agent, stay.answered_at_ms)
        after = (stay.waiting_since_ms, stay.answered_at_ms, stay.agent_id, set(map(_id, stay.ringing)))
        if after != before:
            stay.touch(self.at_ms)
            self._count("pass_changed", item.skill)

    def _open_pass(self, item: PictureCall) -> None:
        """Opens a pass with its own times; it counts where those lie in the running five minutes and day."""
        books, mark_ms = self.books, self.books.clock_ms - self.books.clock_ms % FIVE_MS
        queue, inbound = books.queue(item.skill), item.direction != "out"
        since_ms = min(item.waiting_since, self.at_ms)
        stay = books.offer(item.call, queue, self.source, since_ms, since_ms, inbound)
        stay.touched_ms = self.at_ms
        if since_ms >= mark_ms:
            books.count_offer(stay, None)
        if item.answered_at is None:
            self._set_ringing(stay, item)
        else:
            answered_ms = min(item.answered_at, self.at_ms)
            counted = books.five(queue, answered_ms) if answered_ms >= mark_ms else None
            self._answer(stay, item, answered_ms, counted)
        self._count("pass_opened", item.skill)

    def _answer(self, stay: Pass, item: PictureCall, answered_ms: int, five: Five | None) -> None:
        self.books.answer(stay, item.agent or 0, answered_ms, five)
        if item.agent:
            # It was the picture that moved him, not the answer.
            self.books.agents[item.agent].touch(self.at_ms)

    def _set_ringing(self, stay: Pass, item: PictureCall) -> None:
        """Makes the call ring just where the picture says, if it says so."""
        if item.ringing is None:
            return
        for agent in list(stay.ringing):
            if agent.id not in item.ringing:
                self.books.stop_ring(stay, agent, self.at_ms)
        for agent_id in sorted(item.ringing):
            ringing = self.books.agents.get(agent_id)
            if ringing is not None and ringing.state != SIGNED_OUT and stay.call not in ringing.rings:
                self.books.ring(stay, ringing, self.at_ms)


def _end_session(books: Books, agent: Agent, at_ms: int) -> None:
    """Ends a session whose true end nobody saw, and the ringing of calls with it."""
    for call in agent.rings:
        books.calls[call].touch(at_ms)
    books.sign_out(agent, at_ms)


def standing(agent: Agent) -> tuple[int, ...]:
    """What a picture can change of an agent's state."""
    return agent.state, agent.since_ms, agent.base, agent.wrapup_until_ms, agent.unexplained


def _close(books: Books, stay: Pass, at_ms: int) -> None:
    """Ends a pass whose true end nobody saw."""
    books.ended.remember(stay.call, at_ms, books.clock_ms)
    books.close(stay, at_ms)


def _in_order(books: Books) -> list[Agent]:
    """All agents in an order that no restart changes: what is told of them comes in it."""
    return [books.agents[agent_id] for agent_id in sorted(books.agents)]


def _id(agent: Agent) -> int:
    return agent.id
