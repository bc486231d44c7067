"""Snapshots of formats before this one, as the newest has them: a new release folds no log anew.

What an older engine did not keep begins then: nothing is told of the time before.
"""

from typing import Any, Final

from queuepulse.engine.calls import TALKING, WAITING

WITHOUT_ACCOUNTS: Final = 1
"""The format before sources had accounts: theirs begin anew."""
WITHOUT_FACTS: Final = 2
"""The format before facts were told: they begin then."""

_CLOCK_MS: Final = 3
_STATE: Final = 6


def modern(state: list[Any]) -> list[Any]:
    """A state of an older format, which the caller may lose, in the newest one; others as they are."""
    if state[0] == WITHOUT_ACCOUNTS:
        state.insert(-1, [])
        state[0] = WITHOUT_FACTS
    if state[0] != WITHOUT_FACTS:
        return state
    _, own, _queues, agents, calls, *_, parts = state
    clock_ms = own[_CLOCK_MS]
    state[3] = [
        [[*values, 0, clock_ms, values[_STATE], clock_ms, 0], skills, None, []] for values, skills in agents
    ]
    state[4] = [_pass(call, place) for place, call in enumerate(calls, 1)]
    return [WITHOUT_FACTS + 1, *state[1:-1], [], 0, [[[], []], [[], []]], [[]], parts]


def _pass(values: list[Any], place: int) -> list[Any]:
    """A live pass as the newest format has it: nobody knows where it was, or rang, before."""
    *before, of_pass = values
    offered_ms, answered_ms, agent_id, *_ = of_pass
    outcome = WAITING if answered_ms < 0 else TALKING
    # No pass that is offered from now on has such a place.
    return [*before, [*of_pass, offered_ms, 1, -place, outcome, True, agent_id], None, None, None, None]
