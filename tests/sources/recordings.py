"""Recordings of real Asterisk switches: their bytes, the switch's own truth, and its books."""

import bisect
import gzip
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from queuepulse.sources.ami import AmiParser, Message
from queuepulse.sources.asterisk import WANTED

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "captures" / "asterisk"


def folder(name: str, stream: str) -> Path | None:
    """Where a recorded connection is: among all, else in what a clone has; None if nowhere."""
    everywhere = Path(os.environ.get("QUEUEPULSE_RECORDINGS", ROOT / ".." / "shared" / "data"))
    for place in (everywhere / "asterisk" / name, CAPTURES / name):
        if (place / f"ami-{stream}.raw.gz").exists():
            return place
    return None


class Arrival(NamedTuple):
    """A message as it came: when (epoch ms of the reader), and when the switch says (epoch s, 0 unknown)."""

    at_ms: int
    stamp: float
    message: Message


def lines(path: Path) -> list[Any]:
    """The objects of a compressed NDJSON file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def arrivals(place: Path, stream: str, wanted: Mapping[str, str] = WANTED) -> list[Arrival]:
    """The messages of a recorded connection, in the pieces in which it was read."""
    raw = gzip.decompress((place / f"ami-{stream}.raw.gz").read_bytes())
    parser, found, start = AmiParser(wanted), [], 0
    for chunk in lines(place / f"ami-{stream}.chunks.ndjson.gz"):
        piece, start = raw[start : start + chunk["n"]], start + chunk["n"]
        at_ms = int(chunk["t"] * 1000)
        found += [Arrival(at_ms, float(m.get("Timestamp", 0)), m) for m in parser.feed(piece)]
    assert parser.malformed == 0
    return found


def with_samples(events: list[Arrival], samples: list[Any]) -> Iterator[Arrival | Any]:
    """Events and samples in one order. A sample stands where the callers that wait agree with it best.

    It was taken between `t0` and `t1`; events before and after that are certain, of those within it is not.
    """
    stamps, latest = [], 0.0
    for event in events:
        latest = max(latest, event.stamp)
        stamps.append(latest)
    waiting: set[tuple[str, str]] = set()
    done = 0
    for sample in samples:
        first, last = bisect.bisect_left(stamps, sample["t0"]), bisect.bisect_right(stamps, sample["t1"])
        if done == 0 and first > 0:
            # What was there before this connection is known from nothing but a sample.
            before = [s for s in samples if s["t1"] < (stamps[0] or events[0].at_ms / 1000)]
            if before:
                waiting = {(e["Uniqueid"], e["Queue"]) for e in before[-1]["entries"]}
        while done < first:
            step(waiting, events[done].message)
            yield events[done]
            done += 1
        shown = {(e["Uniqueid"], e["Queue"]) for e in sample["entries"]}
        best, where, ahead = len(waiting ^ shown), done, set(waiting)
        for index in range(done, last):
            step(ahead, events[index].message)
            if len(ahead ^ shown) < best:
                best, where = len(ahead ^ shown), index + 1
        while done < where:
            step(waiting, events[done].message)
            yield events[done]
            done += 1
        yield sample
    yield from events[done:]


def step(waiting: set[tuple[str, str]], message: Message) -> None:
    """What an event says of who waits."""
    caller = (message.get("Uniqueid", ""), message.get("Queue", ""))
    if message.get("Event") == "QueueCallerJoin":
        waiting.add(caller)
    elif message.get("Event") == "QueueCallerLeave":
        waiting.discard(caller)


def answer(name: str, action_id: str, sample: Any) -> Iterator[Message]:
    """What the switch answers to an action when it is as the sample shows."""
    tag = {"ActionID": action_id}
    if name == "Ping":
        yield {"Response": "Success", **tag, "Ping": "Pong", "Timestamp": f"{sample['t0']:.6f}"}
    elif name == "CoreShowChannels":
        for row in sample["channels"]:
            yield {"Event": "CoreShowChannel", **tag, **row}
        yield {"Event": "CoreShowChannelsComplete", **tag, "EventList": "Complete"}
    else:
        assert name == "QueueStatus"
        for event, rows in (("QueueParams", "params"), ("QueueMember", "members"), ("QueueEntry", "entries")):
            for row in sample[rows]:
                yield {"Event": event, **tag, **row}
        yield {"Event": "QueueStatusComplete", **tag, "EventList": "Complete"}
