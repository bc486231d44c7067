"""Figures beyond the nineteen: one table, with one formula each over the sums of a record.

The same formula counts for the five minutes that run and for a month of history: a record is a record.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from queuepulse.engine.fields import AGENT_FIELDS, AGENT_SPANS, BINS, QUEUE_FIELDS, QUEUE_SPANS
from queuepulse.engine.histograms import Spread, Spreads
from queuepulse.engine.limits import WITHIN_S
from queuepulse.engine.queues import FIVE_MS, LEFT_CAUSES
from queuepulse.engine.records import Record
from queuepulse.engine.states import NAMES

FIVE: Final = "five"
LAST_FIVE: Final = "last_five"
SLIDING: Final = "sliding"
DAY: Final = "day"
RANGE: Final = "range"
WINDOWS: Final[Mapping[str, str]] = {
    FIVE: "the five minutes that run",
    LAST_FIVE: "the five minutes before",
    SLIDING: "the last seconds up to now, at most an hour",
    DAY: "the statistics day that runs",
    RANGE: "a time that was, in whole periods of history",
}
"""What figures look at, each up to now or to its end."""


def bounds(window: str, seconds: int, now_ms: int) -> tuple[int, int]:
    """Begin and end of a window, as far as that hangs on nothing but the time: else of `FIVE`."""
    mark_ms = now_ms - now_ms % FIVE_MS
    if window == SLIDING:
        return now_ms - 1000 * seconds, now_ms
    return (mark_ms - FIVE_MS, mark_ms) if window == LAST_FIVE else (mark_ms, now_ms)


PERCENTS: Final = (50, 80, 90, 95, 99)
DIGITS: Final = 6
"""Of a ratio, behind the point."""
_COPY, _SUM, _SUM_ON, _CALL = -1, -2, -3, -4  # `_SUM_ON`: the sum before it, and one more.

PASSES: Final = "passes"
MS: Final = "ms"
RATIO: Final = "ratio"
_EVERY: Final = tuple(WINDOWS)
_CALLERS: Final = (FIVE, LAST_FIVE, DAY)


class Measure(NamedTuple):
    """A line of the table: its name, and that of the `family` by which several are asked for together.

    `formula` takes the values of `fields`, in their order, and behind them that of the histogram `span`, if
    it has one; it gives None where there is nothing to divide by. `windows` are those that it exists over.
    """

    name: str
    family: str
    unit: str
    windows: tuple[str, ...]
    meaning: str
    fields: tuple[str, ...]
    formula: Callable[..., Any]
    span: str = ""


def _same(value: int) -> int:
    return value


def _sum(*values: int) -> int:
    return sum(values)


def _mean(total_ms: int, count: int) -> int | None:
    return total_ms // count if count > 0 else None


def _mean_handling(talk_ms: int, wrapup_ms: int, talks: int) -> int | None:
    return _mean(talk_ms + wrapup_ms, talks)


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole > 0 else None


def _ignoring(answered: int, _abandoned: int, missed: int) -> float | None:
    return _ratio(answered, answered + missed)


def _negative(answered: int, abandoned: int, missed: int) -> float | None:
    return _ratio(answered, answered + abandoned + missed)


def _positive(answered: int, abandoned: int, missed: int) -> float | None:
    return _ratio(answered + abandoned, answered + abandoned + missed)


def _callers_of_five(offered: int, again: int) -> int:
    return offered - again


def _callers(offered: int, again: int, again_today: int) -> int:
    return offered - again - again_today


def _occupied(idle_ms: int, talking_ms: int, answering_ms: int, adjust_ms: int) -> float | None:
    busy_ms = talking_ms + answering_ms + adjust_ms
    return _ratio(busy_ms, busy_ms + idle_ms)


class _Percentile:
    """The formula of one percentile."""

    def __init__(self, percent: int) -> None:
        self.percent = percent

    def __call__(self, spread: Spread) -> int | None:
        return spread.percentile_ms(self.percent)


class _Level:
    """A rule of the service levels over the bins up to a threshold, the `place`th: three sums of bins."""

    def __init__(self, rule: Callable[[int, int, int], float | None], place: int) -> None:
        self.rule = rule
        self.place = place

    def __call__(self, *bins: int) -> float | None:
        upto = self.place + 1
        return self.rule(sum(bins[:upto]), sum(bins[upto : 2 * upto]), sum(bins[2 * upto :]))


_LEVELS: Final = (
    ("ignore", _ignoring, "Passes answered within T, by those that were or that waited longer"),
    (
        "negative",
        _negative,
        "Passes answered within T, by those that were, that were abandoned within it, or that waited longer",
    ),
    (
        "positive",
        _positive,
        "Passes answered or abandoned within T, by those that were or that waited longer",
    ),
)


def _levels() -> list[Measure]:
    """The service levels by the queue's own limit, and by each threshold."""
    return [
        Measure(
            f"service_level_{name}",
            "service_level",
            RATIO,
            _EVERY,
            f"{meaning}. T is the queue's `answer_within_ms`, or what `within` says."
            " A pass counts at its answer, its abandoning or when it has waited for T, whichever is first.",
            ("answered_in_time", "abandoned_in_time", "missed"),
            rule,
        )
        for name, rule, meaning in _LEVELS
    ]


def level_within(measure: Measure, seconds: int) -> Measure:
    """A service level, with one of the thresholds as its T, in place of the queue's own limit."""
    [rule] = [rule for name, rule, _ in _LEVELS if measure.name == f"service_level_{name}"]
    place = WITHIN_S.index(seconds)
    fields = [
        *(f"answered_bin_{name}" for name in BINS[: place + 1]),
        *(f"abandoned_bin_{name}" for name in BINS[: place + 1]),
        *(f"missed_bin_{name}" for name in BINS[place + 1 :]),
    ]
    return measure._replace(fields=tuple(fields), formula=_Level(rule, place))


def _within(name: str, meaning: str) -> list[Measure]:
    return [
        Measure(
            f"{name}_within_{seconds}",
            f"{name}_within",
            PASSES,
            _EVERY,
            meaning,
            tuple([f"{name}_bin_{one}" for one in BINS[: place + 1]]),
            _sum,
        )
        for place, seconds in enumerate(WITHIN_S)
    ]


def _percentiles(span: str, what: str) -> list[Measure]:
    return [
        Measure(
            f"{span}_ms_p{percent}",
            f"{span}_ms",
            MS,
            _EVERY,
            f"So many percent of {what} were no longer; right to within 1 %.",
            (),
            _Percentile(percent),
            span,
        )
        for percent in PERCENTS
    ]


def _count(name: str, unit: str, meaning: str, field: str = "", family: str = "") -> Measure:
    return Measure(name, family or name, unit, _EVERY, meaning, (field or name,), _same)


_HANDLING: Final = (
    Measure(
        "average_handle_time_ms",
        "average_handle_time_ms",
        MS,
        _EVERY,
        "Talks that ended, hold included, and wrap-ups that ended, by the number of those talks.",
        ("talk_ms", "wrapup_ms", "talks"),
        _mean_handling,
    ),
    _count("hold_ms", MS, "Hold within the talks that ended."),
    Measure(
        "occupancy",
        "occupancy",
        RATIO,
        _EVERY,
        "Agent time in talking, answering and adjust, of that and idle; all other states are in neither.",
        ("idle_ms", "talking_ms", "answering_ms", "adjust_ms"),
        _occupied,
    ),
)

QUEUE_MEASURES: Final = (
    _count("offered", PASSES, "Passes that entered the queue."),
    Measure(
        "callers",
        "callers",
        "calls",
        _CALLERS,
        "Calls that entered the queue, each once however many passes it made. Of history: by five minutes "
        "and by day.",
        ("offered", "again", "again_today"),
        _callers,
    ),
    _count("answered", PASSES, "Passes that were answered."),
    *[
        _count(f"left_{cause}", PASSES, "Passes that left unanswered, for that cause.", family="left")
        for cause in LEFT_CAUSES
    ],
    _count("short_abandoned", PASSES, "Those abandoned after a wait below the queue's `short_wait_ms`."),
    *_levels(),
    Measure(
        "average_speed_of_answer_ms",
        "average_speed_of_answer_ms",
        MS,
        _EVERY,
        "Waits of answered passes by their number; abandons are not in it.",
        ("wait_ms_answered", "waits_answered"),
        _mean,
    ),
    *_HANDLING,
    *_percentiles("wait", "the waits that ended, by answer or leaving,"),
    *_percentiles("talk", "the talks that ended"),
    *_within("answered", "Passes answered after a wait of at most so many seconds."),
    *_within("left", "Passes that left for any cause but `closed`, after a wait of at most so many seconds."),
)
"""The figures of a queue."""

AGENT_MEASURES: Final = (
    _count("answered", PASSES, "Passes that he answered."),
    _count("unanswered", "calls", "Calls that rang at him and that he did not answer."),
    _count("talks", "talks", "His talks that ended."),
    _count("talk_ms", MS, "Their sum, hold included.", family="talk_ms_sum"),
    *_HANDLING,
    *_percentiles("talk", "his talks that ended"),
    *[_count(f"{name}_ms", MS, f"His time in the state `{name}`.", family="time_ms") for name in NAMES[1:]],
)
"""The figures of an agent, while he was signed in."""


class Present(NamedTuple):
    """A figure of a queue as it is now, whatever the window: name, unit and meaning."""

    name: str
    unit: str
    meaning: str


PRESENTS: Final = (
    Present(
        "estimated_wait_ms",
        MS,
        "For a caller who enters now: (waiting + 1) times the mean time between answers, which is 15 minutes "
        "by the number of answers in the last 15 minutes; 0 if an agent is available.",
    ),
    Present(
        "estimated_wait_error_ms",
        MS,
        "Mean absolute error of the estimates at the offers of the last hour, against the waits of those "
        "that were answered.",
    ),
    Present("oldest_waiting", "a call", "The call that waits longest, and since when; `null`: nobody waits."),
)
"""What is said of a queue as it is now, with windows that run up to now."""
ESTIMATED: Final = frozenset(("estimated_wait_ms", "estimated_wait_error_ms"))
PRESENT_WINDOWS: Final = (FIVE, SLIDING, DAY)


class Subject(NamedTuple):
    """What figures are of: `skill` queues or `agent`s, and the fields and histograms of their records."""

    name: str
    fields: tuple[str, ...]
    spans: tuple[str, ...]
    measures: tuple[Measure, ...]
    presents: tuple[Present, ...]


QUEUES: Final = Subject("skill", QUEUE_FIELDS, QUEUE_SPANS, QUEUE_MEASURES, PRESENTS)
AGENTS: Final = Subject("agent", AGENT_FIELDS, AGENT_SPANS, AGENT_MEASURES, ())


def exact(measure: Measure, is_five: bool) -> Measure:
    """The figure for windows of five minutes or else for longer ones: a caller counts once in either."""
    if measure.name == "callers" and is_five:
        return measure._replace(fields=("offered", "again"), formula=_callers_of_five)
    return measure


class Plan:
    """Some measures of a subject, made ready for many records.

    `fields` are the places of all fields that they want, and `spans` those of the histograms; `wants` are, of
    each measure, where in these its values stand.
    """

    def __init__(self, measures: Sequence[Measure], subject: Subject) -> None:
        self.measures = list(measures)
        self.subject = subject
        self.fields = sorted({subject.fields.index(name) for one in measures for name in one.fields})
        self.spans = sorted({subject.spans.index(one.span) for one in measures if one.span})
        self._places = [[subject.fields.index(name) for name in one.fields] for one in measures]
        self._span = [subject.spans.index(one.span) if one.span else -1 for one in measures]
        self._steps = [self._step(index) for index in range(len(self.measures))]

    def figures(self, record: Record, known: Spreads | None = None, one: int = 0) -> list[Any]:
        """The figures of a record, in the order of the measures; `known` may know the histograms of `one`."""
        counts, found, summed = record.counts, [], 0
        known = Spreads() if known is None else known
        spreads = {place: known.of(one, place, record.entries) for place in self.spans}
        for index, step in enumerate(self._steps):
            places = self._places[index]
            value: Any
            if step == _COPY:
                value = counts[places[0]]
            elif step == _SUM:
                summed = 0
                for place in places:
                    summed += counts[place]
                value = summed
            elif step == _SUM_ON:
                summed += counts[places[-1]]
                value = summed
            elif step >= 0:
                value = spreads[self._span[index]].percentile_ms(step)
            else:
                value = self.measures[index].formula(*[counts[place] for place in places])
            found.append(value)
        return found

    def _step(self, index: int) -> int:
        """How the figure of a record is made: a percentile (its percent), or one of the steps below 0."""
        formula, places = self.measures[index].formula, self._places[index]
        if isinstance(formula, _Percentile):
            return formula.percent
        if formula is _same:
            return _COPY
        if formula is not _sum:
            return _CALL
        goes_on = index > 0 and self.measures[index - 1].formula is _sum
        return _SUM_ON if goes_on and self._places[index - 1] == places[:-1] else _SUM

    def columns(
        self, fields: Mapping[int, Sequence[int]], spreads: Mapping[int, Sequence[Spread]]
    ) -> list[Sequence[Any]]:
        """The figures of many, column by column: each measure's, of the columns of fields and histograms."""
        found: list[Sequence[Any]] = []
        for measure, places, span in zip(self.measures, self._places, self._span, strict=True):
            if span >= 0:
                found.append([measure.formula(spread) for spread in spreads[span]])
            elif measure.formula is _same:
                found.append(fields[places[0]])
            else:
                found.append(list(map(measure.formula, *[fields[place] for place in places])))
        return found
