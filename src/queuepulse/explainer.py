"""How figures came to be: those of now out of the hub's engines, those of the past out of the log."""

import asyncio
from typing import Final

from queuepulse.engine import drafting
from queuepulse.engine.events import VdnKey
from queuepulse.engine.measures import DAY
from queuepulse.engine.vdn import Vdn
from queuepulse.hub import Hub
from queuepulse.ports import Clock, EncodedAnswer
from queuepulse.retelling import Explainer, PastRefused, Why, encoded

PIECE_ITEMS: Final = 20_000
"""Items of facts read before others get their turn: about half a millisecond."""


class HubExplainer:
    """`Explainer` of one machine; `past` answers for instants before the last event."""

    def __init__(self, hub: Hub, clock: Clock, past: Explainer) -> None:
        self._hub = hub
        self._clock = clock
        self._past = past
        self._nobody = Vdn()

    async def explain(self, vdn: VdnKey, why: Why) -> EncodedAnswer:
        hosted = self._hub.hosted.get(vdn)
        engine = self._nobody if hosted is None else hosted.engine
        now_ms = max(self._clock.now_ms(), engine.clock_ms)
        at_ms = now_ms if why.at_ms is None else why.at_ms
        if at_ms > now_ms:
            raise PastRefused("is in the future")
        if at_ms < engine.clock_ms or why.window == DAY:
            return await self._past.explain(vdn, why._replace(at_ms=at_ms))
        # What is drafted is of this instant and position, however long the reading takes.
        draft = drafting.begin(engine.books, why.asked(), at_ms)
        position, stale_since_ms = 0 if hosted is None else hosted.position, engine.stale_since_ms
        done = draft.read(PIECE_ITEMS)
        while not done:
            await asyncio.sleep(0)
            done = draft.read(PIECE_ITEMS)
        return encoded(vdn, draft.finish(why.after, why.limit), position, stale_since_ms)
