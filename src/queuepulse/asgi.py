"""What HTTP apps share, in terms of ASGI: read a body, find a header, give an answer.

It stands at the level of `ports` and imports nothing of ours, so `cms` and `sources` may use it.
What an answer says is theirs; which server carries it, only `edge` knows.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

DRAINED_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes read only to be thrown away: some times what any request of ours may have."""
DRAIN_S_MAX: Final = 2.0
"""Seconds given to a client that is refused to send the rest: below the time of a stalled body."""
JSON: Final = b"application/json;charset=UTF-8"
TEXT: Final = b"text/plain;charset=UTF-8"


class BodyRefused(Exception):
    """A body that is not taken: `status` is the HTTP status to answer, `str()` tells the sender why.

    With `retry_s`, it may be taken after so many seconds.
    """

    def __init__(self, status: int, reason: str, retry_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = () if retry_s is None else ((b"retry-after", b"%d" % retry_s),)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name (lower case)."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def declared_bytes(scope: Scope) -> int | None:
    """How long the request says its body is; None if it does not say."""
    declared = header(scope, b"content-length")
    # Not digits, or not the true length: then the server below has refused it, or there are no such bytes.
    return int(declared[:_LENGTH_DIGITS]) if declared is not None and declared.isdigit() else None


async def read_body(scope: Scope, receive: Receive, *, bytes_max: int, seconds_max: float) -> bytes:
    """The whole body.

    Raises BodyRefused: 413 as soon as it is known to be longer than `bytes_max`, 408 if it is not whole after
    `seconds_max`, 400 if the sender went away in the middle.
    """
    if (declared_bytes(scope) or 0) > bytes_max:
        raise _too_long(bytes_max)
    # A timer of our own: `asyncio.timeout` costs three times as much, on the way of every question.
    deadline = _Deadline()
    timer = deadline.loop.call_later(seconds_max, deadline.pass_)
    try:
        return await _gather(receive, bytes_max)
    except asyncio.CancelledError:
        if deadline.has_passed and deadline.task.uncancel() == 0:
            raise BodyRefused(408, f"the body was not whole after {seconds_max:g} s") from None
        raise
    finally:
        timer.cancel()


class _Deadline:
    """Cancels the running task once, when it is told to."""

    __slots__ = ("has_passed", "loop", "task")

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "bodies are read in tasks"
        self.task = task
        self.loop = asyncio.get_running_loop()
        self.has_passed = False

    def pass_(self) -> None:
        self.has_passed = True
        self.task.cancel()


# More digits than any limit has, and few enough that reading them costs nothing.
_LENGTH_DIGITS: Final = 20


async def _gather(receive: Receive, bytes_max: int) -> bytes:
    message = await receive()
    if (
        message["type"] == "http.request"
        and not message.get("more_body")
        and len(message["body"]) <= bytes_max
    ):
        whole: bytes = message["body"]
        return whole
    parts = bytearray()
    while message["type"] == "http.request":
        parts += message.get("body", b"")
        if len(parts) > bytes_max:
            raise _too_long(bytes_max)
        if not message.get("more_body"):
            return bytes(parts)
        message = await receive()
    raise BodyRefused(400, "the body ended before it was whole")


def _too_long(bytes_max: int) -> BodyRefused:
    return BodyRefused(413, f"the body is longer than {bytes_max:,} bytes")


class Incoming:
    """A request's body on its way in: `receive`, and whether it has `ended`, or more is to come.

    A client that is answered before it has sent its body may never read the answer: HTTP/2 resets the stream.
    """

    __slots__ = ("_receive", "ended")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Take what comes of the rest, within DRAINED_BYTES_MAX and DRAIN_S_MAX."""
        if not self.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S_MAX):
                    await self._drain()

    async def _drain(self) -> None:
        left, more = DRAINED_BYTES_MAX, True
        while more and left > 0:
            message = await self()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)


async def answer(
    send: Send, status: int, body: bytes, *, content_type: bytes = JSON, headers: Headers = ()
) -> None:
    """Give a whole answer, with its type and length."""
    about = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body})
