"""Telephone numbers hidden in events, before they are logged."""

from typing import Final, TypeVar

import msgspec

from queuepulse.engine.events import Event

DIGITS_SHOWN_MAX: Final = 2
"""Last characters of a masked number that stay: enough to tell calls apart for a person who knows them."""
_Event = TypeVar("_Event", bound=Event)


def masked(event: _Event, *names: str) -> _Event:
    """The event with these numbers hidden, but for their ends. Lengths stay: they tell where from."""
    numbers = {name: getattr(event, name) for name in names}
    changes = {name: _mask(number) for name, number in numbers.items() if number is not None}
    return msgspec.structs.replace(event, **changes) if changes else event


def _mask(number: str) -> str:
    shown = min(DIGITS_SHOWN_MAX, len(number) // 2)
    hidden = len(number) - shown
    return "*" * hidden + number[hidden:]
