"""Records: what happened in one queue, or to one agent, in one period, as sums, maxima and histograms.

Records of any periods add up to those of longer ones. `tallies` makes those of five minutes.
"""

from collections.abc import Mapping
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from queuepulse.engine.fields import AGENT_FIELDS, QUEUE_FIELDS
from queuepulse.engine.histograms import counts_of, merged, of_span

_QUEUE_MAXIMA: Final = tuple([place for place, name in enumerate(QUEUE_FIELDS) if name.endswith("_max")])
_AGENT_MAXIMA: Final = tuple([place for place, name in enumerate(AGENT_FIELDS) if name.endswith("_max")])
_QUEUE_ZEROS: Final = vec[i64]([0] * len(QUEUE_FIELDS))
_AGENT_ZEROS: Final = vec[i64]([0] * len(AGENT_FIELDS))


class Record:
    """The counts, in the order of the table of fields, and the entries of the histograms (`histograms`)."""

    __slots__ = ("counts", "entries")

    def __init__(self, counts: vec[i64], entries: vec[i64]) -> None:
        self.counts = counts
        self.entries = entries

    def copy(self) -> "Record":
        """The same again, to be added to."""
        return Record(self.counts[:], self.entries[:])

    def span(self, place: int) -> dict[int, int]:
        """The histogram at that place of the table: counts by bucket."""
        return counts_of(of_span(self.entries, place))


def queue_record() -> Record:
    """The record of a queue in which nothing happened."""
    return Record(_QUEUE_ZEROS[:], vec[i64]())


def agent_record() -> Record:
    """The record of an agent to whom nothing happened."""
    return Record(_AGENT_ZEROS[:], vec[i64]())


def add(total: Record, more: Record) -> None:
    """Adds a record to another of the same kind: sums of all but maxima, bucket by bucket."""
    ours, theirs = total.counts, more.counts
    maxima = _QUEUE_MAXIMA if len(ours) == len(QUEUE_FIELDS) else _AGENT_MAXIMA
    assert len(ours) == len(theirs)
    place: i64
    for place in maxima:
        # Below, the higher one comes about as a sum.
        ours[place] = ours[place] - theirs[place] if ours[place] > theirs[place] else 0
    for place in range(len(theirs)):
        ours[place] += theirs[place]
    total.entries = merged(total.entries, more.entries)


def add_all(total: dict[int, Record], more: Mapping[int, Record]) -> None:
    """Adds records to those of the same ids; a record of a new id is in the total from now on."""
    for one, record in more.items():
        known = total.get(one)
        if known is None:
            total[one] = record
        else:
            add(known, record)
