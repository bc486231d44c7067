"""Bytes to messages: in any pieces the same, and past anything that is no message."""

import random

import pytest

from queuepulse.sources.ami import MESSAGE_BYTES_MAX, AmiParser, Message, encode_action, login_key

JOIN = b"Event: QueueCallerJoin\r\nPrivilege: agent,all\r\nQueue: sales\r\nUniqueid: 1.2\r\n\r\n"
STREAM = (
    b"Asterisk Call Manager/11.0.0\r\n"
    b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
    + JOIN
    + b"Event: VarSet\r\nVariable: A\r\nValue: b\r\n\r\n"
    + b"Event: VarSet\r\nVariable: QUEUESTATUS\r\nValue: TIMEOUT\r\n\r\n"
    + "Event: QueueMember\r\nName: Zoë Žák\r\nReason: \r\nQueue: a: b\r\n\r\n".encode()
)
WANTED = {"QueueCallerJoin": "", "QueueMember": "", "VarSet": "Variable: QUEUESTATUS"}


def parsed(*pieces: bytes) -> tuple[list[Message], AmiParser]:
    parser = AmiParser(WANTED)
    return [message for piece in pieces for message in parser.feed(piece)], parser


def test_a_stream_is_a_banner_and_messages() -> None:
    messages, parser = parsed(STREAM)
    assert parser.banner == "Asterisk Call Manager/11.0.0"
    assert [message.get("Event", message.get("Response")) for message in messages] == [
        "Success",
        "QueueCallerJoin",
        "VarSet",
        "QueueMember",
    ]
    assert messages[3] == {"Event": "QueueMember", "Name": "Zoë Žák", "Reason": "", "Queue": "a: b"}
    assert (parser.seen, parser.malformed) == (5, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100])
def test_any_pieces_give_the_same_messages(size: int) -> None:
    garbage = (
        b"\x00\xff\xfe\x80\r\nno colon\r\n: no key\r\n\r\n\r\n\r\n" + JOIN[:-2] + b"broken\r\n\r\n" + JOIN
    )
    stream = STREAM + garbage + b"Event: VarSet\r\n" + b"x" * (MESSAGE_BYTES_MAX + 1) + b"\r\n\r\n" + JOIN
    whole, parser = parsed(stream)
    pieces, other = parsed(*[stream[i : i + size] for i in range(0, len(stream), size)])
    assert pieces == whole
    assert (other.seen, other.malformed) == (parser.seen, parser.malformed) == (10, 3)


def test_pieces_at_random_give_the_same_messages() -> None:
    rng = random.Random(3)
    whole, _ = parsed(STREAM)
    for _ in range(100):
        cuts = sorted(rng.sample(range(len(STREAM)), 5))
        pieces = [STREAM[a:b] for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
        assert parsed(*pieces)[0] == whole


def test_a_message_that_runs_into_another_is_skipped_and_the_next_one_read() -> None:
    messages, parser = parsed(
        b"Asterisk Call Manager/9\r\nEvent: QueueMember\r\nQueue: sa", b"\r\n" + JOIN + JOIN
    )
    assert [message["Event"] for message in messages] == ["QueueCallerJoin"]
    assert parser.malformed == 1


def test_what_never_ends_is_let_go() -> None:
    parser = AmiParser(WANTED)
    for _ in range(100):
        assert not parser.feed(b"x" * MESSAGE_BYTES_MAX)
    assert parser.feed(b"\r\n\r\n" + JOIN) == parsed(JOIN)[0]
    assert parser.malformed == 1
    assert len(parser._rest) == 0


def test_a_stream_without_a_banner_is_read_all_the_same() -> None:
    messages, parser = parsed(JOIN)
    assert len(messages) == 1
    assert parser.banner == ""


def test_an_originate_response_is_an_event_though_it_has_a_response_header() -> None:
    text = b"Event: OriginateResponse\r\nActionID: not-ours\r\nResponse: Failure\r\n\r\n"
    assert parsed(text)[0] == []


def test_colons_without_a_space_are_headers_too() -> None:
    assert parsed(b"Response:Success\r\n\r\n")[1].malformed == 1
    assert parsed(b"Response: Success\r\nMessage:none\r\n\r\n")[0] == [
        {"Response": "Success", "Message": "none"}
    ]


def test_an_action_is_headers_and_an_empty_line() -> None:
    assert encode_action({"Action": "Ping", "ActionID": "a-1"}) == b"Action: Ping\r\nActionID: a-1\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\n", "\r"])
def test_an_action_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(ValueError, match="no line end"):
        encode_action({"Action": "Login", "Username": value})


def test_the_key_is_the_md5_of_challenge_and_secret() -> None:
    assert login_key("12345", "geheim") == "f4b17309520d2fbfe377f313f82d9b9d"
