"""A queue_log that grows: read to its end, then followed through rotation; its events go to the log in order.

Here is the file. What a line means is `queue_log`'s.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.engine.events import LinkLost, LinkRestored
from queuepulse.ports import Clock, Ingest
from queuepulse.sources.outlet import Chance, Outlet, Source, count_nothing
from queuepulse.sources.queue_log import LINE_MAX, Translator

POLL_S: Final = 1.0
"""How often the file is looked at: its times are whole seconds."""
CHUNK_BYTES: Final = 64 * 1024
"""Read and translated in one step: about a thousand lines, a few milliseconds in all."""
SLICE_LINES: Final = 64
"""Lines translated before others get their turn."""
AGAIN_MS: Final = 600_000
"""How far before the VDN's clock lines are told again after a start: that long their ids are known again."""
_log: FilteringBoundLogger = structlog.get_logger()


class Follower:
    """One source: a file, and where its events go.

    `clock_ms` is how far the VDN's log had come at the start, -1 for nowhere: what happened well before that
    was told by an earlier run, and is read for what it says of the present alone.
    """

    def __init__(
        self,
        source: Source,
        file: Path,
        translator: Translator,
        ingest: Ingest,
        clock: Clock,
        chance: Chance,
        clock_ms: int,
        on_defect: Callable[[], None] = count_nothing,
    ) -> None:
        self.source = source
        self._file = file
        self._translator = translator
        self._outlet = Outlet(source, ingest, chance, on_defect)
        self._clock = clock
        self._chance = chance
        self._from_ms = clock_ms - AGAIN_MS
        self._opened: BinaryIO | None = None
        self._rest = b""
        self._told = ""

    async def run(self) -> None:
        """Follow the file for ever, whether it is there or not."""
        try:
            while True:
                try:
                    await self.catch_up()
                except OSError as error:
                    await self._lose(f"The file {self._file} cannot be read: {error.strerror}.")
                else:
                    await self._restore()
                await self._chance.sleep(POLL_S)
        finally:
            self._close()

    async def catch_up(self) -> None:
        """Reads to the end of what is there now. Raises OSError."""
        while True:
            if self._opened is None:
                self._opened = await asyncio.to_thread(self._file.open, "rb")
                self._rest = b""
            while chunk := await asyncio.to_thread(self._opened.read, CHUNK_BYTES):
                await self._take(chunk)
            if not await asyncio.to_thread(self._is_replaced, self._opened):
                return
            self._close()

    def _is_replaced(self, opened: BinaryIO) -> bool:
        """Whether a rotation put another file in its place, or emptied it."""
        now, before = self._file.stat(), os.fstat(opened.fileno())
        return (now.st_ino, now.st_dev) != (before.st_ino, before.st_dev) or now.st_size < opened.tell()

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    async def _take(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        # What has no end for so long is no line: it is taken, and counted as none.
        self._rest = rest if len(rest) <= 2 * LINE_MAX else b""
        for start in range(0, len(lines), SLICE_LINES):
            for line in lines[start : start + SLICE_LINES]:
                self._take_line(line)
            await asyncio.sleep(0)
        events = self._translator.events()
        await self._outlet.deliver([event for event in events if (event.at or 0) > self._from_ms])

    def _take_line(self, line: bytes) -> None:
        try:
            self._translator.take(line.decode("utf-8", "replace"))
        except Exception as error:  # whatever it is, it is ours
            self._outlet.tell_defect(error, "The line is passed over.")

    async def _lose(self, reason: str) -> None:
        self._close()
        if self._told != reason:
            self._told = reason
            _log.warning("a queue_log is out of sight", source=self.source.name, reason=reason)
            await self._outlet.deliver([LinkLost(at=self._clock.now_ms(), source=self.source.name)])

    async def _restore(self) -> None:
        if self._told:
            self._told = ""
            _log.info("a queue_log is in sight", source=self.source.name)
            await self._outlet.deliver([LinkRestored(at=self._clock.now_ms(), source=self.source.name)])
