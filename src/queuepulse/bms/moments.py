"""The moments that a gateway has seen, so that it can ask for the other half of the very same, or for what is
new since.

Rows never change, so to keep a moment is to keep a list. Events that come in between change nothing in it.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from queuepulse.engine.events import VdnKey
from queuepulse.ports import Answer
from queuepulse.protocol.bms import Moment

ROWS_MAX: Final = 200_000
"""Rows of all moments kept: 200 questions about 1000 queues. At worst, all of them different, 50 MB."""
KEPT_S_MAX: Final = 5.0
"""A gateway that has not asked for the second half by then never will: its own deadline is shorter."""

_Key: TypeAlias = tuple[Moment, bytes]


class Told(NamedTuple):
    """The rows of a VDN that an asker was told, and their places among those asked; None: all."""

    vdn: VdnKey
    rows: list[Any]
    places: list[int] | None


class Kept:
    """An answer, when it was kept, and what of it was told to those who had the rows of other moments."""

    __slots__ = ("answer", "since_s", "told")

    def __init__(self, answer: Answer, since_s: float) -> None:
        self.answer = answer
        self.since_s = since_s
        self.told: dict[Moment | None, Told] = {}


class Moments:
    """The moments that somebody may still ask for. `elapsed` gives seconds that never go back."""

    def __init__(self, elapsed: Callable[[], float], rows_max: int = ROWS_MAX) -> None:
        self._elapsed = elapsed
        self._rows_max = rows_max
        self._rows = 0
        # The oldest first.
        self._kept: OrderedDict[_Key, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def tell(self, vdn: VdnKey, question: bytes, answer: Answer, since: Moment | None) -> tuple[Answer, Told]:
        """Keep an answer to a question; gives what is told to somebody who has the rows of `since`.

        Of two answers of one millisecond the first is kept, and told.
        """
        key, now_s = (moment_of(answer), question), self._elapsed()
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = Kept(answer, now_s)
            self._rows += len(answer.rows)
            while self._rows > self._rows_max or now_s - next(iter(self._kept.values())).since_s > KEPT_S_MAX:
                _, dropped = self._kept.popitem(last=False)
                self._rows -= len(dropped.answer.rows)
        told = kept.told.get(since)
        if told is None:
            before = None if since is None else self._kept.get((since, question))
            told = kept.told[since] = _told(vdn, kept.answer.rows, before)
        return kept.answer, told

    def told(self, question: bytes, moment: Moment, since: Moment | None) -> tuple[Answer, Told] | None:
        """What was told so before; None: it is not kept (any more)."""
        kept = self._kept.get((moment, question))
        told = None if kept is None else kept.told.get(since)
        return None if kept is None or told is None else (kept.answer, told)


def moment_of(answer: Answer) -> Moment:
    """When the rows of an answer are of."""
    return Moment(answer.position, answer.now_ms)


def _told(vdn: VdnKey, rows: list[Any], before: Kept | None) -> Told:
    if before is not None:
        # An unchanged row is the same object.
        pairs = zip(rows, before.answer.rows, strict=True)
        places = [place for place, (row, other) in enumerate(pairs) if row is not other]
        if len(places) <= len(rows) // 2:
            return Told(vdn, [rows[place] for place in places], places)
    return Told(vdn, rows, None)
