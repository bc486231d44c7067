"""What is shown of a VDN to people who look on: plain values, equal while nothing changed.

Running times are instants, so that a second passing changes none of them. The names are those of the live
interface (docs/live.md). What the fields are made of is `watching`.
"""

import msgspec


class AgentCounts(msgspec.Struct, frozen=True, gc=False):
    """The agents signed in to a queue, by effective state."""

    idle: int
    preoccupied: int
    occupied: int
    answering: int
    talking: int
    work: int
    busy: int
    rest: int
    study: int
    adjust: int


class FiveView(msgspec.Struct, frozen=True, gc=False):
    """What happened in a queue in five minutes; `_ms` are sums of what ended in them, `_ms_max` maxima.

    `left` counts all ways of leaving unanswered, `abandoned` is one of them. `offered_in` and
    `answered_in_20s` are of inbound passes alone.
    """

    offered: int = 0
    offered_in: int = 0
    answered: int = 0
    answered_in_20s: int = 0
    left: int = 0
    abandoned: int = 0
    waits: int = 0
    wait_ms: int = 0
    wait_ms_max: int = 0
    talks: int = 0
    talk_ms: int = 0
    talk_ms_max: int = 0
    hold_ms: int = 0
    idle_ms_max: int = 0


class MarkedFive(FiveView, frozen=True, gc=False):
    """The same, with the instant at which the five minutes began."""

    mark_ms: int = 0


class TodayView(msgspec.Struct, frozen=True, gc=False):
    """The statistics day of a queue so far; None where the whole day is not known.

    `answered` is the figure `answered_today`; the others are sums of five minutes.
    """

    answered: int
    offered: int | None
    answered_in_20s: int | None
    left: int | None


class QueueView(msgspec.Struct, frozen=True, gc=False):
    """A skill queue as it is shown. `in_talk` counts calls, `agents.talking` agents."""

    skill: int
    name: str | None
    waiting: int
    oldest_waiting_since_ms: int | None
    in_talk: int
    agents: AgentCounts
    signed_in: int
    available: int
    longest_idle_since_ms: int | None
    five: FiveView
    last_five: FiveView
    today: TodayView


class AgentView(msgspec.Struct, frozen=True, gc=False):
    """A signed-in agent as he is shown. `talks` counts the calls that he talks in."""

    agent: int
    name: str | None
    phone: str | None
    state: str
    since_ms: int
    reason: str | int | None
    skills: tuple[int, ...]
    talks: int
    wrapup_until_ms: int | None


class WaitingCall(msgspec.Struct, frozen=True, gc=False):
    """A call that waits in a queue; `ringing` are the agents at whom it rings."""

    call: str
    waiting_since_ms: int
    ringing: tuple[int, ...]
    priority: int | None
    caller: str | None


class Heads(msgspec.Struct, frozen=True, gc=False):
    """What is said of a VDN above its queues; `clock_ms` is None before its first event.

    `mark_ms` begins the five minutes that run, `day_ms` the statistics day.
    """

    clock_ms: int | None
    stale_since_ms: int | None
    confident_since_ms: int | None
    day_ms: int
    mark_ms: int
    queues_total: int


class DaySums(msgspec.Struct, gc=False):
    """Sums of a queue over the closed five minutes of a statistics day."""

    offered: int = 0
    answered_in_20s: int = 0
    left: int = 0
