"""The live interface: what it answers to whom. Nobody sees a VDN or a view that is not his, by any way."""

from pathlib import Path
from typing import Any

import pytest

from asking import ask_async, scope_of
from hub.given import turns
from live.given import played
from live.house import ASKED, RIGHT, House, jar, looks, told
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
