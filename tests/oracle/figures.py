"""The nineteen figures of statistics.md, each counted from the model's lists as the table words it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .days import day_start_ms

if TYPE_CHECKING:
    from .model import Oracle

FIVE_MINUTES_MS = 300_000


def row(vdn: Oracle, skill: int, now: int) -> dict[str, int]:
    """Return one row of `skill/stateinfo`; the model's time must have come to `now` already."""
    mark = now // FIVE_MINUTES_MS * FIVE_MINUTES_MS
    here = {agent: s for agent, s in vdn.sessions.items() if skill in s.skills}
    states = [session.state for session in here.values()]
    passes = [live for live in vdn.calls.values() if live.skill == skill]
    waiting = [max(0, now - live.since) for live in passes if live.phase == "waiting"]
    idling = [max(0, now - s.since) for s in here.values() if s.state == "idle"]
    waited, talked, idled = (
        [ended.ms for ended in spells if skill in ended.skills and ended.at >= mark]
        for spells in (vdn.waits, vdn.talks, vdn.idles)
    )
    answered_in = [a for a in vdn.answers if a.skill == skill and a.direction == "in" and a.at >= mark]
    return {
        "skillId": skill,
        "agentLoginNums": len(here),
        "agentTalkingNums": states.count("talking"),
        "agentIdleNums": states.count("idle"),
        "agentAvailableNums": sum(available(vdn, agent) for agent in here),
        "agentSetBusyNums": states.count("busy"),
        "agentRestNums": states.count("rest"),
        "agentMaxIdleTimeIn5": max(idling + idled, default=0) // 1000,
        "agentWorkNums": states.count("work") + states.count("adjust"),
        "agentStudyNums": states.count("study"),
        "agentOccupyNums": states.count("occupied"),
        "agentPreOccupyNums": states.count("preoccupied"),
        "totalCallNums": total(vdn, skill, now),
        "processingCallNums": len(passes) - len(waiting),
        "maxCallWaitTimesIn5": max(waiting + waited, default=0) // 1000,
        "callWaitNums": len(waiting),
        "evenCallTimeIn5": mean_s(talked),
        "evenWaitTimeIn5": mean_s(waited),
        "allCallCount": sum(o.skill == skill and o.direction == "in" and o.at >= mark for o in vdn.offers),
        "cnnedIn20sCallCount": sum(a.wait_ms is not None and a.wait_ms <= 20_000 for a in answered_in),
    }


def available(vdn: Oracle, agent: int) -> bool:
    """Whether the agent can take one more contact now."""
    session = vdn.sessions[agent]
    if session.state == "idle":
        return True
    contacts = len(vdn.ringing(agent)) + len(vdn.talking(agent))
    room = session.capacity > 1 and session.base == "idle" and contacts < session.capacity
    return room and session.wrapup_until is None and session.unexplained is None


def total(vdn: Oracle, skill: int, now: int) -> int:
    """Passes answered in the statistics day, or being processed when it began."""
    start = day_start_ms(now, vdn.vdn["timezone"], vdn.vdn["day_starts"])
    return sum(
        a.skill == skill and (a.at >= start or a.ended_at is None or a.ended_at >= start) for a in vdn.answers
    )


def mean_s(spells_ms: list[int]) -> int:
    """The mean in whole seconds, rounded down; 0 of nothing."""
    return sum(spells_ms) // (len(spells_ms) * 1000) if spells_ms else 0
