"""What the keys of the live interface mean, and its tables for the documentation, in Markdown."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from queuepulse.engine.views import AgentCounts, AgentView, FiveView, QueueView, TodayView
from queuepulse.live.endpoints import ENDPOINTS
from queuepulse.people import ROLES


def _listed(kind: type[msgspec.Struct]) -> str:
    return ", ".join(f"`{name}`" for name in kind.__struct_fields__)


QUEUE_KEYS: Final = {
    "skill": "Its id.",
    "name": "What it is called, or `null`.",
    "waiting": "Calls that wait.",
    "oldest_waiting_since_ms": "Since when the first of them waits, or `null`.",
    "in_talk": "Calls answered and not released.",
    "agents": f"Agents signed in, by state: {_listed(AgentCounts)}.",
    "signed_in": "Agents signed in to it.",
    "available": "Those who can take one more contact now.",
    "longest_idle_since_ms": "Since when the one who is free longest is free, or `null`.",
    "five": "The five minutes that run.",
    "last_five": "The five minutes before.",
    "today": f"The statistics day: {_listed(TodayView)}.",
}
FIVE_KEYS: Final = {
    "offered": "Calls that came into the queue.",
    "offered_in": "… inbound ones.",
    "answered": "Calls answered.",
    "answered_in_20s": "Inbound calls answered after at most 20 s.",
    "left": "Calls that left unanswered, however.",
    "abandoned": "… because the caller hung up.",
    "waits": "Waits that ended, however.",
    "wait_ms": "… their sum.",
    "wait_ms_max": "… the longest.",
    "talks": "Talks that ended.",
    "talk_ms": "… their sum, hold included.",
    "talk_ms_max": "… the longest.",
    "hold_ms": "… hold in them.",
    "idle_ms_max": "The longest idle spell that ended.",
}
AGENT_KEYS: Final = {
    "agent": "His id.",
    "name": "What he is called, or `null`.",
    "phone": "His telephone, or `null`.",
    "state": f"One of {_listed(AgentCounts)}.",
    "since_ms": "Since when he is in it.",
    "reason": "Why, as text or number, or `null`.",
    "skills": "The queues that he is signed in to.",
    "talks": "Calls that he talks in.",
    "wrapup_until_ms": "When his wrap-up ends, or `null`.",
}
for _kind, _keys in ((QueueView, QUEUE_KEYS), (FiveView, FIVE_KEYS), (AgentView, AGENT_KEYS)):
    assert tuple(_keys) == _kind.__struct_fields__, "a key is described, in its order"


def tables() -> dict[str, str]:
    """The tables by name."""
    addresses = [
        (one.method, f"`{one.path}`", ", ".join(f"`{view}`" for view in sorted(one.views)), one.does)
        for one in ENDPOINTS
    ]
    roles = [(f"`{row.role.value}`", "whole" if row.sees_numbers else "masked", row.meaning) for row in ROLES]
    return {
        "live addresses": _table(("method", "address", "for whom one of these views is", "does"), addresses),
        "roles": _table(("role", "telephone numbers", "meaning"), roles),
        "live queue": _keys_table(QUEUE_KEYS),
        "live five": _keys_table(FIVE_KEYS),
        "live agent": _keys_table(AGENT_KEYS),
    }


def _keys_table(keys: dict[str, str]) -> str:
    return _table(("key", "means"), ((f"`{name}`", meaning) for name, meaning in keys.items()))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
