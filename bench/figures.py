"""What is measured, and what is asked of it: one table of goals, and figures that are held against it."""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Verdict(StrEnum):
    """A figure against its goal."""

    AIM = "aim reached"
    FLOOR = "above the floor"
    SHORT = "SHORT OF THE FLOOR"
    NONE = ""


class Goal(NamedTuple):
    """What a figure must reach, and what it should. Where the floor is above the aim, less is better."""

    floor: float
    aim: float

    def verdict(self, value: float) -> Verdict:
        """How the value stands."""
        sign = 1 if self.aim > self.floor else -1
        if sign * value >= sign * self.aim:
            return Verdict.AIM
        return Verdict.FLOOR if sign * value >= sign * self.floor else Verdict.SHORT


GOALS: Final = {
    "fold": Goal(300_000, 500_000),
    "translate": Goal(50_000, 150_000),
    "ingest": Goal(60_000, 150_000),
    "ratio 2": Goal(0.15, 0.30),
    "ratio 50": Goal(0.30, 0.50),
    "ratio 1000": Goal(0.55, 0.75),
    "p99": Goal(40, 20),
    "gateway added 50": Goal(3, 1.5),
    "gateway ratio 1000": Goal(0.60, 0.75),
    "push": Goal(20, 10),
    "restart 5000000": Goal(5, 2),
    "history cost": Goal(5, 3),
    "history cost steady": Goal(5, 3),
    "history question": Goal(500, 200),
    "sliding hour": Goal(20, 10),
    "figures of a month": Goal(500, 200),
    "explain": Goal(50, 10),
}


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the table. `key` is that of its goal, if it has one; `detail` is for people."""

    key: str
    meaning: str
    value: float
    unit: str
    detail: str = ""

    @property
    def goal(self) -> Goal | None:
        return GOALS.get(self.key)

    @property
    def verdict(self) -> Verdict:
        return self.goal.verdict(self.value) if self.goal else Verdict.NONE


class Skipped(Exception):
    """A measurement that cannot be made here; `str()` tells a person why and what to do."""


def shown(value: float) -> str:
    """A number with as many digits as it is worth."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
