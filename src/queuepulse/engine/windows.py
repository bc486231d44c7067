"""Live windows: the sums of what was told between two instants, up to now, to the millisecond.

What is closed is summed once for each five minutes (`Memory`); of the five minutes that a window begins in,
and of what would be told if time ran on to now, each fact is looked at. The engine is not changed.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from librt.vecs import append, vec
from mypy_extensions import i64

from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.clips import EDGE_MS, Clip, Edge, Five, Wanted, clipped
from queuepulse.engine.facts import RETOLD_MS, Facts
from queuepulse.engine.histograms import Spreads
from queuepulse.engine.limits import WITHIN_MS
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.records import Record, add, agent_record, queue_record
from queuepulse.engine.states import ADJUST, SIGNED_OUT

STEP_RECORDS: Final = 100
"""Records added up in one step, likewise."""
SUMS_MAX: Final = 64
"""Windows of which the sums of what is closed are remembered; each holds for up to five minutes."""
EDGES_MAX: Final = 8
"""How many of them are remembered, for different questions."""


class Capture(NamedTuple):
    """All that the windows of an instant are made of, to be added up while the engine goes on.

    `closed` are lists of facts with the mark that ended each, `running` the list since `mark_ms`, of
    which the first `running_items` count. `pending` is what would be told if time had run on to `now_ms`.
    """

    now_ms: int
    mark_ms: int
    closed: list[tuple[int, Facts]]
    running: Facts
    running_items: int
    pending: Facts


def first_mark_ms(at_ms: int) -> int:
    """When the first five minutes begin that begin then or later: with these a day begins in history."""
    return at_ms + -at_ms % FIVE_MS


def capture(books: Books, wanted: Wanted, now_ms: int) -> Capture:
    """What is known at `now_ms`, which is not before the clock; nothing of it will change."""
    running = books.facts
    return Capture(
        now_ms, books.mark_ms, list(books.told), running, len(running), pending(books, wanted, now_ms)
    )


# What would be told now


def pending(books: Books, wanted: Wanted, now_ms: int) -> Facts:
    """The facts that are not told yet and are true at `now_ms`: limits reached, and how agents spent time."""
    found = Facts()
    for stay in books.calls.values():
        if stay.answered_at_ms < 0 and stay.queue.skill in wanted.skills:
            since_ms, counted = stay.waiting_since_ms, stay.counted
            from_ms, to_ms, own_ms = (0, 0, stay.queue.own_limit_ms()) if counted is None else counted
            for index, limit_ms in enumerate((*WITHIN_MS, own_ms)):
                at_ms = since_ms + limit_ms
                if at_ms < now_ms and not from_ms <= at_ms < to_ms:
                    found.missed(at_ms, stay.queue.skill, index, 1, stay.call)
    skills, agents = wanted
    for agent in books.agents.values():
        # He may wrap up after a talk of a queue that he has left.
        queue = agent.wrapup_queue
        if (
            agent.id in agents
            or not skills.isdisjoint(agent.skills)
            or (queue is not None and queue.skill in skills)
        ):
            _pending_of(found, books, agent, now_ms)
    return found


def _pending_of(found: Facts, books: Books, agent: Agent, now_ms: int) -> None:
    """What is not told yet of an agent."""
    changes, state, from_ms = agent.changes, agent.told_state, agent.told_ms
    until_ms = agent.wrapup_until_ms
    if agent.state != SIGNED_OUT and until_ms and until_ms <= now_ms:
        # The wrap-up is over, though no event since has said that time went on.
        queue = agent.wrapup_queue
        if queue is not None:
            wrapup_ms = max(until_ms - agent.wrapup_since_ms, 0)
            found.wrapped_up(until_ms, queue.skill, agent.id, wrapup_ms)
        if agent.state == ADJUST and agent.unexplained < 0:
            # The agent's own end before it, so to him it is not there.
            changes = append(changes, until_ms << 4 | agent.base)
    if not len(changes) and state == SIGNED_OUT:
        return
    gap_ms = now_ms - now_ms % FIVE_MS - RETOLD_MS
    if from_ms < gap_ms:
        # As when the mark passes: of a silence of days the time of the last one counts.
        end_ms = books.mark_ms + FIVE_MS
        found.spent(end_ms, agent.id, agent.skills, from_ms, state, changes)
        state, changes = int(changes[-1] & 15) if len(changes) else state, vec[i64]()
        from_ms = max(from_ms, end_ms, gap_ms)
        if state == SIGNED_OUT:
            return
    if now_ms > from_ms or len(changes):
        found.spent(max(now_ms, from_ms), agent.id, agent.skills, from_ms, state, changes)


# Windows


class Memory:
    """The sums of what is closed, of the queues or of the agents of one VDN: as much as the engine remembers.

    One window at a time is worked at.
    """

    def __init__(self, of_agents: bool = False) -> None:
        self.of_agents = of_agents
        self.running: Five | None = None
        self._running = Facts()
        self.closed: list[tuple[Facts, Five]] = []
        self._sums: dict[tuple[int, int], dict[int, Record]] = {}
        self.edges: dict[tuple[Wanted, int], Edge] = {}
        self.spreads = Spreads()

    def running_mark_ms(self) -> int:
        """When the five minutes begin whose facts still come."""
        assert self.running is not None
        return self.running.mark_ms

    def keep_edge(self, edge: Edge) -> None:
        """Remembers it for the next questions; of many the oldest is forgotten."""
        self.edges[edge.key] = edge
        while len(self.edges) > EDGES_MAX:
            del self.edges[next(iter(self.edges))]

    def follow(self, captured: Capture) -> Iterator[None]:
        """Adds up what is new, and forgets what the engine has forgotten; in steps."""
        known = {id(facts): five for facts, five in self.closed}
        if self.running is not None:
            known[id(self._running)] = self.running
        closed = []
        for end_ms, facts in captured.closed:
            five = known.get(id(facts))
            closed.append((facts, Five(end_ms - FIVE_MS, self.of_agents) if five is None else five))
        running = known.get(id(captured.running))
        if [id(facts) for facts, _ in closed] != [id(facts) for facts, _ in self.closed]:
            self._sums, self.edges = {}, {}
        # The lists are held, so that no other list gets the place of one in memory, by which it is known.
        self.closed, self._running = closed, captured.running
        self.running = Five(captured.mark_ms, self.of_agents) if running is None else running
        for facts, five in closed:
            yield from five.add_upto(facts, len(facts))
        yield from self.running.add_upto(captured.running, captured.running_items)

    def sums(self, from_ms: int, to_ms: int) -> dict[int, Record]:
        """Those sums of what is closed that are known for the five minutes that begin in [from_ms, to_ms)."""
        found = self._sums.get((from_ms, to_ms))
        if found is None:
            if len(self._sums) >= SUMS_MAX:
                self._sums = {}
            found = self._sums[from_ms, to_ms] = {}
        return found


class Window:
    """The sums of those asked for in [from_ms, to_ms), in `records` by id when the work is done.

    A `to_ms` behind the instant of the capture includes all up to it; any other is a mark.
    """

    def __init__(self, memory: Memory, captured: Capture, wanted: Wanted, from_ms: int, to_ms: int) -> None:
        assert to_ms > captured.now_ms or to_ms % FIVE_MS == 0, "an end in the past is a mark"
        self.records: dict[int, Record] = {}
        self._memory = memory
        self._captured = captured
        self._wanted = wanted
        self._from_ms = from_ms
        self._to_ms = to_ms

    def work(self) -> Iterator[None]:
        """Does it, in steps of less than a millisecond."""
        memory, from_ms, to_ms = self._memory, self._from_ms, self._to_ms
        yield from memory.follow(self._captured)
        whole_ms = from_ms + -from_ms % FIVE_MS
        ids = sorted(self._wanted.agents if memory.of_agents else self._wanted.skills)
        for begin in range(0, len(ids), STEP_RECORDS):
            self._add_whole(ids[begin : begin + STEP_RECORDS], whole_ms, to_ms)
            yield
        pending = self._captured.pending
        yield from self._add_clip(from_ms, to_ms, [(pending, len(pending))])
        if whole_ms > from_ms:
            mark_ms, end_ms = whole_ms - FIVE_MS, min(whole_ms, to_ms)
            if mark_ms < memory.running_mark_ms():
                yield from self._add_edge(mark_ms, end_ms)
            else:
                yield from self._add_clip(from_ms, end_ms, self._touching(mark_ms))

    def _add_edge(self, mark_ms: int, end_ms: int) -> Iterator[None]:
        """The closed five minutes in which the window begins: most of them is summed once for many questions,
        as the begin moves on."""
        memory, from_ms = self._memory, self._from_ms
        cut_ms = min(from_ms + EDGE_MS - from_ms % EDGE_MS, mark_ms + FIVE_MS)
        edge = memory.edges.get((self._wanted, cut_ms))
        if edge is None:
            edge = Edge(cut_ms, end_ms, self._wanted)
            for facts, last in self._touching(mark_ms, of_running=False):
                yield from edge.take(facts, last)
            memory.keep_edge(edge)
        self._add(edge.rest)
        late = self._touching(mark_ms, of_closed=False)
        yield from self._add_clip(cut_ms, end_ms, late)
        steady = Clip(from_ms, min(cut_ms, end_ms), self._wanted)
        edge.add_steady(steady)
        self._add(steady)
        yield from self._add_clip(from_ms, min(cut_ms, end_ms), [(edge.facts, len(edge.facts)), *late])

    def _add_clip(self, from_ms: int, to_ms: int, lists: list[tuple[Facts, int]]) -> Iterator[None]:
        clip = Clip(from_ms, to_ms, self._wanted)
        for facts, last in lists:
            yield from clipped(clip, facts, last)
        self._add(clip)

    def _add(self, clip: Clip) -> None:
        for one, record in (clip.of_agents if self._memory.of_agents else clip.of_queues).items():
            add(self.records[one], record)

    def _add_whole(self, ids: list[int], from_ms: int, to_ms: int) -> None:
        """The five minutes that lie in the window as a whole."""
        memory = self._memory
        sums, fives = memory.sums(from_ms, to_ms + -to_ms % FIVE_MS), [five for _, five in memory.closed]
        assert memory.running is not None
        for one in ids:
            total = sums.get(one)
            if total is None:
                total = sums[one] = agent_record() if memory.of_agents else queue_record()
                _add_fives(total, one, fives, from_ms, to_ms)
            record = total.copy()
            _add_fives(record, one, [memory.running], from_ms, to_ms)
            self.records[one] = record

    def _touching(
        self, mark_ms: int, of_closed: bool = True, of_running: bool = True
    ) -> list[tuple[Facts, int]]:
        """The facts that belong to those five minutes, in part at least: lists, and how much of each."""
        memory, captured = self._memory, self._captured
        assert memory.running is not None
        lists = [(facts, five, len(facts)) for facts, five in memory.closed] if of_closed else []
        if of_running:
            lists.append((captured.running, memory.running, captured.running_items))
        found = []
        for facts, five, last in lists:
            if five.mark_ms == mark_ms:
                found.append((facts, last))
            elif mark_ms in five.elsewhere:
                some = five.elsewhere[mark_ms]
                found.append((some, len(some)))
        return found


def _add_fives(total: Record, one: int, fives: Iterable[Five], from_ms: int, to_ms: int) -> None:
    for five in fives:
        for mark_ms, records in five.records().items():
            if from_ms <= mark_ms < to_ms and one in records:
                add(total, records[one])
