"""The worked example of statistics.md, every figure that it names, against the oracle."""

from typing import Any

import pytest

from .model import Oracle

NINE_MS = 1_767_258_000_000  # 2026-01-01 09:00:00 UTC, a five-minute mark
FIGURES = {
    "login": "agentLoginNums",
    "talking": "agentTalkingNums",
    "rest": "agentRestNums",
    "idle": "agentIdleNums",
    "available": "agentAvailableNums",
    "work": "agentWorkNums",
    "waiting": "callWaitNums",
    "processing": "processingCallNums",
    "total": "totalCallNums",
    "inbound": "allCallCount",
    "in_20_s": "cnnedIn20sCallCount",
    "longest_wait": "maxCallWaitTimesIn5",
    "mean_wait": "evenWaitTimeIn5",
    "mean_talk": "evenCallTimeIn5",
    "longest_idle": "agentMaxIdleTimeIn5",
}
EVENTS: list[tuple[int, str, dict[str, Any]]] = [
    (1_000, "agent_signed_in", {"agent": 101, "skills": [1, 2]}),
    (1_000, "agent_signed_in", {"agent": 102, "skills": [1]}),
    (10_000, "call_offered", {"call": "A", "skill": 1}),
    (12_000, "call_alerting", {"call": "A", "agent": 101}),
    (18_500, "call_answered", {"call": "A", "agent": 101}),
    (20_000, "call_offered", {"call": "B", "skill": 1}),
    (30_000, "agent_state_set", {"agent": 102, "state": "rest"}),
    (45_000, "call_left", {"call": "B", "cause": "abandoned"}),
    (78_500, "call_released", {"call": "A", "wrapup_ms": 10_000}),
]


def asked(skill: int, after_ms: int) -> dict[str, int]:
    """The row of a queue, asked `after_ms` after nine, when the events until then are in the log."""
    oracle = Oracle()
    for at, kind, keys in EVENTS:
        if at <= after_ms:
            assert oracle.apply({"type": kind, "at": NINE_MS + at, **keys}) == "applied"
    return oracle.rows([skill], NINE_MS + after_ms)[0]


@pytest.mark.parametrize(
    ("skill", "after_ms", "expected"),
    [
        (
            1,
            40_000,
            (
                "login=2 talking=1 rest=1 idle=0 available=0 waiting=1 processing=1 total=1 inbound=2 "
                "in_20_s=1 longest_wait=20 mean_wait=8 mean_talk=0 longest_idle=29"
            ),
        ),
        (
            1,
            80_000,
            (
                "talking=0 work=1 rest=1 waiting=0 processing=0 total=1 "
                "longest_wait=25 mean_wait=16 mean_talk=60"
            ),
        ),
        (1, 88_499, "work=1 idle=0"),
        (1, 88_500, "work=0 idle=1"),
        (
            1,
            300_000,
            "inbound=0 in_20_s=0 longest_wait=0 mean_wait=0 mean_talk=0 longest_idle=211 total=1",
        ),
        (
            2,
            40_000,
            (
                "login=1 talking=1 longest_idle=11 waiting=0 processing=0 total=0 inbound=0 in_20_s=0 "
                "longest_wait=0 mean_wait=0 mean_talk=0"
            ),
        ),
    ],
)
def test_the_worked_example_gives_the_figures_named_there(skill: int, after_ms: int, expected: str) -> None:
    row = asked(skill, after_ms)
    named = {FIGURES[name]: int(value) for name, value in (part.split("=") for part in expected.split())}
    assert {name: row[name] for name in named} == named
