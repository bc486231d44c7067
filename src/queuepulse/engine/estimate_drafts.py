"""What the estimated wait of a queue is made of: who waits, who is free, and the answers of 15 minutes."""

from typing import Final

from queuepulse.engine.books import Books
from queuepulse.engine.estimates import ANSWERS_MS, estimate_ms
from queuepulse.engine.explaining import combined
from queuepulse.engine.explanations import SUM, Explanation, Operand, Term
from queuepulse.engine.facts import ANSWERED, WIDTHS
from queuepulse.engine.measures import PRESENTS
from queuepulse.engine.places import Places
from queuepulse.engine.running import Running

ESTIMATED: Final = "estimated_wait_ms"


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
        terms, operands = self.terms, {}
        unlisted = terms[:after] + terms[after + limit :]
        for name in ("waiting", "available", "answers"):
            numbers, others = ([term.adds.get(name, 0) for term in some] for some in (terms, unlisted))
            operands[name] = Operand(SUM, combined(SUM, numbers), combined(SUM, others))
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
