"""What is assumed of the simulated contact center: its size, its callers and its people.

Every parameter of the simulation is a field here, and the few tables it draws from stand beside it.
Nothing in here runs.
"""

import dataclasses
from typing import Final, NamedTuple

from queuepulse.engine.events import SKILL_MAX, StateName

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
AGENTS_MAX: Final = 100_000
"""Most agents of one simulated center: about 100 MB of agents, ten times the largest real ones."""
CALLS_PER_HOUR_MAX: Final = 10_000_000
"""Most calls an hour: below it two arrivals are seldom in the same millisecond."""
OCCUPANCY_AIMED_AT: Final = 0.8
"""Share of their time for which agents are busy when no rate is given: queues form, and dissolve again."""
AT_WORK_SHARE: Final = 0.5
"""Of all agents, who is on a shift, and not on a break, at the busiest hour (from `SHIFTS` and `BREAKS`)."""

DAY_SHAPE: Final = (
    0.04, 0.03, 0.02, 0.02, 0.03, 0.06, 0.15, 0.38, 0.72, 0.94, 1.00, 0.96,
    0.84, 0.80, 0.86, 0.88, 0.82, 0.70, 0.54, 0.42, 0.32, 0.22, 0.13, 0.07,
)  # fmt: skip
"""Rate of calls at each full hour UTC, as a share of the busiest: two humps, the larger before noon."""
FLAT_DAY: Final = (1.0,) * 24
"""The same rate day and night."""


class Shift(NamedTuple):
    """`share` of all agents begin to work at `starts_hour` UTC, 0-23."""

    starts_hour: int
    share: float


SHIFTS: Final = (
    Shift(8, 0.42),
    Shift(10, 0.12),
    Shift(13, 0.26),
    Shift(16, 0.13),
    Shift(23, 0.07),
)
"""When people come. The shares add up to 1; eight hours each cover the day as `DAY_SHAPE` needs it."""


class Break(NamedTuple):
    """A kind of break: the state it is told as, its share of all breaks, and its mean length."""

    state: StateName
    share: float
    mean_ms: int


BREAKS: Final = (
    Break("rest", 0.50, 10 * 60_000),
    Break("busy", 0.25, 3 * 60_000),
    Break("work", 0.17, 8 * 60_000),
    Break("study", 0.08, 25 * 60_000),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """A contact center on paper. Durations are means in ms; a `_share` is a probability, 0-1.

    Arrivals are Poisson. Talks, wrap-ups, holds and patience are exponential; the time a phone rings and
    the length of a break are uniform between half and one and a half times their mean.

    Raises `ValueError`, saying which value must be what, for what cannot be simulated.
    """

    agents: int
    """People on the payroll, 1-100,000; how many are at work depends on the hour."""
    skills: int
    """Skill queues, 1-10,000, with ids from 1; the n-th gets 1/sqrt(n) of what the first gets."""
    calls_per_hour: float | None = None
    """Calls in the busiest hour of the day; `None`: as many as the agents can just bear."""
    day_shape: tuple[float, ...] = DAY_SHAPE
    """24 shares of that rate, one for each full hour UTC; between two hours the rate goes straight."""
    skills_per_agent: tuple[int, int] = (1, 3)
    """Fewest and most queues of one agent."""

    talk_mean_ms: int = 180_000
    wrapup_mean_ms: int = 20_000
    """0: no agent wraps up."""
    wrapup_cut_share: float = 0.1
    """Of the wrap-ups, those the agent ends himself, half way."""
    ring_mean_ms: int = 4_000
    """0: an agent answers at once, always, and nothing rings."""
    ring_max_ms: int = 15_000
    """After so long a phone that nobody picks up stops ringing, and the next agent is tried."""
    unanswered_share: float = 0.03
    rejected_share: float = 0.01
    hold_share: float = 0.15
    hold_mean_ms: int = 30_000
    transfer_share: float = 0.05
    """Talks that go on to another queue when they end (never, if there is but one)."""
    outbound_share: float = 0.05
    """Calls that agents make, to each call that comes in."""
    reached_share: float = 0.7
    """Of these, how many are answered."""

    patience_mean_ms: int | None = 120_000
    """`None`: nobody hangs up."""
    key_share: float = 0.05
    """Of those who do not wait on, how many press a key for a call back instead of hanging up."""
    wait_max_ms: int | None = 900_000
    """After so long the queue itself sends the caller away."""
    waiting_max: int | None = 100
    """A queue with so many waiting takes no more."""
    overflow_share: float = 0.2
    """Calls that move to another queue if they still wait after `overflow_after_ms`."""
    overflow_after_ms: int = 60_000

    shift_ms: int | None = 8 * HOUR_MS
    """Length of a shift, at most 20 h; `None`: everybody works day and night."""
    break_every_ms: int | None = 75 * 60_000
    """Mean time from one break to the next; `None`: there are none."""
    reskill_share: float = 0.05
    """Of the breaks, those after which the agent serves other queues."""

    def __post_init__(self) -> None:
        _in_range("agents", self.agents, 1, AGENTS_MAX)
        _in_range("skills", self.skills, 1, SKILL_MAX)
        if self.calls_per_hour is not None:
            _in_range("calls_per_hour", self.calls_per_hour, 0.001, CALLS_PER_HOUR_MAX)
        if len(self.day_shape) != 24 or max(self.day_shape) != 1 or min(self.day_shape) < 0:
            raise ValueError("day_shape must be 24 shares from 0 to 1, and the largest of them 1")
        fewest, most = self.skills_per_agent
        _in_range("skills_per_agent", fewest, 1, most)
        _in_range("talk_mean_ms", self.talk_mean_ms, 1, DAY_MS)
        if self.shift_ms is not None:
            _in_range("shift_ms", self.shift_ms, HOUR_MS, 20 * HOUR_MS)
        for field in dataclasses.fields(self):
            if field.name.endswith("_share"):
                _in_range(field.name, getattr(self, field.name), 0, 1)

    @property
    def busiest_per_hour(self) -> float:
        """Calls per hour when the day is at its busiest."""
        if self.calls_per_hour is not None:
            return self.calls_per_hour
        per_call_ms = self.talk_mean_ms + self.wrapup_mean_ms + self.ring_mean_ms
        at_work = self.agents * (1 if self.shift_ms is None else AT_WORK_SHARE)
        return OCCUPANCY_AIMED_AT * at_work * HOUR_MS / per_call_ms


def erlang(
    *, agents: int, calls_per_hour: float, talk_mean_ms: int, patience_mean_ms: int | None = None
) -> Assumptions:
    """The assumptions of Erlang C, or with `patience_mean_ms` of Erlang A: M/M/n and M/M/n+M.

    One queue, a constant rate, exponential talks and patience, agents who are always there, answer at
    once and do nothing else.
    """
    return Assumptions(
        agents=agents,
        skills=1,
        calls_per_hour=calls_per_hour,
        day_shape=FLAT_DAY,
        talk_mean_ms=talk_mean_ms,
        wrapup_mean_ms=0,
        ring_mean_ms=0,
        hold_share=0,
        transfer_share=0,
        outbound_share=0,
        patience_mean_ms=patience_mean_ms,
        key_share=0,
        wait_max_ms=None,
        waiting_max=None,
        overflow_share=0,
        shift_ms=None,
        break_every_ms=None,
    )


def _in_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:,} to {most:,}, not {value:,}")
