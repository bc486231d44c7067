"""What engines tell, on its way into history: in order, written again until it is in, and never in the way.

Exactly once: history remembers up to which position it has what was told, and a snapshot of an engine, behind
which nothing is told again, is kept only when all before it is in.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from queuepulse.engine.events import VdnKey
from queuepulse.engine.facts import Closed, Facts
from queuepulse.engine.finished import Finished
from queuepulse.ports import History, HistoryUnavailable, Told

WRITTEN_ITEMS: Final = 250_000
"""Items, of facts and of ended passes, in one transaction, about: it bounds how long the next ones wait."""
WAITING_ITEMS_MAX: Final = 20_000_000
"""Items that wait for a history that is out of reach: some 250 MB, a day of a thousand agents."""
RETRY_S: Final = 1.0
"""Time between two attempts."""
GATHER_S: Final = 2.0
"""Time from the first news to their transaction: what comes meanwhile goes into the same, and so costs less;
and a burst of events is over before its history takes the processor."""
REST_S_PER_ITEM: Final = 3e-6
"""Rest after a transaction, for each item of it: twenty times what it takes to write, so that a rush of
events has the processor, and its memory, nearly to itself."""
RESTED_ITEMS_MAX: Final = 8_000_000
"""Items that may wait meanwhile: some 100 MB, or half a million events. Of more there is no rest."""


class Chronicle:
    """Takes what engines tell, and writes it into `history`; without one it is forgotten.

    `warn` is told, in a sentence, when that fails or works again.
    """

    def __init__(self, history: History | None, warn: Callable[[str], None]) -> None:
        self._history = history
        self._warn = warn
        self._waiting: deque[Told] = deque()
        self._items = 0
        self._of: Counter[VdnKey] = Counter()
        self._news = asyncio.Event()
        self._written = asyncio.Lock()
        self._behind: set[VdnKey] = set()
        self._position: dict[VdnKey, int] = {}
        # As of when old records are to be removed, if they are.
        self._old_at_ms: int | None = None
        self.fault: str | None = None

    def tell(self, vdn: VdnKey, position: int, closed: Closed) -> None:
        """Takes what the engine told up to that position, the end of a batch: so it is told alike again."""
        is_old = position <= self.position(vdn) or vdn in self._behind
        if self._history is None or is_old or not (closed.facts or closed.passes):
            return
        self._waiting.append(Told(vdn, position, closed))
        self._of[vdn] += 1
        self._items += _size(closed)
        self._news.set()
        if self._items > WAITING_ITEMS_MAX:
            self._give_up()

    def begin(self, vdn: VdnKey, position: int) -> None:
        """The VDN is about to be folded anew from there: what history has will not be taken twice. Blocks."""
        if self._history is None:
            return
        try:
            self._position[vdn] = self._history.position(vdn)
        except HistoryUnavailable:
            return  # It says so when it is written, and takes nothing twice by itself.
        if position and not self._position[vdn]:
            self._warn(
                f"VDN {vdn.cc}/{vdn.vdn} has no history of the events before position {position}. "
                "To make it from the log: stop the server and run: queuepulse history rebuild"
            )

    def catch_up(self) -> None:
        """Writes what waits, if it is much, while a log is folded. Blocks."""
        if self._items >= WRITTEN_ITEMS and self._history is not None:
            some = list(self._waiting)
            try:
                self._history.write_now(some)
            except HistoryUnavailable:
                return
            self._wrote(some)

    def waiting_passes(self, vdn: VdnKey) -> list[Finished]:
        """The ended passes of the VDN that still wait to be written; none of these lists changes any more."""
        return [some for told in self._waiting if told.vdn == vdn for some in told.closed.passes]

    def position(self, vdn: VdnKey) -> int:
        """Up to which position of the log history has, for certain, what was told; it may be further."""
        return self._position.get(vdn, 0)

    def unwritten(self, vdn: VdnKey, after: int) -> list[Facts]:
        """What was told behind that position and still waits to be written."""
        if not self._of[vdn]:
            return []
        waiting = [told for told in self._waiting if told.vdn == vdn and told.position > after]
        return [facts for told in waiting for facts in told.closed.facts]

    def has_ended(self, vdn: VdnKey) -> bool:
        """Whether so much could not be written that the history of the VDN has ended."""
        return vdn in self._behind

    def is_behind(self, vdn: VdnKey) -> bool:
        """Whether anything of the VDN still waits to be written."""
        return self._of[vdn] > 0

    async def run(self) -> None:
        """Writes what comes; until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            self._news.clear()
            while self._waiting:
                before = self._items
                if not await self.write():
                    await asyncio.sleep(RETRY_S)
                elif self._items <= RESTED_ITEMS_MAX:
                    await asyncio.sleep(REST_S_PER_ITEM * max(before - self._items, 0))
            if self._old_at_ms is not None:
                at_ms, self._old_at_ms = self._old_at_ms, None
                await self._prune(at_ms)

    async def flush(self) -> bool:
        """Writes all that waits, now; whether that worked."""
        while self._waiting:
            if not await self.write():
                return False
        return True

    async def write(self) -> bool:
        """Writes some of what waits; whether that worked."""
        async with self._written:
            some, size = [], 0
            for told in self._waiting:
                some.append(told)
                size += _size(told.closed)
                if size >= WRITTEN_ITEMS:
                    break
            if not some or self._history is None:
                return True
            try:
                await self._history.write(some)
            except HistoryUnavailable as unavailable:
                if self.fault is None:
                    self._warn(f"{unavailable} Events and queries go on; what happens is written later.")
                self.fault = str(unavailable)
                return False
            if self.fault is not None:
                self._warn("History can be written again.")
                self.fault = None
            self._wrote(some)
            return True

    def prune(self, now_ms: int) -> None:
        """Has what is older than history keeps removed, when what waits is written: nobody waits for that."""
        self._old_at_ms = now_ms
        self._news.set()

    async def _prune(self, now_ms: int) -> None:
        """When history is out of reach, another time."""
        if self._history is not None and self.fault is None:
            with suppress(HistoryUnavailable):
                await self._history.prune(now_ms)

    def _wrote(self, some: list[Told]) -> None:
        for told in some:
            self._position[told.vdn] = max(told.position, self._position.get(told.vdn, 0))
            # Unless the wait was too long, and all was given up meanwhile.
            if self._waiting and self._waiting[0] is told:
                self._waiting.popleft()
                self._of[told.vdn] -= 1
                self._items -= _size(told.closed)

    def _give_up(self) -> None:
        """Forgets what waits: from now on these VDNs have no history until it is made anew from the log."""
        self._behind |= {told.vdn for told in self._waiting}
        self._waiting.clear()
        self._of.clear()
        self._items = 0
        names = ", ".join(f"{vdn.cc}/{vdn.vdn}" for vdn in sorted(self._behind))
        self._warn(
            f"History has been out of reach for too long: it ends here for the VDNs {names}. "
            "When it can be reached again, stop the server and run: queuepulse history rebuild"
        )


def _size(closed: Closed) -> int:
    return sum(len(facts) for facts in closed.facts) + sum(len(some.items) for some in closed.passes)
