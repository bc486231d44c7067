"""Whole requests and whole answers, byte for byte: one file of `golden/` for each success and each refusal.

A file has a remark, what is special about the world, the request as it goes over the wire, and the answer.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from asking import (
    AK,
    NOW_MS,
    SK,
    TOKEN,
    Headers,
    Heard,
    OneKeyring,
    SteadyBoard,
    StillClock,
    Tally,
    ask,
    scope_of,
)
from cms.behind import WAIT_S, AppLink
from queuepulse.authentication import Authenticator
from queuepulse.bms.app import BmsApp
from queuepulse.bms.app import Settings as BmsSettings
from queuepulse.cms.app import CmsApp, Settings
from queuepulse.cms.boards import OwnBoard
from queuepulse.cms.gateway import GatewayBoard
from queuepulse.cms.nodes import Node, Nodes
from queuepulse.engine.events import VdnKey
from queuepulse.ports import BoardUnreachable, EncodedBoard
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules

FILES = sorted((Path(__file__).parent / "golden").glob("*.http"))
# Only the first request is asked where nothing is said of the world.
BOARDS = {
    "stale": SteadyBoard(stale_since_ms=NOW_MS - 5000),
    "unreachable": SteadyBoard(error=BoardUnreachable("partition 7")),
    "defect": SteadyBoard(error=RuntimeError("a secret of the house")),
}


class Golden(NamedTuple):
    world: str
    scope: dict[str, Any]
    body: bytes
    answer: bytes


def read(file: Path) -> Golden:
    request, _, answer = file.read_bytes().partition(b"\n=== answer\n")
    head, _, body = request.partition(b"\n\n")
    remarks = [line for line in head.split(b"\n") if line.startswith(b"# ")]
    first, *lines = head.split(b"\n")[len(remarks) :]
    method, _, target = first.partition(b" ")
    headers: Headers = [(line.split(b": ", 1)[0], line.split(b": ", 1)[1]) for line in lines]
    world = b"".join(remarks[1:]).decode().removeprefix("# world: ")
    return Golden(world, scope_of(method.decode(), target, headers), body, answer)


def text(heard: Heard) -> bytes:
    head = b"".join(b"%s: %s\n" % line for line in heard.headers)
    return b"%d\n%s\n%s\n" % (heard.status, head, heard.body)


def direct(world: str) -> EncodedBoard:
    return OwnBoard(BOARDS.get(world, SteadyBoard()), StillClock(), lambda: 42)


def through_a_gateway(world: str) -> EncodedBoard:
    """The board of a gateway before a BMS that knows all that the settings say of VDNs."""
    bms = BmsApp(
        BOARDS.get(world, SteadyBoard()),
        StillClock(),
        Tally(),
        lambda: 42,
        BmsSettings(token=TOKEN, v3r6_vdns=old_vdns(world)),
        new_request_id=lambda: "0123456789abcdef",
    )
    nodes = Nodes([Node("bms", AppLink(bms, TOKEN))])
    asyncio.run(nodes.look())
    return GatewayBoard(nodes, StillClock(), Tally(), deadline_s=WAIT_S)


def old_vdns(world: str) -> frozenset[VdnKey]:
    return frozenset({VdnKey(1, 1)}) if world == "cti 3.6" else frozenset()


WAYS = [
    pytest.param(direct, True, id="direct"),
    pytest.param(through_a_gateway, True, id="gateway"),
    pytest.param(through_a_gateway, False, id="gateway that knows no VDN"),
]


def app_in(world: str, board: EncodedBoard, knows_vdns: bool) -> CmsApp:
    key = Key(AK, "wallboard", SK, vdns=frozenset({(1, 1)}))
    clock, tally = StillClock(), Tally()
    return CmsApp(
        board,
        Authenticator(OneKeyring(key), clock, tally, body_s_max=10, rules=Rules()),
        clock,
        tally,
        settings=Settings(
            requests_per_s_max=1 if world == "one request a second, spent" else 1000,
            v3r6_vdns=old_vdns(world) if knows_vdns else frozenset(),
        ),
        new_request_id=lambda: "0123456789abcdef",
    )


@pytest.mark.parametrize(("way", "knows_vdns"), WAYS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_answer_is_byte_exact(file: Path, way: Callable[[str], EncodedBoard], knows_vdns: bool) -> None:
    golden = read(file)
    app = app_in(golden.world, way(golden.world), knows_vdns)
    if golden.world == "one request a second, spent":
        assert ask(app, golden.scope, golden.body).status == 200
    assert text(ask(app, golden.scope, golden.body)) == golden.answer


def test_every_cause_of_401_gives_the_same_bytes() -> None:
    answers = {read(file).answer for file in FILES if file.stem.startswith("401_")}
    assert len(answers) == 1
