"""What may be asked about windows of time, and what is told: the seam between interfaces and `recall`."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from queuepulse.engine.events import VdnKey
from queuepulse.engine.measures import Plan


class WindowAsked(NamedTuple):
    """A window of those `ids`, of queues or agents as the `plan` says, and the figures that are wanted of it.

    `window` is one of `measures.WINDOWS`: `seconds` says how long a sliding one is, `from_ms` and `to_ms`
    which range. `presents` are figures of now.
    """

    vdn: VdnKey
    ids: Sequence[int]
    plan: Plan
    window: str
    seconds: int = 0
    from_ms: int = 0
    to_ms: int = 0
    presents: Sequence[str] = ()


class WindowTold(NamedTuple):
    """The figures of a window from `begin_ms` to `end_ms`, in rows as the ids, columns as the measures.

    Behind these stand the `presents`. It is of `as_of_ms` and holds all events up to `position`.
    """

    as_of_ms: int
    position: int
    stale_since_ms: int | None
    begin_ms: int
    end_ms: int
    rows: Sequence[Sequence[Any]]


class WindowBoard(Protocol):
    """What tells the figures of windows. A question changes nothing."""

    async def window(self, asked: WindowAsked) -> WindowTold:
        """Those of one window. Raises HistoryUnavailable where it reaches back into history."""
