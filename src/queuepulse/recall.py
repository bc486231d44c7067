"""What happened in windows of time: `windowing.WindowBoard` over engines and their history.

What is asked of the engine of one VDN at once is answered one after the other: they share what is added up.
History is read by threads; each asks the loop for what its own reading cannot hold yet, so that every fact
counts once.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from queuepulse.engine import days, measures
from queuepulse.engine.blocks import AGENT, QUEUE
from queuepulse.engine.clips import Five, Wanted
from queuepulse.engine.estimates import Estimates, Present, presents
from queuepulse.engine.events import VdnKey
from queuepulse.engine.facts import Facts
from queuepulse.engine.histograms import Spreads
from queuepulse.engine.records import Record, add_all
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.windows import Capture, Memory, Window, capture, first_mark_ms
from queuepulse.hub import Hub
from queuepulse.ports import Clock, HistoryUnavailable
from queuepulse.stores.history import Database
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.rollups import State
from queuepulse.stores.sums import Sums, Unkept, Wish, marks_in, series, total, whole_fives
from queuepulse.windowing import SeriesTold, Shape, WindowAsked, WindowTold

SLICE_S: Final = 0.001
"""Adding up lets others have the loop after so long: half of the 2 ms that no step may exceed."""
KEPT_S: Final = 600.0
"""How long what is added up of a VDN is kept for the next question, in seconds."""
SUMS_KEPT_MAX: Final = 4
"""Sums of history kept for the next question about the same: each has up to 1000 ids, some 20 MB."""
READERS: Final = 2
"""Threads that read history: one long question holds up no short one."""
WAITING_MAX: Final = 8
"""Questions to history at once; each further one is told to come again."""
TRIES_MAX: Final = 3
"""How often history is read anew, if it was written meanwhile: that is once in five minutes."""
ROWS_STEP: Final = 20
"""Rows of figures made in one step."""
T = TypeVar("T")


class _Known:
    """What is remembered of one VDN for the next question."""

    def __init__(self) -> None:
        self.asked_s = 0.0
        self.queues = Memory()
        self.agents = Memory(of_agents=True)
        self.estimates = Estimates()
        self.turn = asyncio.Lock()
        self.kept: list[_Kept] = []


class _Kept(NamedTuple):
    """The sums of what history keeps of a time, `begin_ms` on: up to that position of the log."""

    wish: Wish
    asked: tuple[int, int]
    begin_ms: int
    position: int
    sums: Sums


class _Now(NamedTuple):
    """The engine at an instant, and what it knows that a reading of history does not hold."""

    now_ms: int
    position: int
    stale_since_ms: int | None
    captured: Capture
    day_ms: int
    zone: tuple[str, str]
    unkept: Unkept
    presents: list[Present]


class Recall:
    """The windows of the VDNs of a hub. `close` waits for what is read."""

    def __init__(self, hub: Hub, database: Database, clock: Clock) -> None:
        self._hub = hub
        self._database = database
        self._clock = clock
        self._known: dict[VdnKey, _Known] = {}
        self._nobody = Vdn()
        self._readers = ThreadPoolExecutor(READERS, "figures reader")
        self._reading = 0

    async def window(self, asked: WindowAsked) -> WindowTold:
        known = self._remembered(asked.vdn)
        if asked.window in (measures.DAY, measures.RANGE):
            return await self._long(asked, known)
        async with known.turn:
            return await self._live(asked, known)

    async def series(self, asked: WindowAsked, grain: str, shape: Shape) -> SeriesTold:
        known, plan, wish = self._remembered(asked.vdn), asked.plan, _wish(asked)

        def read(blocks: SqlBlocks, state: State | None, now: _Now) -> SeriesTold:
            cut_by = State(0, 0, 0, *now.zone) if state is None else state
            period = asked.from_ms, min(asked.to_ms, now.now_ms + 1)
            periods = [
                shape(one.begin_ms, one.end_ms, plan.columns(one.sums.fields, one.sums.spreads()))
                for one in series(blocks, asked.vdn, wish, grain, period, now.unkept, cut_by)
            ]
            return SeriesTold(now.now_ms, now.position, now.stale_since_ms, periods)

        return await self._read(asked, known, read)

    def close(self) -> None:
        """Finish what is read; not to be called on the loop."""
        self._readers.shutdown(cancel_futures=True)

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

    # Out of the engine alone

    async def _live(self, asked: WindowAsked, known: _Known) -> WindowTold:
        now = self._look(asked)
        begin_ms, end_ms = measures.bounds(asked.window, asked.seconds, now.now_ms)
        # What happens at this very instant belongs to a window that runs.
        until_ms = end_ms + (end_ms == now.now_ms)
        window = Window(_memory(asked, known), now.captured, _wanted(asked), begin_ms, until_ms)
        await self._work(window.work())
        rows: list[list[Any]] = []
        await self._work(_rows(rows, asked, window.records, _memory(asked, known).spreads))
        await self._add_presents(rows, asked, known, now)
        return WindowTold(now.now_ms, now.position, now.stale_since_ms, begin_ms, end_ms, rows)

    def _look(self, asked: WindowAsked) -> _Now:
        """The engine as it is now."""
        hosted = self._hub.hosted.get(asked.vdn)
        engine, position = (self._nobody, 0) if hosted is None else (hosted.engine, hosted.position)
        books = engine.books
        now_ms = max(self._clock.now_ms(), engine.clock_ms)
        return _Now(
            now_ms,
            position,
            engine.stale_since_ms,
            capture(books, _wanted(asked), now_ms),
            first_mark_ms(days.day_of(now_ms, books.timezone, books.day_starts)[0]),
            (books.timezone, books.day_starts),
            {},
            presents(books, asked.ids, now_ms) if asked.presents else [],
        )

    async def _add_presents(
        self, rows: list[list[Any]], asked: WindowAsked, known: _Known, now: _Now
    ) -> None:
        """Adds the figures of now behind those of the window."""
        if measures.ESTIMATED.intersection(asked.presents):
            await self._work(known.estimates.follow(now.captured))
        for row, skill, present in zip(rows, asked.ids, now.presents, strict=False):
            row += [_shown(name, skill, present, known.estimates, now.now_ms) for name in asked.presents]

    async def _work(self, steps: Iterator[None]) -> None:
        """Goes on step by step, and lets others have their turn."""
        until_s = self._clock.elapsed() + SLICE_S
        for _ in steps:
            if self._clock.elapsed() >= until_s:
                await asyncio.sleep(0)
                until_s = self._clock.elapsed() + SLICE_S

    # Out of history, and of what it does not hold yet

    async def _long(self, asked: WindowAsked, known: _Known) -> WindowTold:
        wish, is_day = _wish(asked), asked.window == measures.DAY
        from_ms, to_ms = whole_fives(asked.from_ms, asked.to_ms)

        def bounds(now: _Now) -> tuple[int, int]:
            """The marks that count: those that run, too, where the window does."""
            running_ms = now.now_ms + 1
            return (now.day_ms, running_ms) if is_day else (from_ms, min(to_ms, running_ms))

        def read(blocks: SqlBlocks, state: State | None, now: _Now) -> tuple[_Kept, _Now]:
            begin_ms, end_ms = bounds(now)
            sums = total(blocks, asked.vdn, wish, begin_ms, max(begin_ms, end_ms))
            return _Kept(wish, (from_ms, to_ms), begin_ms, 0 if state is None else state.position, sums), now

        def finish(sums: Sums, now: _Now) -> list[list[Any]]:
            whole = sums.copy()
            for records in marks_in(now.unkept, *bounds(now)):
                whole.add_records(records)
            columns = asked.plan.columns(whole.fields, whole.spreads())
            return list(map(list, zip(*columns, strict=True))) if columns else [[] for _ in asked.ids]

        found: tuple[_Kept, _Now] | None = None
        for kept in known.kept:
            if kept.wish == wish and kept.asked == (from_ms, to_ms):
                now = await self._unkept(asked, known, kept.position)
                if now is not None and bounds(now)[0] == kept.begin_ms:
                    found = kept, now
                    break
        if found is None:
            found = await self._read(asked, known, read)
            known.kept = [found[0], *known.kept[: SUMS_KEPT_MAX - 1]]
        kept, now = found
        rows = await asyncio.get_running_loop().run_in_executor(self._readers, finish, kept.sums, now)
        async with known.turn:
            await self._add_presents(rows, asked, known, now)
        begin_ms, end_ms = bounds(now)
        end_ms = min(end_ms, now.now_ms)
        if is_day:
            # None of its five minutes may have begun yet.
            begin_ms = min(begin_ms, end_ms)
        return WindowTold(now.now_ms, now.position, now.stale_since_ms, begin_ms, end_ms, rows)

    async def _read(
        self, asked: WindowAsked, known: _Known, read: Callable[[SqlBlocks, State | None, _Now], T]
    ) -> T:
        """Reads history in a thread, with the engine as it is beside it. Raises HistoryUnavailable."""
        if self._hub.chronicle.has_ended(asked.vdn):
            raise HistoryUnavailable("It was out of reach for too long. Run: queuepulse history rebuild")
        if self._reading >= WAITING_MAX:
            raise HistoryUnavailable("Too many questions are put to it at once.")
        loop = asyncio.get_running_loop()

        def work() -> T:
            for _ in range(TRIES_MAX):
                with self._database.reading() as blocks:
                    state = blocks.state(asked.vdn)
                    position = 0 if state is None else state.position
                    looking = self._unkept(asked, known, position)
                    now = asyncio.run_coroutine_threadsafe(looking, loop).result()
                    if now is not None:
                        return read(blocks, state, now)
            raise HistoryUnavailable("It is written faster than it can be read.")

        self._reading += 1
        try:
            return await loop.run_in_executor(self._readers, work)
        finally:
            self._reading -= 1

    async def _unkept(self, asked: WindowAsked, known: _Known, position: int) -> _Now | None:
        """The engine now, with what a history up to that position lacks; None: it has been written since."""
        async with known.turn:
            chronicle = self._hub.chronicle
            if chronicle.position(asked.vdn) > position:
                return None
            now = self._look(asked)
            lists = chronicle.unwritten(asked.vdn, position)
            hosted = self._hub.hosted.get(asked.vdn)
            if hosted is not None:
                lists += hosted.engine.books.untold
            lists.append(now.captured.pending)
            memory = _memory(asked, known)
            await self._work(memory.follow(now.captured))
            rest = Five(-1, memory.of_agents)
            for facts in lists:
                await self._work(_added(rest, facts))
            assert memory.running is not None
            unkept: dict[int, dict[int, Record]] = {}
            for part in (memory.running, rest):
                await self._work(_merged(unkept, part, asked))
            return now._replace(unkept=unkept)


def _memory(asked: WindowAsked, known: _Known) -> Memory:
    return known.queues if asked.plan.subject is measures.QUEUES else known.agents


def _wanted(asked: WindowAsked) -> Wanted:
    ids, nobody = frozenset(asked.ids), frozenset[int]()
    is_queues = asked.plan.subject is measures.QUEUES
    return Wanted(ids if is_queues else nobody, nobody if is_queues else ids)


def _wish(asked: WindowAsked) -> Wish:
    kind = QUEUE if asked.plan.subject is measures.QUEUES else AGENT
    return Wish(kind, asked.ids, asked.plan.fields, asked.plan.spans)


def _rows(
    rows: list[list[Any]], asked: WindowAsked, records: dict[int, Record], spreads: Spreads
) -> Iterator[None]:
    for number, one in enumerate(asked.ids):
        rows.append(asked.plan.figures(records[one], spreads, one))
        if number % ROWS_STEP == 0:
            yield


def _added(total: Five, facts: Facts) -> Iterator[None]:
    total.added = 0
    yield from total.add_upto(facts, len(facts))


def _merged(total: dict[int, dict[int, Record]], part: Five, asked: WindowAsked) -> Iterator[None]:
    """Adds the records of those asked for."""
    ids = set(asked.ids)
    for mark_ms, records in part.records().items():
        of_mark = total.setdefault(mark_ms, {})
        add_all(of_mark, {one: records[one].copy() for one in ids & records.keys()})
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
