"""The five minutes that history keeps, for the charts of a live view: what no memory holds any more.

They are read in one thread of their own. Whoever asks what another asks shares the reading, and its answer is
kept for a while: at each mark all who look at a queue ask alike.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from queuepulse.engine.blocks import QUEUE
from queuepulse.engine.events import VdnKey
from queuepulse.engine.queues import LEFT_CAUSES
from queuepulse.engine.views import DaySums, FiveView
from queuepulse.ports import Clock, Series
from queuepulse.stores.history import Database, Page, pages
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.rollups import FIVE

KEPT_S: Final = 60.0
"""How long an answer is kept, in seconds: late events change the past, but hardly ever."""
KEPT_RECORDS_MAX: Final = 100_000
"""Five minutes of queues in all answers kept, some 40 MB; of two large questions one is read again."""

_LEFT: Final = tuple([f"left_{cause}" for cause in LEFT_CAUSES])
_SAME: Final = tuple([name for name in FiveView.__struct_fields__ if name not in {"left", "abandoned"}])
_FIELDS: Final = (*_SAME, *_LEFT)
_SUMMED: Final = ("offered", "answered_in_20s", *_LEFT)
_ABANDONED: Final = "left_abandoned"


class _Asked(NamedTuple):
    """A question: the VDN, its queues, and from when up to when."""

    vdn: VdnKey
    skill_ids: tuple[int, ...]
    from_ms: int
    to_ms: int


class PastFives:
    """`floor.PastFives` out of the database of history."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reader = ThreadPoolExecutor(1, "history reader")
        self._answers: dict[_Asked, tuple[float, asyncio.Future[Series]]] = {}

    async def between(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Series:
        asked, now_s = _Asked(vdn, tuple(skill_ids), from_ms, to_ms), self._clock.elapsed()
        self._forget(now_s)
        if asked not in self._answers:
            loop = asyncio.get_running_loop()
            reading = loop.run_in_executor(self._reader, self.between_now, *asked)
            self._answers[asked] = now_s, reading
            reading.add_done_callback(lambda done: self._read(asked, done))
        # Who goes away takes no reading from others who wait for it.
        return await asyncio.shield(self._answers[asked][1])

    async def sums(self, vdn: VdnKey, from_ms: int, to_ms: int) -> Mapping[int, DaySums] | None:
        return await asyncio.get_running_loop().run_in_executor(
            self._reader, self.sums_now, vdn, from_ms, to_ms
        )

    def between_now(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Series:
        """The same for threads; blocks."""
        queues: dict[int, dict[int, FiveView]] = {}
        with self._database.reading() as blocks:
            first_ms = blocks.first(vdn, QUEUE.name, FIVE)
            for page in pages(blocks, vdn, QUEUE, FIVE, _FIELDS, from_ms, to_ms):
                for skill, view in _views(page, skill_ids):
                    queues.setdefault(skill, {})[page.at_ms] = view
        return Series(to_ms if first_ms is None else min(first_ms, to_ms), queues)

    def sums_now(self, vdn: VdnKey, from_ms: int, to_ms: int) -> Mapping[int, DaySums] | None:
        """The same for threads; blocks."""
        with self._database.reading() as blocks:
            if blocks.state(vdn) is None:
                return None
            return _summed(blocks, vdn, from_ms, to_ms)

    def close(self) -> None:
        """Finish what is read."""
        self._reader.shutdown(cancel_futures=True)

    def _read(self, asked: _Asked, done: "asyncio.Future[Series]") -> None:
        if done.cancelled() or done.exception() is not None:
            del self._answers[asked]  # It is asked anew.

    def _forget(self, now_s: float) -> None:
        """Forgets answers that are old, and of the others the oldest, until the rest is small enough."""
        records = 0
        for asked, (asked_s, reading) in reversed(list(self._answers.items())):
            if reading.done():
                records += sum(map(len, reading.result().queues.values()))
                if now_s - asked_s >= KEPT_S or records > KEPT_RECORDS_MAX:
                    del self._answers[asked]


def _views(page: Page, skill_ids: Sequence[int]) -> Iterator[tuple[int, FiveView]]:
    """Those of these queues in which something happened."""
    ids, columns = page.ids, page.columns
    for skill in skill_ids:
        place = bisect_left(ids, skill)
        if place < len(ids) and ids[place] == skill:
            values = [0 if column is None else column[place] for column in columns]
            if any(values):
                counts = dict(zip(_FIELDS, values, strict=True))
                left = sum(counts[name] for name in _LEFT)
                same = {name: counts[name] for name in _SAME}
                yield skill, FiveView(left=left, abandoned=counts[_ABANDONED], **same)


def _summed(blocks: SqlBlocks, vdn: VdnKey, from_ms: int, to_ms: int) -> Mapping[int, DaySums]:
    sums: dict[int, DaySums] = {}
    for page in pages(blocks, vdn, QUEUE, FIVE, _SUMMED, from_ms, to_ms):
        offered, in_20s, *left = [column or [0] * len(page.ids) for column in page.columns]
        for place, skill in enumerate(page.ids):
            of_queue = sums.setdefault(skill, DaySums())
            of_queue.offered += offered[place]
            of_queue.answered_in_20s += in_20s[place]
            of_queue.left += sum(column[place] for column in left)
    return sums
