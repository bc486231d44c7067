"""What hypothesis draws for the laws: streams of the oracle by seed, and short lists of all that is valid."""

import json
from typing import Any

from hypothesis import strategies as st

from engine.folding import NINE_MS, events_of
from queuepulse.engine.codec import decode_line
from queuepulse.engine.events import Event

JsonObject = dict[str, Any]

# Few of each, so that events meet; instants on both sides of marks, of minutes and of one another.
AGENTS = st.integers(1, 2)
QUEUES = st.integers(1, 2)
CALLS = st.sampled_from(["A", "B"])
STATES = st.sampled_from(["idle", "busy", "rest", "work", "adjust", "talking", "answering"])
AFTER_MS = [0, 1, 999, 1_000, 20_000, 20_001, 60_000, 299_999, 300_000, 300_001, 600_000, 900_001, 1_800_000]
INSTANTS = st.sampled_from([NINE_MS + after_ms for after_ms in AFTER_MS])
SKILLS = st.lists(QUEUES, max_size=2)
WRAPUPS = st.sampled_from([0, 1, 1_000, 300_000])
SOURCES = st.sampled_from(["main", "west"])


def _keys(required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[JsonObject]:
    return st.fixed_dictionaries(required, optional=optional or {})


PICTURED_AGENTS = _keys(
    {"agent": AGENTS, "skills": SKILLS, "state": STATES},
    {"base": STATES, "since": INSTANTS, "capacity": st.integers(1, 2), "wrapup_until": INSTANTS},
)
PICTURED_CALLS = _keys(
    {"call": CALLS, "skill": QUEUES, "waiting_since": INSTANTS},
    {"answered_at": INSTANTS, "agent": AGENTS, "ringing": st.lists(AGENTS, max_size=2)},
)
OWN_KEYS = {
    "agent_signed_in": _keys(
        {"agent": AGENTS, "skills": SKILLS}, {"state": STATES, "capacity": st.integers(1, 2)}
    ),
    "agent_signed_out": _keys({"agent": AGENTS}),
    "agent_skills_set": _keys({"agent": AGENTS, "skills": SKILLS}),
    "agent_state_set": _keys({"agent": AGENTS, "state": STATES}, {"reason": st.integers(1, 2)}),
    "call_offered": _keys(
        {"call": CALLS, "skill": QUEUES}, {"direction": st.sampled_from(["in", "out"]), "since": INSTANTS}
    ),
    "call_alerting": _keys({"call": CALLS, "agent": AGENTS}),
    "call_unanswered": _keys({"call": CALLS, "agent": AGENTS}),
    "call_answered": _keys({"call": CALLS}, {"agent": AGENTS, "skill": QUEUES}),
    "call_left": _keys({"call": CALLS, "cause": st.sampled_from(["abandoned", "overflowed", "closed"])}),
    "call_held": _keys({"call": CALLS}),
    "call_resumed": _keys({"call": CALLS}),
    "call_released": _keys({"call": CALLS}, {"wrapup_ms": WRAPUPS}),
    "skill_configured": _keys({"skill": QUEUES}, {"wrapup_ms": WRAPUPS}),
    "agent_configured": _keys({"agent": AGENTS}, {"name": st.just("Ada")}),
    "vdn_configured": _keys({}, {"timezone": st.sampled_from(["UTC", "Asia/Kathmandu"])}),
    # One part of the picture at a time: it covers nothing else, or everything.
    "snapshot": _keys(
        {
            "asked_at": INSTANTS,
            "covers": st.sampled_from([["agents"], ["waiting"], ["agents", "waiting", "talking"]]),
            "agents": st.lists(PICTURED_AGENTS, max_size=2),
            "calls": st.lists(PICTURED_CALLS, max_size=2),
        }
    ),
    "link_lost": _keys({}),
    "link_restored": _keys({}),
    "source_restarted": _keys({}),
    "clock": _keys({}),
}


@st.composite
def _one(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(sorted(OWN_KEYS)))
    told = {"type": kind, "at": draw(INSTANTS), **draw(OWN_KEYS[kind])}
    if draw(st.booleans()):
        told["source"] = draw(SOURCES)
    # A picture without an id is kept whole, in an order of its own: `test_equal_bytes` has its case.
    if kind == "snapshot" or draw(st.booleans()):
        told["id"] = draw(st.text("abcdef", min_size=1, max_size=3))
    return decode_line(json.dumps(told).encode(), 1)


SHORT_LISTS = st.lists(_one(), min_size=1, max_size=14)
STREAMS = st.builds(events_of, st.integers(0, 199), st.just(60))
"""Streams of the oracle: most of their events fit the state in which they come."""
EVENTS = SHORT_LISTS | STREAMS
LATER_MS = st.sampled_from([0, 1, 999, 1_000, 59_000, 299_999, 300_000, 1_000_000, 86_400_000])
"""How long after the clock a question may be asked."""
