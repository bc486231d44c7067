"""`queuepulse calls`: single calls as people read them, or the server's own JSON, one a line."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from queuepulse.calling import CALLS_DEFAULT, CALLS_MAX, CallTold, PassTold
from queuepulse.cli.connecting import connect
from queuepulse.cli.console import command_app, is_for_people, misuse, note, told
from queuepulse.cli.figures_table import plain_table, screen
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
from queuepulse.client import Client, ClientError
from queuepulse.engine import days
from queuepulse.engine.calls import OUTCOMES
from queuepulse.engine.events import AGENT_MAX, SKILL_CEILING

app = command_app()
PRINTED_MAX: Final = 1_000_000
"""Calls in one command: a day of a large center."""
HEADS: Final = (
    *("call", "pass", "skill", "agent", "outcome", "day", "offered"),
    *("waited", "talked", "caller", "called"),
)
"""What is shown of passes, where any of them has it."""
NUMBERS: Final = {"pass", "skill", "agent", "waited", "talked"}


@app.command()
def calls(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    url: Url,
    cc: Cc,
    vdn: VdnNumber,
    call: Annotated[str | None, typer.Argument(metavar="[CALL]", help="One call, by its id.")] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Calls that began then or later: ISO 8601, or epoch ms."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="And before then. [default: up to now]")
    ] = None,
    skill: Annotated[int | None, typer.Option(min=1, max=SKILL_CEILING, help="That came to it.")] = None,
    agent: Annotated[int | None, typer.Option(min=1, max=AGENT_MAX, help="That he talked with.")] = None,
    outcome: Annotated[
        str | None, typer.Option(metavar="WORD", help=f"That ended so: {', '.join(OUTCOMES)}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PRINTED_MAX, help="Calls to print.")] = CALLS_DEFAULT,
    timezone: Timezone = days.UTC,
    ak: Ak = None,
    sk: Sk = None,
    token: Token = None,
    insecure: Insecure = False,
    ca: Ca = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
) -> None:
    """Print calls, each with its passes: the one of that id, or those that began from TIME on, in order.

    A table on a terminal, else JSON, a call in a line. A time without a zone is of --timezone.
    """
    for_people = is_for_people(as_json, as_table)
    if (call is None) == (begin is None):
        raise misuse("Give the id of a call, or --from.")
    from_ms = 0 if begin is None else parse_instant(begin, timezone, "--from")
    to_ms = None if end is None else parse_instant(end, timezone, "--to")
    chosen = {"to": to_ms, "skill": skill, "agent": agent, "outcome": outcome}
    with told(ClientError), connect(url, ak=ak, sk=sk, token=token, insecure=insecure, ca=ca) as client:
        by_id = [] if call is None else [client.call(cc, vdn, call)]
        found = by_id or _pages(client, cc, vdn, from_ms, chosen, limit)
        if for_people:
            show(screen(), list(found))
        else:
            sys.stdout.buffer.writelines(msgspec.json.encode(one) + b"\n" for one in found)


def _pages(
    client: Client, cc: int, vdn: int, from_ms: int, chosen: dict[str, int | str | None], limit: int
) -> Iterator[CallTold]:
    """So many calls, page by page; on stderr, if there are more."""
    after: str | None = None
    while True:
        page = client.calls(cc, vdn, from_ms, **chosen, after=after, limit=min(limit, CALLS_MAX))
        yield from page.calls
        limit -= len(page.calls)
        after = page.next
        if after is None:
            return
        if limit <= 0:
            note("There may be more calls: ask with a higher --limit, or from a later time on.")
            return


def show(console: Console, calls: list[CallTold]) -> None:
    """A line for each pass."""
    if not calls:
        console.print("No call that is kept is so.")
        return
    lines = [_cells(call.call, one) for call in calls for one in call.passes]
    shown = [place for place, head in enumerate(HEADS) if any(line[place] for line in lines)]
    table = plain_table()
    for place in shown:
        right = HEADS[place] in NUMBERS
        table.add_column(HEADS[place], overflow="fold", justify="right" if right else "left")
    for line in lines:
        table.add_row(*(Text(line[place]) for place in shown))
    console.print(table)


def _cells(call: str, one: PassTold) -> list[str]:
    offered = datetime.fromtimestamp(one.offered_at_ms // 1000, UTC)
    return [
        call,
        str(one.number),
        str(one.skill),
        "" if one.agent is None else str(one.agent),
        f"{one.outcome}, short" if one.short else one.outcome,
        f"{offered:%Y-%m-%d}",
        f"{offered:%H:%M:%S}",
        _seconds(one.wait_ms),
        _seconds(one.talk_ms),
        one.caller or "",
        one.called or "",
    ]


def _seconds(ms: int | None) -> str:
    return "" if ms is None else f"{ms / 1000:.1f}"
