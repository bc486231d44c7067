"""Headers of Asterisk's messages as values, and what is told of a queue by the configuration alone."""

from typing import Final, NamedTuple

from queuepulse.engine.events import NAME_MAX
from queuepulse.sources.ami import Message

NO_VALUE: Final = "<unknown>"
"""What Asterisk writes for a value that there is not."""


class QueueTerms(NamedTuple):
    """What AMI does not tell of a queue: how long its wrap-up is, how long it lets callers wait (ms)."""

    wrapup_ms: int | None = None
    max_wait_ms: int | None = None


def value_of(message: Message, key: str) -> str:
    """A header's value, empty where the switch has none."""
    value = message.get(key, "")
    return "" if value == NO_VALUE else value


def text_of(message: Message, key: str) -> str | None:
    """A header's value as an event may carry it."""
    return value_of(message, key)[:NAME_MAX] or None


def number_of(message: Message, key: str) -> int:
    """A header's whole number; 0 where there is none."""
    value = message.get(key, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0
