"""The reference model: what statistics.md and events.md say, as lists that every question counts anew.

Instants are epoch milliseconds, durations milliseconds. Events are plain JSON objects that are valid already.
Repair by a picture is in `repair`, the nineteen figures are in `figures`.
"""

import copy
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from . import repair
from .figures import row
from .keys import normal
from .state import Answer, Ended, Live, Offer, Session

JsonObject = dict[str, Any]

REPEAT_WINDOW_MS = 900_000
SIGHTINGS_MAX = 100_000
ENDED_WINDOW_MS = 600_000
ENDED_MAX = 10_000


class Oracle:
    """One VDN, folded event by event in the order of its log."""

    def __init__(self, timezone: str = "UTC", day_starts: str = "00:00") -> None:
        self.clock = 0
        self.vdn: JsonObject = {"timezone": timezone, "day_starts": day_starts}
        self.skills: dict[int, JsonObject] = {}
        self.agents: dict[int, JsonObject] = {}
        self.links_lost: dict[str, int] = {}
        self.sessions: dict[int, Session] = {}
        self.calls: dict[str, Live] = {}
        # Everything that ever happened, for the figures.
        self.offers: list[Offer] = []
        self.answers: list[Answer] = []
        self.waits: list[Ended] = []
        self.talks: list[Ended] = []
        self.idles: list[Ended] = []
        self.left: Counter[int] = Counter()
        # Memories of the rules for weather, oldest first.
        self.sightings: dict[str, int] = {}
        self.ended: dict[str, int] = {}  # call -> its end
        self.calls_touched: dict[str, int] = {}
        self.agents_touched: dict[int, int] = {}

    # --- asking ---

    def rows(self, skills: Sequence[int], now: int) -> list[JsonObject]:
        """Return the rows of `skill/stateinfo` as they are at `now`, or at the clock if that is later."""
        then = copy.deepcopy(self)
        then.clock = max(then.clock, now)
        then.end_wrapups()
        return [row(then, skill, then.clock) for skill in skills]

    def books(self, skill: int) -> dict[str, int]:
        """Return the queue's passes since the start: offered, answered, left (any cause), waiting."""
        return {
            "offered": sum(offer.skill == skill for offer in self.offers),
            "answered": sum(answer.skill == skill for answer in self.answers),
            "left": self.left[skill],
            "waiting": sum(live.skill == skill and live.phase == "waiting" for live in self.calls.values()),
        }

    # --- one event ---

    def apply(self, event: JsonObject) -> str:
        """Fold one event; return its outcome: `applied`, `repeated` or `out_of_place`."""
        event = normal(event)
        moved = event["at"] > self.clock
        self.clock = max(self.clock, event["at"])
        self.end_wrapups()
        if self.seen_again(event):
            return "repeated"
        before, agents_before, calls_before = self.stored(), self.agents_seen(), self.calls_seen()
        skills_before = {agent: session.skills for agent, session in self.sessions.items()}
        fits = getattr(self, "on_" + event["type"])(event)
        if fits is False:
            return "out_of_place"
        session = self.sessions.get(event.get("agent", 0))
        if session is not None and event["type"] != "agent_configured":
            session.unexplained = None
        # A picture and a restart have settled already, without counting the idle spells that they end.
        self.settle(event["at"], skills_before)
        self.end_wrapups()
        self.touch(event, agents_before, calls_before)
        changed = moved if event["type"] == "clock" else self.stored() != before
        return "applied" if changed else "repeated"

    def seen_again(self, event: JsonObject) -> bool:
        """Rule 2, the first `repeated`; every sighting counts, whatever the outcome."""
        key = "id " + event["id"] if "id" in event else json.dumps(event, sort_keys=True)
        self.sightings = {k: c for k, c in self.sightings.items() if self.clock - c <= REPEAT_WINDOW_MS}
        again = self.sightings.pop(key, None) is not None
        self.sightings[key] = self.clock
        if len(self.sightings) > SIGHTINGS_MAX:
            del self.sightings[next(iter(self.sightings))]
        return again

    def stored(self) -> str:
        """Everything that an event can change, but the clock and the memories."""
        lists = [len(x) for x in (self.offers, self.answers, self.waits, self.talks, self.idles)]
        settings = (self.vdn, self.skills, self.agents, self.links_lost)
        seen = (sorted(self.calls_seen().items()), sorted(self.agents_seen().items()))
        return repr((settings, seen, lists, sorted(self.left.items())))

    def calls_seen(self) -> dict[str, str]:
        """Each live call as text."""
        return {
            call: repr((live.phase, sorted(live.ringing), {**vars(live), "ringing": None}))
            for call, live in self.calls.items()
        }

    def agents_seen(self) -> dict[int, str]:
        """Each agent that is signed in, rings or talks, as text."""
        everyone = set(self.sessions)
        for live in self.calls.values():
            everyone |= {live.agent} if live.agent is not None else set()
        return {
            agent: repr((self.shown(agent), self.ringing(agent), self.talking(agent))) for agent in everyone
        }

    def shown(self, agent: int) -> Any:
        """The agent's session with its skills in order."""
        session = self.sessions.get(agent)
        return session and {**vars(session), "skills": sorted(session.skills)}

    def touch(self, event: JsonObject, agents_before: dict[int, str], calls_before: dict[str, str]) -> None:
        """Remember what a picture asked for earlier than this event must leave alone."""
        at = event["at"]
        after = self.agents_seen()
        agents = {a for a in {*after, *agents_before} if after.get(a) != agents_before.get(a)}
        if "agent" in event and event["type"] != "agent_configured":
            agents.add(event["agent"])
        calls = {event["call"]} if "call" in event else set()
        if event["type"] == "snapshot":
            seen = self.calls_seen()
            calls = {call for call in seen if seen[call] != calls_before.get(call)}
        for agent in agents:
            self.agents_touched[agent] = max(at, self.agents_touched.get(agent, at))
        for call in calls & set(self.calls):
            self.calls_touched[call] = max(at, self.calls_touched.get(call, at))

    # --- agents ---

    def ringing(self, agent: int) -> list[str]:
        """Calls that ring at the agent."""
        return sorted(live.call for live in self.calls.values() if agent in live.ringing)

    def talking(self, agent: int) -> list[str]:
        """Calls that the agent answered and that are not released."""
        return sorted(live.call for live in self.calls.values() if live.answer and live.agent == agent)

    def explained(self, agent: int) -> str:
        """The effective state by calls, wrap-up and base alone."""
        if self.talking(agent):
            return "talking"
        if self.ringing(agent):
            return "answering"
        session = self.sessions[agent]
        return "adjust" if session.wrapup_until is not None else session.base

    def settle(self, at: int, skills_before: dict[int, frozenset[int]] | None) -> None:
        """End the spell of all whose effective state is another now; None: an idle one counts nowhere."""
        for agent, session in self.sessions.items():
            state = session.unexplained or self.explained(agent)
            if state == session.state:
                continue
            if session.state == "idle" and skills_before is not None:
                self.idles.append(Ended(skills_before[agent], at, max(0, at - session.since)))
            session.state, session.since = state, at

    def end_wrapups(self) -> None:
        """End every wrap-up that is over at the clock, at its own end, in the order of the ends."""
        ends = [(s.wrapup_until, agent) for agent, s in self.sessions.items() if s.wrapup_until is not None]
        for until, agent in sorted(end for end in ends if end[0] <= self.clock):
            self.sessions[agent].wrapup_until = None
            self.settle(until, {})  # only `adjust` can end here, never `idle`

    def sign_out(self, agent: int, at: int, counts: bool) -> None:
        """End the session and its ringing; the agent stays in the books of the calls he answered."""
        session = self.sessions.pop(agent)
        if session.state == "idle" and counts:
            self.idles.append(Ended(session.skills, at, max(0, at - session.since)))
        for live in self.calls.values():
            live.ringing.discard(agent)

    def on_agent_signed_in(self, e: JsonObject) -> None:
        skills = frozenset(e["skills"])
        session = self.sessions.get(e["agent"])
        if session is None:
            self.sessions[e["agent"]] = Session(e["source"], skills, e["state"], e["capacity"], e["media"])
            return
        if session.base != e["state"]:
            session.base, session.reason = e["state"], None
        session.skills, session.capacity, session.media = skills, e["capacity"], e["media"]

    def on_agent_signed_out(self, e: JsonObject) -> bool:
        if e["agent"] not in self.sessions:
            return False
        self.sign_out(e["agent"], e["at"], counts=True)
        return True

    def on_agent_skills_set(self, e: JsonObject) -> bool:
        if e["agent"] not in self.sessions:
            return False
        self.sessions[e["agent"]].skills = frozenset(e["skills"])
        return True

    def on_agent_state_set(self, e: JsonObject) -> bool:
        session = self.sessions.get(e["agent"])
        if session is None:
            return False
        session.base, session.reason, session.wrapup_until = e["state"], e.get("reason"), None
        return True

    # --- calls ---

    def begin(self, call: str, source: str, skill: int, direction: str, at: int, since: int) -> Live:
        """Let a pass enter its queue: it counts as offered at `at` and waits since `since`."""
        self.offers.append(Offer(skill, at, direction))
        self.calls[call] = Live(call, source, skill, direction, since)
        return self.calls[call]

    def leave(self, live: Live, at: int, cause: str) -> None:
        """End a wait without an answer."""
        self.left[live.skill] += 1
        if cause != "closed":
            self.waits.append(Ended(frozenset([live.skill]), at, max(0, at - live.since)))

    def answer(self, live: Live, at: int, agent: int | None, wait_known: bool = True) -> None:
        """End a wait by an answer; all ringing ends."""
        wait_ms = max(0, at - live.since) if wait_known else None
        if wait_ms is not None:
            self.waits.append(Ended(frozenset([live.skill]), at, wait_ms))
        live.answer = Answer(live.skill, at, live.direction, wait_ms)
        self.answers.append(live.answer)
        live.answered_at, live.agent, live.ringing = at, agent, set()

    def end_talk(self, live: Live, at: int, counts: bool) -> None:
        """End a talk."""
        assert live.answer is not None
        live.answer.ended_at = max(at, live.answered_at)
        if counts:
            self.talks.append(Ended(frozenset([live.skill]), at, max(0, at - live.answered_at)))

    def forget(self, call: str, at: int) -> None:
        """Drop a call that is over, or that nobody knew when it ended; remember its end (rule 8)."""
        self.calls.pop(call, None)
        self.calls_touched.pop(call, None)
        known = self.end_of(call)
        self.ended.pop(call, None)
        self.ended[call] = at if known is None else max(at, known)
        if len(self.ended) > ENDED_MAX:
            del self.ended[next(iter(self.ended))]

    def end_of(self, call: str) -> int | None:
        """When the call ended, as far as rule 8 remembers."""
        end = self.ended.get(call)
        return end if end is not None and self.clock - end <= ENDED_WINDOW_MS else None

    def close(self, live: Live, at: int) -> None:
        """End a call of which nobody knows how it really ended."""
        if live.phase == "waiting":
            self.leave(live, at, "closed")
        else:
            self.end_talk(live, at, counts=False)
        self.forget(live.call, at)

    def on_call_offered(self, e: JsonObject) -> bool:
        call, skill, at = e["call"], e["skill"], e["at"]
        end = self.end_of(call)
        if end is not None and at <= end:
            return False
        live = self.calls.get(call)
        source = live.source if live else e["source"]
        if live and live.phase == "talking":
            if at <= live.answered_at:
                return False
            self.end_talk(live, at, counts=True)
        elif live:
            if live.skill == skill:
                return True
            self.leave(live, at, "overflowed")
        self.begin(call, source, skill, e["direction"], at, min(at, e.get("since", at)))
        return True

    def on_call_alerting(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        if live is None or live.phase == "talking" or e["agent"] not in self.sessions:
            return False
        live.ringing.add(e["agent"])
        return True

    def on_call_unanswered(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        if live is None or live.phase == "talking" or e["agent"] not in self.sessions:
            return False
        live.ringing.discard(e["agent"])
        return True

    def on_call_answered(self, e: JsonObject) -> bool:
        call, at, agent = e["call"], e["at"], e.get("agent")
        live = self.calls.get(call)
        if live is None:
            if "skill" not in e:
                return False
            live = self.begin(call, e["source"], e["skill"], "in", at, at)
            self.answer(live, at, agent, wait_known=False)
        elif live.phase == "talking":
            live.agent = live.agent if agent is None else agent
        else:
            if e.get("skill", live.skill) != live.skill:
                self.leave(live, at, "overflowed")
                live = self.begin(call, live.source, e["skill"], live.direction, at, at)
            self.answer(live, at, agent)
        return True

    def on_call_left(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        if live is None:
            self.forget(e["call"], e["at"])
            return False
        if live.phase == "talking":
            return False
        self.leave(live, e["at"], e["cause"])
        self.forget(live.call, e["at"])
        return True

    def on_call_held(self, e: JsonObject) -> bool:
        return self.hold(e["call"], True)

    def on_call_resumed(self, e: JsonObject) -> bool:
        return self.hold(e["call"], False)

    def hold(self, call: str, held: bool) -> bool:
        """Set whether a talking call is on hold; talk goes on either way."""
        live = self.calls.get(call)
        if live is None or live.phase == "waiting":
            return False
        live.held = held
        return True

    def on_call_released(self, e: JsonObject) -> bool:
        at, live = e["at"], self.calls.get(e["call"])
        if live is None:
            self.forget(e["call"], at)
            return False
        if live.phase == "waiting":
            self.close(live, at)
            return True
        self.end_talk(live, at, counts=True)
        self.forget(live.call, at)
        configured_ms: int = self.skills.get(live.skill, {}).get("wrapup_ms", 0)
        wrapup_ms: int = e.get("wrapup_ms", configured_ms)
        session = self.sessions.get(live.agent) if live.agent is not None else None
        if session and wrapup_ms > 0:
            session.wrapup_until = max(at + wrapup_ms, session.wrapup_until or 0)
        return True

    # --- names, repairs, links, time ---

    def on_skill_configured(self, e: JsonObject) -> None:
        self.skills[e["skill"]] = self.skills.get(e["skill"], {}) | settings_of(e)

    def on_agent_configured(self, e: JsonObject) -> None:
        self.agents[e["agent"]] = self.agents.get(e["agent"], {}) | settings_of(e)

    def on_vdn_configured(self, e: JsonObject) -> None:
        self.vdn = self.vdn | settings_of(e)

    def on_link_lost(self, e: JsonObject) -> None:
        self.links_lost.setdefault(e["source"], e["at"])

    def on_link_restored(self, e: JsonObject) -> None:
        self.links_lost.pop(e["source"], None)

    def on_source_restarted(self, e: JsonObject) -> None:
        for live in [live for live in self.calls.values() if live.source == e["source"]]:
            self.close(live, e["at"])
        for agent in [a for a, session in self.sessions.items() if session.source == e["source"]]:
            self.sign_out(agent, e["at"], counts=False)
        self.settle(e["at"], None)

    def on_snapshot(self, e: JsonObject) -> None:
        repair.by_picture(self, e)

    def on_clock(self, e: JsonObject) -> None:
        pass


def settings_of(event: JsonObject) -> JsonObject:
    """The event's own keys, in one order."""
    return {key: event[key] for key in sorted(event) if key not in ("type", "at", "id", "source")}
