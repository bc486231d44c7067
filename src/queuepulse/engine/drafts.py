"""What all explanations have in common while they are made: facts read piece by piece, terms page by page.

A draft holds what runs, as it is when it is begun, and reads the facts, which never change, piece by piece:
so the engine may go on meanwhile. Nothing here changes anything.
"""

from typing import NamedTuple, TypeAlias

from queuepulse.engine.explanations import SUM, Explanation, Operand, Term
from queuepulse.engine.facts import Facts
from queuepulse.engine.figures import Figure
from queuepulse.engine.measures import Measure, Present

Value: TypeAlias = int | float | dict[str, int | str] | None


class Formula(NamedTuple):
    """How a figure comes of its operands: `text` over their names, which each add up `by` sum or max."""

    text: str
    operands: tuple[tuple[str, str], ...]


class Period(NamedTuple):
    """What a figure looks at: [from_ms, until_ms), told at `at_ms`."""

    name: str
    from_ms: int
    until_ms: int
    at_ms: int


class Draft:
    """The explanation of one figure of a queue while it is made. `read` until it is done, then `finish`.

    `empty` is the value where the formula would divide by 0.
    """

    def __init__(
        self,
        row: Figure | Measure | Present,
        skill: int,
        period: Period,
        formula: Formula,
        empty: int | None = None,
    ) -> None:
        self.row = row
        self.skill = skill
        self.period = period
        self.formula = formula
        self.empty = empty
        self.terms: list[Term] = []
        self.lists: list[tuple[Facts, int]] = []
        self.place = 0

    def read(self, items_max: int) -> bool:
        """Reads on, about so many items of facts; whether all are read."""
        read = 0
        while self.lists:
            facts, last = self.lists[0]
            begin = self.place
            stop = min(last, begin + items_max - read)
            while begin < stop:
                self.take(facts, begin, facts.items[begin])
                begin += facts.width(begin)
            read += begin - self.place
            self.place = begin
            if begin < last:
                return False
            self.lists.pop(0)
            self.place = 0
        return True

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation, with the terms behind the first `after`, at most `limit`.

        Terms that add something come first.
        """
        row, period = self.row, self.period
        terms = [one for one in self.terms if not one.why_not] + [one for one in self.terms if one.why_not]
        operands = self.operands(terms, terms[:after] + terms[after + limit :])
        return Explanation(
            self.skill,
            row.name,
            row.unit,
            period.name,
            row.meaning,
            period.from_ms,
            period.until_ms,
            period.at_ms,
            self.value(operands),
            self.formula.text,
            self.empty,
            operands,
            len(terms),
            after,
            terms[after : after + limit],
        )

    def take(self, facts: Facts, begin: int, kind: int) -> None:
        """Takes the fact of that kind that begins there, if the figure is made of it."""
        raise NotImplementedError

    def value(self, operands: dict[str, Operand]) -> Value:
        """The figure itself."""
        raise NotImplementedError

    def operands(self, terms: list[Term], unlisted: list[Term]) -> dict[str, Operand]:
        """What the terms add up to, and those that are not listed."""
        return {
            name: Operand(by, _combined(name, by, terms), _combined(name, by, unlisted))
            for name, by in self.formula.operands
        }


def _combined(name: str, by: str, terms: list[Term]) -> int:
    """What the terms add up to; 0 of none."""
    numbers = [term.adds.get(name, 0) for term in terms]
    return sum(numbers) if by == SUM else max(numbers, default=0)
