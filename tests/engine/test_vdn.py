"""What the verbs of one VDN's engine promise: apply, rows, advance, deadline_ms, snapshot, restore."""

import random

import msgspec
import pytest

from engine.folding import DAY_MS, HOUR_MS, NINE_MS, event, events_of, folded
from queuepulse.engine.figures import FIGURES, Row
from queuepulse.engine.keeping import BadSnapshot
from queuepulse.engine.vdn import Outcome, Vdn


def test_a_new_engine_knows_nothing() -> None:
    vdn = Vdn()
    assert vdn.clock_ms == -1
    assert vdn.stale_since_ms is None
    assert msgspec.structs.astuple(vdn.rows([7], NINE_MS)[0]) == (7, *[0] * 19)
    assert vdn.advance(-1) == []
    assert Vdn.restore(vdn.snapshot()).snapshot() == vdn.snapshot()


def test_the_first_event_may_be_at_the_epoch() -> None:
    vdn = Vdn()
    assert (
        vdn.apply(msgspec.structs.replace(event("call_offered", 0, call="A", skill=1), at=0))
        is Outcome.APPLIED
    )
    assert (vdn.clock_ms, vdn.rows([1], 0)[0].offered_in) == (0, 1)


def test_signing_in_again_with_the_defaults_named_changes_nothing() -> None:
    vdn = folded([event("agent_signed_in", 0, agent=1, skills=[1])])
    named = {"state": "idle", "capacity": 1, "media": 5}
    assert vdn.apply(event("agent_signed_in", 1_000, agent=1, skills=[1], **named)) is Outcome.REPEATED


def test_rows_come_in_the_order_asked_for_and_as_often() -> None:
    vdn = folded([event("call_offered", 0, call="A", skill=2)])
    rows = vdn.rows([2, 9, 2, 1], NINE_MS)
    assert [row.skill for row in rows] == [2, 9, 2, 1]
    assert [row.waiting for row in rows] == [1, 0, 1, 0]
    assert vdn.rows([], NINE_MS) == []


def test_every_figure_of_a_row_is_described() -> None:
    assert [figure.name for figure in FIGURES] == list(Row.__struct_fields__[1:])
    assert all(figure.meaning and figure.unit and figure.period for figure in FIGURES)


def test_a_time_zone_or_a_time_of_day_that_does_not_exist_makes_no_engine() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Vdn(timezone="Nowhere")
    with pytest.raises(ValueError, match="time of day"):
        Vdn(day_starts="24:00")


def test_the_deadline_is_the_next_mark_the_next_day_or_the_end_of_a_wrap_up() -> None:
    vdn = Vdn(timezone="UTC", day_starts="09:01")
    vdn.apply(event("agent_signed_in", 0, agent=1, skills=[1]))
    assert vdn.deadline_ms() == NINE_MS + 60_000
    vdn.apply(event("call_answered", 60_000, call="A", agent=1, skill=1))
    assert vdn.deadline_ms() == NINE_MS + 300_000
    vdn.apply(event("call_released", 70_000, call="A", wrapup_ms=5_000))
    assert vdn.deadline_ms() == NINE_MS + 75_000
    vdn.apply(event("clock", 75_000))
    assert vdn.deadline_ms() == NINE_MS + 300_000


def test_before_the_deadline_time_alone_changes_nothing_but_what_runs() -> None:
    for seed in range(10):
        vdn = folded(events_of(seed, 60))
        just_before_ms = vdn.deadline_ms() - 1
        rows = vdn.rows([1, 2, 3, 4], vdn.clock_ms), vdn.rows([1, 2, 3, 4], just_before_ms)
        for now, then in zip(*rows, strict=True):
            running = {"idle_s_max": then.idle_s_max, "wait_s_max": then.wait_s_max}
            assert msgspec.structs.replace(now, **running) == then


def test_records_are_given_once_when_two_marks_have_passed() -> None:
    vdn = folded([event("call_offered", 0, call="A", skill=1)])
    assert vdn.advance(NINE_MS + 599_999) == []
    (five,) = vdn.advance(NINE_MS + 600_000)
    assert (five.skill, five.mark_ms, five.offered, sum(five.left)) == (1, NINE_MS, 1, 0)
    assert vdn.advance(NINE_MS + DAY_MS) == []
    assert vdn.clock_ms == NINE_MS + DAY_MS


def test_a_late_event_gives_a_record_of_its_own_for_older_five_minutes() -> None:
    vdn = folded([event("call_offered", 0, call="A", skill=1), event("clock", HOUR_MS)])
    vdn.advance(vdn.clock_ms)
    vdn.apply(event("call_left", 10_000, call="A", cause="abandoned"))
    vdn.apply(event("call_offered", 20_000, call="B", skill=1))
    (five,) = vdn.advance(vdn.clock_ms + 300_000)
    assert (five.mark_ms, five.offered, five.left[0], five.wait_ms) == (NINE_MS, 1, 1, 10_000)


def test_a_wait_longer_than_a_figure_can_say_is_the_largest_figure() -> None:
    vdn = folded([event("call_offered", -NINE_MS, call="A", skill=1)])
    assert vdn.rows([1], 32_503_680_000_000)[0].wait_s_max == 2**31 - 1


STATE = folded(events_of(3, 120)).snapshot()


def test_a_snapshot_that_was_cut_short_is_refused() -> None:
    for length in range(0, len(STATE), 97):
        with pytest.raises(BadSnapshot):
            Vdn.restore(STATE[:length])


def test_a_snapshot_of_another_format_is_refused_with_its_number() -> None:
    state = msgspec.msgpack.decode(STATE)
    with pytest.raises(BadSnapshot, match="format 99"):
        Vdn.restore(msgspec.msgpack.encode([99, *state[1:]]))
    for other in (None, 1, {}, [], "snapshot", [state[0]], [state[0], *[None] * (len(state) - 1)]):
        with pytest.raises(BadSnapshot):
            Vdn.restore(msgspec.msgpack.encode(other))


def test_a_snapshot_with_one_byte_changed_is_refused_or_read_and_nothing_else() -> None:
    rng = random.Random(7)
    for _ in range(300):
        state = bytearray(STATE)
        state[rng.randrange(len(state))] = rng.randrange(256)
        try:
            Vdn.restore(bytes(state))
        except BadSnapshot as refused:
            assert str(refused)
