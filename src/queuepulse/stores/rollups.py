"""What history does with records: five minutes are added to, and become quarters of an hour and days.

The same for every store; `Blocks` is what one must offer. Everything here happens within one transaction.
A quarter or a day is built when it is over, from its five minutes; what is told late is added to all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from queuepulse.engine import days
from queuepulse.engine.blocks import AGENT, QUEUE, Bodies, Kind, decode, encode
from queuepulse.engine.events import VdnKey
from queuepulse.engine.facts import Closed
from queuepulse.engine.finished import Finished
from queuepulse.engine.records import Record, add_all
from queuepulse.engine.tallies import Tally
from queuepulse.stores.passes import KeptCalls

QUARTER_MS: Final = 900_000
FIVE: Final = "5min"
QUARTER: Final = "15min"
DAY: Final = "day"
KEPT: Final = (FIVE, QUARTER, DAY)
"""The grains that are kept; others are sums of these."""
DAY_MS_MAX: Final = 26 * 3_600_000
"""Longer than any statistics day: clocks that are set back make one of 25 hours."""


KEPT_CALLS: Final = KeptCalls()


class State(NamedTuple):
    """How far the history of a VDN has come: the log's position that it includes, and what is built of it.

    Quarters that end by `quarters_ms` are, days that end by `days_ms`; the zone is that of the days to come.
    """

    position: int = 0
    quarters_ms: int = 0
    days_ms: int = 0
    timezone: str = days.UTC
    day_starts: str = days.MIDNIGHT


class Blocks(Protocol):
    """The blocks of all VDNs, within one transaction."""

    def state(self, vdn: VdnKey) -> State | None:
        """How far the history of the VDN has come; None, if it has none."""

    def set_state(self, vdn: VdnKey, state: State) -> None:
        """Note how far it has come now."""

    def get(self, vdn: VdnKey, kind: str, grain: str, at_ms: int) -> Bodies:
        """The parts of the block that begins then; none, if there is none."""

    def put(self, vdn: VdnKey, kind: str, grain: str, at_ms: int, bodies: Bodies) -> None:
        """Keep them in place of those that are there."""

    def marks(self, vdn: VdnKey, kind: str, grain: str, from_ms: int, to_ms: int) -> list[int]:
        """When the blocks of that grain begin, in [from_ms, to_ms), in order."""

    def scan(
        self, vdn: VdnKey, kind: str, grain: str, parts: Iterable[int], from_ms: int, to_ms: int
    ) -> Iterator[tuple[int, Bodies]]:
        """These parts of the blocks that begin in [from_ms, to_ms), in order."""

    def put_passes(
        self, vdn: VdnKey, position: int, passes: Sequence[Finished], *, masks_numbers: bool
    ) -> None:
        """Keep the records of these passes, which were told up to that position."""


def take_in(
    blocks: Blocks, vdn: VdnKey, position: int, closed: Closed, calls: KeptCalls = KEPT_CALLS
) -> bool:
    """Adds what the engine told up to `position`; whether that was new. Told again, it changes nothing."""
    state = blocks.state(vdn) or State()
    if position <= state.position:
        return False
    if calls.days:
        blocks.put_passes(vdn, position, closed.passes, masks_numbers=calls.masks_numbers)
    tally = Tally()
    for facts in closed.facts:
        tally.add(facts)
    for kind, told in ((QUEUE, tally.queues), (AGENT, tally.agents)):
        for mark_ms in sorted(told):
            _add(blocks, vdn, kind, FIVE, mark_ms, told[mark_ms])
            if mark_ms < state.quarters_ms:
                _add(blocks, vdn, kind, QUARTER, mark_ms - mark_ms % QUARTER_MS, told[mark_ms])
            if mark_ms < state.days_ms:
                day_ms = _built_day(blocks, vdn, kind, mark_ms, closed)
                _add(blocks, vdn, kind, DAY, day_ms, told[mark_ms])
    blocks.set_state(vdn, _build(blocks, vdn, position, state, closed))
    return True


def _build(blocks: Blocks, vdn: VdnKey, position: int, state: State, closed: Closed) -> State:
    """Builds the quarters and days that are over now."""
    quarters_ms = max(state.quarters_ms, closed.mark_ms - closed.mark_ms % QUARTER_MS)
    today_ms, _ = days.day_of(max(closed.mark_ms, 0), closed.timezone, closed.day_starts)
    days_ms = max(state.days_ms, today_ms)
    for kind in (QUEUE, AGENT):
        quarters = _groups(
            blocks.marks(vdn, kind.name, FIVE, state.quarters_ms, quarters_ms),
            _quarter,
        )
        for begin_ms, end_ms in quarters:
            _put_sum(blocks, vdn, kind, QUARTER, begin_ms, (begin_ms, end_ms))
        built = _groups(
            blocks.marks(vdn, kind.name, FIVE, state.days_ms, days_ms),
            lambda mark_ms: days.day_of(mark_ms, closed.timezone, closed.day_starts),
        )
        for begin_ms, end_ms in built:
            # After a change of the zone, a day may begin where the last one of the old zone ended.
            begin_ms = max(begin_ms, state.days_ms)
            _put_sum(blocks, vdn, kind, DAY, begin_ms, (begin_ms, min(end_ms, days_ms)))
    return State(position, quarters_ms, days_ms, closed.timezone, closed.day_starts)


def _quarter(at_ms: int) -> tuple[int, int]:
    begin_ms = at_ms - at_ms % QUARTER_MS
    return begin_ms, begin_ms + QUARTER_MS


def _groups(marks: list[int], period_of: Callable[[int], tuple[int, int]]) -> list[tuple[int, int]]:
    """The periods, each once and in order, that hold these marks: begin and end."""
    found: list[tuple[int, int]] = []
    for mark_ms in marks:
        if not found or mark_ms >= found[-1][1]:
            found.append(period_of(mark_ms))
    return found


def _add(blocks: Blocks, vdn: VdnKey, kind: Kind, grain: str, at_ms: int, more: Mapping[int, Record]) -> None:
    known = blocks.get(vdn, kind.name, grain, at_ms)
    if known:
        total = decode(kind, known)
        add_all(total, more)
        more = total
    blocks.put(vdn, kind.name, grain, at_ms, encode(kind, more))


def _put_sum(
    blocks: Blocks, vdn: VdnKey, kind: Kind, grain: str, at_ms: int, period: tuple[int, int]
) -> None:
    total: dict[int, Record] = {}
    for _, bodies in blocks.scan(vdn, kind.name, FIVE, range(kind.spans_part + 1), *period):
        add_all(total, decode(kind, bodies))
    blocks.put(vdn, kind.name, grain, at_ms, encode(kind, total))


def _built_day(blocks: Blocks, vdn: VdnKey, kind: Kind, mark_ms: int, closed: Closed) -> int:
    """When the day that is built and holds the mark begins: that of its own zone, if it was another then."""
    near = blocks.marks(vdn, kind.name, DAY, mark_ms - DAY_MS_MAX, mark_ms + 1)
    begin_ms, _ = days.day_of(mark_ms, closed.timezone, closed.day_starts)
    return max([begin_ms, *near])
