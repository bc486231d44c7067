"""Kinds of parameters in a URL: how the text of each is read, and what a schema says of it.

A kind is told the limits that the settings give; all others are its own.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from queuepulse.calling import key_of
from queuepulse.engine.events import AT_MAX_MS, CC_MAX, VDN_MAX
from queuepulse.engine.passes import CallKey
from queuepulse.urls import BadQuery

QUERY_BYTES_MAX: Final = 16 * 1024
"""The longest query that is looked at: a thousand queues, one by one, have half of it."""
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_RANGE: Final = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")


class Limits(NamedTuple):
    """What the settings say: the largest id of a skill queue."""

    skill_max: int


class Kind(Protocol):
    """A kind of parameter."""

    def read(self, text: str, limits: Limits) -> Any:
        """The value. Raises ValueError with the rule, to go after the name."""

    def schema(self, limits: Limits) -> dict[str, Any]:
        """Its JSON schema."""


@dataclass(frozen=True)
class Whole:
    """An integer from `least` to `most`."""

    least: int
    most: int

    def read(self, text: str, limits: Limits) -> int:
        if not _NUMBER.fullmatch(text) or not self.least <= int(text) <= self.most:
            raise ValueError(f"must be an integer from {self.least} to {self.most}")
        return int(text)

    def schema(self, limits: Limits) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Skill:
    """One skill queue."""

    def read(self, text: str, limits: Limits) -> int:
        return Whole(1, limits.skill_max).read(text, limits)

    def schema(self, limits: Limits) -> dict[str, Any]:
        return Whole(1, limits.skill_max).schema(limits)


@dataclass(frozen=True)
class Numbers:
    """A list such as `1,2,5-9` of at most `count` ids, in its order: of skill queues, or up to `most`."""

    count: int
    most: int = 0

    def read(self, text: str, limits: Limits) -> list[int]:
        most = self.most or limits.skill_max
        found: list[int] = []
        for part in text.split(","):
            read = _RANGE.fullmatch(part)
            first = int(read[1]) if read else 0
            last = int(read[2] or read[1]) if read else 0
            if not 1 <= first <= last <= most:
                raise ValueError(f"must be a list such as 1,2,5-9 of integers from 1 to {most}")
            if len(found) + last - first >= self.count:
                raise ValueError(f"must name at most {self.count} of them")
            found.extend(range(first, last + 1))
        return found

    def schema(self, limits: Limits) -> dict[str, Any]:
        pattern = "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"
        return {"type": "string", "pattern": pattern, "examples": ["1,2,5-9"]}


@dataclass(frozen=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]

    def read(self, text: str, limits: Limits) -> str:
        if text not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}")
        return text

    def schema(self, limits: Limits) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True)
class Words:
    """Some of these words, each once, with commas between."""

    words: tuple[str, ...]

    def read(self, text: str, limits: Limits) -> list[str]:
        found = text.split(",", len(self.words))
        unknown = [word for word in found if word not in self.words]
        if unknown:
            raise ValueError(f"has {unknown[0][:40]!r}, and not only some of {', '.join(self.words)}")
        if len(set(found)) < len(found):
            raise ValueError("must name each once")
        return found

    def schema(self, limits: Limits) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": list(self.words)}, "uniqueItems": True}


@dataclass(frozen=True)
class Text:
    """Text of 1 to `chars_max` printable characters."""

    chars_max: int

    def read(self, text: str, limits: Limits) -> str:
        if not 1 <= len(text) <= self.chars_max or not text.isprintable():
            raise ValueError(f"must be 1 to {self.chars_max} printable characters")
        return text

    def schema(self, limits: Limits) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.chars_max}


@dataclass(frozen=True)
class Cursor:
    """Where the page before ended: the `next` of its answer."""

    def read(self, text: str, limits: Limits) -> CallKey:
        return key_of(text)

    def schema(self, limits: Limits) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class Instant:
    """An instant: epoch milliseconds, or ISO 8601 with its zone. The value is epoch ms."""

    def read(self, text: str, limits: Limits) -> int:
        at_ms = int(text) if _NUMBER.fullmatch(text) else _iso_ms(text)
        if not 0 <= at_ms <= AT_MAX_MS:
            raise ValueError("must be from 1970 to the year 3000")
        return at_ms

    def schema(self, limits: Limits) -> dict[str, Any]:
        texts = {"type": "string", "format": "date-time"}
        return {"oneOf": [{"type": "integer", "minimum": 0, "maximum": AT_MAX_MS}, texts]}


def _iso_ms(text: str) -> int:
    rule = "must be epoch milliseconds, or ISO 8601 with a zone such as 2026-01-05T08:00:00Z"
    try:
        moment = datetime.fromisoformat(text[:40])
    except ValueError:
        raise ValueError(rule) from None
    if moment.tzinfo is None:
        raise ValueError(rule)
    # Whole seconds first: a float of epoch seconds is not exact to the millisecond.
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000


class Parameter(NamedTuple):
    """A parameter of an interface. `default` is the value of one that is not given."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    default: Any = None


CC: Final = Parameter("cc", Whole(1, CC_MAX), "The call center.", required=True)
VDN: Final = Parameter("vdn", Whole(1, VDN_MAX), "The VDN in it.", required=True)


def read_query(query: bytes, parameters: tuple[Parameter, ...], limits: Limits) -> dict[str, Any]:
    """The values by name, every parameter among them. Raises BadQuery; what is unknown or twice is refused.

    `%XX` stands for a byte of UTF-8, and `+` for itself, as where requests are signed.
    """
    given = _texts(query, {parameter.name for parameter in parameters})
    values = {}
    for parameter in parameters:
        text = given.get(parameter.name)
        if text is None:
            if parameter.required:
                raise BadQuery(parameter.name, "is missing in the URL")
            values[parameter.name] = parameter.default
            continue
        try:
            values[parameter.name] = parameter.kind.read(text, limits)
        except ValueError as wrong:
            raise BadQuery(parameter.name, str(wrong)) from None
    return values


def read_path(part: bytes, parameter: Parameter, limits: Limits) -> dict[str, Any]:
    """The value of the parameter that is a part of the path, by its name. Raises BadQuery."""
    try:
        return {parameter.name: parameter.kind.read(unquote_to_bytes(part).decode(), limits)}
    except UnicodeDecodeError:
        raise BadQuery(parameter.name, "must be UTF-8") from None
    except ValueError as wrong:
        raise BadQuery(parameter.name, str(wrong)) from None


def _texts(query: bytes, known: set[str]) -> dict[str, str]:
    if len(query) > QUERY_BYTES_MAX:
        raise BadQuery("", f"the query of the URL is longer than {QUERY_BYTES_MAX:,} bytes")
    given: dict[str, str] = {}
    # One more part than there may be: that one is unknown, or there twice.
    for part in query.split(b"&", len(known) + 1) if query else ():
        name, _, value = part.partition(b"=")
        try:
            key, text = unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise BadQuery("", "the query of the URL must be UTF-8") from None
        if key not in known:
            raise BadQuery(key[:40], f"is no parameter here; there are {', '.join(sorted(known)) or 'none'}")
        if key in given:
            raise BadQuery(key, "is there more than once")
        given[key] = text
    return given
