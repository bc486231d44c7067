"""What gets in as an event, and what is refused: with its line, its key and the rule (events.md)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drawing import EVENTS
from engine.folding import events_of
from queuepulse.engine import codec
from queuepulse.engine.codec import (
    BadEvent,
    decode_array,
    decode_line,
    decode_lines,
    decode_trusted,
    encode_events,
)
from queuepulse.engine.events import Clock, Event

# An event of each type with its required keys only.
LEAST: dict[str, dict[str, Any]] = {
    "agent_signed_in": {"agent": 1, "skills": [1]},
    "agent_signed_out": {"agent": 1},
    "agent_skills_set": {"agent": 1, "skills": []},
    "agent_state_set": {"agent": 1, "state": "idle"},
    "call_offered": {"call": "A", "skill": 1},
    "call_alerting": {"call": "A", "agent": 1},
    "call_unanswered": {"call": "A", "agent": 1},
    "call_answered": {"call": "A"},
    "call_left": {"call": "A", "cause": "abandoned"},
    "call_held": {"call": "A"},
    "call_resumed": {"call": "A"},
    "call_released": {"call": "A"},
    "skill_configured": {"skill": 1},
    "agent_configured": {"agent": 1},
    "vdn_configured": {},
    "snapshot": {"asked_at": 1, "covers": [], "agents": [], "calls": []},
    "link_lost": {},
    "link_restored": {},
    "source_restarted": {},
    "clock": {},
}
OPTIONAL: dict[str, str] = {
    "agent_signed_in": "state capacity media",
    "agent_state_set": "reason",
    "call_offered": "direction media caller called priority since",
    "call_unanswered": "cause",
    "call_answered": "agent skill",
    "call_released": "by wrapup_ms",
    "skill_configured": "name media answer_within_ms short_wait_ms max_waiting max_wait_ms wrapup_ms",
    "agent_configured": "name phone media",
    "vdn_configured": "name timezone day_starts",
}
COMMON = "at id source cc vdn"
STATES = [
    "idle",
    "preoccupied",
    "occupied",
    "answering",
    "talking",
    "work",
    "busy",
    "rest",
    "study",
    "adjust",
]
CAUSES = ["abandoned", "timeout", "no_agent", "full", "key", "withdrawn", "overflowed", "closed"]


def line(kind: str, **keys: Any) -> bytes:
    return json.dumps({"type": kind, **LEAST[kind], **keys}).encode()


def refusal(body: bytes) -> BadEvent:
    with pytest.raises(BadEvent) as refused:
        decode_line(body, 7)
    assert refused.value.line == 7
    assert refused.value.reason
    return refused.value


@pytest.mark.parametrize("kind", LEAST)
def test_each_type_needs_its_required_keys_and_no_others(kind: str) -> None:
    decode_line(line(kind), 1)
    for key in LEAST[kind]:
        without = {name: value for name, value in LEAST[kind].items() if name != key}
        bad = refusal(json.dumps({"type": kind, **without}).encode())
        assert (bad.key, bad.reason) == (key, "is missing")
        assert refusal(line(kind, **{key: None})).key == key


@pytest.mark.parametrize("kind", LEAST)
def test_null_is_absence_and_unknown_keys_are_ignored(kind: str) -> None:
    optional = f"{COMMON} {OPTIONAL.get(kind, '')}".split()
    assert decode_line(line(kind, **dict.fromkeys(optional)), 1) == decode_line(line(kind), 1)
    unknown = {"unknown": {"deep": [1, {"type": "clock"}]}, "At": "x", "ключ": None}
    assert decode_line(line(kind, **unknown), 1) == decode_line(line(kind), 1)


# Of each key: what is let in at the edge of what may be, and what lies just beyond or beside it.
NOT_WHOLE = [1.0, 1.5, "1", True, [1], {}, -(2**63), 2**64]
LONG = "x" * 200
EDGES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("clock", "at", [0, 32_503_680_000_000], [-1, 32_503_680_000_001, *NOT_WHOLE]),
    ("clock", "id", ["x", "x" * 128, "\u00e9" * 128], ["", "x" * 129, 1, ["x"], {}]),
    ("clock", "source", ["x", "x" * 64], ["", "x" * 65, 1]),
    ("clock", "cc", [1, 65_535], [0, 65_536, *NOT_WHOLE]),
    ("clock", "vdn", [1, 5_000], [0, 5_001, *NOT_WHOLE]),
    ("agent_signed_out", "agent", [1, 4_294_967_294], [0, -1, 4_294_967_295, *NOT_WHOLE]),
    (
        "agent_signed_in",
        "skills",
        [[], [1, 10_000], [*range(1, 101)], [1, 1]],
        [[*range(1, 102)], 1, "1", {}],
    ),
    ("agent_skills_set", "skills", [[], [10_000]], [[0], [10_001], [1.0], ["1"], [True], [None], [[1]]]),
    ("agent_signed_in", "state", STATES, ["signed_out", "Idle", "", 1]),
    ("agent_signed_in", "capacity", [1, 65_535], [0, 65_536, *NOT_WHOLE]),
    ("agent_signed_in", "media", [1, 255], [0, 256, *NOT_WHOLE]),
    ("agent_state_set", "state", STATES, ["signed_out", 1, None]),
    ("agent_state_set", "reason", ["", LONG, 0, 2**31 - 1], [LONG + "x", -1, 2**31, 1.5, [], {}, True]),
    ("call_held", "call", ["A", "x" * 64, "\u00e9\u4e2d", " "], ["", "x" * 65, "a\nb", "a\x00", "\u200b", 1]),
    ("call_offered", "skill", [1, 10_000], [0, 10_001, 1_000_001, *NOT_WHOLE]),
    ("call_offered", "direction", ["in", "out"], ["inbound", "", 1]),
    ("call_offered", "priority", [1, 254], [0, 255, *NOT_WHOLE]),
    ("call_offered", "caller", ["", LONG], [LONG + "x", 1]),
    ("call_offered", "called", ["", LONG], [LONG + "x", 1]),
    ("call_offered", "since", [0, 32_503_680_000_000], [-1, 32_503_680_000_001, *NOT_WHOLE]),
    (
        "call_unanswered",
        "cause",
        ["no_answer", "rejected", "busy", "canceled", "failed"],
        ["abandoned", "", 1],
    ),
    ("call_answered", "agent", [1, 4_294_967_294], [0, 4_294_967_295, *NOT_WHOLE]),
    ("call_answered", "skill", [1, 10_000], [0, 10_001, *NOT_WHOLE]),
    ("call_left", "cause", CAUSES, ["hung_up", "", 1]),
    ("call_released", "by", ["caller", "agent", "transfer", "system"], ["me", "", 1]),
    ("call_released", "wrapup_ms", [0, 2**31 - 1], [-1, 2**31, *NOT_WHOLE]),
    ("skill_configured", "skill", [1, 10_000], [0, 10_001, *NOT_WHOLE]),
    ("skill_configured", "name", ["", LONG], [LONG + "x", 1]),
    ("skill_configured", "answer_within_ms", [0, 2**31 - 1], [-1, 2**31, *NOT_WHOLE]),
    ("skill_configured", "short_wait_ms", [0, 2**31 - 1], [-1, 2**31, *NOT_WHOLE]),
    ("skill_configured", "max_waiting", [0, 2**31 - 1], [-1, 2**31, *NOT_WHOLE]),
    ("skill_configured", "max_wait_ms", [0, 2**31 - 1], [-1, 2**31, *NOT_WHOLE]),
    ("skill_configured", "wrapup_ms", [0, 2**31 - 1], [-1, 2**31, *NOT_WHOLE]),
    ("agent_configured", "phone", ["", LONG], [LONG + "x", 1]),
    ("vdn_configured", "name", ["", LONG], [LONG + "x", 1]),
    (
        "vdn_configured",
        "timezone",
        ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+12"],
        [
            "",
            "Europe",
            "Mars/Base",
            "europe/berlin",
            "../UTC",
            "/etc/localtime",
            "UTC/",
            "UTC\n",
            "__init__.py",
            1,
        ],
    ),
    (
        "vdn_configured",
        "day_starts",
        ["00:00", "23:59"],
        ["24:00", "12:60", "1:30", "12:3", "12:300", "\u0661\u0662:00"],
    ),
    ("snapshot", "asked_at", [0, 32_503_680_000_000], [-1, 32_503_680_000_001, *NOT_WHOLE]),
    ("snapshot", "covers", [["agents"], ["waiting", "talking", "agents"]], [["calls"], [""], "agents", [1]]),
    ("snapshot", "agents", [[]], [{}, 1, [1], "x"]),
]


@pytest.mark.parametrize(
    ("kind", "key", "good", "bad"), EDGES, ids=lambda one: one if isinstance(one, str) else ""
)
def test_each_key_lets_in_what_it_may_and_refuses_what_lies_beyond(
    kind: str, key: str, good: list[Any], bad: list[Any]
) -> None:
    for value in good:
        kept = getattr(decode_line(line(kind, **{key: value}), 1), key)
        assert kept == (frozenset(value) if isinstance(value, list) and key in ("skills", "covers") else kept)
    for value in bad:
        assert refusal(line(kind, **{key: value})).key.partition("[")[0] == key, value


AGENT = {"agent": 1, "skills": [1], "state": "idle"}
CALL = {"call": "A", "skill": 1, "waiting_since": 1}


@pytest.mark.parametrize(
    ("part", "keys", "key"),
    [
        ("agents", {"agent": 0}, "agents[1].agent"),
        ("agents", {"agent": None}, "agents[1].agent"),
        ("agents", {"skills": [10_001]}, "agents.skills"),
        ("agents", {"state": "signed_out"}, "agents[1].state"),
        ("agents", {"base": "none"}, "agents[1].base"),
        ("agents", {"since": -1}, "agents[1].since"),
        ("agents", {"wrapup_until": 1.0}, "agents[1].wrapup_until"),
        ("agents", {"capacity": 0}, "agents[1].capacity"),
        ("calls", {"call": ""}, "calls[1].call"),
        ("calls", {"call": "\n"}, "calls.call"),
        ("calls", {"skill": 10_001}, "calls.skill"),
        ("calls", {"waiting_since": None}, "calls[1].waiting_since"),
        ("calls", {"answered_at": "1"}, "calls[1].answered_at"),
        ("calls", {"ringing": [0]}, "calls[1].ringing[0]"),
        ("calls", {"direction": ""}, "calls[1].direction"),
        ("calls", {"agent": True}, "calls[1].agent"),
    ],
)
def test_a_picture_is_looked_into(part: str, keys: dict[str, Any], key: str) -> None:
    item = AGENT if part == "agents" else CALL
    decode_line(line("snapshot", **{part: [item, item]}), 1)
    wrong = refusal(line("snapshot", **{part: [item, {**item, **keys}]})).key
    assert wrong.replace("...", "[1]") in (key, key.replace("[1]", "[...]"), key.replace("[1]", "[]"))


@pytest.mark.parametrize(
    ("body", "key", "reason"),
    [
        (b"", "", "no JSON"),
        (b"null", "", "object"),
        (b"[]", "", "object"),
        (b"7", "", "object"),
        (b"{}", "type", "missing"),
        (b'{"type":"call_lost"}', "type", "call_lost"),
        (b'{"type":null}', "type", "str"),
        (b'{"type":1}', "type", "str"),
        (b'{"type":"clock"', "", "no JSON"),
        (b'{"type":"clock"} {}', "", "trailing"),
        (b'{"type":"clock",}', "", "no JSON"),
        (b"{'type':'clock'}", "", "no JSON"),
        (b'{"type":"clock","at":01}', "", "no JSON"),
        (b'{"type":"clock","at":NaN}', "", "no JSON"),
        (b'{"type":"clock","at":Infinity}', "", "no JSON"),
        (b'{"type":"clock","at":1e3}', "at", "int"),
        (b'{"type":"clock","at":1e999}', "at", ""),
        (b'{"type":"clock","id":"\xff"}', "", "utf-8"),
        (b'{"type":"clock","id":"\xed\xa0\x80"}', "", "utf-8"),
        (b'{"type":"clock","id":"\xc0\x80"}', "", "utf-8"),
        (b'{"type":"clock","id":"\\ud800"}', "", "no JSON"),
        (b'\xef\xbb\xbf{"type":"clock"}', "", "no JSON"),
        (b'{"type":"clock","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "", "deep"),
        (b'{"type":"clock","x":' + b'{"x":' * 100_000, "", "deep"),
        (b'{"type":"clock","type":"link_lost"}', "type", "link_lost"),
    ],
    ids=lambda one: repr(one[:40]),
)
def test_what_is_no_event_is_refused_with_the_reason(body: bytes, key: str, reason: str) -> None:
    bad = refusal(body)
    assert bad.key == key
    assert reason.lower() in bad.reason.lower()


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert decode_line(b'{"type":"clock","at":1,"at":2}', 1) == Clock(at=2)


def test_the_setting_of_the_highest_skill_replaces_the_limit_for_all_events() -> None:
    for body in (
        line("agent_signed_in", skills=[20_000]),
        line("agent_skills_set", skills=[20_000]),
        line("call_offered", skill=20_000),
        line("call_answered", skill=20_000),
        line("skill_configured", skill=20_000),
        line("snapshot", agents=[{**AGENT, "skills": [20_000]}]),
        line("snapshot", calls=[{**CALL, "skill": 20_000}]),
    ):
        decode_line(body, 1, skill_max=20_000)
        with pytest.raises(BadEvent, match="1-19999"):
            decode_line(body, 1, skill_max=19_999)


def test_a_bad_line_is_told_by_its_number_blank_lines_counted() -> None:
    body = b'{"type":"clock"}\n\n \t\r\n{"type":"clock"}\r\n{"type":"clock","at":"x"}\n{"type":"?"}'
    with pytest.raises(BadEvent) as refused:
        decode_lines(body)
    assert (refused.value.line, refused.value.key) == (5, "at")
    assert str(refused.value).startswith("line 5, key 'at': ")
    assert decode_lines(body[:40]) == [Clock(), Clock()]
    assert decode_lines(b"") == decode_lines(b"\n\n") == []


def test_a_bad_item_is_told_by_its_place_in_the_array() -> None:
    with pytest.raises(BadEvent) as refused:
        decode_array(b'[{"type":"clock"},\n\n{"type":"clock","at":-1},{}]')
    assert (refused.value.line, refused.value.key) == (2, "at")
    assert decode_array(b' [ {"type":"clock"} ] ') == [Clock()]
    assert decode_array(b"[]") == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"type":"clock"}', b"[{},", b"[" * 100_000, b"null", b'["\xff"]', b"[1]", b"[[]]"]
)
def test_what_is_no_array_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(BadEvent) as refused:
        decode_array(body)
    assert refused.value.line == 1


@given(EVENTS)
def test_what_the_log_keeps_is_what_was_told(events: list[Event]) -> None:
    body = encode_events(events)
    assert body.count(b"\n") == len(events)
    assert body.endswith(b"\n")
    assert decode_trusted(body) == decode_lines(body) == events


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_whatever_comes_it_is_an_event_or_a_refusal(body: bytes) -> None:
    for decode in (lambda: decode_line(body, 1), lambda: decode_array(body), lambda: decode_lines(body)):
        try:
            decode()
        except BadEvent as refused:
            assert refused.line >= 1


@given(st.integers(0, 19), st.integers(0, 10_000), st.integers(0, 255))
def test_an_event_with_one_byte_changed_is_an_event_or_a_refusal(seed: int, place: int, byte: int) -> None:
    body = bytearray(encode_events(events_of(seed, 60)))
    body[place % len(body)] = byte
    try:
        # Whatever got in can be kept and read again.
        events = decode_lines(bytes(body))
        assert decode_trusted(encode_events(events)) == events
    except BadEvent as refused:
        assert refused.line <= 62


def test_absent_keys_take_no_room_in_the_log() -> None:
    assert encode_events([Clock(at=1)]) == b'{"type":"clock","at":1}\n'
    assert codec.encode_events([]) == b""
    assert len(encode_events(events_of(3, 60)).splitlines()) == 60
