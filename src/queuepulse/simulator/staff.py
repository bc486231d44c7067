"""What agents do of themselves: they come, go, take breaks, change their queues, and wait for calls.

Which call one of them gets is decided in `center`.
"""

from collections import OrderedDict
from collections.abc import Callable

from queuepulse.engine.events import (
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
    StateName,
)
from queuepulse.simulator.assumptions import BREAKS, DAY_MS, HOUR_MS, Assumptions
from queuepulse.simulator.course import Course
from queuepulse.simulator.people import Activity, Agent, Popularity, agent_name, hire


class Staff:
    """The agents of one center. `take_call` gives an agent the call he is to take, if one waits for him."""

    def __init__(
        self,
        assumptions: Assumptions,
        course: Course,
        popularity: Popularity,
        take_call: Callable[[Agent], bool],
    ) -> None:
        self._assumed = assumptions
        self._course = course
        self._popularity = popularity
        self._take_call = take_call
        self._agents = hire(assumptions, popularity, course.chance)
        skills = range(1, assumptions.skills + 1)
        # Agents come to the end when they get free, so the one who has been free longest stands first.
        self._free: dict[int, OrderedDict[int, Agent]] = {skill: OrderedDict() for skill in skills}
        self._signed_in = dict.fromkeys(skills, 0)

    def open(self) -> None:
        """Names everybody and signs in those whose shift runs."""
        for agent in self._agents:
            self._course.tell(AgentConfigured, agent=agent.id, name=agent_name(agent.id))
        for agent in self._agents:
            self._plan_first_shift(agent)

    def serves(self, skill: int) -> bool:
        """Whether anybody is signed in to this queue."""
        return self._signed_in[skill] > 0

    def longest_free(self, skill: int) -> Agent | None:
        """Of the free agents who serve this queue, the one who has been free longest."""
        return next(iter(self._free[skill].values()), None)

    def get_busy(self, agent: Agent, activity: Activity = Activity.BUSY) -> None:
        """From now on the agent is at something and gets no call."""
        if agent.activity is Activity.FREE:
            for skill in agent.skills:
                del self._free[skill][agent.id]
        agent.activity = activity

    def get_free(self, agent: Agent) -> None:
        """The agent has done with what he was at: he goes home, or on his break, or takes the next call."""
        agent.call = None
        if agent.leaving:
            self._sign_out(agent)
        elif agent.break_due:
            self._begin_break(agent)
        elif not self._take_call(agent):
            agent.activity = Activity.FREE
            for skill in agent.skills:
                self._free[skill][agent.id] = agent

    def set_state(self, agent: Agent, state: StateName) -> None:
        """Tells the agent's base state."""
        self._course.tell(AgentStateSet, agent=agent.id, state=state)

    def _plan_first_shift(self, agent: Agent) -> None:
        shift_ms, now_ms = self._assumed.shift_ms, self._course.now_ms
        if shift_ms is None:
            self._begin_shift(agent, None)
            return
        into_ms = (now_ms - agent.starts_hour * HOUR_MS) % DAY_MS
        self._course.after(DAY_MS - into_ms, self._come_to_work, agent, shift_ms)
        if into_ms < shift_ms:
            self._begin_shift(agent, now_ms + shift_ms - into_ms)

    def _come_to_work(self, agent: Agent, shift_ms: int) -> None:
        self._course.after(DAY_MS, self._come_to_work, agent, shift_ms)
        if agent.activity is Activity.OFF:  # or he still has yesterday's last call
            self._begin_shift(agent, self._course.now_ms + shift_ms)

    def _begin_shift(self, agent: Agent, ends_at_ms: int | None) -> None:
        agent.shift_ends_at_ms = ends_at_ms
        self._course.tell(AgentSignedIn, agent=agent.id, skills=frozenset(agent.skills))
        self._count_signed_in(agent, 1)
        if ends_at_ms is not None:
            self._course.after(ends_at_ms - self._course.now_ms, self._end_shift, agent)
        self._plan_break(agent)
        self.get_free(agent)

    def _end_shift(self, agent: Agent) -> None:
        if agent.activity is Activity.BUSY:
            agent.leaving = True
        else:
            self._sign_out(agent)

    def _sign_out(self, agent: Agent) -> None:
        self.get_busy(agent, Activity.OFF)
        agent.leaving = agent.break_due = False
        self._count_signed_in(agent, -1)
        self._course.tell(AgentSignedOut, agent=agent.id)

    def _count_signed_in(self, agent: Agent, by: int) -> None:
        for skill in agent.skills:
            self._signed_in[skill] += by

    def _plan_break(self, agent: Agent) -> None:
        if self._assumed.break_every_ms is None:
            return
        delay_ms = self._course.exponential_ms(self._assumed.break_every_ms)
        if agent.shift_ends_at_ms is None or self._course.now_ms + delay_ms < agent.shift_ends_at_ms:
            self._course.after(delay_ms, self._want_break, agent)

    def _want_break(self, agent: Agent) -> None:
        if agent.activity is Activity.FREE:
            self._begin_break(agent)
        else:
            agent.break_due = True

    def _begin_break(self, agent: Agent) -> None:
        self.get_busy(agent, Activity.BREAK)
        agent.break_due = False
        (kind,) = self._course.chance.choices(BREAKS, [kind.share for kind in BREAKS])
        self.set_state(agent, kind.state)
        self._course.after(self._course.uniform_ms(kind.mean_ms), self._end_break, agent)

    def _end_break(self, agent: Agent) -> None:
        if agent.activity is not Activity.BREAK:
            return  # his shift ended before his break did
        if self._course.happens(self._assumed.reskill_share):
            self._change_skills(agent)
        self.set_state(agent, "idle")
        self._plan_break(agent)
        self.get_free(agent)

    def _change_skills(self, agent: Agent) -> None:
        skills = self._popularity.choose_several(self._course.chance, len(agent.skills))
        if skills == agent.skills:
            return
        self._count_signed_in(agent, -1)
        agent.skills = skills
        self._count_signed_in(agent, 1)
        self._course.tell(AgentSkillsSet, agent=agent.id, skills=frozenset(skills))
