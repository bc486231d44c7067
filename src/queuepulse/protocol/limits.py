"""How much a key may ask or send in a second. Pure: the time is passed in; what to answer is the caller's."""

from math import ceil
from typing import Final

KEYS_MAX: Final = 10_000
"""Keys that are remembered at once. Only keys in force get here, so this is more than anybody has."""
BURST_S: Final = 1.0
"""What was not used is saved up for this long: a poller that wakes a little late loses nothing."""


class RateLimit:
    """At most `per_second` requests, or events, a second and key, with one second's worth saved up.

    It keeps one number a key: when the key's allowance will be whole again (a token bucket that never ticks).
    """

    def __init__(self, per_second: int, keys_max: int = KEYS_MAX) -> None:
        assert per_second > 0 and keys_max > 0, "a limit of nothing lets nothing through"
        self._unit_s = 1 / per_second
        self._keys_max = keys_max
        self._whole_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._whole_at)

    def wait_s(self, key: str, now_s: float) -> int:
        """Seconds until this key may go on, rounded up; 0 if it may now. `now_s` never goes back."""
        # Half a unit is as good as one: sums of fractions of seconds are never exact.
        over_s = self._whole_at.get(key, 0.0) - now_s - BURST_S + self._unit_s / 2
        return 0 if over_s <= 0 else max(1, ceil(over_s))

    def take(self, key: str, count: int, now_s: float) -> None:
        """Count what this key asked or sent.

        It may be more than is left, so that a batch larger than the allowance passes at all: the key then
        waits until it is paid for, and the mean rate stays what it should be.
        """
        whole_at = self._whole_at
        # Taken out and put back, so that the first key is the one idle longest.
        whole_at[key] = max(whole_at.pop(key, 0.0), now_s) + count * self._unit_s
        if len(whole_at) > self._keys_max:
            del whole_at[next(iter(whole_at))]
