"""What the parts of the server tell of themselves, as one Protocol. What becomes of it is `live.metrics`."""

from typing import Protocol


class Meters(Protocol):
    """Takes measurements. Called on every request, so each call costs about a microsecond.

    Words are of a small fixed set and name no tenant: they become labels. Seconds are monotonic ones.
    """

    def answered(self, interface: str, status: int, elapsed_s: float) -> None:
        """A request to this interface got this HTTP status after so long."""

    def refused(self, interface: str, reason: str) -> None:
        """A request to this interface got no rows, or its events were not taken."""

    def authentication_failed(self, cause: str) -> None:
        """A request got HTTP 401; the client is not told the cause."""

    def folded(self, outcome: str, count: int) -> None:
        """So many events were folded with this outcome."""

    def clamped(self, count: int) -> None:
        """So many events came from the future and were set to our clock."""

    def translator_failed(self, kind: str) -> None:
        """A source of this kind said what we could not read, by our own fault."""

    def committed(self, elapsed_s: float) -> None:
        """Events became durable after so long."""
