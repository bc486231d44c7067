"""Which call of a queue waits longest, out of all that wait."""

from typing import Final

import msgspec

from queuepulse.engine.books import Books
from queuepulse.engine.drafts import Draft, Formula, Period, Value
from queuepulse.engine.estimates import presents
from queuepulse.engine.explanations import OLDEST, Operand, Term
from queuepulse.engine.measures import Present
from queuepulse.engine.places import Places
from queuepulse.engine.running import Running

_ADDS: Final = "waiting_since_ms"
_OLDEST: Final = Formula(f"oldest({_ADDS})", ((_ADDS, OLDEST),))


class OldestDraft(Draft):
    """The explanation of `oldest_waiting`: it is whole when it is begun."""

    def __init__(self, row: Present, books: Books, skill: int, now_ms: int, places: Places) -> None:
        super().__init__(row, skill, Period("now", now_ms, now_ms, now_ms), _OLDEST)
        [self.present] = presents(books, [skill], now_ms)
        # The oldest first, of equals the smallest call.
        self.terms = [
            msgspec.structs.replace(one, adds={_ADDS: one.since_ms or 0})
            for one in Running(books, skill, now_ms, places).waits("")
        ]

    def value(self, operands: dict[str, Operand]) -> Value:
        """The call and since when, None if none waits."""
        first = self.present
        if first.oldest_since_ms < 0:
            return None
        return {"call": first.oldest_call, "since": first.oldest_since_ms}

    def operands(self, terms: list[Term], unlisted: list[Term]) -> dict[str, Operand]:
        """The oldest of all, and of those that are not listed."""
        others = {one.call or "": one.since_ms or 0 for one in unlisted[:1]}
        return {_ADDS: Operand(OLDEST, max(self.present.oldest_since_ms, 0), others)}
