"""The traps of Asterisk that the specification tells of (adapters.md), each by its own name: calls."""

import pytest

from queuepulse.engine.events import CallAlerting, CallAnswered, CallOffered, CallReleased, CallUnanswered
from sources.switch import START_MS, Switch, causes, in_talk, talks, with_agent

# The end of a wait


def test_the_wait_ends_at_the_answer_though_leave_comes_first() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.dial_end("1.1", "Ann", "ANSWER")
    switch.leave("1.1")
    switch.wait(3)  # A subroutine speaks to the agent first.
    assert (switch.row().waiting, switch.row().talking) == (1, 0)
    switch.say("AgentConnect", **switch.leg("1.1", "Ann"), HoldTime=3, RingTime=0)
    assert (switch.row().waiting, switch.row().talking) == (0, 1)
    assert not causes(switch)


def test_an_abandon_is_counted_at_leave_and_once() -> None:
    switch = Switch()
    switch.join("1.1")
    switch.say("HangupRequest", Uniqueid="1.1")
    switch.say("QueueCallerAbandon", **switch.caller("1.1"), HoldTime=1_795_335_361)
    assert switch.row().waiting == 1
    switch.leave("1.1")
    switch.hang_up("1.1")
    assert switch.row().waiting == 0
    assert causes(switch) == ["abandoned"]


def test_a_hangup_by_ami_has_no_request_and_is_an_abandon_all_the_same() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.lose("1.1")
    assert causes(switch) == []
    switch.hang_up("1.1")
    assert causes(switch) == ["abandoned"]


def test_a_hangup_request_makes_an_abandon_however_long_the_channel_stays() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(40)
    switch.say("HangupRequest", Uniqueid="1.1")
    switch.lose("1.1")
    assert causes(switch) == ["abandoned"]


def test_a_timeout_is_told_from_an_abandon() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(40)
    switch.lose("1.1")
    left_ms = switch.now_ms - 1
    switch.hang_up("1.1", priority=5)
    assert causes(switch) == ["timeout"]
    assert switch.events[-1].at == left_ms


def test_a_timeout_of_one_who_lives_on_silently_is_settled_by_time() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(40)
    switch.lose("1.1")
    switch.wait(0.25)
    assert causes(switch) == ["timeout"]


def test_an_empty_queue_is_told_from_an_abandon() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.say("QueueMemberRemoved", **switch.member("Ann"))
    switch.lose("1.1")
    switch.wait(1)
    assert causes(switch) == ["no_agent"]


def test_a_withdrawal_is_told_from_a_timeout_by_coming_too_early() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(3)
    switch.lose("1.1")
    switch.hang_up("1.1", priority=5)
    assert causes(switch) == ["withdrawn"]


def test_a_withdrawal_is_told_by_the_dialplan_where_that_is_seen() -> None:
    switch = with_agent(queue="billing")
    switch.join("1.1", "billing")
    switch.lose("1.1", "billing")
    switch.say("VarSet", Uniqueid="1.1", Variable="QUEUESTATUS", Value="WITHDRAW")
    assert causes(switch) == ["withdrawn"]


def test_a_redirected_caller_is_withdrawn_whatever_the_books_of_the_switch_say() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(6)
    switch.lose("1.1", Context="desk", Exten="800")
    assert causes(switch) == ["withdrawn"]


def test_a_redirect_that_an_older_switch_does_not_show_is_seen_by_the_caller_living_on() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.dial_end("1.1", "Ann", "CANCEL")
    switch.wait(6)
    switch.lose("1.1")
    switch.wait(1)
    assert causes(switch) == ["withdrawn"]


def test_without_the_events_of_class_call_nobody_knows_who_lives_on() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(6)
    switch.lose("1.1")
    switch.wait(1)
    assert causes(switch) == ["abandoned"]


def test_leaving_by_key_has_a_leave_alone() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.dial_end("1.1", "Ann", "CANCEL")
    switch.leave("1.1")
    assert causes(switch) == ["key"]
    assert switch.row().waiting == 0


def test_leaving_by_key_without_call_events_is_settled_by_time() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.leave("1.1")
    assert causes(switch) == []
    switch.wait(0.25)
    assert causes(switch) == ["key"]


def test_a_refused_join_makes_no_event_and_none_is_made_up() -> None:
    switch = Switch()
    switch.hang_up("1.1")
    switch.say("VarSet", Uniqueid="1.1", Variable="QUEUESTATUS", Value="FULL")
    assert switch.events == []


# Ringing


def test_a_cancelled_ring_has_only_a_dial_end() -> None:
    switch = with_agent("Ann", "Bob")
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.dial_end("1.1", "Ann", "CANCEL")
    assert [e.cause for e in switch.events if isinstance(e, CallUnanswered)] == ["canceled"]
    assert switch.row().idle == 2


def test_a_leg_with_a_no_answer_and_two_dial_ends_stops_ringing_once() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.say("AgentRingNoAnswer", **switch.leg("1.1", "Ann"), RingTime=9000)
    switch.dial_end("1.1", "Ann", "NOANSWER")
    switch.dial_end("1.1", "Ann", "CANCEL")
    assert [e.cause for e in switch.events if isinstance(e, CallUnanswered)] == ["no_answer"]


@pytest.mark.parametrize(("ring_ms", "cause"), [(0, "busy"), (1000, "busy"), (9000, "no_answer")])
def test_ring_time_is_milliseconds_where_nobody_answers(ring_ms: int, cause: str) -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.say("AgentRingNoAnswer", **switch.leg("1.1", "Ann"), RingTime=ring_ms)
    assert [e.cause for e in switch.events if isinstance(e, CallUnanswered)] == [cause]


def test_ring_all_rings_at_all_and_one_answers() -> None:
    switch = with_agent("Ann", "Bob", "Cleo")
    switch.join("1.1")
    for name in ("Ann", "Bob", "Cleo"):
        switch.ring("1.1", name)
    assert switch.row().idle == 0
    switch.dial_end("1.1", "Bob", "ANSWER")
    for name in ("Ann", "Cleo"):
        switch.dial_end("1.1", name, "CANCEL")
    switch.leave("1.1")
    switch.say("AgentConnect", **switch.leg("1.1", "Bob"), HoldTime=0, RingTime=0)
    assert causes(switch) == []
    assert (switch.row().talking, switch.row().idle) == (1, 2)
    assert len(switch.told(CallAlerting)) == 3


def test_an_agent_who_hangs_up_during_the_announcement_leaves_the_caller_queued() -> None:
    switch = with_agent("Ann", "Bob")
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.dial_end("1.1", "Ann", "ANSWER")
    switch.say("AgentDump", **switch.leg("1.1", "Ann"))
    assert (switch.row().waiting, switch.row().idle) == (1, 2)
    switch.leave("1.1")
    assert causes(switch) == ["key"]


def test_a_lost_agent_connect_is_replaced_by_the_bridge() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.dial_end("1.1", "Ann", "ANSWER")
    switch.leave("1.1")
    switch.bridge("Enter", "1.1.Ann", channel="IAX2/Ann-1")
    switch.bridge("Enter", "1.1", channel="IAX2/trunk-1")
    assert (switch.row().waiting, switch.row().talking) == (0, 1)


# The end of a talk


def test_agent_complete_without_the_callers_fields_is_found_by_the_agents_channel() -> None:
    switch = in_talk()
    switch.say(
        "AgentComplete", Queue="sales", DestUniqueid="1.1.Ann", MemberName="Ann", Reason="agent", TalkTime=5
    )
    assert len(talks(switch)) == 1


def test_agent_complete_without_any_channel_is_found_by_queue_member_and_times() -> None:
    switch = with_agent("Ann", "Bob")
    for uniqueid, name in (("1.1", "Ann"), ("1.2", "Bob"), ("1.3", "Ann")):
        switch.join(uniqueid)
        switch.ring(uniqueid, name)
        switch.answer(uniqueid, name)
        switch.wait(10)
    switch.say(
        "AgentComplete",
        Queue="sales",
        Interface="Local/Ann@agents",
        MemberName="Ann",
        HoldTime=0,
        TalkTime=10,
        Reason="caller",
    )
    assert [e.call for e in switch.events if isinstance(e, CallReleased)] == ["pbx/1.3/1"]


def test_the_agents_local_channel_is_optimised_away_and_its_hangup_is_no_end() -> None:
    switch = in_talk(0)
    switch.bridge("Leave", "1.1.Ann", channel="Local/Ann@agents-1;1")
    switch.bridge("Enter", "1.9", channel="IAX2/Ann-9", swap="1.1.Ann")
    switch.hang_up("1.1.Ann", "Local/Ann@agents-1;1")
    switch.wait(7)
    assert switch.row().talking == 1
    switch.say("AgentComplete", **switch.leg("1.1", "Ann", phone="1.9"), TalkTime=7, Reason="agent")
    assert switch.row().talking == 0


def test_a_false_agent_complete_of_a_callback_ends_nothing() -> None:
    switch = in_talk(0)
    begin_ms = switch.now_ms
    switch.bridge("Leave", "1.1", channel="Local/721@customers-1;1")
    switch.bridge("Enter", "1.8", channel="IAX2/world-8", swap="1.1")
    switch.complete("1.1", "Ann", reason="caller")
    switch.hang_up("1.1", "Local/721@customers-1;1")
    switch.bridge("Leave", "1.1.Ann", channel="Local/Ann@agents-1;1")
    switch.bridge("Enter", "1.9", channel="IAX2/Ann-9", swap="1.1.Ann")
    switch.hang_up("1.1.Ann", "Local/Ann@agents-1;1")
    switch.wait(12)
    assert switch.row().talking == 1
    end_ms = switch.now_ms
    switch.bridge("Leave", "1.9", channel="IAX2/Ann-9")
    assert switch.row().talking == 0
    assert talks(switch)[0][1] == end_ms - START_MS
    assert end_ms - begin_ms > 12_000
    assert [e.by for e in switch.events if isinstance(e, CallReleased)] == ["agent"]


def test_a_blind_transfer_is_a_transfer() -> None:
    switch = in_talk()
    switch.complete("1.1", "Ann", reason="transfer")
    assert [e.by for e in switch.events if isinstance(e, CallReleased)] == ["transfer"]


def test_a_consult_ends_with_agent_complete_though_the_bridge_lives_on() -> None:
    switch = in_talk()
    switch.bridge("Leave", "1.1.Ann", channel="IAX2/Ann-1")
    switch.bridge("Enter", "1.1.Ann", "b2", channel="IAX2/Ann-1")
    switch.wait(3)
    assert switch.row().talking == 1
    switch.bridge("Leave", "1.1.Ann", "b2", channel="IAX2/Ann-1")
    switch.complete("1.1", "Ann", reason="agent")
    switch.bridge("Enter", "1.7", channel="Local/700@xfer-1;1")
    switch.say("AttendedTransfer", TransfereeUniqueid="1.1", OrigTransfererUniqueid="1.1.Ann")
    switch.wait(9)
    assert switch.row().talking == 0
    assert len(talks(switch)) == 1


def test_two_agent_completes_for_one_call_end_it_once() -> None:
    switch = in_talk()
    switch.complete("1.1", "Ann", reason="transfer")
    switch.join("1.2")
    switch.ring("1.2", "Ann")
    switch.answer("1.2", "Ann")
    switch.complete("1.1", "Ann", reason="agent")
    assert switch.row().talking == 1
    assert [e.by for e in switch.events if isinstance(e, CallReleased)] == ["transfer"]


def test_agent_complete_may_come_after_the_callers_hangup() -> None:
    switch = in_talk()
    switch.hang_up("1.1")
    switch.say(
        "AgentComplete", Queue="sales", Interface="Local/Ann@agents", HoldTime=0, TalkTime=5, Reason="agent"
    )
    assert [e.by for e in switch.events if isinstance(e, CallReleased)] == ["agent"]
    switch.wait(1)
    assert len(talks(switch)) == 1


def test_a_lost_agent_complete_is_replaced_by_the_hangup() -> None:
    switch = in_talk()
    switch.hang_up("1.1")
    end_ms = switch.now_ms - 1
    switch.wait(1)
    assert talks(switch)[0][1] == end_ms - START_MS


# One call, several visits


def test_one_call_visits_two_queues_under_one_uniqueid() -> None:
    switch = with_agent("Ann", queue="support")
    switch.join("1.1")
    switch.leave("1.1")
    switch.join("1.1", "support")
    assert causes(switch) == ["key"]
    assert (switch.row(1).waiting, switch.row(2).waiting) == (0, 1)
    assert len({e.call for e in switch.events if isinstance(e, CallOffered)}) == 2


def test_one_call_visits_one_queue_twice_within_a_millisecond() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.wait(40)
    switch.lose("1.1")
    switch.now_ms -= 1
    switch.join("1.1")
    assert causes(switch) == ["timeout"]
    assert switch.row().waiting == 1
    assert switch.vdn.books.queues[1].offered == 2


def test_a_talking_caller_who_comes_back_to_the_same_queue_waits_again() -> None:
    switch = in_talk()
    switch.join("1.1")
    switch.complete("1.1", "Ann", reason="transfer")
    assert (switch.row().waiting, switch.row().talking) == (1, 0)


def test_a_transfer_into_a_queue_begins_under_the_consult_legs_uniqueid() -> None:
    switch = with_agent()
    switch.join("2.5")  # The agent, asking the second queue.
    switch.say("AttendedTransfer", SecondTransfererUniqueid="2.5", TransfereeUniqueid="1.1")
    switch.ring("1.1", "Ann")
    switch.answer("1.1", "Ann")
    switch.wait(5)
    switch.complete("1.1", "Ann")
    assert len(switch.told(CallOffered)) == len(switch.told(CallAnswered)) == len(talks(switch)) == 1


def test_a_visit_is_found_by_its_linkedid_when_its_uniqueid_changed() -> None:
    switch = with_agent()
    switch.join("2.5", Linkedid="1.1")
    switch.leave("1.1")
    switch.wait(1)
    assert causes(switch) == ["key"]
