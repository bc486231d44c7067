"""The health of VDNs by HTTP, for whoever may see them: how current the figures are, and how far checked.

    request → who sends it → which VDNs → those he may see → HealthBoard.health → JSON

What is told of a VDN is `protocol.health`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from queuepulse.asgi import BodyRefused, Incoming, Receive, Scope, Send
from queuepulse.authentication import UNPROVEN_BYTES_MAX, Authenticator
from queuepulse.engine.events import VDN_MAX, VdnKey
from queuepulse.meters import Meters
from queuepulse.ports import Clock, HealthBoard
from queuepulse.protocol.health import HEALTH_PATH, HealthAnswer, VdnHealth
from queuepulse.protocol.keys import Key
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.wire import UNAUTHENTICATED
from queuepulse.replying import Replier, Reply, new_request_id
from queuepulse.urls import BadQuery, chosen_by, missing

VDNS_MAX: Final = VDN_MAX
"""VDNs in one answer: all of a call center."""
VDNS_PER_S_MAX: Final = 1_000
"""VDNs of which one key is told in a second: a look at a VDN may pass over all its agents and calls."""
SLICE_S: Final = 0.001
"""Looking lets others have the loop after so long: half of the 2 ms that no step may exceed."""
_NAME: Final = "health"
_PATH: Final = HEALTH_PATH.encode()


def _refused(status: int, word: str, reason: str, *headers: tuple[bytes, bytes], **told: Any) -> Reply:
    return Reply(status, msgspec.json.encode({**told, "reason": reason}), headers, word)


_NOT_FOUND: Final = _refused(404, "not_found", f"the health of VDNs is at {HEALTH_PATH}")
_NOT_GET: Final = _refused(405, "method", "health is asked for with GET", (b"allow", b"GET"))
_UNPROVEN: Final = Reply(
    401, UNAUTHENTICATED, ((b"www-authenticate", b"auth-v2, Bearer"),), "unauthenticated"
)
_NOT_PERMITTED: Final = _refused(403, "not_permitted", "this key may not see this VDN")


class HealthApp:
    """An ASGI callable for `GET /health/v1/vdns`, of all VDNs, or `?cc=1`, or `?cc=1&vdn=1`."""

    def __init__(
        self,
        board: HealthBoard,
        authenticator: Authenticator,
        clock: Clock,
        meters: Meters,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._board = board
        self._authenticator = authenticator
        self._clock = clock
        self._vdns = RateLimit(VDNS_PER_S_MAX)
        self._replier = Replier(clock, meters, new_request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(receive)
        await self._replier.reply(incoming, send, _NAME, self._answer(scope, incoming), _defect)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        """The checks are made in the order of the other interfaces."""
        if scope["raw_path"] != _PATH:
            return _NOT_FOUND
        if scope["method"] != "GET":
            return _NOT_GET
        try:
            admitted = await self._authenticator.by_signature_or_token(
                scope, receive, UNPROVEN_BYTES_MAX, _may_send_much
            )
            if admitted is None:
                return _UNPROVEN
            cc, vdn = chosen_by(scope["query_string"])
            if vdn is not None and cc is None:
                raise missing("cc")
            return await self._tell(admitted.key, cc, vdn)
        except BodyRefused as refused:
            return _refused(refused.status, "body", str(refused), *refused.headers)
        except BadQuery as bad:
            return _refused(400, "bad_query", bad.reason, key=bad.key)

    async def _tell(self, key: Key, cc: int | None, vdn: int | None) -> Reply:
        if cc is not None and vdn is not None:
            if not key.may_see(cc, vdn):
                return _NOT_PERMITTED
            chosen = [VdnKey(cc, vdn)]
        else:
            # What he may not see is not there for him.
            known = self._board.vdns()
            chosen = [one for one in known if cc in {None, one.cc} and key.may_see(*one)]
        now_s = self._clock.elapsed()
        wait_s = self._vdns.wait_s(key.ak, now_s)
        if wait_s:
            retry = (b"retry-after", b"%d" % wait_s)
            return _refused(429, "rate", f"more than {VDNS_PER_S_MAX:,} VDNs a second with this key", retry)
        told = chosen[:VDNS_MAX]
        self._vdns.take(key.ak, max(1, len(told)), now_s)
        answer = HealthAnswer(await self._health_of(told), more=len(chosen) > len(told))
        return Reply(200, msgspec.json.encode(answer))

    async def _health_of(self, vdns: list[VdnKey]) -> list[VdnHealth]:
        health = []
        until_s = self._clock.elapsed() + SLICE_S
        for vdn in vdns:
            health.append(self._board.health(vdn))
            if self._clock.elapsed() >= until_s:
                await asyncio.sleep(0)
                until_s = self._clock.elapsed() + SLICE_S
        return health


def _may_send_much(key: Key) -> bool:
    """Nobody needs a body to ask for health."""
    return False


def _defect(request_id: str) -> Reply:
    return _refused(500, "unknown_exception", f"unknown exception, request {request_id}")
