"""History by the slow second reading: lists of all that happened, and sums over them for any period.

Nothing here is shared with the engine's records. Durations are milliseconds, instants epoch milliseconds.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .days import day_start_ms
from .model import JsonObject, Oracle
from .state import Live

FIVE_MS = 300_000
DAY_MS = 86_400_000
THRESHOLDS_S = (3, 5, 10, 15, 20, 30, 40, 50, 60)
FAR_MS = 2**60


class Stretch(NamedTuple):
    """An agent's time in one state and in these queues."""

    agent: int
    begin: int
    end: int
    state: str
    skills: frozenset[int]


@dataclass
class Visit:
    """One pass; `wait` is None while it waits and where nobody knows it."""

    call: str
    skill: int
    at: int
    since: int
    direction: str
    again: str = ""
    answered_at: int | None = None
    agent: int | None = None
    left_at: int | None = None
    cause: str = ""
    wait: int | None = None
    limit: int = 20_000
    short: int = 5_000


@dataclass
class Happened:
    """A duration of a queue and an agent (0: none) that ended at `at`."""

    at: int
    skill: int
    agent: int
    ms: int
    hold: int = 0


@dataclass
class Counts:
    """The sums of one queue or one agent over one period, by the names of the engine's fields."""

    sums: Counter[str] = field(default_factory=Counter)
    waits: list[int] = field(default_factory=list)
    talks: list[int] = field(default_factory=list)
    holds: list[int] = field(default_factory=list)
    wrapups: list[int] = field(default_factory=list)


class Historian(Oracle):
    """An oracle that remembers everything."""

    def __init__(self) -> None:
        super().__init__()
        self.visits: list[Visit] = []
        self.live: dict[str, Visit] = {}
        self.chains: dict[str, list[tuple[int, int]]] = {}
        self.talked: list[Happened] = []
        self.wrapped: list[Happened] = []
        self.rang: list[Happened] = []
        self.unanswered: list[Happened] = []
        self.held_since: dict[str, int] = {}
        self.held_ms: Counter[str] = Counter()
        self.wrapping: dict[int, tuple[int, int]] = {}
        self.open: dict[int, tuple[int, str, frozenset[int]]] = {}
        self.over: list[Stretch] = []
        self.signed_out: dict[int, int] = {}

    # --- passes ---

    def begin(self, call: str, source: str, skill: int, direction: str, at: int, since: int) -> Live:
        visit = Visit(call, skill, at, since, direction)
        chain = self.chains[call] = self.chains.get(call, []) if call in self.calls else []
        last = [was for where, was in chain if where == skill][-1:]
        if last:
            midnight = day_start_ms(self.clock, self.vdn["timezone"], self.vdn["day_starts"])
            if last[0] // FIVE_MS == at // FIVE_MS:
                visit.again = "again"
            elif (last[0] >= midnight) == (at >= midnight):
                visit.again = "again_today"
        chain.append((skill, at))
        self.visits.append(visit)
        self.live[call] = visit
        return super().begin(call, source, skill, direction, at, since)

    def answer(self, live: Live, at: int, agent: int | None, wait_known: bool = True) -> None:
        visit = self.live[live.call]
        visit.since, visit.answered_at = live.since, at
        visit.agent = agent if agent in self.sessions else None
        visit.wait = max(0, at - live.since) if wait_known else None
        visit.limit = self.skills.get(live.skill, {}).get("answer_within_ms", 20_000)
        self.held_since.pop(live.call, None)
        self.held_ms.pop(live.call, None)
        super().answer(live, at, agent, wait_known)

    def leave(self, live: Live, at: int, cause: str) -> None:
        visit = self.live[live.call]
        visit.since, visit.left_at, visit.cause = live.since, at, cause
        visit.wait = None if cause == "closed" else max(0, at - live.since)
        configured = self.skills.get(live.skill, {})
        visit.limit = configured.get("answer_within_ms", 20_000)
        visit.short = configured.get("short_wait_ms", 5_000)
        super().leave(live, at, cause)

    def end_talk(self, live: Live, at: int, counts: bool) -> None:
        if counts:
            hold = self.held_ms[live.call]
            if live.held:
                hold += max(0, at - self.held_since[live.call])
            agent = live.agent if live.agent in self.sessions else 0
            self.talked.append(Happened(at, live.skill, agent or 0, max(0, at - live.answered_at), hold))
        super().end_talk(live, at, counts)

    def on_call_held(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        if live and live.phase == "talking" and not live.held:
            self.held_since[live.call] = e["at"]
        return super().on_call_held(e)

    def on_call_resumed(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        if live and live.phase == "talking" and live.held:
            self.held_ms[live.call] += max(0, e["at"] - self.held_since[live.call])
        return super().on_call_resumed(e)

    def on_call_alerting(self, e: JsonObject) -> bool:
        before = set(self.ringing(e["agent"]))
        fits = super().on_call_alerting(e)
        if fits and e["call"] not in before:
            self.rang.append(Happened(e["at"], 0, e["agent"], 0))
        return fits

    def on_call_unanswered(self, e: JsonObject) -> bool:
        before = set(self.ringing(e["agent"]))
        fits = super().on_call_unanswered(e)
        if fits and e["call"] in before:
            self.unanswered.append(Happened(e["at"], 0, e["agent"], 0))
        return fits

    # --- wrap-ups ---

    def wrapup_over(self, agent: int, at: int) -> None:
        if agent in self.wrapping:
            skill, since = self.wrapping.pop(agent)
            self.wrapped.append(Happened(at, skill, agent, max(0, at - since)))

    def on_call_released(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        session = self.sessions.get(live.agent) if live and live.agent is not None else None
        before = session.wrapup_until if session else None
        fits = super().on_call_released(e)
        if session and live and live.agent is not None and session.wrapup_until != before:
            self.wrapup_over(live.agent, e["at"])
            self.wrapping[live.agent] = (live.skill, e["at"])
        return fits

    def on_agent_state_set(self, e: JsonObject) -> bool:
        if e["agent"] in self.sessions:
            self.wrapup_over(e["agent"], e["at"])
        return super().on_agent_state_set(e)

    def sign_out(self, agent: int, at: int, counts: bool) -> None:
        if counts:
            self.wrapup_over(agent, at)
        self.wrapping.pop(agent, None)
        super().sign_out(agent, at, counts)

    def end_wrapups(self) -> None:
        ends = [(s.wrapup_until, agent) for agent, s in self.sessions.items() if s.wrapup_until is not None]
        for until, agent in sorted(end for end in ends if end[0] <= self.clock):
            self.wrapup_over(agent, until)
        super().end_wrapups()

    def on_snapshot(self, e: JsonObject) -> None:
        super().on_snapshot(e)
        for agent in list(self.wrapping):
            if agent not in self.sessions or self.sessions[agent].wrapup_until is None:
                del self.wrapping[agent]

    # --- the time of agents ---

    def settle(self, at: int, skills_before: dict[int, frozenset[int]] | None) -> None:
        super().settle(at, skills_before)
        self.note_time(at)

    def apply(self, event: JsonObject) -> str:
        outcome = super().apply(event)
        self.note_time(event["at"])
        return outcome

    def note_time(self, at: int) -> None:
        """Notes whose state or queues are others now, as of `at`, or of the begin of the stretch it ends."""
        for agent in sorted({*self.open, *self.sessions}):
            session, known = self.sessions.get(agent), self.open.get(agent)
            shown = (session.state or "", session.skills) if session else None
            if shown == (known and known[1:]):
                continue
            begin = max(at, known[0] if known else self.signed_out.get(agent, 0))
            begin = max(begin, self.clock // FIVE_MS * FIVE_MS - DAY_MS)
            if known:
                del self.open[agent]
                self.over.append(Stretch(agent, known[0], begin, known[1], known[2]))
                self.signed_out[agent] = begin
            if shown:
                self.open[agent] = (begin, *shown)

    # --- sums ---

    def queue(self, skill: int, begin: int, end: int) -> Counts:
        """All of one queue in [begin, end)."""
        found = Counts()
        for visit in self.visits:
            if visit.skill == skill:
                self._add_visit(found, visit, begin, end)
        self._add_spells(found, [one for one in self.talked if one.skill == skill], begin, end)
        self._add_wrapups(found, [one for one in self.wrapped if one.skill == skill], begin, end)
        idles = [one.ms for one in self.idles if skill in one.skills and begin <= one.at < end]
        found.sums["idle_ms_max"] = max(idles, default=0)
        self._add_time(found, [one for one in self.stretches() if skill in one.skills], begin, end)
        return found

    def agent(self, agent: int, begin: int, end: int) -> Counts:
        """All of one agent in [begin, end)."""
        found = Counts()
        for name, ones in (("rings", self.rang), ("unanswered", self.unanswered)):
            found.sums[name] = sum(one.agent == agent and begin <= one.at < end for one in ones)
        found.sums["answered"] = sum(
            visit.agent == agent and visit.answered_at is not None and begin <= visit.answered_at < end
            for visit in self.visits
        )
        self._add_spells(found, [one for one in self.talked if one.agent == agent], begin, end)
        self._add_wrapups(found, [one for one in self.wrapped if one.agent == agent], begin, end)
        self._add_time(found, [one for one in self.stretches() if one.agent == agent], begin, end)
        return found

    def stretches(self) -> Iterator[Stretch]:
        """All time of all agents; what goes on ends far away."""
        yield from self.over
        for agent, (begin, state, skills) in self.open.items():
            yield Stretch(agent, begin, FAR_MS, state, skills)

    def _add_visit(self, found: Counts, visit: Visit, begin: int, end: int) -> None:
        sums = found.sums
        if begin <= visit.at < end:
            sums["offered"] += 1
            sums["offered_in"] += visit.direction == "in"
            if visit.again:
                sums[visit.again] += 1
        over = visit.answered_at if visit.answered_at is not None else visit.left_at
        here = over is not None and begin <= over < end
        if here:
            sums["answered" if visit.answered_at is not None else f"left_{visit.cause}"] += 1
        for seconds in THRESHOLDS_S:
            name = self._service(visit, seconds * 1000, begin, end)
            if name:
                sums[f"{name}_{seconds}"] += 1
        own = self._service(visit, visit.limit, begin, end)
        if own:
            sums[{"within": "answered_in_time", "given_up": "abandoned_in_time"}.get(own, own)] += 1
        if not here or visit.wait is None:
            return
        found.waits.append(visit.wait)
        if visit.answered_at is not None:
            sums["waits_answered"] += 1
            sums["wait_ms_answered"] += visit.wait
            sums["answered_in_20s"] += visit.direction == "in" and visit.wait <= 20_000
        else:
            sums["short_abandoned"] += visit.cause == "abandoned" and visit.wait < visit.short
            for seconds in THRESHOLDS_S:
                sums[f"left_within_{seconds}"] += visit.wait <= seconds * 1000

    @staticmethod
    def _service(visit: Visit, limit: int, begin: int, end: int) -> str:
        """What the service-level event of the pass in the period is: within, given_up, missed; or nothing."""
        if visit.answered_at is not None and visit.wait is None:
            return "missed" if begin <= visit.answered_at < end else ""
        if visit.wait is None:
            return ""
        if visit.wait > limit:
            return "missed" if begin <= visit.since + limit < end else ""
        if visit.answered_at is not None:
            return "within" if begin <= visit.answered_at < end else ""
        given_up = visit.cause == "abandoned" and visit.left_at is not None and begin <= visit.left_at < end
        return "given_up" if given_up else ""

    @staticmethod
    def _add_spells(found: Counts, talks: list[Happened], begin: int, end: int) -> None:
        for talk in talks:
            if begin <= talk.at < end:
                found.talks.append(talk.ms)
                if talk.hold:
                    found.holds.append(talk.hold)

    @staticmethod
    def _add_wrapups(found: Counts, wrapups: list[Happened], begin: int, end: int) -> None:
        found.wrapups += [one.ms for one in wrapups if begin <= one.at < end]

    @staticmethod
    def _add_time(found: Counts, stretches: list[Stretch], begin: int, end: int) -> None:
        for one in stretches:
            ms = min(one.end, end) - max(one.begin, begin)
            if ms > 0:
                found.sums[f"{one.state}_ms"] += ms


def told(counts: Counts) -> dict[str, Any]:
    """The sums with those of the lists."""
    figures = {name: value for name, value in counts.sums.items() if value}
    for name, values in (
        ("wait", counts.waits),
        ("talk", counts.talks),
        ("hold", counts.holds),
        ("wrapup", counts.wrapups),
    ):
        if values:
            figures |= {f"{name}s": len(values), f"{name}_ms": sum(values), f"{name}_ms_max": max(values)}
    return {name: value for name, value in figures.items() if value}
