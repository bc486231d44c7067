"""`GET /v1/calls` and `/v1/calls/{call}` over a hub and its history, as a client meets them."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from asking import AK, SK, Heard, OneKeyring, StillClock, Tally, ask_async, signed
from engine.folding import HOUR_MS, NINE_MS, event, events_of
from hub.given import HandClock
from hub.given import Tally as HubTally
from oracle.passes import Registrar
from queuepulse import registry as registry_module
from queuepulse.authentication import Authenticator
from queuepulse.calling import cursor_of
from queuepulse.chronicle import Chronicle
from queuepulse.engine import codec
from queuepulse.engine.events import Event, VdnKey
from queuepulse.hub import Hub, HubSettings
from queuepulse.ports import HistoryUnavailable, Told
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.registry import Registry
from queuepulse.stores.history import KeptHistory
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.passes import KeptCalls
from queuepulse.stores.records import RecentFives
from queuepulse.v1.app import Settings, V1App
from queuepulse.v1.calls import CallEndpoint, CallsEndpoint
from queuepulse.v1.interfaces import CALL, CALLS

BANK, SHOP = VdnKey(1, 1), VdnKey(1, 2)
BANKS_KEY = Key(AK, "bank", SK, vdns=frozenset({(1, 1)}))
KEPT = {"5min": 35, "15min": 400, "day": 3_650}


def silent(*_: object) -> None:
    """Takes what nobody here asks for."""


class Slow:
    """A history that is written only when the test says so."""

    def __init__(self, history: KeptHistory) -> None:
        self.history = history
        self.fails = False

    async def write(self, told: Sequence[Told]) -> None:
        self.write_now(told)

    def write_now(self, told: Sequence[Told]) -> None:
        if self.fails:
            raise HistoryUnavailable("it is away.")
        self.history.write_now(told)

    def position(self, vdn: VdnKey) -> int:
        return self.history.position(vdn)

    async def prune(self, now_ms: int) -> None:
        await self.history.prune(now_ms)


class House:
    """A hub with a history in a file, and the interfaces above them."""

    def __init__(self, database: SqliteHistory, *, masks: bool = True) -> None:
        clock = StillClock()
        self.log, self.database = MemoryLog(), database
        self.history = Slow(KeptHistory(database, KEPT, KeptCalls(1, masks)))
        self.hub_clock = HandClock()
        self.hub = self.a_hub()
        self.registry = Registry(self.hub, database, masks_numbers=masks)
        self.authenticator = Authenticator(
            OneKeyring(BANKS_KEY), clock, Tally(), body_s_max=10, rules=Rules()
        )
        endpoints = {CALL: CallEndpoint(self.registry), CALLS: CallsEndpoint(self.registry)}
        self.app = V1App(endpoints, self.authenticator, clock, Tally(), Settings(10_000, 10**6))

    def a_hub(self) -> Hub:
        chronicle, settings = Chronicle(self.history, silent), HubSettings(ahead_ms_max=10**12)
        return Hub(self.log, self.hub_clock, HubTally(), settings, silent, silent, RecentFives(), chronicle)

    async def ask(self, path: str, **values: Any) -> Heard:
        given = {"cc": 1, "vdn": 1, **values}
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in given.items())
        return await ask_async(self.app, signed(f"{path}?{query}".encode(), b"", method="GET"), [])

    async def call(self, call: str) -> dict[str, Any]:
        heard = await self.ask(f"/v1/calls/{quote(call, safe='')}")
        assert heard.status == 200, heard.body
        return json.loads(heard.body)  # type: ignore[no-any-return]

    async def page(self, **values: Any) -> dict[str, Any]:
        heard = await self.ask("/v1/calls", **{"from": 0, **values})
        assert heard.status == 200, heard.body
        return json.loads(heard.body)  # type: ignore[no-any-return]

    async def pages(self, **values: Any) -> list[dict[str, Any]]:
        """All calls, page by page."""
        page = await self.page(**values)
        found = list(page["calls"])
        while page["next"]:
            page = await self.page(**values, after=page["next"])
            found += page["calls"]
        return found


@asynccontextmanager
async def a_house(tmp_path: Path, **given: Any) -> AsyncIterator[House]:
    with closing(SqliteHistory(tmp_path / "history.sqlite")) as database:
        house = House(database, **given)
        yield house
        house.registry.close()


def written_down(registrar: Registrar) -> dict[tuple[int, str], list[tuple[Any, ...]]]:
    """The passes of each call by the second reading, ended or live."""
    found: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for stay in [*registrar.ended_stays, *(registrar.stays[call] for call in registrar.calls)]:
        wait: int | None = None
        if stay.answered is not None and stay.wait_known:
            wait = max(0, stay.answered - stay.since)
        elif stay.answered is None and stay.ended is not None and stay.outcome != "closed":
            wait = max(0, stay.ended - stay.since)
        talk: int | None = None
        if stay.answered is not None and stay.ended is not None and stay.outcome != "closed":
            talk = max(0, stay.ended - stay.answered)
        keys = (stay.skill, stay.number, stay.outcome, stay.agent, wait, talk, stay.wrapup, stay.short)
        found.setdefault((stay.call_at, stay.call), []).append(keys)
    return {key: sorted(passes, key=repr) for key, passes in sorted(found.items())}


def heard_of(calls: Sequence[dict[str, Any]]) -> dict[tuple[int, str], list[tuple[Any, ...]]]:
    names = ("skill", "number", "outcome", "agent", "wait_ms", "talk_ms", "wrapup_ms", "short")
    return {
        (call["begun_at_ms"], call["call"]): sorted(
            [tuple(one[name] for name in names) for one in call["passes"]], key=repr
        )
        for call in calls
    }


@pytest.mark.parametrize("seed", range(12))
def test_calls_are_those_of_the_second_reading_wherever_they_lie(tmp_path: Path, seed: int) -> None:
    """Live, just ended, on their way into history, and kept: whatever the server is killed in between."""

    async def walk() -> None:
        async with a_house(tmp_path) as house:
            rng, registrar = random.Random(seed), Registrar()
            drawn = events_of(seed, 150, snapshots=False)
            for begin in range(0, len(drawn), 10):
                some = drawn[begin : begin + 10]
                await house.hub.ingest(BANK, some)
                await house.hub.ingest(SHOP, events_of(seed + 100, 150, snapshots=False)[begin : begin + 10])
                for one in codec.encode_events(some).splitlines():
                    registrar.apply(json.loads(one))
                if rng.random() < 0.4:
                    await house.hub.chronicle.flush()
                if rng.random() < 0.2:
                    house.hub = house.registry._hub = house.a_hub()
                    house.hub.restore()
                expected = written_down(registrar)
                calls = await house.pages(limit=rng.choice([1, 3, 1000]))
                assert [(one["begun_at_ms"], one["call"]) for one in calls] == list(expected)
                assert heard_of(calls) == expected
            for call in {call for _, call in expected}:
                told = await house.call(call)
                begun = [at for at, of in expected if of == call]
                assert (told["begun_at_ms"], told["earlier"]) == (begun[-1], begun[:-1])
                assert heard_of([told]) == {(begun[-1], call): expected[begun[-1], call]}
                assert told["outcome"] == told["passes"][-1]["outcome"]

    asyncio.run(walk())


def test_a_call_is_found_at_once_and_stays(tmp_path: Path) -> None:
    async def walk() -> None:
        async with a_house(tmp_path) as house:
            keys = {"caller": "13912345678", "called": "95588", "media": 5, "priority": 2}
            await house.hub.ingest(BANK, [event("agent_signed_in", 0, agent=7, skills=[1])])
            await house.hub.ingest(BANK, [event("call_offered", 1_000, call="A/1 é", skill=1, **keys)])
            told = await house.call("A/1 é")
            [waiting] = told["passes"]
            assert (waiting["outcome"], waiting["wait_ms"], waiting["ended_at_ms"]) == ("waiting", None, None)
            assert (waiting["caller"], waiting["called"]) == ("*********78", "***88")
            for one in (
                event("call_alerting", 3_000, call="A/1 é", agent=7),
                event("call_answered", 4_500, call="A/1 é", agent=7),
                event("call_released", 64_500, call="A/1 é", wrapup_ms=10_000),
            ):
                await house.hub.ingest(BANK, [one])
            ended = await house.call("A/1 é")
            assert ended["passes"] == [
                {
                    "number": 1, "skill": 1, "direction": "in", "outcome": "released",
                    "offered_at_ms": NINE_MS + 1_000, "waiting_since_ms": NINE_MS + 1_000,
                    "answered_at_ms": NINE_MS + 4_500, "ended_at_ms": NINE_MS + 64_500,
                    "wait_ms": 3_500, "talk_ms": 60_000, "hold_ms": 0, "wrapup_ms": 10_000, "agent": 7,
                    "rang_at": [{"agent": 7, "at_ms": NINE_MS + 3_000}], "talked_until": [], "short": False,
                    "media": 5, "priority": 2, "caller": "*********78", "called": "***88",
                }
            ]  # fmt: skip
            house.history.fails = True
            await house.hub.ingest(BANK, [event("clock", HOUR_MS)])
            assert not await house.hub.chronicle.flush()
            assert await house.call("A/1 é") == ended
            house.history.fails = False
            assert await house.hub.chronicle.flush()
            assert await house.call("A/1 é") == ended

    asyncio.run(walk())


@pytest.mark.parametrize("by_id", [True, False])
def test_a_call_that_ends_and_is_written_while_it_is_read_is_told_once_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_id: bool
) -> None:
    async def walk() -> None:
        async with a_house(tmp_path) as house:
            await house.hub.ingest(BANK, [event("call_offered", 0, call="A", skill=1)])
            read, ends = house.registry._read, [event("call_left", 9_000, call="A", cause="key")]

            async def late(work: Any) -> Any:
                while ends:
                    await house.hub.ingest(BANK, [ends.pop(), event("clock", HOUR_MS)])
                    await house.hub.chronicle.flush()
                return await read(work)

            monkeypatch.setattr(house.registry, "_read", late)
            told = await house.call("A") if by_id else (await house.page())["calls"][0]
            assert [(one["outcome"], one["wait_ms"]) for one in told["passes"]] == [("key", 9_000)]

    asyncio.run(walk())


def test_numbers_are_whole_where_the_setting_says_so(tmp_path: Path) -> None:
    async def walk() -> None:
        async with a_house(tmp_path, masks=False) as house:
            await house.hub.ingest(BANK, [event("call_offered", 0, call="A", skill=1, caller="13912345678")])
            assert (await house.call("A"))["passes"][0]["caller"] == "13912345678"
            await house.hub.ingest(
                BANK, [event("call_left", 1, call="A", cause="key"), event("clock", HOUR_MS)]
            )
            await house.hub.chronicle.flush()
            assert (await house.call("A"))["passes"][0]["caller"] == "13912345678"
            # From when on the setting says otherwise, nobody is told.
            house.registry._masks_numbers = True
            assert (await house.call("A"))["passes"][0]["caller"] == "*********78"

    asyncio.run(walk())


def one_call(number: int, after_ms: int) -> list[Event]:
    name = f"c{number:03}"
    return [
        event("call_offered", after_ms, call=name, skill=1 + number % 3, id=f"o{number}"),
        event("call_answered", after_ms + 1, call=name, agent=1 + number % 5, id=f"a{number}"),
        event("call_released", after_ms + 2, call=name, id=f"r{number}"),
    ]


def test_pages_lose_and_repeat_nothing_while_calls_come_and_are_written(tmp_path: Path) -> None:
    async def walk() -> None:
        async with a_house(tmp_path) as house:
            for number in range(60):
                await house.hub.ingest(BANK, one_call(number, number // 4 * 1_000)[: 1 + number % 3])
            page, seen, more = await house.page(limit=7), [], itertools.count(60)
            while True:
                seen += [call["call"] for call in page["calls"]]
                if not page["next"]:
                    break
                number = next(more)
                await house.hub.ingest(BANK, one_call(number, 20_000 * number))
                await house.hub.chronicle.flush()
                page = await house.page(limit=7, after=page["next"])
            assert seen == sorted(seen) and len(set(seen)) == len(seen)
            assert {f"c{number:03}" for number in range(60)} <= set(seen)

    asyncio.run(walk())


def test_a_page_is_cut_where_calls_have_many_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "PAGE_PASSES_MAX", 4)

    async def walk() -> None:
        async with a_house(tmp_path) as house:
            for number, count in enumerate((1, 2, 6, 3, 1)):
                moves = [
                    event("call_offered", 10 * number + move, call=f"c{number}", skill=1 + move % 2)
                    for move in range(count)
                ]
                end = event("call_left", 10 * number + 9, call=f"c{number}", cause="key")
                await house.hub.ingest(BANK, [*moves, end])
            await house.hub.ingest(BANK, [event("clock", HOUR_MS)])
            await house.hub.chronicle.flush()
            calls = await house.pages()
            # Of the one that fills a page by itself there are the first.
            assert [(one["call"], len(one["passes"])) for one in calls] == [
                ("c0", 1), ("c1", 2), ("c2", 4), ("c3", 3), ("c4", 1),
            ]  # fmt: skip

    asyncio.run(walk())


@pytest.mark.parametrize("writes", [False, True])
def test_calls_are_chosen_by_queue_agent_outcome_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    # Few at a time: a page may then be empty, and still have a next one.
    monkeypatch.setattr(registry_module, "SCANNED_MAX", 8)

    async def walk() -> None:
        async with a_house(tmp_path) as house:
            for number in range(90):
                await house.hub.ingest(BANK, one_call(number, number * 1_000))
            lost = [
                event("call_offered", 90_000, call="x", skill=9),
                event("call_left", 90_001, call="x", cause="full"),
            ]
            await house.hub.ingest(BANK, lost)
            if writes:
                await house.hub.ingest(BANK, [event("clock", HOUR_MS)])
                await house.hub.chronicle.flush()

            async def chosen(**values: Any) -> list[str]:
                return [call["call"] for call in await house.pages(limit=5, **values)]

            names = [f"c{number:03}" for number in range(90)]
            assert await chosen() == [*names, "x"]
            assert await chosen(skill=2) == names[1::3]
            assert await chosen(agent=5) == names[4::5]
            assert await chosen(skill=3, agent=1) == names[5::15]
            assert await chosen(outcome="full") == await chosen(skill=9) == ["x"]
            assert await chosen(skill=77) == []
            assert await chosen(**{"from": NINE_MS + 10_000, "to": NINE_MS + 13_000}) == names[10:13]
            at = "2026-01-01T09:00:10Z"
            assert await chosen(**{"from": at, "to": "2026-01-01T10:00:11+01:00"}) == names[10:11]

    asyncio.run(walk())


def test_what_cannot_be_answered_is_told(tmp_path: Path) -> None:
    async def walk() -> None:
        async with a_house(tmp_path) as house:
            await house.hub.ingest(SHOP, [event("call_offered", 0, call="A", skill=1)])

            async def said(path: str, **values: Any) -> tuple[int, str, str]:
                heard = await house.ask(path, **values)
                refusal = json.loads(heard.body)
                return heard.status, refusal.get("key", ""), refusal["reason"]

            status, key, reason = await said("/v1/calls/A")
            assert (status, key) == (404, "call") and "no longer kept" in reason
            for path in ("/v1/calls/A", "/v1/calls"):
                status, _, reason = await said(path, vdn=2, **({} if path[-1] == "A" else {"from": 0}))
                assert (status, reason) == (403, "this key may not see VDN 1/2")
            assert (await said("/v1/calls"))[:2] == (400, "from")
            assert (await said("/v1/calls/%0a"))[:2] == (400, "call")
            assert (await said("/v1/calls/%ff"))[:2] == (400, "call")
            assert (await said("/v1/calls/" + "x" * 65))[:2] == (400, "call")
            assert (await said("/v1/calls/"))[0] == (await said("/v1/calls/a/b"))[0] == 404
            for given, at_fault in (
                ({"limit": 1_001}, "limit"),
                ({"limit": 0}, "limit"),
                ({"to": 0}, "to"),
                ({"outcome": "lost"}, "outcome"),
                ({"after": "%"}, "after"),
                ({"after": "AAAA"}, "after"),
                ({"after": cursor_of((2**62, "a"))}, "after"),
                ({"after": cursor_of((1, "\x00"))}, "after"),
            ):
                assert (await said("/v1/calls", **{"from": 1, **given}))[:2] == (400, at_fault), given

    asyncio.run(walk())


def test_a_history_that_is_away_and_a_crowd_are_told(tmp_path: Path) -> None:
    async def walk() -> None:
        async with a_house(tmp_path) as house:
            await house.hub.ingest(BANK, [event("call_offered", 0, call="A", skill=1)])
            heards = await asyncio.gather(*(house.ask("/v1/calls/A") for _ in range(40)))
            assert {heard.status for heard in heards} == {200, 503}
            assert next(one for one in heards if one.status == 503).header(b"retry-after") == b"1"
            (tmp_path / "history.sqlite").rename(tmp_path / "away")
            heard = await house.ask("/v1/calls/A")
            assert heard.status == 503 and b"history" in heard.body

    asyncio.run(walk())
