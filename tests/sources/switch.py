"""A switch made of text: events in the words of AMI, through parser and translator, to our events."""

from collections.abc import Mapping
from typing import Any

from queuepulse.engine.events import CallAnswered, CallLeft, CallReleased, Event
from queuepulse.engine.vdn import Vdn
from queuepulse.sources.ami import AmiParser
from queuepulse.sources.asterisk import WANTED, Action, Translator
from queuepulse.sources.asterisk_headers import QueueTerms
from queuepulse.sources.names import Ids, Names, PauseReasons

START_MS = 1_795_335_361_000
SKILLS = {"sales": 1, "support": 2, "billing": 3}
AGENTS = {"Ann": 11, "Bob": 12, "Cleo": 13}
TERMS = {1: QueueTerms(wrapup_ms=4_000, max_wait_ms=40_000), 2: QueueTerms(wrapup_ms=6_000)}
LOST = "QueueCallerAbandon"


class Switch:
    """Says things of callers and members, `wait`s in between, and keeps what comes of it.

    `events` are all events told, `vdn` the engine that they went through, `asked` the actions it was sent.
    A caller is his Uniqueid, a member his name; his interface is `Local/<name>@agents`.
    """

    def __init__(self, timestamps: bool = True, terms: Mapping[int, QueueTerms] = TERMS) -> None:
        self.now_ms = START_MS
        self.timestamps = timestamps
        self.parser = AmiParser(WANTED)
        self.translator = Translator(
            "pbx", Names(Ids(10_000), SKILLS), Names(Ids(10_000), AGENTS), PauseReasons(), terms
        )
        self.events: list[Event] = []
        self.asked: list[Action] = []
        self.vdn = Vdn()

    def text(self, body: str) -> None:
        """One block as it stands, without its last empty line."""
        block = "\r\n".join(line.strip() for line in body.strip().splitlines()) + "\r\n\r\n"
        for message in self.parser.feed(block.encode()):
            self.translator.take(message, self.now_ms)
        self.drain()

    def say(self, event: str, **headers: object) -> None:
        """An event with these headers; a millisecond later the next one."""
        stamp = {"Timestamp": f"{self.now_ms / 1000:.6f}"} if self.timestamps else {}
        lines = {"Event": event, "Privilege": "agent,all", **stamp, **headers}
        self.text("\n".join(f"{key}: {value}" for key, value in lines.items()))
        self.now_ms += 1

    def wait(self, seconds: float) -> None:
        """Time goes on, and what is due is settled."""
        end_ms = self.now_ms + int(seconds * 1000)
        while (due_ms := self.translator.due_ms()) is not None and due_ms <= end_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.translator.advance(self.now_ms)
            self.drain()
        self.now_ms = end_ms

    def drain(self) -> None:
        """Takes what the translator has to say."""
        self.asked += self.translator.actions()
        for event in self.translator.events():
            self.events.append(event)
            self.vdn.apply(event)

    # What callers do

    def caller(
        self, uniqueid: str, queue: str = "sales", priority: int = 3, **more: str
    ) -> dict[str, object]:
        """The headers of a caller's channel in a queue."""
        return {
            "Channel": f"IAX2/trunk-{uniqueid}",
            "Context": "inbound",
            "Exten": "9001",
            "Priority": priority,
            "Uniqueid": uniqueid,
            "Linkedid": uniqueid,
            "Queue": queue,
            **more,
        }

    def join(self, uniqueid: str, queue: str = "sales", **more: str) -> None:
        self.say("QueueCallerJoin", **self.caller(uniqueid, queue, **more), Count=1)

    def leave(self, uniqueid: str, queue: str = "sales", **more: str) -> None:
        self.say("QueueCallerLeave", **self.caller(uniqueid, queue, **more), Count=0)

    def lose(self, uniqueid: str, queue: str = "sales", **more: str) -> None:
        """Abandon, then Leave."""
        self.say("QueueCallerAbandon", **self.caller(uniqueid, queue, **more), HoldTime=1)
        self.leave(uniqueid, queue, **more)

    def hang_up(self, uniqueid: str, channel: str = "IAX2/trunk-1", priority: int = 3) -> None:
        self.say(
            "Hangup",
            Channel=channel,
            Uniqueid=uniqueid,
            Context="inbound",
            Exten="9001",
            Priority=priority,
            Cause=16,
        )

    # What members do

    def member(self, name: str, queue: str = "sales", status: int = 1, **more: object) -> dict[str, object]:
        """The headers of a member."""
        return {
            "Queue": queue,
            "MemberName": name,
            "Interface": f"Local/{name}@agents",
            "StateInterface": f"IAX2/{name}",
            "Status": status,
            "Paused": 0,
            "PausedReason": "",
            **more,
        }

    def add(self, name: str, queue: str = "sales", **more: object) -> None:
        self.say("QueueMemberAdded", **self.member(name, queue, **more))

    def status(self, name: str, status: int, queue: str = "sales", **more: object) -> None:
        self.say("QueueMemberStatus", **self.member(name, queue, status, **more))

    def pause(
        self, name: str, queue: str = "sales", paused: int = 1, reason: str = "", **more: object
    ) -> None:
        self.say(
            "QueueMemberPause",
            **self.member(name, queue, **{"Paused": paused, "PausedReason": reason, **more}),
        )

    # What a queue does

    def leg(
        self, uniqueid: str, name: str, queue: str = "sales", phone: str = "", **more: object
    ) -> dict[str, Any]:
        """The headers of a caller's and an agent's channel together."""
        return {
            **self.caller(uniqueid, queue),
            "DestChannel": f"IAX2/{name}-1",
            "DestUniqueid": phone or f"{uniqueid}.{name}",
            "Interface": f"Local/{name}@agents",
            "MemberName": name,
            **more,
        }

    def ring(self, uniqueid: str, name: str, queue: str = "sales") -> None:
        self.say("AgentCalled", **self.leg(uniqueid, name, queue))

    def dial_end(self, uniqueid: str, name: str, status: str) -> None:
        self.say("DialEnd", **self.leg(uniqueid, name), DialStatus=status)

    def answer(self, uniqueid: str, name: str, queue: str = "sales", hold: int = 0) -> None:
        """The caller's leg is answered; Leave, then AgentConnect."""
        self.dial_end(uniqueid, name, "ANSWER")
        self.leave(uniqueid, queue)
        self.say("AgentConnect", **self.leg(uniqueid, name, queue), HoldTime=hold, RingTime=3)

    def complete(
        self, uniqueid: str, name: str, queue: str = "sales", reason: str = "agent", talk: int = 0
    ) -> None:
        self.say("AgentComplete", **self.leg(uniqueid, name, queue), HoldTime=0, TalkTime=talk, Reason=reason)

    def bridge(
        self, what: str, uniqueid: str, bridge: str = "b1", channel: str = "IAX2/x-1", swap: str = ""
    ) -> None:
        """BridgeEnter or BridgeLeave."""
        more = {"SwapUniqueid": swap} if swap else {}
        self.say(f"Bridge{what}", BridgeUniqueid=bridge, Channel=channel, Uniqueid=uniqueid, **more)

    # What came of it

    def told(self, *kinds: type) -> list[Event]:
        """The events of these types."""
        return [event for event in self.events if isinstance(event, kinds)]

    def row(self, skill: int = 1) -> Any:
        """The engine's figures of a queue, now."""
        return self.vdn.rows([skill], self.now_ms)[0]


def causes(switch: Switch) -> list[str]:
    """Why each caller left who was not answered."""
    return [event.cause for event in switch.events if isinstance(event, CallLeft)]


def talks(switch: Switch) -> list[tuple[int | None, int | None]]:
    """Of each talk that ended its begin and end, in ms from the start."""
    begun = {e.call: e.at for e in switch.events if isinstance(e, CallAnswered)}
    return [
        ((begun[e.call] or 0) - START_MS, (e.at or 0) - START_MS)
        for e in switch.events
        if isinstance(e, CallReleased)
    ]


def with_agent(*names: str, queue: str = "sales") -> Switch:
    """A switch with these members."""
    switch = Switch()
    for name in names or ("Ann",):
        switch.add(name, queue)
    return switch


def in_talk(seconds: float = 5) -> Switch:
    """A caller 1.1 talks to Ann for some seconds."""
    switch = with_agent()
    switch.join("1.1")
    switch.ring("1.1", "Ann")
    switch.answer("1.1", "Ann")
    switch.bridge("Enter", "1.1.Ann", channel="IAX2/Ann-1")
    switch.bridge("Enter", "1.1", channel="IAX2/trunk-1")
    switch.wait(seconds)
    return switch
