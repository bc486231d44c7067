"""What the estimated wait of a queue is made of, and how wrong such estimates were.

The wait: of who waits, who is free, and the answers of 15 minutes. Its error: of the offers of an hour.
"""

from itertools import islice
from typing import Final

from queuepulse.engine.books import Books
from queuepulse.engine.clips import STEP_ITEMS, Wanted
from queuepulse.engine.estimates import ANSWERS_MS, JUDGED_MS, Estimates, Judged, estimate_ms
from queuepulse.engine.explaining import combined
from queuepulse.engine.explanations import SUM, Explanation, Operand, Term
from queuepulse.engine.facts import ANSWERED, WIDTHS
from queuepulse.engine.measures import PRESENTS
from queuepulse.engine.places import Places
from queuepulse.engine.running import Running
from queuepulse.engine.windows import capture

ESTIMATED: Final = "estimated_wait_ms"
ERROR: Final = "estimated_wait_error_ms"


class EstimateDraft:
    """The explanation of `estimated_wait_ms` while it is made. `read` until it is done, then `finish`."""

    def __init__(self, books: Books, skill: int, now_ms: int, places: Places) -> None:
        self.skill = skill
        self.now_ms = now_ms
        self.places = places
        now = Running(books, skill, now_ms, places)
        self.terms: list[Term] = [*now.waits(""), *[one for one in now.agents("available") if one.adds]]
        closed = [(facts, len(facts)) for end_ms, facts in books.told if end_ms > now_ms - ANSWERS_MS]
        self.lists = [*closed, (books.facts, len(books.facts))]
        self.place = 0

    def read(self, items_max: int) -> bool:
        """Reads on, about so many items of facts; whether all are read."""
        read = 0
        while self.lists:
            facts, last = self.lists[0]
            begin = self.place
            stop = min(last, begin + items_max - read)
            while begin < stop:
                kind: int = facts[begin]
                if kind == ANSWERED and facts[begin + 2] == self.skill:
                    at_ms, since_ms = facts[begin + 1], facts[begin + 5]
                    if self.now_ms - ANSWERS_MS <= at_ms <= self.now_ms:
                        self.terms.append(
                            Term(
                                "answered",
                                {"answers": 1},
                                call=facts[begin + 8],
                                agent=facts[begin + 3] or None,
                                since_ms=None if since_ms < 0 else since_ms,
                                at_ms=at_ms,
                                position=self.places.of_fact(facts, begin),
                            )
                        )
                begin += WIDTHS[kind]
            read += begin - self.place
            self.place = begin
            if begin < last:
                return False
            self.lists.pop(0)
            self.place = 0
        return True

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation, with the terms behind the first `after`, at most `limit`."""
        [row] = [one for one in PRESENTS if one.name == ESTIMATED]
        terms, operands = self.terms, _sums(("waiting", "available", "answers"), self.terms, after, limit)
        waiting, available, answers = [operand.value for operand in operands.values()]
        return Explanation(
            self.skill,
            row.name,
            row.unit,
            "now",
            row.meaning,
            self.now_ms - ANSWERS_MS,
            self.now_ms,
            self.now_ms,
            estimate_ms(waiting, available, answers),
            f"0 if available > 0 else (waiting + 1) * {ANSWERS_MS} // answers",
            None,
            operands,
            len(terms),
            after,
            terms[after : after + limit],
        )


class ErrorDraft:
    """The explanation of `estimated_wait_error_ms` while it is made, as that of the estimate."""

    def __init__(self, books: Books, skill: int, now_ms: int, places: Places) -> None:
        self.skill = skill
        self.now_ms = now_ms
        self.estimates = Estimates(places)
        captured = capture(books, Wanted(frozenset((skill,)), frozenset()), now_ms)
        self.steps = self.estimates.follow(captured)

    def read(self, items_max: int) -> bool:
        """Reads on, about so many items of facts; whether all are read."""
        steps = max(items_max // STEP_ITEMS, 1)
        return len(list(islice(self.steps, steps))) < steps

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation, with the terms behind the first `after`, at most `limit`."""
        [row] = [one for one in PRESENTS if one.name == ERROR]
        value = self.estimates.error_ms(self.skill, self.now_ms)
        judged = [_judged(*one) for one in self.estimates.judged(self.skill, self.now_ms)]
        terms = [one for one in judged if one.adds] + [one for one in judged if not one.adds]
        return Explanation(
            self.skill,
            row.name,
            row.unit,
            "last hour",
            row.meaning,
            self.now_ms - JUDGED_MS,
            self.now_ms,
            self.now_ms,
            value,
            "error_ms // estimates",
            None,
            _sums(("error_ms", "estimates"), terms, after, limit),
            len(terms),
            after,
            terms[after : after + limit],
        )


def _judged(one: Judged, estimated_ms: int | None) -> Term:
    """Of an offer that was answered: by how much its estimate was wrong."""
    adds: dict[str, int] = {}
    if estimated_ms is not None:
        adds = {"error_ms": abs(estimated_ms - one.wait_ms), "estimates": 1}
    return Term(
        "estimated",
        adds,
        "" if adds else "no_estimate",
        call=one.call,
        agent=one.agent_id or None,
        since_ms=one.at_ms,
        at_ms=one.answered_at_ms,
        estimated_ms=estimated_ms,
        wait_ms=one.wait_ms,
        position=None if one.position < 0 else one.position,
    )


def _sums(names: tuple[str, ...], terms: list[Term], after: int, limit: int) -> dict[str, Operand]:
    """The operands of that name that the terms add up to; `others` is of those not listed."""
    unlisted, operands = terms[:after] + terms[after + limit :], {}
    for name in names:
        numbers, others = ([term.adds.get(name, 0) for term in some] for some in (terms, unlisted))
        operands[name] = Operand(SUM, combined(SUM, numbers), combined(SUM, others))
    return operands
