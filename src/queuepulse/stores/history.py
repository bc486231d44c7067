"""History as it is kept and read: one writer behind the event loop, any grain for who reads.

What is added to what is `rollups`; where the bytes lie is `history_sqlite` or `history_postgres`.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from queuepulse.engine import codec, days
from queuepulse.engine.blocks import Bodies, Kind, decode, read_columns
from queuepulse.engine.events import VdnKey
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.records import Record, add_all
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import EventLog, Told
from queuepulse.stores.history_postgres import PostgresHistory
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.passes import KeptCalls
from queuepulse.stores.rollups import DAY, FIVE, KEPT, KEPT_CALLS, QUARTER, State, take_in

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
LONGEST_MS: Final = 32 * DAY_MS
"""Longer than any period of any grain."""
T = TypeVar("T")


class Grain(NamedTuple):
    """A length of periods: the kept one that they are sums of, and their minutes (0: as the calendar has)."""

    kept: str
    minutes: int


GRAINS: Final = {
    "5min": Grain(FIVE, 5),
    "15min": Grain(QUARTER, 15),
    "30min": Grain(QUARTER, 30),
    "60min": Grain(QUARTER, 60),
    "day": Grain(DAY, 0),
    "month": Grain(DAY, 0),
}


class Database(Protocol):
    """Where blocks lie."""

    def write(self, work: Callable[[SqlBlocks], T]) -> T:
        """Run the work in one transaction; when it returns, what it did is durable."""

    def reading(self) -> AbstractContextManager[SqlBlocks]:
        """Blocks as they are now, whatever is written meanwhile."""

    def close(self) -> None:
        """Let go of it."""


class Page(NamedTuple):
    """One kept period of a long query: its begin, the ids in order, and a column for each field asked for.

    A column is None where all of it is 0.
    """

    at_ms: int
    ids: Sequence[int]
    columns: list["array[int] | None"]


class Period(NamedTuple):
    """The records of one period, by id: begin and end in epoch ms."""

    begin_ms: int
    end_ms: int
    records: dict[int, Record]


def open_history(url: str | None, file: Path) -> Database:
    """The database that the settings name: PostgreSQL at `url`, or else SQLite in `file`."""
    return SqliteHistory(file) if url is None else PostgresHistory(url)


class Keeping(Protocol):
    """How many days each grain is kept: the settings `history`."""

    @property
    def five_minutes_days(self) -> int: ...
    @property
    def quarters_days(self) -> int: ...
    @property
    def days_days(self) -> int: ...


def kept_days(settings: Keeping) -> dict[str, int]:
    """How long each kept grain stays, in days."""
    return {FIVE: settings.five_minutes_days, QUARTER: settings.quarters_days, DAY: settings.days_days}


class KeptHistory:
    """A `History` in a database. `keep_days` says how long each kept grain stays, `calls` what of calls."""

    def __init__(
        self, database: Database, keep_days: Mapping[str, int], calls: KeptCalls = KEPT_CALLS
    ) -> None:
        self._database = database
        self._keep_days = dict(keep_days)
        self._calls = calls
        self._writer = ThreadPoolExecutor(1, "history writer")

    async def write(self, told: Sequence[Told]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self.write_now, told)

    def write_now(self, told: Sequence[Told]) -> None:
        def work(blocks: SqlBlocks) -> None:
            for one in told:
                take_in(blocks, one.vdn, one.position, one.closed, self._calls)

        self._database.write(work)

    def position(self, vdn: VdnKey) -> int:
        with self._database.reading() as blocks:
            state = blocks.state(vdn)
        return 0 if state is None else state.position

    async def prune(self, now_ms: int) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self.prune_now, now_ms)

    def prune_now(self, now_ms: int) -> None:
        """The same for threads; blocks."""

        def work(blocks: SqlBlocks) -> None:
            for vdn in blocks.vdns():
                for grain in KEPT:
                    blocks.forget(vdn, grain, now_ms - self._keep_days[grain] * DAY_MS)
                blocks.forget_passes(vdn, now_ms - self._calls.days * DAY_MS)

        self._database.write(work)

    def close(self) -> None:
        """Finish what was asked for, then let go of the database."""
        self._writer.shutdown()
        self._database.close()


def rebuild(database: Database, log: EventLog, vdn: VdnKey, calls: KeptCalls = KEPT_CALLS) -> int:
    """Makes the history of a VDN anew from its whole log; gives how many events there are. All or nothing."""

    def work(blocks: SqlBlocks) -> int:
        engine, events = Vdn(), 0
        blocks.erase(vdn)
        for batch in log.read(vdn=vdn):
            for event in codec.decode_trusted(batch.body):
                engine.apply(event)
                events += 1
            # As the hub does: after each batch.
            engine.advance(engine.clock_ms)
            closed = engine.tell()
            if closed.facts or closed.passes:
                take_in(blocks, vdn, batch.last, closed, calls)
        return events

    return database.write(work)


def pages(
    blocks: SqlBlocks, vdn: VdnKey, kind: Kind, grain: str, fields: Sequence[str], from_ms: int, to_ms: int
) -> Iterator[Page]:
    """Some columns of the kept periods of that grain that begin in [from_ms, to_ms): the quick way to much.

    Only of what is built: the quarter or day that runs is not among them (`periods` has it).
    """
    places = [kind.fields.index(field) for field in fields]
    parts = kind.parts_of(places)
    homes = [
        next((part, kind.parts[part].index(place)) for part in parts if place in kind.parts[part])
        for place in places
    ]
    for at_ms, bodies in blocks.scan(vdn, kind.name, grain, parts, from_ms, to_ms):
        ids: Sequence[int] = ()
        found: dict[tuple[int, int], array[int] | None] = {}
        for part in parts:
            wanted = [place for home, place in homes if home == part]
            ids, columns = read_columns(bodies[part], wanted)
            found.update(zip([(part, place) for place in wanted], columns, strict=True))
        yield Page(at_ms, ids, [found[home] for home in homes])


def periods(
    blocks: SqlBlocks, vdn: VdnKey, kind: Kind, grain: str, from_ms: int, to_ms: int
) -> Iterator[Period]:
    """The periods of that grain that hold anything of [from_ms, to_ms), whole, in order.

    Hours are those of the clock of the VDN's zone, days and months are made of its statistics days.
    """
    state = blocks.state(vdn)
    if state is None:
        return
    begin_ms, _ = period_of(grain, max(from_ms, 0), state)
    found: Period | None = None
    for at_ms, bodies in _kept(blocks, vdn, kind, GRAINS[grain].kept, state, (begin_ms, to_ms + LONGEST_MS)):
        if found is None or at_ms >= found.end_ms:
            if found is not None:
                yield found
            begin_ms, end_ms = period_of(grain, at_ms, state)
            found = None if begin_ms >= to_ms else Period(begin_ms, end_ms, {})
            if found is None:
                return
        add_all(found.records, decode(kind, bodies))
    if found is not None:
        yield found


def _kept(
    blocks: SqlBlocks, vdn: VdnKey, kind: Kind, grain: str, state: State, period: tuple[int, int]
) -> Iterator[tuple[int, Bodies]]:
    """Blocks of the kept grain, and behind what is built of it the five minutes of what runs."""
    from_ms, to_ms = period
    every = range(kind.spans_part + 1)
    built_ms = {FIVE: 2**62, QUARTER: state.quarters_ms, DAY: state.days_ms}[grain]
    yield from blocks.scan(vdn, kind.name, grain, every, from_ms, min(to_ms, built_ms))
    yield from blocks.scan(vdn, kind.name, FIVE, every, max(from_ms, built_ms), to_ms)


def period_of(grain: str, at_ms: int, state: State) -> tuple[int, int]:
    """Begin and end of the period of that grain that holds the instant, by the clock of the VDN's zone."""
    minutes = GRAINS[grain].minutes
    if minutes:
        length_ms = minutes * MINUTE_MS
        ahead_ms = _ahead_ms(at_ms, state.timezone)
        begin_ms = (at_ms + ahead_ms) // length_ms * length_ms - ahead_ms
        return begin_ms, begin_ms + length_ms
    begin_ms, end_ms = days.day_of(at_ms, state.timezone, state.day_starts)
    return (begin_ms, end_ms) if grain == "day" else _month_of(begin_ms, state)


def _ahead_ms(at_ms: int, timezone: str) -> int:
    """How far the clock of the zone is ahead of UTC, in whole five minutes."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(days.zone(timezone))
    ahead_ms = (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)
    return ahead_ms - ahead_ms % FIVE_MS


def _month_of(day_ms: int, state: State) -> tuple[int, int]:
    """The statistics days that begin in the same month of the zone's calendar."""
    zone = days.zone(state.timezone)
    date = datetime.fromtimestamp(day_ms / 1000, UTC).astimezone(zone).replace(day=1, hour=12)
    following = (date + timedelta(days=31)).replace(day=1)
    return _day_at(date, state), _day_at(following, state)


def _day_at(noon: datetime, state: State) -> int:
    """When the statistics day of that date begins."""
    noon_ms = int(noon.timestamp()) * 1000
    begin_ms, end_ms = days.day_of(noon_ms, state.timezone, state.day_starts)
    same = datetime.fromtimestamp(begin_ms / 1000, UTC).astimezone(noon.tzinfo).date() == noon.date()
    return begin_ms if same else end_ms
