"""`queuepulse query`: a signed question, or one every few seconds; a table for people, else JSON."""

import sys
from collections.abc import Callable
from time import sleep
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from queuepulse.cli.connecting import connect
from queuepulse.cli.console import command_app, is_for_people, told
from queuepulse.cli.figures_table import figures_table, screen, stale_warning, time_of_day
from queuepulse.cli.options import (
    Ak,
    AsJson,
    AsTable,
    Ca,
    Cc,
    Insecure,
    Sk,
    Skills,
    Url,
    VdnNumber,
    parse_skills,
)
from queuepulse.cli.wire_rows import rows_line
from queuepulse.client import Client, ClientError, SkillFigures, Unavailable, Unreachable
from queuepulse.hub import SystemClock

app = command_app()
WATCH_S_MIN: Final = 0.2
"""More often tells nothing more: figures change by the second."""
WATCH_S_MAX: Final = 86_400.0


class Question(NamedTuple):
    """What is asked, again and again."""

    cc: int
    vdn: int
    skill_ids: list[int]

    def ask(self, client: Client) -> SkillFigures:
        return client.stateinfo(self.cc, self.vdn, self.skill_ids)


@app.command()
def query(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    url: Url,
    cc: Cc,
    vdn: VdnNumber,
    skills: Skills,
    ak: Ak = None,
    sk: Sk = None,
    insecure: Insecure = False,
    ca: Ca = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
    watch: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=WATCH_S_MIN, max=WATCH_S_MAX, help="Ask again every so often."),
    ] = None,
) -> None:
    """Ask for the figures of skill queues now: a table on a terminal, else one line of JSON.

    The JSON is {"at":…,"rows":[…],"position":…,"stale_since":…}: when it was asked (epoch ms), the rows
    with the keys of skill/stateinfo, the log position they hold, and since when the switch is out of
    sight (null: it is in sight). Ctrl-C ends --watch.
    """
    for_people = is_for_people(as_json, as_table)
    question = Question(cc, vdn, parse_skills(skills))
    clock = SystemClock()
    with told(ClientError), connect(url, ak=ak, sk=sk, insecure=insecure, ca=ca, takes_token=False) as client:
        if for_people:
            show_tables(question, client, clock.now_ms, watch)
        else:
            print_lines(question, client, clock.now_ms, watch)


def print_lines(question: Question, client: Client, now_ms: Callable[[], int], watch_s: float | None) -> None:
    """One line of JSON for each answer."""
    try:
        while True:
            asked_at_ms = now_ms()
            found = question.ask(client)
            line = rows_line(
                found.rows, asked_at_ms, position=found.position, stale_since=found.stale_since_ms
            )
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            if watch_s is None:
                return
            sleep(watch_s)
    except KeyboardInterrupt:
        return


def show_tables(question: Question, client: Client, now_ms: Callable[[], int], watch_s: float | None) -> None:
    """A table; with `watch_s` it is refreshed in place. A server that is away for a while is waited for."""
    console = screen()
    found = question.ask(client)
    if watch_s is None:
        console.print(picture(found, console.width))
        return
    try:
        answered_ms = now_ms()
        with Live(picture(found, console.width, answered_ms), console=console, auto_refresh=False) as live:
            while True:
                sleep(watch_s)
                try:
                    found, answered_ms = question.ask(client), now_ms()
                    live.update(picture(found, console.width, answered_ms), refresh=True)
                except (Unavailable, Unreachable) as error:
                    live.update(last_picture(found, console.width, answered_ms, error), refresh=True)
    except KeyboardInterrupt:
        return


def picture(found: SkillFigures, width: int, now_ms: int | None = None) -> RenderableType:
    """What is shown of an answer; `now_ms` is told beneath it if it is one of many."""
    parts: list[RenderableType] = [figures_table(found.rows, width)]
    if found.stale_since_ms is not None:
        parts.append(stale_warning(found.stale_since_ms))
    if now_ms is not None:
        parts.append(Text(f"{time_of_day(now_ms)}, position {found.position}. Ctrl-C ends it.", "dim"))
    return Group(*parts)


def last_picture(
    found: SkillFigures, width: int, answered_ms: int, error: Unavailable | Unreachable
) -> RenderableType:
    """What is shown of the last answer while there is none, and since when."""
    words = f"Last answered {time_of_day(answered_ms)}; trying again: {error}"
    return Group(picture(found, width), Text(words, "red"))
