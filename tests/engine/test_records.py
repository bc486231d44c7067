"""Records of five minutes are the sums that the slow second reading of the specification gives."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from engine.folding import (
    DAY_MS,
    HOUR_MS,
    NINE_MS,
    begins,
    event,
    figures_of,
    folded,
    of_kind,
    stream_of,
    told_by,
)
from oracle.history import FIVE_MS, Historian, told
from queuepulse.engine.codec import decode_line
from queuepulse.engine.facts import ANSWERED, LEFT, MISSED, OFFERED, TALKED, Facts
from queuepulse.engine.fields import AGENT_FIELDS, QUEUE_FIELDS, QUEUE_SPANS
from queuepulse.engine.histograms import Spread, Spreads, bucket_ms, bucket_of, counted
from queuepulse.engine.records import Record, add, queue_record
from queuepulse.engine.tallies import Tally
from queuepulse.engine.vdn import Vdn

LENGTH = 120
JsonObject = dict[str, Any]


def folded_both(events: list[JsonObject], drain_every: int) -> tuple[Historian, Tally]:
    """Both readings of the events; in the end nobody waits, and the last mark has passed."""
    historian, vdn, tally = Historian(), Vdn(), Tally()
    number = 0

    def tell(one: JsonObject) -> None:
        nonlocal number
        number += 1
        historian.apply(one)
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
        if number % drain_every == 0:
            tally.add(told_by(vdn))

    for one in events:
        tell(one)
    for live in list(historian.calls.values()):
        if live.phase == "waiting":
            at = max(historian.clock, 0)
            tell({"type": "call_left", "id": f"end {live.call}", "at": at, "call": live.call, "cause": "key"})
    tell({"type": "clock", "id": "end", "at": (historian.clock // FIVE_MS + 1) * FIVE_MS})
    tally.add(told_by(vdn))
    return historian, tally


def marks_of(historian: Historian, tally: Tally) -> Iterator[int]:
    """Every mark at which one of the readings has anything."""
    yield from sorted({*tally.queues, *tally.agents})


@pytest.mark.parametrize("seed", range(80))
def test_every_record_is_what_the_second_reading_counts(seed: int) -> None:
    historian, tally = folded_both(stream_of(seed, LENGTH, snapshots=False), seed % 9 + 1)
    for mark in marks_of(historian, tally):
        end = mark + FIVE_MS
        for skill, record in tally.queues.get(mark, {}).items():
            expected = historian.queue(skill, mark, end)
            assert figures_of(record, QUEUE_FIELDS) == told(expected), (mark, skill)
            lists = (expected.waits, expected.talks, expected.holds, expected.wrapups)
            for place, values in enumerate(lists):
                buckets = record.span(place)
                assert sorted(k for k, n in buckets.items() for _ in range(n)) == sorted(
                    map(bucket_of, values)
                )
        for agent, record in tally.agents.get(mark, {}).items():
            assert figures_of(record, AGENT_FIELDS) == told(historian.agent(agent, mark, end)), (mark, agent)


@pytest.mark.parametrize("seed", range(80))
def test_records_hold_all_that_happened(seed: int) -> None:
    """What has no record did not happen: the records of all time add up to the sums over all time."""
    historian, tally = folded_both(stream_of(seed, LENGTH, snapshots=False), 5)
    first, last = min(tally.queues, default=0), max(tally.queues, default=0) + FIVE_MS
    for skill in {visit.skill for visit in historian.visits}:
        total = queue_record()
        for mark in sorted(tally.queues):
            if skill in tally.queues[mark]:
                add(total, tally.queues[mark][skill])
        expected = told(historian.queue(skill, 0, 2**62))
        time = told(historian.queue(skill, first, last))
        expected |= {name: time.get(name, 0) for name in expected if name.endswith("_ms") and name in TIMES}
        assert figures_of(total, QUEUE_FIELDS) == {name: value for name, value in expected.items() if value}


TIMES = {name for name in AGENT_FIELDS if name.endswith("_ms")} - {"talk_ms", "hold_ms", "wrapup_ms"}


@pytest.mark.parametrize("seed", range(80))
def test_what_agents_do_is_whole_with_pictures_too(seed: int) -> None:
    historian, tally = folded_both(stream_of(seed, LENGTH), seed % 5 + 1)
    for mark, agents in tally.agents.items():
        for agent, record in agents.items():
            expected = told(historian.agent(agent, mark, mark + FIVE_MS))
            found = figures_of(record, AGENT_FIELDS)
            for name in (*TIMES, "wrapups", "wrapup_ms", "rings", "unanswered"):
                assert found.get(name, 0) == expected.get(name, 0), (mark, agent, name)
            # Each instant counts in one state.
            assert 0 <= sum(found.get(name, 0) for name in TIMES) <= FIVE_MS


@pytest.mark.parametrize("seed", range(40))
def test_an_offer_tells_of_the_queue_as_the_caller_found_it(seed: int) -> None:
    """How many waited there just before him, and how many could have taken his call."""
    historian, vdn = Historian(), Vdn()
    for one in stream_of(seed, LENGTH, snapshots=False):
        live = historian.calls.get(one.get("call", ""))
        skill = one.get("skill", 0) if one["type"].startswith("call_") else 0
        found = historian.rows([skill], one["at"])[0]
        vdn.books.facts = Facts()
        historian.apply(one)
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
        for _, at, where, _, _, waiting, available, call in of_kind(vdn.books.facts, OFFERED):
            assert (at, where, call) == (one["at"], skill, one["call"])
            assert waiting == found["callWaitNums"]
            # A call that comes from elsewhere sets agents free on its way.
            assert live is not None or available == found["agentAvailableNums"]


def test_facts_say_of_which_call_they_are() -> None:
    vdn = folded(
        [
            event("call_offered", 290_000, call="A", skill=1),
            event("call_offered", 291_000, call="B", skill=1),
            event("clock", 300_000),
            event("call_answered", 301_000, call="A"),
            event("call_left", 302_000, call="B", cause="abandoned"),
            event("call_released", 330_000, call="A"),
            event("clock", 600_000),
        ]
    )
    facts = told_by(vdn)
    for kind, calls in ((OFFERED, "AB"), (ANSWERED, "A"), (LEFT, "B"), (TALKED, "A"), (MISSED, "AABB")):
        assert [fact[-1] for fact in of_kind(facts, kind)] == list(calls)


def test_a_wait_reaches_its_limits_where_it_does_whatever_comes_later() -> None:
    vdn, tally = folded([event("call_offered", 280_000, call="A", skill=1)]), Tally()
    vdn.apply(event("clock", 300_000))
    tally.add(told_by(vdn))
    counts = figures_of(tally.queue(NINE_MS, 1), QUEUE_FIELDS)
    # It has waited 20 s at the mark: the limits of 3 to 15 s are behind it.
    assert {name for name in counts if name.startswith("missed")} == {f"missed_{s}" for s in (3, 5, 10, 15)}
    # It was answered after 12 s, but that is told late.
    vdn.apply(event("call_answered", 292_000, call="A"))
    vdn.apply(event("clock", 600_000))
    tally.add(told_by(vdn))
    counts = figures_of(tally.queue(NINE_MS, 1), QUEUE_FIELDS)
    assert {name for name in counts if name.startswith("missed")} == {"missed_3", "missed_5", "missed_10"}
    assert counts["answered_in_time"] == counts["within_15"] == 1


def test_a_late_state_moves_the_time_since_its_own_instant() -> None:
    vdn, tally = folded([event("agent_signed_in", 0, agent=7, skills=[1, 2])]), Tally()
    vdn.apply(event("clock", 400_000))
    tally.add(told_by(vdn))
    assert tally.agent(NINE_MS, 7).counts[AGENT_FIELDS.index("idle_ms")] == 300_000
    vdn.apply(event("agent_state_set", 250_000, agent=7, state="rest"))
    vdn.apply(event("clock", 600_000))
    tally.add(told_by(vdn))
    for record, fields in ((tally.agent(NINE_MS, 7), AGENT_FIELDS), (tally.queue(NINE_MS, 2), QUEUE_FIELDS)):
        figures = dict(zip(fields, record.counts, strict=True))
        assert (figures["idle_ms"], figures["rest_ms"]) == (250_000, 50_000)
    assert tally.agent(NINE_MS + 300_000, 7).counts[AGENT_FIELDS.index("rest_ms")] == 300_000


def test_a_silence_of_days_tells_of_its_last_day_only() -> None:
    vdn, tally = folded([event("agent_signed_in", 0, agent=7, skills=[])]), Tally()
    vdn.apply(event("clock", 40 * DAY_MS))
    tally.add(told_by(vdn))
    place = AGENT_FIELDS.index("idle_ms")
    idle = {mark: agents[7].counts[place] for mark, agents in tally.agents.items()}
    assert min(idle) == NINE_MS
    assert sum(idle.values()) == DAY_MS + 300_000


def test_many_facts_are_given_away_before_the_mark() -> None:
    vdn, given = Vdn(), 0
    for number in range(60_000):
        vdn.apply(event("call_offered", number // 100, call=f"c{number}", skill=1, id=f"o{number}"))
        vdn.apply(event("call_left", number // 100, call=f"c{number}", cause="full", id=f"l{number}"))
        if number % 1_000 == 0:
            given += len(list(begins(told_by(vdn))))
    assert given > 60_000
    vdn.apply(event("clock", HOUR_MS))
    assert given + len(list(begins(told_by(vdn)))) == 120_000


def test_a_bucket_stands_for_each_duration_in_it_within_one_percent() -> None:
    before = -1
    for ms in [*range(70_000), *(3**n for n in range(11, 20)), 2**31 - 1]:
        bucket = bucket_of(ms)
        assert bucket in (before, before + 1) or ms > 70_000
        before = bucket
        assert abs(bucket_ms(bucket) - ms) <= 0.008 * ms
    assert bucket_of(2**31 - 1) < 2**16


@pytest.mark.parametrize("percent", [50, 80, 90, 95, 99])
def test_percentiles_are_those_of_the_list_within_one_percent(percent: int) -> None:
    values = sorted((7 * n * n) % 100_003 + n for n in range(2_000))
    counts: dict[int, int] = {}
    for ms in values:
        counts[bucket_of(ms)] = counts.get(bucket_of(ms), 0) + 1
    exact = values[-(-len(values) * percent // 100) - 1]
    found = Spread(counts).percentile_ms(percent)
    assert found is not None and abs(found - exact) <= 0.01 * exact
    assert Spread({}).percentile_ms(percent) is None


@pytest.mark.parametrize("seed", range(20))
def test_histograms_in_one_vector_are_what_counters_count(seed: int) -> None:
    rng = random.Random(seed)

    def drawn() -> tuple[Record, list[Counter[int]]]:
        record, counters = queue_record(), [Counter[int]() for _ in QUEUE_SPANS]
        for _ in range(rng.choice((0, 1, 5, 400))):
            span, ms = rng.randrange(len(QUEUE_SPANS)), int(2 ** rng.uniform(0, 45)) - 1
            record.entries = counted(record.entries, span, ms)
            counters[span][bucket_of(ms)] += 1
        return record, counters

    (one, ours), (other, theirs) = drawn(), drawn()
    before = list(other.entries)
    add(one, other)
    assert list(other.entries) == before
    assert list(one.entries) == sorted(one.entries)
    assert [one.span(place) for place in range(len(ours))] == [
        a + b for a, b in zip(ours, theirs, strict=True)
    ]
    spreads = Spreads()
    for record, counters in ((one, [a + b for a, b in zip(ours, theirs, strict=True)]), (other, theirs)):
        for place, counter in enumerate(counters):
            found = spreads.of(7, place, record.entries)
            assert found.percentile_ms(90) == Spread(counter).percentile_ms(90)
            assert spreads.of(7, place, record.copy().entries) is found
