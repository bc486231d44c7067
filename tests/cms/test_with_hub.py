"""Both walks together, through the real hub: what was acknowledged, the next question sees."""

import asyncio
import json
from typing import Any

from asking import AK, NOW_MS, SK, OneKeyring, StillClock, Tally, ask_async, signed
from queuepulse.authentication import Authenticator
from queuepulse.cms.app import CmsApp
from queuepulse.cms.app import Settings as CmsSettings
from queuepulse.cms.boards import OwnBoard
from queuepulse.hub import Hub, HubSettings
from queuepulse.protocol.interfaces import NDJSON, SKILL_STATE
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.sources.http_ingest import IngestApp
from queuepulse.sources.http_ingest import Settings as IngestSettings
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives

QUESTION = b'{"ccId":1,"vdn":1,"skillIds":[3]}'


class House:
    """Everything of one machine but the HTTP server."""

    def __init__(self) -> None:
        self.log, clock, tally = MemoryLog(), StillClock(), Tally()
        self.hub = Hub(self.log, clock, tally, HubSettings(), lambda _: None, lambda *_: None, RecentFives())
        keyring = OneKeyring(Key(AK, "all", SK, sees_all=True, ingests=True))
        authenticator = Authenticator(keyring, clock, tally, body_s_max=10, rules=Rules())
        self.ingest = IngestApp(self.hub, authenticator, clock, tally, IngestSettings())
        board = OwnBoard(self.hub, clock, self.hub.position)
        self.cms = CmsApp(board, authenticator, clock, tally, CmsSettings())

    async def send(self, *events: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        body = b"\n".join(json.dumps({"at": NOW_MS, **event}).encode() for event in events)
        scope = signed(b"/ingest/v1/events?cc=1&vdn=1", body, NDJSON.encode())
        heard = await ask_async(self.ingest, scope, [body])
        return heard.status, json.loads(heard.body)

    async def row(self) -> tuple[dict[str, int], dict[bytes, bytes]]:
        heard = await ask_async(self.cms, signed(SKILL_STATE.path.encode(), QUESTION), [QUESTION])
        (row,) = json.loads(heard.body)["resultDesc"]
        return row, dict(heard.headers)


def test_what_was_acknowledged_the_next_question_sees() -> None:
    async def walk() -> None:
        house = House()
        offered = {"type": "call_offered", "call": "c1", "skill": 3, "id": "1"}
        status, receipt = await house.send(offered, {**offered, "call": "c2", "id": "2"}, offered)
        assert (status, receipt) == (
            200,
            {"accepted": 3, "applied": 2, "repeated": 1, "out_of_place": 0, "position": 3},
        )
        row, headers = await house.row()
        assert (row["skillId"], row["callWaitNums"], row["allCallCount"]) == (3, 2, 2)
        assert headers[b"x-queuepulse-position"] == b"3"
        assert b"x-queuepulse-stale-since" not in headers
        await house.send({"type": "link_lost"})
        _, headers = await house.row()
        assert headers[b"x-queuepulse-stale-since"] == str(NOW_MS).encode()

    asyncio.run(walk())


def test_a_full_log_refuses_events_and_still_answers_questions() -> None:
    async def walk() -> None:
        house = House()
        await house.send({"type": "call_offered", "call": "c1", "skill": 3})
        house.log.bytes_max = 0
        status, _ = await house.send({"type": "call_offered", "call": "c2", "skill": 3})
        assert status == 503
        row, _ = await house.row()
        assert row["callWaitNums"] == 1

    asyncio.run(walk())


def test_one_bad_event_leaves_log_and_figures_as_they_were() -> None:
    async def walk() -> None:
        house = House()
        good = {"type": "call_offered", "call": "c1", "skill": 3}
        status, told = await house.send(good, {**good, "skill": 0})
        assert (status, told["line"], told["key"]) == (400, 2, "skill")
        row, headers = await house.row()
        assert (row["callWaitNums"], headers[b"x-queuepulse-position"]) == (0, b"0")

    asyncio.run(walk())
