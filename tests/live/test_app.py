"""The live interface: what it answers to whom. Nobody sees a VDN or a view that is not his, by any way."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from asking import ask_async, scope_of
from hub.given import BANK, FIVE_MS, NOW_MS, offered, turns
from live.given import Browser, played
from live.house import HOSTILE, NUMBER, RIGHT, House, jar, told
from queuepulse.live.app import REQUESTS_PER_S_MAX
from queuepulse.live.endpoints import ENDPOINTS, LIVE_PREFIX
from queuepulse.people import VIEWS, Scope
from queuepulse.stores.users import UserStore

# What every answer has


@played
async def test_every_answer_is_kept_from_caches_frames_and_others(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    for heard in (
        await house.get("session"),
        await house.get("session", cookie),
        await house.get("nowhere"),
        await house.get("health", cookie, cc=1, vdn=1),
    ):
        headers = dict(heard.headers)
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert b"default-src 'none'" in headers[b"content-security-policy"]
        assert headers[b"cross-origin-resource-policy"] == b"same-origin"


# Coming and going


@played
async def test_signing_in_looking_and_signing_out(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    refused = await house.get("session")
    assert refused.status == 401
    assert {**told(refused), "message": ""} == {"error": "signed_out", "message": "", "oidc": False}
    heard = await house.post("sign-in", {"name": "viewer", "password": RIGHT})
    assert heard.status == 200
    welcome = told(heard)
    assert welcome["user"] == {"name": "viewer", "role": "viewer"}
    assert welcome["vdns"] == [
        {"cc": 1, "vdn": 1, "name": "Bank", "timezone": "Europe/Berlin", "day_starts": "00:00"}
    ]
    set_cookie = (heard.header(b"set-cookie") or b"").decode()
    for attribute in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"):
        assert attribute in set_cookie.split("; ")
    assert "Domain" not in set_cookie
    cookie = set_cookie.split(";")[0].partition("=")[2]
    assert told(await house.get("session", cookie))["csrf"] == welcome["csrf"]
    browser, stream = await house.stream("queues", cookie)
    for csrf in ("", "wrong", welcome["csrf"] + "x"):
        assert (await house.post("sign-out", {}, cookie, x_csrf_token=csrf)).status == 403
    assert (await house.get("session", cookie)).status == 200
    out = await house.post("sign-out", {}, cookie, x_csrf_token=welcome["csrf"])
    assert (out.status, told(out)) == (200, {})
    assert b"Max-Age=0" in (out.header(b"set-cookie") or b"")
    await stream
    assert browser.has_ended
    assert (await house.get("session", cookie)).status == 401


@played
async def test_a_wrong_sign_in_says_nothing_and_a_locked_one_when_to_come(tmp_path: Path) -> None:
    house = House(tmp_path)
    answers = [await house.post("sign-in", {"name": name, "password": "x"}) for name in ("viewer", "nobody")]
    assert [one.status for one in answers] == [401, 401]
    assert answers[0].body == answers[1].body and told(answers[0])["error"] == "wrong"
    for _ in range(4):
        await house.post("sign-in", {"name": "viewer", "password": "x"})
    locked = await house.post("sign-in", {"name": "viewer", "password": RIGHT})
    assert (locked.status, told(locked)["error"], told(locked)["retry_after_s"]) == (423, "locked", 1)
    assert locked.header(b"retry-after") == b"1"


@pytest.mark.parametrize("body", [{}, [], 1, {"name": "x"}, {"name": 1, "password": "x"}])
@played
async def test_a_body_that_is_no_sign_in_is_refused(body: Any, tmp_path: Path) -> None:
    heard = await House(tmp_path).post("sign-in", body)
    assert (heard.status, told(heard)["error"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"origin": "https://evil.example"},
        {"sec_fetch_site": "cross-site"},
    ],
)
@played
async def test_a_form_of_another_page_signs_nobody_in_or_out(headers: dict[str, str], tmp_path: Path) -> None:
    house = House(tmp_path)
    cookie, csrf = house.session("viewer")
    if "content_type" in headers:
        headers = {"content-type": headers["content_type"]}
    for path, body in (("sign-in", {"name": "viewer", "password": RIGHT}), ("sign-out", {})):
        heard = await house.post(path, body, cookie, x_csrf_token=csrf, **headers)
        assert (heard.status, told(heard)["error"]) == (403, "csrf")


@played
async def test_a_long_body_and_a_wrong_method_are_refused(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert (await house.post("sign-in", {"name": "x" * 20_000, "password": ""})).status == 413
    for path in ("session", "queues"):
        assert (await house.post(path, {})).status == 405
    assert (await house.get("sign-in")).status == 405
    for path in ("", "nowhere", "queues/", "session/x", "oidc/start", "oidc/callback"):
        assert (await house.get(path)).status == 404


# Links


@played
async def test_a_link_opens_its_views_of_its_vdn(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    _, token = house.linked(["floor"], Scope(1, 1))
    heard = await house.get(f"link/{token}")
    assert (heard.status, heard.header(b"location")) == (303, b"/")
    cookie = (heard.header(b"set-cookie") or b"").decode().split(";")[0].partition("=")[2]
    welcome = told(await house.get("session", cookie))
    assert (welcome["user"]["role"], welcome["views"]) == ("link", ["floor"])
    assert [(vdn["cc"], vdn["vdn"]) for vdn in welcome["vdns"]] == [(1, 1)]
    # Coming again by the same link makes no second session.
    again = await house.get(f"link/{token}", cookie)
    assert (again.status, again.header(b"set-cookie")) == (303, None)
    house.clock.ms += 3_600_000
    for bad in (token, token[:-1], "", "x/y"):
        gone = await house.get(f"link/{bad}")
        assert gone.status == 404 and gone.header(b"set-cookie") is None
    assert (await house.get("session", cookie)).status == 401


# Who may see what

ASKED: dict[str, dict[str, Any]] = {
    "queues": {},
    "agents": {},
    "waiting": {"skill": 3},
    "health": {},
    "series": {"skills": "3,99", "from_ms": NOW_MS - FIVE_MS, "to_ms": NOW_MS},
}


async def looks(house: House, path: str, cookie: str | None, **query: Any) -> int:
    """The status that somebody gets who asks, for answers and streams alike."""
    browser = Browser(path)
    browser.close()  # a stream ends as soon as it began
    heard: list[Any] = []

    async def send(message: Any) -> None:
        heard.append(message)

    target = f"{LIVE_PREFIX}{path}?{urlencode({**ASKED[path], **query})}"
    scope = scope_of("GET", target.encode(), jar(cookie))
    await house.app(scope, browser.receive, send)
    return int(heard[0]["status"])


def test_every_address_of_a_vdn_is_tried() -> None:
    assert {endpoint.path for endpoint in ENDPOINTS if endpoint.views} == {*ASKED}


@pytest.mark.parametrize("path", ASKED)
@played
async def test_nobody_sees_a_vdn_that_is_not_his(path: str, tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    bank, shop = {"cc": 1, "vdn": 1}, {"cc": 1, "vdn": 2}
    allowed = {
        "viewer": [bank],
        "supervisor": [bank],
        "admin": [bank, shop],
        "elsewhere": [shop],
        "abroad": [],
    }
    unheard_of = {"cc": 1, "vdn": 77}
    for name, own in allowed.items():
        cookie, _ = house.session(name)
        for vdn in (bank, shop):
            assert await looks(house, path, cookie, **vdn) == (200 if vdn in own else 403), (name, vdn)
        # Whether a VDN is there cannot be told from outside.
        assert await looks(house, path, cookie, **unheard_of) == (200 if name == "admin" else 403)
    for cookie in (None, "", "guess", "a" * 43):
        assert await looks(house, path, cookie, **bank) == 401
    linked, token = house.linked(list(VIEWS), Scope(1, 2))
    assert await looks(house, path, linked, **bank) == 403
    assert await looks(house, path, linked, **shop) == 200
    assert await looks(house, path, token, **shop) == 401  # a link is no session


@pytest.mark.parametrize("view", VIEWS)
@played
async def test_a_link_opens_no_other_view(view: str, tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.linked([view], Scope(1, 1))
    needed = {endpoint.path: endpoint.views for endpoint in ENDPOINTS if endpoint.views}
    for path, views in needed.items():
        assert await looks(house, path, cookie, cc=1, vdn=1) == (200 if view in views else 403)


@played
async def test_a_stream_of_two_vdns_or_of_tricks_is_refused(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    cookie, _ = house.session("viewer")
    for query in ("cc=1&vdn=1&vdn=2", "cc=1&vdn=1&cc=1", "vdn=1", "cc=1&vdn=", "cc=1&vdn=1e0", "cc=0&vdn=1",
                  "cc=1&vdn=5001", "cc=1&vdn=1&skills=", "cc=1&vdn=1&skills=2-1", "cc=1&vdn=1&skills=1-2000",
                  "cc=1&vdn=1&skills=1,x", "cc=1&vdn=1&skills=" + "1," * 5_000, "&".join(["a=1"] * 20),
                  "cc=%D9%A1&vdn=1"):  # fmt: skip
        scope = scope_of("GET", f"{LIVE_PREFIX}queues?{query}".encode(), jar(cookie))
        heard = await ask_async(house.app, scope, [])
        assert (heard.status, told(heard)["error"]) == (400, "bad_request"), query
    assert await looks(house, "queues", cookie, cc=1, vdn=2, x="cc=1&vdn=1") == 403


@played
async def test_who_loses_a_vdn_or_is_removed_loses_the_stream(tmp_path: Path) -> None:
    house = await House(tmp_path).open()
    streams = {}
    for name in ("viewer", "supervisor"):
        cookie, _ = house.session(name)
        streams[name] = (cookie, *await house.stream("queues", cookie))
    with UserStore(tmp_path) as other:
        other.remove("viewer")
    house.store.refresh()
    house.streams.recheck()
    await turns()
    assert (streams["viewer"][1].has_ended, streams["supervisor"][1].has_ended) == (True, False)
    house.clock.ms += 3_600_000  # the session is over
    house.streams.recheck()
    await turns()
    assert streams["supervisor"][1].has_ended
    assert (await house.get("session", streams["supervisor"][0])).status == 401


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
