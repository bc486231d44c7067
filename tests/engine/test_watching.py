"""What is shown to those who look on is what the figures say, at any instant, and looking leaves no trace."""

from collections.abc import Sequence

from hypothesis import given, settings

from engine.drawing import EVENTS, LATER_MS
from engine.folding import NINE_MS, SKILLS, event, events_of, folded
from queuepulse.engine import watching
from queuepulse.engine.events import Event
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.views import AgentCounts, DaySums, FiveView, QueueView, TodayView

few = settings(max_examples=60)
KNOWN = [skill for skill in SKILLS if skill != 9]


def views(vdn: Vdn, now_ms: int) -> list[QueueView]:
    return watching.queue_views(vdn.books, SKILLS, now_ms, None)


@few
@given(EVENTS, LATER_MS)
def test_a_view_says_what_the_row_of_the_instant_says(events: Sequence[Event], later_ms: int) -> None:
    vdn = Vdn()
    for one in events:
        vdn.apply(one)
        for now_ms in (vdn.clock_ms, vdn.clock_ms + later_ms):
            rows = {row.skill: row for row in vdn.rows(SKILLS, now_ms)}
            for view in views(vdn, now_ms):
                row, agents = rows[view.skill], view.agents
                assert (view.waiting, view.in_talk, view.signed_in) == (
                    row.waiting,
                    row.in_talk,
                    row.signed_in,
                )
                assert (agents.idle, agents.talking, agents.busy, agents.rest) == (
                    row.idle,
                    row.talking,
                    row.busy,
                    row.rest,
                )
                assert (agents.work + agents.adjust, agents.study) == (row.work, row.study)
                assert view.available == row.available
                assert view.today.answered == row.answered_today
                assert view.five.offered_in == row.offered_in
                assert view.five.answered_in_20s == row.answered_in_20s
                assert longest_s(view.oldest_waiting_since_ms, view.five.wait_ms_max, now_ms) == (
                    row.wait_s_max
                )
                assert longest_s(view.longest_idle_since_ms, view.five.idle_ms_max, now_ms) == row.idle_s_max


def longest_s(since_ms: int | None, ended_ms: int, now_ms: int) -> int:
    return max(ended_ms, 0 if since_ms is None else now_ms - since_ms) // 1000


@few
@given(EVENTS, LATER_MS)
def test_the_agents_shown_are_those_counted(events: Sequence[Event], later_ms: int) -> None:
    vdn = folded(events)
    now_ms = vdn.clock_ms + later_ms
    agents = watching.agent_views(vdn.books, sorted(vdn.books.agents), now_ms)
    for view in views(vdn, now_ms):
        counted = [agent.state for agent in agents if view.skill in agent.skills]
        assert view.agents == AgentCounts(*map(counted.count, AgentCounts.__struct_fields__))
    states = [agent.state for agent in agents]
    assert watching.staff(vdn.books, now_ms) == AgentCounts(*map(states.count, AgentCounts.__struct_fields__))
    waits = {view.skill: view.waiting for view in views(vdn, now_ms)}
    for skill, waiting in waits.items():
        assert len(watching.waiting_calls(vdn.books, skill, 1_000)) == waiting


@few
@given(EVENTS, LATER_MS)
def test_looking_leaves_no_trace(events: Sequence[Event], later_ms: int) -> None:
    looked, silent = Vdn(), Vdn()
    for one in events:
        looked.apply(one)
        silent.apply(one)
        views(looked, looked.clock_ms + later_ms)
        watching.staff(looked.books, looked.clock_ms + later_ms)
        watching.heads(looked.books, looked.clock_ms + later_ms)
        watching.agent_views(looked.books, sorted(looked.books.agents), looked.clock_ms + later_ms)
    assert looked.snapshot() == silent.snapshot()


def test_a_second_that_passes_changes_no_row() -> None:
    vdn = folded(
        [
            event("agent_signed_in", 0, agent=1, skills=[1, 2]),
            event("agent_signed_in", 0, agent=2, skills=[2], state="rest"),
            event("call_offered", 1_000, call="A", skill=2),
            event("call_answered", 2_000, call="A", agent=1),
            event("call_offered", 3_000, call="B", skill=2),
            event("call_released", 4_000, call="A", wrapup_ms=60_000),
        ]
    )
    before = views(vdn, NINE_MS + 5_000)
    assert before == views(vdn, NINE_MS + 63_999)
    assert before != views(vdn, NINE_MS + 64_000)  # the wrap-up is over
    assert before[1].oldest_waiting_since_ms == NINE_MS + 3_000


def test_fives_move_on_by_the_clock_without_an_event() -> None:
    vdn = folded([event("call_offered", 1_000, call="A", skill=1)])
    offered = FiveView(offered=1, offered_in=1)
    for after_ms, five, last in ((2_000, offered, FiveView()), (FIVE_MS, FiveView(), offered)):
        (view,) = views(vdn, NINE_MS + after_ms)
        assert (view.five, view.last_five) == (five, last)
    (view,) = views(vdn, NINE_MS + 2 * FIVE_MS)
    assert (view.five, view.last_five) == (FiveView(), FiveView())


def test_today_adds_what_was_given_away_to_what_is_open() -> None:
    vdn = folded(
        [
            event("call_offered", 0, call="A", skill=1),
            event("call_answered", 1_000, call="A", agent=1),
            event("call_offered", FIVE_MS, call="B", skill=1),
            event("call_left", FIVE_MS + 1, call="B", cause="timeout"),
        ]
    )
    closed = {1: DaySums(offered=10, answered_in_20s=5, left=2)}
    (view,) = watching.queue_views(vdn.books, [1, 2], NINE_MS + FIVE_MS + 5, closed)
    assert view.today == TodayView(1, 12, 6, 3)
    (next_day,) = watching.queue_views(vdn.books, [1], vdn.books.day_end_ms, closed)
    assert next_day.today == TodayView(1, 0, 0, 0)  # the talk that runs was there when the day began
    assert watching.heads(vdn.books, vdn.books.day_end_ms).day_ms == vdn.books.day_end_ms


def test_who_waits_longest_comes_first_and_late_ones_too() -> None:
    vdn = folded(
        [
            event("call_offered", 5_000, call="B", skill=1),
            event("call_offered", 6_000, call="A", skill=1, since=NINE_MS + 1_000, caller="0171", priority=3),
            event("agent_signed_in", 6_000, agent=7, skills=[1]),
            event("call_alerting", 7_000, call="B", agent=7),
        ]
    )
    first, second = watching.waiting_calls(vdn.books, 1, 10)
    assert (first.call, first.caller, first.priority, first.ringing) == ("A", "0171", 3, ())
    assert (second.call, second.ringing) == ("B", (7,))
    assert [call.call for call in watching.waiting_calls(vdn.books, 1, 1)] == ["A"]
    assert watching.waiting_calls(vdn.books, 2, 10) == []


def test_the_heads_say_since_when_figures_are_stale_or_to_be_trusted() -> None:
    vdn = Vdn()
    assert watching.heads(vdn.books, NINE_MS).clock_ms is None
    covers = ["agents", "waiting", "talking"]
    seen = []
    for after_ms, kind, keys in (
        (1_000, "link_lost", {"source": "a"}),
        (2_000, "link_lost", {"source": "b"}),
        (3_000, "link_restored", {"source": "a"}),
        (4_000, "link_restored", {"source": "b"}),
        (5_000, "snapshot", {"source": "a", "covers": covers, "agents": [], "calls": []}),
    ):
        asked = {"asked_at": NINE_MS + after_ms} if kind == "snapshot" else {}
        vdn.apply(event(kind, after_ms, **keys, **asked))
        heads = watching.heads(vdn.books, NINE_MS)
        seen.append((heads.stale_since_ms, heads.confident_since_ms))
    lost = [(NINE_MS + 1_000, None), (NINE_MS + 1_000, None), (NINE_MS + 2_000, None)]
    assert seen == [*lost, (None, None), (None, NINE_MS + 5_000)]


def test_open_fives_are_those_not_given_away() -> None:
    vdn = folded(events_of(5, 600))
    given_away = vdn.advance(vdn.clock_ms)
    found = watching.open_fives(vdn.books, KNOWN, 0, vdn.clock_ms + 1)
    assert found and not {id(five) for five in found} & {id(five) for five in given_away}
    assert all(five.mark_ms >= vdn.open_from_ms for five in found)
    assert watching.open_fives(vdn.books, [9], 0, vdn.clock_ms + 1) == []
    assert watching.open_fives(vdn.books, KNOWN, vdn.clock_ms + 1, vdn.clock_ms + 2) == []
