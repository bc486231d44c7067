"""Each figure beyond the nineteen is what its sentence in the specification says, counted by hand."""

import json
import math
import random
from typing import Any

import pytest

from engine.folding import stream_of
from engine.test_windows import AGENTS as AGENT_IDS
from engine.test_windows import FIVE_MS, SKILLS, Asker, at, counted, windows_at
from oracle.history import THRESHOLDS_S, Counts, Historian
from queuepulse.engine.codec import decode_line
from queuepulse.engine.histograms import Spread, bucket_ms
from queuepulse.engine.measures import (
    AGENTS,
    PERCENTS,
    QUEUES,
    WINDOWS,
    Plan,
    exact,
    level_within,
)
from queuepulse.engine.queues import LEFT_CAUSES
from queuepulse.engine.records import queue_record
from queuepulse.engine.vdn import Vdn

STATES_BUSY = ("talking", "answering", "adjust")


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def nearest(values: list[int], percent: int) -> int | None:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None


def of_both(found: Counts) -> dict[str, Any]:
    sums, talks = found.sums, len(found.talks)
    busy = sum(sums[f"{state}_ms"] for state in STATES_BUSY)
    return {
        "average_handle_time_ms": (sum(found.talks) + sum(found.wrapups)) // talks if talks else None,
        "hold_ms": sum(found.holds),
        "occupancy": ratio(busy, busy + sums["idle_ms"]),
        **{f"talk_ms_p{percent}": nearest(found.talks, percent) for percent in PERCENTS},
    }


def of_queue(found: Counts, is_five: bool) -> dict[str, Any]:
    """All figures of a queue by the sentences of statistics.md, over lists of what happened."""
    sums = found.sums
    speed = sums["wait_ms_answered"] // sums["waits_answered"] if sums["waits_answered"] else None
    again = sums["again"] + (0 if is_five else sums["again_today"])
    figures = {
        "offered": sums["offered"],
        "callers": sums["offered"] - again,
        "answered": sums["answered"],
        **{f"left_{cause}": sums[f"left_{cause}"] for cause in LEFT_CAUSES},
        "short_abandoned": sums["short_abandoned"],
        **levels(sums["answered_in_time"], sums["abandoned_in_time"], sums["missed"]),
        "average_speed_of_answer_ms": speed,
        **{f"wait_ms_p{percent}": nearest(found.waits, percent) for percent in PERCENTS},
        **{f"left_within_{seconds}": sums[f"left_within_{seconds}"] for seconds in THRESHOLDS_S},
        **{f"answered_within_{seconds}": sums[f"within_{seconds}"] for seconds in THRESHOLDS_S},
    }
    return figures | of_both(found)


def levels(within: int, given_up: int, missed: int) -> dict[str, float | None]:
    every = within + given_up + missed
    return {
        "service_level_ignore": ratio(within, every - given_up),
        "service_level_negative": ratio(within, every),
        "service_level_positive": ratio(within + given_up, every),
    }


def alike(told: Any, expected: Any, name: str) -> bool:
    if told is None or expected is None:
        return told is expected
    if "_ms_p" in name:
        return bool(abs(told - expected) <= 0.01 * expected)
    return bool(told == pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize("seed", range(40, 52))
def test_every_figure_is_what_the_specification_says(seed: int) -> None:
    rng, historian, vdn, asker = random.Random(seed), Historian(), Vdn(), Asker()
    seen: set[str] = set()
    for number, one in enumerate(stream_of(seed, 160, snapshots=False)):
        historian.apply(one)
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
        if number % 20:
            continue
        now = vdn.clock_ms + rng.choice((0, 5_000, 61_000))
        then = at(historian, now)
        for begin, end in windows_at(rng, now):
            is_five = begin % FIVE_MS == 0 and end - begin <= FIVE_MS
            queues, _ = asker.window(vdn, now, begin, end)
            plan = Plan([exact(measure, is_five) for measure in QUEUES.measures], QUEUES)
            for skill in SKILLS:
                expected = of_queue(counted(then, skill, begin, end, now), is_five)
                told = dict(
                    zip([one.name for one in plan.measures], plan.figures(queues[skill]), strict=True)
                )
                assert told.keys() == expected.keys()
                wrong = {
                    name: (told[name], expected[name])
                    for name in told
                    if not alike(told[name], expected[name], name)
                }
                assert not wrong, (skill, begin, end, now)
                seen |= {name for name, value in told.items() if value}
                for seconds in (3, 20, 60):
                    sums = counted(then, skill, begin, end, now).sums
                    parts = [sums[f"{name}_{seconds}"] for name in ("within", "given_up", "missed")]
                    some = [
                        level_within(one, seconds) for one in QUEUES.measures if one.family == "service_level"
                    ]
                    found = Plan(some, QUEUES).figures(queues[skill])
                    assert found == [pytest.approx(value, abs=1e-6) for value in levels(*parts).values()]
    assert {"occupancy", "service_level_ignore", "talk_ms_p99", "callers"} <= seen


def test_where_there_is_nothing_to_divide_by_is_none_and_a_result_of_nothing_is_0() -> None:
    plan = Plan(QUEUES.measures, QUEUES)
    empty = dict(zip([one.name for one in plan.measures], plan.figures(queue_record()), strict=True))
    divided = {name for name, value in empty.items() if value is None}
    averages = {"average_speed_of_answer_ms", "average_handle_time_ms", "occupancy"}
    assert (
        divided == {name for name in empty if name.startswith("service_level") or "_ms_p" in name} | averages
    )
    assert {value for name, value in empty.items() if name not in divided} == {0}


def test_percentiles_of_a_spread_are_those_of_the_list_of_its_values() -> None:
    rng = random.Random(1)
    counts = {rng.randrange(900): rng.randrange(1, 5) for _ in range(60)}
    values = sorted(bucket_ms(bucket) for bucket, count in counts.items() for _ in range(count))
    for percent in (1, *PERCENTS, 100):
        exact = values[-(-len(values) * percent // 100) - 1]
        assert Spread(counts).percentile_ms(percent) == exact


def test_names_are_of_one_figure_each_and_all_exist_over_some_window() -> None:
    for subject in (QUEUES, AGENTS):
        names = [one.name for one in subject.measures] + [one.name for one in subject.presents]
        assert len(names) == len(set(names))
        assert all(one.windows and set(one.windows) <= set(WINDOWS) for one in subject.measures)
    assert AGENT_IDS
