"""The interfaces under `/v1/` by HTTP: who asks, what for, may he; then the endpoint of the interface.

    request → path, method → who sends it → how often → parameters → his VDN? → endpoint → JSON

What there is to ask stands in `interfaces`; nothing of what is answered is known here.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from queuepulse.asgi import App, BodyRefused, Incoming, Receive, Scope, Send, answer
from queuepulse.authentication import UNPROVEN_BYTES_MAX, Authenticator
from queuepulse.engine.events import VdnKey
from queuepulse.meters import Meters
from queuepulse.ports import Clock
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.keys import Key
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.wire import POSITION_HEADER, STALE_SINCE_HEADER, UNAUTHENTICATED
from queuepulse.replying import Replier, Reply, new_request_id
from queuepulse.urls import BadQuery
from queuepulse.v1.interfaces import OPENAPI_PATH, PREFIX, Interface
from queuepulse.v1.openapi import Refusal, document
from queuepulse.v1.parameters import Limits, read_path, read_query

QUESTIONS_PER_S_MAX: Final = 20
"""Questions of one key in a second, by default: each may look at an hour of 1000 queues."""
_NO_INTERFACE: Final = "v1"
_POSITION: Final = POSITION_HEADER.lower().encode()
_STALE_SINCE: Final = STALE_SINCE_HEADER.lower().encode()


class Asked(NamedTuple):
    """A question that was understood, by a key that may ask it: the values of all parameters by name."""

    key: Key
    vdn: VdnKey
    values: Mapping[str, Any]


class Told(NamedTuple):
    """An answer: a Struct, or JSON already. `position` is the last event that it holds.

    `stale_since_ms` is since when a switch of the VDN is out of sight.
    """

    body: msgspec.Struct | bytes
    position: int | None = None
    stale_since_ms: int | None = None


class Refused(Exception):
    """What an endpoint raises when it will not answer: as which code, by which parameter, and why.

    With `retry_s` it may be asked again after so many seconds (HTTP 503).
    """

    def __init__(self, code: ResultCode, reason: str, key: str = "", retry_s: int | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.key, self.retry_s = code, reason, key, retry_s


class NotFound(Refused):
    """What an endpoint raises when nothing has the id of its path (HTTP 404)."""

    def __init__(self, reason: str, key: str) -> None:
        super().__init__(ResultCode.ILLEGAL_PARAMETER, reason, key)


Endpoint: TypeAlias = Callable[[Asked], Awaitable[Told]]


class Settings(NamedTuple):
    """What the server's settings say of these interfaces."""

    skill_max: int
    questions_per_s_max: int = QUESTIONS_PER_S_MAX


def _refused(
    status: int, word: str, code: ResultCode, reason: str, *headers: tuple[bytes, bytes], key: str = ""
) -> Reply:
    return Reply(status, msgspec.json.encode(Refusal(code.value, reason, key)), headers, word)


_NOT_GET: Final = _refused(
    405, "method", ResultCode.ILLEGAL_PARAMETER, "ask for it with GET", (b"allow", b"GET")
)
_UNPROVEN: Final = Reply(
    401, UNAUTHENTICATED, ((b"www-authenticate", b"auth-v2, Bearer"),), "unauthenticated"
)


class _Found(NamedTuple):
    """The interface of a path, who answers it, and what of the path is its own parameter."""

    interface: Interface
    endpoint: Endpoint
    in_path: bytes


class V1App:
    """An ASGI callable for all below PREFIX; `endpoints` says who answers each interface."""

    def __init__(
        self,
        endpoints: Mapping[Interface, Endpoint],
        authenticator: Authenticator,
        clock: Clock,
        meters: Meters,
        settings: Settings,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._by_path = {one.routed.encode(): (one, endpoint) for one, endpoint in endpoints.items()}
        self._authenticator = authenticator
        self._clock = clock
        self._settings = settings
        self._limits = Limits(settings.skill_max)
        self._questions = RateLimit(settings.questions_per_s_max)
        self._replier = Replier(clock, meters, new_request_id)
        self._document = msgspec.json.encode(document(endpoints, self._limits))
        paths = ", ".join([OPENAPI_PATH, *(one.path for one in endpoints)])
        self._not_found = _refused(404, "not_found", ResultCode.ILLEGAL_PARAMETER, f"there is: {paths}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._found(scope["raw_path"])
        name = _NO_INTERFACE if found is None else PREFIX[1:] + found.interface.name
        incoming = Incoming(receive)
        await self._replier.reply(incoming, send, name, self._answer(scope, incoming), _defect)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        """The checks are made in the order of the other interfaces."""
        found = self._found(scope["raw_path"])
        is_document = scope["raw_path"] == OPENAPI_PATH.encode()
        if found is None and not is_document:
            return self._not_found
        if scope["method"] != "GET":
            return _NOT_GET
        if found is None:
            return Reply(200, self._document)
        try:
            admitted = await self._authenticator.by_signature_or_token(
                scope, receive, UNPROVEN_BYTES_MAX, _may_send_much
            )
        except BodyRefused as refused:
            code = ResultCode.ILLEGAL_PARAMETER
            return _refused(refused.status, "body", code, str(refused), *refused.headers)
        return _UNPROVEN if admitted is None else await self._told(found, admitted.key, scope)

    def _found(self, path: bytes) -> "_Found | None":
        """Which interface it is that has this path, as it was sent."""
        if path in self._by_path:
            return _Found(*self._by_path[path], b"")
        folder, _, name = path.rpartition(b"/")
        found = self._by_path.get(folder + b"/*")
        return None if found is None or not name else _Found(*found, name)

    async def _told(self, found: "_Found", key: Key, scope: Scope) -> Reply:
        now_s = self._clock.elapsed()
        if wait_s := self._questions.wait_s(key.ak, now_s):
            reason = f"more than {self._settings.questions_per_s_max} questions a second with this key"
            return _later(429, "rate", reason, wait_s)
        self._questions.take(key.ak, 1, now_s)
        try:
            values = read_query(scope["query_string"], found.interface.parameters, self._limits)
            if found.interface.in_path is not None:
                values |= read_path(found.in_path, found.interface.in_path, self._limits)
            vdn = VdnKey(values["cc"], values["vdn"])
            if not key.may_see(*vdn):
                reason = f"this key may not see VDN {vdn.cc}/{vdn.vdn}"
                return _refused(403, "not_permitted", ResultCode.NOT_PERMITTED, reason)
            told = await found.endpoint(Asked(key, vdn, values))
        except BadQuery as bad:
            return _refused(400, "bad_query", ResultCode.ILLEGAL_PARAMETER, bad.reason, key=bad.key)
        except Refused as refused:
            if refused.retry_s is not None:
                return _later(503, "unavailable", refused.reason, refused.retry_s)
            status, word = 403 if refused.code is ResultCode.NOT_PERMITTED else 400, refused.code.name.lower()
            if isinstance(refused, NotFound):
                status, word = 404, "not_found"
            return _refused(status, word, refused.code, refused.reason, key=refused.key)
        return _reply(told)


def _reply(told: Told) -> Reply:
    headers = []
    if told.position is not None:
        headers.append((_POSITION, b"%d" % told.position))
    if told.stale_since_ms is not None:
        headers.append((_STALE_SINCE, b"%d" % told.stale_since_ms))
    body = told.body if isinstance(told.body, bytes) else msgspec.json.encode(told.body)
    return Reply(200, body, headers)


def not_here(reason: str) -> App:
    """An ASGI callable that says why none of these interfaces is served here."""
    refusal = _refused(404, "not_found", ResultCode.CALL_FAILED, reason)

    async def say(_scope: Scope, receive: Receive, send: Send) -> None:
        await Incoming(receive).drain()
        await answer(send, refusal.status, refusal.body)

    return say


def _later(status: int, word: str, reason: str, retry_s: int) -> Reply:
    return _refused(status, word, ResultCode.CALL_FAILED, reason, (b"retry-after", b"%d" % retry_s))


def _defect(request_id: str) -> Reply:
    code = ResultCode.UNKNOWN_EXCEPTION
    return _refused(500, code.name.lower(), code, f"{code.meaning}, request {request_id}")


def _may_send_much(key: Key) -> bool:
    """Nobody needs a body to ask a question of these."""
    return False
