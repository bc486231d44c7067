"""The BMS: halves of the rows of `skill/stateinfo`, for gateways that put them together.

request → is it a gateway → parameters → Board.rows → bytes

Whose question it was, and whether he may see the VDN, the gateway has asked. Here only gateways are believed:
by their certificate, which TLS has checked, by the internal token, or by both.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import BodyRefused, Incoming, Receive, Scope, Send, header, read_body
from queuepulse.bms.moments import Moments, Told
from queuepulse.engine.events import VdnKey
from queuepulse.meters import Meters
from queuepulse.ports import Answer, BoardUnreachable, CallBoard, Clock
from queuepulse.protocol import bms
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.interfaces import (
    BMS_BASE,
    BMS_BY_PATH,
    BMS_CALLS,
    BMS_CALLS_OF_A_MOMENT,
    BMS_READY_PATH,
    BMS_STATE,
    Interface,
)
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.wire import (
    BODY_BYTES_MAX,
    SKILL_ID_MAX,
    UNAUTHENTICATED,
    Encoder,
    Refusal,
    decode_skill_query,
    encode_refusal,
)
from queuepulse.replying import Replier, Reply, new_request_id

BODY_S_MAX: Final = 5.0
"""A gateway sends a question at once; longer, and its own deadline is over."""
QUESTIONS_MAX: Final = 256
"""Questions known again without reading them: wallboards ask the same for hours. At most 10 MB."""
LOGGED_PER_S: Final = 1
"""Strangers that are logged in a second; the counter has them all."""
_BEARER: Final = b"Bearer "


class Settings(NamedTuple):
    """What the server's settings say of the BMS. `token` None: the certificate alone proves a gateway."""

    token: str | None
    skill_max: int = SKILL_ID_MAX
    v3r6_vdns: frozenset[VdnKey] = frozenset()


def _refused(status: int, word: str, text: str) -> Reply:
    return Reply(status, encode_refusal(Refusal(ResultCode.CALL_FAILED, text)), (), word)


_NOT_FOUND: Final = _refused(404, "not_found", "no interface has this path")
_WRONG_METHOD: Final = _refused(405, "method", "ask this interface with another method")
_LEAVING: Final = _refused(503, "leaving", "this server is ending")
_UNREACHABLE: Final = _refused(503, "unreachable", ResultCode.CALL_FAILED.meaning)
_GONE: Final = _refused(bms.GONE_STATUS, "gone", "that moment is not kept: ask for both halves anew")
_UNPROVEN: Final = Reply(401, UNAUTHENTICATED, ((b"www-authenticate", b"Bearer"),), "unauthenticated")
_log: FilteringBoundLogger = structlog.get_logger()


class BmsApp:
    """An ASGI callable for the interfaces of the BMS, and for gateways to see whether it is there.

    `is_staying` is false when no more questions should come here; those that come are answered.
    """

    def __init__(
        self,
        board: CallBoard,
        clock: Clock,
        meters: Meters,
        position: Callable[[], int],
        settings: Settings,
        *,
        is_staying: Callable[[], bool] = lambda: True,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._board = board
        self._clock = clock
        self._meters = meters
        self._position = position
        self._settings = settings
        self._is_staying = is_staying
        self._token_hash = None if settings.token is None else _hash(settings.token.encode())
        self._moments = Moments(clock.elapsed)
        self._decode = lru_cache(maxsize=QUESTIONS_MAX)(decode_skill_query)
        self._state = Encoder(BMS_STATE)
        self._calls = Encoder(BMS_CALLS)
        self._calls_of_a_moment = Encoder(BMS_CALLS_OF_A_MOMENT)
        self._logged = RateLimit(LOGGED_PER_S)
        self._replier = Replier(clock, meters, new_request_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        known = path in BMS_BY_PATH or path == BMS_READY_PATH
        name = f"bms/{path[len(BMS_BASE) :]}" if known else "bms/none"
        incoming = Incoming(receive)
        await self._replier.reply(incoming, send, name, self._answer(path, scope, incoming), _defect)

    async def _answer(self, path: str, scope: Scope, receive: Receive) -> Reply:
        interface = BMS_BY_PATH.get(path)
        if interface is None and path != BMS_READY_PATH:
            return _NOT_FOUND
        if not self._is_gateway(scope):
            return _UNPROVEN
        if scope["method"] != ("GET" if interface is None else interface.method):
            return _WRONG_METHOD
        if interface is None:
            return self._ready() if self._is_staying() else _LEAVING
        return await self._asked(interface, scope, receive)

    async def _asked(self, interface: Interface, scope: Scope, receive: Receive) -> Reply:
        try:
            body = await read_body(scope, receive, bytes_max=BODY_BYTES_MAX, seconds_max=BODY_S_MAX)
        except BodyRefused as refused:
            return _refused(refused.status, "body", str(refused))
        since = _moment(scope, bms.SINCE_POSITION, bms.SINCE_INSTANT)
        moment = None if interface is BMS_STATE else _moment(scope, bms.POSITION, bms.INSTANT)
        if moment is not None and (known := self._moments.told(body, moment, since)) is not None:
            # The question was looked at when the other half was asked for.
            return self._reply(self._calls_of_a_moment, *known)
        try:
            return await self._fresh(interface, body, moment, since)
        except BoardUnreachable:
            return _UNREACHABLE

    async def _fresh(
        self, interface: Interface, body: bytes, moment: bms.Moment | None, since: bms.Moment | None
    ) -> Reply:
        query = self._decode(body, self._settings.skill_max)
        if isinstance(query, Refusal):
            return _refusal(query)
        vdn = VdnKey(query.cc, query.vdn)
        is_old = vdn in self._settings.v3r6_vdns
        if interface.needs_cti_v3r8 and is_old:
            return _refusal(Refusal(ResultCode.NEEDS_CTI_V3R8, ResultCode.NEEDS_CTI_V3R8.meaning))
        if moment is not None:
            return _GONE
        if interface is BMS_STATE:
            answer = await self._board.rows(vdn, query.skill_ids)
            if is_old:  # nobody gets the other half
                return self._reply(self._state, answer, Told(vdn, answer.rows, None))
            return self._reply(self._state, *self._moments.tell(vdn, body, answer, since))
        calls = await self._board.call_rows(vdn, query.skill_ids)
        return self._reply(self._calls, calls, Told(vdn, calls.rows, None))

    def _reply(self, encoder: Encoder, answer: Answer, told: Told) -> Reply:
        headers = [
            (bms.POSITION.encode(), b"%d" % answer.position),
            (bms.INSTANT.encode(), b"%d" % answer.now_ms),
        ]
        if answer.stale_since_ms is not None:
            headers.append((bms.STALE_SINCE.encode(), b"%d" % answer.stale_since_ms))
        if answer.now_ms > self._clock.now_ms():
            headers.append((bms.AS_OF.encode(), b"%d" % answer.now_ms))
        if told.places is not None:
            headers.append((bms.CHANGED.encode(), ",".join(map(str, told.places)).encode()))
        return Reply(200, encoder.encode(told.vdn, told.rows), headers)

    def _ready(self) -> Reply:
        return Reply(200, b'{"status":"ready"}', ((bms.POSITION.encode(), b"%d" % self._position()),))

    def _is_gateway(self, scope: Scope) -> bool:
        if self._token_hash is None:
            return True
        given = header(scope, b"authorization") or b""
        # Hashes are of one length, and tell nothing of how much of a guess was right.
        if given.startswith(_BEARER) and hmac.compare_digest(
            _hash(given[len(_BEARER) :].strip(b" ")), self._token_hash
        ):
            return True
        self._meters.authentication_failed("bms_token")
        now_s = self._clock.elapsed()
        if self._logged.wait_s("", now_s) == 0:
            self._logged.take("", 1, now_s)
            client = scope.get("client")
            _log.warning("somebody asks the BMS without its token", peer=client[0] if client else "unknown")
        return False


def _refusal(refusal: Refusal) -> Reply:
    return Reply(200, encode_refusal(refusal), (), refusal.code.name.lower())


def _defect(request_id: str) -> Reply:
    code = ResultCode.UNKNOWN_EXCEPTION
    return _refusal(Refusal(code, f"{code.meaning}, request {request_id}"))


def _moment(scope: Scope, position: str, instant: str) -> bms.Moment | None:
    told = [header(scope, name.encode()) for name in (position, instant)]
    return bms.Moment.of(*(None if value is None else value.decode("latin-1") for value in told))


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
