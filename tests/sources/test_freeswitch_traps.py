"""What is easy to get wrong with the calls and agents of mod_callcenter: one test each."""

import pytest

from sources.freeswitch_switch import T0, answered, joined, member, up


def test_the_wait_ends_at_bridge_agent_start_and_the_talk_at_the_agents_end() -> None:
    switch = up()
    assert switch.say(1, "member-queue-start", **member()) == ["1 CallOffered c1 11"]
    assert switch.say(2, "agent-offering", Agent="ann", **member()) == ["2 CallAlerting c1 1"]
    assert switch.say(3, "bridge-agent-start", Agent="ann", **member()) == []
    assert switch.let_pass(3.3) == ["3 CallAnswered c1 1 11"]
    ended = {"Agent": "ann", "Agent_Bridged": "true", "xCaller_Channel_Hangup_Time": f"{T0 + 8_950}000"}
    assert switch.say(9, "bridge-agent-end", **member(), **ended) == ["8.95 CallReleased c1 4000"]
    assert switch.say(9, "member-queue-end", Cause="Terminated", **member()) == []
    assert switch.wrong == 0


def test_a_bridge_that_never_was_is_no_answer() -> None:
    switch = up()
    answered(switch, 1)
    told = switch.say(2.1, "bridge-agent-end", Agent="ann", Agent_Bridged="false", **member())
    assert told == ["2.1 CallUnanswered c1 1 failed"]
    assert switch.say(2.1, "member-queue-end", Cause="Terminated", xAnswer_State="hangup", **member()) == [
        "2.1 CallLeft c1 abandoned"
    ]
    row = switch.vdn.rows([11], T0 + 3_000)[0]
    assert (row.answered_today, row.waiting, row.talking, row.idle) == (0, 0, 0, 2)


def test_a_bridge_that_never_was_leaves_him_to_the_next_agent() -> None:
    switch = up()
    answered(switch, 1)
    switch.say(2.1, "bridge-agent-end", Agent="ann", Agent_Bridged="false", **member())
    assert switch.say(3, "agent-offering", Agent="bob", **member()) == ["3 CallAlerting c1 2"]
    switch.say(4, "bridge-agent-start", Agent="bob", **member())
    assert switch.let_pass(5) == ["4 CallAnswered c1 2 11"]


def test_max_wait_strikes_while_the_agent_answers_and_the_call_is_answered() -> None:
    switch = up()
    answered(switch, 1)
    cancel = member(Cause="Cancel", Cancel_Reason="TIMEOUT", xAnswer_State="answered")
    assert switch.say(2.05, "member-queue-end", **cancel) == []
    assert switch.let_pass(2.3) == ["2 CallAnswered c1 1 11"]
    assert switch.say(9, "bridge-agent-end", Agent="ann", Agent_Bridged="true", **member()) == [
        "9 CallReleased c1 4000"
    ]
    assert switch.say(9, "member-queue-end", Cause="Terminated", **member()) == []


def test_who_was_given_up_while_an_agent_answered_talks_on_in_a_picture() -> None:
    switch = up(resync_ms=10_000)
    answered(switch, 1)
    switch.say(2.05, "member-queue-end", **member(Cause="Cancel", Cancel_Reason="TIMEOUT"))
    switch.agents["ann"] = ("Available", "In a queue call")
    switch.members = [f"sales@cc|single_box|c1||1|x|{joined(1)}|0|0||Abandoned"]
    assert switch.asks(11)
    switch.picture(11.1)
    assert switch.vdn.rows([11], T0 + 12_000)[0].talking == 1


def test_max_wait_strikes_and_the_bridge_never_was() -> None:
    switch = up()
    answered(switch, 1)
    switch.say(2.05, "member-queue-end", **member(Cause="Cancel", Cancel_Reason="TIMEOUT"))
    told = switch.say(2.1, "bridge-agent-end", Agent="ann", Agent_Bridged="false", **member())
    assert told == ["2.05 CallLeft c1 timeout"]
    assert switch.say(2.1, "member-queue-end", Cause="Terminated", **member()) == []


def test_one_call_in_several_queues_is_several_visits() -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member("c1", "vip@cc"))
    left = member("c1", "vip@cc", Cause="Cancel", Cancel_Reason="EXIT_WITH_KEY")
    assert switch.say(2, "member-queue-end", **left) == ["2 CallLeft c1 key"]
    assert switch.say(2, "member-queue-start", **member("c2")) == ["2 CallOffered c2 11"]
    assert switch.wrong == 0


@pytest.mark.parametrize("is_before", [True, False])
def test_a_cancelled_offer_may_be_told_after_the_caller_left(is_before: bool) -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    switch.say(1, "agent-offering", Agent="ann", **member())
    fail = {"Agent": "ann", "Hangup_Cause": "ORIGINATOR_CANCEL", **member()}
    if is_before:
        assert switch.say(2, "bridge-agent-fail", **fail) == ["2 CallUnanswered c1 1 canceled"]
    end = member(Cause="Cancel", Cancel_Reason="BREAK_OUT", xAnswer_State="hangup")
    assert switch.say(2, "member-queue-end", **end) == ["2 CallLeft c1 abandoned"]
    if not is_before:
        assert switch.say(2, "bridge-agent-fail", **fail) == []
    assert switch.say(2, "agent-state-change", Agent="ann", Agent_State="Waiting") == []
    assert switch.vdn.rows([11], T0 + 3_000)[0].idle == 2


def test_ring_all_losers_before_and_after_the_answer() -> None:
    switch = up()
    switch.agents["cy"] = ("Available", "Waiting")
    switch.say(1, "member-queue-start", **member())
    for name in ("ann", "bob", "cy"):
        switch.say(1, "agent-offering", Agent=name, **member())
    lost = {"Hangup_Cause": "LOSE_RACE", **member()}
    assert switch.say(2, "bridge-agent-fail", Agent="bob", **lost) == ["2 CallUnanswered c1 2 canceled"]
    switch.say(2, "bridge-agent-start", Agent="ann", **member())
    switch.say(2.02, "bridge-agent-fail", Agent="cy", **lost)
    assert switch.let_pass(3) == ["2 CallAnswered c1 1 11"]
    row = switch.vdn.rows([11], T0 + 3_000)[0]
    assert (row.talking, row.idle) == (1, 2)
    assert switch.wrong == 0


def test_a_ring_all_loser_of_whom_only_his_state_tells() -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    switch.say(1, "agent-offering", Agent="bob", **member())
    assert switch.say(2, "agent-state-change", Agent="bob", Agent_State="Waiting") == [
        "2 CallUnanswered c1 2 canceled"
    ]


@pytest.mark.parametrize(
    ("cause", "ours"),
    [
        ("ALLOTTED_TIMEOUT", "no_answer"),
        ("NO_ANSWER", "no_answer"),
        ("NORMAL_CLEARING", "no_answer"),
        ("USER_BUSY", "busy"),
        ("CALL_REJECTED", "rejected"),
        ("SUCCESS", "canceled"),
        ("USER_NOT_REGISTERED", "failed"),
    ],
)
def test_why_an_agent_did_not_get_the_call(cause: str, ours: str) -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    switch.say(1, "agent-offering", Agent="ann", **member())
    told = switch.say(9, "bridge-agent-fail", Agent="ann", Hangup_Cause=cause, **member())
    assert told == [f"9 CallUnanswered c1 1 {ours}"]


def test_too_many_unanswered_rings_put_the_agent_on_break() -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    switch.say(1, "agent-offering", Agent="ann", **member())
    assert switch.say(9, "agent-max-no-answer", Agent="ann", Agent_No_Answer_Status="On Break") == []
    assert switch.say(9, "agent-status-change", Agent="ann", Agent_Status="On Break") == [
        "9 AgentStateSet 1 busy"
    ]
    switch.say(9, "bridge-agent-fail", Agent="ann", Hangup_Cause="ALLOTTED_TIMEOUT", **member())
    switch.say(9, "agent-state-change", Agent="ann", Agent_State="Waiting")
    row = switch.vdn.rows([11], T0 + 10_000)[0]
    assert (row.busy, row.idle, row.waiting) == (1, 1, 1)


def test_wrap_up_is_a_timer_though_the_state_is_waiting_at_once() -> None:
    switch = up()
    answered(switch, 1)
    switch.say(9, "bridge-agent-end", Agent="ann", Agent_Bridged="true", **member())
    assert switch.say(9, "agent-state-change", Agent="ann", Agent_State="Waiting") == []
    assert switch.vdn.rows([11], T0 + 12_900)[0].idle == 1
    assert switch.vdn.rows([11], T0 + 13_100)[0].idle == 2


def test_an_agent_on_demand_gets_no_call_until_he_says_so() -> None:
    switch = up()
    assert switch.say(1, "agent-status-change", Agent="ann", Agent_Status="Available (On Demand)") == []
    assert switch.say(2, "agent-state-change", Agent="ann", Agent_State="Idle") == ["2 AgentStateSet 1 work"]
    assert switch.say(3, "agent-state-change", Agent="ann", Agent_State="Waiting") == [
        "3 AgentStateSet 1 idle"
    ]


@pytest.mark.parametrize(
    ("reason", "state", "ours"),
    [
        ("TIMEOUT", "answered", "timeout"),
        ("NO_AGENT_TIMEOUT", "answered", "no_agent"),
        ("EXIT_WITH_KEY", "answered", "key"),
        ("BREAK_OUT", "hangup", "abandoned"),
        ("BREAK_OUT", "answered", "withdrawn"),
        ("NONE", "hangup", "abandoned"),
    ],
)
def test_break_out_is_a_hang_up_or_a_transfer_out_and_others_say_what_they_are(
    reason: str, state: str, ours: str
) -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    end = member(Cause="Cancel", Cancel_Reason=reason, xAnswer_State=state)
    assert switch.say(2, "member-queue-end", **end) == [f"2 CallLeft c1 {ours}"]


def test_a_resumed_member_waits_again_under_his_old_id() -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    switch.say(2, "member-queue-end", **member(Cause="Cancel", Cancel_Reason="BREAK_OUT"))
    assert switch.say(9, "member-queue-resume", **member()) == ["9 CallOffered c1 11"]
    assert switch.wrong == 0
    assert switch.vdn.rows([11], T0 + 10_000)[0].waiting == 1


def test_what_a_lost_event_would_have_said_comes_with_the_next_one() -> None:
    switch = up()
    told = switch.say(9, "bridge-agent-start", Agent="ann", Member_Joined_Time=joined(2), **member())
    assert told == ["9 CallOffered c1 11"]
    end = {"Agent": "bob", "Member_Joined_Time": joined(3), "Agent_Answered_Time": joined(5)}
    assert switch.say(9.1, "bridge-agent-end", Agent_Bridged="true", **end, **member("c2")) == [
        "9.1 CallOffered c2 11",
        "5 CallAnswered c2 2 11",
        "9.1 CallReleased c2 4000",
    ]


def test_unknown_actions_and_senseless_values_are_nothing() -> None:
    switch = up()
    assert switch.say(1, "agent-uuid-get", Agent="ann") == []
    assert switch.say(1, "something-new", Queue="sales@cc") == []
    assert switch.say(1, "member-queue-start", Queue="sales@cc", Member_UUID="x" * 65) == []
    assert switch.say(1, "member-queue-start", Queue="sales@cc") == []
    assert switch.say(1, "members-count", Queue="sales@cc", Count="many", Selection="Single-Queue") == []
    assert switch.say(1, "agent-status-change", Agent_Status="Available") == []
