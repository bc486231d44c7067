"""What becomes of our own faults at the edge: one switch loses its connection, and nobody else anything."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from queuepulse.engine.events import CallHeld, CallOffered, Event, LinkLost, LinkRestored, Snapshot
from queuepulse.hub import SystemClock
from queuepulse.sources import queue_log
from queuepulse.sources.dialects import Ami
from queuepulse.sources.following import Follower
from queuepulse.sources.links import RETRY_FIRST_S, RETRY_S_MAX
from queuepulse.sources.names import Ids, Names, PauseReasons
from queuepulse.sources.outlet import Address, Chance, Outlet, Source
from sources.fake_switches import (
    VDN,
    Folded,
    an_asterisk,
    answering,
    let_in,
    listening,
    never,
    read_action,
    reply,
    show_empty_picture,
    until,
)

NUMBER = "+49301234567"
SOURCE = Source("pbx", VDN, Address("127.0.0.1", 1))


class Broken(Ami):
    """An Asterisk's dialect that stumbles over one word of it: `{"1": 1}[number]`, say."""

    def __init__(self, at: str = "take") -> None:
        self.__dict__ |= vars(an_asterisk())
        self.at = at
        self.heard_it = False

    def take(self, piece: bytes, arrived_ms: int) -> bytes:
        said = super().take(piece, arrived_ms)
        self.heard_it |= b"Strange" in piece
        self._stumble("take")
        return said

    def disconnected(self, now_ms: int) -> None:
        self._stumble("disconnected")
        super().disconnected(now_ms)

    def _stumble(self, at: str) -> None:
        if self.heard_it and self.at == at:
            raise KeyError(NUMBER)


def joined(uniqueid: str) -> bytes:
    return f"Event: QueueCallerJoin\r\nQueue: sales\r\nUniqueid: {uniqueid}\r\n\r\n".encode()


def defects(log: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [line for line in log if "by its own fault" in line["event"]]


# long: half of it is the switch that it talks to.
@pytest.mark.parametrize("at", ["take", "disconnected"])
def test_a_translator_that_fails_costs_its_connection_and_begins_anew_with_a_picture(at: str) -> None:
    folded, connections, counted = Folded(), 0, 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await let_in(reader, writer)
        writer.write(joined(f"1.{connections}"))
        showing = asyncio.create_task(show_empty_picture(reader, writer))
        await until(lambda: folded.seen(LinkRestored) == connections)
        if connections <= 3:
            failing = made[-1]
            writer.write(b"Event: Strange\r\nCallerIDNum: " + NUMBER.encode() + b"\r\n\r\n")
            await until(lambda: failing.heard_it)
            if at == "disconnected":
                showing.cancel()
                return
        await showing

    def count() -> None:
        nonlocal counted
        counted += 1

    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await never(seconds)

    made: list[Broken] = []

    def new_dialect() -> Broken:
        made.append(Broken(at))
        return made[-1]

    async def run() -> None:
        async with answering(talk) as port, listening(port, new_dialect, folded, wait=wait, on_defect=count):
            await until(lambda: folded.seen(LinkRestored) == 4)
            assert folded.engine.stale_since_ms is None

    with capture_logs() as log:
        asyncio.run(run())
    # Each connection's caller is heard of, also in the breath in which the translator failed.
    assert [event.call for event in folded.events if isinstance(event, CallOffered)] == [
        f"pbx/1.{number}/1" for number in range(1, 5)
    ]
    assert (folded.seen(LinkLost), folded.seen(Snapshot), len(made), counted) == (4, 4, 4, 3)
    [told] = defects(log)
    assert told["source"] == "pbx"
    assert told["where"].startswith("KeyError < test_defects.py:")
    assert "queuepulse sources record" in told["advice"]
    assert NUMBER not in str(log)
    if at == "take":
        assert waits == [RETRY_FIRST_S * factor * 0.75 for factor in (1, 2, 4)]


def test_the_pause_before_a_translator_that_fails_at_once_grows_and_is_bounded() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_in(reader, writer)
        reply(writer, await read_action(reader), "Success", Strange="1")
        await reader.read()

    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def run() -> None:
        async with answering(talk) as port, listening(port, Broken, Folded(), wait=wait):
            await until(lambda: len(waits) >= 8)

    with capture_logs() as log:
        asyncio.run(run())
    assert waits[:8] == [min(RETRY_S_MAX, 2.0**n) * 0.75 for n in range(8)]
    assert len(defects(log)) == 1


def test_an_event_that_no_start_could_read_again_never_reaches_the_log() -> None:
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    sound = [CallHeld(at=number, call=f"c{number}") for number in range(50)]
    bad: list[Event] = [
        CallHeld(at=-5, call="x"),
        CallHeld(at=1, call=NUMBER * 9),
        CallHeld(at=1, call="\ud800"),
    ]

    async def run() -> Folded:
        folded = Folded()
        outlet = Outlet(SOURCE, folded, Chance(never, lambda: 0.5, str), count)
        await outlet.deliver([*sound[:7], bad[0], *sound[7:30], bad[1], bad[2], *sound[30:]])
        await outlet.deliver([bad[0]])
        return folded

    with capture_logs() as log:
        assert asyncio.run(run()).events == sound
    assert counted == 4
    assert 1 <= len(defects(log)) <= 3
    assert defects(log)[0]["consequence"] == "An event (CallHeld) is left out."
    assert NUMBER not in str(log)


def test_a_line_of_a_queue_log_that_is_too_much_for_us_is_passed_over(tmp_path: Path) -> None:
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    class Failing(queue_log.Translator):
        def take(self, line: str) -> None:
            super().take(line)
            if "Strange" in line:
                raise KeyError(NUMBER)

    file = tmp_path / "queue_log"
    entered = "1767600000|1767600000.{}|sales|NONE|ENTERQUEUE||5550001|1\n"
    file.write_text(entered.format(1) + "1767600000|NONE|NONE|NONE|Strange\n" * 3 + entered.format(2))
    translator = Failing("pbx", Names(Ids(100), {"sales": 1}), Names(Ids(100)), PauseReasons())

    async def run() -> Folded:
        folded = Folded()
        chance = Chance(never, lambda: 0.5, str)
        follower = Follower(SOURCE, file, translator, folded, SystemClock(), chance, -1, count)
        await follower.catch_up()
        follower._close()
        return folded

    with capture_logs() as log:
        assert asyncio.run(run()).seen(CallOffered) == 2
    assert counted == 3
    [told] = defects(log)
    assert told["consequence"] == "The line is passed over."
