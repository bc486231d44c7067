"""A dialect behind a guard: whatever our own code stumbles over costs the connection, and not the server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from queuepulse.engine.events import Event
from queuepulse.sources.dialects import Dialect, LinkTrouble


class Defect(Exception):
    """A translator failed by our own fault; the cause says where. It cannot be gone on with."""


class Guarded:
    """A `Dialect` that raises Defect where that of `new_dialect` fails; `renew` begins with a new one."""

    def __init__(self, new_dialect: Callable[[], Dialect]) -> None:
        self._new_dialect = new_dialect
        self._dialect = new_dialect()
        self._left: list[Event] = []

    def renew(self) -> None:
        """Nothing that the failed one thought is kept, but for the events it had told."""
        with suppress(Exception):
            self._left += self._dialect.events()
        self._dialect = self._new_dialect()

    @property
    def hint(self) -> str:
        return self._dialect.hint

    @property
    def is_in(self) -> bool:
        return self._dialect.is_in

    @property
    def trouble(self) -> str:
        with _guard():
            return self._dialect.trouble

    @property
    def greeting(self) -> str:
        with _guard():
            return self._dialect.greeting

    @property
    def malformed(self) -> int:
        with _guard():
            return self._dialect.malformed

    def opened(self, token: str) -> bytes:
        with _guard():
            return self._dialect.opened(token)

    def take(self, piece: bytes, arrived_ms: int) -> bytes:
        with _guard():
            return self._dialect.take(piece, arrived_ms)

    def advance(self, now_ms: int) -> bytes:
        with _guard():
            return self._dialect.advance(now_ms)

    def due_ms(self) -> int | None:
        with _guard():
            return self._dialect.due_ms()

    def ping(self) -> bytes:
        with _guard():
            return self._dialect.ping()

    def disconnected(self, now_ms: int) -> None:
        with _guard():
            self._dialect.disconnected(now_ms)

    def events(self) -> list[Event]:
        with _guard():
            events = self._left + self._dialect.events()
        self._left = []
        return events


@contextmanager
def _guard() -> Iterator[None]:
    try:
        yield
    except LinkTrouble:
        raise
    except Exception as error:
        raise Defect from error
