"""What the live interface shows, and to whom: names, numbers, series, health; and how much of it."""

import asyncio
from pathlib import Path

import pytest

from hub.given import BANK, FIVE_MS, NOW_MS, offered
from live.given import played
from live.house import HOSTILE, NUMBER, House, looks, told
from queuepulse.live.app import REQUESTS_PER_S_MAX

# What is shown


@played
async def test_names_are_text_and_numbers_are_for_whom_they_concern(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    for name, number in (("viewer", "*********67"), ("supervisor", NUMBER)):
        cookie, _ = house.session(name)
        queues, _ = await house.stream("queues", cookie)
        assert queues.rows[3]["name"] == HOSTILE
        agents, _ = await house.stream("agents", cookie)
        assert agents.rows[7]["phone"] == number
        assert (agents.rows[7]["name"], agents.rows[7]["state"]) == ("Ann", "answering")
        (call,) = told(await house.get("waiting", cookie, cc=1, vdn=1, skill=3))["calls"]
        assert call == {
            "call": "A",
            "waiting_since_ms": NOW_MS,
            "ringing": [7],
            "priority": None,
            "caller": number,
        }
        assert NUMBER not in agents.text or number == NUMBER


@played
async def test_health_tells_of_the_server_only_who_sees_everything(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    mine = told(await house.get("health", cookie, cc=1, vdn=1))
    assert (mine["log"], mine["load"]) == (None, None)
    assert mine["links"] == [{"source": "pbx", "lost_since_ms": NOW_MS}]
    assert (mine["stale_since_ms"], mine["confident_since_ms"]) == (NOW_MS, None)
    assert (mine["queues"], mine["agents"], mine["calls"]) == (1, 1, 1)
    cookie, _ = house.session("elsewhere")
    assert told(await house.get("health", cookie, cc=1, vdn=2))["log"] is None
    cookie, _ = house.session("admin")
    everything = told(await house.get("health", cookie, cc=1, vdn=1))
    assert everything["log"] == {"events": 8, "bytes": 4_711}
    assert everything["load"]["rss_bytes"] > 1_000_000


@played
async def test_a_series_has_what_is_closed_and_what_runs(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    mark_ms = NOW_MS - NOW_MS % FIVE_MS
    for place in range(1, 5):
        house.clock.ms = NOW_MS + place * FIVE_MS
        await house.tell(offered(f"later {place}", at=house.clock.ms))
    assert len(house.records) == 3
    query = {"cc": 1, "vdn": 1, "from_ms": mark_ms, "to_ms": mark_ms + 5 * FIVE_MS}
    series = told(await house.get("series", cookie, skills="3,4", **query))
    assert series["complete_from_ms"] == 0
    assert [queue["skill"] for queue in series["queues"]] == [3, 4]
    assert [(five["mark_ms"], five["offered"]) for five in series["queues"][0]["five"]] == [
        (mark_ms + place * FIVE_MS, 1) for place in range(5)
    ]
    assert series["queues"][1]["five"] == []
    assert told(await house.get("series", cookie, **query))["queues"] == series["queues"][:1]
    day_ms = 86_400_000
    for bad in (
        {"to_ms": mark_ms - 1},
        {"to_ms": mark_ms + 9 * day_ms},
        {"to_ms": mark_ms + day_ms, "skills": "1-1000"},
    ):
        assert (await house.get("series", cookie, **{**query, **bad})).status == 400


@played
async def test_a_figure_is_explained_to_people_as_to_programs(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    await house.tell(offered("C"), offered("D"))
    query = {"cc": 1, "vdn": 1, "skill": 3}
    explained = told(await house.get("explain", cookie, **query, figure="callWaitNums", limit=2))
    assert (explained["figure"], explained["value"], explained["terms_total"]) == ("waiting", 3, 3)
    assert [(term["call"], term.get("agents")) for term in explained["terms"]] == [("A", [7]), ("C", None)]
    assert explained["operands"] == {"waiting": {"by": "sum", "value": 3, "others": 1}}
    assert explained["position"] == house.hub.hosted[BANK].position
    agents = await house.get("explain", cookie, **query, figure="signed_in")
    (ann,) = told(agents)["terms"]
    assert (ann["name"], ann["state"], ann["ringing"]) == ("Ann", "answering", ["A"])
    assert NUMBER.encode() not in agents.body
    for bad in ({"figure": "nothing"}, {"skill": 0}, {"limit": 1_001}, {"after": -1}, {"figure": ""}):
        heard = await house.get("explain", cookie, **{**query, "figure": "waiting", **bad})
        assert (heard.status, told(heard)["error"]) == (400, "bad_request")


@played
async def test_one_session_can_ask_and_look_only_so_much(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    for _ in range(3):
        await house.stream("queues", cookie)
    assert await looks(house, "queues", cookie, cc=1, vdn=1) == 429
    asked = [await looks(house, "health", cookie, cc=1, vdn=1) for _ in range(REQUESTS_PER_S_MAX)]
    assert asked[-1] == 429 and 200 in asked
    house.clock.s += 10
    assert await looks(house, "health", cookie, cc=1, vdn=1) == 200


@played
async def test_a_defect_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    monkeypatch.setattr(house.floor, "health", lambda _: 1 / 0)
    heard = await house.get("health", cookie, cc=1, vdn=1)
    assert (heard.status, told(heard)["error"]) == (500, "unknown_exception")
    assert b"division" not in heard.body


@played
async def test_streams_end_with_the_server(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    browser, stream = await house.stream("queues", cookie)
    await house.streams.end()
    await asyncio.wait_for(stream, 5)
    assert browser.has_ended
    assert BANK in house.floor.vdns()
