"""The books of one VDN: its queues, agents and calls, and the few ways in which they change.

What an event means, its rule decides; here every change is made once, and keeps all counters true. Each takes
the instant at which it happened, which may lie before the clock: late events count where that lies (rule 10).
"""

import contextlib
import heapq
from collections.abc import Iterator
from typing import Final

from queuepulse.engine import days
from queuepulse.engine.accounts import Accounts
from queuepulse.engine.agents import Agent
from queuepulse.engine.calls import Pass
from queuepulse.engine.figures import Row
from queuepulse.engine.heaps import LAPSED_MAX, sweep
from queuepulse.engine.periods import Periods
from queuepulse.engine.queues import CAUSES, FIVE_MS, IN_20S_MS, Five, Queue
from queuepulse.engine.recent import EndedCalls, Recent
from queuepulse.engine.states import ADJUST, ANSWERING, IDLE, SIGNED_OUT, TALKING

SEEN_MS: Final = 900_000
"""How long an event is known again (events.md, rule 2)."""
SEEN_MAX: Final = 100_000
"""How many distinct ones are (events.md, rule 2)."""
ENDED_MS: Final = 600_000
"""How long the id of a call that ended is known (events.md, rule 8)."""
ENDED_MAX: Final = 10_000
"""How many of them are (events.md, rule 8)."""
NEVER: Final = 2**62
"""An instant after all others."""


class Books(Periods):
    """The state of one VDN as of its clock.

    `clock_ms` is the largest `at` so far, -1 before the first event. `mark_ms` begins the current five
    minutes and `day_ms` the statistics day, `day_end_ms` the next one. `links` holds the sources whose link
    is lost, each with when. `repairs` counts by kind what snapshots changed, `accounts` tells it by
    source. `due_ms` is the next instant at
    which time alone changes something.
    """

    def __init__(self, timezone: str = days.UTC, day_starts: str = days.MIDNIGHT) -> None:
        super().__init__()
        self.name: str | None = None
        self.timezone = timezone
        self.day_starts = day_starts
        self.clock_ms = -1
        self.day_ms = 0
        self.day_end_ms = 0
        self.due_ms = 0
        self.queues: dict[int, Queue] = {}
        self.agents: dict[int, Agent] = {}
        self.calls: dict[str, Pass] = {}
        self.links: dict[str, int] = {}
        self.repairs: dict[str, int] = {}
        self.accounts = Accounts()
        self.blank_rows: dict[int, Row] = {}
        self.seen: Recent[object] = Recent(SEEN_MS, SEEN_MAX)
        self.ended = EndedCalls(ENDED_MS, ENDED_MAX)
        self.wrapups: list[tuple[int, int]] = []
        self._wrapup_sweep = LAPSED_MAX
        self._unsettled: dict[int, Agent] | None = None
        self._spells_count = True

    # Time

    def run_timers(self, to_ms: int) -> None:
        """Lets pass what is due up to and at `to_ms`, in order; of one instant marks, then wrap-ups' ends."""
        while self.due_ms <= to_ms:
            wrapup_ms = self.wrapups[0][0] if self.wrapups else NEVER
            if wrapup_ms <= to_ms and wrapup_ms < min(self.mark_ms + FIVE_MS, self.day_end_ms):
                self._end_wrapup()
            else:
                upto_ms = min(to_ms, wrapup_ms)
                if upto_ms >= self.mark_ms + FIVE_MS:
                    self.pass_mark(upto_ms - upto_ms % FIVE_MS)
                if upto_ms >= self.day_end_ms:
                    self.day_ms, self.day_end_ms = days.day_of(upto_ms, self.timezone, self.day_starts)
            self.set_due()

    def set_due(self) -> None:
        """Finds when time alone changes something next."""
        wrapup_ms = self.wrapups[0][0] if self.wrapups else NEVER
        self.due_ms = min(self.mark_ms + FIVE_MS, self.day_end_ms, wrapup_ms)

    def _end_wrapup(self) -> None:
        entry = heapq.heappop(self.wrapups)
        if self._is_wrapup(entry):
            until_ms, agent_id = entry
            self.agents[agent_id].wrapup_until_ms = 0
            self.shift(self.agents[agent_id], until_ms)

    def _is_wrapup(self, entry: tuple[int, int]) -> bool:
        """Whether that entry of `wrapups` is a wrap-up that runs now."""
        until_ms, agent_id = entry
        return self.agents[agent_id].wrapup_until_ms == until_ms

    # Queues and agents

    def queue(self, skill: int) -> Queue:
        """The queue of that id, made when first spoken of."""
        queue = self.queues.get(skill)
        if queue is None:
            queue = self.queues[skill] = Queue(skill)
        return queue

    def agent(self, agent_id: int) -> Agent:
        """The agent of that id, made (signed out) when first spoken of."""
        agent = self.agents.get(agent_id)
        if agent is None:
            agent = self.agents[agent_id] = Agent(agent_id)
        return agent

    def sign_in(self, agent: Agent, source: str, skills: list[int], at_ms: int) -> None:
        """Begins a session in these queues; base, capacity and media are as the caller has set them."""
        agent.touch(at_ms)
        agent.source = source
        agent.state = agent.natural_state() if agent.unexplained < 0 else agent.unexplained
        agent.since_ms = at_ms
        self.requeue(agent, skills)
        self.set_spare(agent)

    def sign_out(self, agent: Agent, at_ms: int) -> None:
        """Ends ringing, wrap-up and session."""
        agent.touch(at_ms)
        for call in agent.rings:
            self.calls[call].ringing.remove(agent)
        agent.rings.clear()
        agent.wrapup_until_ms = 0
        agent.unexplained = -1
        if agent.state == IDLE:
            self._leave_idle(agent, at_ms)
        for queue in agent.queues:
            queue.dismiss(agent.state, agent.spare)
        agent.queues = ()
        agent.state = SIGNED_OUT
        agent.since_ms = at_ms
        agent.spare = False
        agent.reason = None

    def requeue(self, agent: Agent, skills: list[int]) -> None:
        """Makes `skills` the queues the signed-in agent counts in; his spell goes on."""
        before = agent.queues
        after = tuple([self.queue(skill) for skill in skills])
        state, spare = agent.state, agent.spare
        for queue in before:
            if queue not in after:
                queue.dismiss(state, spare)
                if state == IDLE:
                    queue.idle.drop(agent.id)
        agent.queues = after
        for queue in after:
            if queue not in before:
                queue.admit(state, spare)
                if state == IDLE:
                    queue.idle.add(agent.id, agent.since_ms)

    def shift(self, agent: Agent, at_ms: int) -> None:  # noqa: C901 - one table of states, written out
        """Brings a signed-in agent into the state that his calls, wrap-up and base give (statistics.md)."""
        if self._unsettled is not None:
            self._unsettled[agent.id] = agent
            return
        # `Agent.natural_state`, written out: a call would cost as much as all else here.
        if agent.unexplained >= 0:
            state = agent.unexplained
        elif agent.talks:
            state = TALKING
        elif agent.rings:
            state = ANSWERING
        elif agent.wrapup_until_ms:
            state = ADJUST
        else:
            state = agent.base
        before = agent.state
        if state != before:
            if before == IDLE:
                self._leave_idle(agent, at_ms)
            agent.state = state
            agent.since_ms = at_ms
            for queue in agent.queues:
                by_state = queue.by_state
                by_state[before] -= 1
                by_state[state] += 1
                queue.row_until_ms = 0
            if state == IDLE:
                self._enter_idle(agent, at_ms)
        if agent.capacity != 1 or agent.spare:
            self.set_spare(agent)

    @contextlib.contextmanager
    def repairing(self, at_ms: int) -> Iterator[None]:
        """What changes within is one change, made at `at_ms`: no agent passes through a state on the way.

        An idle spell that ends so has no known end, and counts nowhere.
        """
        assert self._spells_count, "repairs do not nest"
        self._spells_count = False
        self._unsettled = {}
        yield
        agents, self._unsettled = self._unsettled.values(), None
        for agent in agents:
            if agent.state != SIGNED_OUT:
                self.shift(agent, at_ms)
        self._spells_count = True
        self.run_timers(self.clock_ms)

    def set_since(self, agent: Agent, since_ms: int) -> None:
        """His spell began at another time than we thought."""
        if since_ms != agent.since_ms:
            agent.since_ms = since_ms
            for queue in agent.queues:
                queue.row_until_ms = 0
                if agent.state == IDLE:
                    queue.idle.drop(agent.id)
                    queue.idle.add(agent.id, since_ms)

    def _leave_idle(self, agent: Agent, at_ms: int) -> None:
        """The idle spell of the agent ended, in all queues he is signed in to."""
        agent_id, mark_ms = agent.id, self.mark_ms
        idle_ms = at_ms - agent.since_ms if self._spells_count else 0
        for queue in agent.queues:
            if queue.idle.in_order.pop(agent_id, None) is None:
                queue.idle.drop(agent_id)
            five = queue.five
            if five.mark_ms != mark_ms or at_ms < mark_ms:
                if idle_ms <= 0:
                    continue
                five = self.five(queue, at_ms)
            if idle_ms > five.idle_ms_max:
                five.idle_ms_max = idle_ms

    def _enter_idle(self, agent: Agent, at_ms: int) -> None:
        """An idle spell begins, in all queues he is signed in to."""
        agent_id = agent.id
        for queue in agent.queues:
            idle = queue.idle
            if at_ms >= idle.last_ms:
                idle.in_order[agent_id] = idle.last_ms = at_ms
            else:
                idle.add_late(agent_id, at_ms)

    def set_spare(self, agent: Agent) -> None:
        """Finds whether an agent of some capacity can take one more contact though he is not idle."""
        spare = agent.has_spare(agent.state, wrapup=agent.wrapup_until_ms > 0)
        if spare != agent.spare:
            agent.spare = spare
            for queue in agent.queues:
                queue.spare += 1 if spare else -1
                queue.row_until_ms = 0

    # Passes

    def offer(self, call: str, queue: Queue, source: str, at_ms: int, since_ms: int, inbound: bool) -> Pass:
        """Opens a pass that waits; it is not yet counted in any five minutes."""
        stay = self.calls[call] = Pass(call, queue, source, at_ms, since_ms, inbound)
        queue.offered += 1
        queue.waiting += 1
        queue.row_until_ms = 0
        queue.waits.add(call, since_ms)
        return stay

    def set_waiting_since(self, stay: Pass, since_ms: int) -> None:
        """The pass waits since another time than we thought."""
        stay.queue.waits.drop(stay.call)
        stay.queue.waits.add(stay.call, since_ms)
        stay.waiting_since_ms = since_ms
        stay.queue.row_until_ms = 0

    def ring(self, stay: Pass, agent: Agent, at_ms: int) -> None:
        """The call begins to ring at a signed-in agent."""
        stay.ringing.append(agent)
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
        queue = stay.queue
        stay.answered_at_ms = at_ms
        queue.waiting -= 1
        queue.waits.drop(stay.call)
        queue.in_talk += 1
        queue.answered += 1
        queue.row_until_ms = 0
        if five is not None:
            five.answered += 1
            if wait_known:
                wait_ms = at_ms - stay.waiting_since_ms
                if wait_ms < 0:
                    wait_ms = 0
                five.wait_ended(wait_ms)
                if wait_ms <= IN_20S_MS and stay.inbound:
                    five.answered_in_20s += 1
        # He who answers is credited before ringing ends, so that he goes from ringing to talking in one step.
        if agent_id:
            self.credit(stay, agent_id, at_ms)
        if stay.ringing:
            self._stop_all_rings(stay, at_ms)

    def credit(self, stay: Pass, agent_id: int, at_ms: int) -> None:
        """The talk of the pass is this agent's, signed in or not (events.md, rules 5 and 6)."""
        agent = self.agent(agent_id)
        stay.agent_id = agent_id
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
        five = self.five(queue, at_ms)
        five.left[CAUSES[cause]] += 1
        if cause != "closed":
            wait_ms = at_ms - stay.waiting_since_ms
            five.wait_ended(wait_ms if wait_ms > 0 else 0)
        if stay.ringing:
            self._stop_all_rings(stay, at_ms)

    def end_talk(self, stay: Pass, at_ms: int, wrapup_ms: int = 0, closed: bool = False) -> None:
        """The talk ends, a wrap-up of that length begins. A `closed` talk counts in no talk figure."""
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
        if not closed:
            if stay.hold_since_ms >= 0:
                stay.hold_ms += max(0, at_ms - stay.hold_since_ms)
            self.five(queue, at_ms).talk_ended(talk_ms, stay.hold_ms)
        if stay.agent_id:
            if wrapup_ms:
                self.begin_wrapup(self.agents[stay.agent_id], at_ms + wrapup_ms)
            self.discredit(stay, at_ms)
            if self.due_ms <= self.clock_ms:
                self.run_timers(self.clock_ms)

    def begin_wrapup(self, agent: Agent, until_ms: int) -> None:
        """A wrap-up of the agent runs until then; of several the latest end holds. Signed out he has none."""
        if agent.state != SIGNED_OUT and until_ms > agent.wrapup_until_ms:
            agent.wrapup_until_ms = until_ms
            heapq.heappush(self.wrapups, (until_ms, agent.id))
            if len(self.wrapups) > self._wrapup_sweep:
                self._wrapup_sweep = sweep(self.wrapups, self._is_wrapup)
                self.set_due()
            elif until_ms < self.due_ms:
                self.due_ms = until_ms

    def close(self, stay: Pass, at_ms: int) -> None:
        """Ends a pass whose true end is unknown."""
        if stay.answered_at_ms < 0:
            self.leave(stay, "closed", at_ms)
        else:
            self.end_talk(stay, at_ms, closed=True)

    def _stop_all_rings(self, stay: Pass, at_ms: int) -> None:
        ringing, stay.ringing = stay.ringing, []
        for agent in ringing:
            if agent.rings.pop(stay.call, stay) is None:
                agent.touch(at_ms)
                self.shift(agent, at_ms)
