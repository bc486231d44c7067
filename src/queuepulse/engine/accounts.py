"""What a VDN knows of each of its sources: the names it gave, its pictures, and since when they agree.

A picture that corrects nothing says that the figures were right, as far back as the one before it. One that
corrects something makes them right. So a source is sure since the last picture that corrected something, or,
after a start, a lost link or a restart of its switch, since the first whole one.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from queuepulse.engine.events import COVERED

CHECKED: Final = "checked"
AWAITED: Final = "awaited"
UNCHECKED: Final = "unchecked"
LOST: Final = "lost"
CONFIDENCES: Final[Mapping[str, str]] = {
    CHECKED: "pictures of the switch have agreed with the figures since `confident_since`",
    AWAITED: "the switch has restarted, and its next picture is still to come",
    UNCHECKED: "nobody checks: the source tells no pictures, or none of everything",
    LOST: "the switch is out of sight: these are the last known figures",
}
"""How far figures can be relied on, the best first; a VDN is as its worst source."""
RANKS: Final = {word: rank for rank, word in enumerate(CONFIDENCES)}
CORRECTIONS_KEPT_MAX: Final = 100
"""Corrections that wait to be told: whoever folds for long takes none, and needs none."""


class Correction(NamedTuple):
    """One picture that changed something: of which source, and by kind how much.

    `was_lost` is whether the link was lost until then, so that something was to be expected. Epoch ms.
    """

    source: str
    asked_at_ms: int
    at_ms: int
    was_lost: bool
    repairs: dict[str, int]


class Account:
    """One source of a VDN.

    `queues`, `agents` and `phones` are the names that it gave to ids, whatever others call them.
    `pictures` counts those it told, `corrections` those of them that changed something, `repairs` what by
    kind. The last one was asked for at `asked_at_ms` and complete at `picture_at_ms`; it `covers` so much and
    `corrected` so much. `confident_since_ms` is since when the pictures agree. Epoch ms, -1 for never.
    """

    __slots__ = (
        "agents",
        "asked_at_ms",
        "confident_since_ms",
        "corrected",
        "corrections",
        "covers",
        "phones",
        "picture_at_ms",
        "pictures",
        "queues",
        "repairs",
    )

    def __init__(self) -> None:
        self.queues: dict[int, str] = {}
        self.agents: dict[int, str] = {}
        self.phones: dict[int, str] = {}
        self.pictures = 0
        self.corrections = 0
        self.repairs: dict[str, int] = {}
        self.asked_at_ms = -1
        self.picture_at_ms = -1
        self.covers: list[str] = []
        self.corrected: dict[str, int] = {}
        self.confident_since_ms = -1

    def pictured(self, asked_at_ms: int, at_ms: int, covers: list[str], corrected: dict[str, int]) -> None:
        """A picture was taken over. One that does not cover all cannot make sure what it does not cover."""
        self.pictures += 1
        self.asked_at_ms, self.picture_at_ms = asked_at_ms, at_ms
        self.covers, self.corrected = covers, corrected
        if corrected:
            self.corrections += 1
            for kind, count in corrected.items():
                self.repairs[kind] = self.repairs.get(kind, 0) + count
        is_sure = self.confident_since_ms >= 0
        if (is_sure and corrected) or (not is_sure and len(covers) == len(COVERED)):
            self.confident_since_ms = at_ms

    def lose(self) -> None:
        """The link is lost, or the switch has restarted: the next whole picture will tell."""
        self.confident_since_ms = -1

    def confidence(self, is_lost: bool) -> str:
        """One of CONFIDENCES."""
        if is_lost:
            return LOST
        if self.confident_since_ms >= 0:
            return CHECKED
        return AWAITED if len(self.covers) == len(COVERED) else UNCHECKED


class Accounts:
    """The accounts of a VDN by source; and the corrections that nobody has taken yet, which are no state."""

    __slots__ = ("by_source", "corrections")

    def __init__(self) -> None:
        self.by_source: dict[str, Account] = {}
        self.corrections: list[Correction] = []

    def of(self, source: str) -> Account:
        """That of this source, made when it first tells something of itself."""
        account = self.by_source.get(source)
        if account is None:
            account = self.by_source[source] = Account()
        return account

    def correct(self, correction: Correction) -> None:
        """A picture changed something: to be told to people."""
        self.corrections.append(correction)
        if len(self.corrections) > CORRECTIONS_KEPT_MAX:
            del self.corrections[0]

    def take_corrections(self) -> list[Correction]:
        """Those since it was last asked."""
        corrections, self.corrections = self.corrections, []
        return corrections
