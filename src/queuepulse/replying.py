"""What every answer of ours goes through: it is sent, timed and counted, and a defect is never shown.

What an answer says is the application's.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import JSON, Headers, Incoming, Send, answer
from queuepulse.meters import Meters
from queuepulse.ports import Clock

_REQUEST_ID_BYTES: Final = 8
_log: FilteringBoundLogger = structlog.get_logger()


class Reply(NamedTuple):
    """An answer. `refused` is the reason for the counter, one word of a small fixed set; empty: a success."""

    status: int
    body: bytes
    headers: Headers = ()
    refused: str = ""
    content_type: bytes = JSON


def new_request_id() -> str:
    """A name for one request, to find it in the log; no two are ever equal, on any node."""
    return secrets.token_hex(_REQUEST_ID_BYTES)


class Replier:
    """Sends what an application answers, or, where it fails by our own fault, that it did."""

    def __init__(
        self, clock: Clock, meters: Meters, new_request_id: Callable[[], str] = new_request_id
    ) -> None:
        self._clock = clock
        self._meters = meters
        self._new_request_id = new_request_id

    async def reply(
        self,
        incoming: Incoming,
        send: Send,
        interface: str,
        answering: Awaitable[Reply | None],
        defect: Callable[[str], Reply],
    ) -> None:
        """Wait for the answer and send it. `defect` tells a request id; the log says why.

        None is the answer of who has sent it himself, as a stream is; it is not timed.
        """
        started_s = self._clock.elapsed()
        try:
            reply = await answering
        except Exception:
            request_id = self._new_request_id()
            _log.exception("a request failed by our own fault", request_id=request_id, interface=interface)
            reply = defect(request_id)
        if reply is None:
            return
        if not incoming.ended:
            await incoming.drain()
        await answer(send, reply.status, reply.body, content_type=reply.content_type, headers=reply.headers)
        if reply.refused:
            self._meters.refused(interface, reply.refused)
        self._meters.answered(interface, reply.status, self._clock.elapsed() - started_s)
