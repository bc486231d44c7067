"""What tests of the live half look at: a floor over a real hub, and a browser that reads streams."""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from hub.given import BANK, HandClock, hub_on, turns
from queuepulse.engine.events import Event
from queuepulse.floor import HubFloor
from queuepulse.hub import Hub
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives

WAIT_S = 20.0
"""Longer than any scene takes on a slow machine; one that waits for it has failed."""


class Center:
    """A hub with its floor, and a clock that tests move."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.records = RecentFives()
        self.log = MemoryLog()
        self.hub: Hub = hub_on(self.log, self.clock, records=self.records)
        self.floor = HubFloor(self.hub, self.clock, self.records)

    async def tell(self, *events: Event, vdn: Any = BANK) -> None:
        await self.hub.ingest(vdn, list(events))


class Browser:
    """Reads one stream: what an EventSource and a page make of it (docs/live.md)."""

    def __init__(self, kind: str = "queues", key: str = "skill") -> None:
        self.kind, self.key = kind, key
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.comments: list[str] = []
        self.rows: dict[int, dict[str, Any]] = {}
        self.last_id = ""
        self.has_ended = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.text = ""
        self._gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """As granian's: it waits while the browser does not read, and is silent after a disconnect."""
        await self.reads.wait()
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            return
        self.text += message["body"].decode()
        self.has_ended = not message.get("more_body", False)
        *whole, self.text = self.text.split("\n\n")
        for part in whole:
            self._read(part)

    def close(self) -> None:
        self._gone.set()
        self.reads.set()

    def _read(self, part: str) -> None:
        if part.startswith((":", "retry:")):
            self.comments.append(part)
            return
        lines = dict(line.split(": ", 1) for line in part.split("\n"))
        said = json.loads(lines["data"])
        self.last_id = lines["id"]
        self.messages.append((lines["event"], said))
        if lines["event"] == "full":
            self.rows = {row[self.key]: row for row in said[self.kind]}
            return
        for number in said["gone"]:
            del self.rows[number]
        for change in said[self.kind]:
            number = change[self.key]
            self.rows[number] = {**self.rows.get(number, {}), **change}

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.messages]


async def opened(serving: Awaitable[Any]) -> "asyncio.Task[Any]":
    """A stream that runs, as far as it goes by itself."""
    task = asyncio.ensure_future(serving)
    await turns()
    return task  # type: ignore[return-value]


def played(scene: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that is played on a loop of its own; what still runs at its end is cut off."""

    @functools.wraps(scene)
    def play(*arguments: Any, **named: Any) -> None:
        async def play_whole() -> None:
            async with asyncio.timeout(WAIT_S):
                await scene(*arguments, **named)

        asyncio.run(play_whole())

    return play
