"""Telephone numbers hidden in events, before they are logged."""

from typing import TypeVar

import msgspec

from queuepulse.engine.events import Event
from queuepulse.masking import masked_number

_Event = TypeVar("_Event", bound=Event)


def masked(event: _Event, *names: str) -> _Event:
    """The event with these numbers hidden, but for their ends. Lengths stay: they tell where from."""
    numbers = {name: getattr(event, name) for name in names}
    changes = {name: masked_number(number) for name, number in numbers.items() if number is not None}
    return msgspec.structs.replace(event, **changes) if changes else event
