"""`GET /v1/figures`: who is told what over which window, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from asking import AK, SK, Heard, OneKeyring, Tally, ask_async, signed
from hub.given import BANK, FIVE_MS, NOW_MS
from live.given import Center, played
from queuepulse.authentication import Authenticator
from queuepulse.chronicle import Chronicle
from queuepulse.engine.events import (
    AgentSignedIn,
    CallAnswered,
    CallLeft,
    CallOffered,
    CallReleased,
    LinkLost,
    SkillConfigured,
)
from queuepulse.engine.measures import AGENTS, FIVE, QUEUES, SLIDING
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.recall import Recall
from queuepulse.stores.history import KeptHistory
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.v1.app import Settings, V1App
from queuepulse.v1.figures import Figures
from queuepulse.v1.interfaces import FIGURES

KEYS = (Key(AK, "bank", SK, vdns=frozenset({tuple(BANK)})),)
MARK_MS = NOW_MS - NOW_MS % FIVE_MS
T0_MS = MARK_MS + 10_000
BASE = b"/v1/figures?cc=1&vdn=1&"


class Desk:
    """The interface over a hub, and a clock that tests move."""

    def __init__(self, folder: Path) -> None:
        self.center, self.tally = Center(), Tally()
        clock = self.center.clock
        authenticator = Authenticator(OneKeyring(*KEYS), clock, self.tally, body_s_max=10, rules=Rules())
        self.database = SqliteHistory(Path(folder, "history.sqlite"))
        self.history = KeptHistory(self.database, {"5min": 35, "15min": 400, "day": 3650})
        self.center.hub.chronicle = Chronicle(self.history, pytest.fail)
        figures = Figures(Recall(self.center.hub, self.database, clock))
        self.app = V1App({FIGURES: figures}, authenticator, clock, self.tally, Settings(10_000, 10_000))

    async def ask(self, query: bytes, base: bytes = BASE) -> Heard:
        scope = signed(base + query, b"", method="GET", at_ms=self.center.clock.ms)
        return await ask_async(self.app, scope, [])

    async def told(self, query: bytes) -> dict[str, Any]:
        heard = await self.ask(query)
        assert heard.status == 200, heard
        return json.loads(heard.body)  # type: ignore[no-any-return]

    async def a_morning(self) -> None:
        """A is answered after 8.5 s and talks for 60 s; B leaves after 25 s; C waits; D went at once."""
        self.center.clock.ms = T0_MS + 90_000
        await self.center.tell(
            SkillConfigured(at=T0_MS, skill=1, answer_within_ms=10_000),
            AgentSignedIn(at=T0_MS, agent=101, skills=frozenset({1})),
            CallOffered(at=T0_MS + 1_000, call="A", skill=1),
            CallAnswered(at=T0_MS + 9_500, call="A", agent=101),
            CallOffered(at=T0_MS + 10_000, call="B", skill=1),
            CallLeft(at=T0_MS + 35_000, call="B", cause="abandoned"),
            CallOffered(at=T0_MS + 40_000, call="D", skill=1),
            CallLeft(at=T0_MS + 42_000, call="D", cause="abandoned"),
            CallReleased(at=T0_MS + 69_500, call="A", wrapup_ms=10_000),
            CallOffered(at=T0_MS + 85_000, call="C", skill=1),
        )


@played
async def test_a_morning_is_told_figure_by_figure(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    told = await desk.told(b"skills=1,2")
    [row, empty] = told.pop("rows")
    assert told == {
        "cc": 1, "vdn": 1, "position": 10, "as_of": T0_MS + 90_000, "stale_since": None,
        "window": "five", "within": None, "begin": MARK_MS, "end": T0_MS + 90_000,
    }  # fmt: skip
    shown = {name: value for name, value in row.items() if value}
    near = {name: shown.pop(name) for name in list(shown) if "_ms_p" in name}
    answered = {f"answered_within_{seconds}": 1 for seconds in (10, 15, 20, 30, 40, 50, 60)}
    left = {f"left_within_{seconds}": 1 + (seconds > 25) for seconds in (3, 5, 10, 15, 20, 30, 40, 50, 60)}
    assert shown == {
        "skill": 1, "offered": 4, "callers": 4, "answered": 1, "left_abandoned": 2, "short_abandoned": 1,
        # A in time, D given up in time, B missed: it had waited for 10 s before it left.
        "service_level_ignore": 0.5, "service_level_negative": 0.333333, "service_level_positive": 0.666667,
        "average_speed_of_answer_ms": 8_500, "average_handle_time_ms": 70_000,
        "occupancy": 0.777778, "oldest_waiting": {"call": "C", "since": T0_MS + 85_000},
        "estimated_wait_error_ms": 8_500, **answered, **left,
    }  # fmt: skip
    assert near["wait_ms_p50"] == pytest.approx(8_500, rel=0.01)
    assert near["talk_ms_p99"] == pytest.approx(60_000, rel=0.01)
    # An agent is free, so who enters now waits for nobody.
    assert row["estimated_wait_ms"] == 0
    assert empty["offered"] == 0
    assert empty["occupancy"] is None and empty["oldest_waiting"] is None
    assert list(empty) == list(row) == ["skill", *(one.name for one in (*QUEUES.measures, *QUEUES.presents))]


@played
async def test_windows_end_where_they_say(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    offered = b"skills=1&figures=offered,answered"
    counts = {}
    for query in (
        b"seconds=4",
        b"seconds=5",
        b"seconds=50",
        b"window=sliding&seconds=3600",
        b"window=last_five",
    ):
        [row] = (await desk.told(offered + b"&" + query))["rows"]
        counts[query] = (row["offered"], row["answered"])
    assert list(counts.values()) == [(0, 0), (1, 0), (2, 0), (4, 1), (0, 0)]
    desk.center.clock.ms = MARK_MS + FIVE_MS
    told = await desk.told(offered + b"&window=last_five")
    assert (told["begin"], told["end"]) == (MARK_MS, MARK_MS + FIVE_MS)
    assert told["rows"] == [{"skill": 1, "offered": 4, "answered": 1}]
    assert (await desk.told(offered))["rows"] == [{"skill": 1, "offered": 0, "answered": 0}]


@played
async def test_a_call_that_waits_longer_than_the_limit_counts_as_missed_already(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    levels = {}
    for after_ms in (95_000, 95_001):
        desk.center.clock.ms = T0_MS + after_ms
        [row] = (await desk.told(b"skills=1&figures=service_level"))["rows"]
        levels[after_ms] = row["service_level_negative"]
    assert levels == {95_000: 0.333333, 95_001: 0.25}
    [row] = (await desk.told(b"skills=1&figures=service_level&within=30"))["rows"]
    assert row["service_level_positive"] == 1


@played
async def test_figures_and_families_are_chosen_and_rows_come_as_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    rows = (await desk.told(b"skills=2,1,2&figures=left,oldest_waiting,wait_ms_p50"))["rows"]
    assert [row["skill"] for row in rows] == [2, 1, 2]
    causes = [one.name for one in QUEUES.measures if one.family == "left"]
    assert list(rows[0]) == ["skill", *causes, "wait_ms_p50", "oldest_waiting"]


@played
async def test_agents_have_figures_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    [row, other] = (await desk.told(b"agents=101,999"))["rows"]
    assert row["agent"] == 101
    assert (row["answered"], row["talks"], row["talk_ms"]) == (1, 1, 60_000)
    assert (row["talking_ms"], row["adjust_ms"], row["idle_ms"]) == (60_000, 10_000, 20_000)
    assert row["occupancy"] == 0.777778
    assert list(other) == ["agent", *(one.name for one in AGENTS.measures)]
    assert other["occupancy"] is None


@played
async def test_a_lost_link_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    await desk.center.tell(LinkLost(at=T0_MS + 90_000, source="main"))
    heard = await desk.ask(b"skills=1")
    assert json.loads(heard.body)["stale_since"] == T0_MS + 90_000
    assert heard.header(b"x-queuepulse-stale-since") == b"%d" % (T0_MS + 90_000)
    assert heard.header(b"x-queuepulse-position") == b"11"


@pytest.mark.parametrize(
    ("query", "key"),
    [
        (b"within=20", "skills"),
        (b"skills=1&agents=1", "skills"),
        (b"skills=1-1001", "skills"),
        (b"skills=10001", "skills"),
        (b"agents=4294967295", "agents"),
        (b"skills=1&window=year", "window"),
        (b"skills=1&window=sliding", "seconds"),
        (b"skills=1&seconds=0", "seconds"),
        (b"skills=1&seconds=3601", "seconds"),
        (b"skills=1&window=five&seconds=60", "seconds"),
        (b"skills=1&within=21", "within"),
        (b"skills=1&window=range", "from"),
        (b"skills=1&window=day&from=0", "from"),
        (b"skills=1&to=9", "to"),
        (b"skills=1&from=9&to=9", "to"),
        (b"skills=1&from=9&grain=day", "to"),
        (b"skills=1&grain=day", "grain"),
        (b"skills=1&from=0&to=9&grain=week", "grain"),
        (b"skills=1-1000&from=0&to=9000000000&grain=5min", "grain"),
        (b"skills=1&from=2999-01-01T00:00Z", "from"),
        (b"skills=1&from=0&figures=oldest_waiting", "figures"),
        (b"skills=1&from=0&to=99&grain=15min&figures=callers", "figures"),
        (b"skills=1&figures=", "figures"),
        (b"skills=1&figures=offered,sold", "figures"),
        (b"skills=1&figures=talks", "figures"),
        (b"agents=1&figures=offered", "figures"),
        (b"skills=1&seconds=60&figures=callers", "figures"),
        (b"skills=1&window=last_five&figures=oldest_waiting", "figures"),
    ],
)
@played
async def test_what_cannot_be_answered_is_told_with_its_parameter(
    tmp_path: Path, query: bytes, key: str
) -> None:
    heard = await Desk(tmp_path).ask(query)
    said = json.loads(heard.body)
    assert (heard.status, said["resultCode"], said["key"]) == (400, "0100002", key), said


@played
async def test_nobody_is_told_of_a_vdn_that_is_not_his(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    heard = await desk.ask(b"skills=1", b"/v1/figures?cc=1&vdn=2&")
    assert (heard.status, json.loads(heard.body)["resultCode"]) == (403, "0101003")


@played
async def test_a_vdn_never_heard_of_has_rows_of_nothing(tmp_path: Path) -> None:
    told = await Desk(tmp_path).told(b"skills=1&figures=offered,occupancy")
    assert told["position"] == 0
    assert told["rows"] == [{"skill": 1, "offered": 0, "occupancy": None}]


def test_each_name_of_a_window_is_explained() -> None:
    assert {FIVE, SLIDING} <= {one for measure in QUEUES.measures for one in measure.windows}


@played
async def test_a_day_and_a_range_and_its_periods_are_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.a_morning()
    now_ms = desk.center.clock.ms
    told = await desk.told(b"skills=1,2&window=day&figures=offered,callers,oldest_waiting")
    assert (told["window"], told["end"], told["position"]) == ("day", now_ms, 10)
    assert told["begin"] == MARK_MS - MARK_MS % 86_400_000
    oldest = {"call": "C", "since": T0_MS + 85_000}
    assert told["rows"] == [
        {"skill": 1, "offered": 4, "callers": 4, "oldest_waiting": oldest},
        {"skill": 2, "offered": 0, "callers": 0, "oldest_waiting": None},
    ]
    desk.center.clock.ms = MARK_MS + 2 * FIVE_MS
    await desk.center.tell(CallLeft(at=desk.center.clock.ms, call="C", cause="timeout"))
    await desk.center.hub.chronicle.flush()
    span = b"from=%d&to=%d" % (MARK_MS - 1, MARK_MS + 3 * FIVE_MS)
    told = await desk.told(b"skills=2,1&figures=offered,left_timeout,occupancy&" + span)
    assert (told["window"], told["begin"], told["end"]) == ("range", MARK_MS - FIVE_MS, MARK_MS + 2 * FIVE_MS)
    [_, row] = told["rows"]
    assert (row["offered"], row["left_timeout"]) == (4, 1)
    told = await desk.told(b"skills=2,1&figures=offered,left_timeout,service_level_ignore&grain=5min&" + span)
    assert told == {
        "cc": 1, "vdn": 1, "position": 11, "as_of": MARK_MS + 2 * FIVE_MS, "stale_since": None,
        "window": "range", "within": None, "begin": MARK_MS - 1, "end": MARK_MS + 3 * FIVE_MS,
        "grain": "5min", "skills": [2, 1],
        "periods": [
            {"begin": MARK_MS, "end": MARK_MS + FIVE_MS, "offered": [0, 4], "left_timeout": [0, 0],
             "service_level_ignore": [None, 0.333333]},
            {"begin": MARK_MS + FIVE_MS, "end": MARK_MS + 2 * FIVE_MS, "offered": [0, 0],
             "left_timeout": [0, 0], "service_level_ignore": [None, None]},
            {"begin": MARK_MS + 2 * FIVE_MS, "end": MARK_MS + 3 * FIVE_MS, "offered": [0, 0],
             "left_timeout": [0, 1], "service_level_ignore": [None, None]},
        ],
    }  # fmt: skip
