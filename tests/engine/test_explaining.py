"""Each figure comes of the terms of its explanation, and of nothing else; explaining leaves no trace."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.drawing import EVENTS, LATER_MS
from engine.folding import NINE_MS, SKILLS, event, events_of, folded
from queuepulse.engine import drafting, measures
from queuepulse.engine.clips import Wanted
from queuepulse.engine.drafting import EXPLAINED, Asked
from queuepulse.engine.estimates import Estimates, presents
from queuepulse.engine.events import Event
from queuepulse.engine.explanations import WHATS, WHY_NOT
from queuepulse.engine.facts import FACTS_MAX
from queuepulse.engine.figures import FIGURES
from queuepulse.engine.measures import FIVE, LAST_FIVE, QUEUES, SLIDING, Plan
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.windows import Memory, Window, capture
from recomputing import recomputed

few = settings(max_examples=60)
NAMES = [figure.name for figure in FIGURES]


def explained(
    vdn: Vdn, skill: int, figure: str, now_ms: int, *, after: int = 0, limit: int = 10_000, piece: int = 7
) -> dict[str, Any]:
    """The explanation as a program reads it, made in small pieces."""
    return drafted(vdn, Asked(skill, figure), now_ms, after=after, limit=limit, piece=piece)


def drafted(
    vdn: Vdn, asked: Asked, now_ms: int, *, after: int = 0, limit: int = 10_000, piece: int = 7
) -> dict[str, Any]:
    draft = drafting.begin(vdn.books, asked, now_ms)
    while not draft.read(piece):
        pass
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(draft.finish(after, limit)))
    return told


def values(vdn: Vdn, now_ms: int) -> dict[tuple[int, str], int]:
    return {(row.skill, figure): getattr(row, figure) for row in vdn.rows(SKILLS, now_ms) for figure in NAMES}


@few
@example(events_of(7, 120), 0)
@given(EVENTS, LATER_MS)
def test_every_figure_comes_of_its_explanation_alone(events: Sequence[Event], later_ms: int) -> None:
    vdn = Vdn()
    for number, one in enumerate(events):
        vdn.apply(one)
        if number % 7 and number < len(events) - 1:
            continue
        for now_ms in (vdn.clock_ms, vdn.clock_ms + later_ms):
            for (skill, figure), value in values(vdn, now_ms).items():
                told = explained(vdn, skill, figure, now_ms)
                assert (told["value"], recomputed(told)) == (value, value), (skill, figure, now_ms)


@pytest.mark.parametrize("seed", range(20))
def test_random_figures_at_random_instants(seed: int) -> None:
    drawn, events = random.Random(seed), events_of(seed, 300)
    vdn, stops = Vdn(), sorted(drawn.sample(range(300), 20))
    for number, one in enumerate(events[: stops[-1] + 1]):
        vdn.apply(one)
        if number in stops:
            now_ms = vdn.clock_ms + drawn.choice([0, 0, 1, 999, 5_000, 60_000, 300_000])
            for (skill, figure), value in drawn.sample(sorted(values(vdn, now_ms).items()), 8):
                told = explained(vdn, skill, figure, now_ms, piece=drawn.randint(1, 50))
                assert recomputed(told) == value, (skill, figure, now_ms)


@few
@given(EVENTS, LATER_MS)
def test_explaining_changes_nothing(events: Sequence[Event], later_ms: int) -> None:
    vdn, never_asked = folded(events), folded(events)
    for figure in NAMES:
        for skill in SKILLS:
            explained(vdn, skill, figure, vdn.clock_ms + later_ms)
    assert vdn.snapshot() == never_asked.snapshot()


@few
@given(EVENTS, LATER_MS)
def test_a_restored_engine_explains_alike(events: Sequence[Event], later_ms: int) -> None:
    vdn = folded(events)
    restored, now_ms = Vdn.restore(vdn.snapshot()), vdn.clock_ms + later_ms
    for figure in NAMES:
        for skill in SKILLS:
            assert explained(vdn, skill, figure, now_ms) == explained(restored, skill, figure, now_ms)


@few
@given(events=EVENTS, seed=st.integers(0, 999))
def test_any_page_of_the_terms_gives_the_figure(events: Sequence[Event], seed: int) -> None:
    vdn, drawn = folded(events), random.Random(seed)
    for (skill, figure), value in values(vdn, vdn.clock_ms).items():
        after, limit = drawn.randint(0, 4), drawn.randint(1, 4)
        whole = explained(vdn, skill, figure, vdn.clock_ms)
        page = explained(vdn, skill, figure, vdn.clock_ms, after=after, limit=limit)
        assert page["terms"] == whole["terms"][after : after + limit]
        assert page["terms_total"] == len(whole["terms"])
        assert recomputed(page) == value


def test_what_happens_while_a_draft_is_made_is_not_in_it() -> None:
    vdn = folded([event("call_offered", ms, call=f"c{ms}", skill=1) for ms in range(20)])
    draft = drafting.begin(vdn.books, Asked(1, "offered_in"), NINE_MS + 50)
    assert not draft.read(6)
    for after_ms in (60, 300_000):
        vdn.apply(event("call_offered", after_ms, call=f"c{after_ms}", skill=1))
    while not draft.read(6):
        pass
    told = msgspec.to_builtins(draft.finish(0, 100))
    assert recomputed(told) == told["value"] == 20


def test_facts_that_were_given_away_early_are_still_explained() -> None:
    vdn = folded([])
    number = 0
    while len(vdn.books.facts) <= FACTS_MAX:
        number += 1
        vdn.apply(event("call_offered", 1, call=f"c{number}", skill=1))
        vdn.apply(event("call_left", 2, call=f"c{number}", cause="abandoned"))
    vdn.tell()
    assert not len(vdn.books.facts)
    vdn.apply(event("call_offered", 3, call="last", skill=1))
    assert recomputed(explained(vdn, 1, "offered_in", NINE_MS + 3, piece=10**6)) == number + 1


def test_every_word_of_an_explanation_is_in_its_table() -> None:
    whats, reasons = set(), set()
    for seed in range(30):
        vdn = Vdn()
        for number, one in enumerate(events_of(seed, 200)):
            vdn.apply(one)
            if number % 20 == 0:
                for figure in [
                    *NAMES,
                    *("service_level_ignore", "average_handle_time_ms", "occupancy"),
                    *("estimated_wait_error_ms", "oldest_waiting"),
                ]:
                    for skill in SKILLS:
                        asked = Asked(skill, figure, SLIDING if drafting.has_windows(figure) else "", 3_600)
                        terms = drafted(vdn, asked, vdn.clock_ms)["terms"]
                        whats |= {term["what"] for term in terms}
                        reasons |= {term["why_not"] for term in terms if "why_not" in term}
                        assert all(not term["adds"] for term in terms if "why_not" in term)
    assert (whats, reasons) == (set(WHATS), set(WHY_NOT))


# Beyond the nineteen


def windowed(vdn: Vdn, asked: Asked, now_ms: int) -> dict[str, Any]:
    """The figures of the queue over that window, as they are asked for without an explanation."""
    from_ms, until_ms = measures.bounds(asked.window, asked.seconds, now_ms)
    wanted = Wanted(frozenset({asked.skill}), frozenset())
    window = Window(
        Memory(), capture(vdn.books, wanted, now_ms), wanted, from_ms, until_ms + (until_ms == now_ms)
    )
    for _ in window.work():
        pass
    some = [
        measures.exact(one, asked.window != SLIDING) for one in QUEUES.measures if asked.window in one.windows
    ]
    if asked.within:
        some = [
            measures.level_within(one, asked.within) if one.family == "service_level" else one for one in some
        ]
    found = Plan(some, QUEUES).figures(window.records[asked.skill])
    return {one.name: value for one, value in zip(some, found, strict=True)}


@pytest.mark.parametrize("seed", range(24))
def test_figures_of_windows_come_of_their_explanations_alone(seed: int) -> None:
    drawn, events = random.Random(seed), events_of(seed, 300)
    vdn, stops = Vdn(), sorted(drawn.sample(range(300), 12))
    for number, one in enumerate(events[: stops[-1] + 1]):
        vdn.apply(one)
        if number not in stops:
            continue
        now_ms = vdn.clock_ms + drawn.choice([0, 0, 1, 999, 5_000, 60_000, 300_000])
        window, seconds = drawn.choice([(FIVE, 0), (LAST_FIVE, 0), (SLIDING, drawn.randint(1, 3_600))])
        asked = Asked(drawn.choice(SKILLS), "", window, seconds, drawn.choice([0, 0, 3, 20, 60]))
        for figure, value in drawn.sample(sorted(windowed(vdn, asked, now_ms).items()), 12):
            why = asked._replace(figure=figure)
            told = drafted(vdn, why, now_ms, piece=drawn.randint(1, 50))
            assert (told["value"], recomputed(told)) == (value, value), (why, now_ms)
            page = drafted(vdn, why, now_ms, after=drawn.randint(0, 3), limit=drawn.randint(1, 3))
            assert recomputed(page) == value, (why, now_ms)


@few
@given(EVENTS, LATER_MS)
def test_the_estimated_wait_comes_of_its_explanation_alone(events: Sequence[Event], later_ms: int) -> None:
    vdn = folded(events)
    now_ms = vdn.clock_ms + later_ms
    estimates, wanted = Estimates(), Wanted(frozenset(SKILLS), frozenset())
    for _ in estimates.follow(capture(vdn.books, wanted, now_ms)):
        pass
    for skill, present in zip(SKILLS, presents(vdn.books, SKILLS, now_ms), strict=True):
        told = drafted(vdn, Asked(skill, "estimated_wait_ms"), now_ms)
        value = estimates.estimated_ms(skill, present, now_ms)
        assert (told["value"], recomputed(told)) == (value, value)


@pytest.mark.parametrize("seed", range(30))
def test_the_longest_wait_and_the_error_of_estimates_come_of_their_explanations_alone(seed: int) -> None:
    drawn, events = random.Random(seed), events_of(seed, 300)
    vdn, stops, held = Vdn(), sorted(drawn.sample(range(100, 300), 12)), 0
    for number, one in enumerate(events[: stops[-1] + 1]):
        vdn.apply(one)
        if number not in stops:
            continue
        now_ms = vdn.clock_ms + drawn.choice([0, 0, 1, 999, 60_000, 3_000_000])
        estimates, wanted = Estimates(), Wanted(frozenset(SKILLS), frozenset())
        for _ in estimates.follow(capture(vdn.books, wanted, now_ms)):
            pass
        for skill, present in zip(SKILLS, presents(vdn.books, SKILLS, now_ms), strict=True):
            oldest = {"call": present.oldest_call, "since": present.oldest_since_ms}
            for figure, value in (
                ("oldest_waiting", None if present.oldest_since_ms < 0 else oldest),
                ("estimated_wait_error_ms", estimates.error_ms(skill, now_ms)),
            ):
                why = Asked(skill, figure)
                told = drafted(vdn, why, now_ms, piece=drawn.randint(1, 9_000))
                assert (told["value"], recomputed(told)) == (value, value), (why, now_ms)
                page = drafted(vdn, why, now_ms, after=drawn.randint(0, 3), limit=drawn.randint(1, 3))
                assert recomputed(page) == value, (why, now_ms)
                held += bool(value)
    assert held > 10


def test_of_calls_that_wait_alike_the_smallest_id_is_the_oldest() -> None:
    calls = [event("call_offered", 1_000, call=call, skill=1) for call in ("c", "a", "d", "b")]
    vdn = folded([*calls, event("call_offered", 500, call="z", skill=1)])
    vdn.apply(event("call_left", 2_000, call="z", cause="abandoned"))
    for after in range(5):
        told = drafted(vdn, Asked(1, "oldest_waiting"), NINE_MS + 3_000, after=after, limit=1)
        assert told["value"] == recomputed(told) == {"call": "a", "since": NINE_MS + 1_000}
        assert [term["call"] for term in told["terms"]] == ["a", "b", "c", "d"][after : after + 1]


def test_each_estimate_is_told_beside_the_wait() -> None:
    vdn = folded(
        [
            event("agent_signed_in", 0, agent=101, skills=[1]),
            event("call_offered", 1_000, call="A", skill=1),
            event("call_answered", 4_000, call="A", agent=101),
            event("call_offered", 5_000, call="B", skill=1),
            event("call_released", 6_000, call="A"),
            event("call_answered", 7_000, call="B", agent=101),
            event("call_offered", 8_000, call="C", skill=1),
            event("call_left", 9_000, call="C", cause="abandoned"),
            event("call_offered", 1_000_000, call="D", skill=1),
            event("call_answered", 1_001_000, call="D"),
        ]
    )
    told = drafted(vdn, Asked(1, "estimated_wait_error_ms"), NINE_MS + 1_100_000)
    shown = [
        (term["call"], term.get("estimated_ms"), term["wait_ms"], term["adds"], term.get("why_not"))
        for term in told["terms"]
    ]
    assert shown == [
        ("A", 0, 3_000, {"error_ms": 3_000, "estimates": 1}, None),
        ("B", 900_000, 2_000, {"error_ms": 898_000, "estimates": 1}, None),
        ("D", None, 1_000, {}, "no_estimate"),
    ]
    assert told["value"] == recomputed(told) == 450_500
    # An hour after the first offer it counts for the last time.
    for after_ms, value in ((3_601_000, 450_500), (3_601_001, 898_000)):
        assert drafted(vdn, Asked(1, "estimated_wait_error_ms"), NINE_MS + after_ms)["value"] == value


def test_every_figure_of_the_table_can_be_explained() -> None:
    vdn = folded(WORKED_EXAMPLE)
    for figure in EXPLAINED:
        told = drafted(vdn, Asked(1, figure, FIVE), NINE_MS + 80_000)
        assert (told["figure"], told["value"]) == (figure, recomputed(told))
    of_windows = {measure.name for measure in QUEUES.measures}
    assert set(EXPLAINED) == {*NAMES, *of_windows, *(present.name for present in QUEUES.presents)}


WORKED_EXAMPLE = [
    event("agent_signed_in", 1_000, agent=101, skills=[1, 2]),
    event("agent_signed_in", 1_000, agent=102, skills=[1]),
    event("call_offered", 10_000, call="A", skill=1),
    event("call_alerting", 12_000, call="A", agent=101),
    event("call_answered", 18_500, call="A", agent=101),
    event("call_offered", 20_000, call="B", skill=1),
    event("agent_state_set", 30_000, agent=102, state="rest"),
    event("call_left", 45_000, call="B", cause="abandoned"),
    event("call_released", 78_500, call="A", wrapup_ms=10_000),
]


def test_the_worked_example_is_explained() -> None:
    vdn = folded(WORKED_EXAMPLE)
    told = explained(vdn, 1, "wait_s_mean", NINE_MS + 80_000)
    assert told["terms"] == [
        {
            "what": "answered",
            "adds": {"wait_ms": 8_500, "waits": 1},
            "call": "A",
            "agent": 101,
            "since_ms": NINE_MS + 10_000,
            "at_ms": NINE_MS + 18_500,
        },
        {
            "what": "left",
            "adds": {"wait_ms": 25_000, "waits": 1},
            "call": "B",
            "since_ms": NINE_MS + 20_000,
            "at_ms": NINE_MS + 45_000,
            "cause": "abandoned",
        },
    ]
    assert told["operands"] == {
        "wait_ms": {"by": "sum", "value": 33_500, "others": 0},
        "waits": {"by": "sum", "value": 2, "others": 0},
    }
    assert (told["formula"], told["value"]) == ("wait_ms // waits // 1000", 16)


def test_an_agent_is_told_with_what_explains_his_state() -> None:
    vdn = folded(WORKED_EXAMPLE)
    wrapping, resting = explained(vdn, 1, "work", NINE_MS + 80_000)["terms"]
    assert (wrapping["agent"], wrapping["state"], wrapping["until_ms"]) == (101, "adjust", NINE_MS + 88_500)
    assert (resting["agent"], resting["adds"], resting["why_not"]) == (102, {}, "other_state")
    # His wrap-up is over, though nothing has said so.
    (idle,) = [term for term in explained(vdn, 1, "idle", NINE_MS + 90_000)["terms"] if term["adds"]]
    assert (idle["agent"], idle["since_ms"]) == (101, NINE_MS + 88_500)
