"""The skill/stateinfo interfaces: a signed question about skill queues in, their figures out.

    request → who signed it → parameters → may he see this VDN → EncodedBoard.encoded → bytes

The order of checks is that of the API's page, and part of it. Bodies are read and written by `protocol.wire`,
keys are proved by `authentication`; neither figures nor secrets are known here.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from queuepulse.asgi import BodyRefused, Incoming, Receive, Scope, Send, header
from queuepulse.authentication import Authenticator
from queuepulse.engine.events import VdnKey
from queuepulse.meters import Meters
from queuepulse.ports import BoardRefused, BoardUnreachable, Clock, EncodedBoard
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.interfaces import BASE, BY_PATH, Interface
from queuepulse.protocol.keys import Key
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.wire import (
    AS_OF_HEADER,
    BODY_BYTES_MAX,
    POSITION_HEADER,
    SKILL_ID_MAX,
    STALE_SINCE_HEADER,
    UNAUTHENTICATED,
    Refusal,
    decode_skill_query,
    encode_refusal,
    is_accepted_type,
)
from queuepulse.replying import Replier, Reply, new_request_id

REQUESTS_PER_S_MAX: Final = 1_000
"""Questions of one key in a second, by default: a wallboard asks once, a gateway for hundreds of them."""
_POSITION: Final = POSITION_HEADER.lower().encode()
_STALE_SINCE: Final = STALE_SINCE_HEADER.lower().encode()
_AS_OF: Final = AS_OF_HEADER.lower().encode()
_NO_INTERFACE: Final = "none"
_MAY_PASS_LATER: Final = (408, 503)


class Settings(NamedTuple):
    """What the server's settings say of this API. `v3r6_vdns` are those with `cti_version = "3.6"`."""

    skill_max: int = SKILL_ID_MAX
    requests_per_s_max: int = REQUESTS_PER_S_MAX
    v3r6_vdns: frozenset[VdnKey] = frozenset()


def _refused(status: int, word: str, text: str, *headers: tuple[bytes, bytes]) -> Reply:
    """What HTTP itself refuses, in the API's envelope, so that a client has one form to read."""
    code = ResultCode.CALL_FAILED if status in _MAY_PASS_LATER else ResultCode.ILLEGAL_PARAMETER
    return Reply(status, encode_refusal(Refusal(code, text)), headers, word)


_NOT_FOUND: Final = _refused(404, "not_found", "no interface has this path")
_NOT_POST: Final = _refused(405, "method", "ask this interface with POST", (b"allow", b"POST"))
_WRONG_TYPE: Final = _refused(415, "type", "Content-Type must be application/json, its charset UTF-8")
_UNPROVEN: Final = Reply(401, UNAUTHENTICATED, ((b"www-authenticate", b"auth-v2"),), "unauthenticated")


class CmsApp:
    """An ASGI callable for the interfaces of `protocol.interfaces`.

    Refusals tell the last position of the log, while rows tell their own. Strangers are told none: how much a
    center does is not for them.
    """

    def __init__(
        self,
        board: EncodedBoard,
        authenticator: Authenticator,
        clock: Clock,
        meters: Meters,
        settings: Settings,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._board = board
        self._authenticator = authenticator
        self._clock = clock
        self._settings = settings
        self._requests = RateLimit(settings.requests_per_s_max)
        self._replier = Replier(clock, meters, new_request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        interface = BY_PATH.get(scope["raw_path"].decode("latin-1"))
        name = _NO_INTERFACE if interface is None else interface.path[len(BASE) :]
        incoming = Incoming(receive)
        answering = self._answer(interface, scope, incoming)
        await self._replier.reply(incoming, send, name, answering, self._defect)

    async def _answer(self, interface: Interface | None, scope: Scope, receive: Receive) -> Reply:
        """All checks that need no parameters, in the order of the API's page."""
        if interface is None:
            return _NOT_FOUND
        if (wrong := _wrong_head(interface, scope)) is not None:
            return wrong
        try:
            admitted = await self._authenticator.by_signature(scope, receive, BODY_BYTES_MAX, _may_send_much)
        except BodyRefused as refused:
            return _refused(refused.status, "body", str(refused), *refused.headers)
        if admitted is None:
            return _UNPROVEN
        key, body = admitted
        now_s = self._clock.elapsed()
        wait_s = self._requests.wait_s(key.ak, now_s)
        if wait_s:
            return self._too_many(wait_s)
        self._requests.take(key.ak, 1, now_s)
        return await self._rows(interface, key, body)

    async def _rows(self, interface: Interface, key: Key, body: bytes) -> Reply:
        query = decode_skill_query(body, self._settings.skill_max)
        if isinstance(query, Refusal):
            return self._refusal(query)
        cc, vdn, skill_ids = query
        if not key.may_see(cc, vdn):
            return self._refusal(
                Refusal(ResultCode.NOT_PERMITTED, f"insufficient permission: not for ccId {cc}, vdn {vdn}")
            )
        if interface.needs_cti_v3r8 and (cc, vdn) in self._settings.v3r6_vdns:
            return self._refusal(Refusal(ResultCode.NEEDS_CTI_V3R8, ResultCode.NEEDS_CTI_V3R8.meaning))
        try:
            answer = await self._board.encoded(interface, VdnKey(cc, vdn), skill_ids)
        except BoardUnreachable:
            return self._refusal(Refusal(ResultCode.CALL_FAILED, ResultCode.CALL_FAILED.meaning))
        except BoardRefused as refused:
            return self._refusal(refused.refusal)
        headers = [(_POSITION, b"%d" % answer.position)]
        if answer.stale_since_ms is not None:
            headers.append((_STALE_SINCE, b"%d" % answer.stale_since_ms))
        if answer.as_of_ms is not None:
            headers.append((_AS_OF, b"%d" % answer.as_of_ms))
        return Reply(200, answer.body, headers)

    def _refusal(self, refusal: Refusal) -> Reply:
        """A failure that travels with HTTP 200, as the API has it."""
        return Reply(200, encode_refusal(refusal), self._told(), refusal.code.name.lower())

    def _too_many(self, wait_s: int) -> Reply:
        text = f"more than {self._settings.requests_per_s_max} requests a second with this key"
        body = encode_refusal(Refusal(ResultCode.CALL_FAILED, text))
        return Reply(429, body, (*self._told(), (b"retry-after", b"%d" % wait_s)), "rate")

    def _told(self) -> tuple[tuple[bytes, bytes], ...]:
        return ((_POSITION, b"%d" % self._board.position()),)

    def _defect(self, request_id: str) -> Reply:
        code = ResultCode.UNKNOWN_EXCEPTION
        body = encode_refusal(Refusal(code, f"{code.meaning}, request {request_id}"))
        return Reply(200, body, self._told(), code.name.lower())


def _wrong_head(interface: Interface, scope: Scope) -> Reply | None:
    """What is wrong with the request before anything is read or proved."""
    if scope["method"] != interface.method:
        return _NOT_POST
    return None if is_accepted_type(header(scope, b"content-type") or b"") else _WRONG_TYPE


def _may_send_much(key: Key) -> bool:
    """Every key may ask, so every key may ask as long a question as the API allows."""
    return True
