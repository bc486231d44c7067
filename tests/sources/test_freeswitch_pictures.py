"""What FreeSWITCH's events do not tell, and what is lost of them: its own picture shows it. One trap each."""

from queuepulse.engine.events import CallLeft, LinkRestored, Snapshot
from queuepulse.sources.freeswitch import AFRESH_MS, PICTURE_MS, RESYNC_MS, SUBSCRIPTION
from queuepulse.sources.freeswitch_picture import rows_of
from queuepulse.sources.names import Ids, Names
from sources.freeswitch_switch import T0, Switch, answered, joined, member, short, up


def test_a_picture_during_the_wrap_up_leaves_it_running() -> None:
    switch = up(resync_ms=10_000)
    answered(switch, 1)
    switch.say(9, "bridge-agent-end", Agent="ann", Agent_Bridged="true", **member())
    assert switch.asks(11)
    taken = switch.picture(11.1)
    assert [(a.state, a.wrapup_until) for a in taken.agents if a.agent == 1] == [("adjust", T0 + 13_000)]
    assert switch.vdn.rows([11], T0 + 13_100)[0].idle == 2


def test_tiers_and_deleted_agents_show_in_pictures_only() -> None:
    switch = up(resync_ms=10_000)
    switch.tiers = "queue|agent|state|level|position\nvip@cc|ann|Ready|1|1\n+OK\n"
    del switch.agents["bob"]
    assert switch.asks(11)
    taken = switch.picture(11.1)
    assert [(agent.agent, sorted(agent.skills)) for agent in taken.agents] == [(1, [12])]
    assert [row.signed_in for row in switch.vdn.rows([11, 12], T0 + 12_000)] == [0, 1]


def test_a_call_shows_a_tier_that_nobody_told() -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member("c1", "vip@cc"))
    assert switch.say(1, "agent-offering", Agent="bob", **member("c1", "vip@cc")) == [
        "1 AgentSkillsSet 2 [11, 12]",
        "1 CallAlerting c1 2",
    ]


def test_a_new_agent_is_asked_for() -> None:
    switch = up()
    switch.say(3, "agent-add", Agent="new", Agent_Type="callback")
    assert switch.asks(3.1)


def test_a_sequence_out_of_order_is_no_loss() -> None:
    switch = up()
    switch.say(1, "members-count", Queue="sales@cc", Count="0", Selection="Single-Queue")
    switch.sequence -= 22
    switch.say(1, "members-count", Queue="sales@cc", Count="0", Selection="Single-Queue")
    assert switch.translator.losses == 0


def test_gaps_that_other_events_make_are_no_loss_and_a_great_one_is() -> None:
    switch = up()
    for _ in range(20):
        switch.sequence += 900
        switch.say(1, "agent-state-change", Agent="ann", Agent_State="Waiting")
    assert switch.translator.losses == 0
    switch.sequence += 50_000
    switch.say(3, "agent-state-change", Agent="ann", Agent_State="Waiting")
    assert switch.translator.losses == 1
    assert switch.asks(3.1)


def test_another_core_uuid_is_a_restart_and_leads_to_a_picture() -> None:
    switch = up()
    switch.say(1, "member-queue-start", **member())
    switch.core, switch.sequence = "core-2", 5
    switch.say(4, "agent-state-change", Agent="ann", Agent_State="Waiting")
    assert switch.translator.losses == 1
    assert switch.asks(4.1)
    switch.picture(4.2)
    assert switch.vdn.rows([11], T0 + 5_000)[0].waiting == 0


def test_another_count_than_ours_is_a_loss_but_not_while_an_agent_answers() -> None:
    switch = up()
    count = {"Queue": "sales@cc", "Selection": "Single-Queue"}
    answered(switch, 1)
    switch.say(2.02, "members-count", Count="1", **count)
    switch.say(2.04, "members-count", Count="0", **count)
    assert switch.translator.losses == 0
    switch.say(4, "members-count", Count="1", **count)
    assert switch.translator.losses == 1
    assert switch.asks(4.1)


def test_losses_do_not_make_a_storm_of_pictures() -> None:
    switch = up()
    count = {"Queue": "sales@cc", "Selection": "Single-Queue", "Count": "5"}
    switch.say(3, "members-count", **count)
    assert switch.asks(3)
    switch.picture(3.1)
    switch.say(3.2, "members-count", **count)
    assert not switch.asks(4.9)
    assert switch.asks(3 + AFRESH_MS / 1000)


def test_rows_of_answered_and_abandoned_members_do_not_wait() -> None:
    switch = Switch()
    switch.translator.connected(T0 + 60_000)
    switch.members = [
        f"sales@cc|single_box|c1|s1|1|x|{joined(1)}|0|0||Waiting",
        f"sales@cc|single_box|c2|s2|1|x|{joined(2)}|0|0|ann|Trying",
        f"sales@cc|single_box|c3|s3|1|a|b|{joined(3)}|0|{joined(9)}|bob|Answered",
        f"sales@cc|single_box|c4||1|x|{joined(4)}|0|0||Abandoned",
        f"sales@cc|single_box|c5|s5|1|x|{joined(5)}|{joined(50)}|0|ring-all|Trying",
    ]
    taken = switch.picture(60.1)
    assert [(c.call, (c.waiting_since - T0) // 1000, c.answered_at, c.agent) for c in taken.calls] == [
        ("c1", 1, None, None),
        ("c2", 2, None, None),
        ("c3", 3, T0 + 9_000, 2),
        ("c5", 50, None, None),
    ]
    row = switch.vdn.rows([11], T0 + 61_000)[0]
    assert (row.waiting, row.talking) == (3, 1)


def test_whole_seconds_of_a_picture_do_not_spoil_exact_times() -> None:
    switch = up(resync_ms=10_000)
    switch.say(1.789, "member-queue-start", **member())
    answered(switch, 2.345, "c2")
    switch.members = [
        f"sales@cc|single_box|c1|s1|1|x|{joined(1)}|0|0||Waiting",
        f"sales@cc|single_box|c2|s2|1|x|{joined(2)}|0|{joined(3)}|ann|Answered",
    ]
    assert switch.asks(11)
    taken = switch.picture(11.1)
    assert [(c.waiting_since - T0, c.answered_at) for c in taken.calls] == [
        (1_789, None),
        (2_345, T0 + 3_345),
    ]
    assert "pass_changed" not in switch.vdn.repairs


def test_a_picture_says_when_it_was_asked_for_and_what_it_covers() -> None:
    switch = Switch()
    switch.translator.connected(T0)
    assert switch.translator.actions()[0] == SUBSCRIPTION
    taken = switch.picture(0.5)
    assert (taken.asked_at, taken.at) == (T0, T0 + 500)
    assert taken.covers == {"agents", "waiting", "talking"}
    assert isinstance(switch.told[-1], LinkRestored)


def test_what_an_event_told_since_the_asking_stands_against_the_picture() -> None:
    switch = up(resync_ms=10_000)
    switch.say(8, "member-queue-start", **member("c1"))
    assert switch.asks(11)
    switch.say(11.05, "member-queue-start", **member("c2"))
    switch.say(11.05, "member-queue-end", **member("c1", Cause="Cancel", Cancel_Reason="TIMEOUT"))
    switch.say(11.06, "agent-status-change", Agent="bob", Agent_Status="Logged Out")
    switch.members = [f"sales@cc|single_box|c1|s1|1|x|{joined(8)}|0|0||Waiting"]
    taken = switch.picture(11.1)
    assert [call.call for call in taken.calls] == ["c2"]
    assert [agent.agent for agent in taken.agents] == [1]
    assert "pass_closed" not in switch.vdn.repairs


def test_events_before_the_first_picture_are_held_until_the_agents_are_known() -> None:
    switch = Switch(agents=Names(Ids(10_000), pattern=r"user/a(nn)", known={"user/ann": 9}))
    switch.translator.connected(T0)
    assert switch.say(0.05, "member-queue-start", **member()) == []
    assert switch.say(0.06, "agent-offering", Agent="ann", **member()) == []
    switch.picture(0.1)
    types = [type(event).__name__ for event in switch.told]
    assert types.index("CallOffered") < types.index("CallAlerting") < types.index("Snapshot")
    assert switch.vdn.rows([11], T0 + 1_000)[0].waiting == 1


def test_without_an_answer_the_held_events_are_told_after_a_while() -> None:
    switch = Switch()
    switch.translator.connected(T0)
    switch.say(1, "member-queue-start", **member())
    assert switch.translator.due_ms() == T0 + PICTURE_MS
    assert switch.let_pass(PICTURE_MS / 1000)[-1] == "1 CallOffered c1 11"


def test_answers_of_a_picture_given_up_are_not_taken_for_those_of_the_next() -> None:
    switch = Switch()
    switch.translator.connected(T0)
    switch.translator.actions()
    switch.let_pass(PICTURE_MS / 1000)
    assert "did not answer" in switch.translator.trouble
    assert not switch.asks(RESYNC_MS / 1000)
    for body in switch.lists()[:3]:
        switch.answer(70, body)
    assert not any(isinstance(event, Snapshot) for event in switch.told)
    assert switch.asks(2 * RESYNC_MS / 1000)
    switch.picture(121)
    assert switch.translator.trouble == ""


def test_a_refused_list_is_told_to_people_and_events_go_on() -> None:
    switch = Switch()
    switch.translator.connected(T0)
    switch.answer(0.1, "-ERR callcenter_config Command not found!\n")
    switch.answer(0.1, "-ERR callcenter_config Command not found!\n")
    assert switch.translator.trouble == "-ERR callcenter_config Command not found!"
    assert switch.say(1, "member-queue-start", **member())[-1] == "1 CallOffered c1 11"
    assert switch.asks(RESYNC_MS / 1000)


def test_a_cut_link_tells_what_it_knew_and_no_more() -> None:
    switch = up()
    answered(switch, 1)
    switch.translator.disconnected(T0 + 2_050)
    assert [short(event) for event in switch.collect()] == ["2 CallAnswered c1 1 11", "2.05 LinkLost"]
    assert switch.translator.due_ms() is None
    switch.translator.connected(T0 + 62_000)
    switch.picture(62.1)
    assert switch.vdn.repairs["pass_closed"] == 1
    assert not any(isinstance(event, CallLeft) for event in switch.told)
    assert switch.vdn.stale_since_ms is None


def test_rows_may_hold_the_bar_that_parts_columns() -> None:
    rows = rows_of("name|contact|status\nann|user/1|user/2|On Break\nbob|user/3|Available\nhalf\n+OK\n")
    assert rows is not None
    assert [(row["contact"], row["status"]) for row in rows] == [
        ("user/1|user/2", "On Break"),
        ("user/3", "Available"),
    ]
    assert rows_of("+OK\n") == []
    assert rows_of("-ERR no\n") is None
