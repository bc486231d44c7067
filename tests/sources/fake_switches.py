"""Switches for tests of links: the replay tool as a program, and small rude servers on the loopback."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.hub import SystemClock
from queuepulse.ports import LogFull, Receipt
from queuepulse.sources.asterisk import Translator
from queuepulse.sources.dialects import Ami, Dialect
from queuepulse.sources.links import PATIENCE, Link, Patience
from queuepulse.sources.names import Ids, Names, PauseReasons
from queuepulse.sources.outlet import Address, Chance, Source, count_nothing
from sources.recordings import ROOT

WAIT_S = 30.0
"""Longer than anything here takes on a slow machine; a test that waits for it has failed."""
SECRET = "hush-hush"
VDN = VdnKey(1, 1)
RECORDINGS = Path(os.environ.get("QUEUEPULSE_RECORDINGS") or ROOT.parent / "shared" / "data")
REPLAY = RECORDINGS.parent / "tools" / "ami_replay" / "replay.py"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def replaying(recording: str, *options: str) -> Iterator[int]:
    """The port at which a recorded Asterisk answers."""
    if not REPLAY.exists():
        assert not os.environ.get("CI"), f"in CI the replay tool must be there: {REPLAY}"
        pytest.skip(f"there is no replay tool at {REPLAY}: set QUEUEPULSE_RECORDINGS")
    command = [sys.executable, str(REPLAY), str(RECORDINGS / "asterisk" / recording), "--port", "0", *options]
    # Its folder may be read-only, and no cache of its modules belongs there.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program:
        assert program.stdout is not None
        try:
            yield int(program.stdout.readline().rpartition(":")[2])
        finally:
            program.kill()


@asynccontextmanager
async def answering(talk: Talk, ssl: SSLContext | None = None) -> AsyncIterator[int]:
    """A server that talks so to whoever connects; its port."""

    async def talk_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk_and_close, "127.0.0.1", 0, ssl=ssl)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Folded:
    """Where events go in place of a hub: it folds them, and refuses as long as `is_full`."""

    def __init__(self) -> None:
        self.engine = Vdn()
        self.events: list[Event] = []
        self.is_full = False
        self.refused = 0

    async def ingest(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        assert vdn == VDN
        await asyncio.sleep(0)
        if self.is_full:
            self.refused += 1
            raise LogFull("no room")
        for event in events:
            self.engine.apply(event)
        self.events += events
        return Receipt(len(events), len(events), 0, 0, len(self.events))

    def seen(self, kind: type[Event]) -> int:
        """How many events of this type came."""
        return sum(type(event) is kind for event in self.events)


def an_asterisk(username: str = "queuepulse", resync_ms: int = 60_000) -> Ami:
    """The dialect of an Asterisk with two mapped queues."""
    queues = Names(Ids(10_000), {"sales": 1, "support": 2, "vip": 3, "night": 4})
    agents = Names(Ids(10_000))
    return Ami(Translator("pbx", queues, agents, PauseReasons(), None, resync_ms), username, SECRET)


async def never(seconds: float) -> None:
    """Waits, but not for long: tests have no time."""
    await asyncio.sleep(min(seconds, 0.02))


@asynccontextmanager
async def listening(
    port: int,
    dialect: Dialect | Callable[[], Dialect],
    folded: Folded,
    patience: Patience = PATIENCE,
    wait: Callable[[float], Awaitable[None]] = never,
    on_defect: Callable[[], None] = count_nothing,
    **address: Any,
) -> AsyncIterator[asyncio.Task[None]]:
    """A link to the switch at this port, as long as the block runs."""
    source = Source("pbx", VDN, Address("127.0.0.1", port, **address))
    new_dialect = dialect if callable(dialect) else lambda: dialect
    chance = Chance(wait, lambda: 0.5, lambda: "abcd")
    link = Link(source, new_dialect, folded, SystemClock(), chance, patience, on_defect=on_defect)
    task = asyncio.create_task(link.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def until(condition: Callable[[], bool]) -> None:
    """Ask again and again, with a deadline."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what is asked has no event to wait for
            await asyncio.sleep(0.01)


# Asterisk, in a few lines


async def read_action(reader: asyncio.StreamReader) -> dict[str, str]:
    """The next action of whoever connected."""
    block = (await reader.readuntil(b"\r\n\r\n")).decode().strip()
    return dict(line.split(": ", 1) for line in block.split("\r\n"))


def reply(writer: asyncio.StreamWriter, action: dict[str, str], response: str, **more: str) -> None:
    """Answers an action."""
    headers = {"Response": response, "ActionID": action["ActionID"], **more}
    writer.write("".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode() + b"\r\n")


async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Banner and login, the plain one."""
    writer.write(b"Asterisk Call Manager/9.0.0\r\n")
    reply(writer, await read_action(reader), "Error", Message="Invalid/unknown command")
    reply(writer, await read_action(reader), "Success", Message="Authentication accepted")


async def show_empty_picture(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every action for ever: one queue, in which nobody is."""
    while action := await read_action(reader):
        reply(writer, action, "Success", Message="list follows")
        one = {"QueueStatus": "QueueParams", "CoreShowChannels": ""}.get(action["Action"])
        if one is not None:
            row = f"Event: {one}\r\nActionID: {action['ActionID']}\r\nQueue: sales\r\n\r\n" if one else ""
            end = f"Event: {action['Action']}Complete\r\nActionID: {action['ActionID']}\r\n\r\n"
            writer.write((row + end).encode())
