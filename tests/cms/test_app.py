"""What one request alone does not show: the order of checks, limits, proxies, logs, counters, and damage."""

import asyncio
import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from asking import (
    AK,
    NOW_MS,
    SK,
    Heard,
    OneKeyring,
    SteadyBoard,
    StillClock,
    Tally,
    ask,
    ask_async,
    scope_of,
    signed,
)
from queuepulse import authentication
from queuepulse.asgi import DRAINED_BYTES_MAX
from queuepulse.authentication import Authenticator
from queuepulse.cms.app import CmsApp, Settings
from queuepulse.cms.boards import OwnBoard
from queuepulse.engine.events import VdnKey
from queuepulse.protocol.interfaces import SKILL_STATE
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules, SeenSignatures
from queuepulse.protocol.wire import UNAUTHENTICATED
from queuepulse.proxies import Proxies

PATH = SKILL_STATE.path.encode()
BODY = b'{"ccId":1,"vdn":1,"skillIds":[1,2]}'
JSON = b"application/json"
KEYS = (Key(AK, "wallboard", SK, vdns=frozenset({(1, 1)})), Key("other", "other", SK, sees_all=True))
DEFAULTS = Settings()


class House:
    """An app, and what stands around it."""

    def __init__(
        self, settings: Settings = DEFAULTS, board: SteadyBoard | None = None, **proofs: Any
    ) -> None:
        self.clock, self.tally, self.board = StillClock(), Tally(), board or SteadyBoard()
        self.app = CmsApp(
            OwnBoard(self.board, self.clock, position=lambda: 42),
            Authenticator(
                OneKeyring(*KEYS),
                self.clock,
                self.tally,
                body_s_max=10,
                rules=proofs.pop("rules", Rules()),
                **proofs,
            ),
            self.clock,
            self.tally,
            settings=settings,
            new_request_id=lambda: "0123456789abcdef",
        )

    def ask(self, body: bytes = BODY, **signing: Any) -> Heard:
        return ask(self.app, signed(PATH, body, **signing), body)


def test_of_several_faults_the_first_in_order_is_told() -> None:
    """404, 405, 415, 413, 401, 429, 0100002, 0101003, 0100003: each request has one fault less."""
    house = House(Settings(requests_per_s_max=1, v3r6_vdns=frozenset({VdnKey(1, 1), VdnKey(1, 2)})))
    long = (b"content-length", b"9999999")
    faults = [
        ("GET", b"/nowhere", [(b"content-type", b"text/html"), long]),
        ("GET", PATH, [(b"content-type", b"text/html"), long]),
        ("POST", PATH, [(b"content-type", b"text/html"), long]),
        ("POST", PATH, [(b"content-type", JSON), long]),
        ("POST", PATH, [(b"content-type", JSON)]),
    ]
    statuses = [ask(house.app, scope_of(*fault), b"{").status for fault in faults]
    assert statuses == [404, 405, 415, 413, 401]
    other_vdn = BODY.replace(b'"vdn":1', b'"vdn":2')
    assert house.ask(b"{").status == 200
    codes = []
    for body in (b"{", other_vdn.replace(b"[1", b"[0"), other_vdn, BODY):
        assert house.ask(b"{").status == 429
        house.clock.s += 1.01
        codes.append(json.loads(house.ask(body).body)["resultCode"])
    assert codes == ["0100002", "0100002", "0101003", "0100003"]
    assert house.board.asked == []


def test_requests_are_limited_by_key_and_come_back_with_time() -> None:
    house = House(Settings(requests_per_s_max=3))
    assert [house.ask().status for _ in range(4)] == [200, 200, 200, 429]
    assert house.ask(ak="other").status == 200
    house.clock.s += 0.34
    assert [house.ask().status for _ in range(2)] == [200, 429]


def test_strangers_spend_nobodys_allowance() -> None:
    house = House(Settings(requests_per_s_max=1))
    assert [house.ask(sk="guessed").status for _ in range(5)] == [401] * 5
    assert house.ask().status == 200


def test_a_trusted_proxy_tells_the_host_that_was_signed() -> None:
    house = House(proxies=Proxies([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]))
    request = signed(PATH, BODY)
    host = request["headers"][0][1]
    proxied = [
        (b"host", b"inside:1"),
        *request["headers"][1:],
        (b"x-forwarded-host", host + b", edge.example"),
    ]
    peers = ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "198.51.100.1", "")
    heard = [
        ask(house.app, {**request, "headers": proxied, "client": (peer, "1") if peer else None}, BODY).status
        for peer in peers
    ]
    assert heard == [200, 200, 200, 401, 401]
    assert ask(House().app, {**request, "headers": proxied}, BODY).status == 401


def test_the_cause_of_a_401_is_logged_and_counted_and_a_foreign_ak_is_not_logged() -> None:
    house = House()
    with capture_logs() as lines:
        house.ask(sk="guessed")
        house.ask(ak="a-secret-in-the-wrong-place")
    assert [(line["cause"], line["ak"], line["peer"]) for line in lines] == [
        ("signature_wrong", AK, "192.0.2.7"),
        ("ak_unknown", None, "192.0.2.7"),
    ]
    assert house.tally.told == [
        ("authentication_failed", "signature_wrong"),
        ("refused", "skill/stateinfo", "unauthenticated"),
        ("answered", "skill/stateinfo", 401),
        ("authentication_failed", "ak_unknown"),
        ("refused", "skill/stateinfo", "unauthenticated"),
        ("answered", "skill/stateinfo", 401),
    ]


def test_guessing_does_not_fill_the_log() -> None:
    house = House()
    with capture_logs() as lines:
        for _ in range(50):
            house.ask(sk="guessed")
    assert len(lines) == authentication.LOGGED_PER_S
    assert house.tally.told.count(("authentication_failed", "signature_wrong")) == 50


def test_our_own_fault_is_in_the_log_under_the_id_that_the_client_got() -> None:
    house = House(board=SteadyBoard(error=RuntimeError("a secret of the house")))
    with capture_logs() as lines:
        heard = house.ask()
    assert b"0123456789abcdef" in heard.body
    assert b"secret" not in heard.body
    assert [line["request_id"] for line in lines if line["exc_info"]] == ["0123456789abcdef"]


def test_a_canceled_request_is_not_our_fault() -> None:
    house = House(board=SteadyBoard(error=asyncio.CancelledError()))
    with capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        house.ask()
    assert lines == []


def test_an_empty_query_line_is_told_once_a_key_and_can_be_forbidden() -> None:
    golden = Path(__file__).parent / "golden" / "success_with_an_empty_query_line.http"
    signature = re.search(rb"authorization: (.+)", golden.read_bytes())
    assert signature is not None
    request = signed(PATH, BODY)
    request["headers"][-1] = (b"authorization", signature[1])
    house = House()
    with capture_logs() as lines:
        assert [ask(house.app, request, BODY).status for _ in range(2)] == [200, 200]
    assert [line["ak"] for line in lines] == [AK]
    assert ask(House(rules=Rules(empty_query_line=False)).app, request, BODY).status == 401


def test_a_signature_passes_once_where_replay_is_forbidden() -> None:
    house = House(seen=SeenSignatures(10))
    long = BODY + b" " * 70_000  # verified in a thread
    for body in (BODY, long):
        assert [house.ask(body).status for _ in range(2)] == [200, 401]
    assert house.tally.told.count(("authentication_failed", "signature_seen_before")) == 2


def test_a_refused_signature_is_not_remembered() -> None:
    seen = SeenSignatures(10)
    house = House(seen=seen)
    assert (house.ask(sk="guessed").status, len(seen)) == (401, 0)
    assert (house.ask().status, len(seen)) == (200, 1)


def test_a_long_body_is_read_for_a_credible_claim_alone() -> None:
    body = BODY + b" " * (1024 * 1024 - len(BODY))
    house = House()
    assert house.ask(body).status == 200
    assert house.ask(body + b" ").status == 413
    assert house.ask(body, ak="nobody").status == 401
    assert house.ask(body, at_ms=NOW_MS - 901_000).status == 401
    assert house.ask(body, at_ms=NOW_MS - 900_000).status == 200
    causes = [told[1] for told in house.tally.told if told[0] == "authentication_failed"]
    assert causes == ["body_unproven", "body_unproven"]


def test_a_long_body_that_is_not_announced_is_cut_off_just_as_well() -> None:
    house = House()
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 16_384
        return {"type": "http.request", "body": b" " * 16_384, "more_body": True}

    def status(ak: str) -> int:
        scope = signed(PATH, BODY, ak=ak)
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"content-length"]
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(house.app(scope, receive, send))
        number: int = sent[0]["status"]
        return number

    assert status("nobody") == 401
    # What comes after the cut is thrown away, so that the client can read its answer.
    assert read <= DRAINED_BYTES_MAX + 6 * 16_384
    read = 0
    assert status(AK) == 413
    assert read <= DRAINED_BYTES_MAX + 66 * 16_384


@pytest.mark.parametrize("limit", ["LONG_BODIES_BYTES_MAX", "SHARE_BYTES_MAX"])
def test_the_bytes_of_long_bodies_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    body = BODY + b" " * 70_000
    monkeypatch.setattr(authentication, limit, 2 * len(body))
    house = House()

    async def stalled() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None: ...

    async def several() -> list[int]:
        slow = [asyncio.create_task(house.app(signed(PATH, body), stalled, send)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        long = (await ask_async(house.app, signed(PATH, body), [body])).status
        short = (await ask_async(house.app, signed(PATH, BODY), [BODY])).status
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        return [long, short, (await ask_async(house.app, signed(PATH, body), [body])).status]

    assert asyncio.run(several()) == [503, 200, 200]


def test_who_claims_to_be_one_key_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AK is no secret: long bodies that never come, under one of them, are its own loss."""
    body = BODY + b" " * 70_000
    monkeypatch.setattr(authentication, "SHARE_BYTES_MAX", 2 * len(body))
    house = House()

    async def stalled() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None: ...

    async def several() -> list[int]:
        slow = [asyncio.create_task(house.app(signed(PATH, body), stalled, send)) for _ in range(9)]
        await asyncio.sleep(0)
        asked = [await ask_async(house.app, signed(PATH, body, ak=ak), [body]) for ak in (AK, "other")]
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        return [heard.status for heard in asked]

    assert asyncio.run(several()) == [503, 200]


def test_a_body_that_does_not_come_is_a_408() -> None:
    clock, tally = StillClock(), Tally()
    authenticator = Authenticator(OneKeyring(*KEYS), clock, tally, body_s_max=0.01, rules=Rules())
    board = OwnBoard(SteadyBoard(), clock, lambda: 42)
    app = CmsApp(board, authenticator, clock, tally, Settings())
    sent: list[dict[str, Any]] = []

    async def stalled() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(signed(PATH, BODY), stalled, send))
    assert sent[0]["status"] == 408


def test_a_body_in_which_no_byte_is_right_is_refused() -> None:
    heard = House().ask(b'{"ccId":1,"vdn":1,"skillIds":[1],"name":"\xe9"}')
    assert json.loads(heard.body)["resultDesc"] == "the body must be UTF-8"


@settings(max_examples=200)
@given(
    body=st.binary(max_size=200)
    | st.builds(
        lambda *values: json.dumps(dict(zip(("ccId", "vdn", "skillIds"), values, strict=True))).encode(),
        *[
            st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.integers())
            for _ in range(3)
        ],
    )
)
def test_no_body_brings_us_down(body: bytes) -> None:
    heard = House().ask(body)
    assert heard.status == 200
    assert json.loads(heard.body)["resultCode"] in ("0100000", "0100002", "0101003")


@settings(max_examples=200)
@given(
    authorization=st.binary(max_size=200)
    | st.text(alphabet="auth-v2/;:TZ0123456789%é", max_size=200).map(
        lambda text: b"auth-v2/" + text.encode()
    ),
    host=st.binary(max_size=20),
    query=st.binary(max_size=40),
)
def test_no_header_brings_us_down(authorization: bytes, host: bytes, query: bytes) -> None:
    headers = [(b"host", host), (b"content-type", JSON), (b"authorization", authorization)]
    heard = ask(House().app, scope_of("POST", PATH + b"?" + query, headers), BODY)
    assert (heard.status, heard.body) == (401, UNAUTHENTICATED)
