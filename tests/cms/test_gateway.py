"""A gateway's board before nodes that die, freeze, forget and lie: right rows of one moment, or none."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from asking import NOW_MS, TOKEN, SteadyBoard, StillClock, Tally
from cms.behind import WAIT_S, AppLink, gone
from queuepulse.bms.app import BmsApp, Settings
from queuepulse.cms import gateway
from queuepulse.cms.boards import OwnBoard
from queuepulse.cms.gateway import GatewayBoard
from queuepulse.cms.nodes import Node, NodeAnswer, NodeFailed, Nodes
from queuepulse.engine.events import AgentSignedIn, CallOffered, Event, VdnKey
from queuepulse.hub import Hub, HubSettings
from queuepulse.ports import Answer, BoardRefused, BoardUnreachable
from queuepulse.protocol import bms
from queuepulse.protocol.interfaces import BMS_CALLS, BMS_STATE, OLD_SKILL_STATE, SKILL_STATE
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives

VDN = VdnKey(1, 1)
IDS = [3, 1, 2, 3]


class Machine:
    """A BMS node with a hub, and the link to it."""

    def __init__(self, name: str, clock: StillClock, token: str = TOKEN) -> None:
        self.clock = clock
        self.hub = Hub(
            MemoryLog(), clock, Tally(), HubSettings(), lambda _: None, lambda *_: None, RecentFives()
        )
        self.link = AppLink(self._app(), token)
        self.node = Node(name, self.link)

    def _app(self) -> BmsApp:
        return BmsApp(self.hub, self.clock, Tally(), self.hub.position, Settings(TOKEN))

    def forget(self) -> None:
        """As a restart does."""
        self.link.app = self._app()


class House:
    """Two nodes fed the same events, a gateway before them, and the same board without any gateway."""

    def __init__(self, deadline_s: float = WAIT_S) -> None:
        self.clock, self.tally = StillClock(), Tally()
        self.machines = [Machine(name, self.clock) for name in ("a", "b")]
        self.nodes = Nodes([machine.node for machine in self.machines], check_every_s=0.05)
        self.board = GatewayBoard(self.nodes, self.clock, self.tally, deadline_s)
        self.number = 0

    async def start(self) -> "House":
        await self.nodes.look()
        await self.feed(AgentSignedIn(agent=101, skills=frozenset({1, 2}), at=NOW_MS, id="in"))
        return self

    async def feed(self, *events: Event) -> None:
        for machine in self.machines:
            await machine.hub.ingest(VDN, events)

    async def call(self, skill: int) -> None:
        self.number += 1
        await self.feed(
            CallOffered(call=f"c{self.number}", skill=skill, at=self.clock.ms, id=f"o{self.number}")
        )

    @property
    def first(self) -> Machine:
        """The one that is asked for this VDN while it is there."""
        name = self.nodes.in_order(VDN)[0].name
        return next(machine for machine in self.machines if machine.node.name == name)

    async def check(self, ids: Sequence[int] = IDS) -> None:
        """The gateway answers what a server answers."""
        for one in (SKILL_STATE, OLD_SKILL_STATE):
            direct = OwnBoard(self.first.hub, self.clock, lambda: 0)
            assert await self.board.encoded(one, VDN, ids) == await direct.encoded(one, VDN, ids)


def test_answers_equal_those_of_a_server_while_rows_change() -> None:
    async def course() -> None:
        house = await House().start()
        for step in range(30):
            await house.check()
            house.clock.ms += (0, 1, 400, 1_000, 299_000)[step % 5]
            if step % 3 == 0:
                await house.call(1 + step % 4)
        asked = house.first.link.asked
        # Where nothing has changed, one half is enough.
        assert 10 < asked.count(BMS_CALLS.path) < asked.count(BMS_STATE.path) // 2

    asyncio.run(course())


def test_a_node_that_dies_between_the_halves_is_replaced_by_the_other() -> None:
    async def course() -> None:
        house = await House().start()
        await house.call(1)
        first = house.first
        ask = first.link.ask

        async def dying(path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
            if path == BMS_CALLS.path:
                first.link.fault = gone()
            return await ask(path, body, headers)

        first.node.link = Linked(dying)
        await house.board.encoded(SKILL_STATE, VDN, IDS)
        assert first.node.fault == "connection refused"
        assert house.first is not first
        await house.check()
        first.node.link, first.link.fault = first.link, None
        await house.nodes.look()
        assert house.first is first
        await house.check()

    asyncio.run(course())


class Linked:
    """A link that does what a function does."""

    def __init__(self, ask: object) -> None:
        self.ask = ask

    async def close(self) -> None: ...


def test_a_node_that_forgot_is_asked_anew() -> None:
    async def course() -> None:
        house = await House().start()
        await house.check()
        await house.call(1)
        house.first.forget()
        await house.check()
        # Between the halves: the moment is gone, both are asked for again.
        first = house.first
        ask, forgotten = first.link.ask, 0

        async def forgetful(path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
            nonlocal forgotten
            if path == BMS_CALLS.path and not forgotten:
                forgotten += 1
                first.forget()
            return await ask(path, body, headers)

        first.node.link = Linked(forgetful)
        await house.call(2)
        await house.check()
        assert forgotten == 1
        assert first.node.fault is None

    asyncio.run(course())


def test_a_node_that_never_keeps_a_moment_is_given_up_for_another() -> None:
    async def course() -> None:
        house = await House().start()
        first = house.first
        ask = first.link.ask

        async def forgetful(path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
            if path == BMS_CALLS.path:
                first.forget()
            return await ask(path, body, headers)

        first.node.link = Linked(forgetful)
        await house.board.encoded(SKILL_STATE, VDN, IDS)
        assert first.node.fault == "it does not keep to a moment"
        assert first.link.asked.count(BMS_STATE.path) == 2

    asyncio.run(course())


@pytest.mark.parametrize("lie", [{bms.POSITION: "7"}, {bms.INSTANT: "7"}, {bms.CHANGED: "0"}])
def test_halves_of_two_moments_make_no_row(lie: dict[str, str]) -> None:
    async def course() -> None:
        house = await House().start()
        for machine in house.machines:
            machine.node.link = Linked(lying(machine))
        with pytest.raises(BoardUnreachable):
            await house.board.encoded(SKILL_STATE, VDN, IDS)

    def lying(machine: Machine) -> object:
        ask = machine.link.ask

        async def tell(path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
            answer = await ask(path, body, headers)
            return answer._replace(headers=answer.headers | lie) if path == BMS_CALLS.path else answer

        return tell

    asyncio.run(course())


def test_a_frozen_node_costs_its_share_of_the_deadline_once() -> None:
    async def course() -> None:
        house = await House(deadline_s=0.4).start()
        first, frozen = house.first, asyncio.Event()

        async def freeze(*_: object) -> NodeAnswer:
            await frozen.wait()
            raise NodeFailed("woken")

        first.node.link = Linked(freeze)
        async with asyncio.timeout(WAIT_S):
            answers = await asyncio.gather(
                *(house.board.encoded(SKILL_STATE, VDN, [skill]) for skill in (1, 2, 3))
            )
        assert len(answers) == 3
        assert first.node.fault is not None and "no answer within" in first.node.fault
        assert house.tally.told.count(("bms_asked", "late")) == 3
        await house.nodes.look()
        assert house.first is not first
        await house.check()
        assert house.tally.told.count(("bms_asked", "late")) == 3

    asyncio.run(course())


def test_without_any_node_there_is_no_answer_and_a_reason() -> None:
    async def course() -> None:
        house = await House(deadline_s=0.2).start()
        for machine in house.machines:
            machine.link.fault = gone()
        with pytest.raises(BoardUnreachable):
            await house.board.encoded(SKILL_STATE, VDN, IDS)
        fault = house.nodes.fault()
        assert fault is not None and fault.count("connection refused") == 2
        for machine in house.machines:
            machine.link.fault = None
        # They are asked all the same: a look may be late.
        await house.board.encoded(SKILL_STATE, VDN, IDS)

    asyncio.run(course())


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "refuses our token"), (404, "no BMS"), (503, "starts or ends"), (418, "status 418")],
)
def test_what_is_wrong_with_a_node_is_said(status: int, reason: str) -> None:
    async def course() -> None:
        async def refuse(*_: object) -> NodeAnswer:
            return NodeAnswer(status, {}, b"")

        nodes = Nodes([Node("a", Linked(refuse))], check_every_s=WAIT_S)  # type: ignore[arg-type]
        await nodes.look()
        fault = nodes.fault()
        assert fault is not None and reason in fault
        board = GatewayBoard(nodes, StillClock(), Tally(), WAIT_S)
        with pytest.raises(BoardUnreachable):
            await board.encoded(SKILL_STATE, VDN, IDS)

    asyncio.run(course())


def test_a_refusal_is_passed_on() -> None:
    async def course() -> None:
        house = await House().start()
        with pytest.raises(BoardRefused) as refused:
            await house.board.encoded(SKILL_STATE, VDN, [10_001])
        assert refused.value.refusal.code == "0100002"

    asyncio.run(course())


def test_gateways_agree_on_the_node_of_a_vdn_and_use_all_nodes() -> None:
    names = ["a:1", "b:1", "c:1"]
    one = Nodes([Node(name, Linked(None)) for name in names])  # type: ignore[arg-type]
    other = Nodes([Node(name, Linked(None)) for name in reversed(names)])  # type: ignore[arg-type]
    vdns = [VdnKey(cc, vdn) for cc in range(1, 11) for vdn in range(1, 11)]
    chosen = [one.in_order(vdn)[0].name for vdn in vdns]
    assert chosen == [other.in_order(vdn)[0].name for vdn in vdns]
    assert all(20 < chosen.count(name) < 50 for name in names)


def test_questions_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "BASES_MAX", 2)

    async def course() -> None:
        house = await House().start()
        for skill in (1, 2, 3, 1):
            await house.check([skill])
        assert len(house.board._bases) == 2

    asyncio.run(course())


def test_what_was_acknowledged_before_a_question_is_in_its_answer() -> None:
    async def course() -> None:
        house = await House().start()

        async def ask_and_count() -> int:
            answer = await house.board.encoded(SKILL_STATE, VDN, [1])
            told = json.loads(answer.body)
            return int(told["resultDesc"][0]["callWaitNums"])

        for calls in range(1, 20):
            early = asyncio.create_task(ask_and_count())
            await asyncio.sleep(0)
            await house.call(1)
            assert await ask_and_count() == calls
            assert await early in (calls - 1, calls)

    asyncio.run(course())


def test_a_moment_that_stands_still_ahead_of_the_clock_is_told() -> None:
    class Ahead(SteadyBoard):
        async def rows(self, vdn: VdnKey, skill_ids: Sequence[int]) -> Answer:
            answer = await super().rows(vdn, skill_ids)
            return answer._replace(now_ms=NOW_MS + 5)

    async def course() -> None:
        app = BmsApp(Ahead(), StillClock(), Tally(), lambda: 42, Settings(TOKEN))
        nodes = Nodes([Node("a", AppLink(app, TOKEN))])
        answer = await GatewayBoard(nodes, StillClock(), Tally(), WAIT_S).encoded(SKILL_STATE, VDN, IDS)
        assert answer.as_of_ms == NOW_MS + 5

    asyncio.run(course())


def test_the_state_alone_is_asked_for_the_older_twin() -> None:
    async def course() -> None:
        house = await House().start()
        await house.board.encoded(OLD_SKILL_STATE, VDN, IDS)
        assert BMS_CALLS.path not in house.first.link.asked
        assert house.first.link.asked.count(BMS_STATE.path) == 1

    asyncio.run(course())


def test_a_node_that_is_not_there_is_logged_once_until_it_comes_and_goes_again() -> None:
    async def course() -> None:
        house = House()
        machine = house.machines[0]
        nodes = Nodes([machine.node], check_every_s=WAIT_S)
        machine.link.fault = gone()
        with capture_logs() as lines:
            await nodes.look()
            await nodes.look()
            machine.link.fault = None
            await nodes.look()
            await nodes.look()
            nodes.failed(machine.node, "reset")
        assert [line["event"] for line in lines] == [
            "a BMS node is not asked",
            "a BMS node is there",
            "a BMS node is not asked",
        ]

    asyncio.run(course())
