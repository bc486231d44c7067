"""Writes the tables of the documents anew, each drawn from the table in the code that it shows: `./dev docs`.

A page holds a table between two comments, `<!-- table NAME -->` and `<!-- end -->`. All between them is made
here; all else is a person's. The pictures are made here, too.
`tests/docs` fails when a page or a picture differs from the code.
"""
# long: a maker for each table and each picture of the documents, all of them short

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect
from rich.console import Console

from queuepulse import authentication, connections, edge
from queuepulse.cli import sending
from queuepulse.cli.figures_table import figures_table
from queuepulse.config import settings_table
from queuepulse.config.named import SOURCE_SETTINGS, SkillNamed, SourceNamed, VdnNamed
from queuepulse.engine import accounts, books, events, measures, queues, repair, states
from queuepulse.engine.fields import AGENT_FIELDS, QUEUE_FIELDS, meaning_of
from queuepulse.engine.figures import FIGURES
from queuepulse.engine.outcomes import Outcome
from queuepulse.engine.vdn import Vdn
from queuepulse.live import app as live_app
from queuepulse.live import described, feeds, health, lockouts, passwords, streams, watches
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.protocol import wire
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.interfaces import INTERFACES, OLD_SKILL_STATE, SKILL_STATE
from queuepulse.protocol.signature import Verdict
from queuepulse.simulator import Assumptions, simulate
from queuepulse.sources import http_ingest
from queuepulse.stores import users, writer
from queuepulse.stores.history import GRAINS
from queuepulse.v1 import described as v1_described
from queuepulse.vdn_health import Checks

FOLDER: Final = Path(__file__).resolve().parent
PICTURES: Final = FOLDER / "pictures"
MORNING_MS: Final = 1_767_600_000_000
"""2026-01-05T08:00:00Z, when the pictured day begins."""
PICTURED_MS: Final = MORNING_MS + 9_280_000
"""When it is looked at: late in the five minutes, so that every column has something to show."""
TABLE: Final = re.compile(r"(<!-- table ([a-z0-9 ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
STATE_MEANINGS: Final = {
    "signed_out": "Not signed in; in no figure.",
    "idle": "Free.",
    "preoccupied": "Reserved for a contact that does not ring yet.",
    "occupied": "His device is in use by something else.",
    "answering": "A call rings. No field of its own in `stateinfo`.",
    "talking": "An answered call is not yet released.",
    "work": "Works on something, set by himself.",
    "busy": "Set himself busy.",
    "rest": "On a break.",
    "study": "In training.",
    "adjust": "Wraps up after a call.",
}
"""What a state is; the code has only names and codes (statistics.md of the specification)."""
LIMITS: Final = (
    ("Queues in one question", wire.SKILL_IDS_MAX, ""),
    ("Body of a question", wire.BODY_BYTES_MAX, "bytes"),
    ("Body read before a signature is credible", authentication.UNPROVEN_BYTES_MAX, "bytes"),
    ("All longer bodies being read at once", authentication.LONG_BODIES_BYTES_MAX, "bytes"),
    ("Events in one batch", http_ingest.EVENTS_MAX, "events"),
    ("Body of a batch", http_ingest.BODY_BYTES_MAX, "bytes"),
    ("All batches between decoding and commit", http_ingest.DECODED_BYTES_MAX, "bytes"),
    ("Batches that wait for the disk", writer.PENDING_BYTES_MAX, "bytes"),
    ("VDNs in one answer about health", health.VDNS_MAX, ""),
    ("VDNs one key is told of in a second", health.VDNS_PER_S_MAX, ""),
    ("Head of a request", edge.HEADERS_BYTES_MAX, "bytes"),
    ("Time for the head of a request", edge.HEAD_MS_MAX, "ms"),
    ("Requests at once on one HTTP/2 connection", edge.STREAMS_MAX, ""),
    ("A connection may be silent", connections.SILENT_MS_MAX, "ms"),
    ("Queues in one stream", watches.QUEUES_MAX, ""),
    ("Changes kept for who comes back", feeds.CHANGES_KEPT_MAX, ""),
    ("… in bytes, of one set of queues", feeds.CHANGES_KEPT_BYTES_MAX, "bytes"),
    ("Questions of one signed-in browser", live_app.REQUESTS_PER_S_MAX, "a second"),
    ("Sessions of one user or link", users.SESSIONS_PER_PERSON_MAX, ""),
    ("Passwords checked at once", passwords.CHECKS_AT_ONCE, ""),
    ("Longest wait after failed sign-ins", int(lockouts.LOCK_S_MAX), "s"),
    ("What streams get to end", int(streams.END_S_MAX * 1000), "ms"),
    ("Events known again", books.SEEN_MAX, "events"),
    ("… for", books.SEEN_MS, "ms of the VDN's clock"),
    ("Ended calls known again", books.ENDED_MAX, "calls"),
    ("… for", books.ENDED_MS, "ms of the VDN's clock"),
    ("Skills of an agent", events.AGENT_SKILLS_MAX, ""),
    ("Agents, and calls, in one snapshot", events.PICTURE_MAX, ""),
    ("Events in a batch of `queuepulse send`", sending.BATCH_EVENTS_MAX, "events"),
)
"""Limits that are constants of the code: what is limited, to how much, and its unit."""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def figures() -> str:
    """The nineteen figures: our name, the wire's, unit, period, meaning."""
    wire_names = {column.field: column.wire for column in SKILL_STATE.columns}
    rows = (
        (f"`{one.name}`", f"`{wire_names[one.name]}`", one.unit, one.period, one.meaning) for one in FIGURES
    )
    return table(("figure", "on the wire", "unit", "period", "meaning"), rows)


def measures_of(subject: measures.Subject) -> str:
    """The figures beyond the nineteen, families together: name, unit, windows, meaning."""
    shown: dict[tuple[str, str, str, str], list[str]] = {}
    for one in subject.measures:
        over = "every" if len(one.windows) == len(measures.WINDOWS) else ", ".join(one.windows)
        shown.setdefault((one.family, one.unit, over, one.meaning), []).append(one.name)
    rows = [
        (" ".join(f"`{name}`" for name in names), unit, over, meaning)
        for (_, unit, over, meaning), names in shown.items()
    ]
    present = ", ".join(measures.PRESENT_WINDOWS)
    rows += [(f"`{one.name}`", one.unit, f"now, with {present}", one.meaning) for one in subject.presents]
    return table(("figure", "unit", "windows", "meaning"), rows)


def windows() -> str:
    """What the figures beyond the nineteen look at."""
    return table(("window", "is"), ((f"`{name}`", meaning) for name, meaning in measures.WINDOWS.items()))


def wire_order() -> str:
    """The keys of a row in their order, in both interfaces."""
    old = {column.field: column.wire for column in OLD_SKILL_STATE.columns}
    rows = (
        (
            place,
            f"`{column.wire}`",
            f"`{old[column.field]}`" if column.field in old else "",
            f"`{column.field}`",
        )
        for place, column in enumerate(SKILL_STATE.columns, 1)
    )
    return table(("", "`skill/stateinfo`", "`realindex/skill/stateinfo`", "figure"), rows)


def agent_states() -> str:
    """The states of an agent by CTI code."""
    rows = (
        (
            code,
            f"`{name}`",
            "his calls" if code in states.DERIVED else "himself" if code else "",
            STATE_MEANINGS[name],
        )
        for code, name in enumerate(states.NAMES)
    )
    return table(("CTI code", "state", "comes from", "meaning"), rows)


def interfaces() -> str:
    """What is served of the CC-CMS API."""
    rows = (
        (
            one.method,
            f"`{one.path}`",
            len(one.columns) - 1,
            f"`{one.envelope.value.replace(', ', '` `')}`",
            "yes" if one.needs_cti_v3r8 else "no",
        )
        for one in INTERFACES
    )
    return table(("method", "path", "figures", "keys of the answer", "needs CTI V3R8"), rows)


def result_codes() -> str:
    """The result codes of the CC-CMS API."""
    return table(("resultCode", "meaning"), ((f"`{code.value}`", code.meaning) for code in ResultCode))


def causes_of_401() -> str:
    """Why a request got HTTP 401, as the counter and the log say it."""
    rows = [(f"`{verdict.name.lower()}`", verdict.value) for verdict in Verdict if not verdict.valid]
    rows.append(("`body_unproven`", "the body is long, and the claim to have signed it is not credible"))
    rows.append(("`token_unknown`", "no key in force has this token"))
    rows.append(("`sign_in_wrong`", "a name or password is wrong"))
    rows.append(("`sign_in_locked`", "that name, or that address, has to wait"))
    rows.append(("`sign_in_link`", "a link has expired, was revoked, or never was"))
    return table(("cause", "meaning"), rows)


def metrics() -> str:
    """The metrics of ours; those of the process (`process_…`) are the client library's."""
    shown = Metrics(Readings(*_readings())).render().decode()
    helps = dict(re.findall(r"^# HELP (queuepulse_\S+) (.+)$", shown, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (queuepulse_\S+) (.+)$", shown, re.MULTILINE))
    return table(("metric", "kind", "meaning"), ((f"`{name}`", kinds[name], helps[name]) for name in helps))


def _readings() -> Iterator[Callable[[], Any]]:
    """Something to scrape for each reading: only names, kinds and meanings are looked at."""
    for name in Readings._fields:
        if name == "checks":
            yield lambda: Checks({}, {}, {})
        else:
            yield dict if name == "bms_up" else int


def confidences() -> str:
    """How far figures can be relied on."""
    rows = ((f"`{word}`", meaning) for word, meaning in accounts.CONFIDENCES.items())
    return table(("confidence", "meaning"), rows)


def event_types() -> str:
    """The events an outsider may send: their own keys, and what they mean."""
    rows = []
    for kind in events.Event.__args__:
        if kind is not events.Clock:
            tag = kind.__struct_config__.tag
            rows.append((f"`{tag}`", _keys(kind, without=events.Base), (kind.__doc__ or "").split("\n")[0]))
    return table(("type", "own keys", "meaning"), rows)


def event_keys() -> str:
    """The keys that every event may carry."""
    return _key_table(events.Base)


def pictured_agent() -> str:
    """The keys of an agent in a snapshot."""
    return _key_table(events.PictureAgent)


def pictured_call() -> str:
    """The keys of a call in a snapshot."""
    return _key_table(events.PictureCall)


def outcomes() -> str:
    """What can become of an event."""
    meanings = {
        Outcome.APPLIED: "It changed something.",
        Outcome.REPEATED: "It was seen before, or says nothing new.",
        Outcome.OUT_OF_PLACE: "It does not fit: its call is not live, or its agent not signed in. Dropped.",
    }
    return table(("outcome", "meaning"), ((f"`{one.name.lower()}`", meanings[one]) for one in Outcome))


def causes_of_leaving() -> str:
    """The ways in which a call leaves its queue unanswered."""
    return ", ".join(f"`{cause}`" for cause in queues.LEFT_CAUSES) + "\n"


def kinds_of_repair() -> str:
    """What a snapshot can change."""
    return ", ".join(f"`{kind}`" for kind in repair.KINDS) + "\n"


def limits() -> str:
    """Limits that are no settings."""
    return table(("what", "at most"), ((what, f"{most:,} {unit}".strip()) for what, most, unit in LIMITS))


def vdn_keys() -> str:
    """The keys of a VDN, and of a skill queue, in the file of settings."""
    rows = (("`[[vdns]]`", _keys(VdnNamed)), ("`[[vdns.skills]]`", _keys(SkillNamed)))
    return table(("section", "keys"), rows)


def source_keys() -> str:
    """The keys of a source in the file of settings."""
    required = {field.name for field in msgspec.structs.fields(SourceNamed) if field.required}
    rows = (
        (
            f"`{one.key}`",
            "must be given" if one.key in required else one.shown(one.default),
            one.row.unit,
            one.row.meaning,
            one.limit,
        )
        for one in SOURCE_SETTINGS
    )
    return table(("key", "default", "unit", "meaning", "values, and why"), rows)


def _keys(kind: type[msgspec.Struct], without: type[msgspec.Struct] | None = None) -> str:
    others = set(without.__struct_fields__) if without else set()
    own = [field for field in msgspec.structs.fields(kind) if field.name not in others]
    return ", ".join(f"`{field.name}`" + ("" if field.required else "?") for field in own) or "none"


def _key_table(kind: type[msgspec.Struct]) -> str:
    told = inspect.type_info(kind)
    assert isinstance(told, inspect.StructType)
    rows = (
        (f"`{field.name}`" + ("" if field.required else "?"), _values(field.type)) for field in told.fields
    )
    return table(("key", "value"), rows)


def _values(kind: inspect.Type) -> str:
    """What a key may hold, in words."""
    match kind:
        case inspect.Metadata(type=inner):
            words = _values(inner)
        case inspect.UnionType(types=kinds):
            words = " or ".join(_values(one) for one in kinds if not isinstance(one, inspect.NoneType))
        case inspect.IntType(le=events.AT_MAX_MS):
            words = "epoch ms, UTC"
        case inspect.IntType(le=events.SKILL_CEILING):
            words = "integer, 1-`skill_max` (a setting)"
        case inspect.IntType(ge=least, le=most):
            words = f"integer, {least}-{most}"
        case inspect.StrType(min_length=fewest, max_length=most):
            words = f"text, {fewest or 0}-{most} characters"
        case inspect.LiteralType(values=values):
            words = ", ".join(f"`{value}`" for value in values)
        case inspect.FrozenSetType(item_type=item, max_length=most):
            words = "array" + (f" of at most {most}" if most else "") + f": {_values(item)}"
        case _:
            raise TypeError(f"no words for {kind}")
    return words


def grains() -> str:
    """The lengths of periods, and what each is made of."""
    rows = (
        (
            f"`{name}`",
            "kept" if name == grain.kept else f"`{grain.kept}`",
            "the calendar" if not grain.minutes else f"{grain.minutes} minutes",
        )
        for name, grain in GRAINS.items()
    )
    return table(("grain", "made of", "length"), rows)


def queue_records() -> str:
    """What a queue's record counts."""
    return _fields(QUEUE_FIELDS)


def agent_records() -> str:
    """What an agent's record counts."""
    return _fields(AGENT_FIELDS)


def _fields(names: Sequence[str]) -> str:
    """Fields by their names, those alike together."""
    shown: dict[str, list[str]] = {}
    for name in names:
        shown.setdefault(meaning_of(name), []).append(f"`{name}`")
    return table(("field", "counts"), ((" ".join(some), meaning) for meaning, some in shown.items()))


MAKERS: Final[dict[str, Callable[[], str]]] = {
    "figures": figures,
    "measures": lambda: measures_of(measures.QUEUES),
    "agent measures": lambda: measures_of(measures.AGENTS),
    "windows": windows,
    "wire order": wire_order,
    "agent states": agent_states,
    "interfaces": interfaces,
    "result codes": result_codes,
    "causes of 401": causes_of_401,
    "confidences": confidences,
    "metrics": metrics,
    "event types": event_types,
    "event keys": event_keys,
    "pictured agent": pictured_agent,
    "pictured call": pictured_call,
    "outcomes": outcomes,
    "causes of leaving": causes_of_leaving,
    "kinds of repair": kinds_of_repair,
    "limits": limits,
    "settings": settings_table,
    "grains": grains,
    "queue records": queue_records,
    "agent records": agent_records,
    "vdn keys": vdn_keys,
    "source keys": source_keys,
    **{name: lambda text=text: text for name, text in (described.tables() | v1_described.tables()).items()},
}


def filled(page: str) -> str:
    """A page with all its tables made anew. Raises KeyError for a table that nobody makes."""
    return TABLE.sub(lambda found: f"{found[1]}\n{MAKERS[found[2]]()}\n{found[3]}", page)


def picture() -> str:
    """What `queuepulse query --table` shows of a simulated morning, as SVG without fonts from elsewhere."""
    engine = Vdn()
    for event in simulate(Assumptions(agents=60, skills=8), seed=1, start_ms=MORNING_MS, hours=3):
        if (event.at or 0) > PICTURED_MS:
            break
        engine.apply(event)
    console = Console(
        record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(figures_table(engine.rows(range(1, 9), PICTURED_MS), console.width))
    drawn = console.export_svg(title="queuepulse query --table", unique_id="query")
    return re.sub(r" *@font-face {.*?}\n", "", drawn, flags=re.DOTALL)


class Box(NamedTuple):
    """A box of the drawing: where it is, in steps of the grid, and its lines of text, the first one bold."""

    column: int
    row: float
    lines: tuple[str, ...]


DEPLOYMENT: Final = {
    "clients": Box(0, 0.5, ("clients", "signed requests")),
    "balancer": Box(1, 0.5, ("load balancer", "haproxy, nginx, NSLB", "looks at /readyz")),
    "gateway 1": Box(2, 0, ("gateway", "keys, and no state", ":28443")),
    "gateway 2": Box(2, 1, ("gateway", "keys, and no state", ":28443")),
    "bms 1": Box(3, 0, ("BMS node", "log and engines", "bms.listen :28444")),
    "bms 2": Box(3, 1, ("BMS node", "log and engines", "bms.listen :28444")),
    "switches": Box(4, 0.5, ("switches", "the same events", "to every node")),
}
"""The deployment, part by part."""
ARROWS: Final = (
    ("clients", "balancer"),
    ("balancer", "gateway 1"),
    ("balancer", "gateway 2"),
    ("gateway 1", "bms 1"),
    ("gateway 1", "bms 2"),
    ("gateway 2", "bms 1"),
    ("gateway 2", "bms 2"),
    ("switches", "bms 1"),
    ("switches", "bms 2"),
)
"""Who opens a connection to whom."""
NETWORKS: Final = (
    ("outside", 0, 0),
    ("the network of the gateways", 1, 2),
    ("the network of the state", 3, 4),
)
"""What stands in which network: its name, the first and the last column."""
BOX: Final = (150, 74)
GRID: Final = (200, 110)
EDGE: Final = 26


def deployment() -> str:
    """The boxes of the deployment and the connections between them, as SVG that is read on light and dark."""
    width, height = 4 * GRID[0] + BOX[0] + 2 * EDGE, GRID[1] + BOX[1] + 3 * EDGE
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            ' font-family="system-ui, sans-serif" font-size="12" text-anchor="middle">'
        ),
        "<title>Clients ask a load balancer, that asks gateways, and these ask BMS nodes</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        (
            '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"'
            ' orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6470"/></marker></defs>'
        ),
    ]
    for name, first, last in NETWORKS:
        left, right = _left(first) - EDGE // 2, _left(last) + BOX[0] + EDGE // 2
        lines.append(
            f'<rect x="{left}" y="6" width="{right - left}" height="{height - 12}" rx="10" fill="#f4f6f8"/>'
            f'<text x="{(left + right) // 2}" y="24" fill="#5b6470">{name}</text>'
        )
    for begin, end in ARROWS:
        one, other = DEPLOYMENT[begin], DEPLOYMENT[end]
        to_right = one.column < other.column
        x1, x2 = _left(one.column) + BOX[0] * to_right, _left(other.column) + BOX[0] * (not to_right)
        lines.append(
            f'<line x1="{x1}" y1="{_middle(one)}" x2="{x2}" y2="{_middle(other)}" stroke="#5b6470"'
            ' stroke-width="1.4" marker-end="url(#to)"/>'
        )
    for box in DEPLOYMENT.values():
        left, top = _left(box.column), _middle(box) - BOX[1] // 2
        lines.append(
            f'<rect x="{left}" y="{top}" width="{BOX[0]}" height="{BOX[1]}" rx="6" fill="#ffffff"'
            ' stroke="#2f6f9f" stroke-width="1.6"/>'
        )
        first_y = _middle(box) + 5 - 9 * (len(box.lines) - 1)
        for number, text in enumerate(box.lines):
            look = 'fill="#5b6470"' if number else 'fill="#1c2733" font-weight="600" font-size="13"'
            lines.append(f'<text x="{left + BOX[0] // 2}" y="{first_y + 18 * number}" {look}>{text}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _left(column: int) -> int:
    return EDGE + column * GRID[0]


def _middle(box: Box) -> int:
    return int(EDGE * 1.6 + BOX[1] / 2 + box.row * GRID[1])


DRAWERS: Final[dict[str, Callable[[], str]]] = {"query.svg": picture, "deployment.svg": deployment}


def main() -> None:
    """Makes pages and pictures anew, and says which changed."""
    made = {file: filled(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.md"))}
    for file, text in {**made, **{PICTURES / name: draw() for name, draw in DRAWERS.items()}}.items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"{file.relative_to(FOLDER.parent)} is made anew", file=sys.stderr)


if __name__ == "__main__":
    main()
