"""The passes of calls by the slow second reading: what stays of each when it has ended.

Nothing here is shared with the engine's records. Instants are epoch milliseconds; None is what never was.
"""

from dataclasses import dataclass, field

from .history import Historian
from .model import JsonObject
from .state import Live


@dataclass
class Stay:
    """One pass; `call_at` is when the first of its call was offered, `number` which of the call it is."""

    call: str
    call_at: int
    number: int
    skill: int
    direction: str
    offered: int
    since: int
    answered: int | None = None
    ended: int | None = None
    outcome: str = "waiting"
    agent: int | None = None
    hold: int = 0
    wrapup: int = 0
    wait_known: bool = True
    short: bool = False
    rang: list[tuple[int, int]] = field(default_factory=list)
    taken: list[tuple[int, int]] = field(default_factory=list)


class Registrar(Historian):
    """A historian that writes down each pass; `over` has those that ended, in that order."""

    def __init__(self) -> None:
        super().__init__()
        self.stays: dict[str, Stay] = {}
        self.ended_stays: list[Stay] = []
        self.moves_on = False

    def begin(self, call: str, source: str, skill: int, direction: str, at: int, since: int) -> Live:
        call_at, number = at, 1
        if call in self.calls:
            call_at, number = self.stays[call].call_at, self.stays[call].number + 1
        self.stays[call] = Stay(call, call_at, number, skill, direction, at, since)
        return super().begin(call, source, skill, direction, at, since)

    def answer(self, live: Live, at: int, agent: int | None, wait_known: bool = True) -> None:
        stay = self.stays[live.call]
        stay.since, stay.answered, stay.agent, stay.wait_known = live.since, at, agent, wait_known
        stay.outcome = "talking"
        super().answer(live, at, agent, wait_known)

    def leave(self, live: Live, at: int, cause: str) -> None:
        stay = self.stays[live.call]
        stay.since, stay.ended, stay.outcome = live.since, at, cause
        too_soon = self.skills.get(live.skill, {}).get("short_wait_ms", 5_000)
        stay.short = cause == "abandoned" and max(0, at - live.since) < too_soon
        self.ended_stays.append(stay)
        super().leave(live, at, cause)

    def end_talk(self, live: Live, at: int, counts: bool) -> None:
        stay = self.stays[live.call]
        stay.ended = at
        stay.outcome = "closed" if not counts else "transferred" if self.moves_on else "released"
        stay.hold = self.held_ms[live.call]
        if live.held and counts:
            stay.hold += max(0, at - self.held_since[live.call])
        self.ended_stays.append(stay)
        super().end_talk(live, at, counts)

    def on_call_offered(self, e: JsonObject) -> bool:
        self.moves_on = True
        fits = super().on_call_offered(e)
        self.moves_on = False
        return fits

    def on_call_alerting(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        before = set(live.ringing) if live else set()
        fits = super().on_call_alerting(e)
        if fits and live and e["agent"] not in before:
            self.stays[live.call].rang.append((e["agent"], e["at"]))
        return fits

    def on_call_answered(self, e: JsonObject) -> bool:
        live, agent = self.calls.get(e["call"]), e.get("agent")
        if live and live.phase == "talking" and agent is not None:
            stay = self.stays[live.call]
            if stay.agent is not None and stay.agent != agent:
                stay.taken.append((stay.agent, e["at"]))
            stay.agent = agent
        return super().on_call_answered(e)

    def on_call_released(self, e: JsonObject) -> bool:
        live = self.calls.get(e["call"])
        fits = super().on_call_released(e)
        if live and live.phase == "talking" and live.agent is not None:
            given: int = e.get("wrapup_ms", self.skills.get(live.skill, {}).get("wrapup_ms", 0))
            self.stays[live.call].wrapup = given
        return fits
