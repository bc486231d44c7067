"""Events by HTTP: a batch of them in one POST, all or none, answered when all are durable and folded.

    request → who sends it → may he, for this VDN → lines → events → Ingest.ingest → receipt

Which events are valid is decided by `engine.codec`; what only an outsider may not say is added here.
A batch is decoded in slices, so that the loop goes on.
"""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import BodyRefused, Incoming, Receive, Scope, Send, header
from queuepulse.authentication import Admitted, Authenticator
from queuepulse.engine.codec import BadEvent, decode, items_of, lines_of
from queuepulse.engine.events import (
    SKILL_MAX,
    AgentConfigured,
    CallOffered,
    Event,
    VdnKey,
)
from queuepulse.engine.events import Clock as ClockEvent
from queuepulse.meters import Meters
from queuepulse.ports import Clock, Ingest, LogBusy, LogFull
from queuepulse.protocol.interfaces import INGEST_PATH, NDJSON
from queuepulse.protocol.keys import Key
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.wire import UNAUTHENTICATED, plain_type
from queuepulse.replying import Replier, Reply, new_request_id
from queuepulse.sources.masking import masked
from queuepulse.urls import BadQuery, chosen_by, missing

EVENTS_MAX: Final = 10_000
"""Events of one batch: what is decoded, logged and folded well within a second."""
LINES_MAX: Final = 2 * EVENTS_MAX
"""Lines of one batch, blank ones too: two million newlines would be two million objects."""
BODY_BYTES_MAX: Final = 2 * 1024 * 1024
"""Bytes of one batch: room for EVENTS_MAX events of the usual length."""
EVENTS_PER_S_MAX: Final = 100_000
"""Events of one key in a second, by default: more than the largest center has, and less than we can fold."""
DECODED_BYTES_MAX: Final = 16 * 1024 * 1024
"""Bytes of all batches between decoding and commit. As objects they need some three times as much."""
SLICE_S: Final = 0.001
"""Decoding lets others have the loop after so long: half of the 2 ms that no step may exceed."""
SLICE_EVENTS: Final = 32
"""Events decoded between two looks at the clock: a third of SLICE_S for the longest usual ones."""
BUSY_RETRY_S: Final = 1
"""When to come again if others' batches are in the way: they are gone in less."""
FULL_RETRY_S: Final = 10
"""When to come again if the log cannot be written: a disk is not made room on any sooner."""
_MASKED: Final[dict[type[Event], tuple[str, ...]]] = {
    CallOffered: ("caller", "called"),
    AgentConfigured: ("phone",),
}
_NAME: Final = "ingest"
_PATH: Final = INGEST_PATH.encode()
_log: FilteringBoundLogger = structlog.get_logger()

Line: TypeAlias = tuple[int, bytes | msgspec.Raw]
Split: TypeAlias = Callable[[bytes], Iterable[Line]]
# Content types, without case and blanks, and how the text of each is split into events.
_SPLITS: Final[dict[bytes, Split]] = {
    f"{media}{charset}".encode(): split
    for media, split in ((NDJSON, lines_of), ("application/json", items_of))
    for charset in ("", ";charset=utf-8")
}


class Settings(NamedTuple):
    """What the server's settings say of ingest. `masks_numbers` hides telephone numbers before the log."""

    skill_max: int = SKILL_MAX
    events_per_s_max: int = EVENTS_PER_S_MAX
    masks_numbers: bool = False


def _refused(status: int, word: str, *headers: tuple[bytes, bytes], **told: Any) -> Reply:
    return Reply(status, msgspec.json.encode(told), headers, word)


def _later(status: int, word: str, retry_s: int, reason: str) -> Reply:
    return _refused(status, word, (b"retry-after", b"%d" % retry_s), reason=reason)


_NOT_FOUND: Final = _refused(404, "not_found", reason=f"events are posted to {INGEST_PATH}")
_NOT_POST: Final = _refused(405, "method", (b"allow", b"POST"), reason="events are posted")
_WRONG_TYPE: Final = _refused(
    415, "type", reason=f"Content-Type must be {NDJSON} (one event a line) or application/json (an array)"
)
_UNPROVEN: Final = Reply(
    401, UNAUTHENTICATED, ((b"www-authenticate", b"auth-v2, Bearer"),), "unauthenticated"
)
_NOT_PERMITTED: Final = _refused(403, "not_permitted", reason="this key may not send events of this VDN")
_BUSY: Final = _later(503, "busy", BUSY_RETRY_S, "too many events are on their way; none of these was taken")
_FULL: Final = _later(
    503, "log_full", FULL_RETRY_S, "the event log cannot be written now; none of these events was taken"
)


class IngestApp:
    """An ASGI callable for `POST /ingest/v1/events?cc=1&vdn=1`."""

    def __init__(
        self,
        ingest: Ingest,
        authenticator: Authenticator,
        clock: Clock,
        meters: Meters,
        settings: Settings,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._ingest = ingest
        self._authenticator = authenticator
        self._clock = clock
        self._settings = settings
        self._events = RateLimit(settings.events_per_s_max)
        self._replier = Replier(clock, meters, new_request_id)
        self._bytes_in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(receive)
        await self._replier.reply(incoming, send, _NAME, self._answer(scope, incoming), _defect)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        """All checks that need no event, in the order of the CC-CMS API."""
        content_type = plain_type(header(scope, b"content-type") or b"")
        if (wrong := _wrong_head(scope, content_type)) is not None:
            return wrong
        try:
            admitted = await self._authenticator.by_signature_or_token(
                scope, receive, BODY_BYTES_MAX, _may_send_much
            )
            if admitted is None:
                return _UNPROVEN
            vdn = _vdn_of(scope["query_string"])
            if not admitted.key.may_ingest(*vdn):
                return _NOT_PERMITTED
            return await self._take(admitted, vdn, _SPLITS[content_type])
        except BodyRefused as refused:
            return _refused(refused.status, "body", *refused.headers, reason=str(refused))
        except BadQuery as bad:
            return _refused(400, "bad_query", key=bad.key, reason=bad.reason)

    async def _take(self, admitted: Admitted, vdn: VdnKey, split: Split) -> Reply:
        """Let in what the limits let in. Raises BodyRefused."""
        key, body = admitted
        wait_s = self._events.wait_s(key.ak, self._clock.elapsed())
        if wait_s:
            reason = f"more than {self._settings.events_per_s_max:,} events a second with this key"
            return _later(429, "rate", wait_s, reason)
        if self._bytes_in_hand + len(body) > DECODED_BYTES_MAX:
            return _BUSY
        self._bytes_in_hand += len(body)
        try:
            if body.count(b"\n") > LINES_MAX:
                raise BodyRefused(413, f"the body has more than {LINES_MAX:,} lines")
            receipt = await self._ingest.ingest(vdn, await self._decoded(split(body), key, vdn))
        except BadEvent as bad:
            text = f"{bad}. No event of this batch was taken."
            return _refused(400, "bad_event", line=bad.line, key=bad.key, reason=bad.reason, text=text)
        except LogBusy:
            return _BUSY
        except LogFull as full:
            _log.error("events were refused", reason=str(full))
            return _FULL
        finally:
            self._bytes_in_hand -= len(body)
        return Reply(200, msgspec.json.encode(receipt._asdict()))

    async def _decoded(self, lines: Iterable[Line], key: Key, vdn: VdnKey) -> list[Event]:
        """The events of these lines, checked, masked and counted. Raises BadEvent or BodyRefused."""
        clock, rest = self._clock, iter(lines)
        events: list[Event] = []
        until_s = clock.elapsed() + SLICE_S
        while numbered := list(islice(rest, SLICE_EVENTS)):
            decoded = decode(numbered, self._settings.skill_max)
            for (number, _), event in zip(numbered, decoded, strict=True):
                _check_outsider(event, vdn, number)
            events += map(_masked, decoded) if self._settings.masks_numbers else decoded
            if len(events) > EVENTS_MAX:
                raise BodyRefused(413, f"the body has more than {EVENTS_MAX:,} events")
            now_s = clock.elapsed()
            self._events.take(key.ak, len(numbered), now_s)
            if now_s >= until_s:
                await asyncio.sleep(0)
                until_s = clock.elapsed() + SLICE_S
        if not events:
            raise BadEvent(1, "", "there is no event here")
        return events


def _wrong_head(scope: Scope, content_type: bytes) -> Reply | None:
    """What is wrong with the request before anything is read or proved."""
    if scope["raw_path"] != _PATH:
        return _NOT_FOUND
    if scope["method"] != "POST":
        return _NOT_POST
    return None if content_type in _SPLITS else _WRONG_TYPE


def _vdn_of(query: bytes) -> VdnKey:
    """The VDN that the URL names. Raises BadQuery."""
    cc, vdn = chosen_by(query)
    if cc is None or vdn is None:
        raise missing("cc" if cc is None else "vdn")
    return VdnKey(cc, vdn)


def _check_outsider(event: Event, vdn: VdnKey, number: int) -> None:
    """What is valid in our own log, and not from outside. Raises BadEvent."""
    if event.cc is not None and event.cc != vdn.cc:
        raise BadEvent(number, "cc", f"must be {vdn.cc}, as in the URL")
    if event.vdn is not None and event.vdn != vdn.vdn:
        raise BadEvent(number, "vdn", f"must be {vdn.vdn}, as in the URL")
    if type(event) is ClockEvent:
        raise BadEvent(number, "type", "`clock` is written by the server alone")


def _masked(event: Event) -> Event:
    return masked(event, *_MASKED.get(type(event), ()))


def _defect(request_id: str) -> Reply:
    return _refused(500, "unknown_exception", reason=f"unknown exception, request {request_id}")


def _may_send_much(key: Key) -> bool:
    """Whether a batch of this key is read on before its signature is proved, which takes all of it."""
    return key.ingests
