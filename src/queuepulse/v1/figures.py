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
from queuepulse.windowing import WindowAsked, WindowBoard, WindowTold

UNAVAILABLE_RETRY_S: Final = 5
"""When to come again if history is out of reach."""
ROWS_STEP: Final = 50
"""Rows encoded before others get their turn."""


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
        window = _window(values)
        chosen = chosen_by(values, window)
        question = WindowAsked(
            asked.vdn, chosen.ids, chosen.plan, window, values["seconds"] or 0, presents=chosen.presents
        )
        try:
            told = await self._board.window(question)
        except HistoryUnavailable as unavailable:
            raise Refused(
                ResultCode.CALL_FAILED, f"history is out of reach: {unavailable}", retry_s=UNAVAILABLE_RETRY_S
            ) from None
        head = {
            **_head(asked, told),
            "window": window,
            "within": values["within"] and int(values["within"]),
            "begin": told.begin_ms,
            "end": told.end_ms,
        }
        return Told(await _encoded(head, chosen, told.rows), told.position, told.stale_since_ms)


def _window(values: Any) -> str:
    """Which window is asked for; what says how long it is may say it alone. Raises BadQuery."""
    by_length = measures.SLIDING if values["seconds"] is not None else None
    window: str = values["window"] or by_length or measures.FIVE
    if window == measures.SLIDING and values["seconds"] is None:
        raise BadQuery("seconds", f"is missing in the URL: a sliding window has 1 to {SECONDS_MAX} of them")
    if window != measures.SLIDING and values["seconds"] is not None:
        raise BadQuery("seconds", f"is the length of a sliding window, and this is {window}")
    return window


def chosen_by(values: Any, window: str) -> Chosen:
    """Of whom which figures are asked for. Raises BadQuery."""
    if (values["skills"] is None) == (values["agents"] is None):
        raise BadQuery("skills", "must be in the URL, or agents, and not both")
    subject = QUEUES if values["agents"] is None else AGENTS
    shown = [one for one in subject.measures if window in one.windows]
    presents = [one.name for one in subject.presents if window in PRESENT_WINDOWS]
    if values["figures"] is not None:
        named = {*(one.name for one in shown), *(one.family for one in shown), *presents}
        for name in values["figures"]:
            if name not in named:
                raise BadQuery("figures", f"has {name}, which is no figure of a {subject.name} over {window}")
        wanted = set(values["figures"])
        shown = [one for one in shown if wanted & {one.name, one.family}]
        presents = [name for name in presents if name in wanted]
    is_five = window in (measures.FIVE, measures.LAST_FIVE)
    exact = [measures.exact(_at(one, values["within"]), is_five) for one in shown]
    return Chosen(subject, values["skills"] or values["agents"], Plan(exact, subject), presents)


def _at(measure: Measure, within: str | None) -> Measure:
    is_level = within is not None and measure.family == "service_level"
    return measures.level_within(measure, int(within)) if is_level and within is not None else measure


def _head(asked: Asked, told: WindowTold) -> dict[str, Any]:
    return {
        "cc": asked.vdn.cc,
        "vdn": asked.vdn.vdn,
        "position": told.position,
        "as_of": told.as_of_ms,
        "stale_since": told.stale_since_ms,
    }


async def _encoded(head: dict[str, Any], chosen: Chosen, rows: Sequence[Sequence[Any]]) -> bytes:
    """The whole answer: the head, and the rows with their names."""
    names = [chosen.subject.name, *(one.name for one in chosen.plan.measures), *chosen.presents]
    parts = []
    for begin in range(0, len(rows), ROWS_STEP):
        if begin:
            await asyncio.sleep(0)
        some = zip(chosen.ids[begin : begin + ROWS_STEP], rows[begin : begin + ROWS_STEP], strict=True)
        parts.append(
            msgspec.json.encode([dict(zip(names, (one, *row), strict=True)) for one, row in some])[1:-1]
        )
    return msgspec.json.encode(head)[:-1] + b',"rows":[' + b",".join(parts) + b"]}"
