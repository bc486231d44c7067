"""How often Python looks for dead cycles, in every program of ours that folds or adds up for long."""

import gc
from typing import Final

COLLECTED_OBJECTS: Final = 10_000
"""New objects after which Python looks for dead cycles among them, in a millisecond; it has 700."""
WORKERS_OBJECTS: Final = 100_000
"""The same where nobody waits for that: dead ones take some 20 MB meanwhile."""


def collect_rarely(objects: int = COLLECTED_OBJECTS) -> None:
    """Have Python look for cycles of dead objects less often: when there are so many new ones.

    What an engine remembers lives for an hour, and what is added up for seconds, in no cycles. To look at it
    over and over takes a sixth of a fold, and a third of the writing of history.
    """
    gc.set_threshold(objects)
