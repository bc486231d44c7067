"""Facts: what history is the sum of. The engine tells each when it happens; `records` adds them up.

A fact is a kind, the instant it belongs to (epoch ms), and what its line below says. It never changes, and a
late one simply carries its earlier instant: that is how history is corrected.
Facts lie one behind the other in one vector of machine integers: as objects they would cost as much again as
all that happens, and an hour of them is remembered.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from librt.vecs import append, vec
from mypy_extensions import i64

from queuepulse.engine.finished import Finished
from queuepulse.engine.states import NAMES

OFFERED: Final = 0
"""at, skill, inbound, visit, waiting, available, call: a pass entered the queue (`FIRST_VISIT` and so on).

`waiting` passes were in it just before, and `available` of its agents could take one more contact.
"""
RANG: Final = 1
"""at, agent, count: so many calls began to ring at him."""
UNANSWERED: Final = 2
"""at, agent: it stopped, and nobody had answered."""
ANSWERED: Final = 3
"""at, skill, agent (0: nobody), inbound, since (-1: not known), limit, told_from, told_to, call.

The limits that it reached in [told_from, told_to) are told already (`Pass.counted`).
"""
LEFT: Final = 4
"""at, skill, cause (its index), short, since, limit, told_from, told_to, call.

`short`: abandoned too soon to count.
"""
TALKED: Final = 5
"""at, skill, agent (0: nobody), talk_ms, hold_ms, call: a talk of known length ended."""
WRAPPED_UP: Final = 6
"""at, skill, agent, wrapup_ms: a wrap-up after a talk of that queue ended."""
IDLED: Final = 7
"""at, skill, idle_ms: the longest idle spell that ended in these five minutes, or, late, one that did."""
MISSED: Final = 8
"""at, skill, index (of `limits.WITHIN_MS`, or `OWN_LIMIT`), sign, call: a waiting pass reached it; -1: no."""
REPAIRED: Final = 9
"""at, skill (0: none), agent (0: none): a picture changed a pass of the queue, or the agent."""
SPENT: Final = 10
"""at (the end), agent, width, from, state, number of skills, these, changes (instant * 16 + state each)."""
MOVED: Final = 11
"""at (the end), agent, width, from, state as told, state as it was, number of skills told, these, skills as
they were."""
SPELL: Final = 12
"""at (the end), agent, width, since, the queues he was in: he was idle. History has no need of it."""

FIRST_VISIT: Final = 0
"""The call was not in this queue before in the statistics day."""
AGAIN_TODAY: Final = 1
"""It was, but not in the same five minutes."""
AGAIN: Final = 2
"""It was, in the same five minutes."""

WIDTHS: Final = (8, 4, 3, 10, 10, 7, 5, 4, 6, 4, 0, 0, 0)
"""How many items a fact of each kind has, its kind included; 0 where its fourth item says it."""
SPENT_WIDTH: Final = 7
MOVED_WIDTH: Final = 8
SPELL_WIDTH: Final = 5
"""Items of these before the skills in them."""
OF_AGENTS: Final = frozenset((RANG, UNANSWERED, SPENT, MOVED, SPELL))
"""Kinds whose third item is an agent; that of all others is a skill."""
CALLED: Final = frozenset((OFFERED, ANSWERED, LEFT, TALKED, MISSED))
"""Kinds whose last item is a call: its place in `Facts.calls`."""

FACTS_MAX: Final = 500_000
"""Items in one list: when it is longer they are given away before the mark."""
TOLD_MAX: Final = 14_000_000
"""Items remembered for sliding windows in one VDN: some 200 MB, twice what `TOLD_MS` of 10,000 agents has."""
TOLD_MS: Final = 4_500_000
"""How long they are remembered: the longest sliding window, and 15 minutes before any estimate in it."""
RETOLD_MS: Final = 86_400_000
"""How far back a late event, or the end of a silence, accounts for the time of agents."""

_NO_TIME: Final = vec[i64]([0] * len(NAMES))


class Facts:
    """Facts in the order in which they were told: `items`, and the ids of the `calls` they name."""

    __slots__ = ("calls", "items")

    def __init__(self) -> None:
        self.items: vec[i64] = vec[i64]()
        self.calls: list[str] = []

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of(cls, items: Iterable[int], calls: list[str]) -> "Facts":
        """Those of these items, which name these calls."""
        facts = cls()
        facts.items = vec[i64](items)
        facts.calls = calls
        return facts

    def upto_now(self) -> "Facts":
        """The same as they are now, whatever is told from now on."""
        facts = Facts()
        # A vector is a place and a length: what is appended to another of the same place lies behind this.
        facts.items = self.items
        facts.calls = self.calls.copy()
        return facts

    def parts(self, items_max: int) -> Iterator[list[int]]:
        """All items, so many at a time."""
        for begin in range(0, len(self.items), items_max):
            yield self._ints(begin, min(begin + items_max, len(self.items)))

    # Telling

    def offered(
        self, at_ms: i64, skill: i64, inbound: bool, visit: i64, waiting: i64, available: i64, call: str
    ) -> None:
        """Tells an OFFERED."""
        items = append(self.items, OFFERED)
        items = append(items, at_ms)
        items = append(items, skill)
        items = append(items, 1 if inbound else 0)
        items = append(items, visit)
        items = append(items, waiting)
        items = append(items, available)
        self._name(items, call)

    def _name(self, items: vec[i64], call: str) -> None:
        self.items = append(items, len(self.calls))
        self.calls.append(call)

    def rang(self, at_ms: i64, agent_id: i64, count: i64) -> None:
        """Tells a RANG."""
        items = append(self.items, RANG)
        items = append(items, at_ms)
        items = append(items, agent_id)
        self.items = append(items, count)

    def unanswered(self, at_ms: i64, agent_id: i64) -> None:
        """Tells an UNANSWERED."""
        items = append(self.items, UNANSWERED)
        items = append(items, at_ms)
        self.items = append(items, agent_id)

    def answered(
        self,
        at_ms: i64,
        skill: i64,
        agent_id: i64,
        inbound: bool,
        since_ms: i64,
        limit_ms: i64,
        counted: tuple[int, int, int] | None,
        call: str,
    ) -> None:
        """Tells an ANSWERED; `counted` is that of its pass."""
        items = append(self.items, ANSWERED)
        items = append(items, at_ms)
        items = append(items, skill)
        items = append(items, agent_id)
        items = append(items, 1 if inbound else 0)
        self._ended(items, since_ms, limit_ms, counted, call)

    def left(
        self,
        at_ms: i64,
        skill: i64,
        cause: i64,
        short: bool,
        since_ms: i64,
        limit_ms: i64,
        counted: tuple[int, int, int] | None,
        call: str,
    ) -> None:
        """Tells a LEFT."""
        items = append(self.items, LEFT)
        items = append(items, at_ms)
        items = append(items, skill)
        items = append(items, cause)
        items = append(items, 1 if short else 0)
        self._ended(items, since_ms, limit_ms, counted, call)

    def _ended(
        self,
        items: vec[i64],
        since_ms: i64,
        limit_ms: i64,
        counted: tuple[int, int, int] | None,
        call: str,
    ) -> None:
        items = append(items, since_ms)
        if counted is None:
            items = append(items, limit_ms)
            items = append(items, 0)
            items = append(items, 0)
        else:
            from_ms, to_ms, counted_ms = counted
            items = append(items, counted_ms)
            items = append(items, from_ms)
            items = append(items, to_ms)
        self._name(items, call)

    def talked(self, at_ms: i64, skill: i64, agent_id: i64, talk_ms: i64, hold_ms: i64, call: str) -> None:
        """Tells a TALKED."""
        items = append(self.items, TALKED)
        items = append(items, at_ms)
        items = append(items, skill)
        items = append(items, agent_id)
        items = append(items, talk_ms)
        items = append(items, hold_ms)
        self._name(items, call)

    def wrapped_up(self, at_ms: i64, skill: i64, agent_id: i64, wrapup_ms: i64) -> None:
        """Tells a WRAPPED_UP."""
        items = append(self.items, WRAPPED_UP)
        items = append(items, at_ms)
        items = append(items, skill)
        items = append(items, agent_id)
        self.items = append(items, wrapup_ms)

    def idled(self, at_ms: i64, skill: i64, idle_ms: i64) -> None:
        """Tells an IDLED."""
        items = append(self.items, IDLED)
        items = append(items, at_ms)
        items = append(items, skill)
        self.items = append(items, idle_ms)

    def missed(self, at_ms: i64, skill: i64, index: i64, sign: i64, call: str) -> None:
        """Tells a MISSED."""
        items = append(self.items, MISSED)
        items = append(items, at_ms)
        items = append(items, skill)
        items = append(items, index)
        items = append(items, sign)
        self._name(items, call)

    def repaired(self, at_ms: i64, skill: i64, agent_id: i64) -> None:
        """Tells a REPAIRED."""
        items = append(self.items, REPAIRED)
        items = append(items, at_ms)
        items = append(items, skill)
        self.items = append(items, agent_id)

    def spent(
        self,
        at_ms: i64,
        agent_id: i64,
        skills: tuple[int, ...],
        from_ms: i64,
        state: i64,
        changes: vec[i64],
    ) -> None:
        """Tells a SPENT."""
        items = append(self.items, SPENT)
        items = append(items, at_ms)
        items = append(items, agent_id)
        items = append(items, SPENT_WIDTH + len(skills) + len(changes))
        items = append(items, from_ms)
        items = append(items, state)
        items = append(items, len(skills))
        for skill in skills:
            items = append(items, skill)
        for change in changes:
            items = append(items, change)
        self.items = items

    def moved(
        self,
        at_ms: i64,
        agent_id: i64,
        from_ms: i64,
        told_skills: tuple[int, ...],
        told_state: i64,
        skills: tuple[int, ...],
        state: i64,
    ) -> None:
        """Tells a MOVED."""
        items = append(self.items, MOVED)
        items = append(items, at_ms)
        items = append(items, agent_id)
        items = append(items, MOVED_WIDTH + len(told_skills) + len(skills))
        items = append(items, from_ms)
        items = append(items, told_state)
        items = append(items, state)
        items = append(items, len(told_skills))
        for skill in told_skills:
            items = append(items, skill)
        for skill in skills:
            items = append(items, skill)
        self.items = items

    def idle_spell(self, at_ms: i64, agent_id: i64, since_ms: i64, skills: tuple[int, ...]) -> None:
        """Tells a SPELL."""
        items = append(self.items, SPELL)
        items = append(items, at_ms)
        items = append(items, agent_id)
        items = append(items, SPELL_WIDTH + len(skills))
        items = append(items, since_ms)
        for skill in skills:
            items = append(items, skill)
        self.items = items

    # Reading

    def width(self, begin: i64) -> i64:
        """How many items the fact has that begins there."""
        width: i64 = WIDTHS[self.items[begin]]
        return width or self.items[begin + 3]

    def skills(self, begin: i64) -> list[int]:
        """The skills of a SPENT or SPELL, or those told of a MOVED."""
        kind = self.items[begin]
        first = begin + (SPENT_WIDTH if kind == SPENT else SPELL_WIDTH if kind == SPELL else MOVED_WIDTH)
        if kind == SPELL:
            return self._ints(first, begin + self.items[begin + 3])
        return self._ints(first, first + self.items[first - 1])

    def true_skills(self, begin: i64) -> list[int]:
        """The skills of a MOVED as they were."""
        items = self.items
        return self._ints(begin + MOVED_WIDTH + items[begin + MOVED_WIDTH - 1], begin + items[begin + 3])

    def _ints(self, begin: i64, end: i64) -> list[int]:
        items, found = self.items, []
        while begin < end:
            found.append(int(items[begin]))
            begin += 1
        return found

    def time_in_states(self, begin: i64, low_ms: i64, high_ms: i64) -> vec[i64]:
        """How much of [low_ms, high_ms) the agent of a SPENT was in each state; none of it signed out.

        Time never runs back: a change that is told late counts from the latest one before it.
        """
        items, spent = self.items, _NO_TIME[:]
        from_ms, to_ms, state = items[begin + 4], items[begin + 1], items[begin + 5]
        place, end = begin + SPENT_WIDTH + items[begin + SPENT_WIDTH - 1], begin + items[begin + 3]
        if to_ms > high_ms:
            to_ms = high_ms
        while place <= end and from_ms < to_ms:
            # Behind the last change the state lasts to the end.
            at_ms = items[place] >> 4 if place < end else to_ms
            if at_ms > from_ms:
                until_ms = at_ms if at_ms < to_ms else to_ms
                since_ms = from_ms if from_ms > low_ms else low_ms
                if state and until_ms > since_ms:
                    spent[state] += until_ms - since_ms
                from_ms = at_ms
            if place < end:
                state = items[place] & 15
            place += 1
        return spent

    def call(self, begin: i64) -> str:
        """The call that the fact names which begins there; empty where it names none."""
        kind = self.items[begin]
        if kind not in CALLED:
            return ""
        last: i64 = WIDTHS[kind]
        return self.calls[self.items[begin + last - 1]]

    def fact(self, begin: i64) -> list[int]:
        """The items of the fact that begins there."""
        return self._ints(begin, begin + self.width(begin))

    def take(self, others: "Facts", begin: i64) -> None:
        """Adds the fact of others that begins there."""
        items, theirs, end = self.items, others.items, begin + others.width(begin)
        is_called = theirs[begin] in CALLED
        if is_called:
            end -= 1
        for place in range(begin, end):
            items = append(items, theirs[place])
        if is_called:
            items = append(items, len(self.calls))
            self.calls.append(others.calls[theirs[end]])
        self.items = items


class Closed(NamedTuple):
    """Facts that the engine gives away, each once; and by which zone the days of their VDN begin.

    What is before `mark_ms` is over: later facts of it are corrections. `passes` are those that have ended,
    each once, and final.
    """

    facts: list[Facts]
    passes: list[Finished]
    mark_ms: int
    timezone: str
    day_starts: str
