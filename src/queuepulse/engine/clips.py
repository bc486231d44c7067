"""Facts added up as parts of windows: whole lists of them, or what lies between two instants.

What is added up here is closed or counted up to an item, so it never changes meanwhile.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from librt.vecs import vec
from mypy_extensions import i64

from queuepulse.engine.facts import OF_AGENTS, SPENT, SPENT_WIDTH, Facts
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.records import Record, agent_record, queue_record
from queuepulse.engine.states import NAMES, SIGNED_OUT
from queuepulse.engine.tallies import AGENT_MS, QUEUE_MS, Tally

STEP_ITEMS: Final = 3_000
"""Items of facts added up in one step: half a millisecond."""
EDGE_MS: Final = 15_000
"""Of the five minutes that a window begins in, so much is looked at fact by fact."""


class Wanted(NamedTuple):
    """Whose figures are asked for: queues by skill, agents by id."""

    skills: frozenset[int]
    agents: frozenset[int]


class Five(Tally):
    """The sums of a list of facts, of queues or of agents.

    `mark_ms` is that of its own five minutes; -1 for none.
    `elsewhere` has the facts of other five minutes than its own by mark: each that a fact touches has it
    whole.
    """

    def __init__(self, mark_ms: int, of_agents: bool) -> None:
        super().__init__()
        self.mark_ms = mark_ms
        self.of_agents = of_agents
        self.elsewhere: dict[int, Facts] = {}
        self.added = 0
        self._touched: set[int] = set()
        # The sums of the others go there.
        self._nowhere = queue_record()
        self._nobody = agent_record()

    def records(self) -> dict[int, dict[int, Record]]:
        """The sums by mark, then by id."""
        return self.agents if self.of_agents else self.queues

    def add_upto(self, facts: Facts, last: int) -> Iterator[None]:
        """Adds the facts that were not added yet, up to that item, in steps."""
        touched = self._touched
        while self.added < last:
            begin, until = self.added, min(self.added + STEP_ITEMS, last)
            while begin < until:
                self.add_fact(facts, begin)
                if touched and self.mark_ms >= 0:
                    for mark_ms in touched:
                        elsewhere = self.elsewhere.get(mark_ms)
                        if elsewhere is None:
                            elsewhere = self.elsewhere[mark_ms] = Facts()
                        elsewhere.take(facts, begin)
                    touched.clear()
                begin += facts.width(begin)
            self.added = begin
            yield

    def queue(self, at_ms: i64, skill: i64) -> Record:
        if self.of_agents:
            return self._nowhere
        mark_ms = at_ms - at_ms % FIVE_MS
        if mark_ms != self.mark_ms:
            self._touched.add(mark_ms)
        return super().queue(at_ms, skill)

    def agent(self, at_ms: i64, agent_id: i64) -> Record:
        if not self.of_agents:
            return self._nobody
        mark_ms = at_ms - at_ms % FIVE_MS
        if mark_ms != self.mark_ms:
            self._touched.add(mark_ms)
        return super().agent(at_ms, agent_id)


class Clip(Tally):
    """The sums of what belongs to [from_ms, to_ms) and to those wanted: `of_queues`, `of_agents`."""

    def __init__(self, from_ms: int, to_ms: int, wanted: Wanted) -> None:
        super().__init__()
        self.from_ms = from_ms
        self.to_ms = to_ms
        self.wanted = wanted
        self.of_queues: dict[int, Record] = {}
        self.of_agents: dict[int, Record] = {}
        # Whether a fact belonged here; who asks sets it back.
        self.was_hit = False
        # What belongs to nobody asked for goes there.
        self._no_queue = queue_record()
        self._no_agent = agent_record()

    def add_part(self, facts: Facts, begin: int, last: int) -> int:
        """Adds some of the facts from that item on; gives where the next one begins."""
        skills, agents = self.wanted.skills, self.wanted.agents
        until = min(begin + STEP_ITEMS, last)
        while begin < until:
            if agents or facts.items[begin] in OF_AGENTS or facts.items[begin + 2] in skills:
                self.add_fact(facts, begin)
            begin += facts.width(begin)
        return begin

    def queue(self, at_ms: i64, skill: i64) -> Record:
        if skill not in self.wanted.skills or not self.from_ms <= at_ms < self.to_ms:
            return self._no_queue
        self.was_hit = True
        record = self.of_queues.get(skill)
        if record is None:
            record = self.of_queues[skill] = queue_record()
        return record

    def agent(self, at_ms: i64, agent_id: i64) -> Record:
        if agent_id not in self.wanted.agents or not self.from_ms <= at_ms < self.to_ms:
            return self._no_agent
        self.was_hit = True
        record = self.of_agents.get(agent_id)
        if record is None:
            record = self.of_agents[agent_id] = agent_record()
        return record

    def _reached(self, counts: vec[i64], facts: Facts, begin: i64, place: i64, wait_ms: i64) -> None:
        # Each limit where it was reached, though answer or leaving may lie in the same five minutes.
        self._reached_where(facts, begin, wait_ms)

    def _spent(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        if items[begin + 1] > self.from_ms and items[begin + 4] < self.to_ms:
            spent = facts.time_in_states(begin, self.from_ms, self.to_ms)
            self._count_states(facts, begin, self.from_ms, spent)

    def _count_time(
        self, agent_id: int, skills: Iterable[int], state: int, from_ms: int, to_ms: int, sign: int
    ) -> None:
        from_ms, to_ms = max(from_ms, self.from_ms), min(to_ms, self.to_ms)
        if from_ms < to_ms:
            super()._count_time(agent_id, skills, state, from_ms, to_ms, sign)


class Edge:
    """Five minutes that windows begin in: the sums from `cut_ms` on, and the facts of the EDGE_MS before.

    Of these, who was in one state all the time (most are) is counted: how many in each, of each queue.
    """

    def __init__(self, cut_ms: int, to_ms: int, wanted: Wanted) -> None:
        self.key = (wanted, cut_ms)
        self.rest = Clip(cut_ms, to_ms, wanted)
        self.facts = Facts()
        self._before = Clip(cut_ms - EDGE_MS, cut_ms, wanted)
        self._queues: dict[int, list[int]] = {}
        self._agents: dict[int, list[int]] = {}

    def take(self, facts: Facts, last: int) -> Iterator[None]:
        """Takes a list of facts, in steps."""
        yield from clipped(self.rest, facts, last)
        before, begin = self._before, 0
        while begin < last:
            until = min(begin + STEP_ITEMS, last)
            while begin < until:
                end = begin + facts.width(begin)
                if facts.items[begin] != SPENT or not self._count_steady(facts, begin):
                    before.was_hit = False
                    before.add_part(facts, begin, end)
                    if before.was_hit:
                        self.facts.take(facts, begin)
                begin = end
            yield

    def add_steady(self, clip: Clip) -> None:
        """Adds the time of those counted to a clip, which lies in these EDGE_MS."""
        ms = clip.to_ms - clip.from_ms
        for skill, numbers in self._queues.items():
            counts = clip.queue(clip.from_ms, skill).counts
            for state, number in enumerate(numbers):
                counts[QUEUE_MS + state] += number * ms
        for agent_id, numbers in self._agents.items():
            counts = clip.agent(clip.from_ms, agent_id).counts
            for state, number in enumerate(numbers):
                counts[AGENT_MS + state] += number * ms

    def _count_steady(self, facts: Facts, begin: int) -> bool:
        """Counts an agent who was in one state from begin to end; whether he was."""
        items = facts.items
        begin_ms, end_ms = self._before.from_ms, self._before.to_ms
        first = begin + SPENT_WIDTH
        changes = first + int(items[begin + 6])
        state: int = items[begin + 5]
        if items[begin + 4] > begin_ms or items[begin + 1] < end_ms:
            return False
        for place in range(changes, begin + facts.width(begin)):
            at_ms = items[place] >> 4
            if at_ms >= end_ms:
                break
            if at_ms > begin_ms:
                return False
            state = items[place] & 15
        if state != SIGNED_OUT:
            wanted = self._before.wanted
            agent_id: int = items[begin + 2]
            if agent_id in wanted.agents:
                self._agents.setdefault(agent_id, [0] * len(NAMES))[state] += 1
            for place in range(first, changes):
                skill: int = items[place]
                if skill in wanted.skills:
                    self._queues.setdefault(skill, [0] * len(NAMES))[state] += 1
        return True


def clipped(clip: Clip, facts: Facts, last: int) -> Iterator[None]:
    """Adds the facts up to that item, in steps."""
    begin = 0
    while begin < last:
        begin = clip.add_part(facts, begin, last)
        yield
