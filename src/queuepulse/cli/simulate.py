"""`queuepulse simulate`: the events of a contact center that is not there."""

import sys
from itertools import islice
from typing import Annotated, Any, Final

import typer

from queuepulse.cli.console import MISUSED, command_app, misuse, told
from queuepulse.cli.options import parse_instant
from queuepulse.engine.codec import encode_events
from queuepulse.simulator import Assumptions, erlang
from queuepulse.simulator import simulate as events_of

app = command_app()
START: Final = "2026-01-05T08:00:00Z"
"""A Monday morning, always the same one, so that the same command prints the same bytes."""
HOURS_MAX: Final = 24 * 366 * 10
"""Ten years: more is a slip of the finger."""
WRITTEN_AT_ONCE: Final = 1_000
"""Events in one write to the output: few enough that a reader sees them come."""


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    seed: Annotated[int, typer.Option(help="The same seed gives the same events, byte for byte.")] = 1,
    agents: Annotated[int, typer.Option(help="People on the payroll.")] = 40,
    skills: Annotated[int | None, typer.Option(help="Skill queues, from 1 on.  [default: 8]")] = None,
    hours: Annotated[float, typer.Option(help="How long.")] = 8.0,
    calls_per_hour: Annotated[
        float | None, typer.Option(help="In the busiest hour. [default: as many as the agents can bear]")
    ] = None,
    start: Annotated[str, typer.Option(metavar="INSTANT", help="When it begins; UTC if no zone.")] = START,
    talk: Annotated[float | None, typer.Option(metavar="SECONDS", help="Mean talk.  [default: 180]")] = None,
    patience: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Mean patience of callers; 0: they all wait on.")
    ] = None,
    as_erlang: Annotated[
        bool,
        typer.Option("--erlang", help="One queue, as Erlang C assumes; with --patience, as Erlang A does."),
    ] = False,
) -> None:
    """Print the events of a simulated contact center as NDJSON, in time order, each with an id."""
    if not 0 < hours <= HOURS_MAX:
        raise misuse(f"--hours must be above 0 and at most {HOURS_MAX:,}.")
    if not all(seconds is None or 0 <= seconds <= 86_400 for seconds in (talk, patience)):
        raise misuse("--talk and --patience must be from 0 to 86,400 seconds.")
    start_ms = parse_instant(start, "UTC", "--start")
    means: dict[str, Any] = {} if talk is None else {"talk_mean_ms": round(talk * 1000)}
    if patience is not None:
        means["patience_mean_ms"] = round(patience * 1000) or None
    with told(ValueError, exit_status=MISUSED):
        if as_erlang:
            if calls_per_hour is None or skills not in (None, 1):
                raise misuse("--erlang wants --calls-per-hour, and has one skill queue.")
            means.setdefault("talk_mean_ms", Assumptions.__dataclass_fields__["talk_mean_ms"].default)
            assumptions = erlang(agents=agents, calls_per_hour=calls_per_hour, **means)
        else:
            assumptions = Assumptions(
                agents=agents, skills=8 if skills is None else skills, calls_per_hour=calls_per_hour, **means
            )
    events = events_of(assumptions, seed=seed, start_ms=start_ms, hours=hours)
    while some := list(islice(events, WRITTEN_AT_ONCE)):
        sys.stdout.buffer.write(encode_events(some))
    sys.stdout.buffer.flush()
