"""The figures of a skill queue: one table (name, unit, meaning), and the row that carries them.

The names are ours; what the CC-CMS API calls them stands in `protocol`.
"""

from typing import Final, NamedTuple

import msgspec

FIGURE_MAX: Final = 2**31 - 1
"""Largest figure (statistics.md, "Time"): clients keep them in signed 32 bits."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """The figures of one queue at one instant; fields in the order of the wire.

    A row that did not change is the same object as before, so its identity tells encoders that they may reuse
    bytes.
    """

    skill: int
    signed_in: int
    talking: int
    idle: int
    available: int
    busy: int
    rest: int
    idle_s_max: int
    work: int
    study: int
    occupied: int
    preoccupied: int
    answered_today: int
    in_talk: int
    wait_s_max: int
    waiting: int
    talk_s_mean: int
    wait_s_mean: int
    offered_in: int
    answered_in_20s: int


class CallRow(msgspec.Struct, frozen=True, gc=False):
    """What happened to the calls of one queue in the current five minutes, which began at `starts_at_ms`.

    `offered_in` and `answered_in_20s` are those of `Row`: inbound passes alone. `answered`, and `left`
    unanswered by whatever cause, count all passes; `talks` those that ended, `talk_s` how long they were.
    """

    skill: int
    starts_at_ms: int
    offered_in: int
    answered: int
    left: int
    talks: int
    talk_s: int
    answered_in_20s: int


class Figure(NamedTuple):
    """One line of the table: the field of `Row`, its unit, the period it looks at, and what it means."""

    name: str
    unit: str
    period: str
    meaning: str


NOW: Final = "now"
FIVE: Final = "current five minutes"
DAY: Final = "statistics day"

FIGURES: Final = (
    Figure("signed_in", "agents", NOW, "Agents signed in to the queue."),
    Figure("talking", "agents", NOW, "Those with an answered call that is not yet released."),
    Figure("idle", "agents", NOW, "Those who are free."),
    Figure(
        "available",
        "agents",
        NOW,
        "Those who can take one more contact now: idle; or, with a capacity above 1 and the base state idle, "
        "fewer ringing and answered contacts than the capacity and no wrap-up running.",
    ),
    Figure("busy", "agents", NOW, "Those who set themselves busy."),
    Figure("rest", "agents", NOW, "Those at rest."),
    Figure(
        "idle_s_max",
        "seconds",
        FIVE,
        "Longest idle spell of those that ended in the period or run now, measured from its true start. "
        "A spell belongs to the queues its agent was signed in to just before it ended. "
        "Spells that a repair ended do not count: their true end is unknown.",
    ),
    Figure("work", "agents", NOW, "Those in the state work, or in wrap-up after a call."),
    Figure("study", "agents", NOW, "Those in the state study."),
    Figure("occupied", "agents", NOW, "Those whose device is in use by something else."),
    Figure("preoccupied", "agents", NOW, "Those reserved for a contact that does not ring yet."),
    Figure(
        "answered_today",
        "passes",
        DAY,
        "Passes answered in the day, and those that were being talked when it began.",
    ),
    Figure("in_talk", "passes", NOW, "Passes answered and not released."),
    Figure(
        "wait_s_max",
        "seconds",
        FIVE,
        "Longest wait of those that ended in the period, however, or run now; measured whole. "
        "What was closed by a repair does not count.",
    ),
    Figure("waiting", "passes", NOW, "Passes that wait now."),
    Figure(
        "talk_s_mean",
        "seconds",
        FIVE,
        "Mean of the talks that ended in the period, hold included, rounded down; 0 when none ended.",
    ),
    Figure(
        "wait_s_mean",
        "seconds",
        FIVE,
        "Mean of the waits that ended in the period, however, rounded down; 0 when none ended.",
    ),
    Figure("offered_in", "passes", FIVE, "Inbound passes that entered the queue in the period."),
    Figure(
        "answered_in_20s",
        "passes",
        FIVE,
        "Inbound passes answered in the period after a wait of at most 20 seconds.",
    ),
)
"""The nineteen figures of statistics.md, in the order of the wire."""
