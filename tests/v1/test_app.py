"""The interfaces under `/v1/` as such: who is let in, what is refused in which order, and their document."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asking import AK, HOST, NOW_MS, SK, TOKEN, Heard, OneKeyring, StillClock, Tally, ask, scope_of, signed
from queuepulse.authentication import Authenticator
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.protocol.wire import UNAUTHENTICATED
from queuepulse.v1.app import Asked, Refused, Settings, Told, V1App, not_here
from queuepulse.v1.interfaces import Interface, schema_of
from queuepulse.v1.parameters import QUERY_BYTES_MAX, Choice, Instant, Numbers, Parameter, Skill, Text, Words

CENTER = Key(AK, "center", SK, ccs=frozenset({1}))
TENANT = Key("tenant", "tenant", SK, vdns=frozenset({(1, 2)}))
CHOSEN = (
    Parameter("skill", Skill(), "A queue."),
    Parameter("skills", Numbers(10), "Queues."),
    Parameter("window", Choice(("five", "day")), "Which time.", default="five"),
    Parameter("figures", Words(("offered", "left")), "Which figures."),
    Parameter("at", Instant(), "When."),
    Parameter("call", Text(64), "A call."),
)


class Echo(msgspec.Struct):
    """What was understood."""

    values: dict[str, Any]


ECHO = Interface("echo", "Says what it heard.", "", CHOSEN, lambda: schema_of(Echo))
BASE = b"/v1/echo?cc=1&vdn=2"


class House:
    """An app with one endpoint, and what stands around it."""

    def __init__(self, error: Exception | None = None, per_s_max: int = 1_000_000) -> None:
        self.clock, self.tally, self.error = StillClock(), Tally(), error
        authenticator = Authenticator(
            OneKeyring(CENTER, TENANT), self.clock, self.tally, body_s_max=10, rules=Rules()
        )
        self.app = V1App(
            {ECHO: self.echo},
            authenticator,
            self.clock,
            self.tally,
            Settings(10_000, per_s_max),
            lambda: "0123456789abcdef",
        )

    async def echo(self, asked: Asked) -> Told:
        if self.error is not None:
            raise self.error
        return Told(Echo(dict(asked.values)), 41, 7)

    def ask(self, target: bytes = BASE, ak: str = AK, sk: str = SK) -> Heard:
        return ask(self.app, signed(target, b"", ak=ak, sk=sk, method="GET"))

    def values(self, more: bytes) -> dict[str, Any]:
        heard = self.ask(BASE + more)
        assert heard.status == 200, heard
        return json.loads(heard.body)["values"]  # type: ignore[no-any-return]


def test_values_are_read_and_what_is_not_given_has_its_default() -> None:
    house = House()
    nothing = {"skill": None, "skills": None, "window": "five", "figures": None, "at": None, "call": None}
    assert house.values(b"") == {"cc": 1, "vdn": 2, **nothing}
    given = house.values(b"&skills=3,1,5-7,1&window=day&figures=left,offered&skill=10000&call=a%20b%C3%A9+")
    assert given == {
        "cc": 1, "vdn": 2, "skill": 10_000, "skills": [3, 1, 5, 6, 7, 1], "window": "day",
        "figures": ["left", "offered"], "at": None, "call": "a bé+",
    }  # fmt: skip
    for text in (b"1704164645123", b"2024-01-02T03:04:05.123Z", b"2024-01-02T04:04:05.123+01:00"):
        assert house.values(b"&at=" + text)["at"] == NOW_MS + 123


def test_what_is_told_of_the_answer_stands_in_its_head() -> None:
    heard = House().ask()
    assert heard.header(b"x-queuepulse-position") == b"41"
    assert heard.header(b"x-queuepulse-stale-since") == b"7"


@pytest.mark.parametrize(
    ("target", "key", "reason"),
    [
        (b"/v1/echo", "cc", "is missing in the URL"),
        (b"/v1/echo?cc=1", "vdn", "is missing in the URL"),
        (b"/v1/echo?cc=0&vdn=2", "cc", "must be an integer from 1 to 65535"),
        (b"/v1/echo?cc=1&vdn=5001", "vdn", "must be an integer from 1 to 5000"),
        (b"/v1/echo?cc=1&vdn=2&cc=1", "cc", "is there more than once"),
        (BASE + b"&cc=", "cc", "is there more than once"),
        (b"/v1/echo?cc=1&vdn=" + "²".encode(), "vdn", "must be an integer from 1 to 5000"),
        (BASE + b"&skill=10001", "skill", "must be an integer from 1 to 10000"),
        (BASE + b"&skill=-1", "skill", "must be an integer from 1 to 10000"),
        (BASE + b"&skills=", "skills", "must be a list such as 1,2,5-9 of integers from 1 to 10000"),
        (BASE + b"&skills=9-5", "skills", "must be a list such as 1,2,5-9 of integers from 1 to 10000"),
        (BASE + b"&skills=1,,2", "skills", "must be a list such as 1,2,5-9 of integers from 1 to 10000"),
        (BASE + b"&skills=1-11", "skills", "must name at most 10 of them"),
        (BASE + b"&skills=1-9,1,1", "skills", "must name at most 10 of them"),
        (BASE + b"&window=hour", "window", "must be one of five, day"),
        (BASE + b"&figures=left,gone", "figures", "has 'gone', and not only some of offered, left"),
        (BASE + b"&figures=left,left", "figures", "must name each once"),
        (BASE + b"&at=yesterday", "at", "must be epoch milliseconds, or ISO 8601 with a zone"),
        (BASE + b"&at=2024-01-02T03:04:05", "at", "must be epoch milliseconds, or ISO 8601 with a zone"),
        (BASE + b"&at=9999-01-02T03:04:05Z", "at", "must be from 1970 to the year 3000"),
        (BASE + b"&call=", "call", "must be 1 to 64 printable characters"),
        (BASE + b"&call=%0a", "call", "must be 1 to 64 printable characters"),
        (BASE + b"&call=" + b"x" * 65, "call", "must be 1 to 64 printable characters"),
        (BASE + b"&Window=day", "Window", "is no parameter here; there are at, call, cc, figures, skill,"),
        (BASE + b"&", "", "is no parameter here"),
        (BASE + b"&%ff=1", "", "the query of the URL must be UTF-8"),
        (BASE + b"&x=" + b"1" * QUERY_BYTES_MAX, "", "the query of the URL is longer than 16,384 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_parameter(target: bytes, key: str, reason: str) -> None:
    heard = House().ask(target)
    said = json.loads(heard.body)
    assert (heard.status, said["resultCode"], said.get("key", "")) == (400, "0100002", key)
    assert said["reason"].startswith(reason)


def test_of_several_faults_the_first_in_order_is_told() -> None:
    """404, 405, 401, 429, 400, 403: each request has one fault less."""
    house = House(per_s_max=1)
    assert ask(house.app, scope_of("POST", b"/v1/nowhere", [])).status == 404
    heard = ask(house.app, scope_of("POST", b"/v1/echo?cc=9", []))
    assert (heard.status, heard.header(b"allow")) == (405, b"GET")
    heard = house.ask(b"/v1/echo?cc=9", sk="guessed")
    assert (heard.status, heard.body) == (401, UNAUTHENTICATED)
    assert house.ask().status == 200
    heard = house.ask(b"/v1/echo?cc=9")
    assert (heard.status, heard.header(b"retry-after")) == (429, b"1")
    assert json.loads(heard.body)["resultCode"] == "0100001"
    house.clock.s += 1.01
    assert house.ask(b"/v1/echo?cc=9").status == 400
    house.clock.s += 1.01
    heard = house.ask(b"/v1/echo?cc=9&vdn=1")
    assert (heard.status, json.loads(heard.body)) == (
        403,
        {"resultCode": "0101003", "reason": "this key may not see VDN 9/1"},
    )
    assert house.ask(BASE, ak="tenant").status == 200
    assert ("refused", "v1/echo", "not_permitted") in house.tally.told
    assert ("answered", "v1", 404) in house.tally.told


def test_a_token_is_as_good_as_a_signature() -> None:
    house = House()
    statuses = []
    for token in (TOKEN, "guessed"):
        headers = [(b"host", HOST), (b"authorization", f"Bearer {token}".encode())]
        statuses.append(ask(house.app, scope_of("GET", BASE, headers)).status)
    assert statuses == [200, 401]


@pytest.mark.parametrize(
    ("error", "status", "code", "more"),
    [
        (Refused(ResultCode.ILLEGAL_PARAMETER, "too much", "skills"), 400, "0100002", {"key": "skills"}),
        (Refused(ResultCode.NOT_PERMITTED, "not yours"), 403, "0101003", {}),
        (Refused(ResultCode.CALL_FAILED, "later", retry_s=3), 503, "0100001", {}),
        (RuntimeError("secret"), 500, "0100999", {}),
    ],
)
def test_what_an_endpoint_will_not_answer(error: Exception, status: int, code: str, more: Any) -> None:
    heard = House(error).ask()
    said = json.loads(heard.body)
    reason = said.pop("reason")
    assert (heard.status, said) == (status, {"resultCode": code, **more})
    assert "secret" not in reason
    if status == 503:
        assert heard.header(b"retry-after") == b"3"


def test_the_document_is_for_anybody_and_has_every_interface_and_parameter() -> None:
    heard = ask(House().app, scope_of("GET", b"/v1/openapi.json", []))
    assert heard.status == 200
    document = json.loads(heard.body)
    assert document["openapi"].startswith("3.1.")
    asked = document["paths"]["/v1/echo"]["get"]
    assert [one["name"] for one in asked["parameters"]] == ["cc", "vdn", *(one.name for one in CHOSEN)]
    assert [one["required"] for one in asked["parameters"]] == [True, True, *[False] * len(CHOSEN)]
    window = asked["parameters"][4]
    assert window["schema"] == {"type": "string", "enum": ["five", "day"], "default": "five"}
    assert set(asked["responses"]) == {"200", "400", "401", "403", "429", "500", "503"}
    answer = asked["responses"]["200"]["content"]["application/json"]["schema"]
    assert document["components"]["schemas"][answer["$ref"].rsplit("/", 1)[1]]["required"] == ["values"]


def test_where_they_are_not_served_it_is_said() -> None:
    heard = ask(not_here("ask a node"), scope_of("GET", BASE, []))
    assert (heard.status, json.loads(heard.body)["reason"]) == (404, "ask a node")


@given(st.binary(max_size=200), st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_is_asked_is_answered_and_is_no_defect(query: bytes, value: bytes) -> None:
    house = House()
    for target in (b"/v1/echo?" + query, BASE + b"&skills=" + value, BASE + b"&at=" + value):
        clean = target.replace(b"#", b"").replace(b" ", b"")
        assert house.ask(clean).status in (200, 400, 401)
