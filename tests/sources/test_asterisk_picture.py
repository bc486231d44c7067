"""What Asterisk is asked for, and what its answers change."""

from queuepulse.engine.events import Snapshot, SourceRestarted
from queuepulse.sources.asterisk import WANTED
from sources.switch import START_MS, Switch, causes, in_talk, with_agent

# The switch's own picture


def picture(
    switch: Switch,
    members: list[tuple[str, dict[str, object]]] = [],  # noqa: B006 - never changed
    entries: list[tuple[str, int]] = [],  # noqa: B006
    channels: list[dict[str, object]] | None = [],  # noqa: B006
) -> None:
    """Connects and answers all that is asked; `channels` None: that list is refused."""
    switch.translator.connected(switch.now_ms, "tok")
    switch.drain()
    ping = switch.asked[-1]
    assert ping.name == "Ping"
    stamp = f"{switch.now_ms / 1000:.6f}"
    switch.text(f"Response: Success\nActionID: {ping.action_id}\nPing: Pong\nTimestamp: {stamp}")
    status, shown = switch.asked[-2:]
    assert (status.name, shown.name) == ("QueueStatus", "CoreShowChannels")
    plain, switch.timestamps = switch.timestamps, False
    switch.text(f"Response: Success\nActionID: {status.action_id}\nMessage: Queue status will follow")
    for name, more in members:
        row = {**switch.member(name), "Name": name, "Location": f"Local/{name}@agents", **more}
        del row["MemberName"], row["Interface"]
        switch.say("QueueMember", **row)
    for uniqueid, wait_s in entries:
        switch.say("QueueEntry", Queue="sales", Uniqueid=uniqueid, Wait=wait_s)
    switch.say("QueueStatusComplete", ActionID=status.action_id)
    if channels is None:
        switch.text(f"Response: Error\nActionID: {shown.action_id}\nMessage: Permission denied")
    else:
        for channel in channels:
            switch.say("CoreShowChannel", **channel)
        switch.say("CoreShowChannelsComplete", ActionID=shown.action_id)
    switch.timestamps = plain
    switch.wait(0.3)


def test_lists_use_other_names_for_members_than_events() -> None:
    switch = with_agent()
    picture(switch, members=[("Ann", {"Status": 1, "Paused": 1, "PausedReason": "lunch"})])
    assert (switch.row().rest, switch.row().signed_in) == (1, 1)


def test_a_picture_opens_what_was_not_heard_of() -> None:
    switch = Switch()
    picture(
        switch,
        members=[("Ann", {"InCall": 1, "Status": 2}), ("Bob", {})],
        entries=[("1.1", 12)],
        channels=[
            {
                "Channel": "IAX2/trunk-7",
                "Uniqueid": "1.7",
                "Application": "Queue",
                "ApplicationData": "sales,t,,,40",
                "BridgeId": "b",
                "Duration": "00:00:30",
            },
            {
                "Channel": "IAX2/Ann-3",
                "Uniqueid": "1.8",
                "Application": "AppDial",
                "BridgeId": "b",
                "Duration": "00:00:20",
            },
        ],
    )
    [told] = switch.told(Snapshot)
    assert isinstance(told, Snapshot)
    assert told.covers == {"agents", "waiting", "talking"}
    assert (switch.row().waiting, switch.row().talking, switch.row().idle) == (1, 1, 1)
    waiting, talking = sorted(told.calls, key=lambda call: call.call)
    assert abs(START_MS - 12_000 - waiting.waiting_since) <= 1_000
    assert (talking.agent, talking.answered_at) == (11, START_MS - 20_000)
    switch.say("AgentComplete", **switch.leg("1.7", "Ann"), HoldTime=5, TalkTime=20, Reason="agent")
    assert switch.row().talking == 0


def test_a_picture_closes_what_is_over_and_invents_no_abandon() -> None:
    switch = in_talk()
    switch.join("1.2")
    switch.wait(5)
    picture(switch, members=[("Ann", {})])
    assert (switch.row().waiting, switch.row().talking, switch.row().idle) == (0, 0, 1)
    assert causes(switch) == []
    assert switch.vdn.repairs["pass_closed"] == 2


def test_a_picture_does_not_touch_what_events_told_since_it_was_asked_for() -> None:
    switch = with_agent()
    switch.translator.connected(switch.now_ms, "tok")
    switch.drain()
    ping = switch.asked[-1]
    stamp = f"{switch.now_ms / 1000:.6f}"
    switch.text(f"Response: Success\nActionID: {ping.action_id}\nPing: Pong\nTimestamp: {stamp}")
    switch.join("1.1")
    switch.timestamps = False
    switch.say("QueueStatusComplete")
    switch.say("CoreShowChannelsComplete")
    switch.wait(1)
    assert len(switch.told(Snapshot)) == 1
    assert switch.row().waiting == 1


def test_a_picture_without_channels_says_that_it_covers_no_talks() -> None:
    switch = in_talk()
    picture(switch, members=[("Ann", {})], channels=None)
    [told] = switch.told(Snapshot)
    assert isinstance(told, Snapshot)
    assert told.covers == {"agents", "waiting"}
    assert switch.row().talking == 1


def test_a_picture_of_a_talk_keeps_its_exact_times() -> None:
    switch = in_talk()
    picture(
        switch,
        members=[("Ann", {"InCall": 1, "Status": 2})],
        channels=[
            {"Channel": "IAX2/trunk-1", "Uniqueid": "1.1", "Application": "Queue", "BridgeId": "b1"},
            {"Channel": "IAX2/Ann-1", "Uniqueid": "1.1.Ann", "Application": "AppQueue", "BridgeId": "b1"},
        ],
    )
    assert switch.row().talking == 1
    assert switch.vdn.repairs == {}


def test_a_clock_of_the_switch_that_is_wrong_does_not_spoil_a_picture() -> None:
    switch = with_agent()
    switch.join("1.1")
    switch.now_ms += 3_600_000  # Ours is an hour ahead of what the switch has said so far.
    switch.translator.connected(switch.now_ms, "tok")
    switch.drain()
    action = switch.asked[-1].action_id
    switch.text(f"Response: Success\nActionID: {action}\nPing: Pong\nTimestamp: {START_MS / 1000 + 5:.6f}")
    switch.timestamps = False
    switch.say("QueueStatusComplete")
    switch.say("CoreShowChannelsComplete")
    switch.wait(1)
    [told] = switch.told(Snapshot)
    assert isinstance(told, Snapshot)
    assert told.asked_at == START_MS + 5_000
    assert switch.row().waiting == 0


def test_reload_and_shutdown_ask_for_a_picture_and_so_does_time() -> None:
    switch = Switch()
    picture(switch)
    asked = len(switch.asked)
    switch.say("Reload", Module="app_queue")
    assert [action.name for action in switch.asked[asked:]] == ["Ping"]
    switch = Switch()
    picture(switch)
    asked = len(switch.asked)
    switch.wait(61)
    assert [action.name for action in switch.asked[asked:]] == ["Ping"]


def test_action_ids_are_unlike_those_of_other_connections() -> None:
    switch = Switch()
    switch.translator.connected(switch.now_ms, "one")
    switch.drain()
    switch.translator.disconnected(switch.now_ms)
    switch.translator.connected(switch.now_ms, "two")
    switch.drain()
    assert [action.action_id for action in switch.asked] == ["one-1", "two-1"]


def test_a_restart_of_the_switch_ends_every_call_and_session() -> None:
    switch = in_talk()
    switch.say("FullyBooted", Uptime=1000)
    switch.translator.disconnected(switch.now_ms)
    switch.wait(30)
    switch.translator.connected(switch.now_ms, "two")
    switch.say("FullyBooted", Uptime=2)
    assert len(switch.told(SourceRestarted)) == 1
    assert (switch.row().talking, switch.row().signed_in) == (0, 0)


def test_a_reconnect_is_no_restart() -> None:
    switch = in_talk()
    switch.say("FullyBooted", Uptime=1000)
    switch.wait(30)
    switch.say("FullyBooted", Uptime=1030)
    assert switch.told(SourceRestarted) == []


def test_what_the_parser_lets_through_is_what_there_are_rules_for() -> None:
    assert set(WANTED) == set(Switch().translator._rules)
