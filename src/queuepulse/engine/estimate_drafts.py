"""What the estimated wait of a queue is made of, and how wrong such estimates were.

The wait: of who waits, who is free, and the answers of 15 minutes. Its error: of the offers of an hour.
"""

from itertools import islice
from typing import Final

from queuepulse.engine.books import Books
from queuepulse.engine.clips import STEP_ITEMS, Wanted
from queuepulse.engine.drafts import Draft, Formula, Period
from queuepulse.engine.estimates import ANSWERS_MS, JUDGED_MS, Estimates, Judged, estimate_ms
from queuepulse.engine.explanations import SUM, Explanation, Operand, Term
from queuepulse.engine.facts import ANSWERED, Facts
from queuepulse.engine.measures import Present
from queuepulse.engine.places import Places
from queuepulse.engine.running import Running
from queuepulse.engine.windows import capture

_ESTIMATE: Final = Formula(
    f"0 if available > 0 else (waiting + 1) * {ANSWERS_MS} // answers",
    (("waiting", SUM), ("available", SUM), ("answers", SUM)),
)
_ERROR: Final = Formula("error_ms // estimates", (("error_ms", SUM), ("estimates", SUM)))


class EstimateDraft(Draft):
    """The explanation of the estimated wait."""

    def __init__(self, row: Present, books: Books, skill: int, now_ms: int, places: Places) -> None:
        self.from_ms = now_ms - ANSWERS_MS
        super().__init__(row, skill, Period("now", self.from_ms, now_ms, now_ms), _ESTIMATE)
        self.places = places
        now = Running(books, skill, now_ms, places)
        self.terms = [*now.waits(""), *[one for one in now.agents("available") if one.adds]]
        closed = [(facts, len(facts)) for end_ms, facts in books.told if end_ms > self.from_ms]
        self.lists = [*closed, (books.facts, len(books.facts))]

    def take(self, facts: Facts, begin: int, kind: int) -> None:
        """Takes the answers of the queue that count."""
        if kind == ANSWERED and facts.items[begin + 2] == self.skill:
            at_ms, agent_id, since_ms = [int(facts.items[begin + place]) for place in (1, 3, 5)]
            if self.from_ms <= at_ms <= self.period.at_ms:
                self.terms.append(
                    Term(
                        "answered",
                        {"answers": 1},
                        call=facts.call(begin),
                        agent=agent_id or None,
                        since_ms=None if since_ms < 0 else since_ms,
                        at_ms=at_ms,
                        position=self.places.of_fact(facts, begin),
                    )
                )

    def value(self, operands: dict[str, Operand]) -> int | None:
        """The estimate."""
        waiting, available, answers = [operand.value for operand in operands.values()]
        return estimate_ms(waiting, available, answers)


class ErrorDraft(Draft):
    """The explanation of how wrong estimates were."""

    def __init__(self, row: Present, books: Books, skill: int, now_ms: int, places: Places) -> None:
        super().__init__(row, skill, Period("last hour", now_ms - JUDGED_MS, now_ms, now_ms), _ERROR)
        self.estimates = Estimates(places)
        captured = capture(books, Wanted(frozenset((skill,)), frozenset()), now_ms)
        self.steps = self.estimates.follow(captured)

    def read(self, items_max: int) -> bool:
        """Reads on, about so many items of facts; whether all are read."""
        steps = max(items_max // STEP_ITEMS, 1)
        return len(list(islice(self.steps, steps))) < steps

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation: only what has been read tells its terms."""
        self.terms = [_judged(*one) for one in self.estimates.judged(self.skill, self.period.at_ms)]
        return super().finish(after, limit)

    def value(self, operands: dict[str, Operand]) -> int | None:
        """The mean error, as figures have it."""
        return self.estimates.error_ms(self.skill, self.period.at_ms)


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
