"""The past out of the log is what a query at that instant gave; anchors and workers keep within bounds."""

import asyncio
import os
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.folding import NINE_MS, SKILLS, event, events_of
from queuepulse.engine.clips import Clip, Wanted
from queuepulse.engine.estimates import Estimates, presents
from queuepulse.engine.events import VdnKey
from queuepulse.engine.facts import Facts
from queuepulse.engine.figures import FIGURES
from queuepulse.engine.measures import DAY, QUEUE_MEASURES, QUEUES, Plan
from queuepulse.engine.records import queue_record
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.windows import capture, first_mark_ms, pending
from queuepulse.ports import EncodedAnswer, KeptSnapshot
from queuepulse.retelling import PastRefused, PastUnavailable, Why
from queuepulse.stores import anchors, retold
from queuepulse.stores.sqlite import SqliteLog
from recomputing import recomputed
from stores.logged import BANK, BATCH, in_order, opened, written

NAMES = [figure.name for figure in FIGURES]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(opened(tmp_path)) as log:
        yield log


def told(answer: EncodedAnswer) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(answer.body)
    return decoded


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("snapshots", [(), (3, 9), (0, 4, 8, 12, 16)])
def test_random_figures_of_random_instants_come_of_their_explanations(
    log: SqliteLog, tmp_path: Path, seed: int, snapshots: Sequence[int]
) -> None:
    drawn, events = random.Random(seed), in_order(events_of(seed, 300))
    asyncio.run(written(log, events, snapshots))
    for _ in range(12):
        at_ms = drawn.randint((events[0].at or 0) - 5, events[-1].at or 0)
        engine, seen = Vdn(), [one for one in events if (one.at or 0) <= at_ms]
        for one in seen:
            engine.apply(one)
        row, figure = drawn.choice(engine.rows(SKILLS, at_ms)), drawn.choice(NAMES)
        answer = retold.explain(tmp_path / "log.sqlite", BANK, Why(row.skill, figure, at_ms))
        explained = told(answer)
        assert explained["value"] == recomputed(explained) == getattr(row, figure), (at_ms, figure)
        assert explained["at_ms"] == at_ms
        assert bool(explained["position"]) == bool(seen)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("snapshots", [(), (3, 9)])
def test_the_longest_wait_and_the_error_of_estimates_at_instants_that_were(
    log: SqliteLog, tmp_path: Path, seed: int, snapshots: Sequence[int]
) -> None:
    drawn, events, held = random.Random(seed), in_order(events_of(seed, 300)), 0
    placed: set[str] = set()
    asyncio.run(written(log, events, snapshots))
    for _ in range(12):
        at_ms = drawn.choice(events[50:]).at or 0
        engine = Vdn()
        for one in events:
            if (one.at or 0) <= at_ms:
                engine.apply(one)
        skill, estimates = drawn.choice(SKILLS[:-1]), Estimates()
        for _ in estimates.follow(capture(engine.books, Wanted(frozenset({skill}), frozenset()), at_ms)):
            pass
        [present] = presents(engine.books, [skill], at_ms)
        oldest = {"call": present.oldest_call, "since": present.oldest_since_ms}
        for figure, value in (
            ("oldest_waiting", None if present.oldest_since_ms < 0 else oldest),
            ("estimated_wait_error_ms", estimates.error_ms(skill, at_ms)),
        ):
            explained = told(retold.explain(tmp_path / "log.sqlite", BANK, Why(skill, figure, at_ms)))
            assert explained["value"] == recomputed(explained) == value, (at_ms, figure)
            # Of what a picture brought, no event of the call tells.
            placed |= {term["what"] for term in explained["terms"] if "position" in term}
            held += bool(value)
    assert held
    assert placed == {"waiting", "estimated"}


def test_each_fact_of_a_period_has_the_place_of_the_event_that_told_it(
    log: SqliteLog, tmp_path: Path
) -> None:
    events = [event("call_offered", 1_000 * number, call=f"c{number}", skill=1) for number in range(200)]
    asyncio.run(written(log, events, (2, 3)))
    where = {}
    for batch in log.read(vdn=BANK):
        for place, body in enumerate(batch.body.splitlines(), batch.first):
            where[place] = msgspec.json.decode(body)
    explained = told(retold.explain(tmp_path / "log.sqlite", BANK, Why(1, "offered_in", NINE_MS + 150_500)))
    assert len(explained["terms"]) == 151
    for term in explained["terms"]:
        assert where[term["position"]]["at"] == term["at_ms"]


def test_an_agent_has_the_place_of_the_event_that_brought_him_into_his_state(
    log: SqliteLog, tmp_path: Path
) -> None:
    events = [
        event("agent_signed_in", 1_000, agent=101, skills=[1]),
        event("call_offered", 2_000, call="A", skill=1),
        event("call_alerting", 3_000, call="A", agent=101),
        event("call_answered", 4_000, call="A", agent=101),
        event("call_released", 9_000, call="A", wrapup_ms=10_000),
        event("clock", 60_000),
    ]
    asyncio.run(written(log, events))

    def place(figure: str, after_ms: int) -> int:
        answer = retold.explain(tmp_path / "log.sqlite", BANK, Why(1, figure, NINE_MS + after_ms))
        (term,) = told(answer)["terms"]
        return int(term.get("position", 0))

    assert place("idle", 1_500) == 1
    assert place("talking", 5_000) == 4
    assert place("in_talk", 5_000) == 4
    assert place("work", 9_500) == 5
    # No event brought him there, but time.
    assert place("idle", 20_000) == 0
    assert place("waiting", 2_500) == 2


def test_before_the_log_reaches_back_is_refused_with_from_when_it_does(
    log: SqliteLog, tmp_path: Path
) -> None:
    events = [event("call_offered", 60_000 * number, call=f"c{number}", skill=1) for number in range(320)]

    async def scenario() -> None:
        await written(log, events, (5, 12, 19))
        assert await log.prune(NINE_MS + 7, 2**40) > 0

    asyncio.run(scenario())
    file = tmp_path / "log.sqlite"
    from_ms = NINE_MS + (6 * BATCH - 1) * 60_000
    with pytest.raises(PastRefused, match="2026-01-01T10:35:00Z"):
        retold.explain(file, BANK, Why(1, "waiting", from_ms - 1))
    assert told(retold.explain(file, BANK, Why(1, "waiting", from_ms)))["value"] == 6 * BATCH
    later_ms = from_ms + 200 * 60_000
    assert told(retold.explain(file, BANK, Why(1, "waiting", later_ms)))["value"] == 6 * BATCH + 200


def test_a_log_that_is_damaged_is_told_and_not_guessed(log: SqliteLog, tmp_path: Path) -> None:
    events = [event("call_offered", 1_000 * number, call=f"c{number}", skill=1) for number in range(64)]
    asyncio.run(written(log, events))
    with closing(anchors.apsw.Connection(str(tmp_path / "log.sqlite"))) as connection:
        connection.execute("UPDATE batch SET checksum = checksum + 1 WHERE first = 33")
    why = Why(1, "waiting", NINE_MS + 60_000)
    with pytest.raises(PastUnavailable, match="events are lost"):
        retold.explain(tmp_path / "log.sqlite", BANK, why)
    lossy = told(retold.explain(tmp_path / "log.sqlite", BANK, why, accept_loss=True))
    assert lossy["value"] == recomputed(lossy) == 61 - BATCH


# Anchors


def snapshots_of(log: SqliteLog, vdn: VdnKey = BANK) -> list[int]:
    rows = log._reader.execute("SELECT position FROM snapshot WHERE cc = ? AND vdn = ?", vdn)
    return sorted(row[0] for row in rows)


async def kept_every(log: SqliteLog, minutes: int, count: int, size: int = 100) -> None:
    for number in range(1, count + 1):
        last = await log.append(BANK, number, 1, b"{}")
        body = os.urandom(size)
        await log.keep_snapshot(KeptSnapshot(BANK, last, NINE_MS + number * minutes * 60_000, body))


def test_an_hour_keeps_its_first_snapshot_and_old_ones_that_of_six_hours(log: SqliteLog) -> None:
    asyncio.run(kept_every(log, 10, 6 * 24 * 5))
    ages = [720 - position for position in snapshots_of(log)]
    assert ages[-2:] == [1, 0]
    near = [age for age in ages[:-2] if age < 6 * 48]
    assert {older - newer for older, newer in pairwise(near)} == {6}
    far = [age for age in ages[1:] if age > 6 * (48 + 6)]
    assert {older - newer for older, newer in pairwise(far)} == {36}
    assert len(ages) < 2 + 48 + 4 * 3 + 2


def test_anchors_keep_within_their_room(tmp_path: Path) -> None:
    with closing(opened(tmp_path, anchor_bytes_max=10_500)) as log:
        asyncio.run(kept_every(log, 60, 40, size=1_000))
        assert snapshots_of(log) == list(range(29, 41))
    with closing(opened(tmp_path, anchor_bytes_max=0)) as log:
        asyncio.run(kept_every(log, 60, 1))
        assert len(snapshots_of(log)) == 2


def test_anchors_go_with_the_events_behind_them_and_never_hold_them(log: SqliteLog) -> None:
    async def scenario() -> None:
        await kept_every(log, 60, 20)
        await log.prune(15, 2**40)

    asyncio.run(scenario())
    assert snapshots_of(log) == list(range(14, 21))
    assert next(iter(log.read())).first == 15


# A day


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("snapshots", [(), (2, 5, 9, 13)])
def test_figures_of_a_day_come_of_their_explanations_alone(
    log: SqliteLog, tmp_path: Path, seed: int, snapshots: Sequence[int]
) -> None:
    drawn, events = random.Random(seed), in_order(events_of(seed, 300))
    asyncio.run(written(log, events, snapshots))
    answered = 0
    for _ in range(4):
        at_ms = drawn.choice(events[100:]).at or 0
        engine, closed = Vdn(), list[Facts]()
        for one in events:
            if (one.at or 0) <= at_ms:
                engine.apply(one)
                closed += engine.tell().facts
        begin_ms = first_mark_ms(engine.books.day_ms)
        skill = drawn.choice(SKILLS[:-1])
        # By another way: all that was ever told, added up at once.
        wanted = Wanted(frozenset({skill}), frozenset())
        clip = Clip(begin_ms, at_ms + 1, wanted)
        for some in (*closed, engine.books.facts, pending(engine.books, wanted, at_ms)):
            begin = 0
            while begin < len(some):
                begin = clip.add_part(some, begin, len(some))
        record = clip.of_queues.get(skill) or queue_record()
        plan = Plan([one for one in QUEUE_MEASURES if DAY in one.windows], QUEUES)
        rows = zip(plan.measures, plan.figures(record), strict=True)
        for measure, value in drawn.sample([*rows], 6):
            why = Why(skill, measure.name, at_ms, window=DAY)
            try:
                explained = told(retold.explain(tmp_path / "log.sqlite", BANK, why))
            except PastRefused as refused:
                assert snapshots and re.search("does not reach back|cut anew", str(refused))
                continue
            answered += 1
            assert explained["value"] == recomputed(explained) == value, (why, value)
            assert explained["from_ms"] == begin_ms
            assert all("position" in term for term in explained["terms"] if term["what"] == "offered")
    assert answered


def test_a_day_whose_begin_the_log_does_not_reach_is_refused(log: SqliteLog, tmp_path: Path) -> None:
    events = [event("call_offered", 60_000 * number, call=f"c{number}", skill=1) for number in range(320)]

    async def scenario() -> None:
        await written(log, events, (5, 12, 19))
        assert await log.prune(NINE_MS + 7, 2**40) > 0

    asyncio.run(scenario())
    why = Why(1, "offered", NINE_MS + 300 * 60_000, window=DAY)
    with pytest.raises(PastRefused, match="does not reach back"):
        retold.explain(tmp_path / "log.sqlite", BANK, why)
