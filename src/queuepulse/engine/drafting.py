"""Which draft explains a figure: one place for those of now and of the past, of the nineteen and beyond."""

from collections.abc import Callable
from typing import Final, NamedTuple

from queuepulse.engine import measures
from queuepulse.engine.books import Books
from queuepulse.engine.drafts import Draft, Period
from queuepulse.engine.estimate_drafts import ErrorDraft, EstimateDraft
from queuepulse.engine.explaining import FigureDraft
from queuepulse.engine.facts import Facts
from queuepulse.engine.figures import DAY as STATISTICS_DAY
from queuepulse.engine.figures import FIGURES
from queuepulse.engine.measures import (
    DAY,
    FIVE,
    LAST_FIVE,
    PRESENTS,
    QUEUE_MEASURES,
    SLIDING,
    Measure,
    Present,
)
from queuepulse.engine.oldest_drafts import OldestDraft
from queuepulse.engine.places import Places
from queuepulse.engine.running import begin_ms
from queuepulse.engine.window_drafts import WindowDraft
from queuepulse.engine.windows import first_mark_ms

WINDOWS: Final = (FIVE, LAST_FIVE, SLIDING, DAY)
"""Over which figures beyond the nineteen are explained. The facts of a day are not in memory."""
_NINETEEN: Final = frozenset([figure.name for figure in FIGURES])
_MEASURES: Final = {measure.name: measure for measure in QUEUE_MEASURES}
_PRESENTS: Final = {present.name: present for present in PRESENTS}
_DRAFTS: Final[dict[str, Callable[[Present, Books, int, int, Places], Draft]]] = {
    "estimated_wait_ms": EstimateDraft,
    "estimated_wait_error_ms": ErrorDraft,
    "oldest_waiting": OldestDraft,
}
EXPLAINED: Final = (*[figure.name for figure in FIGURES], *_MEASURES, *_PRESENTS)
"""All figures that can be explained, by our names."""


class Asked(NamedTuple):
    """Which figure of a queue: of those beyond the nineteen over which window, "" otherwise.

    A sliding one is `seconds` long; with `within` (s) a service level is of that threshold.
    """

    skill: int
    figure: str
    window: str = ""
    seconds: int = 0
    within: int = 0


def has_windows(figure: str) -> bool:
    """Whether the figure is one of a window that is chosen."""
    return figure in _MEASURES


def begin(
    books: Books, asked: Asked, now_ms: int, places: Places | None = None, kept: Facts | None = None
) -> Draft:
    """The draft of that figure, as if time had run on to `now_ms`.

    Of a day, `kept` are the facts of the queue that are closed (`window_drafts.keep_facts`).
    """
    now_ms, known = max(now_ms, books.clock_ms), places or Places()
    if asked.figure in _NINETEEN:
        return FigureDraft(books, asked.skill, asked.figure, now_ms, known)
    if asked.figure in _PRESENTS:
        return _DRAFTS[asked.figure](_PRESENTS[asked.figure], books, asked.skill, now_ms, known)
    from_ms, until_ms = measures.bounds(asked.window, asked.seconds, now_ms)
    if asked.window == DAY:
        assert kept is not None, "the facts of a day are not in memory"
        from_ms = first_mark_ms(begin_ms(books, STATISTICS_DAY, now_ms))
    window = Period(asked.window, from_ms, until_ms, now_ms)
    return WindowDraft(books, asked.skill, _measure(asked), window, known, kept)


def _measure(asked: Asked) -> Measure:
    measure = measures.exact(_MEASURES[asked.figure], asked.window in {FIVE, LAST_FIVE})
    if asked.within and measure.family == "service_level":
        return measures.level_within(measure, asked.within)
    return measure
