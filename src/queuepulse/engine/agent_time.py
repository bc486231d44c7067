"""How agents spend their time, as facts: each instant of a session in one state, and in its queues.

Time never runs twice. A late event moves the time since its own `at`, but none before the state that it ends
began; and what a picture says of the past moves none, as it is no event that we missed but a reading.
"""

from librt.vecs import append, vec
from mypy_extensions import i64

from queuepulse.engine.agents import Agent
from queuepulse.engine.facts import RETOLD_MS
from queuepulse.engine.periods import Periods
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.states import SIGNED_OUT


class AgentTimes(Periods):
    """The agents of a VDN, and what is told of their time.

    An agent's `changes` are appended where his state changes (`Sessions.shift`), and told when a mark passes
    or when his queues change: a vector of few numbers, so that a change costs next to nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.agents: dict[int, Agent] = {}

    def pass_mark(self, mark_ms: int) -> None:
        """Begins the five minutes at `mark_ms`, with all time before told."""
        gap_ms = mark_ms - RETOLD_MS
        for agent_id in sorted(self.agents):
            agent = self.agents[agent_id]
            if agent.told_state != SIGNED_OUT or len(agent.changes):
                if agent.told_ms < gap_ms:
                    # A silence of days: nobody knows what they did, so the time of its last day is told.
                    self.tell_time(agent, self.mark_ms + FIVE_MS)
                    agent.told_ms = max(agent.told_ms, gap_ms)
                self.tell_time(agent, mark_ms)
            if agent.rings_untold:
                self.facts.rang(self.mark_ms, agent.id, agent.rings_untold)
                agent.rings_untold = 0
        super().pass_mark(mark_ms)

    def tell_time(self, agent: Agent, to_ms: int) -> None:
        """Tells how the agent spent his time up to `to_ms` in the queues that he is in."""
        changes, state, from_ms = agent.changes, agent.told_state, agent.told_ms
        if len(changes):
            last_ms = latest_ms(changes)
            if last_ms >= from_ms:
                agent.moved_ms = last_ms
                if last_ms > to_ms:
                    to_ms = last_ms
            agent.told_state = changes[-1] & 15
            agent.changes = vec[i64]()
        elif state == SIGNED_OUT:
            return
        if to_ms > from_ms:
            agent.told_ms = to_ms
            self.facts.spent(to_ms, agent.id, agent.skills, from_ms, state, changes)

    def begin_time(self, agent: Agent, at_ms: int) -> None:
        """A session begins: its time may begin before the mark, but not before the one before ended."""
        assert agent.told_state == SIGNED_OUT and not len(agent.changes), "a session was told to its end"
        agent.told_ms = agent.moved_ms = max(at_ms, agent.told_ms, self.mark_ms - RETOLD_MS)
        agent.told_state = agent.state

    def end_time(self, agent: Agent, at_ms: int) -> None:
        """The session ends, in the queues that he is in yet."""
        if at_ms < self.mark_ms:
            self.move_time(agent, at_ms, agent.state, SIGNED_OUT, ())
        agent.changes = append(agent.changes, at_ms << 4)
        self.tell_time(agent, at_ms)

    def change_skills(self, agent: Agent, skills: tuple[int, ...], at_ms: int) -> None:
        """From then on his time is that of these queues."""
        if agent.told_state != SIGNED_OUT or len(agent.changes):
            if at_ms < self.mark_ms:
                self.move_time(agent, at_ms, agent.state, agent.state, skills)
            self.tell_time(agent, at_ms)
            agent.moved_ms = max(agent.moved_ms, at_ms)
        agent.skills = skills

    def move_time(
        self, agent: Agent, at_ms: int, was: int, state: int, skills: tuple[int, ...] | None = None
    ) -> None:
        """A late event: what was told of the time from `at_ms` to the mark is so in truth."""
        mark_ms = self.mark_ms
        if agent.told_ms != mark_ms or (len(agent.changes) and latest_ms(agent.changes) >= mark_ms):
            return  # Nothing of this spell is told yet, or it began in the five minutes that run.
        from_ms = max(at_ms, agent.moved_ms, mark_ms - RETOLD_MS)
        if from_ms < mark_ms:
            agent.moved_ms = from_ms
            now = agent.skills if skills is None else skills
            self.facts.moved(mark_ms, agent.id, from_ms, agent.skills, was, now, state)


def latest_ms(changes: vec[i64]) -> i64:
    """When the latest of the changes was, which need not be the last; -1 of none."""
    latest: i64 = -1
    for change in changes:
        if change > latest:
            latest = change
    return latest >> 4
