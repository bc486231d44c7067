"""What the model keeps: live calls and sessions, and one row for everything that ever counted.

Instants are epoch milliseconds, durations milliseconds. No rule lives here.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Offer:
    """A pass that entered a queue."""

    skill: int
    at: int
    direction: str


@dataclass
class Answer:
    """A pass that was answered; `wait_ms` is None where nobody knows it, `ended_at` while it talks."""

    skill: int
    at: int
    direction: str
    wait_ms: int | None
    ended_at: int | None = None


@dataclass
class Ended:
    """A wait, a talk or an idle spell that is over and counts, in these queues."""

    skills: frozenset[int]
    at: int
    ms: int


@dataclass
class Live:
    """A live call in its present pass: it waits while `answer` is None."""

    call: str
    source: str
    skill: int
    direction: str
    since: int
    ringing: set[int] = field(default_factory=set)
    answer: Answer | None = None
    answered_at: int = 0
    agent: int | None = None
    held: bool = False

    @property
    def phase(self) -> str:
        """`waiting` or `talking`, the words of a picture's `covers`."""
        return "waiting" if self.answer is None else "talking"


@dataclass
class Session:
    """A signed-in agent; `state` and `since` are his spell, `unexplained` what a picture alone says."""

    source: str
    skills: frozenset[int]
    base: str
    capacity: int
    media: int
    reason: Any = None
    wrapup_until: int | None = None
    unexplained: str | None = None
    state: str | None = None
    since: int = 0
