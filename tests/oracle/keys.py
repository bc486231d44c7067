"""Which keys each event knows, and what an absent one means: the tables of events.md, once more."""

from typing import Any

KNOWN: dict[str, str] = {
    "agent_signed_in": "agent skills state capacity media",
    "agent_signed_out": "agent",
    "agent_skills_set": "agent skills",
    "agent_state_set": "agent state reason",
    "call_offered": "call skill direction media caller called priority since",
    "call_alerting": "call agent",
    "call_unanswered": "call agent cause",
    "call_answered": "call agent skill",
    "call_left": "call cause",
    "call_held": "call",
    "call_resumed": "call",
    "call_released": "call by wrapup_ms",
    "skill_configured": "skill name media answer_within_ms short_wait_ms max_waiting max_wait_ms wrapup_ms",
    "agent_configured": "agent name phone media",
    "vdn_configured": "name timezone day_starts",
    "snapshot": "asked_at covers agents calls",
    "link_lost": "",
    "link_restored": "",
    "source_restarted": "",
    "clock": "",
}
ABSENT: dict[str, dict[str, Any]] = {
    "agent_signed_in": {"state": "idle", "capacity": 1, "media": 5},
    "call_offered": {"direction": "in"},
}
_AGENT = ["agent", "skills", "state", "base", "since", "capacity", "media", "reason", "wrapup_until"]
_CALL = ["call", "skill", "waiting_since", "direction", "ringing", "agent", "answered_at"]


def normal(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with its known keys only, absent ones at their defaults, skills in order."""
    kind = event["type"]
    kept = _pick(event, ["type", "at", "id", "source", *KNOWN[kind].split()])
    kept = {"source": "main", **ABSENT.get(kind, {}), **kept}
    if kind == "snapshot":
        kept["agents"] = [_pick(item, _AGENT) for item in kept["agents"]]
        kept["calls"] = [_pick(item, _CALL) for item in kept["calls"]]
    return kept


def _pick(item: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Null is absence; a list of skills is a set."""
    kept = {name: item[name] for name in names if item.get(name) is not None}
    if "skills" in kept:
        kept["skills"] = sorted(set(kept["skills"]))
    return kept
