"""Sums of kept blocks, column by column: of a time as a whole, or of each of its periods.

What is kept is read within one transaction; what is not kept yet is given, as records by mark and id.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import add as _plus
from operator import itemgetter
from typing import Final, NamedTuple

from librt.vecs import vec
from mypy_extensions import i64

from queuepulse.engine.blocks import Bodies, Kind, read_columns, read_entries
from queuepulse.engine.events import VdnKey
from queuepulse.engine.histograms import Spread, counts_of, merged, of_span
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.records import Record
from queuepulse.stores.history import GRAINS, LONGEST_MS, period_of
from queuepulse.stores.history_sql import SqlBlocks
from queuepulse.stores.rollups import DAY, FIVE, QUARTER, QUARTER_MS, State

Unkept = Mapping[int, Mapping[int, Record]]
"""Records of five minutes that are not kept yet, by mark, then by id."""
_AFTER_ALL: Final = 2**62


class Wish(NamedTuple):
    """Of whom what is summed: `ids` in their order, and places of fields and histograms of the `kind`."""

    kind: Kind
    ids: Sequence[int]
    fields: Sequence[int]
    spans: Sequence[int]

    def parts(self) -> list[int]:
        """The parts of blocks that are needed."""
        return [*self.kind.parts_of(self.fields), *([self.kind.spans_part] if self.spans else [])]


class Sums:
    """The sums of each id: columns of fields, and of histograms, in the order of the ids."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self._nothing = [0] * len(wish.ids)
        self.fields: dict[int, Sequence[int]] = dict.fromkeys(wish.fields, self._nothing)
        self.entries: list[vec[i64]] = [vec[i64]() for _ in wish.ids]

    def copy(self) -> "Sums":
        """The same again, to be added to."""
        other = Sums(self.wish)
        # Neither columns nor entries are ever changed, only others put in their place.
        other.fields = dict(self.fields)
        other.entries = self.entries.copy()
        return other

    def add_columns(self, columns: Mapping[int, Sequence[int]]) -> None:
        """Adds columns of fields that stand in the order of the ids."""
        for place, column in columns.items():
            known = self.fields[place]
            self.fields[place] = column if known is self._nothing else list(map(_plus, known, column))

    def add_entries(self, entries: Mapping[int, "vec[i64]"]) -> None:
        """Adds the histograms that lie in these entries, by id."""
        for number, one in enumerate(self.wish.ids):
            if one in entries:
                self.entries[number] = merged(self.entries[number], entries[one])

    def add_records(self, records: Mapping[int, Record]) -> None:
        """Adds records by id."""
        some = [(number, records[one]) for number, one in enumerate(self.wish.ids) if one in records]
        if some:
            for place in self.wish.fields:
                column = list(self.fields[place])
                for number, record in some:
                    column[number] += record.counts[place]
                self.fields[place] = column
            if self.wish.spans:
                self.add_entries({one: record.entries for one, record in records.items()})

    def spreads(self) -> dict[int, list[Spread]]:
        """The histograms, to be asked for percentiles."""
        return {
            place: [Spread(counts_of(of_span(entries, place))) for entries in self.entries]
            for place in self.wish.spans
        }


class _Reader:
    """Reads what is wished for out of blocks."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._ids = array("I")
        self._taking: Callable[[array[int]], Sequence[int]] = _whole
        homes: dict[int, list[int]] = {}
        for place in wish.fields:
            part = next(number for number, part in enumerate(wish.kind.parts) if place in part)
            homes.setdefault(part, []).append(place)
        self._homes = homes

    def add(self, sums: Sums, bodies: Bodies) -> None:
        """Adds a block. Raises BadBlock."""
        kind = self._wish.kind
        for part, wanted in self._homes.items():
            if part not in bodies:
                continue
            ids, columns = read_columns(bodies[part], [kind.parts[part].index(place) for place in wanted])
            pick = self._pick(ids)
            some = zip(wanted, columns, strict=True)
            sums.add_columns({place: pick(column) for place, column in some if column is not None})
        if self._wish.spans:
            sums.add_entries(read_entries(bodies.get(kind.spans_part)))

    def _pick(self, ids: "array[int]") -> Callable[["array[int]"], Sequence[int]]:
        """What takes the values of the wished ids out of a column of these."""
        if ids != self._ids:
            self._ids, wished = ids, self._wish.ids
            if ids.tolist() == list(wished):
                self._taking = _whole
            else:
                place_of = {one: place for place, one in enumerate(ids)}
                self._taking = _Taking([place_of.get(one, len(ids)) for one in wished])
        return self._taking


def _whole(column: "array[int]") -> Sequence[int]:
    return column.tolist()


class _Taking:
    """Takes the values at these places out of a column; the place behind its last stands for 0."""

    def __init__(self, places: list[int]) -> None:
        # An itemgetter of one place gives a value and no tuple.
        self._get = itemgetter(*places, places[0])

    def __call__(self, column: "array[int]") -> Sequence[int]:
        column.append(0)
        taken: tuple[int, ...] = self._get(column)
        return taken[:-1]


def total(blocks: SqlBlocks, vdn: VdnKey, wish: Wish, from_ms: int, to_ms: int) -> Sums:
    """The sum of what is kept of the five minutes that begin in [from_ms, to_ms).

    Whole statistics days are read as such, other times by quarters of an hour.
    """
    sums, reader, state = Sums(wish), _Reader(wish), blocks.state(vdn)
    if state is None:
        return sums
    ends_ms = [period_of(DAY, at_ms, state)[0] for at_ms in (from_ms, to_ms)]
    if ends_ms == [from_ms, to_ms] and from_ms < to_ms:
        built_ms, grain = state.days_ms, DAY
        begin_ms = from_ms
    else:
        built_ms, grain = state.quarters_ms, QUARTER
        begin_ms = min(from_ms + -from_ms % QUARTER_MS, to_ms)
    end_ms = min(to_ms - to_ms % QUARTER_MS if grain is QUARTER else to_ms, built_ms)
    end_ms = max(end_ms, begin_ms)
    for part_grain, part_from_ms, part_to_ms in (
        (FIVE, from_ms, begin_ms),
        (grain, begin_ms, end_ms),
        (FIVE, end_ms, to_ms),
    ):
        for _, bodies in blocks.scan(vdn, wish.kind.name, part_grain, wish.parts(), part_from_ms, part_to_ms):
            reader.add(sums, bodies)
    return sums


class Summed(NamedTuple):
    """The sums of one period: begin and end in epoch ms."""

    begin_ms: int
    end_ms: int
    sums: Sums


def series(
    blocks: SqlBlocks,
    vdn: VdnKey,
    wish: Wish,
    grain: str,
    period: tuple[int, int],
    unkept: Unkept,
    state: State,
) -> Iterator[Summed]:
    """The periods of that grain that hold anything of `period`, whole and in order, if anything was in them.

    `state` says by which zone days are cut.
    """
    from_ms, to_ms = period
    reader, found = _Reader(wish), None
    begin_ms, _ = period_of(grain, max(from_ms, 0), state)
    kept = _kept(blocks, vdn, wish, GRAINS[grain].kept, state, (begin_ms, to_ms + LONGEST_MS))
    for at_ms, bodies, records in _merged(kept, unkept, begin_ms):
        if found is None or at_ms >= found.end_ms:
            if found is not None:
                yield found
            found = None
            begin_ms, end_ms = period_of(grain, at_ms, state)
            if begin_ms >= to_ms:
                return
            found = Summed(begin_ms, end_ms, Sums(wish))
        if bodies is not None:
            reader.add(found.sums, bodies)
        if records is not None:
            found.sums.add_records(records)
    if found is not None:
        yield found


def _kept(
    blocks: SqlBlocks, vdn: VdnKey, wish: Wish, grain: str, state: State, period: tuple[int, int]
) -> Iterator[tuple[int, Bodies]]:
    """Blocks of the kept grain, and behind what is built of it the five minutes of what runs."""
    from_ms, to_ms = period
    name, parts = wish.kind.name, wish.parts()
    built_ms = {FIVE: _AFTER_ALL, QUARTER: state.quarters_ms, DAY: state.days_ms}[grain]
    yield from blocks.scan(vdn, name, grain, parts, from_ms, min(to_ms, built_ms))
    yield from blocks.scan(vdn, name, FIVE, parts, max(from_ms, built_ms), to_ms)


def _merged(
    kept: Iterator[tuple[int, Bodies]], unkept: Unkept, from_ms: int
) -> Iterator[tuple[int, Bodies | None, Mapping[int, Record] | None]]:
    """What is kept and what is not yet, in the order of their begins."""
    marks = iter(sorted(mark_ms for mark_ms in unkept if mark_ms >= from_ms))
    mark_ms = next(marks, _AFTER_ALL)
    for at_ms, bodies in kept:
        while mark_ms < at_ms:
            yield mark_ms, None, unkept[mark_ms]
            mark_ms = next(marks, _AFTER_ALL)
        yield at_ms, bodies, None
    while mark_ms < _AFTER_ALL:
        yield mark_ms, None, unkept[mark_ms]
        mark_ms = next(marks, _AFTER_ALL)


def marks_in(unkept: Unkept, from_ms: int, to_ms: int) -> Iterator[Mapping[int, Record]]:
    """What is not kept yet of the five minutes that begin in [from_ms, to_ms)."""
    for mark_ms, records in unkept.items():
        if from_ms <= mark_ms < to_ms:
            yield records


def whole_fives(from_ms: int, to_ms: int) -> tuple[int, int]:
    """The time in whole five minutes that holds all of it."""
    return from_ms - from_ms % FIVE_MS, to_ms + -to_ms % FIVE_MS
