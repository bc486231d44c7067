"""The six laws of statistics.md, each for whatever events hypothesis comes up with."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

import queuepulse
from engine.drawing import EVENTS, LATER_MS, STREAMS
from engine.folding import SKILLS, all_fives, events_of, folded, folded_twice, folded_with_restores
from queuepulse.engine.codec import decode_trusted, encode_events
from queuepulse.engine.events import Event
from queuepulse.engine.figures import Row
from queuepulse.engine.states import NAMES
from queuepulse.engine.vdn import Vdn

few = settings(max_examples=60)
fewer = settings(max_examples=25)

STATES_SHOWN = ("talking", "idle", "busy", "rest", "work", "study", "occupied", "preoccupied")


@few
@given(EVENTS, LATER_MS)
def test_law_1_the_states_of_the_agents_add_up_to_the_logins(events: Sequence[Event], later_ms: int) -> None:
    vdn = Vdn()
    for event in events:
        vdn.apply(event)
        for now_ms in (vdn.clock_ms, vdn.clock_ms + later_ms):
            for row in vdn.rows(SKILLS, now_ms):
                here = [one for one in vdn.books.agents.values() if row.skill in _skills(one)]
                answering = sum(NAMES[one.state] == "answering" for one in here)
                assert row.signed_in == len(here)
                assert row.signed_in == answering + sum(getattr(row, state) for state in STATES_SHOWN)
                assert row.idle <= row.available <= row.signed_in


def _skills(agent: object) -> list[int]:
    return [queue.skill for queue in agent.queues]  # type: ignore[attr-defined]


@few
@given(EVENTS)
def test_law_2_what_was_offered_was_answered_or_left_or_waits(events: Sequence[Event]) -> None:
    vdn = Vdn()
    for event in events:
        vdn.apply(event)
        for queue in vdn.books.queues.values():
            assert queue.offered == queue.answered + queue.left + queue.waiting
    live = [stay for stay in vdn.books.calls.values() if stay.answered_at_ms < 0]
    assert sum(queue.waiting for queue in vdn.books.queues.values()) == len(live)
    assert sum(queue.in_talk for queue in vdn.books.queues.values()) == len(vdn.books.calls) - len(live)


@few
@given(EVENTS, LATER_MS)
def test_law_3_no_figure_is_negative_and_none_depends_on_how_often_it_is_asked(
    events: Sequence[Event], later_ms: int
) -> None:
    vdn, never_asked = folded(events), folded(events)
    asked = [vdn.rows(SKILLS, vdn.clock_ms + after_ms) for after_ms in (later_ms, 0, later_ms, 0)]
    assert asked[:2] == asked[2:]
    assert all(figure >= 0 for rows in asked for row in rows for figure in msgspec.structs.astuple(row))
    assert vdn.snapshot() == never_asked.snapshot()
    for five in all_fives(vdn):
        assert five.answered_in_20s <= five.answered
        assert min([*five.left, five.offered, five.waits, five.wait_ms, five.talk_ms, five.idle_ms_max]) >= 0


@few
@example(events_of(1, 60))
@given(EVENTS)
def test_law_4_the_same_events_give_the_same_state_byte_for_byte(events: Sequence[Event]) -> None:
    state = folded(events).snapshot()
    assert folded_with_restores(events).snapshot() == state
    assert folded_twice(events).snapshot() == state
    assert folded(decode_trusted(encode_events(events))).snapshot() == state


@few
@given(EVENTS, LATER_MS)
def test_law_4_a_restored_engine_answers_as_the_one_it_was_made_from(
    events: Sequence[Event], later_ms: int
) -> None:
    straight, restored = Vdn(), Vdn()
    for event in events:
        restored = Vdn.restore(restored.snapshot())
        assert straight.apply(event) is restored.apply(event)
        for now_ms in (straight.clock_ms, straight.clock_ms + later_ms):
            assert straight.rows(SKILLS, now_ms) == restored.rows(SKILLS, now_ms)


# Run by another Python: folds the log that it is given, and prints the state.
FOLD = """
import sys
from queuepulse.engine.codec import decode_lines
from queuepulse.engine.vdn import Vdn
vdn = Vdn()
for event in decode_lines(sys.stdin.buffer.read()):
    vdn.apply(event)
print(vdn.snapshot().hex())
"""


def folded_elsewhere(body: bytes, hash_seed: str, sources: Path | None = None) -> str:
    """The state that another process comes to, whose strings hash differently, or that has other sources."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": str(sources or Path(queuepulse.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", FOLD], input=body, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_law_4_two_processes_come_to_the_same_state_whatever_their_hashes() -> None:
    events = [event for seed in range(20) for event in events_of(seed, 150, snapshots=False)]
    body = encode_events(events)
    states = {folded_elsewhere(body, hash_seed) for hash_seed in ("0", "1", "4242")}
    assert states == {folded(events).snapshot().hex()}


def test_law_4_pictures_with_ids_come_to_the_same_state_whatever_the_hashes() -> None:
    events = [
        event if event.id else msgspec.structs.replace(event, id=f"{seed}-{number}")
        for seed in range(10)
        for number, event in enumerate(events_of(seed, 150))
    ]
    body = encode_events(events)
    assert folded_elsewhere(body, "1") == folded_elsewhere(body, "2") == folded(events).snapshot().hex()


@fewer
@given(EVENTS, LATER_MS, st.randoms(use_true_random=False))
def test_law_5_an_engine_asked_at_every_second_answers_as_one_never_asked(
    events: Sequence[Event], later_ms: int, rng: random.Random
) -> None:
    asked, silent = Vdn(), Vdn()
    for event in events:
        clock_ms = asked.clock_ms
        if clock_ms >= 0:
            # All seconds to the next event, as far as a test has time; and some that lie beyond it.
            for now_ms in range(clock_ms, min(event.at, clock_ms + 40_000), 1_000):
                asked.rows(SKILLS, now_ms)
            asked.rows(SKILLS, clock_ms + rng.randrange(4_000_000))
        assert asked.apply(event) is silent.apply(event)
    for now_ms in range(asked.clock_ms, asked.clock_ms + later_ms, max(1_000, later_ms // 50)):
        asked.rows(SKILLS, now_ms)
    now_ms = asked.clock_ms + later_ms
    assert asked.rows(SKILLS, now_ms) == silent.rows(SKILLS, now_ms)
    assert asked.snapshot() == silent.snapshot()


@fewer
@given(EVENTS, LATER_MS)
def test_law_6_queues_asked_together_are_answered_as_each_alone(
    events: Sequence[Event], later_ms: int
) -> None:
    vdn = folded(events)
    now_ms = vdn.clock_ms + later_ms
    alone = [folded(events).rows([skill], now_ms)[0] for skill in SKILLS]
    assert vdn.rows(SKILLS, now_ms) == alone
    assert vdn.rows(SKILLS[::-1], now_ms) == alone[::-1]
    assert [vdn.rows([skill], now_ms)[0] for skill in SKILLS] == alone


@fewer
@given(STREAMS)
def test_a_row_that_did_not_change_is_the_same_object(events: Sequence[Event]) -> None:
    """Its identity is its version: an encoder that saw it before need not look at it again."""
    vdn, before = Vdn(), dict[int, Row]()
    for event in events:
        # A queue that is spoken of for the first time exchanges the row of zeros that it shared.
        known = {skill: row for skill, row in before.items() if skill in vdn.books.queues}
        vdn.apply(event)
        rows = vdn.rows(SKILLS, vdn.clock_ms)
        assert all(
            (row == known[row.skill]) == (row is known[row.skill]) for row in rows if row.skill in known
        )
        assert all(new is old for new, old in zip(vdn.rows(SKILLS, vdn.clock_ms), rows, strict=True))
        before = {row.skill: row for row in rows}


def test_the_laws_are_tried_on_every_type_of_event() -> None:
    kinds = {
        json.loads(encode_events([event]))["type"] for seed in range(60) for event in events_of(seed, 60)
    }
    assert len(kinds) == 20
