"""`queuepulse figures`: the figures beyond those of stateinfo, over a window; a table, or JSON."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from queuepulse.cli.connecting import connect
from queuepulse.cli.console import command_app, is_for_people, misuse, told
from queuepulse.cli.figures_table import duration, plain_table, screen, stale_warning
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
    parse_skills,
)
from queuepulse.client import ClientError
from queuepulse.engine import days
from queuepulse.engine.measures import AGENTS, MS, QUEUES, RATIO
from queuepulse.windowing import FiguresTold

app = command_app()
SHOWN: Final = (
    *("offered", "answered", "unanswered", "talks", "left_abandoned", "service_level_negative"),
    *("average_speed_of_answer_ms", "wait_ms_p95", "average_handle_time_ms", "occupancy"),
    *("estimated_wait_ms", "oldest_waiting"),
)
"""Columns of a table for whom no figures are named, where they exist."""
_UNITS: Final = {
    **{one.name: one.unit for one in (*QUEUES.measures, *AGENTS.measures)},
    **{one.name: one.unit for one in QUEUES.presents},
}


# long: half of it is the table of its options.
@app.command()
def figures(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    url: Url,
    cc: Cc,
    vdn: VdnNumber,
    skills: Annotated[
        str | None, typer.Option(metavar="LIST", help="Skill queues, such as 1,2,5-9; or --agents.")
    ] = None,
    agents: Annotated[str | None, typer.Option(metavar="LIST", help="Agents, such as 101-120.")] = None,
    names: Annotated[
        str | None, typer.Option("--figures", metavar="NAMES", help="Which, or families of them.")
    ] = None,
    window: Annotated[
        Literal["five", "last_five", "sliding", "day", "range"] | None,
        typer.Option(help="Which time. [default: five; sliding with --seconds, range with --from]"),
    ] = None,
    seconds: Annotated[int | None, typer.Option(min=1, max=3600, help="Length of a sliding window.")] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Begin of a range: ISO 8601, or epoch ms.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Its end. [default: now]")] = None,
    grain: Annotated[
        Literal["5min", "15min", "30min", "60min", "day", "month"] | None,
        typer.Option(help="The periods of a range, one by one."),
    ] = None,
    within: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="T of the service levels. [default: the queue's own]"),
    ] = None,
    timezone: Timezone = days.UTC,
    ak: Ak = None,
    sk: Sk = None,
    token: Token = None,
    insecure: Insecure = False,
    ca: Ca = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
) -> None:
    """Ask for offered, answered, service levels, percentiles and more, of queues or agents, over a window.

    A table on a terminal, else the server's own line of JSON. Times without a zone are of --timezone.
    """
    for_people = is_for_people(as_json, as_table)
    if (skills is None) == (agents is None):
        raise misuse("Give --skills or --agents.")
    if skills is not None:
        parse_skills(skills)
    asked = {
        "skills": skills,
        "agents": agents,
        "figures": names,
        "window": window,
        "seconds": seconds,
        "from_": None if begin is None else parse_instant(begin, timezone, "--from"),
        "to": None if end is None else parse_instant(end, timezone, "--to"),
        "grain": grain,
        "within": within,
    }
    with told(ClientError), connect(url, ak=ak, sk=sk, token=token, insecure=insecure, ca=ca) as client:
        answer = client.figures(cc, vdn, **asked)
    if for_people:
        show(screen(), answer, is_chosen=names is not None)
    else:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")


def show(console: Console, answer: FiguresTold, *, is_chosen: bool) -> None:
    """The window, and a table of its rows, or of those of each period."""
    within = "" if answer.within is None else f", T = {answer.within} s"
    span = f"{instant(answer.begin)} to {instant(answer.end)}"
    console.print(Text(f"{answer.window} of VDN {answer.cc}/{answer.vdn}: {span}{within}", "bold"))
    lines = list(lines_of(answer))
    if not lines:
        console.print("Nothing happened, or history does not keep it any more.")
        return
    heads = [name for name in lines[0] if name in {"begin", "skill", "agent"}]
    shown = [name for name in lines[0] if name not in heads and (is_chosen or name in SHOWN)]
    table = plain_table()
    for name in (*heads, *shown):
        words = name.removesuffix("_ms").replace("_ms_", " ").replace("_", " ")
        table.add_column(words, justify="left" if name == "begin" else "right", overflow="fold")
    for line in lines:
        table.add_row(*(cell(name, line[name], answer.as_of) for name in (*heads, *shown)))
    console.print(table)
    console.print(Text(f"As of {instant(answer.as_of)}, position {answer.position}.", "dim"))
    if answer.stale_since is not None:
        console.print(stale_warning(answer.stale_since))


def lines_of(answer: FiguresTold) -> Iterator[dict[str, Any]]:
    """The rows; of periods, one for each id of each."""
    yield from answer.rows
    subject, ids = ("agent", answer.agents) if answer.agents else ("skill", answer.skills)
    for period in answer.periods:
        columns: dict[str, Sequence[Any]] = {
            name: value for name, value in period.items() if isinstance(value, list)
        }
        for number, one in enumerate(ids):
            values = {name: column[number] for name, column in columns.items()}
            yield {"begin": period["begin"], subject: one, **values}


def cell(name: str, value: Any, now_ms: int) -> Text:
    """One figure, as a person reads it; a dash where there is nothing to divide by."""
    if name == "begin":
        return Text(instant(value))
    if value is None:
        return Text("-", "dim")
    if name == "oldest_waiting":
        return Text(f"{value['call']} {duration(max(now_ms - value['since'], 0) // 1000)}", "bold yellow")
    if _UNITS.get(name) == RATIO:
        return Text(f"{100 * value:.1f} %")
    if value == 0:
        return Text("·", "dim")
    return Text(duration(value // 1000) if _UNITS.get(name) == MS else str(value))


def instant(at_ms: int) -> str:
    """An instant to the second, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
