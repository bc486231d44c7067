"""The registry of calls: `calling.CallRecords` out of the memory of engines, and of what history keeps.

A pass is in memory until it is written: while it is live, until the next mark passes, and while it waits for
a history that is out of reach. Memory is looked at first: what is written meanwhile is in one of the two.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

import msgspec

from queuepulse.calling import (
    PASSES_MAX,
    CallAnswer,
    CallsAnswer,
    CallsBusy,
    CallUnknown,
    RecordsTold,
    cursor_of,
    told_call,
)
from queuepulse.engine.calls import Pass, PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.engine.finished import Finished
from queuepulse.engine.passes import CallKey, Wanted, calls_of, record_of
from queuepulse.hub import Hub
from queuepulse.ports import HistoryUnavailable
from queuepulse.stores.history import Database
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.passes import MINUTE_MS, masked

PAGE_PASSES_MAX: Final = 10_000
"""Passes in one page: 5 MB of an answer. Calls are few, but nobody says how often one is passed on."""
READERS: Final = 2
"""Questions that are read at once; more would only hold up the loop."""
WAITING_MAX: Final = 16
"""Questions that wait for those: more would wait for seconds."""
SCANNED_MAX: Final = 50_000
"""Passes looked at for one page, up to the end of a minute: some 100 ms. What is rarer takes more pages, not
more time for one."""
T = TypeVar("T")


class _Memory(NamedTuple):
    """The passes of a VDN that lie in memory at one instant: live ones by call, and lists of ended ones."""

    live: Mapping[str, Pass]
    ended: Sequence[Finished]
    position: int
    stale_since_ms: int | None


class Registry:
    """The calls of the VDNs of a hub. `masks_numbers` is whether nobody is told them, whatever is kept."""

    def __init__(self, hub: Hub, database: Database, *, masks_numbers: bool) -> None:
        self._hub = hub
        self._database = database
        self._masks_numbers = masks_numbers
        self._readers = ThreadPoolExecutor(READERS, "call records")
        self._asking = 0

    async def call(self, vdn: VdnKey, call: str) -> RecordsTold:
        memory = self._memory(vdn, call)
        live = [record_of(one) for one in memory.live.values()]

        def find() -> bytes:
            ended = [record for some in memory.ended for record in some.with_id(call)]
            with self._database.reading() as blocks:
                kept = blocks.passes_with_id(vdn, call, PASSES_MAX)
            by_call = self._by_call([*live, *ended, *kept])
            if not by_call:
                raise CallUnknown(
                    f"no call {call!r} of VDN {vdn.cc}/{vdn.vdn} is known, or its record is no longer kept"
                )
            *earlier, last = sorted(by_call)
            told = told_call(last, by_call[last])
            return msgspec.json.encode(
                CallAnswer(
                    **msgspec.structs.asdict(told),
                    cc=vdn.cc,
                    vdn=vdn.vdn,
                    earlier=[begun_ms for begun_ms, _ in earlier],
                )
            )

        return RecordsTold(await self._read(find), memory.position, memory.stale_since_ms)

    async def page(self, vdn: VdnKey, wanted: Wanted, limit: int) -> RecordsTold:
        memory = self._memory(vdn)
        found = await self._read(lambda: self._find(vdn, wanted, limit, memory))
        # Live passes may change at any time: on the loop, they do not.
        live = [memory.live[call] for _, call in found.calls if call in memory.live]
        records = [*(record_of(one) for one in live), *found.records]

        def tell() -> bytes:
            by_call = self._by_call(records)
            calls = [told_call(key, by_call[key]) for key in found.calls if key in by_call]
            cursor = None if found.next is None else cursor_of(found.next)
            return msgspec.json.encode(CallsAnswer(vdn.cc, vdn.vdn, calls, cursor))

        return RecordsTold(await self._read(tell), memory.position, memory.stale_since_ms)

    def close(self) -> None:
        """Finish what is being read."""
        self._readers.shutdown()

    def _memory(self, vdn: VdnKey, call: str | None = None) -> _Memory:
        """What lies in memory now; of live calls all, or the one of that id."""
        hosted, waiting = self._hub.hosted.get(vdn), self._hub.chronicle.waiting_passes(vdn)
        if hosted is None:
            return _Memory({}, waiting, 0, None)
        books = hosted.engine.books
        live = (
            books.calls.copy() if call is None else {call: books.calls[call]} if call in books.calls else {}
        )
        ended = [*waiting, *books.untold_passes, books.finished.upto_now()]
        return _Memory(live, ended, hosted.position, hosted.engine.stale_since_ms)

    async def _read(self, work: Callable[[], T]) -> T:
        if self._asking >= READERS + WAITING_MAX:
            raise CallsBusy("too many ask for calls at once")
        self._asking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, work)
        except HistoryUnavailable as unavailable:
            raise CallsBusy(str(unavailable)) from unavailable
        finally:
            self._asking -= 1

    # In a thread

    def _find(self, vdn: VdnKey, wanted: Wanted, limit: int, memory: _Memory) -> "_Found":
        keys = set(calls_of(memory.live.values(), wanted))
        for some in memory.ended:
            keys.update(some.calls(wanted))
        with self._database.reading() as blocks:
            kept, found, upto = _scan(blocks, vdn, wanted, limit)
        ordered = sorted(keys | found)
        if upto is not None:
            ordered = [key for key in ordered if key <= upto]
        calls = ordered[:limit]
        chosen = set(calls)
        records = [record for some in kept for record in some.of_calls(chosen)]
        if len(records) > PAGE_PASSES_MAX:
            # The next page begins where they are too many, unless one call is all of this one.
            records = sorted(records, key=_place)[:PAGE_PASSES_MAX]
            last = records[-1].call_at_ms, records[-1].call
            calls = [key for key in calls if key < last] or [last]
            chosen = set(calls)
        for some in memory.ended:
            records += some.of_calls(chosen)
        return _Found(calls, records, calls[-1] if len(ordered) > len(calls) else upto)

    def _by_call(self, records: Iterable[PassRecord]) -> dict[CallKey, list[PassRecord]]:
        """The passes of each call in order, each once: as it ended, rather than as it was before."""
        known: dict[tuple[CallKey, int, int], PassRecord] = {}
        for one in records:
            place = (one.call_at_ms, one.call), one.skill, one.place
            if place not in known or known[place].ended_at_ms < 0:
                known[place] = masked(one) if self._masks_numbers else one
        found = defaultdict(list)
        for (key, _, _), one in sorted(known.items(), key=_in_order):
            found[key].append(one)
        return {key: passes[-PASSES_MAX:] for key, passes in found.items()}


class _Found(NamedTuple):
    """The calls of a page in order, their passes but for live ones, and behind which call the next begins."""

    calls: list[CallKey]
    records: list[PassRecord]
    next: CallKey | None


def _scan(
    blocks: SqlBlocks, vdn: VdnKey, wanted: Wanted, limit: int
) -> tuple[list[Finished], set[CallKey], CallKey | None]:
    """What is kept from the first minute wanted on, its calls that are wanted, and up to which call that is.

    It is all (None), or ends where calls are more than `limit`, or where so much was looked at.
    """
    kept, found = list[Finished](), set[CallKey]()
    scanned, ends_ms = 0, 0
    for minute_ms, some in blocks.passes(vdn, max(wanted.after[0], wanted.from_ms), wanted.to_ms):
        if minute_ms >= ends_ms:
            # Behind a minute all passes of its calls are known.
            if scanned >= SCANNED_MAX or len(found) > limit:
                return kept, found, (minute_ms, "")
            ends_ms = minute_ms + MINUTE_MS
        kept.append(some)
        found.update(some.calls(wanted))
        scanned += len(some)
    return kept, found, None


def _place(record: PassRecord) -> tuple[int, str, int]:
    return record.call_at_ms, record.call, record.number


def _in_order(item: tuple[tuple[CallKey, int, int], PassRecord]) -> tuple[CallKey, int, int, int]:
    (key, skill, place), record = item
    return key, record.number, skill, place
