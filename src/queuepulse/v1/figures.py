"""`GET /v1/figures`: the figures beyond the nineteen, of queues or agents, over a window.

parameters → which figures, which window → WindowBoard.window → rows as JSON
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from queuepulse.engine import measures
from queuepulse.engine.measures import AGENTS, PRESENT_WINDOWS, QUEUES, Measure, Plan, Subject
from queuepulse.ports import HistoryUnavailable
from queuepulse.protocol.codes import ResultCode
from queuepulse.urls import BadQuery
from queuepulse.v1.app import Asked, Refused, Told
from queuepulse.v1.interfaces import SECONDS_MAX
from queuepulse.windowing import SeriesTold, WindowAsked, WindowBoard, WindowTold

UNAVAILABLE_RETRY_S: Final = 5
"""When to come again if history is out of reach."""
ROWS_STEP: Final = 50
"""Rows encoded before others get their turn."""


VALUES_MAX: Final = 6_000_000
"""Values in one answer: two figures of 1000 queues by quarters of an hour for 30 days; some 20 MB."""
LATEST_MS: Final = 2**50
"""The end of a range that has none: after everything."""
FINEST: Final = "5min"
"""The shortest grain: in five minutes, too, a caller counts once."""
_MINUTE_MS: Final = 60_000
_LENGTHS_MS: Final = {
    "5min": 5 * _MINUTE_MS,
    "15min": 15 * _MINUTE_MS,
    "30min": 30 * _MINUTE_MS,
    "60min": 60 * _MINUTE_MS,
    "day": 1_380 * _MINUTE_MS,
    "month": 38_880 * _MINUTE_MS,
}
"""The shortest period of each grain, days of 23 hours and months of 27 days."""
_OF: Final = {
    "seconds": measures.SLIDING,
    "from": measures.RANGE,
    "to": measures.RANGE,
    "grain": measures.RANGE,
}
"""Parameters that belong to one window."""


class Chosen(NamedTuple):
    """What a question is about: ids of the subject, the measures and the figures of now, in order."""

    subject: Subject
    ids: Sequence[int]
    plan: Plan
    presents: Sequence[str]


class Figures:
    """The endpoint."""

    def __init__(self, board: WindowBoard) -> None:
        self._board = board

    async def __call__(self, asked: Asked) -> Told:
        values = asked.values
        window = window_of(values)
        chosen = chosen_by(values, window)
        question = WindowAsked(
            asked.vdn,
            chosen.ids,
            chosen.plan,
            window,
            values["seconds"] or 0,
            values["from"] or 0,
            LATEST_MS if values["to"] is None else values["to"],
            chosen.presents,
        )
        try:
            if values["grain"] is not None:
                return await self._periods(asked, question, chosen)
            told = await self._board.window(question)
        except HistoryUnavailable as unavailable:
            reason = f"history cannot be read now: {unavailable}"
            raise Refused(ResultCode.CALL_FAILED, reason, retry_s=UNAVAILABLE_RETRY_S) from None
        if told.begin_ms > told.end_ms:
            raise BadQuery("from", "lies in the future")
        head = {**_head(asked, told, window), "begin": told.begin_ms, "end": told.end_ms}
        return Told(await _encoded(head, chosen, told.rows), told.position, told.stale_since_ms)

    async def _periods(self, asked: Asked, question: WindowAsked, chosen: Chosen) -> Told:
        """The periods of a range. Raises BadQuery if they are too many for one answer."""
        grain = asked.values["grain"]
        length_ms = question.to_ms - question.from_ms
        if question.to_ms == LATEST_MS:
            raise BadQuery("to", "is missing in the URL: with a grain a range has an end")
        values = (length_ms // _LENGTHS_MS[grain] + 1) * len(chosen.ids) * len(chosen.plan.measures)
        if values > VALUES_MAX:
            reason = (
                f"makes an answer of some {values:,} values, and {VALUES_MAX:,} is the most: "
                "ask for fewer figures or ids, a shorter range or a longer grain"
            )
            raise BadQuery("grain", reason)
        names = [one.name for one in chosen.plan.measures]

        def shape(begin_ms: int, end_ms: int, columns: Sequence[Sequence[Any]]) -> bytes:
            period = {"begin": begin_ms, "end": end_ms, **dict(zip(names, columns, strict=True))}
            return msgspec.json.encode(period)

        told = await self._board.series(question, grain, shape)
        head = {
            **_head(asked, told, question.window),
            "begin": question.from_ms,
            "end": question.to_ms,
            "grain": grain,
            f"{chosen.subject.name}s": chosen.ids,
        }
        return Told(_closed(head, "periods", told.periods), told.position, told.stale_since_ms)


def window_of(values: Any) -> str:
    """Which window is asked for; what says how long it is may say it alone. Raises BadQuery."""
    meant = measures.SLIDING if values["seconds"] is not None else None
    meant = measures.RANGE if values["from"] is not None else meant
    window: str = values["window"] or meant or measures.FIVE
    if window == measures.SLIDING and values["seconds"] is None:
        raise BadQuery("seconds", f"is missing in the URL: a sliding window has 1 to {SECONDS_MAX} of them")
    if window == measures.RANGE and values["from"] is None:
        raise BadQuery("from", "is missing in the URL: a range has a begin")
    for name, of in _OF.items():
        if values[name] is not None and window != of:
            raise BadQuery(name, f"belongs to the window {of}, and this is {window}")
    if values["to"] is not None and values["to"] <= values["from"]:
        raise BadQuery("to", "must be after `from`")
    return window


def chosen_by(values: Any, window: str) -> Chosen:
    """Of whom which figures are asked for. Raises BadQuery."""
    if (values["skills"] is None) == (values["agents"] is None):
        raise BadQuery("skills", "must be in the URL, or agents, and not both")
    subject = QUEUES if values["agents"] is None else AGENTS
    # A caller counts once in five minutes, and once in a day; of other times nobody knows who came again.
    over = measures.DAY if values["grain"] in (FINEST, measures.DAY) else window
    shown = [one for one in subject.measures if {window, over} & {*one.windows}]
    presents = [one.name for one in subject.presents if window in PRESENT_WINDOWS]
    if values["figures"] is not None:
        named = {*(one.name for one in shown), *(one.family for one in shown), *presents}
        for name in values["figures"]:
            if name not in named:
                raise BadQuery("figures", f"has {name}, which is no figure of a {subject.name} over {window}")
        wanted = set(values["figures"])
        shown = [one for one in shown if wanted & {one.name, one.family}]
        presents = [name for name in presents if name in wanted]
    is_five = window in (measures.FIVE, measures.LAST_FIVE) or values["grain"] == FINEST
    exact = [measures.exact(_at(one, values["within"]), is_five) for one in shown]
    return Chosen(subject, values["skills"] or values["agents"], Plan(exact, subject), presents)


def _at(measure: Measure, within: str | None) -> Measure:
    is_level = within is not None and measure.family == "service_level"
    return measures.level_within(measure, int(within)) if is_level and within is not None else measure


def _head(asked: Asked, told: WindowTold | SeriesTold, window: str) -> dict[str, Any]:
    within = asked.values["within"]
    return {
        "cc": asked.vdn.cc,
        "vdn": asked.vdn.vdn,
        "position": told.position,
        "as_of": told.as_of_ms,
        "stale_since": told.stale_since_ms,
        "window": window,
        "within": None if within is None else int(within),
    }


async def _encoded(head: dict[str, Any], chosen: Chosen, rows: Sequence[Sequence[Any]]) -> bytes:
    """The whole answer: the head, and the rows with their names."""
    names = [chosen.subject.name, *(one.name for one in chosen.plan.measures), *chosen.presents]
    parts = []
    for begin in range(0, len(rows), ROWS_STEP):
        if begin:
            await asyncio.sleep(0)
        some = zip(chosen.ids[begin : begin + ROWS_STEP], rows[begin : begin + ROWS_STEP], strict=True)
        told = [dict(zip(names, (one, *row), strict=True)) for one, row in some]
        parts.append(msgspec.json.encode(told)[1:-1])
    return _closed(head, "rows", parts)


def _closed(head: dict[str, Any], name: str, parts: Sequence[bytes]) -> bytes:
    """An object of the head, and an array of what is encoded already."""
    return msgspec.json.encode(head)[:-1] + b',"%s":[' % name.encode() + b",".join(parts) + b"]}"
