"""The interfaces under `/v1/` as one table: routing, parsing and the OpenAPI document are drawn from it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from queuepulse.engine.explanations import TERMS_DEFAULT, TERMS_MAX
from queuepulse.retelling import OUR_NAMES, WIRE_NAMES, Explained
from queuepulse.v1.parameters import CC, VDN, Choice, Instant, Parameter, Skill, Whole

PREFIX: Final = "/v1/"
"""Begins the path of each."""
OPENAPI_PATH: Final = PREFIX + "openapi.json"
"""Where the document of all is, for anybody."""

AFTER_MAX: Final = 10_000_000
"""More terms than any figure has."""


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


EXPLAIN: Final = Interface(
    "explain",
    "What a figure of a queue is made of.",
    "The calls, agents and events, what each adds, and how they give the figure; a program can compute it "
    "anew from these alone. `at` in the past is answered from the log, in a while.",
    (
        Parameter("skill", Skill(), "The queue.", required=True),
        Parameter(
            "figure",
            Choice((*WIRE_NAMES, *OUR_NAMES)),
            "The figure, by our name or by that of the CC-CMS API.",
            required=True,
        ),
        Parameter("at", Instant(), "The instant of which it is; now unless given."),
        Parameter("after", Whole(0, AFTER_MAX), "Terms to pass over.", default=0),
        Parameter("limit", Whole(1, TERMS_MAX), "Terms to list.", default=TERMS_DEFAULT),
    ),
    lambda: schema_of(Explained),
)

TABLE: Final[tuple[Interface, ...]] = (EXPLAIN,)
"""All that are served."""
