"""The limits of waiting that answers and leavings are held against."""

from typing import Final

WITHIN_S: Final = (3, 5, 10, 15, 20, 30, 40, 50, 60)
"""Thresholds of `answered_within`, `left_within` and the service levels, in seconds, themselves included."""
WITHIN_MS: Final = tuple([1_000 * seconds for seconds in WITHIN_S])
WITHIN_MS_MAX: Final = WITHIN_MS[-1]
OWN_LIMIT: Final = len(WITHIN_S)
"""Place behind the thresholds of the pass's own limit: its queue's `answer_within_ms` when it was offered."""
