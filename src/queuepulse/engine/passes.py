"""What is asked of passes that lie in memory: of live ones, and of those that have just ended."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

from queuepulse.engine.calls import Finished, PassRecord

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


def calls_of(passes: Iterable[Finished], wanted: Wanted) -> list[CallKey]:
    """The calls of those that are wanted, some more than once."""
    from_ms, to_ms, after, skill, agent, outcome = wanted
    found = []
    for one in passes:
        at_ms = one.call_at_ms
        if (
            from_ms <= at_ms < to_ms
            and (at_ms > after[0] or (at_ms == after[0] and one.call > after[1]))
            and (not skill or one.skill == skill)
            and (not agent or one.talked_id == agent)
            and (outcome < 0 or one.outcome == outcome)
        ):
            found.append((at_ms, one.call))
    return found


def with_id(passes: Iterable[Finished], call: str) -> list[Finished]:
    """The passes of calls of that id."""
    return [one for one in passes if one.call == call]


def record_of(one: Finished) -> PassRecord:
    """What is known of the pass now; of one that has ended, what stays of it."""
    return PassRecord(*_of_record(one))
