"""Telephone numbers as those see them who may not know them. It stands at the level of `ports`."""

from typing import Final

DIGITS_SHOWN_MAX: Final = 2
"""Last characters of a masked number that stay: enough to tell calls apart for a person who knows them."""


def masked_number(number: str) -> str:
    """The number hidden but for its end. Its length stays: it tells where from."""
    shown = min(DIGITS_SHOWN_MAX, len(number) // 2)
    hidden = len(number) - shown
    return "*" * hidden + number[hidden:]
