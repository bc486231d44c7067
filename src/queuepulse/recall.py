"""What happened in windows of time: `windowing.WindowBoard` over engines and their history.

What is asked of one VDN at once is answered one after the other: they share what is added up.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

from queuepulse.engine import measures
from queuepulse.engine.books import Books
from queuepulse.engine.estimates import Estimates, Present, presents
from queuepulse.engine.events import VdnKey
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.records import Record
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.windows import Capture, Memory, Wanted, Window, capture
from queuepulse.hub import Hub
from queuepulse.ports import Clock
from queuepulse.windowing import WindowAsked, WindowTold

SLICE_S: Final = 0.001
"""Adding up lets others have the loop after so long: half of the 2 ms that no step may exceed."""
KEPT_S: Final = 600.0
"""How long what is added up of a VDN is kept for the next question, in seconds."""
ROWS_STEP: Final = 20
"""Rows of figures made in one step."""


class _Known:
    """What is remembered of one VDN for the next question."""

    def __init__(self) -> None:
        self.asked_s = 0.0
        self.queues = Memory()
        self.agents = Memory(of_agents=True)
        self.estimates = Estimates()
        self.turn = asyncio.Lock()


class Recall:
    """The windows of the VDNs of a hub."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._known: dict[VdnKey, _Known] = {}
        self._nobody = Vdn()

    async def window(self, asked: WindowAsked) -> WindowTold:
        known = self._remembered(asked.vdn)
        async with known.turn:
            return await self._live(asked, known)

    def _remembered(self, vdn: VdnKey) -> _Known:
        """What is remembered of a VDN; others of which nobody asks any more are forgotten."""
        now_s = self._clock.elapsed()
        for other, known in list(self._known.items()):
            if now_s - known.asked_s > KEPT_S and not known.turn.locked():
                del self._known[other]
        known = self._known.get(vdn) or _Known()
        known.asked_s = now_s
        # A VDN never heard of leaves no trace.
        if vdn in self._hub.hosted:
            self._known[vdn] = known
        return known

    async def _live(self, asked: WindowAsked, known: _Known) -> WindowTold:
        hosted = self._hub.hosted.get(asked.vdn)
        engine = self._nobody if hosted is None else hosted.engine
        books, position, stale_ms = (
            engine.books,
            0 if hosted is None else hosted.position,
            engine.stale_since_ms,
        )
        now_ms = max(self._clock.now_ms(), engine.clock_ms)
        wanted, captured = self._captured(asked, books, now_ms)
        now_is = presents(books, asked.ids, now_ms) if asked.presents else []
        begin_ms, end_ms = _bounds(asked, now_ms)
        memory = known.queues if asked.plan.subject is measures.QUEUES else known.agents
        # What happens at this very instant belongs to a window that runs.
        window = Window(memory, captured, wanted, begin_ms, end_ms + (end_ms == now_ms))
        await self._work(window.work())
        if measures.ESTIMATED.intersection(asked.presents):
            await self._work(known.estimates.follow(captured))
        rows: list[Sequence[Any]] = []
        await self._work(_rows(rows, asked, window.records))
        for row, skill, present in zip(rows, asked.ids, now_is, strict=False):
            assert isinstance(row, list)
            row += [_shown(name, skill, present, known.estimates, now_ms) for name in asked.presents]
        return WindowTold(now_ms, position, stale_ms, begin_ms, end_ms, rows)

    def _captured(self, asked: WindowAsked, books: Books, now_ms: int) -> tuple[Wanted, Capture]:
        ids, nobody = frozenset(asked.ids), frozenset[int]()
        of_queues = asked.plan.subject is measures.QUEUES
        wanted = Wanted(ids if of_queues else nobody, nobody if of_queues else ids)
        return wanted, capture(books, wanted, now_ms)

    async def _work(self, steps: Iterator[None]) -> None:
        """Goes on step by step, and lets others have their turn."""
        until_s = self._clock.elapsed() + SLICE_S
        for _ in steps:
            if self._clock.elapsed() >= until_s:
                await asyncio.sleep(0)
                until_s = self._clock.elapsed() + SLICE_S


def _bounds(asked: WindowAsked, now_ms: int) -> tuple[int, int]:
    """Begin and end of a live window."""
    mark_ms = now_ms - now_ms % FIVE_MS
    if asked.window == measures.SLIDING:
        return now_ms - 1000 * asked.seconds, now_ms
    return (mark_ms - FIVE_MS, mark_ms) if asked.window == measures.LAST_FIVE else (mark_ms, now_ms)


def _rows(rows: list[Sequence[Any]], asked: WindowAsked, records: dict[int, Record]) -> Iterator[None]:
    for number, one in enumerate(asked.ids):
        rows.append(asked.plan.figures(records[one]))
        if number % ROWS_STEP == 0:
            yield


def _shown(name: str, skill: int, present: Present, estimates: Estimates, now_ms: int) -> Any:
    """A figure of now."""
    if name == "estimated_wait_ms":
        return estimates.estimated_ms(skill, present, now_ms)
    if name == "estimated_wait_error_ms":
        return estimates.error_ms(skill, now_ms)
    if present.oldest_since_ms < 0:
        return None
    return {"call": present.oldest_call, "since": present.oldest_since_ms}
