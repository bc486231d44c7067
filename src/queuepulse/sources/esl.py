"""FreeSWITCH's event socket as bytes: framed messages in, commands back to bytes.

Nothing here knows what an event means, and nothing here reads a socket or a clock. Bytes may come in any
pieces; the messages are the same.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, Literal, NamedTuple, TypeVar, overload
from urllib.parse import unquote

import msgspec

Kind = Literal["auth", "reply", "answer", "event", "disconnect", "rejection"]
"""What a message is: the switch asks for the password; it answers a command; it answers `api`; an event;
it ends the connection; it refuses it (its access list)."""


_Default = TypeVar("_Default")


class Plain(Mapping[str, str]):
    """The headers of a plain event, looked for when asked for: it has sixty, and few are ever of use.

    Of a header that comes twice the first counts. `lines` ends with a line end.
    """

    __slots__ = ("_lines", "_ours")

    def __init__(self, lines: bytes) -> None:
        self._lines = lines
        self._ours = -1

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str | _Default, /) -> str | _Default: ...
    def get(self, key: str, default: object = None, /) -> object:
        lines, begins = self._lines, _beginning(key)
        if key.startswith(OURS):
            # Most of an event is the channel's, and stands before them.
            if self._ours < 0:
                self._ours = lines.find(OURS_BEGIN) % len(lines)
            start = lines.find(begins, self._ours)
        else:
            start = lines.find(begins)
        if start < 0:
            if not lines.startswith(begins[1:]):
                return default
            start = -1
        start += len(begins)
        text = lines[start : lines.find(b"\n", start)].decode("utf-8", "replace")
        return unquote(text) if "%" in text else text

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[str]:
        lines = self._lines.rstrip(b"\n").split(b"\n")
        return iter(dict.fromkeys(line.partition(b": ")[0].decode("utf-8", "replace") for line in lines))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


@cache
def _beginning(key: str) -> bytes:
    return f"\n{key}: ".encode()


class Message(NamedTuple):
    """One message. An event has its own headers, and no body."""

    kind: Kind
    headers: Mapping[str, str]
    body: str = ""


KINDS: Final[dict[bytes, Kind]] = {
    b"auth/request": "auth",
    b"command/reply": "reply",
    b"api/response": "answer",
    b"text/event-plain": "event",
    b"text/event-json": "event",
    b"text/disconnect-notice": "disconnect",
    b"text/rude-rejection": "rejection",
}
"""Message kinds by `Content-Type`; any other type is passed over."""
HEAD_BYTES_MAX: Final = 65_536
"""Longest run of bytes without an empty line: outer headers are below 200 bytes."""
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest body taken: the list of 50,000 agents is some 10 MB."""
PLAIN: Final = b"text/event-plain"
LONG: Final = b"api/response"
"""The only bodies so long that looking into each piece of them would cost."""
OURS: Final = "CC-"
OURS_BEGIN: Final = b"\nCC-"
"""How the headers of the call center begin."""
END: Final = b"\n\n"
USUAL_HEAD: Final = re.compile(rb"Content-Length: ([0-9]{1,6})\nContent-Type: text/event-plain")
HEAD: Final = b"\nContent-Type: text/event-"
"""Never within a sound body: there a length was wrong and another message was swallowed."""


class EslParser:
    """Bytes of one connection to messages.

    `seen` counts the messages, `malformed` those of them that are none: they are skipped, up to the next one
    that can be read.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.malformed = 0
        self._buffer = bytearray()
        self._enough = 0

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that `piece` completes."""
        self._buffer += piece
        if len(self._buffer) < self._enough:
            return []
        stream, messages, start = bytes(self._buffer), list[Message](), 0
        self._enough = 0
        while (end := stream.find(END, start)) >= 0:
            head = stream[start:end]
            start_of_body = end + len(END)
            if not head.strip(b"\n"):
                start = start_of_body
                continue
            content_type, length = _outline(head)
            body = stream[start_of_body : start_of_body + length]
            if len(body) < length and HEAD not in body:
                if content_type == LONG:
                    self._enough = start_of_body + length - start
                break
            self.seen += 1
            if content_type == PLAIN and _is_plain(body):
                start = start_of_body + length
                messages.append(Message("event", Plain(body)))
                continue
            swallowed = body.find(HEAD)
            if swallowed >= 0:
                # The swallowed message begins behind the empty line before its `Content-Type`.
                before = body.rfind(END, 0, swallowed)
                start = start_of_body + (before + len(END) if before >= 0 else swallowed + 1)
                self.malformed += 1
                continue
            start = start_of_body + length
            message = self._message(content_type, head, body)
            if message is not None:
                messages.append(message)
        del self._buffer[:start]
        if not self._enough and len(self._buffer) > HEAD_BYTES_MAX:
            self.seen += 1
            self.malformed += 1
            del self._buffer[: 1 - len(END)]
        return messages

    def _message(self, content_type: bytes, head: bytes, body: bytes) -> Message | None:
        kind = KINDS.get(content_type)
        if kind == "event":
            headers = _json(body) if content_type.endswith(b"json") else _plain(body)
            if headers is not None:
                return Message(kind, headers)
        elif kind is not None:
            return Message(kind, _headers(head), body.decode("utf-8", "replace"))
        if kind is not None or not content_type:
            self.malformed += 1
        return None


def _is_plain(body: bytes) -> bool:
    """Whether it is a plain event as they usually are: lines alone, and in each of them one colon.

    Values are encoded, so they have none; an empty line, or one that is no header, has none either.
    """
    return body.endswith(END) and body.count(b":") == body.count(b"\n") - 1


def _plain(body: bytes) -> Plain | None:
    """The headers of a plain event of any other form; `None` if it has no end or a line that is no header."""
    block, end, _ = body.partition(END)
    if not end or not all(b": " in line for line in block.split(b"\n")):
        return None
    return Plain(block + b"\n")


def _json(body: bytes) -> dict[str, str] | None:
    """The headers of a JSON event; `None` if it is none."""
    try:
        pairs = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return {name: value for name, value in pairs.items() if isinstance(value, str)}


def _outline(head: bytes) -> tuple[bytes, int]:
    """The content type and the length of the body; empty and 0 where the head does not say them."""
    usual = USUAL_HEAD.fullmatch(head)
    if usual is not None:
        return PLAIN, int(usual[1])
    content_type, length = b"", 0
    for line in head.split(b"\n"):
        name, _, value = line.partition(b": ")
        if name == b"Content-Type":
            content_type = value
        elif name == b"Content-Length" and value.isdigit() and len(value) <= len(str(BODY_BYTES_MAX)):
            length = int(value)
    return content_type, length if length <= BODY_BYTES_MAX else 0


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(": ") for line in head.decode("utf-8", "replace").split("\n"))
    return {name: value for name, colon, value in lines if colon}


def encode_command(command: str) -> bytes:
    """A command as the switch reads it. Raises `ValueError` for one that would begin another line."""
    if "\n" in command or "\r" in command:
        raise ValueError("a command may hold no line end")
    return f"{command}\n\n".encode()
