"""Random streams of events for comparing the engine with the oracle; a seed gives the same stream everywhere.

The generator folds an oracle of its own, so that most events fit the state in which they arrive.
"""

import copy
import json
import random
from typing import Any

from .days import day_start_ms
from .model import Oracle
from .state import Live, Session

JsonObject = dict[str, Any]

FIVE_MINUTES_MS = 300_000
STATES = [
    "idle",
    "preoccupied",
    "occupied",
    "answering",
    "talking",
    "work",
    "busy",
    "rest",
    "study",
    "adjust",
]
LIKELY_STATES = ["idle", "idle", "idle", "busy", "rest", "work", "study"]
CAUSES = ["abandoned", "timeout", "no_agent", "full", "key", "withdrawn", "overflowed", "closed"]
# Worlds begin shortly before something happens to their local day: a day start, or a change of the clocks.
WORLDS = [
    (1_767_258_000_000, "UTC", "00:00"),  # an ordinary morning
    (1_767_225_000_000, "UTC", "00:00"),  # 10 minutes before a midnight
    (1_774_745_400_000, "Europe/Berlin", "02:30"),  # 20 minutes before 02:00-02:59 is left out
    (1_792_887_600_000, "Europe/Berlin", "02:30"),  # an hour before 02:00-02:59 comes twice
    (1_776_980_400_000, "Africa/Cairo", "00:00"),  # 20 minutes before a midnight that is left out
    (1_793_507_400_000, "America/Havana", "00:00"),  # 10 minutes before a midnight that comes twice
    (1_767_222_000_000, "Asia/Kathmandu", "04:45"),  # 10 minutes before a day start off the UTC hour
]
# How often each kind is drawn; those that end everything are rare.
KINDS = {
    "agent_signed_in": 6,
    "agent_signed_out": 3,
    "agent_skills_set": 3,
    "agent_state_set": 9,
    "call_offered": 18,
    "call_alerting": 12,
    "call_unanswered": 5,
    "call_answered": 16,
    "call_left": 6,
    "call_held": 2,
    "call_resumed": 2,
    "call_released": 12,
    "skill_configured": 1,
    "agent_configured": 1,
    "vdn_configured": 0.2,
    "snapshot": 4,
    "link_lost": 0.5,
    "link_restored": 0.5,
    "source_restarted": 0.3,
    "clock": 2,
}


class _World:
    """A small call center that draws its next event."""

    def __init__(self, seed: int, snapshots: bool) -> None:
        self.random = random.Random(seed)
        self.start_ms, self.timezone, self.day_starts = self.random.choice(WORLDS)
        self.agents = [101 + n for n in range(self.random.randint(3, 6))]
        self.skills = [1 + n for n in range(self.random.randint(3, 4))]
        self.calls = [f"c{n}" for n in range(8)]
        self.sources = ["main", "second"][: self.random.randint(1, 2)]
        self.kinds = {kind: n for kind, n in KINDS.items() if snapshots or kind != "snapshot"}
        self.oracle = Oracle()
        self.drawn: list[JsonObject] = []
        self.names = 0

    def add(self, event: JsonObject) -> None:
        """Let the event happen."""
        self.drawn.append(event)
        self.oracle.apply(event)

    def begin(self) -> None:
        """Tell the VDN its zone and let about half of the agents in."""
        at = self.start_ms
        names = {"timezone": self.timezone, "day_starts": self.day_starts}
        self.add({"type": "vdn_configured", "at": at, **names})
        for agent in self.agents[::2]:
            at += self.random.randint(0, 5_000)
            self.add({"type": "agent_signed_in", "at": at, "agent": agent, "skills": self.some_skills()})

    def step(self) -> None:
        """Draw and add one event, sometimes one that came before."""
        if self.random.random() < 0.05:
            self.add(self.again(self.random.choice(self.drawn[-40:])))
            return
        kind = self.random.choices(list(self.kinds), list(self.kinds.values()))[0]
        event: JsonObject = {"type": kind, "at": self.instant()}
        if self.random.random() < 0.6:
            self.names += 1
            event["id"] = f"e{self.names}"
        if len(self.sources) > 1 and self.random.random() < 0.5:
            event["source"] = self.random.choice(self.sources)
        getattr(self, "draw_" + kind, lambda event: None)(event)
        self.add(event)

    def again(self, event: JsonObject) -> JsonObject:
        """The same event once more: as it was, in other words, or with its id on other content."""
        event = copy.deepcopy(event)
        if self.random.random() < 0.5:
            keys = list(event)
            self.random.shuffle(keys)
            event = {key: event[key] for key in keys} | {"unknown": 1}
            if "skills" in event:
                event["skills"] = event["skills"][::-1]
            if event["type"] == "call_answered":
                event.setdefault("agent", None)
        elif "id" in event and self.random.random() < 0.3:
            event["at"] = self.instant()
        return event

    def instant(self) -> int:
        """Mostly a little after the clock; sometimes late, or at a mark, a day start, a wrap-up's end."""
        clock, draw = self.oracle.clock, self.random.random()
        if draw < 0.08:
            return max(self.start_ms, clock - self.random.choice([1, 500, 20_000, 400_000, 1_000_000]))
        if draw < 0.10:
            return max(self.start_ms, clock - self.random.randint(1, 600_000))
        if draw < 0.18:
            return self.edge()
        if draw < 0.28:
            return clock
        if draw < 0.29:
            return clock + self.random.choice([600_000, 600_001, 900_000, 900_001, 3_600_000])
        return clock + self.random.choice([self.random.randint(0, 40_000), self.random.randint(0, 8) * 1_000])

    def edge(self) -> int:
        """An instant at which the figures turn, or one millisecond beside it."""
        clock = self.oracle.clock
        edges = [clock // FIVE_MINUTES_MS * FIVE_MINUTES_MS + FIVE_MINUTES_MS]
        edges += [s.wrapup_until for s in self.oracle.sessions.values() if s.wrapup_until is not None]
        if self.random.random() < 0.15:
            zone, starts = self.oracle.vdn["timezone"], self.oracle.vdn["day_starts"]
            edges = [day_start_ms(clock + 86_400_000, zone, starts)]
        return max(self.start_ms, self.random.choice(edges) + self.random.choice([-1, 0, 0, 1]))

    def some_skills(self) -> list[int]:
        return self.random.sample(self.skills, self.random.randint(0, len(self.skills)))

    def agent(self, signed_in: bool = True) -> int:
        """An agent, mostly one that is signed in (or is not)."""
        fitting = [a for a in self.agents if (a in self.oracle.sessions) == signed_in]
        return self.random.choice(fitting if fitting and self.random.random() < 0.9 else self.agents)

    def call(self, *phases: str) -> str:
        """A call, mostly one in one of these phases (none: not live)."""
        live = self.oracle.calls
        fitting = [c for c in self.calls if (live[c].phase in phases if c in live else not phases)]
        return self.random.choice(fitting if fitting and self.random.random() < 0.88 else self.calls)

    def maybe(self, event: JsonObject, chance: float, **keys: Any) -> None:
        if self.random.random() < chance:
            event.update(keys)

    def state(self) -> str:
        return self.random.choice(LIKELY_STATES if self.random.random() < 0.85 else STATES)

    # --- the keys of each kind ---

    def draw_agent_signed_in(self, event: JsonObject) -> None:
        event.update(agent=self.agent(signed_in=self.random.random() < 0.2), skills=self.some_skills())
        self.maybe(event, 0.3, state=self.state())
        self.maybe(event, 0.3, capacity=self.random.randint(1, 3))
        self.maybe(event, 0.1, media=1)

    def draw_agent_signed_out(self, event: JsonObject) -> None:
        event.update(agent=self.agent())

    def draw_agent_skills_set(self, event: JsonObject) -> None:
        event.update(agent=self.agent(), skills=self.some_skills())

    def draw_agent_state_set(self, event: JsonObject) -> None:
        event.update(agent=self.agent(), state=self.state())
        self.maybe(event, 0.15, reason=self.random.randint(1, 2))

    def draw_call_offered(self, event: JsonObject) -> None:
        phases = self.random.choices([(), ("waiting",), ("talking",)], [8, 1, 1])[0]
        event.update(call=self.call(*phases), skill=self.random.choice(self.skills))
        self.maybe(event, 0.2, direction=self.random.choice(["in", "out"]))
        self.maybe(event, 0.1, since=event["at"] - self.random.randint(-5_000, 400_000))

    def draw_call_alerting(self, event: JsonObject) -> None:
        event.update(call=self.call("waiting"), agent=self.agent())

    def draw_call_unanswered(self, event: JsonObject) -> None:
        event.update(call=self.call("waiting"), agent=self.agent())
        ringing = [(live.call, a) for live in self.oracle.calls.values() for a in sorted(live.ringing)]
        if ringing:
            event["call"], event["agent"] = self.random.choice(ringing)
        self.maybe(event, 0.5, cause="rejected")

    def draw_call_answered(self, event: JsonObject) -> None:
        event.update(call=self.call(*self.random.choices([("waiting",), ("talking",), ()], [8, 1, 1])[0]))
        self.maybe(event, 0.9, agent=self.agent())
        live = self.oracle.calls.get(event["call"])
        if live and live.ringing:
            self.maybe(event, 0.7, agent=self.random.choice(sorted(live.ringing)))
        self.maybe(event, 0.3, skill=self.random.choice(self.skills))

    def draw_call_left(self, event: JsonObject) -> None:
        event.update(call=self.call("waiting"), cause=self.random.choice(["abandoned", *CAUSES]))

    def draw_call_held(self, event: JsonObject) -> None:
        event.update(call=self.call("talking"))

    def draw_call_resumed(self, event: JsonObject) -> None:
        event.update(call=self.call("talking"))

    def draw_call_released(self, event: JsonObject) -> None:
        event.update(call=self.call("talking"))
        self.maybe(event, 0.6, wrapup_ms=self.random.choice([0, 1, 500, 10_000, 60_000, 700_000]))

    def draw_skill_configured(self, event: JsonObject) -> None:
        event.update(skill=self.random.choice(self.skills))
        self.maybe(event, 0.7, wrapup_ms=self.random.choice([0, 5_000, 30_000]))

    def draw_agent_configured(self, event: JsonObject) -> None:
        event.update(agent=self.random.choice(self.agents), name=self.random.choice(["Ada", "Bo"]))

    def draw_vdn_configured(self, event: JsonObject) -> None:
        _, zone, starts = self.random.choice(WORLDS)
        event.update(timezone=zone, day_starts=starts)

    # --- pictures ---

    def draw_snapshot(self, event: JsonObject) -> None:
        """The source's picture: the present state with some losses and changes, sometimes pure invention."""
        source = event.get("source", "main")
        event["asked_at"] = event["at"] - self.random.choice([0, 1, 1_000, 5_000, 30_000])
        covers = [part for part in ("agents", "waiting", "talking") if self.random.random() < 0.8]
        sessions = [item for item in self.oracle.sessions.items() if item[1].source == source]
        calls = [live for live in self.oracle.calls.values() if live.source == source]
        if self.random.random() < 0.25:
            agents = [self.invented_agent(agent, event["at"]) for agent in self.agents]
            shown = [self.invented_call(call, event["at"]) for call in self.calls]
            agents = self.random.sample(agents, self.random.randint(0, len(agents)))
            shown = self.random.sample(shown, self.random.randint(0, len(shown)))
        else:
            agents = [self.shown_agent(*item, event["at"]) for item in sessions if self.random.random() < 0.9]
            shown = [self.shown_call(live, event["at"]) for live in calls if self.random.random() < 0.9]
            for agent in set(self.agents) - set(self.oracle.sessions):
                agents += [self.invented_agent(agent, event["at"])] * (self.random.random() < 0.1)
            for call in sorted(set(self.calls) - set(self.oracle.calls)):
                shown += [self.invented_call(call, event["at"])] * (self.random.random() < 0.1)
        event.update(covers=covers, agents=agents, calls=shown)

    def shown_agent(self, agent: int, session: Session, at: int) -> JsonObject:
        """One of ours, mostly as we know him."""
        if self.random.random() < 0.15:
            return self.invented_agent(agent, at)
        item: JsonObject = {"agent": agent, "skills": sorted(session.skills), "state": session.state}
        self.maybe(item, 0.3, since=session.since + self.random.choice([0, 0, -1_000, 1_000]))
        self.maybe(item, 0.3, base=session.base)
        self.maybe(item, 0.3, capacity=session.capacity)
        if session.state == "adjust" and session.wrapup_until is not None:
            self.maybe(item, 0.5, wrapup_until=session.wrapup_until + self.random.choice([0, 0, 2_000]))
        return item

    def invented_agent(self, agent: int, at: int) -> JsonObject:
        """Anything that is valid."""
        item: JsonObject = {"agent": agent, "skills": self.some_skills(), "state": self.state()}
        self.maybe(item, 0.4, state=self.random.choice(["talking", "answering", "adjust"]))
        self.maybe(item, 0.4, since=at - self.random.randint(-2_000, 400_000))
        self.maybe(item, 0.3, base=self.random.choice(LIKELY_STATES))
        self.maybe(item, 0.2, capacity=self.random.randint(1, 3))
        if item["state"] == "adjust":
            self.maybe(item, 0.5, wrapup_until=at + self.random.randint(-5_000, 60_000))
        return item

    def shown_call(self, live: Live, at: int) -> JsonObject:
        """One of ours, mostly as we know it; sometimes answered without our knowledge, or elsewhere."""
        if self.random.random() < 0.1:
            return self.invented_call(live.call, at)
        item: JsonObject = {"call": live.call, "skill": live.skill, "waiting_since": live.since}
        self.maybe(item, 0.2, waiting_since=live.since - 1_500)
        self.maybe(item, 0.1, skill=self.random.choice(self.skills))
        if live.answer is not None:
            item["answered_at"] = live.answered_at
            self.maybe(item, 0.1, answered_at=live.answered_at - 700)
            if live.agent is not None:
                self.maybe(item, 0.8, agent=live.agent)
        elif self.random.random() < 0.25:
            item.update(answered_at=at - self.random.randint(-500, 20_000), agent=self.agent())
        else:
            self.maybe(item, 0.5, ringing=sorted(live.ringing))
            self.maybe(item, 0.2, ringing=[self.agent()])
        return item

    def invented_call(self, call: str, at: int) -> JsonObject:
        """Anything that is valid."""
        since = at - self.random.choice(
            [self.random.randint(-2_000, 60_000), self.random.randint(0, 900_000)]
        )
        item: JsonObject = {"call": call, "skill": self.random.choice(self.skills), "waiting_since": since}
        self.maybe(item, 0.2, direction=self.random.choice(["in", "out"]))
        if self.random.random() < 0.5:
            self.maybe(item, 0.3, ringing=self.random.sample(self.agents, self.random.randint(0, 2)))
        else:
            item["answered_at"] = since + self.random.randint(0, 60_000)
            self.maybe(item, 0.8, agent=self.random.choice(self.agents))
        return item


def stream(seed: int, length: int, *, snapshots: bool = True) -> list[JsonObject]:
    """Return `length` valid events (at least one) that `seed` decides, in the order of their log."""
    world = _World(seed, snapshots)
    world.begin()
    while len(world.drawn) < length:
        world.step()
    return world.drawn[:length]


def questions(seed: int, events: list[JsonObject], count: int = 30) -> list[tuple[int, int]]:
    """Return (number of events applied before the question, `now`), in order; most where figures turn."""
    rng = random.Random(f"questions {seed}")
    asked = []
    for applied in sorted(rng.randint(1, len(events)) for _ in range(count)):
        clock = max(event["at"] for event in events[:applied])
        mark = clock // FIVE_MINUTES_MS * FIVE_MINUTES_MS + FIVE_MINUTES_MS
        instants = [clock, clock, clock + rng.randint(0, 60_000), clock - rng.randint(1, 60_000)]
        instants += [mark - 1, mark, mark + 1_000, clock + 86_400_000 - rng.randint(0, 7_200_000)]
        asked.append((applied, rng.choice(instants)))
    return asked


def text(events: list[JsonObject]) -> str:
    """The stream as NDJSON, to paste into a failing case."""
    return "".join(json.dumps(event) + "\n" for event in events)
