"""Facts: what history is the sum of. The engine tells each when it happens; `records` adds them up.

A fact is a kind, the instant it belongs to (epoch ms), and what its line below says. It never changes, and a
late one simply carries its earlier instant: that is how history is corrected.
Facts lie in a list one behind the other, each as many items as `WIDTHS` says: as objects of their own they
would cost as much again as all that happens.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from queuepulse.engine.calls import Finished

OFFERED: Final = 0
"""at, skill, inbound, visit, call, waiting, available: a pass entered the queue (`FIRST_VISIT` and so on).

`waiting` passes were in it just before, and `available` of its agents could take one more contact.
"""
RANG: Final = 1
"""at, agent, count: so many calls began to ring at him."""
UNANSWERED: Final = 2
"""at, agent: it stopped, and nobody had answered."""
ANSWERED: Final = 3
"""at, skill, agent (0: nobody), inbound, since (-1: not known), limit, counted (`Pass.counted`), call."""
LEFT: Final = 4
"""at, skill, cause (its index), short, since, limit, counted, call. `short`: abandoned too soon to count."""
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
"""at (the end), agent, skills, from, state, changes (instant * 16 + state each): how time was spent."""
MOVED: Final = 11
"""at (the end), agent, from, skills and state as they were told, skills and state as they were."""

FIRST_VISIT: Final = 0
"""The call was not in this queue before in the statistics day."""
AGAIN_TODAY: Final = 1
"""It was, but not in the same five minutes."""
AGAIN: Final = 2
"""It was, in the same five minutes."""

WIDTHS: Final = (8, 4, 3, 9, 9, 7, 5, 4, 6, 4, 7, 8)
"""How many items a fact of each kind has, its kind included."""
Facts: TypeAlias = list[Any]

FACTS_MAX: Final = 500_000
"""Items in one list: when it is longer they are given away before the mark."""
TOLD_MAX: Final = 8_000_000
"""Items remembered for sliding windows in one VDN: some 160 MB, twice what `TOLD_MS` of 10,000 agents has."""
TOLD_MS: Final = 4_500_000
"""How long they are remembered: the longest sliding window, and 15 minutes before any estimate in it."""
RETOLD_MS: Final = 86_400_000
"""How far back a late event, or the end of a silence, accounts for the time of agents."""


def each(facts: Facts) -> Iterator[list[Any]]:
    """The facts of a list, one by one."""
    begin = 0
    while begin < len(facts):
        end = begin + WIDTHS[facts[begin]]
        yield facts[begin:end]
        begin = end


class Closed(NamedTuple):
    """Facts that the engine gives away, each once; and by which zone the days of their VDN begin.

    What is before `mark_ms` is over: later facts of it are corrections. `passes` are those that have ended,
    each once, and final.
    """

    facts: list[Facts]
    passes: list[list[Finished]]
    mark_ms: int
    timezone: str
    day_starts: str
