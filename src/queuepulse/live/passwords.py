"""Passwords: hashed and checked by Argon2, slow and large on purpose; so in a thread and few at once."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_CHARACTERS_MIN: Final = 10
"""Of a new password; shorter ones can be tried out."""
PASSWORD_CHARACTERS_MAX: Final = 1_000
"""Of any password; a longer one is refused before it is hashed."""
CHECKS_AT_ONCE: Final = 2
"""Passwords checked at the same time: each takes 64 MiB and a core for some 50 ms."""
CHECKS_WAITING_MAX: Final = 20
"""Those that wait for it: a second's worth. More are sent away to come again."""


class TooManyChecks(Exception):
    """So many sign in at this moment that this one has to come again."""


class Passwords:
    """Hashes and checks passwords. `hasher` has the costs: those of RFC 9106 for little memory by default."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._at_once = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._waiting = 0
        # Whoever is unknown costs what others cost.
        self._nobodys = self._hasher.hash("nobody's")

    def hashed(self, password: str) -> str:
        """What is kept of a password; blocks."""
        return self._hasher.hash(password)

    async def is_right(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is that of the hash; without one it is not, after as much work.

        Raises TooManyChecks.
        """
        if self._waiting >= CHECKS_WAITING_MAX:
            raise TooManyChecks
        self._waiting += 1
        try:
            async with self._at_once:
                right = await asyncio.to_thread(self._verify, password_hash or self._nobodys, password)
        finally:
            self._waiting -= 1
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
