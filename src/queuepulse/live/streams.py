"""Server-Sent Events: each viewer of a VDN gets its state, and then what changes, until one of both ends.

Who may look is decided by `live.app`; what is told is `live.feeds`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import Receive, Send
from queuepulse.engine.events import VdnKey
from queuepulse.live.feeds import ALIVE, Kind
from queuepulse.live.watches import Selection, Viewer, Watch
from queuepulse.ports import Clock, Floor

PUSH_MS: Final = 250
"""The shortest time between two changes told, by default: more often than people can read."""
STREAMS_MAX: Final = 4_000
"""Streams at once, by default: each costs two tasks, and a connection or a part of one."""
STREAMS_PER_VDN_MAX: Final = 2_000
"""The same for one VDN: one tenant may not take all."""
STREAMS_PER_SESSION_MAX: Final = 32
"""The same for one session: a browser with some tabs, each with some views."""
END_S_MAX: Final = 0.5
"""What streams get to say good-bye at the end; whoever does not read is cut off."""
RETRY_MS: Final = 2_000
"""When a browser comes again after a stream broke off."""
TOO_MANY_RETRY_S: Final = 10
"""When to come again if there are too many streams: others leave, or do not."""
_HEADERS: Final = (
    (b"content-type", b"text/event-stream;charset=UTF-8"),
    (b"cache-control", b"no-store"),
    # Proxies that hold answers back would hold back all of it.
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)
T = TypeVar("T")
_log: FilteringBoundLogger = structlog.get_logger()


class StreamSettings(NamedTuple):
    """What the settings say of streams."""

    push_ms: int = PUSH_MS
    streams_max: int = STREAMS_MAX
    streams_per_vdn_max: int = STREAMS_PER_VDN_MAX
    streams_per_session_max: int = STREAMS_PER_SESSION_MAX


class TooManyStreams(Exception):
    """One more stream would be too many. `str()` tells a person of what."""


class Looker(NamedTuple):
    """Who opens a stream: the session it counts for, and whether he may still look."""

    session: bytes
    may_look: Callable[[], bool]


class _Open(NamedTuple):
    looker: Looker
    vdn: VdnKey
    task: "asyncio.Task[object] | None"


class Streams:
    """All streams of this server, and the watches that feed them."""

    def __init__(self, floor: Floor, clock: Clock, settings: StreamSettings) -> None:
        self._floor = floor
        self._clock = clock
        self._settings = settings
        self._open: dict[Viewer, _Open] = {}
        self._count = 0
        self._of_vdn: Counter[VdnKey] = Counter()
        self._of_session: Counter[bytes] = Counter()
        self._watches: dict[tuple[VdnKey, Kind], Watch] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def __len__(self) -> int:
        return self._count

    async def serve(
        self,
        receive: Receive,
        send: Send,
        looker: Looker,
        vdn: VdnKey,
        kind: Kind,
        selection: Selection,
        event_id: str,
    ) -> None:
        """Tells him until he goes, may no longer look, or the server ends. Raises TooManyStreams at once."""
        self._admit(looker, vdn)
        try:
            watch = self._watch(vdn, kind)
            viewer = await watch.join(selection, event_id)
            self._open[viewer] = _Open(looker, vdn, asyncio.current_task())
            leaving = asyncio.create_task(_until_gone(receive, viewer))
            try:
                await self._tell(send, viewer)
            finally:
                del self._open[viewer]
                watch.leave(viewer)
                leaving.cancel()
                with suppress(asyncio.CancelledError):
                    await leaving
        finally:
            self._count -= 1
            _take_one(self._of_vdn, vdn)
            _take_one(self._of_session, looker.session)

    def recheck(self) -> None:
        """Sends those away who may no longer look."""
        for viewer, opened in self._open.items():
            if not opened.looker.may_look():
                viewer.end()

    async def end(self) -> None:
        """Sends all away: the server ends."""
        self._is_ending = True
        tasks = [opened.task for opened in self._open.values() if opened.task is not None]
        for viewer in self._open:
            viewer.end()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=END_S_MAX)
            for task in left:
                task.cancel()
        for watch in self._running:
            watch.cancel()

    async def _tell(self, send: Send, viewer: Viewer) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        told = b"retry: %d\n\n" % RETRY_MS
        while not (viewer.is_over or self._is_ending):
            told += await viewer.news()
            await send({"type": "http.response.body", "body": told or ALIVE, "more_body": True})
            told = b""
        await send({"type": "http.response.body", "body": b""})

    def _admit(self, looker: Looker, vdn: VdnKey) -> None:
        settings = self._settings
        for open_now, most, whose in (
            (self._count, settings.streams_max, "of this server"),
            (self._of_vdn[vdn], settings.streams_per_vdn_max, "of this VDN"),
            (self._of_session[looker.session], settings.streams_per_session_max, "of your session"),
        ):
            if open_now >= most:
                raise TooManyStreams(f"{most:,} streams {whose} are open: close some, or come again later")
        self._count += 1
        self._of_vdn[vdn] += 1
        self._of_session[looker.session] += 1

    def _watch(self, vdn: VdnKey, kind: Kind) -> Watch:
        watch = self._watches.get((vdn, kind))
        if watch is None:
            watch = self._watches[vdn, kind] = Watch(self._floor, self._clock, vdn, kind)
            task = asyncio.create_task(self._run(watch, vdn, kind), name=f"watch {vdn.cc}/{vdn.vdn}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return watch

    async def _run(self, watch: Watch, vdn: VdnKey, kind: Kind) -> None:
        """Runs a watch until nobody looks. If it fails its viewers are sent away: they come again."""
        try:
            await watch.run(self._settings.push_ms / 1000)
        except Exception:
            _log.exception("a watch ended by our own fault", cc=vdn.cc, vdn=vdn.vdn, kind=kind.name)
        finally:
            del self._watches[vdn, kind]
            for viewer in self._open:
                if watch.has(viewer):
                    viewer.end()


def _take_one(counts: Counter[T], key: T) -> None:
    # A count of nothing is forgotten: sessions come and go.
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


async def _until_gone(receive: Receive, viewer: Viewer) -> None:
    """Sends the viewer away when his side closes: what is sent after that says nothing."""
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()
