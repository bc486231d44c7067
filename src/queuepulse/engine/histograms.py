"""Histograms of durations that add up: a count for each bucket, and buckets the same everywhere.

Up to 127 ms each has a bucket of its own. Above, each octave has 64 of equal width, so what is read from the
middle of one is wrong by less than 0.8 %.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from mypy_extensions import i64

OCTAVE: Final = 64
"""Buckets of one octave."""
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


class Spread:
    """A histogram, to be asked for several percentiles; it does not change any more."""

    def __init__(self, counts: Mapping[int, int]) -> None:
        self.counts = counts
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
        self._known: dict[tuple[int, int], Spread] = {}

    def of(self, one: int, place: int, counts: Mapping[int, int]) -> Spread:
        """The histogram at that place of the record of `one`; who gives counts leaves them as they are."""
        spread = self._known.get((one, place))
        if spread is None or spread.counts != counts:
            if len(self._known) >= SPREADS_MAX:
                self._known = {}
            spread = self._known[one, place] = Spread(counts)
        return spread
