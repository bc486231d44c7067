"""The states an agent can be in: one table, by CTI code.

Plain integers and not an enum: they index the counters of a queue, which is the hottest thing the engine
does.
"""

from typing import Final

SIGNED_OUT: Final = 0
IDLE: Final = 1
PREOCCUPIED: Final = 2
OCCUPIED: Final = 3
ANSWERING: Final = 4
TALKING: Final = 5
WORK: Final = 6
BUSY: Final = 7
REST: Final = 8
STUDY: Final = 9
ADJUST: Final = 10

NAMES: Final = (
    "signed_out",
    "idle",
    "preoccupied",
    "occupied",
    "answering",
    "talking",
    "work",
    "busy",
    "rest",
    "study",
    "adjust",
)
"""Name of each state, at the index of its CTI code (events.md, "Agents")."""

CODES: Final = {name: code for code, name in enumerate(NAMES) if code != SIGNED_OUT}
"""CTI code of each state that an event may set."""

DERIVED: Final = frozenset((ANSWERING, TALKING, ADJUST))
"""States that calls and wrap-ups give, not the agent himself; in a picture they want a reason."""
