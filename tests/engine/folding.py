"""What the tests of the engine share: events from JSON objects, streams of a seed, and ways to fold them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from oracle.history import THRESHOLDS_S
from oracle.streams import stream
from queuepulse.engine.codec import decode_line
from queuepulse.engine.events import Event
from queuepulse.engine.facts import CALLED, Facts
from queuepulse.engine.fields import QUEUE_FIELDS
from queuepulse.engine.queues import Five
from queuepulse.engine.records import Record
from queuepulse.engine.tallies import Tally
from queuepulse.engine.vdn import Outcome, Vdn

NINE_MS = 1_767_258_000_000
"""2026-01-01 09:00:00 UTC, a five-minute mark."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BINS = (*THRESHOLDS_S, "more")
SKILLS = (1, 2, 3, 4, 9)
"""All queues of the streams, and one that nobody speaks of."""


def event(kind: str, after_ms: int, **keys: Any) -> Event:
    """An event so long after nine o'clock."""
    return decode_line(json.dumps({"type": kind, "at": NINE_MS + after_ms, **keys}).encode(), 1)


@cache
def stream_of(seed: int, length: int, *, snapshots: bool = True) -> list[dict[str, Any]]:
    """A stream of the oracle, drawn once."""
    return stream(seed, length, snapshots=snapshots)


@cache
def events_of(seed: int, length: int, *, snapshots: bool = True) -> list[Event]:
    """The same stream as the engine takes it."""
    drawn = stream_of(seed, length, snapshots=snapshots)
    return [decode_line(json.dumps(one).encode(), number) for number, one in enumerate(drawn, 1)]


def folded(events: Iterable[Event], *, timezone: str = "UTC", day_starts: str = "00:00") -> Vdn:
    """An engine after these events."""
    vdn = Vdn(timezone, day_starts)
    for one in events:
        vdn.apply(one)
    return vdn


def folded_with_restores(events: Iterable[Event]) -> Vdn:
    """The same, made anew from its snapshot after every event."""
    vdn = Vdn()
    for one in events:
        vdn.apply(one)
        vdn = Vdn.restore(vdn.snapshot())
    return vdn


def folded_twice(events: Iterable[Event]) -> Vdn:
    """The same, with every event delivered twice."""
    vdn = Vdn()
    for one in events:
        vdn.apply(one)
        assert vdn.apply(one) is Outcome.REPEATED
    return vdn


def told_by(vdn: Vdn, now_ms: int | None = None) -> Facts:
    """The facts that the engine gives away, now or when time has run on."""
    vdn.advance(vdn.clock_ms if now_ms is None else now_ms)
    return joined(vdn.tell().facts)


def joined(lists: Iterable[Facts]) -> Facts:
    """The facts of all these in one."""
    found = Facts()
    for facts in lists:
        for begin in begins(facts):
            found.take(facts, begin)
    return found


def begins(facts: Facts) -> Iterator[int]:
    """Where each fact begins."""
    begin = 0
    while begin < len(facts):
        yield begin
        begin += facts.width(begin)


def of_kind(facts: Facts, kind: int) -> list[list[Any]]:
    """The facts of that kind, with the id of the call where one is named."""
    found: list[list[Any]] = []
    for begin in begins(facts):
        fact: list[Any] = facts.fact(begin)
        if fact[0] == kind:
            found.append([*fact[:-1], facts.call(begin)] if kind in CALLED else fact)
    return found


def counted(tally: Tally, skill: int) -> list[dict[str, int]]:
    """The records of a queue, in the order of their marks, by the names of the fields."""
    marks = sorted(mark_ms for mark_ms, records in tally.queues.items() if skill in records)
    return [
        dict(zip(QUEUE_FIELDS, tally.queues[mark_ms][skill].counts, strict=True), mark_ms=mark_ms)
        for mark_ms in marks
    ]


def all_fives(vdn: Vdn, drained: Sequence[Five] = ()) -> list[Five]:
    """Every record of five minutes: those drained before, and all others when time has run on in a copy."""
    return [*drained, *Vdn.restore(vdn.snapshot()).advance(vdn.clock_ms + HOUR_MS)]


def figures_of(
    record: Record, fields: tuple[str, ...], left_out: Iterable[str] = ("repairs",)
) -> dict[str, int]:
    """A record by names, with its bins as the counts within each threshold."""
    counts = dict(zip(fields, record.counts, strict=True))
    if fields is QUEUE_FIELDS:
        for name, shown in (("answered", "within"), ("abandoned", "given_up"), ("left", "left_within")):
            bins = [counts.pop(f"{name}_bin_{one}") for one in BINS]
            for place, seconds in enumerate(THRESHOLDS_S):
                counts[f"{shown}_{seconds}"] = sum(bins[: place + 1])
        bins = [counts.pop(f"missed_bin_{one}") for one in BINS]
        for place, seconds in enumerate(THRESHOLDS_S):
            counts[f"missed_{seconds}"] = sum(bins[place + 1 :])
    return {name: value for name, value in counts.items() if value and name not in left_out}
