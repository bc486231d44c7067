"""The sessions of one VDN's agents: their states, their queues, and the timers that move them.

What an event means, its rule decides; here every change is made once, and keeps all counters true. Each takes
the instant at which it happened, which may lie before the clock: late events count where that lies (rule 10).
"""

import contextlib
import heapq
from collections.abc import Iterator
from typing import Final

from librt.vecs import append

from queuepulse.engine import days
from queuepulse.engine.agent_time import AgentTimes
from queuepulse.engine.agents import Agent
from queuepulse.engine.heaps import LAPSED_MAX, sweep
from queuepulse.engine.queues import FIVE_MS, Queue
from queuepulse.engine.states import ADJUST, ANSWERING, IDLE, SIGNED_OUT, TALKING

NEVER: Final = 2**62
"""An instant after all others."""


class Sessions(AgentTimes):
    """The queues and agents of one VDN as of its clock, and its days.

    `clock_ms` is the largest `at` so far, -1 before the first event. `day_ms` begins the statistics day,
    `day_end_ms` the next one. `due_ms` is the next instant at which time alone changes something.
    """

    def __init__(self, timezone: str, day_starts: str) -> None:
        super().__init__()
        self.timezone = timezone
        self.day_starts = day_starts
        self.clock_ms = -1
        self.day_ms = 0
        self.day_end_ms = 0
        self.due_ms = 0
        self.queues: dict[int, Queue] = {}
        self.wrapups: list[tuple[int, int]] = []
        self._wrapup_sweep = LAPSED_MAX
        self._unsettled: dict[int, Agent] | None = None
        self._spells_count = True

    # Time

    def run_timers(self, to_ms: int) -> None:
        """Lets pass what is due up to and at `to_ms`, in order; of one instant marks, then wrap-ups' ends."""
        while self.due_ms <= to_ms:
            # The end of one that is over moves nothing, not even the mark: it is not in a snapshot.
            while self.wrapups and not self._is_wrapup(self.wrapups[0]):
                heapq.heappop(self.wrapups)
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
        until_ms, agent_id = heapq.heappop(self.wrapups)
        agent = self.agents[agent_id]
        self.end_wrapup(agent, until_ms)
        self.shift(agent, until_ms)

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
        self.place(agent, skills)
        self.begin_time(agent, at_ms)
        self.set_spare(agent)

    def sign_out(self, agent: Agent, at_ms: int) -> None:
        """Ends ringing, wrap-up and session."""
        agent.touch(at_ms)
        for call in agent.rings:
            self.calls[call].ringing.remove(agent)
        agent.rings.clear()
        self.end_wrapup(agent, at_ms)
        agent.unexplained = -1
        if agent.state == IDLE:
            self._leave_idle(agent, at_ms)
        self.end_time(agent, at_ms)
        for queue in agent.queues:
            queue.dismiss(agent.state, agent.spare)
        agent.queues, agent.skills = (), ()
        agent.state = SIGNED_OUT
        agent.since_ms = at_ms
        agent.spare = False
        agent.reason = None

    def requeue(self, agent: Agent, skills: list[int], at_ms: int) -> None:
        """Makes `skills` the queues the signed-in agent counts in; his spell goes on."""
        if agent.skills != tuple(skills):
            self.change_skills(agent, tuple(skills), at_ms)
            self.place(agent, skills)

    def place(self, agent: Agent, skills: list[int]) -> None:
        """Puts the agent into these queues and no others; of his time nothing is told."""
        before = agent.queues
        agent.skills = tuple(skills)
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
            if at_ms < self.mark_ms:
                self.move_time(agent, at_ms, before, state)
            agent.changes = append(agent.changes, at_ms << 4 | state)
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
        if idle_ms > 0 and at_ms >= mark_ms:
            self.idled.idle_spell(at_ms, agent_id, agent.since_ms, agent.skills)
        for queue in agent.queues:
            if queue.idle.in_order.pop(agent_id, None) is None:
                queue.idle.drop(agent_id)
            five = queue.five
            if five.mark_ms != mark_ms or at_ms < mark_ms:
                if idle_ms <= 0:
                    continue
                five = self.five(queue, at_ms)
                if at_ms < mark_ms:
                    self.facts.idled(at_ms, queue.skill, idle_ms)
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

    # Wrap-ups

    def begin_wrapup(self, agent: Agent, until_ms: int, at_ms: int, queue: Queue | None) -> None:
        """A wrap-up of the agent runs until then; of several the latest end holds. Signed out he has none.

        `queue` is the one after whose talk it runs, if that is known.
        """
        if agent.state != SIGNED_OUT and until_ms > agent.wrapup_until_ms:
            self.end_wrapup(agent, at_ms)
            agent.wrapup_until_ms = until_ms
            agent.wrapup_since_ms, agent.wrapup_queue = at_ms, queue
            heapq.heappush(self.wrapups, (until_ms, agent.id))
            if len(self.wrapups) > self._wrapup_sweep:
                self._wrapup_sweep = sweep(self.wrapups, self._is_wrapup)
                self.set_due()
            elif until_ms < self.due_ms:
                self.due_ms = until_ms

    def end_wrapup(self, agent: Agent, at_ms: int) -> None:
        """His wrap-up, if one runs, is over; one that a repair ends has no known end, and counts nowhere."""
        agent.wrapup_until_ms = 0
        queue = agent.wrapup_queue
        if queue is not None:
            agent.wrapup_queue = None
            if self._spells_count:
                wrapup_ms = at_ms - agent.wrapup_since_ms
                if wrapup_ms < 0:
                    wrapup_ms = 0
                self.facts.wrapped_up(at_ms, queue.skill, agent.id, wrapup_ms)
