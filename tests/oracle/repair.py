"""Repair by a picture: what the `snapshot` part of events.md says, in its order: sessions, calls, states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .state import Live, Session

if TYPE_CHECKING:
    from .model import Oracle

JsonObject = dict[str, Any]

UNEXPLAINABLE = ("talking", "answering", "adjust")


def by_picture(vdn: Oracle, e: JsonObject) -> None:
    """Make what belongs to the source equal to its picture, where it covers and nothing newer touched."""
    asked_at, agents_covered = e["asked_at"], "agents" in e["covers"]
    # Looked up first: the repair itself must not count as newer.
    calls_newer = {call for call, at in vdn.calls_touched.items() if at >= asked_at}
    calls_newer |= {call for call in vdn.ended if (vdn.end_of(call) or -1) >= asked_at}
    agents_newer = {agent for agent, at in vdn.agents_touched.items() if at >= asked_at}
    agents = {item["agent"]: item for item in e["agents"]} if agents_covered else {}
    agents = {
        agent: item
        for agent, item in agents.items()
        if agent not in agents_newer
        and (agent not in vdn.sessions or vdn.sessions[agent].source == e["source"])
    }
    if agents_covered:
        shown = {item["agent"] for item in e["agents"]}
        for agent, session in list(vdn.sessions.items()):
            if session.source == e["source"] and agent not in shown | agents_newer:
                vdn.sign_out(agent, e["at"], counts=False)
        for agent, item in agents.items():
            repair_session(vdn, agent, item, e["source"])
    repair_calls(vdn, e, calls_newer)
    for agent, item in agents.items():
        repair_state(vdn, agent, item)
    vdn.settle(e["at"], None)
    for agent, item in agents.items():
        if "since" in item and vdn.sessions[agent].state == item["state"]:
            vdn.sessions[agent].since = min(item["since"], e["at"])


def repair_session(vdn: Oracle, agent: int, item: JsonObject, source: str) -> None:
    """Sign the agent in, or set his skills; an absent capacity or media stays as it is."""
    skills = frozenset(item["skills"])
    session = vdn.sessions.setdefault(agent, Session(source, skills, "idle", 1, 5))
    session.skills = skills
    session.capacity = item.get("capacity", session.capacity)
    session.media = item.get("media", session.media)


def repair_calls(vdn: Oracle, e: JsonObject, newer: set[str]) -> None:
    """Close what the picture does not hold, then take each of its calls over."""
    calls = {item["call"]: item for item in e["calls"]}
    for live in list(vdn.calls.values()):
        absent = live.call not in calls and live.call not in newer
        if absent and live.source == e["source"] and live.phase in e["covers"]:
            vdn.close(live, e["at"])
    for call, item in calls.items():
        phase = "talking" if "answered_at" in item else "waiting"
        held_by = vdn.calls[call].source if call in vdn.calls else e["source"]
        if phase in e["covers"] and call not in newer and held_by == e["source"]:
            repair_call(vdn, e, item, phase)


def repair_call(vdn: Oracle, e: JsonObject, item: JsonObject, phase: str) -> None:
    """Take one call of the picture over: the same pass, one that lacks only its answer, or another."""
    call, skill, at = item["call"], item["skill"], e["at"]
    since, answered_at = min(item["waiting_since"], at), min(item.get("answered_at", at), at)
    live = vdn.calls.get(call)
    same_queue = live is not None and live.skill == skill
    if live and not (same_queue and (live.phase == phase or phase == "talking")):
        if live.phase not in e["covers"]:
            return
        vdn.close(live, at)
        live = None
    if live is None:
        live = vdn.begin(call, e["source"], skill, item.get("direction", "in"), since, since)
    live.since = since
    if phase == "waiting":
        ring(vdn, live, item)
    elif live.phase == "waiting":
        vdn.answer(live, answered_at, item.get("agent"))
    else:
        live.answered_at, live.agent = answered_at, item.get("agent", live.agent)


def ring(vdn: Oracle, live: Live, item: JsonObject) -> None:
    """Let it ring where the picture says; agents are never invented."""
    if "ringing" in item:
        live.ringing = set(item["ringing"]) & set(vdn.sessions)


def repair_state(vdn: Oracle, agent: int, item: JsonObject) -> None:
    """Set base, wrap-up and what nothing explains: the effective state is the picture's if it can be."""
    session, state = vdn.sessions[agent], item["state"]
    session.unexplained = None
    if state not in UNEXPLAINABLE:
        kept = session.reason if session.base == state else None
        session.base, session.reason, session.wrapup_until = state, item.get("reason", kept), None
        return
    base = item.get("base", session.base)
    if "wrapup_until" in item:
        session.wrapup_until = item["wrapup_until"]
    if not (state == "adjust" and "wrapup_until" in item) and vdn.explained(agent) != state:
        session.unexplained = state
        base = item.get("base", "idle")
    if base != session.base:
        session.base, session.reason = base, None
