"""The books of one VDN: its passes, and through `Sessions` its queues and agents; and how they change."""

from typing import Final

from queuepulse.engine import days
from queuepulse.engine.accounts import Accounts
from queuepulse.engine.agents import Agent
from queuepulse.engine.calls import CLOSED, RELEASED, TALKING, Pass
from queuepulse.engine.facts import AGAIN, AGAIN_TODAY, FIRST_VISIT
from queuepulse.engine.figures import Row
from queuepulse.engine.queues import ANSWER_WITHIN_MS, CAUSES, FIVE_MS, IN_20S_MS, SHORT_WAIT_MS, Five, Queue
from queuepulse.engine.recent import EndedCalls, Recent
from queuepulse.engine.sessions import Sessions
from queuepulse.engine.states import IDLE, SIGNED_OUT

SEEN_MS: Final = 900_000
"""How long an event is known again (events.md, rule 2)."""
SEEN_MAX: Final = 100_000
"""How many distinct ones are (events.md, rule 2)."""
ENDED_MS: Final = 600_000
"""How long the id of a call that ended is known (events.md, rule 8)."""
ENDED_MAX: Final = 10_000
"""How many of them are (events.md, rule 8)."""


class Books(Sessions):
    """The state of one VDN as of its clock.

    `links` holds the sources whose link is lost, each with when. `repairs` counts by kind what snapshots
    changed, `accounts` tells it by source.
    """

    def __init__(self, timezone: str = days.UTC, day_starts: str = days.MIDNIGHT) -> None:
        super().__init__(timezone, day_starts)
        self.name: str | None = None
        self.links: dict[str, int] = {}
        self.repairs: dict[str, int] = {}
        self.accounts = Accounts()
        self.blank_rows: dict[int, Row] = {}
        self.seen: Recent[object] = Recent(SEEN_MS, SEEN_MAX)
        self.ended = EndedCalls(ENDED_MS, ENDED_MAX)

    def offer(self, call: str, queue: Queue, source: str, at_ms: int, since_ms: int, inbound: bool) -> Pass:
        """Opens a pass that waits; it is not yet counted in any five minutes."""
        stay = self.calls[call] = Pass(call, queue, source, at_ms, since_ms, inbound)
        queue.offered += 1
        stay.place = queue.offered
        queue.waiting += 1
        queue.row_until_ms = 0
        queue.waits.add(call, since_ms)
        return stay

    def count_offer(self, stay: Pass, before: Pass | None) -> None:
        """The pass counts as offered; `before` is the pass that its call has just ended, if it moved on."""
        queue, at_ms = stay.queue, stay.offered_at_ms
        five = self.five(queue, at_ms)
        five.offered += 1
        if stay.inbound:
            five.offered_in += 1
        visit = FIRST_VISIT
        if before is not None:
            stay.call_at_ms, stay.number = before.call_at_ms, before.number + 1
            visits = stay.visits = before.visits or {before.queue.skill: before.offered_at_ms}
            last_ms = visits.get(queue.skill)
            if last_ms is not None:
                if last_ms // FIVE_MS == at_ms // FIVE_MS:
                    visit = AGAIN
                elif (last_ms >= self.day_ms) == (at_ms >= self.day_ms):
                    visit = AGAIN_TODAY
            visits[queue.skill] = at_ms
        available = queue.by_state[IDLE] + queue.spare
        self.facts.offered(at_ms, queue.skill, stay.inbound, visit, queue.waiting - 1, available, stay.call)

    def set_waiting_since(self, stay: Pass, since_ms: int) -> None:
        """The pass waits since another time than we thought."""
        self.untell_reached(stay)
        stay.queue.waits.drop(stay.call)
        stay.queue.waits.add(stay.call, since_ms)
        stay.waiting_since_ms = since_ms
        stay.queue.row_until_ms = 0

    def ring(self, stay: Pass, agent: Agent, at_ms: int) -> None:
        """The call begins to ring at a signed-in agent."""
        stay.ringing.append(agent)
        stay.note_ring(agent.id, at_ms)
        agent.rings[stay.call] = None
        if at_ms > agent.touched_ms:
            agent.touched_ms = at_ms
        self.shift(agent, at_ms)

    def stop_ring(self, stay: Pass, agent: Agent, at_ms: int) -> None:
        """The call no longer rings at the agent."""
        stay.ringing.remove(agent)
        del agent.rings[stay.call]
        if at_ms > agent.touched_ms:
            agent.touched_ms = at_ms
        self.shift(agent, at_ms)

    def answer(
        self, stay: Pass, agent_id: int, at_ms: int, five: Five | None, wait_known: bool = True
    ) -> None:
        """The wait ends and the talk begins; it counts in `five`, if given, and its wait if that is known."""
        queue, since_ms = stay.queue, stay.waiting_since_ms
        stay.answered_at_ms, stay.outcome, stay.wait_known = at_ms, TALKING, wait_known
        queue.waiting -= 1
        queue.waits.drop(stay.call)
        queue.in_talk += 1
        queue.answered += 1
        queue.row_until_ms = 0
        if five is not None:
            five.answered += 1
            if wait_known:
                wait_ms = at_ms - since_ms
                if wait_ms < 0:
                    wait_ms = 0
                five.wait_ended(wait_ms)
                if wait_ms <= IN_20S_MS and stay.inbound:
                    five.answered_in_20s += 1
            else:
                since_ms = -1
            his = agent_id if agent_id and self.agent(agent_id).state != SIGNED_OUT else 0
            limits = queue.limits
            own_ms = ANSWER_WITHIN_MS if limits is None else limits.answer_within_ms
            self.facts.answered(
                at_ms, queue.skill, his, stay.inbound, since_ms, own_ms, stay.counted, stay.call
            )
        # He who answers is credited before ringing ends, so that he goes from ringing to talking in one step.
        if agent_id:
            self.credit(stay, agent_id, at_ms)
        if stay.ringing:
            self._stop_all_rings(stay, at_ms)

    def credit(self, stay: Pass, agent_id: int, at_ms: int) -> None:
        """The talk of the pass is this agent's, signed in or not (events.md, rules 5 and 6)."""
        agent = self.agent(agent_id)
        stay.agent_id = stay.talked_id = agent_id
        agent.talks += 1
        agent.rings.pop(stay.call, None)
        if at_ms > agent.touched_ms:
            agent.touched_ms = at_ms
        if agent.state != SIGNED_OUT:
            self.shift(agent, at_ms)

    def discredit(self, stay: Pass, at_ms: int) -> None:
        """The talk of the pass is no longer its agent's, though it may go on."""
        if stay.agent_id:
            agent = self.agents[stay.agent_id]
            if stay.ended_at_ms < 0:
                stay.note_talk_taken(at_ms)
            stay.agent_id = 0
            agent.talks -= 1
            if at_ms > agent.touched_ms:
                agent.touched_ms = at_ms
            if agent.state != SIGNED_OUT:
                self.shift(agent, at_ms)

    def leave(self, stay: Pass, cause: str, at_ms: int) -> None:
        """The wait ends unanswered. What is `closed` counts as left and, its end unknown, in no wait."""
        queue = stay.queue
        del self.calls[stay.call]
        queue.waiting -= 1
        queue.waits.drop(stay.call)
        queue.left += 1
        queue.row_until_ms = 0
        since_ms, short, limits = stay.waiting_since_ms, False, queue.limits
        five = self.five(queue, at_ms)
        five.left[CAUSES[cause]] += 1
        if cause != "closed":
            wait_ms = at_ms - since_ms
            if wait_ms < 0:
                wait_ms = 0
            five.wait_ended(wait_ms)
            short_ms = SHORT_WAIT_MS if limits is None else limits.short_wait_ms
            short = cause == "abandoned" and wait_ms < short_ms
        own_ms = ANSWER_WITHIN_MS if limits is None else limits.answer_within_ms
        index = CAUSES[cause]
        self.facts.left(at_ms, queue.skill, index, short, since_ms, own_ms, stay.counted, stay.call)
        stay.ended_at_ms, stay.outcome, stay.short = at_ms, index, short
        self.finished.add(stay)
        if stay.ringing:
            self._stop_all_rings(stay, at_ms)

    def end_talk(self, stay: Pass, at_ms: int, wrapup_ms: int = 0, outcome: int = RELEASED) -> None:
        """The talk ends, a wrap-up of that length begins. A `CLOSED` talk counts in no talk figure."""
        queue = stay.queue
        if queue.day_ms != self.day_ms:
            queue.roll_day(self.day_ms)
        del self.calls[stay.call]
        queue.in_talk -= 1
        queue.row_until_ms = 0
        talk_ms = at_ms - stay.answered_at_ms
        if talk_ms < 0:
            talk_ms = 0
        queue.talk_ended(stay.answered_at_ms + talk_ms, self.clock_ms)
        stay.ended_at_ms, stay.outcome = at_ms, outcome
        if outcome != CLOSED:
            if stay.hold_since_ms >= 0:
                stay.hold_ms += max(0, at_ms - stay.hold_since_ms)
            self.five(queue, at_ms).talk_ended(talk_ms, stay.hold_ms)
            agent_id = stay.agent_id
            his = agent_id if agent_id and self.agents[agent_id].state != SIGNED_OUT else 0
            self.facts.talked(at_ms, queue.skill, his, talk_ms, stay.hold_ms, stay.call)
        stay.wrapup_ms = wrapup_ms if stay.agent_id else 0
        self.finished.add(stay)
        if stay.agent_id:
            if wrapup_ms:
                self.begin_wrapup(self.agents[stay.agent_id], at_ms + wrapup_ms, at_ms, queue)
            self.discredit(stay, at_ms)
            if self.due_ms <= self.clock_ms:
                self.run_timers(self.clock_ms)

    def close(self, stay: Pass, at_ms: int) -> None:
        """Ends a pass whose true end is unknown."""
        if stay.answered_at_ms < 0:
            self.leave(stay, "closed", at_ms)
        else:
            self.end_talk(stay, at_ms, outcome=CLOSED)

    def _stop_all_rings(self, stay: Pass, at_ms: int) -> None:
        ringing, stay.ringing = stay.ringing, []
        for agent in ringing:
            if agent.rings.pop(stay.call, stay) is None:
                agent.touch(at_ms)
                self.shift(agent, at_ms)
