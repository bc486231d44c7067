"""Corners in which equal events could come to unequal bytes (law 4), each on its own."""

import json
import random

import pytest

from engine.folding import DAY_MS, HOUR_MS, event, folded, folded_with_restores
from engine.test_laws import folded_elsewhere
from queuepulse.engine.codec import decode_trusted, encode_events
from queuepulse.engine.vdn import Vdn


def test_the_bytes_of_a_restored_engine_are_those_it_was_restored_from() -> None:
    state = folded([event("call_offered", 0, call="A", skill=1), event("clock", 10)]).snapshot()
    assert Vdn.restore(state).snapshot() == state


def test_the_end_of_a_call_told_again_after_it_was_forgotten() -> None:
    events = [
        event("call_released", 0, call="A"),
        event("call_released", 1_000, call="B"),
        event("clock", 600_001),
        event("call_released", 500_000, call="A"),
    ]
    assert folded_with_restores(events).snapshot() == folded(events).snapshot()


def test_an_id_seen_again_after_it_was_forgotten() -> None:
    told = [(0, "a"), (899_999, "b"), (900_400, "c"), (900_500, "a")]
    events = [event("clock", after_ms, id=name) for after_ms, name in told]
    assert folded_with_restores(events).snapshot() == folded(events).snapshot()


def test_a_talk_that_ended_days_ago_is_told_late() -> None:
    events = [
        event("clock", 0),
        event("call_answered", -5 * DAY_MS, call="A", skill=1),
        event("call_released", -5 * DAY_MS + 1_000, call="A"),
    ]
    assert folded_with_restores(events).snapshot() == folded(events).snapshot()


def test_a_zone_that_is_changed_and_changed_back() -> None:
    events = [
        event("call_answered", 0, call="A", skill=1),
        event("call_released", 14 * HOUR_MS, call="A"),
        event("clock", 58 * HOUR_MS),
        event("vdn_configured", 58 * HOUR_MS, timezone="Pacific/Kiritimati"),
        event("vdn_configured", 58 * HOUR_MS + 1, timezone="UTC"),
    ]
    assert folded_with_restores(events).snapshot() == folded(events).snapshot()


def test_a_question_between_two_zones_leaves_no_trace() -> None:
    events = [
        event("call_answered", 0, call="A", skill=1),
        event("call_released", 14 * HOUR_MS, call="A"),
        event("clock", 58 * HOUR_MS),
        event("vdn_configured", 58 * HOUR_MS, timezone="Pacific/Kiritimati"),
    ]
    back = event("vdn_configured", 58 * HOUR_MS + 1, timezone="UTC")
    asked, silent = folded(events), folded(events)
    asked.rows([1], asked.clock_ms)
    asked.apply(back)
    silent.apply(back)
    assert asked.snapshot() == silent.snapshot()


def test_a_set_of_skills_is_kept_in_one_order() -> None:
    # In the table of a set, numbers that collide lie in the order in which they came.
    rng = random.Random(1)
    drawn = [rng.sample(range(1, 10_001), 37) for _ in range(300)]
    events = [event("agent_skills_set", number, agent=1, skills=some) for number, some in enumerate(drawn)]
    again = decode_trusted(encode_events(events))
    assert folded(again).snapshot() == folded(events).snapshot()


def test_a_picture_without_an_id_gives_equal_bytes_whatever_the_hashes() -> None:
    covers = ["agents", "waiting", "talking"]
    picture = {"type": "snapshot", "at": 5, "asked_at": 1, "covers": covers, "agents": [], "calls": []}
    body = json.dumps(picture).encode()
    assert len({folded_elsewhere(body, str(hash_seed)) for hash_seed in range(1, 5)}) == 1


@pytest.mark.parametrize("drained", [False, True])
def test_records_that_nobody_took_are_kept_with_the_state(drained: bool) -> None:
    straight, restored = Vdn(), Vdn()
    for number in range(40):
        for vdn in (straight, restored):
            vdn.apply(event("call_offered", 100_000 * number, call=f"c{number}", skill=number % 3 + 1))
            if drained and number % 10 == 0:
                vdn.advance(vdn.clock_ms)
        restored = Vdn.restore(restored.snapshot())
    assert restored.snapshot() == straight.snapshot()
    records = [
        [(one.skill, one.mark_ms, one.offered) for one in vdn.advance(2**45)] for vdn in (straight, restored)
    ]
    assert records[0] == records[1] != []
