"""What goes between a gateway and the BMS behind it, as text: both sides of it. Pure.

A question is asked of both BMS interfaces, and each answers with a half of every row. The first answer says
which moment it is of: the log position that its rows hold, and the instant they were looked at. The second is
asked with both, so that no row mixes two moments. Rows are put together as bytes; nobody decodes them.

A gateway that asked the same a moment ago may say so, and is told only the rows that are others since.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import msgspec

from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.interfaces import BMS_STATE, Interface
from queuepulse.protocol.wire import FAILURE_BEGIN, OLD_BEGIN, OLD_END, Refusal

POSITION: Final = "x-queuepulse-position"
# The instant (epoch ms) that rows were looked at; between a gateway and the BMS it is always told.
INSTANT: Final = "x-queuepulse-instant"
# A moment whose rows the asker has: of the others alone he wants to know. Where that moment is not kept, or
# most rows are others, all are told. Else `CHANGED` says which they are: their places among those asked.
SINCE_POSITION: Final = "x-queuepulse-since-position"
SINCE_INSTANT: Final = "x-queuepulse-since-instant"
CHANGED: Final = "x-queuepulse-changed"
# Told as the public API tells them (`protocol.wire`).
STALE_SINCE: Final = "x-queuepulse-stale-since"
AS_OF: Final = "x-queuepulse-as-of"
# The moment asked for is not kept (any more): ask for both halves anew.
GONE_STATUS: Final = 409

_BETWEEN: Final = b"},{"
_BEGIN: Final = OLD_BEGIN + b"{"
_END: Final = b"}" + OLD_END


class Moment(NamedTuple):
    """When rows are of: the last event they hold, and the instant they were looked at (epoch ms).

    Positions are those of one node's log. Another node's log has others, fed the same events or not.
    """

    position: int
    instant_ms: int

    @classmethod
    def of(cls, position: str | None, instant: str | None) -> Self | None:
        """The moment that two headers tell; None if they tell none."""
        try:
            return None if position is None or instant is None else cls(int(position), int(instant))
        except ValueError:
            return None

    def headers(self) -> dict[str, str]:
        """The headers that tell it as the moment asked for."""
        return {POSITION: str(self.position), INSTANT: str(self.instant_ms)}

    def since_headers(self) -> dict[str, str]:
        """The headers that tell it as the moment whose rows are there."""
        return {SINCE_POSITION: str(self.position), SINCE_INSTANT: str(self.instant_ms)}


class BadAnswer(Exception):
    """An answer that is none of this protocol; `str()` says what is wrong."""


class _Failure(msgspec.Struct):
    code: str = msgspec.field(name="resultCode")
    text: str = msgspec.field(name="resultDesc")


_CODES: Final = {code.value: code for code in ResultCode}
_decode_failure = msgspec.json.Decoder(_Failure).decode


def encode_question(cc: int, vdn: int, skill_ids: Sequence[int]) -> bytes:
    """The body of a question: the same for both interfaces."""
    return msgspec.json.encode({"ccId": cc, "vdn": vdn, "skillIds": skill_ids})


def refusal_in(body: bytes) -> Refusal | None:
    """The refusal that an answer holds; None if it holds rows. Raises BadAnswer."""
    if not body.startswith(FAILURE_BEGIN):
        return None
    try:
        failure = _decode_failure(body)
        return Refusal(_CODES[failure.code], failure.text)
    except (msgspec.DecodeError, KeyError) as error:
        raise BadAnswer(f"a refusal that cannot be read: {error}") from None


def places_of(headers: dict[str, str], count: int) -> list[int] | None:
    """Which of `count` rows an answer holds; None: all of them. Raises BadAnswer."""
    told = headers.get(CHANGED)
    if told is None:
        return None
    try:
        places = [int(place) for place in told.split(",") if place]
    except ValueError:
        raise BadAnswer(f"places of rows that cannot be read: {told[:50]}") from None
    if any(not 0 <= place < count for place in places):
        raise BadAnswer(f"places of rows that nobody asked for, of {count}")
    return places


def pieces_of(body: bytes, count: int) -> list[bytes]:
    """The rows of an answer, encoded, without their braces. Raises BadAnswer.

    No row is looked into: they hold integers alone, so `},{` is nowhere but between two of them.
    """
    if count == 0 and body == OLD_BEGIN + OLD_END:
        return []
    if body.startswith(_BEGIN) and body.endswith(_END):
        pieces = body[len(_BEGIN) : -len(_END)].split(_BETWEEN)
        if len(pieces) == count:
            return pieces
    raise BadAnswer(f"an answer that does not hold {count} rows")


def spliced(state: list[bytes], calls: list[bytes]) -> list[bytes]:
    """Whole rows of `skill/stateinfo` from both halves of each."""
    return list(map(b",".join, zip(state, calls, strict=True)))


def joined(pieces: list[bytes]) -> bytes:
    """The rows with their braces, and commas between them."""
    return b"{" + _BETWEEN.join(pieces) + b"}"


def renamed(body: bytes, interface: Interface) -> bytes:
    """An answer of BMS_STATE, as an interface has it that gives some of its columns other names."""
    for ours, theirs in zip(interface.columns, BMS_STATE.columns, strict=False):
        if ours.wire != theirs.wire:
            body = body.replace(b'"%s":' % theirs.wire.encode(), b'"%s":' % ours.wire.encode())
    return body
