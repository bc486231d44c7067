"""The event socket's framing: any pieces, any kind of message, and what is none."""

import json
import re
from random import Random
from typing import Final

import pytest

from queuepulse.sources.esl import BODY_BYTES_MAX, HEAD_BYTES_MAX, EslParser, Message, encode_command


def plain(text: str) -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%b" % (len(text), text.encode())


def parse(stream: bytes) -> tuple[list[Message], int]:
    parser = EslParser()
    return parser.feed(stream), parser.malformed


EVENT: Final = plain("Event-Name: CUSTOM\nCC-Agent: zo%C3%AB%2C%20%7C\nOther: x\n\n")
SEEN: Final = Message("event", {"Event-Name": "CUSTOM", "CC-Agent": "zoë, |", "Other": "x"})
STREAM: Final = b"".join(
    [
        b"Content-Type: auth/request\n\n",
        b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
        EVENT,
        b"Content-Type: api/response\nContent-Length: 8\n\na|b\n\n+OK",
        plain("Event-Name: HEARTBEAT\nContent-Length: 3\n\nabc"),
        b"Content-Type: api/response\nContent-Length: 0\n\n",
        b"Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n",
    ]
)


def test_each_kind_of_message() -> None:
    messages, malformed = parse(STREAM)
    assert [message.kind for message in messages] == [
        "auth",
        "reply",
        "event",
        "answer",
        "event",
        "answer",
        "disconnect",
    ]
    assert messages[1].headers["Reply-Text"] == "+OK accepted"
    assert messages[2] == SEEN
    assert messages[3].body == "a|b\n\n+OK"
    assert messages[4].headers == {"Event-Name": "HEARTBEAT", "Content-Length": "3"}
    assert messages[6].body == "bye\n"
    assert malformed == 0


def test_a_refusal_by_the_access_list() -> None:
    messages, _ = parse(b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
    assert messages == [
        Message(
            "rejection",
            {"Content-Type": "text/rude-rejection", "Content-Length": "24"},
            "Access Denied, go away.\n",
        )
    ]


def test_events_in_json_are_the_same_events() -> None:
    body = json.dumps(
        {"Event-Name": "CUSTOM", "CC-Agent": "zoë, |", "Other": "x", "More": ["x"], "CC-Action": 1}
    ).encode()
    stream = b"Content-Length: %d\nContent-Type: text/event-json\n\n%b" % (len(body), body)
    assert parse(stream) == ([SEEN], 0)


def test_a_header_is_found_by_its_whole_name_wherever_it_stands() -> None:
    text = "CC-Agent-State: In%20a%20queue%20call\nX-CC-Agent: no\nEmpty: \nCC-Agent: ann\nLast: z\n\n"
    [[_, headers, _]], _ = parse(plain(text))
    assert [headers.get(name) for name in ("CC-Agent-State", "CC-Agent", "Last", "Empty")] == [
        "In a queue call", "ann", "z", "",
    ]  # fmt: skip
    assert headers.get("CC-Queue", "none") == headers.get("Agent", "none") == "none"
    assert headers.get("CC-Queue") is None
    assert list(headers) == ["CC-Agent-State", "X-CC-Agent", "Empty", "CC-Agent", "Last"]
    with pytest.raises(KeyError):
        headers["CC-Queue"]
    [[_, headers, _]], _ = parse(plain("Event-Name: X\nOther: y\n\n"))
    assert headers.get("CC-Agent") is None
    assert headers["Event-Name"] == "X"


@pytest.mark.parametrize("seed", range(20))
def test_cut_anywhere_the_messages_are_the_same(seed: int) -> None:
    random, parser, messages = Random(seed), EslParser(), list[Message]()
    start = 0
    while start < len(STREAM):
        size = random.choice((1, 2, 5, 40, 200))
        messages += parser.feed(STREAM[start : start + size])
        start += size
    assert (messages, parser.malformed) == parse(STREAM)


@pytest.mark.parametrize(
    "broken",
    [
        b"no header at all\n\n",
        plain("Event-Name: CUSTOM\nno header\n\n"),
        plain("Event-Name: CUSTOM\nCC-Agent: ann\n"),
        b"Content-Length: 2\nContent-Type: text/event-json\n\n{x",
        b"Content-Length: 2\nContent-Type: text/event-json\n\n[]",
        b"Content-Length: %d\nContent-Type: text/event-json\n\n%b" % (200_000, b"[" * 200_000),
    ],
)
def test_what_is_no_message_is_counted_and_the_next_one_read(broken: bytes) -> None:
    assert parse(EVENT + broken + EVENT) == ([SEEN, SEEN], 1)


@pytest.mark.parametrize("length", ["12", "999999999999", "-5", "abc"])
def test_after_a_wrong_length_the_next_event_is_read(length: str) -> None:
    broken = re.sub(rb"Content-Length: \d+", f"Content-Length: {length}".encode(), EVENT)
    messages, malformed = parse(broken + EVENT)
    assert messages[-1] == SEEN
    assert malformed >= 1


def test_a_length_that_swallows_the_next_event_is_seen() -> None:
    long = plain("CC-Agent: ann\n\n").replace(b"Content-Length: ", b"Content-Length: 1", 1)
    assert parse(long + EVENT) == ([SEEN], 1)
    parser = EslParser()
    assert [message for byte in long + EVENT for message in parser.feed(bytes([byte]))] == [SEEN]


def test_an_unknown_kind_is_nothing() -> None:
    assert parse(b"Content-Type: log/data\nContent-Length: 3\n\nabc" + EVENT) == ([SEEN], 0)


def test_memory_is_bounded_whatever_comes() -> None:
    parser = EslParser()
    for _ in range(100):
        parser.feed(b"x" * 10_000)
    assert parser.malformed >= 1_000_000 // HEAD_BYTES_MAX // 2
    assert parser.feed(b"\n\n" + EVENT) == [SEEN]
    huge = b"Content-Type: api/response\nContent-Length: %d\n\n" % (BODY_BYTES_MAX + 1)
    assert [message.kind for message in parse(huge + EVENT)[0]] == ["answer", "event"]


def test_a_command_may_hold_no_second_one() -> None:
    assert encode_command("api status") == b"api status\n\n"
    with pytest.raises(ValueError, match="no line end"):
        encode_command("api status\n\napi fsctl crash")
