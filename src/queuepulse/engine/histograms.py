"""Histograms of durations that add up: a count for each bucket, and buckets the same everywhere.

Up to 127 ms each has a bucket of its own. Above, each octave has 64 of equal width, so what is read from the
middle of one is wrong by less than 0.8 %.
"""

from typing import Final

EXACT_BITS: Final = 7
"""Durations of so many bits have buckets of their own."""
OCTAVE: Final = 64
"""Buckets of one octave."""


def bucket_of(ms: int) -> int:
    """The bucket of a duration, from 0."""
    over = ms.bit_length() - EXACT_BITS
    return ms if over <= 0 else over * OCTAVE + (ms >> over)


def bucket_ms(bucket: int) -> int:
    """The duration that stands for a bucket: its middle."""
    if bucket < 2 * OCTAVE:
        return bucket
    over = bucket // OCTAVE - 1
    return ((bucket - over * OCTAVE) << over) + (1 << over) // 2
