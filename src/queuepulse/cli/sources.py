"""`queuepulse sources`: connects to a switch once, and shows or writes down what it says."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, TypeVar

import structlog
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queuepulse import switches
from queuepulse.cli.console import Failure, command_app, misuse, note
from queuepulse.cli.figures_table import plain_table
from queuepulse.cli.options import ConfigFile, settings
from queuepulse.cli.recorder import Recorder
from queuepulse.config import Config
from queuepulse.config.named import SourceNamed
from queuepulse.engine import states
from queuepulse.engine.events import Event, LinkRestored, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.hub import SystemClock
from queuepulse.ports import Receipt
from queuepulse.sources.dialects import Dialect, LinkTrouble
from queuepulse.sources.guarded import Defect
from queuepulse.sources.links import PATIENCE, Link, explained
from queuepulse.sources.outlet import Source, place_of

PICTURE_S_MAX: Final = 40.0
"""How long the switch may take to be seen: longer than a picture is waited for."""
RECORD_S_MAX: Final = 86_400.0
"""A day: what is longer is no recording of one fault."""
_Result = TypeVar("_Result")

app = command_app("Look at the switches that the settings name.")


@app.callback()
def sources() -> None:
    """Look at the switches that the settings name."""


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a source in the settings.")],
    config: ConfigFile = None,
) -> None:
    """Connect to a switch once; print its queues and members, and which skills and agents they are.

    Nothing is logged, and a server may run meanwhile. With what keeps us out, the status is 1.
    """
    loaded = settings(config).config
    source = _source_named(name, loaded)
    heard, greeting = _quietly(lambda: asyncio.run(_listen_once(loaded, source)))
    console = Console()
    typer.echo(f"{source.name}: {greeting} at {switches.address_of(source)}, VDN {source.cc}/{source.vdn}")
    console.print(queues_table(heard, source))
    console.print(agents_table(heard, source))
    note(
        "A skill or agent that is no row of a table is what an empty log would give; a server keeps its own,"
        " and queuepulse health tells its skills."
    )


@app.command()
def record(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a source in the settings.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; it is packed by gzip.")],
    seconds: Annotated[
        float, typer.Option(metavar="S", min=1, max=RECORD_S_MAX, help="How long; Ctrl-C ends it sooner.")
    ] = 300.0,
    config: ConfigFile = None,
) -> None:
    """Write down what a switch says, to be attached to a report: telephone numbers are masked, names stay.

    `queuepulse replay FILE --format ami` (FreeSWITCH: esl) reads it.
    """
    loaded = settings(config).config
    source = _source_named(name, loaded)
    # Ctrl-C is how one ends it.
    with Recorder(file) as recorder, suppress(KeyboardInterrupt):
        _quietly(lambda: asyncio.run(_record(loaded, source, recorder, seconds)))
    note(f"{file} has {recorder.bytes:,} bytes of what {name} said, before packing.")


def _source_named(name: str, config: Config) -> SourceNamed:
    source = next((one for one in config.sources if one.name == name), None)
    if source is None:
        known = ", ".join(one.name for one in config.sources) or "none: give --config FILE"
        raise misuse(f"The settings have no source {name}. They have: {known}.")
    if source.file is not None:
        raise misuse(f"{name} is a file. Look at it with: queuepulse replay FILE --format queue-log")
    return source


def _quietly(work: Callable[[], _Result]) -> _Result:
    """Without the log lines of a link: what they would tell is the failure or the table here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return work()
    finally:
        structlog.configure(**before)


class Heard:
    """Where the events go in place of a hub; `seen` is set when the picture is whole."""

    def __init__(self) -> None:
        self.engine = Vdn()
        self.seen = asyncio.Event()

    async def ingest(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        """Folds the events."""
        for event in events:
            self.engine.apply(event)
            if isinstance(event, LinkRestored):
                self.seen.set()
        return Receipt(len(events), len(events), 0, 0, 0)


async def _listen_once(config: Config, source: SourceNamed) -> tuple[Vdn, str]:
    """The switch as it is now, and what it calls itself. Raises Failure."""
    heard, address, dialect = Heard(), switches.address_of(source), _dialect(config, source)
    place = Source(source.name, source.key, address)
    link = Link(place, lambda: dialect, heard, SystemClock(), switches.CHANCE)
    listening, seeing = asyncio.create_task(link.listen()), asyncio.create_task(heard.seen.wait())
    await asyncio.wait({listening, seeing}, timeout=PICTURE_S_MAX, return_when=asyncio.FIRST_COMPLETED)
    trouble = dialect.trouble or "told no picture of its queues: has it any?"
    for task in (listening, seeing):
        task.cancel()
    [ended, _] = await asyncio.gather(listening, seeing, return_exceptions=True)
    if heard.seen.is_set():
        return heard.engine, dialect.greeting
    if isinstance(ended, OSError | LinkTrouble):
        raise Failure(explained(ended, address, dialect.hint, PATIENCE))
    if isinstance(ended, Defect):
        raise Failure(
            f"We cannot read what the switch at {address} says, by our own fault"
            f" ({place_of(ended.__cause__)}). Record it (queuepulse sources record {source.name} FILE), and"
            " report it with this line."
        )
    raise Failure(f"The switch at {address} lets us in, but {trouble}")


def _dialect(config: Config, source: SourceNamed) -> Dialect:
    """What is spoken with this source, with ids as of an empty log."""
    sources = switches.named_sources(config, lambda _vdn, _source: switches.NOTHING_KNOWN)
    named = next(named for one, named in sources if one is source)
    return switches.dialect_of(source, named, switches.terms_of(config, source.key))


async def _record(config: Config, source: SourceNamed, recorder: Recorder, seconds: float) -> None:
    """Listens for so long. Raises Failure when the switch ends it before."""
    address, dialect = switches.address_of(source), _dialect(config, source)
    place = Source(source.name, source.key, address)
    link = Link(place, lambda: dialect, Heard(), SystemClock(), switches.CHANCE, tap=recorder.add)
    listening = asyncio.create_task(link.listen())
    await asyncio.wait({listening}, timeout=seconds)
    listening.cancel()
    [ended] = await asyncio.gather(listening, return_exceptions=True)
    if isinstance(ended, Defect):
        raise Failure(
            f"The recording ends where we failed to read it, by our own fault ({place_of(ended.__cause__)})."
            " Report it with this line."
        )
    if isinstance(ended, OSError | LinkTrouble):
        raise Failure(explained(ended, address, dialect.hint, PATIENCE))


def queues_table(heard: Vdn, source: SourceNamed) -> Table:
    """The queues of the switch."""
    table = plain_table("queue", "skill", "by", "waiting", "talking", "agents")
    for name, skill in sorted(heard.named_ids().queues.items(), key=lambda item: item[1]):
        [row] = heard.rows([skill], heard.clock_ms)
        by = _by(skill, source.queues, source.queue_pattern)
        table.add_row(Text(name), str(skill), by, str(row.waiting), str(row.in_talk), str(row.signed_in))
    return table


def agents_table(heard: Vdn, source: SourceNamed) -> Table:
    """The members of the switch."""
    table = plain_table("member", "interface", "agent", "by", "state", "skills")
    for number, agent in sorted(heard.books.agents.items()):
        skills = ",".join(str(queue.skill) for queue in agent.queues)
        table.add_row(
            Text(agent.name or ""),
            Text(agent.phone or ""),
            str(number),
            _by(number, source.agents, source.agent_pattern),
            states.NAMES[agent.state],
            skills,
        )
    return table


def _by(number: int, table: dict[str, int], pattern: str | None) -> str:
    """What gave this id."""
    if number in table.values():
        return "table"
    return "pattern, or next free" if pattern else "next free"
