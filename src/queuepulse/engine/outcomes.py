"""How an event ends: a value, never an exception, for all that the world does."""

from enum import IntEnum
from typing import Final


class Outcome(IntEnum):
    """How an event ended (events.md, rule 2)."""

    APPLIED = 0
    REPEATED = 1
    OUT_OF_PLACE = 2


# Names of the module, because looking up a member of an enum takes longer than most of what a rule does.
APPLIED: Final = Outcome.APPLIED
REPEATED: Final = Outcome.REPEATED
OUT_OF_PLACE: Final = Outcome.OUT_OF_PLACE
