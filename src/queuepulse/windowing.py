"""What may be asked about windows of time, and what is told: the seam between interfaces and `recall`."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from queuepulse.engine.events import VdnKey
from queuepulse.engine.measures import Plan

FIGURES_PATH: Final = "/v1/figures"
"""Where windows are asked for."""


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


class FiguresTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of `GET /v1/figures`, as who asks reads it. Instants are epoch ms.

    `rows` are those of a window. Of a range with a `grain` there are `periods` in their place: of each, lists
    in the order of `skills` or `agents`.
    """

    cc: int
    vdn: int
    position: int
    as_of: int
    stale_since: int | None
    window: str
    within: int | None
    begin: int
    end: int
    grain: str | None = None
    skills: list[int] = []
    agents: list[int] = []
    rows: list[dict[str, Any]] = []
    periods: list[dict[str, Any]] = []


Shape: TypeAlias = Callable[[int, int, Sequence[Sequence[Any]]], bytes]
"""Makes bytes of a period: of its begin and end, and a column of the ids for each measure."""


class SeriesTold(NamedTuple):
    """The periods of a time, each as it was shaped, in order; otherwise as `WindowTold`."""

    as_of_ms: int
    position: int
    stale_since_ms: int | None
    periods: list[bytes]


class WindowBoard(Protocol):
    """What tells the figures of windows. A question changes nothing."""

    async def window(self, asked: WindowAsked) -> WindowTold:
        """Those of one window. Raises HistoryUnavailable where it reaches back into history."""

    async def series(self, asked: WindowAsked, grain: str, shape: Shape) -> SeriesTold:
        """Those of each period of that grain that holds anything of a range. Raises HistoryUnavailable.

        A period in which nothing happened is left out. `shape` is called in another thread.
        """
