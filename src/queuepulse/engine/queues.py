"""A skill queue: its counters, its five minutes, and the oldest of those who wait or idle.

Every figure is kept up to date as events come, so a question adds up nothing.
"""

from typing import Final

from queuepulse.engine import states
from queuepulse.engine.figures import Row
from queuepulse.engine.oldest import Oldest

FIVE_MS: Final = 300_000
"""The five minutes, aligned to the clock (statistics.md, "Time")."""
IN_20S_MS: Final = 20_000
"""The limit of `answered_in_20s`, itself included."""
ANSWER_WITHIN_MS: Final = 20_000
"""Default of `answer_within_ms` (events.md)."""
SHORT_WAIT_MS: Final = 5_000
"""Default of `short_wait_ms` (events.md)."""
MINUTE_MS: Final = 60_000
"""Statistics days begin at whole minutes: the grain at which ended talks are remembered."""
ENDED_KEPT_MS: Final = 26 * 3_600_000
"""How long an ended talk is remembered: whatever the zone, no statistics day began earlier than that."""
ENDED_MINUTES_MAX: Final = 2 * ENDED_KEPT_MS // MINUTE_MS
"""Minutes held before those that are too old are dropped."""

LEFT_CAUSES: Final = (
    "abandoned",
    "timeout",
    "no_agent",
    "full",
    "key",
    "withdrawn",
    "overflowed",
    "closed",
)
"""Ways to leave a queue unanswered; the index is that of `Five.left`."""
CAUSES: Final = {cause: index for index, cause in enumerate(LEFT_CAUSES)}

FIVE_FIELDS: Final = (
    "answered",
    "answered_in_20s",
    "hold_ms",
    "idle_ms_max",
    "left",
    "mark_ms",
    "offered",
    "offered_in",
    "skill",
    "talk_ms",
    "talk_ms_max",
    "talks",
    "wait_ms",
    "wait_ms_max",
    "waits",
)
"""What is kept of five minutes; in this order they stand in a snapshot."""
LIMITS_FIELDS: Final = (
    "answer_within_ms",
    "max_wait_ms",
    "max_waiting",
    "media",
    "name",
    "short_wait_ms",
    "wrapup_ms",
)
"""What is configured of a queue; in this order it stands in a snapshot."""


class Five:
    """What happened in one queue in the five minutes that begin at `mark_ms`.

    Durations are sums and maxima in ms. `left` counts by cause, in the order of `LEFT_CAUSES`.
    Two of the same queue and mark add up field by field, maxima by `max`; so late events correct older
    history.
    """

    __slots__ = FIVE_FIELDS

    def __init__(self, skill: int, mark_ms: int) -> None:
        self.skill = skill
        self.mark_ms = mark_ms
        self.offered = 0
        self.offered_in = 0
        self.answered = 0
        self.answered_in_20s = 0
        self.left = [0] * len(LEFT_CAUSES)
        self.waits = 0
        self.wait_ms = 0
        self.wait_ms_max = 0
        self.talks = 0
        self.talk_ms = 0
        self.talk_ms_max = 0
        self.hold_ms = 0
        self.idle_ms_max = 0

    def wait_ended(self, wait_ms: int) -> None:
        """A wait of known length ended, by an answer or by leaving."""
        self.waits += 1
        self.wait_ms += wait_ms
        if wait_ms > self.wait_ms_max:
            self.wait_ms_max = wait_ms

    def talk_ended(self, talk_ms: int, hold_ms: int) -> None:
        """A talk of known length ended; `hold_ms` of it was hold."""
        self.talks += 1
        self.talk_ms += talk_ms
        self.hold_ms += hold_ms
        if talk_ms > self.talk_ms_max:
            self.talk_ms_max = talk_ms


class Limits:
    """What is configured of a queue (`skill_configured`); `None` where nothing is said."""

    __slots__ = LIMITS_FIELDS

    def __init__(self) -> None:
        self.name: str | None = None
        self.media: int | None = None
        self.answer_within_ms = ANSWER_WITHIN_MS
        self.short_wait_ms = SHORT_WAIT_MS
        self.max_waiting: int | None = None
        self.max_wait_ms: int | None = None
        self.wrapup_ms = 0


class Queue:
    """One skill queue, as of the VDN's clock.

    `by_state` counts the signed-in agents by CTI code of their effective state; `spare` those who are not
    idle and can take one more contact all the same. `waits` holds the passes that wait and `idle` the agents
    who are idle, each with since when. `ended_today` are the talks that ended in the day that began at
    `day_ms`, `ended_by_minute` those of the last day and more by minute of the epoch. `offered`, `answered`
    and `left` count since the start.
    """

    __slots__ = (
        "answered",
        "by_state",
        "day_ms",
        "ended_by_minute",
        "ended_today",
        "five",
        "idle",
        "in_talk",
        "last_five",
        "left",
        "limits",
        "offered",
        "row",
        "row_from_ms",
        "row_until_ms",
        "signed_in",
        "skill",
        "spare",
        "waiting",
        "waits",
    )

    def __init__(self, skill: int) -> None:
        self.skill = skill
        self.limits: Limits | None = None
        self.by_state = [0] * len(states.NAMES)
        self.signed_in = 0
        self.spare = 0
        self.waiting = 0
        self.in_talk = 0
        self.offered = 0
        self.answered = 0
        self.left = 0
        self.day_ms = 0
        self.ended_today = 0
        self.ended_by_minute: dict[int, int] = {}
        self.five = Five(skill, -FIVE_MS)
        self.last_five: Five | None = None
        self.waits: Oldest[str] = Oldest()
        self.idle: Oldest[int] = Oldest()
        self.row: Row | None = None
        self.row_from_ms = 0
        self.row_until_ms = 0

    def own_limit_ms(self) -> int:
        """Within how long a pass should be answered (`answer_within_ms`)."""
        return ANSWER_WITHIN_MS if self.limits is None else self.limits.answer_within_ms

    def admit(self, state: int, spare: bool) -> None:
        """An agent in that state signs in to the queue."""
        self.signed_in += 1
        self.by_state[state] += 1
        self.spare += spare
        self.row_until_ms = 0

    def dismiss(self, state: int, spare: bool) -> None:
        """An agent in that state is no longer signed in to the queue."""
        self.signed_in -= 1
        self.by_state[state] -= 1
        self.spare -= spare
        self.row_until_ms = 0

    def talk_ended(self, at_ms: int, clock_ms: int) -> None:
        """A talk ended, in whichever day; the queue must be in the day of the VDN."""
        if at_ms >= self.day_ms:
            self.ended_today += 1
        minute, ended = at_ms // MINUTE_MS, self.ended_by_minute
        if minute in ended:
            ended[minute] += 1
            return
        ended[minute] = 1
        if len(ended) > ENDED_MINUTES_MAX:
            self.ended_by_minute = self.ended_lately(clock_ms)

    def ended_lately(self, clock_ms: int) -> dict[int, int]:
        """The talks that a statistics day can still hold, by minute of the epoch."""
        kept = (clock_ms - ENDED_KEPT_MS) // MINUTE_MS
        if min(self.ended_by_minute, default=kept) >= kept:
            return self.ended_by_minute.copy()
        return {minute: count for minute, count in self.ended_by_minute.items() if minute >= kept}

    def roll_day(self, day_ms: int) -> None:
        """Comes into the statistics day that begins at `day_ms`: a new one, or the same one cut anew.

        The zone of a VDN can change at any time, and its day then begins at another minute.
        """
        self.day_ms = day_ms
        first = day_ms // MINUTE_MS
        self.ended_today = sum(count for minute, count in self.ended_by_minute.items() if minute >= first)
