"""Snapshots of formats before this one, as the newest has them: a new release folds no log anew.

What an older engine did not keep begins then: nothing is told of the time before.
"""

from typing import Any, Final

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
    state[4] = [[*call, None, None] for call in calls]
    return [WITHOUT_FACTS + 1, *state[1:-1], [], 0, [], [[]], parts]
