"""A recording of FreeSWITCH, played through the translator into an engine, and what the switch says itself.

The truth is what `callcenter_config` answered every three seconds; the books are the channel events of
another connection, which mod_callcenter marks with the visit and its outcome.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import pytest

from queuepulse.engine.events import (
    AgentConfigured,
    CallAnswered,
    CallLeft,
    CallOffered,
    CallReleased,
    Event,
    Snapshot,
)
from queuepulse.engine.states import BUSY, SIGNED_OUT
from queuepulse.engine.vdn import Vdn
from queuepulse.sources.esl import EslParser, Message
from queuepulse.sources.freeswitch import Translator
from queuepulse.sources.freeswitch_agents import REASONS
from queuepulse.sources.names import Ids, Names, PauseReasons

ROOT: Final = Path(__file__).parents[2]
CAPTURES: Final = ROOT / "tests" / "captures" / "freeswitch" / "fs11012"
QUEUES: Final = {"billing": 1, "vip": 2, "sales": 3, "support": 4}
SLACK_MS: Final = 300
"""How far apart a sample and our picture of the same instant may be: the sample itself takes time, the clock
of FreeSWITCH ticks in 20 ms, and an answer is told 200 ms late."""


def folder() -> Path:
    """Where the recording is: the whole one beside the repository, else the selection in it."""
    shared = Path(os.environ.get("QUEUEPULSE_RECORDINGS", ROOT.parent / "shared" / "data"))
    whole = shared / "freeswitch" / "fs11012"
    if whole.is_dir():
        return whole
    if CAPTURES.is_dir():
        return CAPTURES
    if os.environ.get("CI"):
        raise AssertionError(f"there is no recording at {whole}, nor at {CAPTURES}")
    pytest.skip(f"there is no recording at {whole}")


class Arrival(NamedTuple):
    """One read of the socket, and when (epoch ms)."""

    at_ms: int
    piece: bytes


class Sample(NamedTuple):
    """What the switch said of itself between `from_ms` and `to_ms`."""

    from_ms: int
    to_ms: int
    lists: dict[str, list[dict[str, str]]]

    @property
    def waiting(self) -> dict[str, int]:
        """Callers that wait, per queue; answered and abandoned rows do not."""
        rows = [row for row in self.lists["members"] if row["state"] in ("Waiting", "Trying")]
        return {name: sum(row["queue"] == f"{name}@cc" for row in rows) for name in QUEUES}

    @property
    def talking(self) -> frozenset[tuple[str, str]]:
        """Who talks after which queue."""
        return frozenset(
            (row["queue"], row["serving_agent"])
            for row in self.lists["members"]
            if row["state"] == "Answered"
        )

    @property
    def signed_in(self) -> dict[str, bool]:
        """The agents who are not logged out, and whether they are on break."""
        agents = self.lists["agents"]
        return {row["name"]: row["status"] == "On Break" for row in agents if row["status"] != "Logged Out"}

    def answer(self, command: str) -> bytes:
        """What the switch would have answered to this command then."""
        words = command.removeprefix("api callcenter_config ").split()
        match words:
            case ["queue", "list", "members", queue]:
                rows = [row for row in self.lists["members"] if row["queue"] == queue]
            case [kind, "list"]:
                rows = self.lists[f"{kind}s"]
            case _:
                return b"Content-Type: command/reply\nReply-Text: +OK\n\n"
        lines = ["|".join(rows[0]), *("|".join(row.values()) for row in rows)] if rows else []
        body = "".join(f"{line}\n" for line in [*lines, "+OK"]).encode()
        return b"Content-Type: api/response\nContent-Length: %d\n\n%b" % (len(body), body)


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rb") as file:
        for line in file:
            yield json.loads(line)


def arrivals(name: str) -> list[Arrival]:
    """The reads of one connection."""
    raw, start, found = gzip.decompress((folder() / f"{name}.raw.gz").read_bytes()), 0, []
    for chunk in _lines(folder() / f"{name}.chunks.ndjson.gz"):
        found.append(Arrival(int(chunk["t"] * 1000), raw[start : start + chunk["n"]]))
        start += chunk["n"]
    return found


def samples() -> list[Sample]:
    """The truth, in order."""
    return [
        Sample(int(line["t0"] * 1000), int(line["t1"] * 1000), line)
        for line in _lines(folder() / "truth.ndjson.gz")
    ]


def messages(name: str) -> list[tuple[int, Message]]:
    """The messages of one connection, each with the time of its arrival."""
    parser = EslParser()
    return [(arrival.at_ms, message) for arrival in arrivals(name) for message in parser.feed(arrival.piece)]


class Spell(NamedTuple):
    """What an engine showed from `from_ms` on, until the next one."""

    from_ms: int
    waiting: dict[str, int]
    talking: frozenset[tuple[str, str]]
    signed_in: dict[str, bool]


class Played:
    """A translator and an engine behind it; every event, and what it did, is kept."""

    def __init__(self) -> None:
        self.skills = Names(Ids(10_000), QUEUES)
        self.agents = Names(Ids(10_000))
        self.translator = Translator("fs", self.skills, self.agents, PauseReasons(REASONS), resync_ms=10**9)
        self.vdn = Vdn()
        self.events: list[Event] = []
        self.spells: list[Spell] = []
        self.names: dict[int, str] = {}

    def collect(self, now_ms: int) -> list[Event]:
        """Folds what the translator has told by now."""
        events = self.translator.events()
        for event in events:
            self.vdn.apply(event)
            if isinstance(event, AgentConfigured):
                self.names[event.agent] = event.name or ""
        self.events += events
        if events:
            self.spells.append(self._spell(now_ms))
        return events

    def _spell(self, now_ms: int) -> Spell:
        books, queues = self.vdn.books, {skill: name for name, skill in QUEUES.items()}
        calls = list(books.calls.values())
        waiting = [queues[call.queue.skill] for call in calls if call.answered_at_ms < 0]
        talking = [call for call in calls if call.answered_at_ms >= 0]
        agents = [agent for agent in books.agents.values() if agent.state != SIGNED_OUT]
        return Spell(
            now_ms,
            {name: waiting.count(name) for name in QUEUES},
            frozenset((f"{queues[call.queue.skill]}@cc", self.names[call.agent_id]) for call in talking),
            {self.names[agent.id]: agent.base == BUSY for agent in agents},
        )

    def take(self, message: Message, at_ms: int) -> None:
        """One message."""
        self.advance(at_ms)
        self.translator.take(message, at_ms)
        self.collect(at_ms)

    def advance(self, now_ms: int) -> None:
        """Lets time run on, stopping where the translator has work."""
        while (due_ms := self.translator.due_ms()) is not None and due_ms <= now_ms:
            self.translator.advance(due_ms)
            self.collect(due_ms)

    def resync(self, sample: Sample) -> None:
        """A new connection and its picture, as the switch was at this sample."""
        self.translator.connected(sample.from_ms)
        parser = EslParser()
        while commands := self.translator.actions():
            for command in commands:
                for message in parser.feed(sample.answer(command)):
                    self.translator.take(message, sample.to_ms)
        self.collect(sample.to_ms)

    def shown(self, sample: Sample) -> list[Spell]:
        """All that was shown around the time of this sample."""
        first, last = sample.from_ms - SLACK_MS, sample.to_ms + SLACK_MS
        before = [spell for spell in self.spells if spell.from_ms < first]
        return before[-1:] + [spell for spell in self.spells if first <= spell.from_ms <= last]


def play(name: str, keeps: Callable[[int, Message], bool] = lambda at_ms, message: True) -> Played:
    """One connection, from its login; `keeps` says which messages come through."""
    played = Played()
    for at_ms, message in messages(name):
        if message.kind == "reply" and message.headers["Reply-Text"] == "+OK accepted":
            played.translator.connected(at_ms)
        elif keeps(at_ms, message):
            played.take(message, at_ms)
    return played


def disagreements(played: Played, of: list[Sample]) -> dict[str, list[str]]:
    """Where the engine showed another thing than the switch said, by figure."""
    wrong: dict[str, list[str]] = {"waiting": [], "talking": [], "signed in, paused": []}
    for number, sample in enumerate(of):
        spells = played.shown(sample)
        for queue, count in sample.waiting.items():
            if count not in [spell.waiting[queue] for spell in spells]:
                wrong["waiting"].append(f"{number} {queue}: {count} {[s.waiting[queue] for s in spells]}")
        if sample.talking not in [spell.talking for spell in spells]:
            wrong["talking"].append(f"{number}: {sorted(sample.talking)} {spells[-1].talking}")
        # That an agent was deleted no event tells: him the next picture closes.
        there = {row["name"] for row in sample.lists["agents"]}
        shown = [{n: p for n, p in spell.signed_in.items() if n in there} for spell in spells]
        if sample.signed_in not in shown:
            wrong["signed in, paused"].append(f"{number}: {sample.signed_in} {shown[-1]}")
    return wrong


class Outcome(NamedTuple):
    """How a visit ended; times in epoch ms, `None` where there are none."""

    queue: str
    how: str
    joined_ms: int
    answered_ms: int | None = None
    ended_ms: int | None = None


CAUSES: Final = {"TIMEOUT": "timeout", "EXIT_WITH_KEY": "key", "BREAK_OUT": "abandoned"}


def books() -> dict[str, Outcome]:
    """Each visit's outcome by the caller's channel events; of the `answered` ones the bridge's exact times.

    A visit in none of them ended unanswered, and its caller went on: that is `went on`.
    """
    visits: dict[str, Outcome] = {}
    legs: dict[str, str] = {}
    for line in _lines(folder() / "events.ndjson.gz"):
        event = line["e"]
        at_ms = int(event["Event-Date-Timestamp"]) // 1000
        if event.get("CC-Action") == "member-queue-start":
            visits[event["CC-Member-UUID"]] = Outcome(event["CC-Queue"].split("@")[0], "went on", at_ms)
        call = legs.get(event.get("Unique-ID", ""), "")
        if call and event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE":
            # Who hangs up first ends the talk; the bridge is undone up to a tick later.
            hung_up_ms = int(event["Caller-Channel-Hangup-Time"]) // 1000
            ended_ms = min(visits[call].ended_ms or hung_up_ms, hung_up_ms)
            visits[call] = visits[call]._replace(ended_ms=ended_ms)
        call = event.get("variable_cc_member_uuid", "")
        if event.get("variable_cc_side") != "member" or call not in visits:
            continue
        visit = visits[call]
        match event["Event-Name"]:
            case "CHANNEL_BRIDGE":
                # The agent's phone is answered; the two are connected one or two ticks later.
                answered_ms = int(event["Other-Leg-Channel-Answered-Time"]) // 1000
                legs[event["Other-Leg-Unique-ID"]] = call
                visits[call] = visit._replace(how="answered", answered_ms=answered_ms)
            case "CHANNEL_UNBRIDGE":
                visits[call] = visit._replace(ended_ms=min(visit.ended_ms or at_ms, at_ms))
            case "CHANNEL_HANGUP_COMPLETE" if visit.how != "answered":
                visits[call] = visit._replace(how=CAUSES[event["variable_cc_cancel_reason"]], ended_ms=at_ms)
    return visits


def told(events: list[Event]) -> dict[str, Outcome]:
    """Each visit's outcome by our events."""
    visits: dict[str, Outcome] = {}
    queues = {skill: name for name, skill in QUEUES.items()}
    for event in events:
        assert event.at is not None
        match event:
            case Snapshot(calls=calls):
                for item in calls:
                    how = "live" if item.answered_at is None else "answered"
                    found = Outcome(queues[item.skill], how, item.waiting_since, item.answered_at)
                    visits.setdefault(item.call, found)
            case CallOffered(call=call, skill=skill, since=since):
                visits[call] = Outcome(queues[skill], "live", since or event.at)
            case CallAnswered(call=call):
                visits[call] = visits[call]._replace(how="answered", answered_ms=event.at)
            case CallLeft(call=call, cause=cause):
                visits[call] = visits[call]._replace(how=cause, ended_ms=event.at)
            case CallReleased(call=call):
                visits[call] = visits[call]._replace(ended_ms=event.at)
    return visits


def lossy(seed: int, share: float, until_ms: int) -> Callable[[int, Message], bool]:
    """Loses this share of the events until then."""
    random = Random(seed)

    def keeps(at_ms: int, message: Message) -> bool:
        lost = random.random() < share
        return message.kind != "event" or at_ms >= until_ms or not lost

    return keeps
