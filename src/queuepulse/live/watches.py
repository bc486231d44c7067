"""Looks at VDNs for those who watch them: at most once in an interval, once for all viewers of a VDN.

A watch lives as long as somebody looks, and a while longer, so that who comes back misses nothing.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from queuepulse.engine.events import VdnKey
from queuepulse.engine.views import AgentView
from queuepulse.live.feeds import QUEUES, Feed, Kind, Rows
from queuepulse.masking import masked_number
from queuepulse.ports import Clock, Floor, Seen

QUEUES_MAX: Final = 1_000
"""Queues in one stream, as in one question of the API."""
ALIVE_S: Final = 15.0
"""Time after which a viewer who was told nothing is told that: proxies and browsers give up on silence."""
LINGER_S: Final = 30.0
"""How long a feed without viewers goes on: a browser that lost its line is back sooner."""
WAKE_SLICE: Final = 50
"""Viewers woken before others get their turn: each sends, and so many take about a millisecond."""
_EPOCH_BYTES: Final = 6
_encoder: Final = msgspec.json.Encoder()

Selection: TypeAlias = frozenset[int] | int | None


class Viewer:
    """Somebody who looks at a feed: the number that he knows, and what wakes him.

    `is_over` says that he is to be sent away.
    """

    __slots__ = ("_woken", "feed", "is_over", "number")

    def __init__(self, feed: Feed, number: int) -> None:
        self.feed = feed
        self.number = number
        self.is_over = False
        self._woken: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """There may be something to tell him. Whoever is busy sees it when he is done."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def end(self) -> None:
        """Sends him away."""
        self.is_over = True
        self.wake()

    async def news(self) -> bytes:
        """Waits to be woken, unless there is something already; gives what to tell, b"" if nothing is new."""
        if self.number == self.feed.number and not self.is_over:
            self._woken = asyncio.get_running_loop().create_future()
            try:
                await self._woken
            finally:
                self._woken = None
        told = self.feed.since(self.number)
        self.number = self.feed.number
        return told


class _Shown:
    """A feed with its viewers; `left_s` is when the last of them left, `told_s` when all were last woken."""

    def __init__(self, feed: Feed, now_s: float) -> None:
        self.feed = feed
        self.viewers: set[Viewer] = set()
        self.left_s = now_s
        self.told_s = now_s


class Watch:
    """One VDN under watch, its queues or its agents, with a feed for each set of rows that somebody wants.

    A set is named by the ids of queues, or by the queue of the agents; None names all.
    `look` and `stay_alive` do all the work and can be called by hand; `run` calls them.
    """

    def __init__(self, floor: Floor, clock: Clock, vdn: VdnKey, kind: Kind) -> None:
        self._floor = floor
        self._clock = clock
        self._vdn = vdn
        self._rows = Rows(kind)
        self._shown: dict[Selection, _Shown] = {}
        self._seen: Seen | None = None
        self._first: frozenset[int] = frozenset()
        self._epoch = secrets.token_hex(_EPOCH_BYTES)
        self._feeds = 0
        self._looks = asyncio.Lock()

    def __len__(self) -> int:
        """How many look."""
        return sum(len(shown.viewers) for shown in self._shown.values())

    def has(self, viewer: Viewer) -> bool:
        """Whether he looks at this VDN."""
        return any(viewer in shown.viewers for shown in self._shown.values())

    async def join(self, selection: Selection, event_id: str) -> Viewer:
        """A viewer of this set, who got the message `event_id` last; "" if he begins with nothing."""
        shown = self._shown.get(selection)
        if shown is None:
            self._feeds += 1
            feed = Feed(self._rows, f"{self._epoch}{self._feeds}", self._shows(selection))
            shown = self._shown[selection] = _Shown(feed, self._clock.elapsed())
        viewer = Viewer(shown.feed, shown.feed.number_of(event_id))
        shown.viewers.add(viewer)
        if shown.feed.number == 0:
            await self.look(is_forced=True)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """He looks no longer."""
        for shown in self._shown.values():
            if viewer in shown.viewers:
                shown.viewers.remove(viewer)
                shown.left_s = self._clock.elapsed()

    async def run(self, interval_s: float) -> None:
        """Looks each interval until nobody has looked on for LINGER_S."""
        while self._shown:
            await asyncio.sleep(interval_s)
            await self.look()
            await self.stay_alive()

    async def look(self, *, is_forced: bool = False) -> None:
        """Finds what changed since the last look, and wakes those whom it concerns."""
        async with self._looks:
            before, seen = self._seen, self._floor.seen(self._vdn)
            if before is not None and not is_forced and _is_still(before, seen):
                return
            first = self._first
            changed = self._rows.replace(await self._found())
            for number in first ^ self._first:
                changed.setdefault(number, self._rows.by_id.get(number))
            self._seen = seen
            staff = self._staff()
            heads, changes = self._heads(seen), dict[int, bytes]()
            is_news = before is not None and _lasting(before) != _lasting(seen)
            for selection, shown in list(self._shown.items()):
                is_first = shown.feed.number == 0
                # To a new feed all is new, whatever others saw of it before.
                of_feed = dict.fromkeys(self._rows.by_id) if is_first else changed
                of_whole = staff if selection is None else b""
                if shown.feed.take(of_feed, changes, heads, is_news=is_news or is_first, staff=of_whole):
                    await self._wake(shown)

    async def stay_alive(self) -> None:
        """Tells those to whom nothing was told for long; forgets feeds that nobody looks at."""
        now_s = self._clock.elapsed()
        for selection, shown in list(self._shown.items()):
            if not shown.viewers and now_s - shown.left_s >= LINGER_S:
                del self._shown[selection]
            elif now_s - shown.told_s >= ALIVE_S:
                await self._wake(shown)

    async def _found(self) -> dict[int, Any]:
        """The rows that somebody wants, as they are now."""
        if self._rows.kind is not QUEUES:
            masks = self._rows.kind.masks_numbers
            agents = await self._floor.agents(self._vdn)
            return {view.agent: _masked(view) if masks else view for view in agents}
        wanted: set[int] = set()
        self._first = frozenset()
        for selection in self._shown:
            if selection is None:
                self._first = frozenset(self._floor.queue_ids(self._vdn, QUEUES_MAX))
                wanted |= self._first
            elif isinstance(selection, frozenset):
                wanted |= selection
        return {view.skill: view for view in await self._floor.queues(self._vdn, sorted(wanted))}

    def _staff(self) -> bytes:
        """All agents by state, for who looks at all queues: rows cannot be added up, an agent is in many."""
        if self._rows.kind is not QUEUES or None not in self._shown:
            return b""
        return _encoder.encode(self._floor.staff(self._vdn))

    def _shows(self, selection: Selection) -> Callable[[int, Any], bool]:
        """Whether a row is in that set."""
        if self._rows.kind is not QUEUES:
            return lambda _number, view: selection is None or selection in view.skills
        if isinstance(selection, frozenset):
            return lambda number, _view: number in selection
        return lambda number, _view: number in self._first

    async def _wake(self, shown: _Shown) -> None:
        shown.told_s = self._clock.elapsed()
        for place, viewer in enumerate(list(shown.viewers), 1):
            viewer.wake()
            if place % WAKE_SLICE == 0:
                await asyncio.sleep(0)

    def _heads(self, seen: Seen) -> bytes:
        heads, kind = seen.heads, self._rows.kind
        total = heads.queues_total if kind is QUEUES else len(self._rows.by_id)
        told = {
            "at_ms": seen.at_ms,
            "position": seen.position,
            "clock_ms": heads.clock_ms,
            "stale_since_ms": heads.stale_since_ms,
            "confident_since_ms": heads.confident_since_ms,
            "day_ms": heads.day_ms,
            "mark_ms": heads.mark_ms,
            f"{kind.name}_total": total,
        }
        return _encoder.encode(told)


def _masked(view: AgentView) -> AgentView:
    if view.phone is None:
        return view
    return msgspec.structs.replace(view, phone=masked_number(view.phone))


def _is_still(before: Seen, seen: Seen) -> bool:
    """Whether nothing can have changed: no event came, and time alone changes nothing yet."""
    return seen.position == before.position and seen.at_ms < before.due_ms and seen.heads == before.heads


def _lasting(seen: Seen) -> tuple[Any, ...]:
    """What of the heads is news when it changes."""
    heads = seen.heads
    return heads.stale_since_ms, heads.confident_since_ms, heads.day_ms, heads.mark_ms
