"""What is bounded: what the engine remembers, and what an event may cost as everything around it grows."""

import random
import sys
from collections.abc import Callable, Iterator

import pytest

from engine.folding import DAY_MS, HOUR_MS, NINE_MS, event, folded
from queuepulse.engine.events import CallOffered, CallReleased, Clock, Event
from queuepulse.engine.heaps import LAPSED_MAX
from queuepulse.engine.vdn import Outcome, Vdn

APPLIED, REPEATED, OUT_OF_PLACE = Outcome.APPLIED, Outcome.REPEATED, Outcome.OUT_OF_PLACE


def clocks(count: int, at_ms: int = NINE_MS) -> Iterator[Event]:
    return (Clock(at=at_ms, id=f"n{number}") for number in range(count))


def test_one_hundred_thousand_events_are_known_again_and_not_one_more() -> None:
    vdn = folded(clocks(100_000))
    assert vdn.apply(Clock(at=NINE_MS, id="n0")) is REPEATED
    # Seen last is what counts: now n1 is the oldest.
    assert vdn.apply(Clock(at=NINE_MS, id="one more")) is APPLIED
    assert vdn.apply(Clock(at=NINE_MS, id="n0")) is REPEATED
    assert vdn.apply(Clock(at=NINE_MS, id="n2")) is REPEATED
    assert vdn.apply(Clock(at=NINE_MS, id="n1")) is APPLIED


def test_the_memory_of_events_is_the_same_after_a_restore() -> None:
    vdn = folded(clocks(100_000))
    restored = Vdn.restore(vdn.snapshot())
    for one in [Clock(at=NINE_MS, id="one more"), *clocks(3), *clocks(100_000)]:
        assert vdn.apply(one) is restored.apply(one)


def test_events_that_are_too_old_make_no_room_needed_by_others() -> None:
    """An id seen again and again is known, however many others came and went since it was first seen."""
    vdn = Vdn()
    vdn.apply(Clock(at=NINE_MS, id="often"))
    for minute in range(1, 251):
        at_ms = NINE_MS + 600_000 * minute
        for number in range(500):
            vdn.apply(Clock(at=at_ms, id=f"{minute}-{number}"))
        assert vdn.apply(Clock(at=at_ms, id="often")) is REPEATED


def ended(number: int) -> Event:
    return CallReleased(at=NINE_MS + 1_000, call=f"c{number}")


def late_offer(number: int, *, told: str) -> Event:
    return CallOffered(at=NINE_MS, call=f"c{number}", skill=1, id=told)


def test_the_ends_of_ten_thousand_calls_are_remembered_and_not_one_more() -> None:
    vdn = folded(ended(number) for number in range(10_000))
    assert vdn.apply(late_offer(0, told="first")) is OUT_OF_PLACE
    vdn.apply(ended(10_000))
    assert vdn.apply(late_offer(1, told="second")) is OUT_OF_PLACE
    assert vdn.apply(late_offer(0, told="third")) is APPLIED


def test_a_picture_with_thousands_in_it_is_one_event() -> None:
    agents = [{"agent": number, "skills": [1, 2], "state": "idle"} for number in range(1, 3_001)]
    calls = [{"call": f"c{number}", "skill": 1, "waiting_since": NINE_MS} for number in range(3_000)]
    keys = {"asked_at": NINE_MS, "covers": ["agents", "waiting"], "agents": agents, "calls": calls}
    vdn = folded([event("snapshot", 1_000, **keys)])
    (row,) = vdn.rows([1], vdn.clock_ms)
    assert (row.signed_in, row.idle, row.waiting) == (3_000, 3_000, 3_000)
    assert vdn.apply(event("snapshot", 2_000, **keys)) is REPEATED


# How much is kept


def test_the_longest_is_found_whatever_was_swept() -> None:
    rng, vdn = random.Random(3), Vdn()
    waiting: dict[str, int] = {}
    idling: dict[int, int] = {}
    for number in range(3_000):
        agent, call = rng.randrange(1, 40), f"c{rng.randrange(40)}"
        # Late events begin spells before those that run: in a heap they belong to the top.
        since_ms = number * 10 - rng.choice([0, 0, rng.randrange(200_000)])
        if call in waiting:
            vdn.apply(event("call_left", number * 10, call=call, cause="closed", id=f"left {number}"))
            del waiting[call]
        elif (
            vdn.apply(event("call_offered", number * 10, call=call, skill=1, since=NINE_MS + since_ms))
            is APPLIED
        ):
            waiting[call] = since_ms
        if agent in idling:
            vdn.apply(event("agent_signed_out", number * 10, agent=agent))
            del idling[agent]
        else:
            vdn.apply(event("agent_signed_in", since_ms, agent=agent, skills=[1], id=f"in {number}"))
            idling[agent] = since_ms
        if number % 29:
            continue  # A question takes lapsed entries away before a sweep comes to them.
        # In five minutes in which nothing ended, only what runs counts.
        after_ms = (vdn.clock_ms - NINE_MS) // 300_000 * 300_000 + 300_000
        (row,) = vdn.rows([1], NINE_MS + after_ms)
        assert row.wait_s_max == (after_ms - min(waiting.values(), default=after_ms)) // 1000
        assert row.idle_s_max == (after_ms - min(idling.values(), default=after_ms)) // 1000


def test_no_wrap_up_ends_early_when_those_that_agents_ended_are_swept() -> None:
    vdn = folded([event("agent_signed_in", 0, agent=agent, skills=[agent]) for agent in (1, 2)])
    vdn.apply(event("call_answered", 0, call="long", agent=2, skill=2))
    vdn.apply(event("call_released", 0, call="long", wrapup_ms=40_000))
    for number in range(3 * LAPSED_MAX):
        vdn.apply(event("call_answered", number, call=f"c{number}", agent=1, skill=1))
        vdn.apply(event("call_released", number, call=f"c{number}", wrapup_ms=1_000 + number))
        vdn.apply(event("agent_state_set", number, agent=1, state="idle", id=f"s{number}"))
        vdn.apply(event("clock", number + 2, id=f"t{number}"))
    assert [row.work for row in vdn.rows([2], NINE_MS + 39_999)] == [1]
    vdn.apply(event("clock", 39_999))
    assert [row.work for row in vdn.rows([2], NINE_MS + 39_999)] == [1]


def test_the_wrap_ups_that_agents_end_themselves_do_not_pile_up() -> None:
    vdn = folded([event("agent_signed_in", 0, agent=1, skills=[1])])
    for number in range(2_000):
        vdn.apply(event("call_answered", number, call=f"c{number}", agent=1, skill=1))
        vdn.apply(event("call_released", number, call=f"c{number}", wrapup_ms=DAY_MS))
        vdn.apply(event("agent_state_set", number, agent=1, state="idle" if number % 2 else "rest"))
    assert len(vdn.books.wrapups) < 200


def test_a_state_does_not_grow_with_the_days() -> None:
    """Each day is like the others, so what is kept of it must not add up."""
    vdn, sizes = Vdn(), []
    for day in range(8):
        for number in range(200):
            after_ms = day * DAY_MS + number * HOUR_MS // 10
            call = f"{day}-{number}"
            vdn.apply(event("call_answered", after_ms, call=call, skill=1, agent=1))
            vdn.apply(event("call_released", after_ms + 1_000, call=call))
        vdn.advance(vdn.clock_ms)
        vdn.tell()
        sizes.append(len(vdn.snapshot()))
    assert max(sizes[4:]) < 1.05 * max(sizes[2:4])


# What an event costs


def steps_of(action: Callable[[], object]) -> int:
    """Lines of Python that an action runs through: a measure of its cost that no busy machine can spoil."""
    count = 0

    def step(_frame: object, kind: str, _argument: object) -> object:
        nonlocal count
        count += kind == "line"
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def center(agents: int, queues: int, calls: int) -> Vdn:
    """A center of that size; agent 1 and call c0 are in queue 1 like all others."""
    vdn = Vdn()
    for number in range(1, queues + 1):
        vdn.apply(event("skill_configured", 0, skill=number))
    for number in range(1, agents + 1):
        vdn.apply(event("agent_signed_in", number, agent=number, skills=[1, 2]))
    for number in range(calls):
        vdn.apply(event("call_offered", number, call=f"c{number}", skill=1))
    vdn.rows([1, 2], vdn.clock_ms)
    return vdn


def a_course(vdn: Vdn) -> list[int]:
    """What each event costs in the course of one more call, with a question after each."""
    at_ms = 200_000
    events = [
        event("call_offered", at_ms, call="new", skill=1),
        event("call_alerting", at_ms, call="new", agent=1),
        event("call_answered", at_ms + 1, call="new", agent=1),
        event("call_held", at_ms + 2, call="new"),
        event("call_resumed", at_ms + 3, call="new"),
        event("call_released", at_ms + 4, call="new", wrapup_ms=10),
        event("agent_state_set", at_ms + 5, agent=1, state="rest"),
        event("agent_skills_set", at_ms + 6, agent=1, skills=[1]),
        event("agent_signed_out", at_ms + 7, agent=1),
        event("agent_signed_in", at_ms + 8, agent=1, skills=[1, 2]),
        event("call_left", at_ms + 9, call="c0", cause="abandoned"),
        event("clock", at_ms + 10),
    ]
    return [
        steps_of(lambda: (vdn.apply(one), vdn.rows([1, 2], NINE_MS + at_ms + 10)))  # noqa: B023
        for one in events
    ]


@pytest.mark.parametrize(
    ("agents", "queues", "calls"),
    [(2_000, 2, 20), (20, 2_000, 20), (20, 2, 2_000)],
    ids=["agents", "queues", "calls"],
)
def test_an_event_costs_the_same_in_a_big_center_as_in_a_small(agents: int, queues: int, calls: int) -> None:
    small, big = a_course(center(20, 2, 20)), a_course(center(agents, queues, calls))
    assert all(much <= 2 * little + 50 for much, little in zip(big, small, strict=True)), (small, big)


def test_a_mark_costs_no_step_for_queues_in_which_nothing_happened() -> None:
    small, big = center(20, 2, 20), center(20, 2_000, 20)
    costs = [steps_of(lambda: vdn.apply(event("clock", 700_000))) for vdn in (small, big)]  # noqa: B023
    assert costs[1] <= costs[0] + 20


def test_a_question_to_a_quiet_queue_is_answered_without_counting() -> None:
    vdn = center(2_000, 2, 2_000)
    now_ms = vdn.clock_ms + 10_000
    vdn.rows([1, 2], now_ms)
    assert steps_of(lambda: vdn.rows([1, 2], now_ms)) < 40
