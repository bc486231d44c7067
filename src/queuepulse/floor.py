"""What those who look on see of the VDNs of one machine: `ports.Floor` over its hub.

A hub takes events in and answers queries; this reads its engines for wallboards, and changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, Protocol

from queuepulse.engine import watching
from queuepulse.engine.events import VdnKey
from queuepulse.engine.states import SIGNED_OUT
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.views import AgentCounts, AgentView, DaySums, QueueView, WaitingCall
from queuepulse.hub import Hub
from queuepulse.ports import Clock, FiveRecords, HistoryUnavailable, Seen, Series, VdnSeen
from queuepulse.protocol.health import VdnHealth

SLICE_QUEUES: Final = 250
"""Queues looked at before others get their turn: a millisecond's worth."""
SLICE_AGENTS: Final = 500
"""Agents, likewise."""


class PastFives(Protocol):
    """The five minutes of the queues as history has them. All raise HistoryUnavailable."""

    def between(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Awaitable[Series]:
        """Those of these queues with a mark in [from_ms, to_ms) in which something happened."""

    def sums(self, vdn: VdnKey, from_ms: int, to_ms: int) -> Awaitable[Mapping[int, DaySums] | None]:
        """Sums by queue of the same; None of a VDN that has no history."""


class HubFloor:
    """`Floor` of one machine.

    Of a VDN larger than a slice the parts are of slightly different instants; what moved between them comes
    with the next look. What `records` do not hold any more is read from the `past`, if there is one.
    """

    def __init__(self, hub: Hub, clock: Clock, records: FiveRecords, past: PastFives | None = None) -> None:
        self._hub = hub
        self._clock = clock
        self._records = records
        self._past = past
        self._unfilled: dict[VdnKey, tuple[int, int]] = {}
        self._nobody = Vdn()

    def vdns(self) -> list[VdnKey]:
        return sorted(self._hub.hosted)

    def called(self, vdn: VdnKey) -> VdnSeen:
        books = self._engine(vdn).books
        return VdnSeen(vdn, books.name, books.timezone, books.day_starts)

    def seen(self, vdn: VdnKey) -> Seen:
        hosted, engine = self._hub.hosted.get(vdn), self._engine(vdn)
        now_ms = self._now_ms(engine)
        heads = watching.heads(engine.books, now_ms)
        return Seen(now_ms, 0 if hosted is None else hosted.position, engine.deadline_ms(), heads)

    def queue_ids(self, vdn: VdnKey, most: int) -> Sequence[int]:
        return sorted(self._engine(vdn).books.queues)[:most]

    async def queues(self, vdn: VdnKey, skill_ids: Sequence[int]) -> list[QueueView]:
        engine = self._engine(vdn)
        views: list[QueueView] = []
        await self._know_today(vdn, engine)
        for begin in range(0, len(skill_ids), SLICE_QUEUES):
            if begin:
                await asyncio.sleep(0)
            # Anew for each slice: meanwhile a mark may have passed.
            closed, now_ms = self._closed_today(vdn), self._now_ms(engine)
            some = skill_ids[begin : begin + SLICE_QUEUES]
            views += watching.queue_views(engine.books, some, now_ms, closed)
        return views

    async def agents(self, vdn: VdnKey) -> list[AgentView]:
        engine = self._engine(vdn)
        agent_ids = sorted(engine.books.agents)
        views: list[AgentView] = []
        for begin in range(0, len(agent_ids), SLICE_AGENTS):
            if begin:
                await asyncio.sleep(0)
            some = agent_ids[begin : begin + SLICE_AGENTS]
            views += watching.agent_views(engine.books, some, self._now_ms(engine))
        return views

    def staff(self, vdn: VdnKey) -> AgentCounts:
        engine = self._engine(vdn)
        return watching.staff(engine.books, self._now_ms(engine))

    def waiting(self, vdn: VdnKey, skill: int, most: int) -> tuple[int, list[WaitingCall]]:
        books = self._engine(vdn).books
        queue = books.queues.get(skill)
        return 0 if queue is None else queue.waiting, watching.waiting_calls(books, skill, most)

    def health(self, vdn: VdnKey) -> VdnHealth:
        return self._hub.health(vdn)

    def live(self, vdn: VdnKey) -> tuple[int, int]:
        books = self._engine(vdn).books
        return sum(agent.state != SIGNED_OUT for agent in books.agents.values()), len(books.calls)

    async def series(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Series:
        engine, mark_ms = self._engine(vdn), None
        # If a mark passes meanwhile, what it closes may be in neither part, or in both: then once more.
        while mark_ms != engine.books.mark_ms:
            self._closed_today(vdn)
            mark_ms = engine.books.mark_ms
            kept = await self._records.between(vdn, skill_ids, from_ms, to_ms)
        complete_from_ms = kept.complete_from_ms
        for five in watching.open_fives(engine.books, skill_ids, max(from_ms, complete_from_ms), to_ms):
            of_queue, view = kept.queues.setdefault(five.skill, {}), watching.five_view(five)
            before = of_queue.get(five.mark_ms)
            of_queue[five.mark_ms] = view if before is None else watching.added(before, view)
        if self._past is None or from_ms >= complete_from_ms:
            return kept
        try:
            past = await self._past.between(vdn, skill_ids, from_ms, min(to_ms, complete_from_ms))
        except HistoryUnavailable:
            return kept
        queues = {
            skill: {**past.queues.get(skill, {}), **kept.queues.get(skill, {})}
            for skill in past.queues.keys() | kept.queues.keys()
        }
        return Series(min(past.complete_from_ms, complete_from_ms), queues)

    def _closed_today(self, vdn: VdnKey) -> Mapping[int, DaySums] | None:
        hosted = self._hub.hosted.get(vdn)
        if hosted is None:
            return {}
        self._hub.close_fives(vdn, hosted)
        return self._records.day(vdn, hosted.engine.books.day_ms)

    async def _know_today(self, vdn: VdnKey, engine: Vdn) -> None:
        """After a restart the sums of today begin anew; history has those before. It is asked once a mark."""
        asked = engine.books.day_ms, engine.books.mark_ms
        if self._past is None or self._closed_today(vdn) is not None or self._unfilled.get(vdn) == asked:
            return
        self._unfilled[vdn] = asked
        from_ms, to_ms = asked[0], self._records.complete_from_ms(vdn)
        try:
            before = await self._past.sums(vdn, from_ms, to_ms)
        except HistoryUnavailable:
            return
        if before is not None and to_ms == self._records.complete_from_ms(vdn):
            self._records.fill(vdn, from_ms, before)

    def _engine(self, vdn: VdnKey) -> Vdn:
        hosted = self._hub.hosted.get(vdn)
        return self._nobody if hosted is None else hosted.engine

    def _now_ms(self, engine: Vdn) -> int:
        return max(self._clock.now_ms(), engine.clock_ms)
