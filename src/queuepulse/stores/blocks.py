"""Records of one period as bytes: columns of integers, so that a long query reads only what it asks for.

A block holds all queues, or all agents, of one VDN in one period. It is kept in parts: some columns each, and
the histograms as the last. Equal records give equal bytes.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import add as _plus
from typing import Final, NamedTuple

import msgspec

from queuepulse.engine.fields import AGENT_FIELDS, AGENT_SPANS, QUEUE_FIELDS, QUEUE_SPANS
from queuepulse.engine.records import Record, agent_record, queue_record

FORMAT: Final = 1
"""First byte of every part: it rises when older code could not read one."""
_HEAD: Final = struct.Struct("<BI")
_ZEROS: Final = ord("z")
"""Typecode of a column of which nothing is kept, because all is 0."""
_SIZES: Final = {code: array(code).itemsize for code in "bBhHiIqQ"}
_LIMITS: Final = {
    code: (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) if code.islower() else (0, 2 ** (8 * size) - 1)
    for code, size in _SIZES.items()
}
_spans: Final = msgspec.msgpack.Decoder(tuple[list[int], list[list[dict[int, int]]]])
_FOREIGN: Final = sys.byteorder == "big"
Bodies = dict[int, bytes]
"""The parts of a block by number; one that holds nothing is left out."""


class Kind(NamedTuple):
    """What a block is about: its fields, in parts of neighbours, and its histograms."""

    name: str
    fields: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]
    spans: tuple[str, ...]

    @property
    def maxima(self) -> frozenset[int]:
        """The fields of which not the sum counts but the highest."""
        return _MAXIMA[self.fields]

    @property
    def spans_part(self) -> int:
        """The number of the part that holds the histograms."""
        return len(self.parts)

    def parts_of(self, places: Iterable[int]) -> list[int]:
        """The parts in which these fields are."""
        wanted = set(places)
        return [number for number, part in enumerate(self.parts) if wanted & set(part)]

    def blank(self) -> Record:
        """A record in which nothing happened."""
        return queue_record() if self.fields is QUEUE_FIELDS else agent_record()


def _parts(fields: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Counts, times of agents, bins of waits: what is asked for together lies together."""
    states = [place for place, name in enumerate(fields) if name.endswith("_ms")]
    bins = [place for place, name in enumerate(fields) if "_bin_" in name]
    states = [place for place in states if fields[place] not in _SUMS]
    counts = [place for place in range(len(fields)) if place not in {*states, *bins}]
    return tuple(tuple(part) for part in (counts, states, bins) if part)


_SUMS: Final = {"wait_ms", "talk_ms", "hold_ms", "wrapup_ms"}
QUEUE: Final = Kind("queue", QUEUE_FIELDS, _parts(QUEUE_FIELDS), QUEUE_SPANS)
AGENT: Final = Kind("agent", AGENT_FIELDS, _parts(AGENT_FIELDS), AGENT_SPANS)
KINDS: Final = {kind.name: kind for kind in (QUEUE, AGENT)}
_MAXIMA: Final = {
    kind.fields: frozenset(place for place, name in enumerate(kind.fields) if name.endswith("_max"))
    for kind in (QUEUE, AGENT)
}


class BadBlock(ValueError):
    """The bytes are no block that this version can read."""


def encode(kind: Kind, records: Mapping[int, Record]) -> Bodies:
    """The records, by id, as the parts of a block."""
    ids = sorted(records)
    columns = list(zip(*(records[number].counts for number in ids), strict=True))
    bodies = {
        number: _encode_columns(ids, [columns[place] for place in part])
        for number, part in enumerate(kind.parts)
    }
    return bodies | _encode_spans(kind, ids, [records[one].spans for one in ids])


def decode(kind: Kind, bodies: Bodies) -> dict[int, Record]:
    """The records of a block by id. Raises BadBlock."""
    records: dict[int, Record] = {}
    for number, part in enumerate(kind.parts):
        ids, columns = read_columns(bodies[number], range(len(part)))
        if not records:
            records = {one: kind.blank() for one in ids}
        for place, column in zip(part, columns, strict=True):
            if column is not None:
                for one, value in zip(ids, column, strict=True):
                    records[one].counts[place] = value
    for one, spans in read_spans(bodies.get(kind.spans_part)).items():
        records[one].spans = spans
    return records


class Sum:
    """The sum of many blocks of one kind, column by column: records would be made for nothing."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._ids: list[int] = []
        self._columns: list[list[int] | None] = [None] * len(kind.fields)
        self._spans: dict[int, list[dict[int, int]]] = {}

    def add(self, bodies: Bodies) -> None:
        """Adds a block. Raises BadBlock."""
        for number, part in enumerate(self._kind.parts):
            ids, columns = read_columns(bodies[number], range(len(part)))
            if number == 0:
                self._widen(ids.tolist())
            places = None
            if ids.tolist() != self._ids:
                place_of = {one: place for place, one in enumerate(self._ids)}
                places = [place_of[one] for one in ids]
            for field, column in zip(part, columns, strict=True):
                if column is not None:
                    self._add_column(field, column, places)
        for one, spans in read_spans(bodies.get(self._kind.spans_part)).items():
            known = self._spans.get(one)
            if known is None:
                self._spans[one] = spans
                continue
            for total, more in zip(known, spans, strict=True):
                for bucket, count in more.items():
                    total[bucket] = total.get(bucket, 0) + count

    def bodies(self) -> Bodies:
        """The sum as the parts of a block."""
        zeros = [0] * len(self._ids)
        columns = [zeros if column is None else column for column in self._columns]
        bodies = {
            number: _encode_columns(self._ids, [columns[place] for place in part])
            for number, part in enumerate(self._kind.parts)
        }
        empty: list[dict[int, int]] = [{} for _ in self._kind.spans]
        spans = [self._spans.get(one, empty) for one in self._ids]
        return bodies | _encode_spans(self._kind, self._ids, spans)

    def _add_column(self, field: int, column: "array[int]", places: list[int] | None) -> None:
        known = self._columns[field]
        if known is None:
            known = [0] * len(self._ids)
        join = max if field in self._kind.maxima else _plus
        if places is None:
            self._columns[field] = list(map(join, known, column))
            return
        for place, value in zip(places, column, strict=True):
            known[place] = join(known[place], value)
        self._columns[field] = known

    def _widen(self, ids: list[int]) -> None:
        """Makes room for ids that were not there before."""
        if ids == self._ids or set(ids) <= set(self._ids):
            return
        before, self._ids = self._ids, sorted({*self._ids, *ids})
        for field, column in enumerate(self._columns):
            if column is not None:
                known = dict(zip(before, column, strict=True))
                self._columns[field] = [known.get(one, 0) for one in self._ids]


def read_columns(body: bytes, wanted: Iterable[int]) -> tuple["array[int]", list["array[int] | None"]]:
    """The ids of a part, and those of its columns that are wanted (None: all 0). Raises BadBlock."""
    version, count = _HEAD.unpack_from(body)
    if version != FORMAT:
        raise BadBlock(f"a block of format {version}; this version reads {FORMAT}")
    ids = _array("I", body[_HEAD.size : _HEAD.size + 4 * count])
    at = _HEAD.size + 4 * count
    (fields,) = struct.unpack_from("<H", body, at)
    codes = body[at + 2 : at + 2 + fields]
    at += 2 + fields
    begins = []
    for code in codes:
        begins.append(at)
        at += 0 if code == _ZEROS else _SIZES[chr(code)] * count
    if at != len(body):
        raise BadBlock("a block is longer or shorter than it says")
    columns: list[array[int] | None] = []
    for place in wanted:
        # A block may be older than the field: then all of it is 0.
        if place >= fields or codes[place] == _ZEROS:
            columns.append(None)
        else:
            name, begin = chr(codes[place]), begins[place]
            columns.append(_array(name, body[begin : begin + _SIZES[name] * count]))
    return ids, columns


def read_spans(body: bytes | None) -> dict[int, list[dict[int, int]]]:
    """The histograms of a part by id."""
    if body is None:
        return {}
    ids, rows = _spans.decode(memoryview(body)[1:])
    return dict(zip(ids, rows, strict=True))


def _encode_spans(kind: Kind, ids: list[int], spans: list[list[dict[int, int]]]) -> Bodies:
    """The histograms of those who have any."""
    some = [(one, row) for one, row in zip(ids, spans, strict=True) if any(row)]
    if not some:
        return {}
    # In order, as equal histograms must give equal bytes; most have one bucket or none.
    rows = [[dict(sorted(span.items())) if len(span) > 1 else span for span in row] for _, row in some]
    body = msgspec.msgpack.encode([[one for one, _ in some], rows])
    return {kind.spans_part: bytes([FORMAT]) + body}


def _encode_columns(ids: list[int], columns: list[Sequence[int]]) -> bytes:
    codes, bodies = bytearray(), []
    for column in columns:
        low, high = min(column, default=0), max(column, default=0)
        if low == high == 0:
            codes.append(_ZEROS)
            continue
        code = next(one for one, (least, most) in _LIMITS.items() if least <= low and high <= most)
        codes.append(ord(code))
        bodies.append(_bytes(array(code, column)))
    head = _HEAD.pack(FORMAT, len(ids)) + _bytes(array("I", ids)) + struct.pack("<H", len(columns))
    return b"".join([head, bytes(codes), *bodies])


def _array(code: str, body: bytes) -> "array[int]":
    column: array[int] = array(code)
    column.frombytes(body)
    if _FOREIGN:
        column.byteswap()
    return column


def _bytes(column: "array[int]") -> bytes:
    if _FOREIGN:
        column.byteswap()
    return column.tobytes()
