"""`queuepulse history`: what happened, out of the store or made anew from the log."""

import csv
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer

from queuepulse.cli.console import Failure, command_app, misuse, note, told
from queuepulse.cli.options import (
    Cc,
    ConfigFile,
    FolderOption,
    OptionalCc,
    OptionalVdn,
    Timezone,
    VdnNumber,
    parse_instant,
    parse_skills,
    settings,
)
from queuepulse.engine import days
from queuepulse.engine.blocks import AGENT, QUEUE
from queuepulse.engine.events import VdnKey
from queuepulse.hub import SystemClock
from queuepulse.ports import HistoryUnavailable, LogDamaged, LogFull
from queuepulse.stores.folder import HISTORY_FILE, LOG_FILE, Folder, FolderRefused
from queuepulse.stores.history import Database, Period, open_history, periods, rebuild
from queuepulse.stores.passes import KeptCalls
from queuepulse.stores.sqlite import SqliteLog

LATEST_MS: Final = 2**50
"""A `--to` that is not given: after everything."""

app = command_app("Export what happened, or make it anew from the log.")


@app.command()
def export(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    cc: Cc,
    vdn: VdnNumber,
    begin: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From when on: ISO 8601, or epoch milliseconds.")
    ],
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Up to when. [default: to the end]")
    ] = None,
    grain: Annotated[Literal["5min", "15min", "30min", "60min", "day", "month"], typer.Option()] = "15min",
    form: Annotated[
        Literal["csv", "json"], typer.Option("--format", help="JSON is an object a line.")
    ] = "csv",
    agents: Annotated[bool, typer.Option("--agents", help="Of agents, not of queues.")] = False,
    skills: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these queues or agents, such as 1,2,5-9.")
    ] = None,
    timezone: Timezone = days.UTC,
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Print the records of each period that holds anything of the time asked for, whole. A server may run.

    Times without a zone are of --timezone. Days and months are those of the VDN's own zone.
    """
    from_ms = parse_instant(begin, timezone, "--from")
    to_ms = LATEST_MS if end is None else parse_instant(end, timezone, "--to")
    wanted = None if skills is None else set(parse_skills(skills))
    kind = AGENT if agents else QUEUE
    names = ("from", "to", "agent" if agents else "skill", *kind.fields)
    with (
        told(HistoryUnavailable),
        closing(_existing(folder, config)) as database,
        database.reading() as blocks,
    ):
        found = periods(blocks, VdnKey(cc, vdn), kind, grain, from_ms, to_ms)
        rows = (row for period in found for row in _rows(period, wanted))
        if form == "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows(rows)
        else:
            for row in rows:
                sys.stdout.write(msgspec.json.encode(dict(zip(names, row, strict=True))).decode() + "\n")


@app.command("rebuild")
def rebuild_history(
    cc: OptionalCc = None,
    vdn: OptionalVdn = None,
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Make the history of all VDNs, or of one, anew from the log. No server may run on the folder."""
    if (cc is None) != (vdn is None):
        raise misuse("--cc and --vdn go together: they name one VDN.")
    loaded = settings(config, folder=folder).config
    if not (loaded.folder / LOG_FILE).exists():
        raise Failure(f"There is no log in {loaded.folder}. Name the server's data folder with --data.")
    with told(HistoryUnavailable, FolderRefused, LogDamaged, LogFull), Folder(loaded.folder) as opened:
        database = open_history(loaded.history.url, opened.history_file)
        log = SqliteLog(opened.log_file, elapsed=SystemClock().elapsed, warn=note)
        with closing(database), closing(log):
            calls = KeptCalls(loaded.history.calls_days, loaded.history.mask_numbers)
            asked = None if cc is None or vdn is None else VdnKey(cc, vdn)
            for one in [known for known in log.vdns() if asked in (None, known)]:
                if not log.is_whole(one):
                    note(
                        f"VDN {one.cc}/{one.vdn}: the beginning of its log was removed (log.keep_days). "
                        "Its history stays as it is: it cannot be made anew."
                    )
                    continue
                events = rebuild(database, log, one, calls)
                typer.echo(f"VDN {one.cc}/{one.vdn}: history made of {events:,} events.")


def _existing(folder: Path | None, config: Path | None) -> Database:
    """The history that the settings name; a mistyped --data makes no new one."""
    loaded = settings(config, folder=folder).config
    file = loaded.folder / HISTORY_FILE
    if loaded.history.url is None and not file.exists():
        raise Failure(f"There is no history in {loaded.folder}. Name the server's data folder with --data.")
    return open_history(loaded.history.url, file)


def _rows(period: Period, wanted: set[int] | None) -> Iterator[list[Any]]:
    begin, end = (
        datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        for at_ms in (period.begin_ms, period.end_ms)
    )
    for number in sorted(period.records):
        if wanted is None or number in wanted:
            yield [begin, end, number, *period.records[number].counts]
