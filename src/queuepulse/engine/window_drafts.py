"""What the figures beyond the nineteen are made of: each fact of the window, and what it adds to the sums.

A fact adds what it adds where the figure itself is summed (`clips.Clip`), here one by one.
"""

from typing import Any, Final, NamedTuple

from queuepulse.engine.books import Books
from queuepulse.engine.clips import Clip, Wanted
from queuepulse.engine.explaining import combined
from queuepulse.engine.explanations import SPREAD, SUM, Explanation, Operand, Term
from queuepulse.engine.facts import (
    ANSWERED,
    LEFT,
    MISSED,
    MOVED,
    OFFERED,
    SPENT,
    TALKED,
    WIDTHS,
    WRAPPED_UP,
    Facts,
)
from queuepulse.engine.fields import QUEUE_FIELDS, QUEUE_SPANS, STATE_FIELDS
from queuepulse.engine.formulas import text_of
from queuepulse.engine.histograms import bucket_ms
from queuepulse.engine.measures import QUEUES, WINDOWS, Measure, Plan
from queuepulse.engine.places import Places
from queuepulse.engine.queues import LEFT_CAUSES
from queuepulse.engine.records import Record, add, queue_record
from queuepulse.engine.windows import capture

_OF_TIME: Final = (SPENT, MOVED)
_OF_PASSES: Final = (OFFERED, ANSWERED, LEFT, TALKED, MISSED)
_OF_QUEUES: Final = (*_OF_PASSES, WRAPPED_UP)
_STATES: Final = frozenset(STATE_FIELDS)


class Bounds(NamedTuple):
    """A window by its name (`measures.WINDOWS`), and where it begins and ends."""

    name: str
    from_ms: int
    until_ms: int


class WindowDraft:
    """The explanation of one figure over [from_ms, until_ms), or up to `now_ms`, while it is made.

    A day has no five minutes of its own yet where it begins behind `now_ms`: then nothing counts.
    `kept` are all closed facts of the queue, for windows longer than the engine remembers. `read` until it is
    done, then `finish`.
    """

    def __init__(
        self,
        books: Books,
        skill: int,
        measure: Measure,
        window: Bounds,
        now_ms: int,
        places: Places,
        kept: Facts | None = None,
    ) -> None:
        name, from_ms, until_ms = window
        self.skill = skill
        self.measure = measure
        self.window = name
        self.from_ms = min(from_ms, until_ms)
        self.until_ms = until_ms
        self.now_ms = now_ms
        self.places = places
        self.terms: list[Term] = []
        self.total = queue_record()
        wanted = Wanted(frozenset((skill,)), frozenset())
        captured = capture(books, wanted, now_ms)
        # What happens at this very instant belongs to a window that runs.
        self.clip = Clip(from_ms, until_ms + (until_ms == now_ms), wanted)
        # Nothing in a list is later than the mark that ended it.
        closed = [(facts, len(facts)) for end_ms, facts in captured.closed if end_ms > from_ms]
        if kept is not None:
            closed = [(kept, len(kept))]
        running = (captured.running, captured.running_items)
        self.lists = [*closed, running, (captured.pending, len(captured.pending))]
        self.place = 0
        self.fields = [(name, QUEUE_FIELDS.index(name)) for name in measure.fields]
        self.span = QUEUE_SPANS.index(measure.span) if measure.span else -1
        self.of_time = not _STATES.isdisjoint(measure.fields)

    def read(self, items_max: int) -> bool:
        """Reads on, about so many items of facts; whether all are read."""
        read, skill, of_time = 0, self.skill, self.of_time
        while self.lists:
            facts, last = self.lists[0]
            begin = self.place
            stop = min(last, begin + items_max - read)
            while begin < stop:
                kind: int = facts[begin]
                end = begin + WIDTHS[kind]
                if is_of(facts, begin, kind, skill) and (of_time or kind not in _OF_TIME):
                    self._add(facts, begin, end)
                begin = end
            read += begin - self.place
            self.place = begin
            if begin < last:
                return False
            self.lists.pop(0)
            self.place = 0
        return True

    def _add(self, facts: Facts, begin: int, end: int) -> None:
        self.clip.add_part(facts, begin, end)
        record = self.clip.of_queues.pop(self.skill, None)
        if record is not None:
            adds = self._adds(record)
            if adds:
                add(self.total, record)
                self.terms.append(self._term(facts[begin:end], adds, self.places.of_fact(facts, begin)))

    def _adds(self, record: Record) -> dict[str, int]:
        adds = {name: record.counts[place] for name, place in self.fields if record.counts[place]}
        if self.span >= 0:
            for bucket in record.spans[self.span]:
                adds[self.measure.span + "_ms"] = bucket_ms(bucket)
        return adds

    def _term(self, fact: list[Any], adds: dict[str, int], position: int | None) -> Term:
        kind, at_ms = fact[0], fact[1]
        if kind in _OF_PASSES:
            return _pass_term(fact, adds, position)
        if kind == WRAPPED_UP:
            what, began_ms, agent_id, ended_ms = "wrapped_up", at_ms - fact[4], fact[3], at_ms
        else:
            what, began_ms = ("spent", fact[4]) if kind == SPENT else ("moved", fact[3])
            agent_id, began_ms, ended_ms = fact[2], max(began_ms, self.from_ms), min(at_ms, self.until_ms)
        return Term(what, adds, agent=agent_id, since_ms=began_ms, at_ms=ended_ms, position=position)

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation, with the terms behind the first `after`, at most `limit`."""
        measure, terms = self.measure, self.terms
        unlisted = terms[:after] + terms[after + limit :]
        operands = {}
        for name in measure.fields:
            numbers, others = ([term.adds.get(name, 0) for term in some] for some in (terms, unlisted))
            operands[name] = Operand(SUM, combined(SUM, numbers), combined(SUM, others))
        if measure.span:
            name = measure.span + "_ms"
            spread: dict[str, int] = {}
            for term in unlisted:
                if name in term.adds:
                    value = str(term.adds[name])
                    spread[value] = spread.get(value, 0) + 1
            operands[name] = Operand(SPREAD, sum([name in term.adds for term in terms]), spread)
        return Explanation(
            self.skill,
            measure.name,
            measure.unit,
            WINDOWS[self.window],
            measure.meaning,
            self.from_ms,
            self.until_ms,
            self.now_ms,
            Plan([measure], QUEUES).figures(self.total)[0],
            text_of(measure),
            None,
            operands,
            len(terms),
            after,
            terms[after : after + limit],
        )


def is_of(facts: Facts, begin: int, kind: int, skill: int) -> bool:
    """Whether the fact that begins there, of that kind, belongs to the queue."""
    if kind in _OF_QUEUES:
        return bool(facts[begin + 2] == skill)
    if kind == SPENT:
        return skill in facts[begin + 3]
    return kind == MOVED and (skill in facts[begin + 4] or skill in facts[begin + 6])


def keep_facts(kept: Facts, facts: Facts, skill: int, places: Places) -> None:
    """Puts those facts that belong to the queue into a list of somebody's own."""
    begin = 0
    while begin < len(facts):
        kind: int = facts[begin]
        end = begin + WIDTHS[kind]
        if is_of(facts, begin, kind, skill):
            places.keep(kept, facts[begin:end], places.of_fact(facts, begin))
        begin = end


def _pass_term(fact: list[Any], adds: dict[str, int], position: int | None) -> Term:
    """Of a fact that says of which call it is."""
    kind, at_ms = fact[0], fact[1]
    what, call, agent_id, since_ms, cause, hold_ms = "offered", fact[5], 0, -1, "", 0
    if kind == ANSWERED:
        what, call, agent_id, since_ms = "answered", fact[8], fact[3], fact[5]
    elif kind == LEFT:
        what, call, since_ms, cause = "left", fact[8], fact[5], LEFT_CAUSES[fact[3]]
    elif kind == TALKED:
        what, call, agent_id, since_ms, hold_ms = "talked", fact[6], fact[3], at_ms - fact[4], fact[5]
    elif kind == MISSED:
        what = "waited"
    return Term(
        what,
        adds,
        call=call,
        agent=agent_id or None,
        since_ms=None if since_ms < 0 else since_ms,
        at_ms=at_ms,
        cause=cause,
        hold_ms=hold_ms,
        position=position,
    )
