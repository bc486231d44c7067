"""The simulated contact center: repeatable, valid, alive, and as Erlang says where his assumptions hold.

All figures are measured from the events, never from the simulator's insides.
"""

import collections
import dataclasses
import hashlib
import itertools
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from queuepulse.engine import codec
from queuepulse.engine.events import (
    AgentSignedIn,
    AgentSkillsSet,
    AgentStateSet,
    CallAnswered,
    CallHeld,
    CallLeft,
    CallOffered,
    CallReleased,
    CallUnanswered,
    Event,
)
from queuepulse.engine.vdn import Outcome, Vdn
from queuepulse.simulator import FLAT_DAY, Assumptions, ContactCenter, erlang, simulate

MIDNIGHT_MS = 1_767_571_200_000  # Monday 2026-01-05T00:00:00Z
HOUR_MS = 3_600_000
RICH = Assumptions(agents=60, skills=8, patience_mean_ms=180_000)

PRINT_DIGEST = """
import hashlib
from queuepulse.engine import codec
from queuepulse.simulator import Assumptions, simulate
rich = Assumptions(agents=60, skills=8, patience_mean_ms=180_000)
events = simulate(rich, seed=3, start_ms=1_767_571_200_000, hours=12)
print(hashlib.sha256(codec.encode_events(list(events))).hexdigest())
"""


def a_day(hours: float = 26) -> list[Event]:
    return list(simulate(RICH, seed=3, start_ms=MIDNIGHT_MS, hours=hours))


def at_ms(event: Event) -> int:
    assert event.at is not None
    return event.at


def test_the_same_seed_tells_the_same_bytes_in_any_process() -> None:
    here = hashlib.sha256(codec.encode_events(a_day(hours=12))).hexdigest()
    for hash_seed in ("0", "4711"):
        elsewhere = subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert elsewhere.stdout.strip() == here


def test_another_seed_tells_another_day() -> None:
    first, second = (
        [(type(event), event.at) for event in simulate(RICH, seed=seed, start_ms=MIDNIGHT_MS, hours=10)]
        for seed in (1, 2)
    )
    assert first != second


def test_every_event_passes_the_codec_has_its_own_id_and_stands_in_time_order() -> None:
    events = a_day()
    assert codec.decode_lines(codec.encode_events(events)) == events
    assert len({event.id for event in events}) == len(events)
    assert all(at_ms(earlier) <= at_ms(later) for earlier, later in itertools.pairwise(events))
    assert at_ms(events[0]) == MIDNIGHT_MS
    assert at_ms(events[-1]) < MIDNIGHT_MS + 26 * HOUR_MS


def test_the_steps_in_which_events_are_asked_for_change_nothing() -> None:
    center = ContactCenter(RICH, seed=3, start_ms=MIDNIGHT_MS)
    in_steps: list[Event] = []
    for minute in range(1, 12 * 60 + 1):
        events = center.events_until(MIDNIGHT_MS + minute * 60_000)
        in_steps += itertools.islice(events, 2)  # whoever stops reading loses nothing
        in_steps += center.events_until(MIDNIGHT_MS + minute * 60_000)
    assert in_steps == a_day(hours=12)


def test_every_event_of_a_rich_day_changes_something() -> None:
    vdn = Vdn()
    odd = [(outcome, event) for event in a_day() if (outcome := vdn.apply(event)) is not Outcome.APPLIED]
    assert odd == []


def test_a_rich_day_has_everything_that_happens_in_a_contact_center() -> None:
    events = a_day()
    seen = collections.Counter(
        (type(event).__name__, getattr(event, "state", None) or getattr(event, "cause", None))
        for event in events
    )
    for kind in (CallHeld, CallReleased, CallAnswered, AgentSignedIn, AgentSkillsSet):
        assert seen[kind.__name__, None] > 0
    for state in ("idle", "rest", "busy", "study", "work", "occupied"):
        assert seen[AgentStateSet.__name__, state] > 0
    for cause in ("no_answer", "rejected"):
        assert seen[CallUnanswered.__name__, cause] > 0
    for cause in ("abandoned", "key", "no_agent", "withdrawn"):
        assert seen[CallLeft.__name__, cause] > 0
    assert any(isinstance(event, CallOffered) and event.direction == "out" for event in events)
    assert transfers_and_overflows(events) > (20, 20)
    agents = [event for event in events if isinstance(event, AgentSignedIn)]
    assert {len(event.skills) for event in agents} == {1, 2, 3}


def transfers_and_overflows(events: Iterable[Event]) -> tuple[int, int]:
    """How often a call was offered while it talked, and how often while it waited."""
    phases: dict[str, str] = {}
    transfers = overflows = 0
    for event in events:
        if isinstance(event, CallOffered):
            transfers += phases.get(event.call) == "talks"
            overflows += phases.get(event.call) == "waits"
            phases[event.call] = "waits"
        elif isinstance(event, CallAnswered):
            phases[event.call] = "talks"
        elif isinstance(event, CallLeft | CallReleased):
            del phases[event.call]
    return transfers, overflows


def test_a_full_queue_and_a_queue_that_waits_too_long_send_callers_away() -> None:
    crowded = Assumptions(
        agents=5, skills=1, calls_per_hour=400, day_shape=FLAT_DAY, shift_ms=None,
        patience_mean_ms=None, waiting_max=10, wait_max_ms=300_000,
    )  # fmt: skip
    causes = collections.Counter(
        event.cause
        for event in simulate(crowded, seed=1, start_ms=MIDNIGHT_MS, hours=5)
        if isinstance(event, CallLeft)
    )
    assert causes["full"] > 0 and causes["timeout"] > 0 and causes["abandoned"] == 0


def test_calls_come_by_the_time_of_day() -> None:
    assumptions = Assumptions(agents=1, skills=1, calls_per_hour=2000, outbound_share=0, transfer_share=0)
    by_hour = collections.Counter(
        (at_ms(event) - MIDNIGHT_MS) // HOUR_MS
        for event in simulate(assumptions, seed=5, start_ms=MIDNIGHT_MS, hours=24)
        if isinstance(event, CallOffered)
    )
    shape = (*assumptions.day_shape, assumptions.day_shape[0])
    for hour, (begins, ends) in enumerate(itertools.pairwise(shape)):
        mean = 2000 * (begins + ends) / 2  # the rate goes straight from one full hour to the next
        # A Poisson count strays from its mean by its root; by four of them once in 16,000 times.
        assert abs(by_hour[hour] - mean) < 4 * math.sqrt(mean)


# Erlang. 100 calls in 30 minutes that talk for 180 s: a load of 10 agents.

CALLS_PER_HOUR = 200
TALK_MEAN_S = 180.0
LOAD = CALLS_PER_HOUR / 3600 * TALK_MEAN_S


def erlang_c(agents: int, within_s: float) -> tuple[float, float]:
    """Share answered within `within_s`, and mean wait in seconds, of M/M/n."""
    blocked = 1.0  # Erlang B, by its recursion
    for number in range(1, agents + 1):
        blocked = LOAD * blocked / (number + LOAD * blocked)
    waits = blocked / (1 - LOAD / agents * (1 - blocked))
    spare = agents - LOAD
    return 1 - waits * math.exp(-spare * within_s / TALK_MEAN_S), waits * TALK_MEAN_S / spare


def erlang_a(agents: int, patience_mean_s: float) -> float:
    """Share that abandons of M/M/n+M: the stationary chain of the number in the system, cut off far out."""
    arrivals, weight, weights, abandons = CALLS_PER_HOUR / 3600, 1.0, 0.0, 0.0
    for number in range(1000):
        weights += weight
        abandons += weight * max(0, number - agents) / patience_mean_s
        departures = min(number + 1, agents) / TALK_MEAN_S + max(0, number + 1 - agents) / patience_mean_s
        weight *= arrivals / departures
    return abandons / weights / arrivals


def waits_of(events: Iterable[Event]) -> list[tuple[float, bool]]:
    """For each call that ended its wait: seconds, and whether it was answered."""
    offered_at: dict[str, int] = {}
    waits = []
    for event in events:
        if isinstance(event, CallOffered):
            offered_at[event.call] = at_ms(event)
        elif isinstance(event, CallAnswered | CallLeft):
            waits.append(
                ((at_ms(event) - offered_at.pop(event.call)) / 1000, isinstance(event, CallAnswered))
            )
    return waits


def test_the_formulas_give_the_published_figures() -> None:
    within, mean_s = erlang_c(agents=14, within_s=20)
    assert (round(within, 3), round(mean_s, 1)) == (0.888, 7.8)
    assert round(erlang_a(agents=10, patience_mean_s=120), 3) == 0.137


def test_waits_agree_with_erlang_c() -> None:
    assumptions = erlang(agents=14, calls_per_hour=CALLS_PER_HOUR, talk_mean_ms=180_000)
    waits = waits_of(simulate(assumptions, seed=1, start_ms=MIDNIGHT_MS, hours=2000))
    within, mean_s = erlang_c(agents=14, within_s=20)
    # Neighbours wait alike, so 400,000 calls weigh like far fewer. The means of 20 stretches of 4,000 hours
    # give standard errors of 0.23 points and 0.26 s for 2,000 hours: the tolerances are three of them.
    assert statistics.fmean(wait_s <= 20 for wait_s, _ in waits) == pytest.approx(within, abs=0.007)
    assert statistics.fmean(wait_s for wait_s, _ in waits) == pytest.approx(mean_s, abs=0.8)
    assert all(answered for _, answered in waits)


def test_abandonment_agrees_with_erlang_a() -> None:
    assumptions = erlang(
        agents=10, calls_per_hour=CALLS_PER_HOUR, talk_mean_ms=180_000, patience_mean_ms=120_000
    )
    waits = waits_of(simulate(assumptions, seed=1, start_ms=MIDNIGHT_MS, hours=1000))
    abandoned = erlang_a(agents=10, patience_mean_s=120)
    # Found likewise, the standard errors for 1,000 hours are 0.17 points and 0.2 s; again three of them.
    assert statistics.fmean(not answered for _, answered in waits) == pytest.approx(abandoned, abs=0.005)
    # With exponential patience, whoever waits leaves at a constant rate: share = mean wait / mean patience.
    assert statistics.fmean(wait_s for wait_s, _ in waits) == pytest.approx(120 * abandoned, abs=0.6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agents", 0),
        ("skills", 10_001),
        ("calls_per_hour", 0),
        ("hold_share", 1.5),
        ("day_shape", (1.0,)),
        ("shift_ms", 24 * HOUR_MS),
        ("skills_per_agent", (2, 1)),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(RICH, **{name: value})
