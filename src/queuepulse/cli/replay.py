"""`queuepulse replay`: folds a file of events, without a server, and prints the figures at asked instants."""

import sys
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Annotated, Final

import typer

from queuepulse.cli.console import command_app, misuse, note
from queuepulse.cli.event_files import STDIN, BadLines, Numbered, VdnChoice, opened, read_events
from queuepulse.cli.options import (
    OptionalCc,
    OptionalVdn,
    Skills,
    Timezone,
    parse_instant,
    parse_skills,
    parse_timezone,
)
from queuepulse.cli.recordings import Form, Recording, parse_queues
from queuepulse.cli.wire_rows import rows_line
from queuepulse.engine import days
from queuepulse.engine.codec import BadEvent
from queuepulse.engine.events import AT_MAX_MS
from queuepulse.engine.vdn import Vdn

app = command_app()
NEVER: Final = AT_MAX_MS + 1
FORGET_EVERY: Final = 10_000
"""Events after which closed five minutes, which nobody here asks for, are let go: memory stays bounded."""
EVERY_S_MAX: Final = 366 * 86_400
"""A year: a grid wider than that has no instants."""


# long: half of it is the table of its options.
@app.command()
def replay(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Events, or a recording; - is the standard input.")
    ],
    skills: Skills,
    form: Annotated[
        Form,
        typer.Option(
            "--format", help="What the file holds: events as NDJSON, or what a switch said, packed or not."
        ),
    ] = Form.EVENTS,
    queues: Annotated[
        str, typer.Option(metavar="NAME=SKILL,...", help="In what a switch said: which skill a queue is.")
    ] = "",
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="INSTANT", help="Epoch ms or ISO 8601; may be given many times."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS", min=1, max=EVERY_S_MAX, help="At each multiple of it from first to last event."
        ),
    ] = None,
    cc: OptionalCc = None,
    vdn: OptionalVdn = None,
    timezone: Timezone = days.UTC,
    day_starts: Annotated[
        str, typer.Option(metavar="HH:MM", help="When the statistics day starts.")
    ] = days.MIDNIGHT,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Pass over bad lines and tell their number at the end.")
    ] = False,
) -> None:
    """Fold a file in its order, and print one JSON line for each instant, in time order.

    An instant sees all events before the first one whose `at` is later. Of a file with several VDNs,
    --cc and --vdn say which; events of others are passed over. A bad line ends it with status 2: what was
    asked for before it, and has been seen to the end, is printed.
    """
    skill_ids = parse_skills(skills)
    parse_timezone(timezone)
    if (every is None) == (not at):
        raise misuse("Say when: with --at INSTANT, as often as you like, or with --every SECONDS.")
    instants = sorted({parse_instant(text, timezone, "--at") for text in at or ()})
    try:
        engine = Vdn(timezone, day_starts)
    except ValueError as error:
        raise misuse(f"--day-starts: {error}.") from None
    choice, bad = VdnChoice(cc, vdn), BadLines() if skip_bad else None
    recording = Recording(form, parse_queues(queues)) if form is not Form.EVENTS else None
    try:
        with opened(file) as source:
            events = recording.read(source) if recording else read_events(source, choice, bad)
            for at_ms in fold(engine, events, instants, every):
                sys.stdout.buffer.write(rows_line(engine.rows(skill_ids, at_ms), at_ms))
    except BadEvent as error:
        where = "standard input" if file == STDIN else file
        raise misuse(f"{where}, {error}. Correct it, or pass over bad lines with --skip-bad.") from None
    finally:
        sys.stdout.buffer.flush()
    if recording:
        recording.tell()
    if bad and bad.first:
        note(f"{bad.count:,} bad lines passed over, the first: {bad.first}.")
    if choice.passed_over:
        note(f"{choice.passed_over:,} events of other VDNs passed over.")


def fold(
    engine: Vdn, events: Iterator[Numbered], instants: Sequence[int], every_s: int | None
) -> Iterator[int]:
    """Folds the events, and gives each instant (epoch ms) when the engine has seen what belongs to it.

    The instants are those given, in time order; or, with `every_s`, each multiple of it from the first
    event to the one at or after the last.
    """
    apply, due, due_ms = engine.apply, iter(instants), NEVER
    for turn, (_, event) in enumerate(events):
        at_ms = event.at
        assert at_ms is not None, "`read_events` lets no event pass without"
        if turn == 0:
            if every_s is not None:
                every_ms = every_s * 1000
                due = count(-(-at_ms // every_ms) * every_ms, every_ms)
            due_ms = next(due)
        while at_ms > due_ms:
            yield due_ms
            due_ms = next(due, NEVER)
        apply(event)
        if turn % FORGET_EVERY == 0:
            engine.advance(engine.clock_ms)
            engine.tell()
    if due_ms < NEVER:
        yield due_ms
    if every_s is None:
        yield from due
