"""The fields of records: one table for queues and one for agents, and what each counts.

They are what history keeps, so a new field is a new place at the end.
"""

import re
from typing import Final

from queuepulse.engine.limits import WITHIN_S
from queuepulse.engine.queues import LEFT_CAUSES
from queuepulse.engine.states import NAMES

BINS: Final = (*(str(seconds) for seconds in WITHIN_S), "more")
STATE_FIELDS: Final = tuple([f"{name}_ms" for name in NAMES[1:]])
_SPANS: Final = ("talks", "talk_ms", "talk_ms_max", "holds", "hold_ms", "hold_ms_max")
_WRAPUPS: Final = ("wrapups", "wrapup_ms", "wrapup_ms_max")

QUEUE_FIELDS: Final = (
    "offered",
    "offered_in",
    "again_today",
    "again",
    "answered",
    "answered_in_20s",
    "answered_in_time",
    "abandoned_in_time",
    "missed",
    "short_abandoned",
    *(f"left_{cause}" for cause in LEFT_CAUSES),
    "waits",
    "wait_ms",
    "wait_ms_max",
    "waits_answered",
    "wait_ms_answered",
    *_SPANS,
    *_WRAPUPS,
    "idle_ms_max",
    "repairs",
    *STATE_FIELDS,
    *(f"answered_bin_{name}" for name in BINS),
    *(f"abandoned_bin_{name}" for name in BINS),
    *(f"left_bin_{name}" for name in BINS),
    *(f"missed_bin_{name}" for name in BINS),
)
"""What a queue's record counts. A bin holds the waits up to its threshold (s) and above the one before; of
`missed_bin_*`, those that reached all thresholds before it and not it. `again` and `again_today` are passes
whose call had been in the queue before, in the same five minutes or else the same day."""

AGENT_FIELDS: Final = ("rings", "unanswered", "answered", *_SPANS, *_WRAPUPS, "repairs", *STATE_FIELDS)
"""What an agent's record counts, while he was signed in."""

QUEUE_SPANS: Final = ("wait", "talk", "hold", "wrapup")
"""The histograms of a queue's record, in their order."""
AGENT_SPANS: Final = ("talk", "hold", "wrapup")
"""Those of an agent's."""

FIELD_MEANINGS: Final = (
    ("offered", "Passes that entered the queue."),
    ("offered_in", "Those of direction `in`."),
    (
        "again_today",
        "Those whose call had been in the queue before, in the statistics day but not in the five minutes.",
    ),
    ("again", "Those whose call had been in the queue before, in the same five minutes."),
    ("answered", "Passes answered; of an agent, by him."),
    ("answered_in_20s", "Those of direction `in` that had waited at most 20 seconds."),
    ("answered_in_time", "Passes answered within the queue's `answer_within_ms`."),
    ("abandoned_in_time", "Passes abandoned within it."),
    ("missed", "Passes that reached it while they waited, and answers after a wait that is not known."),
    ("short_abandoned", "Passes abandoned before the queue's `short_wait_ms`."),
    ("left_(?!bin).*", "Passes that left unanswered, by cause."),
    ("waits", "Waits that ended, however, but for what was closed."),
    (
        "(wait|talk|hold|wrapup)_ms",
        "Their sum: of waits, of talks (hold included), of the hold of talks, of wrap-ups. Milliseconds.",
    ),
    ("(wait|talk|hold|wrapup)_ms_max", "The longest of each. Milliseconds."),
    ("waits_answered", "Waits of known length that an answer ended."),
    ("wait_ms_answered", "Their sum. Milliseconds."),
    ("talks", "Talks that ended, but for what was closed."),
    ("holds", "Those of them that had hold."),
    ("wrapups", "Wrap-ups after talks of the queue, or of the agent, that ended."),
    (
        "idle_ms_max",
        "The longest idle spell that ended of those signed in to the queue, whole. Milliseconds.",
    ),
    ("repairs", "What pictures of the switch changed."),
    ("rings", "Calls that began to ring at him."),
    ("unanswered", "Those that he did not answer."),
    (".*_ms", "Agent time in the state. Milliseconds."),
    (
        "answered_bin_.*",
        "Answers after a wait up to so many seconds, and above those before; `more`: above 60.",
    ),
    ("abandoned_bin_.*", "Abandoned after such a wait."),
    ("left_bin_.*", "Left, for whatever cause, after such a wait."),
    ("missed_bin_.*", "Passes that reached all thresholds before it, where they reached them, and not it."),
)
"""What the fields of records count; the first line that fits a name says it."""


def meaning_of(field: str) -> str:
    """What a field counts. Raises KeyError for one of which nothing is said."""
    for pattern, meaning in FIELD_MEANINGS:
        if re.fullmatch(pattern, field):
            return meaning
    raise KeyError(field)
