"""Records of one period as bytes: columns of integers, so that a long query reads only what it asks for.

A block holds all queues, or all agents, of one VDN in one period. It is kept in parts: some columns each, and
the histograms as the last. Equal records give equal bytes.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from librt.strings import BytesWriter
from librt.vecs import append, vec
from mypy_extensions import i64, u8

from queuepulse.engine.fields import AGENT_FIELDS, AGENT_SPANS, QUEUE_FIELDS, QUEUE_SPANS
from queuepulse.engine.histograms import COUNT_BITS, count_in, key_of
from queuepulse.engine.records import Record, agent_record, queue_record

FORMAT: Final = 1
"""First byte of every part but the last: it rises when older code could not read one."""
SPANS_FORMAT: Final = 2
"""The same of the part with the histograms."""
_HEAD: Final = struct.Struct("<BI")
_SPANS_HEAD: Final = struct.Struct("<BIIB")
"""Format, how many ids and entries, bytes of a count; then ids, how many entries each has, keys, counts."""
_ZEROS: Final = "z"
"""Typecode of a column of which nothing is kept, because all is 0."""
_SIZES: Final = {code: array(code).itemsize for code in "bBhHiIqQ"} | {_ZEROS: 0}
_LIMITS: Final = {
    code: (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1) if code.islower() else (0, 2 ** (8 * size) - 1)
    for code, size in _SIZES.items()
    if size
}
_older_spans: Final = msgspec.msgpack.Decoder(tuple[list[int], list[list[dict[int, int]]]])
_FOREIGN: Final = struct.pack("=H", 1) != struct.pack("<H", 1)
Bodies = dict[int, bytes]
"""The parts of a block by number; one that holds nothing is left out."""


class Kind(NamedTuple):
    """What a block is about: its fields, in parts of neighbours, and its histograms."""

    name: str
    fields: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]
    spans: tuple[str, ...]

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


class BadBlock(ValueError):
    """The bytes are no block that this version can read."""


def encode(kind: Kind, records: Mapping[int, Record]) -> Bodies:
    """The records, by id, as the parts of a block."""
    ids = sorted(records)
    some = [records[one] for one in ids]
    lows, highs = _ranges(kind, some)
    bodies = {}
    for number, part in enumerate(kind.parts):
        codes = [_code(lows[place], highs[place]) for place in part]
        bodies[number] = _encode_columns(ids, some, part, codes)
    return bodies | _encode_entries(kind, ids, some)


def decode(kind: Kind, bodies: Bodies) -> dict[int, Record]:
    """The records of a block by id. Raises BadBlock."""
    found: dict[int, Record] = {}
    for number, part in enumerate(kind.parts):
        ids, columns = read_columns(bodies[number], range(len(part)))
        if number == 0:
            found = {one: kind.blank() for one in ids}
        some = [found[one] for one in ids]
        for place, column in zip(part, columns, strict=True):
            if column is not None:
                _fill(some, place, column.tolist())
    for one, entries in read_entries(bodies.get(kind.spans_part)).items():
        found[one].entries = entries
    return found


def _fill(records: list[Record], place: i64, column: list[int]) -> None:
    for number, value in enumerate(column):
        records[number].counts[place] = value


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
        at += _SIZES[chr(code)] * count
    if at != len(body):
        raise BadBlock("a block is longer or shorter than it says")
    columns: list[array[int] | None] = []
    for place in wanted:
        # A block may be older than the field: then all of it is 0.
        if place >= fields or chr(codes[place]) == _ZEROS:
            columns.append(None)
        else:
            name, begin = chr(codes[place]), begins[place]
            columns.append(_array(name, body[begin : begin + _SIZES[name] * count]))
    return ids, columns


def read_entries(body: bytes | None) -> dict[int, vec[i64]]:
    """The entries of the histograms in a part, by id. Raises BadBlock."""
    if body is None:
        return {}
    if body[0] == FORMAT:
        return _older_entries(body)
    if body[0] != SPANS_FORMAT:
        raise BadBlock(f"histograms of format {body[0]}; this version reads up to {SPANS_FORMAT}")
    _, ids, total, size = _SPANS_HEAD.unpack_from(body)
    begin = _SPANS_HEAD.size
    lengths = begin + 4 * ids
    keys = lengths + 2 * ids
    counts = keys + 2 * total
    if len(body) != counts + size * total:
        raise BadBlock("histograms are longer or shorter than they say")
    return _entries(body, begin, lengths, keys, counts, size)


def _entries(body: bytes, ids: i64, lengths: i64, keys: i64, counts: i64, size: i64) -> dict[int, vec[i64]]:
    """The same, given where each of its columns begins."""
    found: dict[int, vec[i64]] = {}
    for number in range((lengths - ids) // 4):
        one: int = _number(body, ids + 4 * number, 4)
        left = _number(body, lengths + 2 * number, 2)
        entries = vec[i64](capacity=left)
        while left:
            entries = append(entries, _number(body, keys, 2) << COUNT_BITS | _number(body, counts, size))
            keys += 2
            counts += size
            left -= 1
        found[one] = entries
    return found


def _older_entries(body: bytes) -> dict[int, vec[i64]]:
    """The same of a part as it was before: each histogram by itself, in MessagePack."""
    ids, rows = _older_spans.decode(memoryview(body)[1:])
    found: dict[int, vec[i64]] = {}
    for one, row in zip(ids, rows, strict=True):
        entries = vec[i64]()
        for span, counts in enumerate(row):
            for bucket in sorted(counts):
                entries = append(entries, key_of(span, bucket) + counts[bucket])
        found[one] = entries
    return found


def _encode_entries(kind: Kind, ids: list[int], records: list[Record]) -> Bodies:
    """The histograms of those who have any."""
    some, lengths, keys, counts = BytesWriter(), BytesWriter(), BytesWriter(), BytesWriter()
    total: i64 = 0
    highest: i64 = 0
    for number, record in enumerate(records):
        entries = record.entries
        if len(entries):
            _write(some, ids[number], 4)
            _write(lengths, len(entries), 2)
            total += len(entries)
            for entry in entries:
                _write(keys, entry >> COUNT_BITS, 2)
                if count_in(entry) > highest:
                    highest = count_in(entry)
    if not total:
        return {}
    size = _SIZES[_code(0, highest)]
    for record in records:
        for entry in record.entries:
            _write(counts, count_in(entry), size)
    head = _SPANS_HEAD.pack(SPANS_FORMAT, len(some) // 4, total, size)
    body = b"".join([head, some.getvalue(), lengths.getvalue(), keys.getvalue(), counts.getvalue()])
    return {kind.spans_part: body}


def _write(out: BytesWriter, number: i64, size: i64) -> None:
    """Appends a number in so many bytes, the little end first."""
    for _ in range(size):
        out.append(u8(number & 255))
        number >>= 8


def _number(body: bytes, begin: i64, size: i64) -> i64:
    """The number without sign of so many bytes, the little end first."""
    found: i64 = 0
    place: i64 = begin + size
    while place > begin:
        place -= 1
        found = found << 8 | body[place]
    return found


def _code(low: int, high: int) -> str:
    """The narrowest typecode for a column between these."""
    if low == high:
        return _ZEROS
    return next(code for code, (least, most) in _LIMITS.items() if least <= low and high <= most)


def _encode_columns(
    ids: list[int], records: list[Record], places: tuple[int, ...], codes: list[str]
) -> bytes:
    bodies = []
    for place, code in zip(places, codes, strict=True):
        if code != _ZEROS:
            bodies.append(_column(records, place, _SIZES[code]))
    head = _HEAD.pack(FORMAT, len(ids)) + struct.pack(f"<{len(ids)}I", *ids) + struct.pack("<H", len(places))
    return b"".join([head, "".join(codes).encode(), *bodies])


def _column(records: list[Record], place: i64, size: i64) -> bytes:
    column = BytesWriter()
    for record in records:
        _write(column, record.counts[place], size)
    return column.getvalue()


def _ranges(kind: Kind, records: list[Record]) -> tuple[vec[i64], vec[i64]]:
    """The lowest and the highest of each field, 0 included."""
    lows, highs = kind.blank().counts, kind.blank().counts
    place: i64
    for record in records:
        counts = record.counts
        for place in range(len(counts)):
            value = counts[place]
            if value < lows[place]:
                lows[place] = value
            elif value > highs[place]:
                highs[place] = value
    return lows, highs


def _array(code: str, body: bytes) -> "array[int]":
    column: array[int] = array(code)
    column.frombytes(body)
    if _FOREIGN:
        column.byteswap()
    return column
