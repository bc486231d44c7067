"""Who has failed to sign in so often that he has to wait. Pure: the time is passed in.

A name is locked alike whether there is such a user or not.
"""

from collections.abc import Iterator
from math import ceil
from typing import Final, NamedTuple

LOCK_S_MAX: Final = 900.0
"""The longest wait: it doubles from a second at each further failure."""
FORGET_S: Final = 3_600.0
"""Failures are forgotten so long after the last one."""
REMEMBERED_MAX: Final = 20_000
"""Names and addresses remembered; of more the one idle longest is forgotten."""


class Rule(NamedTuple):
    """A row: what failures are counted by, and how many pass before there is a wait."""

    name: str
    tries: int


OF_NAME_AND_ADDRESS: Final = Rule("name and address", 4)
"""A person who mistypes; or somebody who guesses."""
OF_ADDRESS: Final = Rule("address", 30)
"""Somebody who tries many names from one place; offices share an address."""
OF_NAME: Final = Rule("name", 100)
"""Many who try one name from many places. Its owner is locked out, too: so late."""


class _Failures(NamedTuple):
    times: int
    last_s: float


class Lockouts:
    """Counts failures, and says how long to wait."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._remembered_max = remembered_max
        self._failures: dict[tuple[Rule, str, str], _Failures] = {}

    def __len__(self) -> int:
        return len(self._failures)

    def wait_s(self, name: str, address: str, now_s: float) -> int:
        """Seconds until this name may be tried from this address, rounded up; 0: now."""
        until_s = max(self._until_s(key, now_s) for key in _keys(name, address))
        return ceil(max(0.0, until_s - now_s))

    def failed(self, name: str, address: str, now_s: float) -> None:
        """It was tried in vain."""
        for key in _keys(name, address):
            before = self._known(key, now_s)
            # Taken out and put back, so that the first is the one idle longest.
            self._failures.pop(key, None)
            self._failures[key] = _Failures(before.times + 1, now_s)
        while len(self._failures) > self._remembered_max:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, name: str, address: str) -> None:
        """The right person came: what he mistyped before is forgotten. What others tried is not."""
        self._failures.pop((OF_NAME_AND_ADDRESS, name, address), None)

    def _known(self, key: tuple[Rule, str, str], now_s: float) -> _Failures:
        found = self._failures.get(key)
        return found if found is not None and now_s - found.last_s < FORGET_S else _Failures(0, now_s)

    def _until_s(self, key: tuple[Rule, str, str], now_s: float) -> float:
        times, last_s = self._known(key, now_s)
        over = times - key[0].tries
        return now_s if over <= 0 else last_s + min(2.0 ** min(over - 1, 30), LOCK_S_MAX)


def _keys(name: str, address: str) -> Iterator[tuple[Rule, str, str]]:
    yield OF_NAME_AND_ADDRESS, name, address
    yield OF_ADDRESS, "", address
    yield OF_NAME, name, ""
