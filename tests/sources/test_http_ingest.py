"""Ingest by HTTP: what is taken, what is refused, in which words, and that nothing is taken by halves."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asking import (
    AK,
    HOST,
    SK,
    TOKEN,
    Basket,
    Heard,
    OneKeyring,
    StillClock,
    Tally,
    ask,
    ask_async,
    scope_of,
    signed,
)
from queuepulse.authentication import Authenticator
from queuepulse.engine.events import CallOffered, VdnKey
from queuepulse.ports import LogBusy, LogFull
from queuepulse.protocol.interfaces import NDJSON
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.protocol.wire import UNAUTHENTICATED
from queuepulse.sources import http_ingest
from queuepulse.sources.http_ingest import IngestApp, Settings

TARGET = b"/ingest/v1/events?cc=1&vdn=1"
FEEDER = Key(AK, "feeder", SK, vdns=frozenset({(1, 1)}), ingests=True)
WATCHER = Key("watcher", "wallboard", SK, vdns=frozenset({(1, 1)}))
OFFERED = b'{"type":"call_offered","at":1704164645000,"call":"c1","skill":3,"id":"x"}'
DEFAULTS = Settings()


class House:
    """An app, and what stands around it."""

    def __init__(self, settings: Settings = DEFAULTS, error: Exception | None = None) -> None:
        self.clock, self.tally, self.basket = StillClock(), Tally(), Basket(error)
        keyring = OneKeyring(FEEDER, WATCHER)
        self.app = IngestApp(
            self.basket,
            Authenticator(keyring, self.clock, self.tally, body_s_max=10, rules=Rules()),
            self.clock,
            self.tally,
            settings,
            new_request_id=lambda: "0123456789abcdef",
        )

    def send(
        self, body: bytes, target: bytes = TARGET, content_type: str = NDJSON, token: str = TOKEN
    ) -> Heard:
        return ask(self.app, with_token(body, target, content_type, token), body)

    def events(self) -> list[Any]:
        return [event for _, events in self.basket.taken for event in events]


def with_token(
    body: bytes, target: bytes = TARGET, content_type: str = NDJSON, token: str = TOKEN, method: str = "POST"
) -> dict[str, Any]:
    headers = [
        (b"host", HOST),
        (b"content-type", content_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"authorization", f"Bearer {token}".encode()),
    ]
    return scope_of(method, target, headers)


def test_lines_are_taken_by_token() -> None:
    house = House()
    heard = house.send(OFFERED + b"\n\n" + OFFERED + b"\n")
    assert heard.status == 200
    assert heard.body == b'{"accepted":2,"applied":2,"repeated":0,"out_of_place":0,"position":43}'
    assert house.basket.taken[0][0] == VdnKey(1, 1)
    assert house.events()[0] == CallOffered(at=1704164645000, call="c1", skill=3, id="x")


def test_lines_are_taken_by_signature() -> None:
    house = House()
    assert ask(house.app, signed(TARGET, OFFERED, NDJSON.encode()), OFFERED).status == 200
    assert len(house.events()) == 1


@pytest.mark.parametrize("content_type", ["application/json", 'Application/JSON; charset="utf-8"'])
def test_an_array_is_taken(content_type: str) -> None:
    house = House()
    body = b"[" + OFFERED + b"," + OFFERED + b"]"
    assert house.send(body, content_type=content_type).status == 200
    assert len(house.events()) == 2


@pytest.mark.parametrize(
    ("body", "content_type", "line", "key", "reason"),
    [
        (OFFERED + b'\n{"type":"call_held"}', NDJSON, 2, "call", "is missing"),
        (b"\n\n" + OFFERED.replace(b"3", b"0", 3), NDJSON, 3, "skill", "Expected `int` >= 1"),
        (OFFERED.replace(b":3,", b":3.0,"), NDJSON, 1, "skill", "Expected `int`, got `float`"),
        (OFFERED.replace(b":3,", b':"3",'), NDJSON, 1, "skill", "Expected `int`, got `str`"),
        (OFFERED.replace(b":3,", b":true,"), NDJSON, 1, "skill", "Expected `int`, got `bool`"),
        (OFFERED.replace(b":3,", b":10001,"), NDJSON, 1, "skill", "must be 1-10000"),
        (OFFERED[:-1] + b',"cc":2}', NDJSON, 1, "cc", "must be 1, as in the URL"),
        (OFFERED[:-1] + b',"vdn":2}', NDJSON, 1, "vdn", "must be 1, as in the URL"),
        (b'{"type":"clock","at":1}', NDJSON, 1, "type", "`clock` is written by the server alone"),
        (b"", NDJSON, 1, "", "there is no event here"),
        (b"[]", "application/json", 1, "", "there is no event here"),
        (b"[" + OFFERED + b",7]", "application/json", 2, "", "Expected `object`, got `int`"),
    ],
)
def test_one_bad_event_refuses_the_batch(
    body: bytes, content_type: str, line: int, key: str, reason: str
) -> None:
    house = House()
    heard = house.send(body, content_type=content_type)
    told = json.loads(heard.body)
    assert (heard.status, list(told)) == (400, ["line", "key", "reason", "text"])
    assert (told["line"], told["key"], told["reason"]) == (line, key, reason)
    assert told["text"].endswith("No event of this batch was taken.")
    assert house.basket.taken == []


@pytest.mark.parametrize(
    "body",
    [b"{", b"NaN", OFFERED[:-1], b"[" * 5000, OFFERED.replace(b"c1", b"\xff"), b"\x00", b'{"type":NaN}'],
)
def test_what_is_no_json_is_told_so(body: bytes) -> None:
    house = House()
    for content_type in (NDJSON, "application/json"):
        heard = house.send(body, content_type=content_type)
        assert heard.status == 400
        assert json.loads(heard.body)["line"] == 1
    assert house.basket.taken == []


def test_10000_events_are_taken_and_10001_are_not() -> None:
    house = House()
    line = b'{"type":"call_held","call":"c"}\n'
    assert house.send(line * 10_000).status == 200
    house.clock.s += 60
    assert house.send(line * 10_001).status == 413
    assert house.send(b"\n" * 20_001).status == 413
    house.clock.s += 60
    assert (
        house.send(b"[" + b",".join([OFFERED] * 10_001) + b"]", content_type="application/json").status == 413
    )
    assert len(house.basket.taken) == 1


def test_2_mib_are_read_and_a_byte_more_is_not() -> None:
    house = House()
    body = OFFERED + b" " * (2 * 1024 * 1024 - len(OFFERED))
    assert house.send(body).status == 200
    assert house.send(body + b" ").status == 413
    chunked = with_token(body)
    chunked["headers"] = [header for header in chunked["headers"] if header[0] != b"content-length"]
    assert ask(house.app, chunked, body, b" ").status == 413
    assert ask(house.app, chunked, body[:1000], body[1000:]).status == 200


@pytest.mark.parametrize(
    ("target", "key"),
    [
        (b"/ingest/v1/events", "cc"),
        (b"/ingest/v1/events?cc=1", "vdn"),
        (b"/ingest/v1/events?cc=0&vdn=1", "cc"),
        (b"/ingest/v1/events?cc=65536&vdn=1", "cc"),
        (b"/ingest/v1/events?cc=1&vdn=5001", "vdn"),
        (b"/ingest/v1/events?cc=1&vdn=1.0", "vdn"),
        (b"/ingest/v1/events?cc=1&cc=1&vdn=1", "cc"),
        (b"/ingest/v1/events?cc=%D9%A1&vdn=1", "cc"),
        (b"/ingest/v1/events?cc=" + b"9" * 5000 + b"&vdn=1", "cc"),
        (b"/ingest/v1/events?" + b"a=1&" * 17, ""),
    ],
)
def test_a_url_that_names_no_vdn_is_refused(target: bytes, key: str) -> None:
    house = House()
    heard = house.send(OFFERED, target)
    assert (heard.status, json.loads(heard.body)["key"]) == (400, key)
    assert house.basket.taken == []


def test_the_key_must_have_the_right_and_the_vdn() -> None:
    house = House()
    assert house.send(OFFERED, b"/ingest/v1/events?cc=1&vdn=2").status == 403
    watcher = signed(TARGET, OFFERED, NDJSON.encode(), ak="watcher")
    assert ask(house.app, watcher, OFFERED).status == 403
    assert house.basket.taken == []


def test_every_failed_proof_gets_the_same_401() -> None:
    house = House()
    long = OFFERED + b" " * 70_000
    answers = [
        house.send(OFFERED, token="other-token"),
        house.send(OFFERED, token=""),
        house.send(long, token="other-token"),
        ask(house.app, signed(TARGET, OFFERED, NDJSON.encode(), sk="other"), OFFERED),
        ask(house.app, signed(TARGET, OFFERED, NDJSON.encode(), ak="other"), OFFERED),
        # Who may not ingest may not send so much either; below 64 KiB he is told 403.
        ask(house.app, signed(TARGET, long, NDJSON.encode(), ak="watcher"), long),
    ]
    twice = with_token(OFFERED)
    twice["headers"].append(twice["headers"][-1])
    answers.append(ask(house.app, twice, OFFERED))
    assert {(heard.status, heard.body) for heard in answers} == {(401, UNAUTHENTICATED)}
    causes = [told[1] for told in house.tally.told if told[0] == "authentication_failed"]
    assert causes == [
        *["token_unknown"] * 3,
        "signature_wrong",
        "ak_unknown",
        "body_unproven",
        "authorization_repeated",
    ]


@pytest.mark.parametrize(
    ("method", "target", "content_type", "status"),
    [
        ("POST", b"/ingest/v1/event?cc=1&vdn=1", NDJSON, 404),
        ("GET", TARGET, NDJSON, 405),
        ("HEAD", TARGET, NDJSON, 405),
        ("POST", TARGET, "application/x-www-form-urlencoded", 415),
        ("POST", TARGET, "application/x-ndjson;charset=gbk", 415),
    ],
)
def test_a_wrong_head_is_refused_before_the_key(
    method: str, target: bytes, content_type: str, status: int
) -> None:
    scope = with_token(OFFERED, target, content_type, "nobody's", method)
    heard = ask(House().app, scope, OFFERED)
    assert heard.status == status
    assert heard.header(b"allow") == (b"POST" if status == 405 else None)


def test_a_batch_larger_than_the_allowance_passes_and_is_paid_for() -> None:
    house = House(Settings(events_per_s_max=100))
    line = OFFERED + b"\n"
    assert house.send(line * 450).status == 200
    heard = house.send(line)
    assert (heard.status, heard.header(b"retry-after")) == (429, b"4")
    house.clock.s += 3.4
    assert house.send(line).status == 429
    house.clock.s += 0.2
    assert house.send(line).status == 200


def test_a_log_that_cannot_be_written_is_a_503_with_a_time_to_come_again() -> None:
    for error, retry_after in ((LogFull("/secret/path is full"), b"10"), (LogBusy("much"), b"1")):
        heard = House(error=error).send(OFFERED)
        assert (heard.status, heard.header(b"retry-after")) == (503, retry_after)
        assert b"secret" not in heard.body


def test_our_own_fault_is_a_500_with_a_request_id_and_no_more() -> None:
    heard = House(error=RuntimeError("a secret of the house")).send(OFFERED)
    assert heard.status == 500
    assert heard.body == b'{"reason":"unknown exception, request 0123456789abcdef"}'


def test_numbers_are_masked_before_anybody_gets_them() -> None:
    house = House(Settings(masks_numbers=True))
    lines = [
        b'{"type":"call_offered","call":"c1","skill":3,"caller":"+4915112345678","called":"110"}',
        b'{"type":"agent_configured","agent":101,"name":"Ada","phone":"2001"}',
        b'{"type":"call_offered","call":"c2","skill":3,"caller":""}',
        b'{"type":"call_held","call":"c1"}',
    ]
    assert house.send(b"\n".join(lines)).status == 200
    first, second, third, _ = house.events()
    assert (first.caller, first.called, second.phone) == ("************78", "**0", "**01")
    assert (second.name, third.caller, third.called) == ("Ada", "", None)


def test_decoding_lets_others_have_the_loop() -> None:
    house = House()
    house.clock.step_s = 0.0011  # each look at the clock finds a slice over
    others = 0

    async def count() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    async def both() -> None:
        other = asyncio.create_task(count())
        body = (OFFERED + b"\n") * 3200
        await ask_async(house.app, with_token(body), [body])
        other.cancel()

    asyncio.run(both())
    assert others >= 100


def test_bytes_between_decoding_and_commit_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_ingest, "DECODED_BYTES_MAX", 2 * len(OFFERED))
    house = House()
    commit = asyncio.Event()
    plain = house.basket.ingest

    async def slow(vdn: Any, events: Any) -> Any:
        await commit.wait()
        return await plain(vdn, events)

    house.basket.ingest = slow  # type: ignore[method-assign]

    async def three() -> list[int]:
        asked = [asyncio.create_task(ask_async(house.app, with_token(OFFERED), [OFFERED])) for _ in range(3)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        commit.set()
        return [(await task).status for task in asked]

    assert asyncio.run(three()) == [200, 200, 503]
    assert house.send(OFFERED).status == 200


@settings(max_examples=150)
@given(
    body=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ).map(lambda value: json.dumps(value).encode()),
    content_type=st.sampled_from([NDJSON, "application/json"]),
)
def test_no_bytes_bring_us_down(body: bytes, content_type: str) -> None:
    heard = House().send(body, content_type=content_type)
    assert heard.status in (400, 413)
    assert json.loads(heard.body)["reason"]


@settings(max_examples=150)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 3 * len(OFFERED)), st.integers(0, 255)), min_size=1, max_size=3
    ),
    length=st.integers(0, 3 * len(OFFERED) + 3),
)
def test_a_damaged_batch_is_refused_or_says_something_else(
    changes: list[tuple[int, int]], length: int
) -> None:
    body = bytearray((OFFERED + b"\n") * 3)
    for place, code in changes:
        body[place] = code
    house = House()
    heard = house.send(bytes(body[:length]))
    assert heard.status in (200, 400)
    assert (heard.status == 200) == bool(house.basket.taken)
