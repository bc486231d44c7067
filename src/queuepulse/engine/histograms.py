"""Histograms of durations that add up: a count for each bucket, and buckets the same everywhere.

Up to 127 ms each has a bucket of its own. Above, each octave has 64 of equal width, so what is read from the
middle of one is wrong by less than 0.8 %.
All histograms of a record lie in one vector, in order: an entry for each bucket that has any, which is its
`key` (histogram, bucket) and its count in one integer. As dictionaries they would take ten times the memory.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

OCTAVE: Final = 64
"""Buckets of one octave."""
BUCKET_BITS: Final = 12
"""Enough for a duration of a thousand years."""
COUNT_BITS: Final = 40
SPREADS_MAX: Final = 4_000
"""Histograms remembered for the next question of a VDN: two of each of 2000 queues, some 20 MB."""


def bucket_of(ms: i64) -> i64:
    """The bucket of a duration, from 0."""
    over: i64 = 0
    while ms >> over >= 2 * OCTAVE:
        over += 1
    return over * OCTAVE + (ms >> over)


def bucket_ms(bucket: int) -> int:
    """The duration that stands for a bucket: its middle."""
    if bucket < 2 * OCTAVE:
        return bucket
    over = bucket // OCTAVE - 1
    return ((bucket - over * OCTAVE) << over) + (1 << over) // 2


# Entries


def key_of(span: i64, bucket: i64) -> i64:
    """The bucket of a histogram, by its place in the record, as an entry without its count."""
    return (span << BUCKET_BITS | bucket) << COUNT_BITS


def bucket_in(entry: i64) -> i64:
    """The bucket of an entry."""
    return entry >> COUNT_BITS & (1 << BUCKET_BITS) - 1


def count_in(entry: i64) -> i64:
    """The count of an entry."""
    return entry & (1 << COUNT_BITS) - 1


def counted(entries: vec[i64], span: i64, ms: i64) -> vec[i64]:
    """The entries with one more duration; those given are not to be used any more."""
    key = key_of(span, bucket_of(ms))
    low = _place_of(entries, key)
    if low < len(entries) and entries[low] >> COUNT_BITS == key >> COUNT_BITS:
        entries[low] += 1
        return entries
    entries = append(entries, key)
    place: i64 = len(entries) - 1
    while place > low:
        entries[place] = entries[place - 1]
        place -= 1
    entries[low] = key + 1
    return entries


def merged(ours: vec[i64], theirs: vec[i64]) -> vec[i64]:
    """The sum of both."""
    if not len(theirs):
        return ours
    if not len(ours):
        return theirs[:]
    found = vec[i64](capacity=len(ours) + len(theirs))
    one: i64 = 0
    other: i64 = 0
    while one < len(ours) and other < len(theirs):
        mine, its = ours[one], theirs[other]
        if mine >> COUNT_BITS == its >> COUNT_BITS:
            found = append(found, mine + count_in(its))
            one += 1
            other += 1
        elif mine < its:
            found = append(found, mine)
            one += 1
        else:
            found = append(found, its)
            other += 1
    while one < len(ours):
        found = append(found, ours[one])
        one += 1
    while other < len(theirs):
        found = append(found, theirs[other])
        other += 1
    return found


def of_span(entries: vec[i64], span: i64) -> vec[i64]:
    """Those of one histogram."""
    return entries[_place_of(entries, key_of(span, 0)) : _place_of(entries, key_of(span + 1, 0))]


def counts_of(entries: vec[i64]) -> dict[int, int]:
    """The counts of one histogram by bucket."""
    return {int(bucket_in(entry)): int(count_in(entry)) for entry in entries}


def _place_of(entries: vec[i64], key: i64) -> i64:
    """Where the first entry is, or would be, that is not before the key."""
    low: i64 = 0
    high: i64 = len(entries)
    while low < high:
        middle = (low + high) >> 1
        if entries[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


# To be asked


class Spread:
    """A histogram, to be asked for several percentiles; it does not change any more."""

    def __init__(self, counts: Mapping[int, int]) -> None:
        self.buckets = sorted(counts)
        self.seen = list(accumulate([counts[bucket] for bucket in self.buckets]))
        self._known: dict[int, int | None] = {}

    def percentile_ms(self, percent: int) -> int | None:
        """The duration that so many percent do not exceed (nearest rank); None of nothing."""
        if percent not in self._known:
            self._known[percent] = self._found_ms(percent)
        return self._known[percent]

    def _found_ms(self, percent: int) -> int | None:
        if not self.seen or self.seen[-1] <= 0:
            return None
        rank = -(-self.seen[-1] * percent // 100)
        return bucket_ms(self.buckets[bisect_left(self.seen, rank)])


class Spreads:
    """Histograms that were asked for, remembered while they stay equal: of an hour most do, for a second."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], _Known] = {}

    def of(self, one: int, span: int, entries: vec[i64]) -> Spread:
        """A histogram of the record of `one`, which has these entries."""
        mine = of_span(entries, span)
        known = self._known.get((one, span))
        if known is None or not _are_same(known.entries, mine):
            if len(self._known) >= SPREADS_MAX:
                self._known = {}
            known = self._known[one, span] = _Known(mine)
        return known.spread


class _Known:
    """A histogram, and of which entries it was made."""

    def __init__(self, entries: vec[i64]) -> None:
        self.entries = entries
        self.spread = Spread(counts_of(entries))


def _are_same(ours: vec[i64], theirs: vec[i64]) -> bool:
    if len(ours) != len(theirs):
        return False
    place: i64 = 0
    while place < len(ours) and ours[place] == theirs[place]:
        place += 1
    return place == len(ours)
