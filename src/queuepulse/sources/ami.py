"""The Asterisk Manager Interface as bytes: blocks of headers in, messages out, and actions back to bytes.

Nothing here knows what a message means, and nothing here reads a socket or a clock. Bytes may come in any
pieces; the messages are the same.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

Message: TypeAlias = dict[str, str]
"""The headers of one block; of a repeated header the last. An event has `Event`, an answer `Response`."""

MESSAGE_BYTES_MAX: Final = 65_536
"""Longest block taken: forty times the longest event of a real switch; a longer one is no AMI."""
BANNER: Final = b"Asterisk Call Manager"
BANNER_BYTES_MAX: Final = 256
"""Longest first line looked at: who sends more before a line end sends no banner."""
END: Final = b"\r\n\r\n"
EVENT: Final = b"Event: "
RESPONSE: Final = b"Response: "


class AmiParser:
    """Bytes of one connection to messages.

    `wanted` names the events that are returned, each with a text that must stand in it (empty: any); answers
    are always returned. What is not wanted is counted and not looked into. `banner` is the switch's first
    line without its end, `None` until it is seen, empty where the stream began without one. `seen` counts
    the blocks, `malformed` those of them that are no message: they are skipped.
    """

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.banner: str | None = None
        self.seen = 0
        self.malformed = 0
        self._wanted = {name.encode(): text.encode() for name, text in wanted.items()}
        self._rest = b""
        self._oversized = False

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that `piece` completes."""
        buffer = self._rest + piece if self._rest else piece
        if self.banner is None:
            buffer = self._greet(buffer)
            if self.banner is None:
                self._rest = buffer
                return []
        blocks = buffer.split(END)
        rest = blocks.pop()
        if self._oversized and blocks:
            blocks[0] = b"?"
            self._oversized = False
        # Three bytes more, because the last ones may be the start of a block's end.
        if len(rest) > MESSAGE_BYTES_MAX + len(END) - 1:
            self._oversized = True
            rest = rest[1 - len(END) :]
        self._rest = rest
        return list(self._messages(blocks))

    def _greet(self, buffer: bytes) -> bytes:
        """Takes the banner off the start of the stream, if there is one; what is left."""
        line, end, rest = buffer.partition(b"\r\n")
        if not end and len(buffer) <= BANNER_BYTES_MAX:
            return buffer
        if not line.startswith(BANNER) or len(line) > BANNER_BYTES_MAX:
            self.banner = ""
            return buffer
        self.banner = line.decode("ascii", "replace")
        return rest

    def _messages(self, blocks: list[bytes]) -> Iterator[Message]:
        wanted = self._wanted
        for block in blocks:
            if not block.startswith(EVENT):
                # A line end too many between two blocks belongs to neither.
                block = block.lstrip(b"\r\n")
                if not block:
                    continue
            self.seen += 1
            if len(block) > MESSAGE_BYTES_MAX:
                self.malformed += 1
            elif block.startswith(EVENT):
                end = block.find(b"\r", len(EVENT))
                text = wanted.get(block[len(EVENT) : end] if end > 0 else block[len(EVENT) :])
                if text is not None and text in block:
                    yield from self._parsed(block)
            elif block.startswith(RESPONSE):
                yield from self._parsed(block)
            else:
                self.malformed += 1

    def _parsed(self, block: bytes) -> tuple[Message, ...]:
        message = _headers(block)
        if message is None:
            self.malformed += 1
            return ()
        return (message,)


def _headers(block: bytes) -> Message | None:
    """The headers of a block; `None` if it has a line that is none, or two blocks ran into each other."""
    if b"\r\nEvent: " in block:
        return None
    lines = block.decode("utf-8", "replace").split("\r\n")
    try:
        return dict([line.split(": ", 1) for line in lines])
    except ValueError:
        pass
    message = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not colon or not key.strip():
            return None
        message[key.strip()] = value.strip()
    return message


def encode_action(headers: Mapping[str, str]) -> bytes:
    """An action as the switch reads it. Raises `ValueError` for a header that would begin another line."""
    lines = [f"{key}: {value}\r\n" for key, value in headers.items()]
    if any(line.count("\n") + line.count("\r") > 2 for line in lines):
        raise ValueError("a header of an action may hold no line end")
    return "".join([*lines, "\r\n"]).encode()


def login_key(challenge: str, secret: str) -> str:
    """What answers the switch's MD5 challenge instead of the secret itself."""
    return hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
