"""The traps of Asterisk that the specification tells of (adapters.md): members, and the words of AMI."""

import pytest

from queuepulse.engine.events import (
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
    CallOffered,
    CallReleased,
)
from sources.switch import START_MS, Switch, in_talk, with_agent

# Agents


def test_an_agent_has_several_calls_at_once() -> None:
    switch = with_agent()
    for uniqueid in ("1.1", "1.2", "1.3"):
        switch.join(uniqueid)
        switch.ring(uniqueid, "Ann")
        switch.answer(uniqueid, "Ann")
    assert (switch.row().talking, switch.row().in_talk) == (1, 3)
    switch.wait(5)
    for uniqueid in ("1.2", "1.1"):
        switch.complete(uniqueid, "Ann")
    assert (switch.row().talking, switch.row().in_talk) == (1, 1)
    switch.complete("1.3", "Ann")
    assert (switch.row().talking, switch.row().work) == (0, 1)


def test_wrap_up_is_a_timer_and_no_event_ends_it() -> None:
    switch = in_talk()
    switch.complete("1.1", "Ann")
    switch.status("Ann", 1)
    assert (switch.row().work, switch.row().idle) == (1, 0)
    switch.wait(3.9)
    assert switch.row().work == 1
    switch.wait(0.2)
    assert (switch.row().work, switch.row().idle) == (0, 1)


def test_a_members_own_wrap_up_goes_before_that_of_the_queue() -> None:
    switch = with_agent()
    switch.status("Ann", 1, Wrapuptime=9)
    switch.join("1.1")
    switch.answer("1.1", "Ann")
    switch.complete("1.1", "Ann")
    assert [e.wrapup_ms for e in switch.events if isinstance(e, CallReleased)] == [9000]


def test_a_device_that_is_still_busy_after_the_call_does_not_end_the_wrap_up() -> None:
    switch = with_agent()
    switch.status("Ann", 2)
    switch.join("1.1")
    switch.answer("1.1", "Ann")
    switch.complete("1.1", "Ann")
    switch.wait(2)
    switch.status("Ann", 1)
    assert switch.row().work == 1


def test_a_busy_device_without_a_queue_call_is_occupied() -> None:
    switch = with_agent()
    switch.status("Ann", 2)
    assert switch.row().idle == 1
    switch.wait(1)
    assert (switch.row().occupied, switch.row().idle) == (1, 0)
    switch.status("Ann", 1)
    assert (switch.row().occupied, switch.row().idle) == (0, 1)


def test_a_device_that_rings_before_its_queue_call_is_told_is_not_preoccupied() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.status("Ann", 6)
    switch.ring("1.1", "Ann")
    switch.wait(5)
    assert [e.state for e in switch.events if isinstance(e, AgentSignedIn)] == ["idle"]


@pytest.mark.parametrize(("status", "signed_in"), [(0, 1), (1, 1), (4, 0), (5, 0)])
def test_an_unknown_device_is_free_and_an_unreachable_one_signed_out(status: int, signed_in: int) -> None:
    switch = Switch()
    switch.status("Ann", status)
    assert (switch.row().signed_in, switch.row().idle) == (signed_in, signed_in)


def test_a_pause_everywhere_is_one_change_though_each_queue_tells_it() -> None:
    switch = with_agent()
    switch.add("Ann", "support")
    before = len(switch.events)
    switch.pause("Ann", reason="lunch")
    switch.pause("Ann", "support", reason="lunch")
    [event] = switch.events[before:]
    assert isinstance(event, AgentStateSet)
    assert (event.state, event.reason) == ("rest", "lunch")
    assert (switch.row(1).rest, switch.row(2).rest) == (1, 1)


def test_a_pause_in_one_queue_leaves_him_in_the_others() -> None:
    switch = with_agent()
    switch.add("Ann", "support")
    switch.pause("Ann", reason="lunch")
    switch.wait(1)
    assert (switch.row(1).signed_in, switch.row(2).idle) == (0, 1)
    switch.pause("Ann", paused=0)
    assert (switch.row(1).idle, switch.row(2).idle) == (1, 1)


def test_a_second_reason_while_paused_is_another_pause() -> None:
    switch = with_agent()
    switch.pause("Ann", reason="lunch")
    switch.pause("Ann", reason="long lunch", LastPause=1_795_335_370)
    assert [e.reason for e in switch.events if isinstance(e, AgentStateSet)] == ["lunch", "long lunch"]


def test_an_unpause_that_still_has_a_reason_is_an_unpause() -> None:
    switch = with_agent()
    switch.pause("Ann", reason="lunch")
    switch.pause("Ann", paused=0, reason="back", LastPause=1_795_335_370)
    assert switch.row().idle == 1


def test_an_auto_pause_is_busy() -> None:
    switch = with_agent()
    switch.pause("Ann", reason="Auto-Pause")
    assert switch.row().busy == 1


def test_a_pause_of_an_older_switch_has_its_reason_elsewhere() -> None:
    switch = with_agent()
    headers = switch.member("Ann", Paused=1, Reason="lunch")
    del headers["PausedReason"]
    switch.say("QueueMemberPause", **headers)
    assert [e.reason for e in switch.events if isinstance(e, AgentStateSet)] == ["lunch"]


def test_a_member_removed_in_a_call_talks_on_and_his_complete_comes_later() -> None:
    switch = in_talk()
    switch.say("QueueMemberRemoved", **switch.member("Ann"))
    assert len(switch.told(AgentSignedOut)) == 1
    assert (switch.row().signed_in, switch.row().in_talk) == (0, 1)
    switch.complete("1.1", "Ann")
    assert switch.row().in_talk == 0
    switch.add("Ann")
    assert switch.row().signed_in == 1


def test_a_member_shared_by_queues_is_one_agent() -> None:
    switch = with_agent()
    switch.add("Ann", "billing")
    assert [e.skills for e in switch.events if isinstance(e, AgentSkillsSet)] == [frozenset({1, 3})]
    switch.join("1.1", "billing")
    switch.answer("1.1", "Ann", "billing")
    assert (switch.row(1).talking, switch.row(3).talking) == (1, 1)
    assert (switch.row(1).in_talk, switch.row(3).in_talk) == (0, 1)


def test_a_member_without_a_name_is_his_interface() -> None:
    switch = Switch()
    switch.say(
        "QueueMemberAdded",
        **{**switch.member("Ann"), "MemberName": "Local/602@bots/n", "Interface": "Local/602@bots/n"},
    )
    assert [(e.name, e.phone) for e in switch.events if isinstance(e, AgentConfigured)] == [
        ("Local/602@bots/n", "Local/602@bots/n")
    ]


# Formats


def test_values_may_be_unknown_or_hold_commas_quotes_and_any_letter() -> None:
    switch = Switch()
    for number, name in enumerate(("<unknown>", 'D\\"Arcy', "日本 太郎", "Diaz, Dana")):
        switch.join(f"1.{number}", CallerIDNum=name)
    assert [e.caller for e in switch.events if isinstance(e, CallOffered)] == [
        None,
        'D\\"Arcy',
        "日本 太郎",
        "Diaz, Dana",
    ]


def test_hold_time_is_seconds_and_says_how_long_an_unheard_caller_waited() -> None:
    switch = with_agent()
    switch.wait(60)
    switch.say("AgentConnect", **switch.leg("1.1", "Ann"), HoldTime=27, RingTime=1)
    [offered] = switch.told(CallOffered)
    assert isinstance(offered, CallOffered)
    assert offered.at is not None and offered.since == offered.at - 27_000


def test_a_timestamp_that_steps_back_a_little_changes_nothing() -> None:
    switch = in_talk()
    switch.now_ms -= 30
    switch.complete("1.1", "Ann")
    assert switch.row().talking == 0


def test_without_timestamps_the_time_is_that_of_the_arrival() -> None:
    switch = Switch(timestamps=False)
    switch.join("1.1")
    switch.join("1.2")
    assert [event.at for event in switch.told(CallOffered)] == [START_MS, START_MS + 1]
    assert len({event.id for event in switch.events}) == len(switch.events)


def test_the_events_of_asterisk_11_have_other_names() -> None:
    switch = Switch()
    switch.say("Join", **switch.caller("1.1"))
    headers = switch.member("Ann", Paused=1)
    headers["Location"] = headers.pop("Interface")
    switch.say("QueueMemberPaused", **headers)
    assert (switch.row().waiting, switch.row().rest) == (1, 1)


def test_the_same_message_on_a_second_connection_tells_the_same_ids() -> None:
    one, two = in_talk(), in_talk()
    assert [event.id for event in one.events] == [event.id for event in two.events]
    assert len({event.id for event in one.events}) == len(one.events)


def test_call_ids_are_the_sources_own_and_short_enough() -> None:
    switch = Switch()
    switch.join("a-very-long-system-name-of-a-very-large-company-1795335378.12345")
    [offered] = switch.told(CallOffered)
    assert isinstance(offered, CallOffered)
    assert len(offered.call) == 64
