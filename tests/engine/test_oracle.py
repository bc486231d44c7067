"""The engine gives what the slow second reading of the specification gives, after every event, always."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from engine.folding import SKILLS, all_fives, events_of, stream_of
from oracle.figures import row
from oracle.model import Oracle
from oracle.streams import questions
from queuepulse.engine.codec import decode_line
from queuepulse.engine.vdn import Vdn

SEEDS = range(60)
LENGTH = 100
FIGURES = {
    "skill": "skillId",
    "signed_in": "agentLoginNums",
    "talking": "agentTalkingNums",
    "idle": "agentIdleNums",
    "available": "agentAvailableNums",
    "busy": "agentSetBusyNums",
    "rest": "agentRestNums",
    "idle_s_max": "agentMaxIdleTimeIn5",
    "work": "agentWorkNums",
    "study": "agentStudyNums",
    "occupied": "agentOccupyNums",
    "preoccupied": "agentPreOccupyNums",
    "answered_today": "totalCallNums",
    "in_talk": "processingCallNums",
    "wait_s_max": "maxCallWaitTimesIn5",
    "waiting": "callWaitNums",
    "talk_s_mean": "evenCallTimeIn5",
    "wait_s_mean": "evenWaitTimeIn5",
    "offered_in": "allCallCount",
    "answered_in_20s": "cnnedIn20sCallCount",
}


def engine_rows(vdn: Vdn, now_ms: int) -> list[dict[str, int]]:
    rows = (msgspec.structs.asdict(one) for one in vdn.rows(SKILLS, now_ms))
    return [{FIGURES[name]: value for name, value in one.items()} for one in rows]


def disagreement(drawn: Sequence[dict[str, Any]], asked: Sequence[tuple[int, int]] = ()) -> str | None:
    """The first difference of the two readings, in words; `asked` are (events before, now), in order."""
    oracle, vdn, to_ask = Oracle(), Vdn(), list(asked)
    for number, one in enumerate(drawn, 1):
        outcome, expected = (
            vdn.apply(decode_line(json.dumps(one).encode(), number)).name.lower(),
            oracle.apply(one),
        )
        # What neither figures nor outcomes for an operator tell apart is left to the engine.
        if (outcome == "out_of_place") != (expected == "out_of_place"):
            return f"event {number} is {outcome}, and should be {expected}"
        instants = [oracle.clock]
        while to_ask and to_ask[0][0] == number:
            instants.append(to_ask.pop(0)[1])
        for now_ms in instants:
            # At its clock the oracle needs no copy of itself for a look ahead.
            at_clock = now_ms <= oracle.clock
            right = (
                [row(oracle, s, oracle.clock) for s in SKILLS] if at_clock else oracle.rows(SKILLS, now_ms)
            )
            for ours, theirs in zip(engine_rows(vdn, now_ms), right, strict=True):
                wrong = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
                if wrong:
                    where = f"after event {number}, at {now_ms}, queue {ours['skillId']}"
                    return f"{where}: (engine, oracle) {wrong}"
        for skill, queue in vdn.books.queues.items():
            counted = {name: getattr(queue, name) for name in ("offered", "answered", "left", "waiting")}
            if counted != oracle.books(skill):
                return f"after event {number}, queue {skill}: {counted}, and should be {oracle.books(skill)}"
    return None


def report(drawn: list[dict[str, Any]], asked: Sequence[tuple[int, int]]) -> str:
    """The disagreement on the fewest events that still show one when others are left out."""
    said = disagreement(drawn, asked)
    if said is None:
        return ""
    fewest = drawn
    position = 0
    while position < len(fewest):
        without = fewest[:position] + fewest[position + 1 :]
        shown = disagreement(without, [(len(without), now_ms) for _, now_ms in asked])
        if shown:
            fewest, said = without, shown
        else:
            position += 1
    return "\n".join([said, *(json.dumps(one) for one in fewest)])


@pytest.mark.parametrize("snapshots", [False, True], ids=["plain", "with pictures"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_engine_agrees_with_the_oracle(seed: int, snapshots: bool) -> None:
    drawn = stream_of(seed, LENGTH, snapshots=snapshots)
    asked = questions(seed, drawn, count=6)
    assert disagreement(drawn, asked) is None, report(drawn, asked)


def test_a_disagreement_is_told_with_few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Oracle, "on_call_left", lambda self, event: True)
    drawn = stream_of(0, LENGTH, snapshots=False)
    told = report(drawn, [])
    assert "call_left" in told.splitlines()[-1]
    assert len(told.splitlines()) < 12


@pytest.mark.parametrize("seed", SEEDS)
def test_the_five_minutes_add_up_to_the_counters(seed: int) -> None:
    """Whatever happened late, no count is lost and none is made twice, however often records are drained."""
    vdn, drained, sums = Vdn(), [], {}
    for number, one in enumerate(events_of(seed, LENGTH, snapshots=False)):
        vdn.apply(one)
        if number % 7 == seed % 7:
            drained += vdn.advance(vdn.clock_ms)
    for five in all_fives(vdn, drained):
        count = sums.setdefault(five.skill, [0, 0, 0])
        count[:] = [count[0] + five.offered, count[1] + five.answered, count[2] + sum(five.left)]
    queues = vdn.books.queues
    totals = {skill: [queue.offered, queue.answered, queue.left] for skill, queue in queues.items()}
    assert sums == {skill: total for skill, total in totals.items() if any(total)}
