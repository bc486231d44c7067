"""`GET /v1/explain` over a hub and its log: the present and the past, recomputed from the answer alone."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from asking import AK, SK, Heard, OneKeyring, StillClock, Tally, ask_async, signed
from engine.folding import NINE_MS, SKILLS, event, events_of
from hub.given import hub_on
from queuepulse.authentication import Authenticator
from queuepulse.chronicle import Chronicle
from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.measures import DAY, QUEUES, Plan
from queuepulse.engine.vdn import Vdn
from queuepulse.explainer import HubExplainer
from queuepulse.hub import Hub
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.recall import Recall
from queuepulse.retelling import OUR_NAMES, PastUnavailable, Why
from queuepulse.stores.history import KeptHistory
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.retold_worker import Retellers
from queuepulse.stores.sqlite import SqliteLog
from queuepulse.v1.app import Settings, V1App
from queuepulse.v1.explain import ExplainEndpoint
from queuepulse.v1.interfaces import EXPLAIN
from queuepulse.windowing import WindowAsked, WindowTold
from recomputing import recomputed

MINUTE_MS = 60_000
BANK = VdnKey(1, 1)
BANKS_KEY = Key(AK, "bank", SK, vdns=frozenset({(1, 1)}))


class House:
    """A hub on a log in a file, and the interface above them."""

    def __init__(self, log: SqliteLog, past: Any) -> None:
        self.clock, self.hub_clock, self.log = StillClock(), StillClock(), log
        self.hub: Hub = hub_on(log, self.hub_clock)
        authenticator = Authenticator(
            OneKeyring(BANKS_KEY), self.clock, Tally(), body_s_max=10, rules=Rules()
        )
        endpoint = ExplainEndpoint(HubExplainer(self.hub, self.hub_clock, past))
        self.app = V1App({EXPLAIN: endpoint}, authenticator, self.clock, Tally(), Settings(10_000, 10**6))

    async def told(self, events: list[Event]) -> None:
        for begin in range(0, len(events), 10):
            some = events[begin : begin + 10]
            self.hub_clock.ms = max(self.hub_clock.ms, *(one.at or 0 for one in some))
            await self.hub.ingest(BANK, some)

    async def ask(self, **values: Any) -> Heard:
        query = "&".join(f"{name}={value}" for name, value in {"cc": 1, "vdn": 1, **values}.items())
        return await ask_async(self.app, signed(f"/v1/explain?{query}".encode(), b"", method="GET"), [])

    async def explained(self, **values: Any) -> dict[str, Any]:
        heard = await self.ask(**values)
        assert heard.status == 200, heard.body
        told: dict[str, Any] = json.loads(heard.body)
        assert heard.header(b"x-queuepulse-position") == b"%d" % told["position"]
        return told

    async def refused(self, **values: Any) -> tuple[int, str]:
        heard = await self.ask(**values)
        return heard.status, json.loads(heard.body)["reason"]


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    file = folder / "log.sqlite"
    log = SqliteLog(file, elapsed=lambda: 0.0, warn=pytest.fail)
    with closing(log), closing(Retellers(file, 20.0)) as past:
        yield House(log, past)


@pytest.mark.parametrize("seed", range(4))
def test_random_figures_now_and_then_are_recomputed_from_what_is_answered(tmp_path: Path, seed: int) -> None:
    async def scenario() -> None:
        drawn = random.Random(seed)
        events = sorted(events_of(seed, 300), key=lambda one: one.at or 0)
        async with house(tmp_path) as asked:
            await asked.told(events)
            first_ms, last_ms = events[0].at or 0, asked.hub_clock.ms
            for number in range(20):
                at_ms = last_ms if number % 2 else drawn.randint(first_ms, last_ms)
                engine = Vdn()
                for one in events:
                    if (one.at or 0) <= at_ms:
                        engine.apply(one)
                wire, figure = drawn.choice(sorted(OUR_NAMES.items()))
                row = drawn.choice(engine.rows(SKILLS, at_ms))
                values = {"skill": row.skill, "figure": drawn.choice([wire, figure])}
                told = await asked.explained(**values, **({} if number % 2 else {"at": at_ms}))
                assert told["value"] == recomputed(told) == getattr(row, figure), (at_ms, figure)
                assert (told["wire"], told["figure"], told["at_ms"]) == (wire, figure, at_ms)

    asyncio.run(scenario())


WAITING = [event("call_offered", 1_000 * number, call=f"c{number}", skill=1) for number in range(1, 31)]


def test_what_is_listed_can_be_paged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as asked:
            await asked.told(WAITING)
            calls: list[str] = []
            while True:
                told = await asked.explained(skill=1, figure="waiting", after=len(calls), limit=7)
                assert recomputed(told) == told["terms_total"] == 30
                if not told["terms"]:
                    break
                calls += [term["call"] for term in told["terms"]]
            assert calls == [f"c{number}" for number in range(1, 31)]

    asyncio.run(scenario())


def test_what_cannot_be_answered_is_refused_with_a_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as asked:
            await asked.told(WAITING)
            future_ms = asked.hub_clock.ms + 1
            assert await asked.refused(skill=1, figure="waiting", at=future_ms) == (400, "is in the future")
            assert await asked.refused(skill=1, figure="waiting", vdn=2) == (
                403,
                "this key may not see VDN 1/2",
            )
            status, reason = await asked.refused(skill=1, figure="nothing")
            assert (status, reason.startswith("must be one of signed_in, talking")) == (400, True)
            assert (await asked.refused(figure="waiting"))[1] == "is missing in the URL"

    asyncio.run(scenario())


def test_a_vdn_that_nobody_spoke_of_is_explained_as_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as asked:
            told = await asked.explained(skill=1, figure="wait_s_mean")
            assert (told["value"], told["terms"], told["position"]) == (0, [], 0)

    asyncio.run(scenario())


def test_the_past_that_cannot_be_told_now_may_be_asked_for_again(tmp_path: Path) -> None:
    class Busy:
        async def explain(self, vdn: VdnKey, why: Why) -> Any:
            raise PastUnavailable("two questions are under way", 2)

    async def scenario() -> None:
        log = SqliteLog(tmp_path / "log.sqlite", elapsed=lambda: 0.0, warn=pytest.fail)
        with closing(log):
            asked = House(log, Busy())
            await asked.told(WAITING)
            heard = await asked.ask(skill=1, figure="waiting", at=NINE_MS)
            assert (heard.status, heard.header(b"retry-after")) == (503, b"2")
            # What is past nothing is of the present.
            assert (await asked.explained(skill=1, figure="waiting", at=NINE_MS + 30_000))["value"] == 30

    asyncio.run(scenario())


def test_no_number_of_a_caller_is_shown(tmp_path: Path) -> None:
    number = "02079460123"
    events = [
        event("agent_configured", 0, agent=101, name="Ann", phone=number),
        event("agent_signed_in", 1, agent=101, skills=[1]),
        event("call_offered", 2, call="A", skill=1, caller=number, called=number),
        event("call_alerting", 3, call="A", agent=101),
    ]

    async def scenario() -> None:
        async with house(tmp_path) as asked:
            await asked.told(events)
            for figure in OUR_NAMES.values():
                for more in ({}, {"at": NINE_MS + 2}):
                    assert number not in (await asked.ask(skill=1, figure=figure, **more)).body.decode()

    asyncio.run(scenario())


def test_a_long_list_of_facts_is_read_while_others_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuepulse.explainer.PIECE_ITEMS", 6)

    async def scenario() -> None:
        async with house(tmp_path) as asked:
            await asked.told(WAITING)
            explained = asyncio.ensure_future(asked.explained(skill=1, figure="offered_in"))
            for _ in range(5):
                await asyncio.sleep(0)
            # It goes on meanwhile, and what is explained is of before.
            await asked.told([event("call_offered", 60_000, call="later", skill=1)])
            told = await explained
            assert told["value"] == recomputed(told) == 30

    asyncio.run(scenario())


def test_figures_of_windows_are_explained_now_and_then(tmp_path: Path) -> None:
    async def scenario() -> None:
        events = sorted(events_of(3, 300), key=lambda one: one.at or 0)
        async with house(tmp_path) as asked:
            await asked.told(events)
            last_ms = asked.hub_clock.ms
            for figure, more in [
                ("offered", {}),
                ("service_level_negative", {"seconds": 3_600, "within": 20}),
                ("occupancy", {"window": "sliding", "seconds": 1_800}),
                ("wait_ms_p90", {"window": "last_five"}),
                ("estimated_wait_ms", {}),
                ("estimated_wait_error_ms", {}),
                ("oldest_waiting", {}),
            ]:
                for at in ({}, {"at": last_ms - 700_000}):
                    told = await asked.explained(skill=2, figure=figure, **more, **at)
                    assert told["value"] == recomputed(told), (figure, at)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"figure": "waiting", "window": "five"}, "window"),
        ({"figure": "estimated_wait_ms", "seconds": 5}, "seconds"),
        ({"figure": "offered", "window": "sliding"}, "seconds"),
        ({"figure": "offered", "window": "five", "seconds": 5}, "seconds"),
        ({"figure": "offered", "window": "range"}, "window"),
        ({"figure": "offered", "seconds": 3_601}, "seconds"),
    ],
)
def test_a_window_that_does_not_fit_the_figure_is_refused(
    tmp_path: Path, values: dict[str, Any], key: str
) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as asked:
            heard = await asked.ask(skill=1, **values)
            assert (heard.status, json.loads(heard.body)["key"]) == (400, key)

    asyncio.run(scenario())


def minute_of(minute: int) -> list[Event]:
    """A call that may have been there in the minute before, and one that gives up."""
    at_ms, call, other = minute * MINUTE_MS, f"c{minute // 2}", f"w{minute}"
    return [
        event("call_offered", at_ms, call=call, skill=1),
        event("call_alerting", at_ms + 1_000, call=call, agent=101),
        event("call_answered", at_ms + 3_000, call=call, agent=101),
        event("call_released", at_ms + 9_000 + 1_000 * minute, call=call, wrapup_ms=20_000),
        event("call_offered", at_ms + 50_000, call=other, skill=1),
        event("call_left", at_ms + 58_000 + minute, call=other, cause="abandoned"),
    ]


DAYS = Plan([one for one in QUEUES.measures if DAY in one.windows], QUEUES)
PRESENTS = [one.name for one in QUEUES.presents]


async def alike(asked: House, told: WindowTold, drawn: random.Random) -> dict[str, Any]:
    """Some figures are explained as they were told; all that were told."""
    names = [*(one.name for one in DAYS.measures), *PRESENTS]
    figures = dict(zip(names, told.rows[0], strict=True))
    for figure in (*drawn.sample(names, 12), "offered", "callers", "occupancy"):
        window = {} if figure in PRESENTS else {"window": DAY}
        explained = await asked.explained(skill=1, figure=figure, limit=7, **window)
        assert explained["value"] == recomputed(explained) == figures[figure], (told.end_ms, figure)
        if window:
            assert (explained["from_ms"], explained["until_ms"]) == (told.begin_ms, told.end_ms)
    return figures


@pytest.mark.parametrize("begins", [3, 5])
def test_a_day_is_that_of_the_figures_where_it_begins_off_the_mark(tmp_path: Path, begins: int) -> None:
    """docs/history.md: it begins with the five minutes that begin then or later."""
    mark_ms = NINE_MS + 5 * MINUTE_MS

    async def scenario(asked: House, recall: Recall) -> None:
        await asked.told([event("vdn_configured", -120 * MINUTE_MS, day_starts=f"09:0{begins}")])
        await asked.told([event("agent_signed_in", -60 * MINUTE_MS, agent=101, skills=[1])])
        for minute in range(-6, 17):
            await asked.told(minute_of(minute))
            if minute % 4 == 0:
                await asked.hub.chronicle.flush()
            told = await recall.window(WindowAsked(BANK, [1], DAYS, DAY, presents=PRESENTS))
            figures = await alike(asked, told, random.Random(minute))
            if minute >= begins:
                assert told.begin_ms == min(mark_ms, told.end_ms)
                assert figures["offered"] == 2 * max(minute - 4, 0)
        # The nineteen count to the minute.
        today = await asked.explained(skill=1, figure="answered_today")
        assert (today["from_ms"], today["value"]) == (NINE_MS + begins * MINUTE_MS, 17 - begins)

    async def whole() -> None:
        database = SqliteHistory(tmp_path / "history.sqlite")
        async with house(tmp_path) as asked:
            history = KeptHistory(database, {"5min": 35, "15min": 400, "day": 3650})
            asked.hub.chronicle = Chronicle(history, pytest.fail)
            recall = Recall(asked.hub, database, asked.hub_clock)
            await scenario(asked, recall)
            recall.close()

    asyncio.run(whole())
