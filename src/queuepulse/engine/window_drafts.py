"""What the figures beyond the nineteen are made of: each fact of the window, and what it adds to the sums.

A fact adds what it adds where the figure itself is summed (`clips.Clip`), here one by one.
"""

from collections import Counter
from typing import Final

from queuepulse.engine.books import Books
from queuepulse.engine.clips import Clip, Wanted
from queuepulse.engine.drafts import Draft, Formula, Period, Value
from queuepulse.engine.explanations import SPREAD, SUM, Operand, Term
from queuepulse.engine.facts import (
    ANSWERED,
    LEFT,
    MISSED,
    MOVED,
    OFFERED,
    SPENT,
    TALKED,
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


class WindowDraft(Draft):
    """The explanation of one figure over a window, or up to the instant it is told at.

    A day has no five minutes of its own yet where it begins behind that: then nothing counts.
    `kept` are all closed facts of the queue, for windows longer than the engine remembers.
    """

    def __init__(
        self,
        books: Books,
        skill: int,
        measure: Measure,
        window: Period,
        places: Places,
        kept: Facts | None = None,
    ) -> None:
        name, from_ms, until_ms, now_ms = window
        sums = [(field, SUM) for field in measure.fields]
        told = Period(WINDOWS[name], min(from_ms, until_ms), until_ms, now_ms)
        super().__init__(measure, skill, told, Formula(text_of(measure), tuple(sums)))
        self.measure = measure
        self.places = places
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
        self.fields = [(name, QUEUE_FIELDS.index(name)) for name in measure.fields]
        self.span = QUEUE_SPANS.index(measure.span) if measure.span else -1
        self.of_time = not _STATES.isdisjoint(measure.fields)

    def take(self, facts: Facts, begin: int, kind: int) -> None:
        """Takes the fact of that kind that begins there, if the figure is made of it."""
        if not is_of(facts, begin, kind, self.skill) or (kind in _OF_TIME and not self.of_time):
            return
        self.clip.add_part(facts, begin, begin + facts.width(begin))
        record = self.clip.of_queues.pop(self.skill, None)
        if record is not None:
            adds = self._adds(record)
            if adds:
                add(self.total, record)
                self.terms.append(self._term(facts, begin, adds))

    def _adds(self, record: Record) -> dict[str, int]:
        adds = {name: record.counts[place] for name, place in self.fields if record.counts[place]}
        if self.span >= 0:
            for bucket in record.span(self.span):
                adds[self.measure.span + "_ms"] = bucket_ms(bucket)
        return adds

    def _term(self, facts: Facts, begin: int, adds: dict[str, int]) -> Term:
        fact, position, period = facts.fact(begin), self.places.of_fact(facts, begin), self.period
        kind, at_ms = fact[0], fact[1]
        if kind in _OF_PASSES:
            return _pass_term(fact, facts.call(begin), adds, position)
        if kind == WRAPPED_UP:
            what, began_ms, agent_id, ended_ms = "wrapped_up", at_ms - fact[4], fact[3], at_ms
        else:
            what, agent_id = "spent" if kind == SPENT else "moved", fact[2]
            began_ms, ended_ms = max(fact[4], period.from_ms), min(at_ms, period.until_ms)
        return Term(what, adds, agent=agent_id, since_ms=began_ms, at_ms=ended_ms, position=position)

    def value(self, operands: dict[str, Operand]) -> Value:
        """The figure, as the window itself has it."""
        value: Value = Plan([self.measure], QUEUES).figures(self.total)[0]
        return value

    def operands(self, terms: list[Term], unlisted: list[Term]) -> dict[str, Operand]:
        """What the terms add up to, and of a percentile all their values."""
        operands = super().operands(terms, unlisted)
        if self.measure.span:
            name = self.measure.span + "_ms"
            spread = Counter([str(term.adds[name]) for term in unlisted if name in term.adds])
            operands[name] = Operand(SPREAD, sum([name in term.adds for term in terms]), spread)
        return operands


def is_of(facts: Facts, begin: int, kind: int, skill: int) -> bool:
    """Whether the fact that begins there, of that kind, belongs to the queue."""
    if kind in _OF_QUEUES:
        return facts.items[begin + 2] == skill
    if kind == SPENT:
        return skill in facts.skills(begin)
    return kind == MOVED and (skill in facts.skills(begin) or skill in facts.true_skills(begin))


def keep_facts(kept: Facts, facts: Facts, skill: int, places: Places) -> None:
    """Puts those facts that belong to the queue into a list of somebody's own."""
    begin = 0
    while begin < len(facts):
        if is_of(facts, begin, facts.items[begin], skill):
            places.keep(kept, facts, begin)
        begin += facts.width(begin)


def _pass_term(fact: list[int], call: str, adds: dict[str, int], position: int | None) -> Term:
    """Of a fact that says of which call it is."""
    kind, at_ms = fact[0], fact[1]
    what, agent_id, since_ms, cause, hold_ms = "offered", 0, -1, "", 0
    if kind == ANSWERED:
        what, agent_id, since_ms = "answered", fact[3], fact[5]
    elif kind == LEFT:
        what, since_ms, cause = "left", fact[5], LEFT_CAUSES[fact[3]]
    elif kind == TALKED:
        what, agent_id, since_ms, hold_ms = "talked", fact[3], at_ms - fact[4], fact[5]
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
