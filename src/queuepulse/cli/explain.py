"""`queuepulse explain`: what a figure is made of, as a person reads it, or the server's own JSON."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queuepulse.cli.connecting import connect
from queuepulse.cli.console import command_app, is_for_people, told
from queuepulse.cli.figures_table import plain_table, screen, stale_warning
from queuepulse.cli.options import (
    Ak,
    AsJson,
    AsTable,
    Ca,
    Cc,
    Insecure,
    Sk,
    Timezone,
    Token,
    Url,
    VdnNumber,
    parse_instant,
)
from queuepulse.client import ClientError
from queuepulse.engine import days
from queuepulse.engine.events import SKILL_CEILING
from queuepulse.engine.explanations import TERMS_DEFAULT, TERMS_MAX, WHY_NOT, Term
from queuepulse.retelling import Explained

app = command_app()
INSTANTS: Final = {"since_ms": "since", "at_ms": "at", "until_ms": "until"}
COLUMNS: Final = (
    *("what", "call", "agent", "name", "state", "calls", "ringing", "agents", "cause"),
    *INSTANTS,
    *("estimated_ms", "wait_ms", "position"),
)
"""What is shown of terms, where any of them has it."""


@app.command()
def explain(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    url: Url,
    cc: Cc,
    vdn: VdnNumber,
    skill: Annotated[int, typer.Option(min=1, max=SKILL_CEILING, help="The skill queue.")],
    figure: Annotated[
        str, typer.Option(metavar="NAME", help="The figure, by our name or by that of the CC-CMS API.")
    ],
    window: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of figures beyond the nineteen: five, last_five, sliding or day."),
    ] = None,
    seconds: Annotated[int | None, typer.Option(min=1, help="How long a sliding window is.")] = None,
    within: Annotated[int | None, typer.Option(min=1, help="The threshold of a service level.")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="An instant of the past: ISO 8601, or epoch ms. [default: now]"),
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Terms to pass over.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=TERMS_MAX, help="Terms to list.")] = TERMS_DEFAULT,
    timezone: Timezone = days.UTC,
    ak: Ak = None,
    sk: Sk = None,
    token: Token = None,
    insecure: Insecure = False,
    ca: Ca = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
) -> None:
    """Tell what a figure is made of: each call, agent or event, what it adds, and the sum.

    For people on a terminal, else the server's own line of JSON. A time without a zone is of --timezone.
    """
    for_people = is_for_people(as_json, as_table)
    at_ms = None if at is None else parse_instant(at, timezone, "--at")
    with told(ClientError), connect(url, ak=ak, sk=sk, token=token, insecure=insecure, ca=ca) as client:
        chosen = {"window": window, "seconds": seconds, "within": within, "at": at_ms}
        explained = client.explain(cc, vdn, skill, figure, **chosen, after=after, limit=limit)
    if for_people:
        show(screen(), explained)
    else:
        sys.stdout.buffer.write(msgspec.json.encode(explained) + b"\n")


def show(console: Console, explained: Explained) -> None:
    """The figure, what it means, the terms, and how they give it."""
    one = explained
    called = f"{one.figure} ({one.wire})" if one.wire else one.figure
    console.print(Text(f"{called} of queue {one.skill} in VDN {one.cc}/{one.vdn}: {_amount(one)}", "bold"))
    console.print(Text(one.meaning))
    when = f"At {instant(one.at_ms)}"
    if one.from_ms != one.at_ms:
        article = "" if one.period.startswith("the ") else "the "
        when += f", of {article}{one.period} from {instant(one.from_ms)}"
    if one.until_ms != one.at_ms:
        when += f" to {instant(one.until_ms)}"
    console.print(Text(f"{when}; the log's position is {one.position}.", "dim"))
    if one.stale_since_ms is not None:
        console.print(stale_warning(one.stale_since_ms))
    console.print()
    if one.terms:
        console.print(terms_table(one))
    for line in sums(one):
        console.print(Text(line))
    for word in dict.fromkeys(term.why_not for term in one.terms if term.why_not):
        console.print(Text(f"{word}: {WHY_NOT.get(word, '')}", "dim"))


def terms_table(explained: Explained) -> Table:
    """A line for each term, with what it adds, or why it adds nothing."""
    columns = [name for name in COLUMNS if any(getattr(term, name) for term in explained.terms)]
    table = plain_table(*[INSTANTS.get(name, name) for name in columns])
    for name in explained.operands:
        table.add_column(name, justify="right")
    for term in explained.terms:
        adds = [str(term.adds[name]) if name in term.adds else "·" for name in explained.operands]
        if term.why_not:
            adds[0] = term.why_not
        cells = [Text(_shown(term, name)) for name in columns]
        table.add_row(*cells, *adds, style="dim" if term.why_not else "")
    return table


def sums(explained: Explained) -> Iterator[str]:
    """How the terms give the figure, line by line."""
    unlisted = explained.terms_total - len(explained.terms)
    if unlisted:
        yield f"{unlisted} more terms are not listed (--after, --limit); what they add is in the sums."
    if not explained.terms_total:
        yield "Nothing adds to it."
    values = {name: operand.value for name, operand in explained.operands.items()}
    for name, operand in explained.operands.items():
        yield f"{name} = {operand.value} ({operand.by} of all terms)"
    if explained.formula.startswith(("percentile", "oldest")):
        yield f"{explained.figure} = {explained.formula} = {explained.value}"
    elif explained.formula not in values:
        figures = re.sub(r"[a-z_]\w*", lambda found: str(values.get(found[0], found[0])), explained.formula)
        yield f"{explained.figure} = {explained.formula} = {figures} = {explained.value}"


def _amount(one: Explained) -> str:
    """The figure with its unit; of a call its id, and since when."""
    if isinstance(one.value, dict):
        return f"{one.value['call']}, since {instant(int(one.value['since']))}"
    return f"{one.value} {one.unit}"


def _shown(term: Term, name: str) -> str:
    value: Any = getattr(term, name)
    if name in INSTANTS:
        return "" if value is None else _time(value)
    if name == "state" and value and term.base and term.base != value:
        return f"{value}, then {term.base}"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def instant(at_ms: int) -> str:
    """An instant to the second, UTC, and on to the millisecond where it is not whole."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    fraction = f".{at_ms % 1000:03}" if at_ms % 1000 else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction} UTC"


def _time(at_ms: int) -> str:
    """The time of day of a term, to the millisecond."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%H:%M:%S}.{at_ms % 1000:03}"
