"""Bodies of the CC-CMS open API: bytes to parameters, rows to bytes.

What a stranger sends is never an exception: what is wrong with it is a `Refusal`.
Who asks, whether he may, and what the rows hold is not known here.
"""

from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.interfaces import Envelope, Interface

CONTENT_TYPE: Final = "application/json;charset=UTF-8"
# What an answer also tells: the log position it holds, and since when (epoch ms) the switch is unseen.
POSITION_HEADER: Final = "X-QueuePulse-Position"
STALE_SINCE_HEADER: Final = "X-QueuePulse-Stale-Since"
AS_OF_HEADER: Final = "X-QueuePulse-As-Of"
# The limits of the interface's page; the upper limit of skill ids grew over the years, so that is a setting.
BODY_BYTES_MAX: Final = 1024 * 1024
CC_MAX: Final = 65_535
VDN_MAX: Final = 5_000
SKILL_IDS_MAX: Final = 1_000
SKILL_ID_MAX: Final = 10_000
# Encoded rows kept by one encoder: enough for the largest call centers we know, about 50 MB when full.
ROWS_KEPT_MAX: Final = 100_000
# Bytes of whole answers kept by one encoder: dozens of the longest, hundreds of those of a wallboard.
ANSWERS_KEPT_BYTES_MAX: Final = 32 * 1024 * 1024

_ABSENT: Final = msgspec.Raw()
_ACCEPTED_TYPES: Final = frozenset((b"application/json", b"application/json;charset=utf-8"))


class SkillQuery(NamedTuple):
    """The parameters of a question about skill queues, each within its limits; ids in the order asked."""

    cc: int
    vdn: int
    skill_ids: list[int]


class Refusal(NamedTuple):
    """A question that gets no rows: the code, and a text that tells a person the key and the rule."""

    code: ResultCode
    text: str


class _Body(msgspec.Struct):
    """The keys we read, as raw text: of duplicates the last counts, and unknown ones cost no objects."""

    cc: msgspec.Raw = msgspec.field(default=_ABSENT, name="ccId")
    vdn: msgspec.Raw = _ABSENT
    skill_ids: msgspec.Raw = msgspec.field(default=_ABSENT, name="skillIds")
    query_param: msgspec.Raw = msgspec.field(default=_ABSENT, name="queryParam")


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_cc = msgspec.json.Decoder(Annotated[int, Meta(ge=1, le=CC_MAX)]).decode
_decode_vdn = msgspec.json.Decoder(Annotated[int, Meta(ge=1, le=VDN_MAX)]).decode


def is_accepted_type(content_type: bytes) -> bool:
    """Whether a request with this Content-Type is read; case, blanks and quotes do not matter."""
    return plain_type(content_type) in _ACCEPTED_TYPES


def plain_type(content_type: bytes) -> bytes:
    """A Content-Type without case, blanks and quotes, none of which matter."""
    return content_type.lower().translate(None, b' \t"')


def decode_skill_query(body: bytes, skill_id_max: int = SKILL_ID_MAX) -> SkillQuery | Refusal:
    """The parameters in a request body of either form (bare, or in `queryParam`), or what is wrong."""
    place = "the body"
    try:
        body.decode()
        fields = _decode_body(body)
        if fields.query_param is not _ABSENT:
            place = "queryParam"
            fields = _decode_body(fields.query_param)
    except msgspec.ValidationError:
        return _illegal(f"{place} must be a JSON object")
    except msgspec.DecodeError:
        return _illegal(f"{place} must be JSON")
    except UnicodeDecodeError:
        return _illegal(f"{place} must be UTF-8")
    except RecursionError:
        return _illegal(f"{place} is nested too deeply")
    key, rule = "ccId", f"an integer from 1 to {CC_MAX}"
    try:
        cc = _decode_cc(fields.cc)
        key, rule = "vdn", f"an integer from 1 to {VDN_MAX}"
        vdn = _decode_vdn(fields.vdn)
        key, rule = "skillIds", f"an array of 1 to {SKILL_IDS_MAX} integers, each from 1 to {skill_id_max}"
        skill_ids = _skill_ids_decoder(skill_id_max).decode(fields.skill_ids)
    except msgspec.DecodeError:
        return _illegal(f"{key} must be {rule}")
    return SkillQuery(cc, vdn, skill_ids)


def encode_refusal(refusal: Refusal) -> bytes:
    """The body of a failure, the same for every interface.

    The older twin's too: its clients look at `result`, and the code and the text tell a person the rest.
    """
    return b'{"result":"1","resultCode":"%s","resultDesc":%s}' % (
        refusal.code.encode(),
        msgspec.json.encode(refusal.text),
    )


# The body of every HTTP 401: the same for each cause, so that it tells nothing to who tries keys.
UNAUTHENTICATED: Final = encode_refusal(Refusal(ResultCode.NOT_PERMITTED, "authentication failed"))


class Encoder:
    """Encodes answers of one interface, byte-exact in key order, and remembers the bytes of rows.

    A row is an object that never changes, with the attributes that the interface's columns name, all integers
    (`engine` makes them). An unchanged row is the same object, so identity tells whether bytes still hold.
    When `rows_kept_max` rows are remembered, all are forgotten: encoding anew costs a microsecond a row.
    So is the last whole answer to each question: many ask the same, and more often than a figure changes.
    """

    def __init__(
        self,
        interface: Interface,
        rows_kept_max: int = ROWS_KEPT_MAX,
        answers_kept_bytes_max: int = ANSWERS_KEPT_BYTES_MAX,
    ) -> None:
        columns = interface.columns
        self._values = attrgetter(*(column.field for column in columns))
        self._template = b"{%s}" % b",".join(b'"%s":%%d' % column.wire.encode() for column in columns)
        self._full = interface.envelope is Envelope.FULL
        self._rows_kept_max = rows_kept_max
        self._answers_kept_bytes_max = answers_kept_bytes_max
        self._kept: dict[tuple[int, int], dict[int, tuple[Any, bytes]]] = {}
        self._rows_kept = 0
        self._answers: dict[tuple[tuple[int, int], int, int, int], tuple[Sequence[Any], bytes]] = {}
        self._answers_bytes = 0

    def encode(self, vdn: tuple[int, int], rows: Sequence[Any]) -> bytes:
        """The body of a success: these rows of this VDN (`cc`, `vdn`), in this order."""
        ends = (rows[0].skill, rows[-1].skill) if rows else (0, 0)
        question = (vdn, len(rows), *ends)
        last = self._answers.get(question)
        if last is not None:
            # Unchanged rows are the same objects, which makes this a comparison of addresses.
            if last[0] == rows:
                return last[1]
            self._answers_bytes -= len(last[1])
        body = self._body(vdn, rows)
        self._answers_bytes += len(body)
        if self._answers_bytes > self._answers_kept_bytes_max:
            self._answers.clear()
            self._answers_bytes = len(body)
        self._answers[question] = (rows, body)
        return body

    def _body(self, vdn: tuple[int, int], rows: Sequence[Any]) -> bytes:
        kept = self._kept.get(vdn)
        if kept is None:
            kept = self._kept[vdn] = {}
        pieces = []
        for row in rows:
            known = kept.get(row.skill)
            if known is not None and known[0] is row:
                pieces.append(known[1])
            else:
                piece = self._template % self._values(row)
                kept[row.skill] = (row, piece)
                pieces.append(piece)
                self._rows_kept += known is None
        if self._rows_kept > self._rows_kept_max:
            self._kept.clear()
            self._rows_kept = 0
        payload = b",".join(pieces)
        if self._full:
            return b"".join(
                (
                    b'{"result":"0","resultCode":"0100000","resultDatas":[',
                    payload,
                    b'],"resultDesc":[',
                    payload,
                    b"]}",
                )
            )
        return b'{"result":"0","resultDatas":[' + payload + b"]}"


def _illegal(text: str) -> Refusal:
    return Refusal(ResultCode.ILLEGAL_PARAMETER, text)


@cache
def _skill_ids_decoder(skill_id_max: int) -> msgspec.json.Decoder[list[int]]:
    skill_id = Annotated[int, Meta(ge=1, le=skill_id_max)]
    return msgspec.json.Decoder(Annotated[list[skill_id], Meta(min_length=1, max_length=SKILL_IDS_MAX)])
