"""Streams as a browser sees them: state, changes, coming back, being slow, being sent away."""

import asyncio
from typing import Any

import pytest

from hub.given import BANK, FIVE_MS, NOW_MS, SHOP, offered, turns
from live.given import Browser, Center, opened, played
from queuepulse.engine.events import (
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    CallAnswered,
    CallReleased,
    LinkLost,
    SkillConfigured,
)
from queuepulse.live import feeds
from queuepulse.live.streams import Looker, Streams, StreamSettings, TooManyStreams
from queuepulse.live.watches import ALIVE_S, LINGER_S

# Looks are made by hand: a watch by itself would only look after an hour.
BY_HAND = StreamSettings(push_ms=3_600_000)
ME = Looker(b"me", lambda: True)


class Stage(Center):
    """A center and its streams."""

    def __init__(self, settings: StreamSettings = BY_HAND) -> None:
        super().__init__()
        self.streams = Streams(self.floor, self.clock, settings)

    async def open(
        self, selection: Any = None, *, kind: Any = feeds.QUEUES, looker: Looker = ME, last: str = ""
    ) -> tuple[Browser, "asyncio.Task[Any]"]:
        browser = Browser(kind.name, kind.id)
        serving = self.streams.serve(browser.receive, browser.send, looker, BANK, kind, selection, last)
        return browser, await opened(serving)

    async def look(self, kind: Any = feeds.QUEUES) -> None:
        watch = self.streams._watches[BANK, kind]
        await watch.look()
        await watch.stay_alive()
        await turns()


@played
async def test_the_state_and_then_what_changes() -> None:
    stage = Stage()
    await stage.tell(offered("A"), SkillConfigured(skill=5, name="Sales"))
    browser, _ = await stage.open()
    assert browser.status == 200
    assert browser.headers[b"content-type"].startswith(b"text/event-stream")
    assert browser.comments == ["retry: 2000"]
    assert browser.events == ["full"]
    heads = browser.messages[0][1]
    assert (heads["at_ms"], heads["position"], heads["queues_total"]) == (NOW_MS, 2, 2)
    assert [*browser.rows] == [3, 5]
    assert browser.rows[5]["name"] == "Sales"
    await stage.tell(offered("B"))
    await stage.look()
    assert browser.events == ["full", "change"]
    (change,) = browser.messages[1][1]["queues"]
    assert {*change} == {"skill", "waiting", "five", "today"}
    assert browser.rows[3]["waiting"] == 2


@played
async def test_a_second_that_passes_and_an_event_that_changes_nothing_tell_nothing() -> None:
    stage = Stage()
    await stage.tell(offered("A"))
    browser, _ = await stage.open()
    for _ in range(5):
        stage.clock.ms += 1_000
        await stage.tell(offered("A"))
        await stage.look()
    assert browser.events == ["full"]


@played
async def test_a_mark_and_a_lost_link_are_news_of_their_own() -> None:
    stage = Stage()
    await stage.tell(offered("A"))
    browser, _ = await stage.open()
    await stage.tell(LinkLost(at=NOW_MS + 1, source="pbx"))
    await stage.look()
    assert browser.messages[-1][1]["stale_since_ms"] == NOW_MS + 1
    assert browser.messages[-1][1]["queues"] == []
    stage.clock.ms += FIVE_MS
    await stage.look()
    assert browser.events == ["full", "change", "change"]
    assert browser.rows[3]["five"]["offered"] == 0
    assert browser.rows[3]["last_five"]["offered"] == 1


@played
async def test_a_wrap_up_that_ends_in_silence_is_told() -> None:
    stage = Stage()
    await stage.tell(
        AgentSignedIn(agent=1, skills=frozenset({3}), at=NOW_MS),
        offered("A"),
        CallAnswered(call="A", agent=1, at=NOW_MS),
        CallReleased(call="A", wrapup_ms=10_000, at=NOW_MS + 1),
    )
    queues, _ = await stage.open()
    agents, _ = await stage.open(kind=feeds.AGENTS)
    assert (queues.rows[3]["agents"]["adjust"], agents.rows[1]["state"]) == (1, "adjust")
    stage.clock.ms += 10_001
    await stage.look()
    await stage.look(feeds.AGENTS)
    assert (queues.rows[3]["agents"]["adjust"], queues.rows[3]["available"]) == (0, 1)
    assert (agents.rows[1]["state"], agents.rows[1]["since_ms"]) == ("idle", NOW_MS + 10_001)


def staff(message: dict[str, Any]) -> dict[str, int]:
    return {state: count for state, count in message["agents"].items() if count}


@played
async def test_each_agent_counts_once_in_the_heads_and_they_are_told_when_they_change() -> None:
    stage = Stage()
    await stage.tell(
        AgentSignedIn(agent=1, skills=frozenset({3, 4}), at=NOW_MS),
        AgentSignedIn(agent=2, skills=frozenset({4}), at=NOW_MS),
        offered("A"),
    )
    browser, _ = await stage.open()
    some, _ = await stage.open(frozenset({3}))
    assert staff(browser.messages[0][1]) == {"idle": 2}
    await stage.tell(CallAnswered(call="A", agent=1, at=NOW_MS))
    await stage.look()
    assert staff(browser.messages[1][1]) == {"idle": 1, "talking": 1}
    await stage.tell(offered("B"), CallReleased(call="A", wrapup_ms=10_000, at=NOW_MS))
    await stage.look()
    await stage.tell(offered("C"))
    await stage.look()
    assert staff(browser.messages[2][1]) == {"idle": 1, "adjust": 1}
    assert "agents" not in browser.messages[3][1]
    # Time alone ends a wrap-up; and who is in no queue is in no row.
    stage.clock.ms += 10_001
    await stage.look()
    assert staff(browser.messages[4][1]) == {"idle": 2}
    await stage.tell(AgentSignedIn(agent=3, skills=frozenset(), at=stage.clock.ms))
    await stage.look()
    assert (browser.messages[5][1]["queues"], staff(browser.messages[5][1])) == ([], {"idle": 3})
    # A full state tells them, whether they changed or not; who looks at some queues is told of those.
    again, _ = await stage.open()
    assert staff(again.messages[0][1]) == {"idle": 3}
    assert not any("agents" in message for _, message in some.messages)


@played
async def test_viewers_of_some_queues_see_those() -> None:
    stage = Stage()
    await stage.tell(offered("A"), offered("B", skill=4))
    all_of_it, _ = await stage.open()
    some, _ = await stage.open(frozenset({4, 9}))
    assert [*some.rows] == [4]
    await stage.tell(offered("C"))
    await stage.look()
    assert (all_of_it.events, some.events) == (["full", "change"], ["full"])
    await stage.tell(offered("D", skill=9))
    await stage.look()
    assert ([*all_of_it.rows], [*some.rows]) == ([3, 4, 9], [4, 9])


@played
async def test_agents_come_go_and_change_queues() -> None:
    stage = Stage()
    await stage.tell(
        AgentSignedIn(agent=1, skills=frozenset({3, 4}), at=NOW_MS),
        AgentSignedIn(agent=2, skills=frozenset({4}), at=NOW_MS),
        AgentConfigured(agent=2, name="Ann", phone="0171", at=NOW_MS),
    )
    everybody, _ = await stage.open(kind=feeds.AGENTS)
    of_three, _ = await stage.open(3, kind=feeds.AGENTS)
    assert ([*everybody.rows], [*of_three.rows]) == ([1, 2], [1])
    assert everybody.rows[2]["name"] == "Ann"
    assert everybody.messages[0][1]["agents_total"] == 2
    await stage.tell(AgentSignedIn(agent=2, skills=frozenset({3}), at=NOW_MS + 1))
    await stage.tell(AgentSignedOut(agent=1, at=NOW_MS + 1))
    await stage.look(feeds.AGENTS)
    assert ([*everybody.rows], [*of_three.rows]) == ([2], [2])
    assert of_three.messages[-1][1]["gone"] == [1]


@played
async def test_who_comes_back_goes_on_where_he_was() -> None:
    stage = Stage()
    await stage.tell(offered("A"))
    browser, task = await stage.open()
    browser.close()
    await task
    await stage.tell(offered("B"))
    await stage.look()
    again, _ = await stage.open(last=browser.last_id)
    assert again.events == ["change"]
    assert again.messages[0][1]["queues"][0]["waiting"] == 2
    stranger, _ = await stage.open(last="of another server.7")
    assert stranger.events == ["full"]


@played
async def test_a_slow_viewer_gets_a_full_state_and_no_growing_buffer() -> None:
    stage = Stage()
    await stage.tell(offered("A"))
    slow, _ = await stage.open()
    quick, _ = await stage.open()
    slow.reads.clear()
    for number in range(feeds.CHANGES_KEPT_MAX + 5):
        await stage.tell(offered(f"B{number}"))
        await stage.look()
    slow.reads.set()
    await turns(200)
    # The one that was under way when he stopped reading, and then all of it.
    assert slow.events == ["full", "change", "full"]
    assert slow.rows == quick.rows
    assert len(quick.messages) == feeds.CHANGES_KEPT_MAX + 6


@played
async def test_who_hears_nothing_is_told_that_all_is_well() -> None:
    stage = Stage()
    await stage.tell(offered("A"))
    browser, _ = await stage.open()
    stage.clock.s += ALIVE_S - 1
    await stage.look()
    assert browser.comments == ["retry: 2000"]
    stage.clock.s += 1
    await stage.look()
    assert browser.comments == ["retry: 2000", ": alive"]


@played
async def test_a_watch_that_nobody_needs_ends_after_a_while() -> None:
    stage = Stage(StreamSettings(push_ms=1))
    await stage.tell(offered("A"))
    browser, task = await stage.open()
    browser.close()
    await task
    assert len(stage.streams) == 0
    stage.clock.s += LINGER_S
    await asyncio.wait(stage.streams._running)  # it looks each millisecond
    await turns()
    assert not stage.streams._watches and not stage.streams._running


@played
async def test_a_watch_that_fails_sends_its_viewers_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(StreamSettings(push_ms=1))
    await stage.tell(offered("A"))
    browser, task = await stage.open()
    monkeypatch.setattr(stage.floor, "seen", lambda _: 1 / 0)
    await asyncio.wait_for(task, 5)
    assert browser.has_ended
    assert not stage.streams._watches


@played
async def test_who_may_no_longer_look_is_sent_away() -> None:
    stage = Stage()
    allowed = {b"a", b"b"}
    first, one = await stage.open(looker=Looker(b"a", lambda: b"a" in allowed))
    second, _ = await stage.open(looker=Looker(b"b", lambda: b"b" in allowed))
    stage.streams.recheck()
    await turns()
    assert not (first.has_ended or second.has_ended)
    allowed.remove(b"a")
    stage.streams.recheck()
    await one
    assert first.has_ended and not second.has_ended


@played
async def test_the_end_says_good_bye_and_cuts_off_who_does_not_read() -> None:
    stage = Stage()
    await stage.tell(offered("A"))
    browser, one = await stage.open()
    deaf, other = await stage.open()
    deaf.reads.clear()
    await stage.tell(offered("B"))
    await stage.look()
    await stage.streams.end()
    assert browser.has_ended
    assert one.done()
    await asyncio.wait([other])
    assert other.cancelled()
    late, _ = await stage.open()
    assert late.has_ended and late.messages == []


@pytest.mark.parametrize(
    ("settings", "lookers", "fits"),
    [
        (BY_HAND._replace(streams_max=3), [b"a", b"b", b"c", b"d"], 3),
        (BY_HAND._replace(streams_per_vdn_max=2), [b"a", b"b", b"c"], 2),
        (BY_HAND._replace(streams_per_session_max=2), [b"a", b"b", b"a", b"b", b"a"], 4),
    ],
)
@played
async def test_streams_are_bounded_and_a_place_is_free_again(
    settings: StreamSettings, lookers: list[bytes], fits: int
) -> None:
    stage = Stage(settings)
    opened_ones = [await stage.open(looker=Looker(name, lambda: True)) for name in lookers[:fits]]
    assert all(not task.done() for _, task in opened_ones)
    _, refused = await stage.open(looker=Looker(lookers[fits], lambda: True))
    with pytest.raises(TooManyStreams):
        await refused
    for browser, task in opened_ones:
        browser.close()
        await task
    assert (len(stage.streams), stage.streams._of_vdn, stage.streams._of_session) == (0, {}, {})
    _, task = await stage.open(looker=Looker(lookers[fits], lambda: True))
    assert not task.done()
    assert stage.streams._of_vdn == {BANK: 1} and stage.streams._of_vdn[SHOP] == 0
