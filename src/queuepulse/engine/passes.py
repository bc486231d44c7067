"""What is asked of passes: of live ones here, of others in `finished`."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

from queuepulse.engine.calls import Pass, PassRecord

CallKey: TypeAlias = tuple[int, str]
"""When a call began and its id: which call it is, and where it stands among others."""
_of_record: Final = attrgetter(*PassRecord._fields)


class Wanted(NamedTuple):
    """Calls that began in [from_ms, to_ms), behind `after`, of which a pass is so.

    0 stands for any queue or agent, -1 for any outcome (index of `calls.OUTCOMES`).
    """

    from_ms: int
    to_ms: int
    after: CallKey
    skill: int = 0
    agent: int = 0
    outcome: int = -1


def is_wanted(wanted: Wanted, skill: int, agent: int, outcome: int) -> bool:
    """Whether a pass is so, whenever its call began."""
    return (
        (not wanted.skill or skill == wanted.skill)
        and (not wanted.agent or agent == wanted.agent)
        and (wanted.outcome < 0 or outcome == wanted.outcome)
    )


def calls_of(passes: Iterable[Pass], wanted: Wanted) -> list[CallKey]:
    """The calls of those that are wanted, some more than once."""
    found = []
    for one in passes:
        key = one.call_at_ms, one.call
        is_behind = wanted.from_ms <= key[0] < wanted.to_ms and key > wanted.after
        if is_behind and is_wanted(wanted, one.skill, one.talked_id, one.outcome):
            found.append(key)
    return found


def record_of(one: Pass) -> PassRecord:
    """What is known of a live pass now."""
    return PassRecord(*_of_record(one))
