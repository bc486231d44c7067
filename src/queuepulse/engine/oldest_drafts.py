"""Which call of a queue waits longest, out of all that wait."""

from typing import Final

import msgspec

from queuepulse.engine.books import Books
from queuepulse.engine.estimates import presents
from queuepulse.engine.explanations import OLDEST, Explanation, Operand, Term
from queuepulse.engine.measures import PRESENTS
from queuepulse.engine.places import Places
from queuepulse.engine.running import Running

OLDEST_WAITING: Final = "oldest_waiting"
_ADDS: Final = "waiting_since_ms"


class OldestDraft:
    """The explanation of `oldest_waiting`: it is whole when it is begun, and `read` has nothing to do."""

    def __init__(self, books: Books, skill: int, now_ms: int, places: Places) -> None:
        self.skill = skill
        self.now_ms = now_ms
        [self.present] = presents(books, [skill], now_ms)
        # The oldest first, of equals the smallest call.
        self.terms: list[Term] = [
            msgspec.structs.replace(one, adds={_ADDS: one.since_ms or 0})
            for one in Running(books, skill, now_ms, places).waits("")
        ]

    def read(self, items_max: int) -> bool:
        """Nothing is to be read: it is done."""
        return items_max > 0

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation, with the terms behind the first `after`, at most `limit`."""
        [row] = [one for one in PRESENTS if one.name == OLDEST_WAITING]
        terms, first = self.terms, self.present
        unlisted = (terms[:after] + terms[after + limit :])[:1]
        others = {one.call or "": one.since_ms or 0 for one in unlisted}
        value: dict[str, int | str] | None = None
        if first.oldest_since_ms >= 0:
            value = {"call": first.oldest_call, "since": first.oldest_since_ms}
        return Explanation(
            self.skill,
            row.name,
            row.unit,
            "now",
            row.meaning,
            self.now_ms,
            self.now_ms,
            self.now_ms,
            value,
            f"oldest({_ADDS})",
            None,
            {_ADDS: Operand(OLDEST, max(first.oldest_since_ms, 0), others)},
            len(terms),
            after,
            terms[after : after + limit],
        )
