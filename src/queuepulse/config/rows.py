"""A row of the table of settings: what is said of a setting, and how that reads. No setting stands here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

PREFIX: Final = "QUEUEPULSE_"
"""Every variable of ours begins so; the rest is the key in capitals, dots as underscores."""


class Row(NamedTuple):
    """What the table says of a setting besides its name, type and default.

    `least` and `most` bound a number, both included, and `reason` says why. `check` gives a better form of
    a value, or raises ValueError with the rule. `each` says what a table has for each name. A `secret` is
    never shown.
    """

    meaning: str
    unit: str = ""
    least: int | None = None
    most: int | None = None
    reason: str = ""
    check: Callable[[Any], Any] | None = None
    secret: bool = False
    each: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that belong together; a table of the file."""


class Setting(NamedTuple):
    """A row of the table, whole. `key` is its name in the file, such as `server.port`."""

    key: str
    variable: str
    type: Any
    default: Any
    row: Row

    @property
    def rule(self) -> str:
        """What a value must be, to go after "must be"."""
        choices = get_args(self.type)
        if self.type is bool:
            return "true or false"
        if self.type is int:
            return f"an integer from {self.row.least:,} to {self.row.most:,}"
        if get_origin(self.type) is Literal:
            return f"one of {', '.join(choices)}"
        if get_origin(self.type) is tuple:
            return "a list of texts"
        if get_origin(self.type) is dict:
            return f"a table of names, each with {self.row.each}"
        return "a path" if Path in (self.type, *choices) else "text"

    @property
    def limit(self) -> str:
        """What the documentation says of the values it may take, and why."""
        because = f": {self.row.reason}" if self.row.reason else ""
        return self.rule + because

    def shown(self, value: Any) -> str:
        """A value as it may be shown to anybody."""
        if value is None or value is msgspec.NODEFAULT or value == ():
            return "not set"
        if self.row.secret:
            return "set, not shown"
        if isinstance(value, bool):
            return "true" if value else "false"
        return ", ".join(value) if isinstance(value, tuple) else str(value)


def settings_of(section: type[Section], prefix: str = "") -> Iterator[Setting]:
    """The rows of a section, and of those within it; `prefix` begins their keys."""
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        hint, key = hints[field.name], prefix + field.name
        if isinstance(hint, type) and issubclass(hint, Section):
            yield from settings_of(hint, key + ".")
        elif get_origin(hint) is Annotated:
            plain, row = get_args(hint)
            yield Setting(key, PREFIX + key.upper().replace(".", "_"), plain, field.default, row)
