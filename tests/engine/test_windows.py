"""Live windows hold what the slow second reading counts between any two instants, and change nothing."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from engine.folding import SKILLS, figures_of, stream_of
from oracle.history import FIVE_MS, THRESHOLDS_S, Counts, Historian, told
from queuepulse.engine.clips import Wanted
from queuepulse.engine.codec import decode_line
from queuepulse.engine.fields import AGENT_FIELDS, QUEUE_FIELDS
from queuepulse.engine.histograms import bucket_of
from queuepulse.engine.records import Record
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.windows import Memory, Window, capture

HOUR_MS = 3_600_000
AGENTS = tuple(range(101, 120))
WANTED = Wanted(frozenset(SKILLS), frozenset(AGENTS))
NOT_OF_WINDOWS = ("repairs", "idle_ms_max", "rings")
JsonObject = dict[str, Any]


class Asker:
    """Asks an engine for windows, as a server does: with what it remembers of earlier ones."""

    def __init__(self) -> None:
        self.memories = (Memory(of_agents=False), Memory(of_agents=True))

    def window(self, vdn: Vdn, now: int, begin: int, end: int) -> tuple[dict[int, Record], dict[int, Record]]:
        """Records of queues and of agents."""
        found = []
        for memory in self.memories:
            window = Window(memory, capture(vdn.books, WANTED, now), WANTED, begin, end)
            for _ in window.work():
                pass
            found.append(window.records)
        return found[0], found[1]


def at(historian: Historian, now: int) -> Historian:
    """The second reading as of then."""
    then = copy.deepcopy(historian)
    then.apply({"type": "clock", "id": "now", "at": max(now, then.clock)})
    return then


def counted(historian: Historian, skill: int, begin: int, end: int, now: int) -> Counts:
    """What the second reading counts of a queue, those who wait and have waited too long included."""
    found = historian.queue(skill, begin, end)
    own_ms = historian.skills.get(skill, {}).get("answer_within_ms", 20_000)
    for live in historian.calls.values():
        if live.phase == "waiting" and live.skill == skill:
            limits = [
                *((f"missed_{seconds}", seconds * 1000) for seconds in THRESHOLDS_S),
                ("missed", own_ms),
            ]
            for name, limit in limits:
                reached = live.since + limit
                found.sums[name] += begin <= reached < min(end, now)
    return upto(found, historian.queue(skill, begin, min(end, now)))


def upto(found: Counts, shorter: Counts) -> Counts:
    """What happens at this very instant counts; time that has not passed does not."""
    for name in list(found.sums):
        if name.endswith("_ms") and name[:-3] in STATES:
            found.sums[name] = shorter.sums[name]
    found.sums.pop("idle_ms_max", None)
    return found


STATES = {name[:-3] for name in AGENT_FIELDS if name.endswith("_ms")} - {"talk", "hold", "wrapup"}


def windows_at(rng: random.Random, now: int) -> Iterator[tuple[int, int]]:
    """The five minutes that run, those before, and some that slide."""
    mark = now - now % FIVE_MS
    yield mark, now + 1
    yield mark - FIVE_MS, mark
    for seconds in (1, 60, 3600, rng.randint(1, 3600)):
        yield now - 1000 * seconds, now + 1


def compare(vdn: Vdn, historian: Historian, asker: Asker, now: int, begin: int, end: int) -> int:
    queues, agents = asker.window(vdn, now, begin, end)
    held = 0
    for skill in SKILLS:
        expected = counted(historian, skill, begin, end, now)
        assert figures_of(queues[skill], QUEUE_FIELDS, NOT_OF_WINDOWS) == told(expected), (
            skill,
            begin,
            end,
            now,
        )
        lists = (expected.waits, expected.talks, expected.holds, expected.wrapups)
        for place, values in enumerate(lists):
            buckets = queues[skill].span(place)
            assert sorted(k for k, n in buckets.items() for _ in range(n)) == sorted(map(bucket_of, values))
            held += len(values)
    for agent in AGENTS:
        found = upto(historian.agent(agent, begin, end), historian.agent(agent, begin, min(end, now)))
        found.sums.pop("rings")
        assert figures_of(agents[agent], AGENT_FIELDS, NOT_OF_WINDOWS) == told(found), (
            agent,
            begin,
            end,
            now,
        )
    return held


@pytest.mark.parametrize("seed", range(30))
def test_every_window_is_what_the_second_reading_counts(seed: int) -> None:
    rng, historian, vdn, asker = random.Random(seed), Historian(), Vdn(), Asker()
    held = 0
    for number, one in enumerate(stream_of(seed, 120, snapshots=False)):
        historian.apply(one)
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
        vdn.advance(vdn.clock_ms)
        if rng.random() < 0.3:
            vdn.tell()
        if number % 7 == 0:
            now = vdn.clock_ms + rng.choice((0, 0, 1, 1_000, 20_001, 290_000, 700_000))
            then, before = at(historian, now), vdn.snapshot()
            for begin, end in windows_at(rng, now):
                held += compare(vdn, then, asker, now, begin, end)
                # Of an engine made anew, and by one who never asked before.
                compare(Vdn.restore(before), then, Asker(), now, begin, end)
            assert vdn.snapshot() == before
    assert held > 100
