"""What those who look on see of the VDNs of one machine: `ports.Floor` over its hub.

A hub takes events in and answers queries; this reads its engines for wallboards, and changes nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from queuepulse.engine import watching
from queuepulse.engine.events import VdnKey
from queuepulse.engine.states import SIGNED_OUT
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.views import AgentCounts, AgentView, DaySums, QueueView, WaitingCall
from queuepulse.hub import Hub
from queuepulse.ports import Clock, FiveRecords, Seen, Series, VdnSeen
from queuepulse.protocol.health import VdnHealth

SLICE_QUEUES: Final = 250
"""Queues looked at before others get their turn: a millisecond's worth."""
SLICE_AGENTS: Final = 500
"""Agents, likewise."""


class HubFloor:
    """`Floor` of one machine.

    Of a VDN larger than a slice the parts are of slightly different instants; what moved between them comes
    with the next look.
    """

    def __init__(self, hub: Hub, clock: Clock, records: FiveRecords) -> None:
        self._hub = hub
        self._clock = clock
        self._records = records
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
        for five in watching.open_fives(engine.books, skill_ids, from_ms, to_ms):
            of_queue, view = kept.queues.setdefault(five.skill, {}), watching.five_view(five)
            before = of_queue.get(five.mark_ms)
            of_queue[five.mark_ms] = view if before is None else watching.added(before, view)
        return kept

    def _closed_today(self, vdn: VdnKey) -> Mapping[int, DaySums] | None:
        hosted = self._hub.hosted.get(vdn)
        if hosted is None:
            return {}
        self._hub.close_fives(vdn, hosted)
        return self._records.day(vdn, hosted.engine.books.day_ms)

    def _engine(self, vdn: VdnKey) -> Vdn:
        hosted = self._hub.hosted.get(vdn)
        return self._nobody if hosted is None else hosted.engine

    def _now_ms(self, engine: Vdn) -> int:
        return max(self._clock.now_ms(), engine.clock_ms)
