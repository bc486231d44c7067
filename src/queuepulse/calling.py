"""What may be asked about single calls, and what is told: the seam between interfaces and `registry`.

Instants are epoch milliseconds.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple, Protocol

import msgspec
from msgspec import inspect

from queuepulse.engine.calls import CLOSED, OUTCOMES, PassRecord
from queuepulse.engine.events import AT_MAX_MS, VdnKey
from queuepulse.engine.passes import CallKey, Wanted

CALLS_PATH: Final = "/v1/calls"
CALLS_MAX: Final = 1_000
"""Calls in one page: a second's work at most for a person's program to read."""
CALLS_DEFAULT: Final = 100
PASSES_MAX: Final = 200
"""Passes that are told of one call: the last ones."""


def _says(meaning: str) -> msgspec.Meta:
    return msgspec.Meta(description=meaning)


class AgentAt(msgspec.Struct, frozen=True, gc=False):
    """An agent, and an instant."""

    agent: int
    at_ms: int


class PassTold(msgspec.Struct, frozen=True, gc=False):
    """One stay of a call in one queue; null is what never was, or is not known."""

    number: Annotated[int, _says("Which pass of the call it is, from 1.")]
    skill: Annotated[int, _says("The queue.")]
    direction: Annotated[str, _says("`in` or `out`.")]
    outcome: Annotated[str, _says("How it ended; or `waiting`, or `talking`.")]
    offered_at_ms: Annotated[int, _says("When it entered the queue.")]
    waiting_since_ms: Annotated[int, _says("Since when it waited.")]
    answered_at_ms: Annotated[int | None, _says("When it was answered.")]
    ended_at_ms: Annotated[int | None, _says("When it was released, or left unanswered.")]
    wait_ms: Annotated[int | None, _says("How long it waited; null where the true end is unknown.")]
    talk_ms: Annotated[int | None, _says("How long it talked, hold included; likewise.")]
    hold_ms: Annotated[int, _says("How long of that it was on hold.")]
    wrapup_ms: Annotated[int, _says("The wrap-up that its agent was given.")]
    agent: Annotated[int | None, _says("Who talked, at last.")]
    rang_at: Annotated[list[AgentAt], _says("The agents it rang at, and when; the first 64.")]
    talked_until: Annotated[list[AgentAt], _says("Who had the talk before `agent`, and until when.")]
    short: Annotated[bool, _says("Abandoned before the queue's `short_wait_ms`.")]
    media: Annotated[int | None, _says("What it was offered with, as are the three below.")]
    priority: Annotated[int | None, _says("")]
    caller: Annotated[str | None, _says("Masked, as `history.mask_numbers` says.")]
    called: Annotated[str | None, _says("Likewise.")]


class CallTold(msgspec.Struct, frozen=True, gc=False):
    """A call: when its first pass was offered, the outcome of its last one, and its passes in order."""

    call: str
    begun_at_ms: int
    outcome: str
    passes: list[PassTold]


class CallAnswer(CallTold, frozen=True, gc=False):
    """A call of a VDN. Of several with this id it is the last one; `earlier` says when others began."""

    cc: int
    vdn: int
    earlier: list[int]


class CallsAnswer(msgspec.Struct, frozen=True, gc=False):
    """Calls in the order in which they began; `next` is the `after` of the next page, null behind the last.

    A page may have fewer calls than its limit, or none, and still a next one.
    """

    cc: int
    vdn: int
    calls: list[CallTold]
    next: str | None


class RecordsTold(NamedTuple):
    """An encoded answer; it holds all events up to `position`."""

    body: bytes
    position: int
    stale_since_ms: int | None


class CallUnknown(Exception):
    """No call of that id is known, or its record is no longer kept; `str()` says so to a person."""


class CallsBusy(Exception):
    """Too many ask at once, or what is kept cannot be read now; `str()` says which."""


def meanings() -> Iterator[tuple[str, str]]:
    """What each field of a pass is."""
    for field in inspect.type_info(PassTold).fields:  # type: ignore[attr-defined]
        yield field.encode_name, field.type.extra_json_schema["description"]


class CallRecords(Protocol):
    """What tells of single calls. A question changes nothing."""

    async def call(self, vdn: VdnKey, call: str) -> RecordsTold:
        """The call of that id. Raises CallUnknown and CallsBusy."""

    async def page(self, vdn: VdnKey, wanted: Wanted, limit: int) -> RecordsTold:
        """The first calls that are wanted. Raises CallsBusy."""


def cursor_of(key: CallKey) -> str:
    """What a page behind that call is asked with."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def key_of(cursor: str) -> CallKey:
    """The call of a cursor. Raises ValueError."""
    try:
        body = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at_ms, call = msgspec.msgpack.decode(body, type=tuple[int, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError):
        at_ms, call = -1, ""
    if not 0 <= at_ms <= AT_MAX_MS or not call.isprintable():
        raise ValueError("must be the `next` of an answer")
    return at_ms, call


def told_call(key: CallKey, records: Sequence[PassRecord]) -> CallTold:
    """A call as it is told, of its passes in order."""
    at_ms, call = key
    return CallTold(call, at_ms, OUTCOMES[records[-1].outcome], [told_pass(one) for one in records])


def told_pass(one: PassRecord) -> PassTold:
    """A pass as it is told."""
    answered_ms, ended_ms, since_ms = one.answered_at_ms, one.ended_at_ms, one.waiting_since_ms
    is_answered, is_closed = answered_ms >= 0, one.outcome == CLOSED
    waited_ms = answered_ms if is_answered else ended_ms
    knows_wait = waited_ms >= 0 and one.wait_known and (is_answered or not is_closed)
    knows_talk = is_answered and ended_ms >= 0 and not is_closed
    return PassTold(
        one.number,
        one.skill,
        "in" if one.inbound else "out",
        OUTCOMES[one.outcome],
        one.offered_at_ms,
        since_ms,
        answered_ms if is_answered else None,
        ended_ms if ended_ms >= 0 else None,
        max(0, waited_ms - since_ms) if knows_wait else None,
        max(0, ended_ms - answered_ms) if knows_talk else None,
        one.hold_ms,
        one.wrapup_ms,
        one.talked_id or None,
        _agents(one.rang_at),
        _agents(one.talked_until),
        one.short,
        one.media,
        one.priority,
        one.caller,
        one.called,
    )


def _agents(flat: Sequence[int] | None) -> list[AgentAt]:
    return [] if not flat else [AgentAt(*two) for two in zip(flat[::2], flat[1::2], strict=True)]
