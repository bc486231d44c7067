"""Figures as people read them: a table of queues that fits 100 columns."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final, NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from queuepulse.engine.figures import Row

WIDTH: Final = 100
"""Characters in a line where no terminal says how many it has."""


def screen() -> Console:
    """The standard output, for people."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def plain_table(*heads: str) -> Table:
    """An empty table without lines but one beneath its heads; there may be more of these."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


class Shown(NamedTuple):
    """A column: the field of the row, its heading of two lines, and whether it is a duration in seconds."""

    field: str
    heading: str
    is_duration: bool = False


COLUMNS: Final = (
    Shown("skill", "\nskill"),
    Shown("waiting", "\nwait"),
    Shown("wait_s_max", "wait\nmax", True),
    Shown("wait_s_mean", "wait\nmean", True),
    Shown("in_talk", "in\ntalk"),
    Shown("talk_s_mean", "talk\nmean", True),
    Shown("offered_in", "new\nin"),
    Shown("answered_in_20s", "in\n20s"),
    Shown("answered_today", "\ntoday"),
    Shown("signed_in", "\nagts"),
    Shown("idle", "\nidle"),
    Shown("available", "\nfree"),
    Shown("idle_s_max", "idle\nmax", True),
    Shown("talking", "\ntalk"),
    Shown("busy", "\nbusy"),
    Shown("rest", "\nrest"),
    Shown("work", "\nwork"),
    Shown("study", "\nstd"),
    Shown("occupied", "\nocc"),
    Shown("preoccupied", "\npre"),
)
"""Calls first, then agents: what is looked at most stands first."""


def figures_table(rows: Sequence[Row], width: int = WIDTH) -> RenderableType:
    """A line for each queue. Where `width` characters are too few, the last columns are named beneath it.

    A zero is a dot, so that what is not nothing stands out.
    """
    lines = [[cell(column, getattr(row, column.field)) for column in COLUMNS] for row in rows]
    widths = [
        max([len(line[place]) for line in lines] + [len(part) for part in column.heading.split("\n")])
        for place, column in enumerate(COLUMNS)
    ]
    fitting = sum(end + place <= width for place, end in enumerate(accumulate(widths)))
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False, header_style="bold")
    for column in COLUMNS[:fitting]:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line[:fitting])
    left_out = [column.heading.replace("\n", " ").strip() for column in COLUMNS[fitting:]]
    if not left_out:
        return table
    return Group(
        table, Text(f"Wants {sum(widths) + len(widths) - 1} columns for: {', '.join(left_out)}", "dim")
    )


def cell(column: Shown, value: int) -> Text:
    """One figure; queues with people waiting stand out."""
    if value == 0:
        return Text("·", "dim")
    text = duration(value) if column.is_duration else str(value)
    return Text(text, "bold yellow" if column.field == "waiting" else "")


def duration(seconds: int) -> str:
    """Seconds as `m:ss`, and from an hour on as `1h02`: five characters up to four days."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}" if hours else f"{minutes}:{rest:02}"


def stale_warning(stale_since_ms: int) -> Text:
    """What to think of figures whose switch is out of sight."""
    return Text(
        f"The switch is out of sight since {time_of_day(stale_since_ms)}: these are the last known figures.",
        "bold red",
    )


def time_of_day(at_ms: int) -> str:
    """The time of an instant, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S UTC")
