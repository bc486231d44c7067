"""What is asked of the live interface: parameters of an address, and bodies, read once."""

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from queuepulse.asgi import Scope
from queuepulse.engine.events import AT_MAX_MS, CC_MAX, SKILL_CEILING, VDN_MAX, VdnKey
from queuepulse.live.watches import QUEUES_MAX
from queuepulse.retelling import OUR_NAMES, WIRE_NAMES, Why

BODY_BYTES_MAX: Final = 16 * 1024
"""Bytes of a body: a name and a password."""
SERIES_MS_MAX: Final = 8 * 86_400_000
"""How long a series may be: today and the same weekday before."""
_QUERY_FIELDS_MAX: Final = 16
TERMS_DEFAULT: Final = 50
"""Terms of an explanation that are listed unless more are asked for: what a person reads."""
TERMS_MAX: Final = 1_000
"""Terms in one answer: some 200 kB."""
TERMS_PASSED_MAX: Final = 10_000_000
"""Terms that may be passed over: more than five minutes have."""
_LIST_CHARACTERS_MAX: Final = 8_000
_RANGE: Final = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")


class BadAsking(Exception):
    """The request names something that cannot be asked. `str()` tells a person which and the rule."""


class Credentials(msgspec.Struct, frozen=True):
    """The body of a sign-in."""

    name: str
    password: str

    def __repr__(self) -> str:
        return "Credentials()"


class Asked(NamedTuple):
    """The parameters of an address, each at most once."""

    values: dict[str, str]

    def vdn(self) -> VdnKey:
        """Which VDN is meant."""
        return VdnKey(self._number("cc", CC_MAX), self._number("vdn", VDN_MAX))

    def skill(self) -> int:
        """The one queue that must be named."""
        return self._number("skill", SKILL_CEILING)

    def one_skill(self) -> int | None:
        """The one queue that may be named."""
        return self.skill() if "skill" in self.values else None

    def skills(self) -> frozenset[int] | None:
        """The queues of a list such as 1,2,5-9; None if there is none."""
        text = self.values.get("skills")
        if text is None:
            return None
        rule = f"skills must be a list such as 1,2,5-9 of at most {QUEUES_MAX:,} queues"
        found: set[int] = set()
        if len(text) > _LIST_CHARACTERS_MAX:
            raise BadAsking(rule)
        for part in text.split(","):
            ends = _RANGE.fullmatch(part.strip())
            first = int(ends[1]) if ends else 0
            last = int(ends[2] or ends[1]) if ends else 0
            if not 1 <= first <= last <= SKILL_CEILING or last - first >= QUEUES_MAX:
                raise BadAsking(rule)
            found.update(range(first, last + 1))
            if len(found) > QUEUES_MAX:
                raise BadAsking(rule)
        return frozenset(found)

    def period(self) -> tuple[int, int]:
        """The instants from which and up to which is asked, in epoch ms."""
        from_ms, to_ms = self._number("from_ms", AT_MAX_MS, 0), self._number("to_ms", AT_MAX_MS, 0)
        if not 0 <= to_ms - from_ms <= SERIES_MS_MAX:
            raise BadAsking(f"to_ms must lie after from_ms, by at most {SERIES_MS_MAX:,} ms")
        return from_ms, to_ms

    def why(self) -> Why:
        """Which figure is to be explained, and which of its terms are listed."""
        name = self.values.get("figure", "")
        figure = OUR_NAMES.get(name, name)
        if figure not in WIRE_NAMES:
            raise BadAsking(f"figure must be one of {', '.join(WIRE_NAMES)}")
        after = self._number("after", TERMS_PASSED_MAX, 0) if "after" in self.values else 0
        limit = self._number("limit", TERMS_MAX) if "limit" in self.values else TERMS_DEFAULT
        return Why(self.skill(), figure, None, after, limit)

    def _number(self, key: str, most: int, least: int = 1) -> int:
        text = self.values.get(key, "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
        if not least <= number <= most:
            raise BadAsking(f"{key} must be in the address, an integer from {least} to {most}")
        return number


def read_query(scope: Scope) -> Asked:
    """The parameters of a request. Raises BadAsking."""
    text = scope["query_string"].decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        raise BadAsking(f"the address has more than {_QUERY_FIELDS_MAX} parameters") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        raise BadAsking("a parameter is named twice")
    return Asked(values)


def read_credentials(body: bytes) -> Credentials:
    """The name and password of a sign-in. Raises BadAsking."""
    try:
        return msgspec.json.decode(body, type=Credentials)
    except (msgspec.MsgspecError, RecursionError):
        raise BadAsking('the body must be JSON such as {"name": "ann", "password": "…"}') from None
