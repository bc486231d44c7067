"""What the URL of a request chooses, beside its path: a call center, and a VDN in it."""

from typing import Final
from urllib.parse import parse_qsl

from queuepulse.engine.events import CC_MAX, VDN_MAX

QUERY_FIELDS_MAX: Final = 16
"""Parameters in a URL: some times what any of ours has."""


class BadQuery(Exception):
    """A query string that chooses nothing: `key` is wrong, or empty for all of it, and `reason` says why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key, self.reason = key, reason


def chosen_by(query: bytes) -> tuple[int | None, int | None]:
    """The numbers that `cc=1&vdn=1` names, each None where it names none. Raises BadQuery.

    Other keys are ignored.
    """
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BadQuery("", f"the URL has more than {QUERY_FIELDS_MAX} parameters") from None
    cc, vdn = (_number(pairs, key, most) for key, most in (("cc", CC_MAX), ("vdn", VDN_MAX)))
    return cc, vdn


def missing(key: str) -> BadQuery:
    """What to raise where a number must be named and is not."""
    return BadQuery(key, "is missing in the URL")


def _number(pairs: list[tuple[str, str]], key: str, most: int) -> int | None:
    values = [value for name, value in pairs if name == key]
    if not values:
        return None
    text = values[0]
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if len(values) > 1 or not is_number or not 1 <= int(text) <= most:
        raise BadQuery(key, f"must be in the URL once, an integer from 1 to {most}")
    return int(text)
