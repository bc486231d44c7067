"""The interfaces under `/v1/` as one table: routing, parsing and the OpenAPI document are drawn from it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from queuepulse.calling import CALLS_DEFAULT, CALLS_MAX, CallAnswer, CallsAnswer
from queuepulse.engine.calls import OUTCOMES
from queuepulse.engine.drafting import EXPLAINED
from queuepulse.engine.drafting import WINDOWS as EXPLAINED_WINDOWS
from queuepulse.engine.events import AGENT_MAX
from queuepulse.engine.explanations import TERMS_DEFAULT, TERMS_MAX
from queuepulse.engine.limits import WITHIN_S
from queuepulse.engine.measures import AGENTS, QUEUES, RATIO, WINDOWS
from queuepulse.retelling import EXPLAIN_PATH, OUR_NAMES, Explained
from queuepulse.v1.parameters import (
    CC,
    VDN,
    Choice,
    Cursor,
    Instant,
    Numbers,
    Parameter,
    Skill,
    Text,
    Whole,
    Words,
)

PREFIX: Final = "/v1/"
"""Begins the path of each."""
OPENAPI_PATH: Final = PREFIX + "openapi.json"
"""Where the document of all is, for anybody."""

CALL_CHARS_MAX: Final = 64
"""The longest id of a call (events.md)."""
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

    `summary` is a line, `meaning` a paragraph or nothing. `answer` gives the schema of a success. Where one
    parameter is `in_path`, it is the last part of the path, under `below`.
    """

    name: str
    summary: str
    meaning: str
    own: tuple[Parameter, ...]
    answer: Callable[[], Schema]
    below: str = ""
    in_path: Parameter | None = None

    @property
    def path(self) -> str:
        """Where it is; what stands for the parameter in it has braces."""
        return PREFIX + (f"{self.below}/{{{self.in_path.name}}}" if self.in_path else self.name)

    @property
    def routed(self) -> str:
        """The same, with `*` for the parameter."""
        return f"{PREFIX}{self.below}/*" if self.in_path else self.path

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of them."""
        return (CC, VDN, *self.own)


SECONDS_MAX: Final = 3_600
"""Of a sliding window: an hour."""
IDS_MAX: Final = 1_000
"""Queues, or agents, in one question."""
GRAIN_NAMES: Final = ("5min", "15min", "30min", "60min", "day", "month")
"""The lengths of periods of history, the shortest first."""
_MEASURES: Final = (*QUEUES.measures, *AGENTS.measures)
FIGURE_NAMES: Final = tuple(
    dict.fromkeys(
        [
            *(one.name for one in _MEASURES),
            *(one.family for one in _MEASURES),
            *(one.name for one in QUEUES.presents),
        ]
    )
)
"""All that may stand in `figures`: names, and those of families."""


def _figures() -> Schema:
    """The answer of FIGURES."""
    whole, ratio = {"type": ["integer", "null"]}, {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    oldest = {
        "type": ["object", "null"],
        "properties": {"call": {"type": "string"}, "since": {"type": "integer"}},
    }
    about: dict[str, Any] = {"skill": {"type": "integer"}, "agent": {"type": "integer"}}
    said = [(one.name, one.unit, one.meaning) for one in _MEASURES]
    said += [(one.name, one.unit, one.meaning) for one in QUEUES.presents]
    for name, unit, meaning in said:
        kind = ratio if unit == RATIO else oldest if name == "oldest_waiting" else whole
        about[name] = {**kind, "description": f"{meaning} Unit: {unit}."}
    row = {"type": "object", "properties": about}
    head = {name: {"type": "integer"} for name in ("cc", "vdn", "position", "as_of", "begin", "end")}
    told = {
        **head,
        "stale_since": {"type": ["integer", "null"]},
        "window": {"type": "string", "enum": list(WINDOWS)},
        "within": {"type": ["integer", "null"]},
        "rows": {"type": "array", "items": {"$ref": "#/components/schemas/FigureRow"}},
        "grain": {"type": "string", "enum": list(GRAIN_NAMES)},
        "skills": {"type": "array", "items": {"type": "integer"}},
        "agents": {"type": "array", "items": {"type": "integer"}},
        "periods": {
            "type": "array",
            "description": "With a grain, in place of rows: of each period a list for each figure, "
            "in the order of the ids. A period in which nothing happened is left out.",
            "items": {
                "type": "object",
                "properties": {"begin": {"type": "integer"}, "end": {"type": "integer"}},
                "additionalProperties": {"type": "array", "items": {"type": ["number", "null"]}},
            },
        },
    }
    answer = {"type": "object", "properties": told, "required": [*head, "stale_since", "window"]}
    return Schema({"$ref": "#/components/schemas/FigureAnswer"}, {"FigureAnswer": answer, "FigureRow": row})


FIGURES: Final = Interface(
    "figures",
    "The figures beyond those of skill/stateinfo, of queues or agents over a window.",
    "A row for each id, in the order asked; what there is nothing to divide by is null.",
    (
        Parameter("skills", Numbers(IDS_MAX), f"Queues, at most {IDS_MAX:,}; or `agents`."),
        Parameter("agents", Numbers(IDS_MAX, AGENT_MAX), f"Agents, at most {IDS_MAX:,}, in place of queues."),
        Parameter("figures", Words(FIGURE_NAMES), "Which figures, or families of them; all, if not given."),
        Parameter(
            "window",
            Choice(tuple(WINDOWS)),
            "Which time; `sliding` where `seconds` are given, `range` where `from` is, else `five`.",
        ),
        Parameter("seconds", Whole(1, SECONDS_MAX), "How long a sliding window is."),
        Parameter("from", Instant(), "The begin of a range; the five minutes that hold it count whole."),
        Parameter("to", Instant(), "Its end; now, if not given."),
        Parameter(
            "grain", Choice(GRAIN_NAMES), "For a range: its periods one by one, in place of their sum."
        ),
        Parameter(
            "within",
            Choice(tuple(map(str, WITHIN_S))),
            "T of the service levels, in seconds, in place of the queue's own limit.",
        ),
    ),
    _figures,
)

EXPLAIN: Final = Interface(
    EXPLAIN_PATH.removeprefix(PREFIX),
    "What a figure of a queue is made of.",
    "The calls, agents and events, what each adds, and how they give the figure; a program can compute it "
    "anew from these alone. `at` in the past is answered from the log, in a while.",
    (
        Parameter("skill", Skill(), "The queue.", required=True),
        Parameter(
            "figure",
            Choice((*EXPLAINED, *OUR_NAMES)),
            "The figure, by our name or by that of the CC-CMS API.",
            required=True,
        ),
        Parameter(
            "window",
            Choice(EXPLAINED_WINDOWS),
            "Of a figure beyond the nineteen: which time; `sliding` where `seconds` are given, else `five`.",
        ),
        Parameter("seconds", Whole(1, SECONDS_MAX), "How long a sliding window is."),
        Parameter(
            "within",
            Choice(tuple(map(str, WITHIN_S))),
            "T of the service levels, in seconds, in place of the queue's own limit.",
        ),
        Parameter("at", Instant(), "The instant of which it is; now unless given."),
        Parameter("after", Whole(0, AFTER_MAX), "Terms to pass over.", default=0),
        Parameter("limit", Whole(1, TERMS_MAX), "Terms to list.", default=TERMS_DEFAULT),
    ),
    lambda: schema_of(Explained),
)

CALLS: Final = Interface(
    "calls",
    "The calls that began in a stretch of time, each with its passes.",
    "In the order in which they began; a page is asked for with the `next` of the one before. A call that "
    "goes on is among them, with what is known of it now.",
    (
        Parameter("from", Instant(), "Calls that began then or later.", required=True),
        Parameter("to", Instant(), "And before then; without end, if not given."),
        Parameter("skill", Skill(), "Only those that came to the queue."),
        Parameter("agent", Whole(1, AGENT_MAX), "Only those that the agent talked with, at last in a pass."),
        Parameter("outcome", Choice(OUTCOMES), "Only those of which a pass ended so, or is so now."),
        Parameter("after", Cursor(), "Behind the page whose `next` this is."),
        Parameter("limit", Whole(1, CALLS_MAX), "Calls in the page.", default=CALLS_DEFAULT),
    ),
    lambda: schema_of(CallsAnswer),
)
CALL: Final = Interface(
    "call",
    "One call by its id, with its passes.",
    "A second after its last event, until `history.calls_days` are over.",
    (),
    lambda: schema_of(CallAnswer),
    below="calls",
    in_path=Parameter("call", Text(CALL_CHARS_MAX), "The id of the call, as its events say it."),
)

TABLE: Final[tuple[Interface, ...]] = (FIGURES, CALLS, CALL, EXPLAIN)
"""All that are served."""
