"""The interfaces under `/v1/` as one table: routing, parsing and the OpenAPI document are drawn from it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from queuepulse.v1.parameters import CC, VDN, Parameter

PREFIX: Final = "/v1/"
"""Begins the path of each."""
OPENAPI_PATH: Final = PREFIX + "openapi.json"
"""Where the document of all is, for anybody."""


class Schema(NamedTuple):
    """The JSON schema of an answer, and those of the parts it refers to, by name."""

    schema: dict[str, Any]
    parts: dict[str, Any]


def schema_of(answer: type[msgspec.Struct]) -> Schema:
    """That of a Struct: its docstrings tell the meaning."""
    [schema], parts = msgspec.json.schema_components([answer], ref_template="#/components/schemas/{name}")
    return Schema(schema, parts)


class Interface(NamedTuple):
    """A row of the table: `GET` of the path. All have `cc` and `vdn` besides their `own` parameters.

    `summary` is a line, `meaning` a paragraph or nothing. `answer` gives the schema of a success.
    """

    name: str
    summary: str
    meaning: str
    own: tuple[Parameter, ...]
    answer: Callable[[], Schema]

    @property
    def path(self) -> str:
        """Where it is."""
        return PREFIX + self.name

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of them."""
        return (CC, VDN, *self.own)


TABLE: Final[tuple[Interface, ...]] = ()
"""All that are served."""
