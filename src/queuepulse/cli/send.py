"""`queuepulse send`: posts a file of events to a server, at once or as if it happened now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import dropwhile, takewhile
from pathlib import Path
from time import sleep
from typing import Annotated, Any, BinaryIO, Final, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from queuepulse.cli.connecting import connect
from queuepulse.cli.console import command_app, misuse, note, told
from queuepulse.cli.event_files import CHUNK_BYTES, STDIN, Numbered, VdnChoice, opened, read_events
from queuepulse.cli.options import Ak, Ca, Cc, Insecure, Sk, Token, Url, VdnNumber
from queuepulse.cli.sending import Batch, Play, Sender, Totals, batches, due_batches, named
from queuepulse.cli.sent import Sent, SentFile
from queuepulse.client import ClientError
from queuepulse.engine.codec import BadEvent, encode_events
from queuepulse.engine.events import Clock, VdnConfigured
from queuepulse.hub import SystemClock

app = command_app()
SPEED_MIN: Final = 0.001
SPEED_MAX: Final = 100_000.0
QUESTION: Final = encode_events([VdnConfigured(at=0)])
"""Changes nothing, whatever the VDN is; its receipt tells how far the server's log is."""

OnAcknowledged = Callable[[Batch], None]
Tell = Callable[[str], None]


class Screen(NamedTuple):
    """What a person sees on stderr: sentences, and on a terminal a bar beneath them."""

    tell: Tell
    advance: OnAcknowledged
    finish: Callable[[], None]


SILENT: Final = Screen(note, lambda batch: None, lambda: None)
"""Sentences alone."""


class Source(NamedTuple):
    """The file, and which VDN's events of it count."""

    file: str
    cc: int
    vdn: int

    def events(self, opened_file: BinaryIO) -> Iterator[Numbered]:
        """Its events with ids, without those that only say that time went by: the server knows the time."""
        for number, event in named(read_events(opened_file, VdnChoice(self.cc, self.vdn))):
            if not isinstance(event, Clock):
                yield Numbered(number, event)


# long: half of it is the table of its options.
@app.command()
def send(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    file: Annotated[str, typer.Argument(metavar="FILE", help="Events as NDJSON; - is the standard input.")],
    url: Url,
    cc: Cc,
    vdn: VdnNumber,
    ak: Ak = None,
    sk: Sk = None,
    token: Token = None,
    insecure: Insecure = False,
    ca: Ca = None,
    live: Annotated[
        float | None,
        typer.Option(
            metavar="SPEED",
            min=SPEED_MIN,
            max=SPEED_MAX,
            help="Move the times: the file starts now and goes at this speed (1: as it was).",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Send all of it, whatever was sent before.")] = False,
) -> None:
    """Post a file of events to a server, and print what became of them.

    What was acknowledged is noted in FILE.sent: a run that was interrupted is taken up by running it again,
    and what was sent before counts as `repeated`. Events without an id get one. With --live every run is a
    new play with ids of its own, and nothing is noted. Events that name another VDN are passed over.
    """
    clock, source, totals = SystemClock(), Source(file, cc, vdn), Totals()
    again_words = "Run it again to go on."
    with (
        told(ClientError),
        connect(url, ak=ak, sk=sk, token=token, insecure=insecure, ca=ca) as client,
        opened(file) as opened_file,
        screen_of(file, totals) as screen,
    ):
        sender = Sender(client, cc, vdn, sleep, screen.tell)
        try:
            if live is not None:
                again_words = "To run it again begins a new play."
                play = Play(clock.now_ms(), live)
                events = map(play.moved, source.events(opened_file))
                post_all(due_batches(events, clock.now_ms, sleep), sender, totals, screen.advance)
            elif file == STDIN:
                again_words = "What was sent of the standard input is not noted: to run it again sends all."
                post_all(batches(source.events(opened_file)), sender, totals, screen.advance)
            else:
                record = SentFile(Path(file), f"{url.rstrip('/')} {cc}/{vdn}")
                sent = Sent() if again else record.sent
                send_rest(source, opened_file, record, sent, sender, totals, screen)
            screen.finish()
        except BadEvent as error:
            raise misuse(f"{file}, {error}. Sent before: {totals}. Correct it, and run this again.") from None
        except ClientError:
            screen.tell(f"Until then: {totals}.")
            raise
        except KeyboardInterrupt:
            screen.tell(f"Interrupted: {totals}. {again_words}")
            raise
    typer.echo(str(totals))


def send_rest(
    source: Source,
    opened_file: BinaryIO,
    record: SentFile,
    sent: Sent,
    sender: Sender,
    totals: Totals,
    screen: Screen,
) -> None:
    """Sends what is behind `sent`, if that holds for this file and this server, else all; and notes it."""
    digest = sent_digest(source, sent.lines)
    if sent.lines and (digest.hexdigest() != sent.digest or sender.post(QUESTION).position <= sent.position):
        sent, digest = Sent(), sha256()
    if sent.count:
        totals.accepted = totals.repeated = sent.count
        screen.tell(f"{sent.count:,} events were sent before ({record.path}); --again sends them once more.")

    def acknowledged(batch: Batch) -> None:
        digest.update(batch.body)
        count = totals.accepted
        record.keep(Sent(batch.last_number, count, digest.hexdigest(), totals.position))
        screen.advance(batch)

    events = dropwhile(lambda numbered: numbered.number <= sent.lines, source.events(opened_file))
    post_all(batches(events), sender, totals, acknowledged)
    if not record.is_kept:
        screen.tell(f"{record.path} cannot be written: to run this again may count events twice.")


def sent_digest(source: Source, lines: int) -> Any:
    """The digest over the events up to that line, as they would be sent."""
    digest = sha256()
    if lines:
        with opened(source.file) as opened_file:
            events = takewhile(lambda numbered: numbered.number <= lines, source.events(opened_file))
            for _, event in events:
                digest.update(encode_events([event]))
    return digest


def post_all(some: Iterator[Batch], sender: Sender, totals: Totals, acknowledged: OnAcknowledged) -> None:
    """Posts batch after batch."""
    for batch in some:
        totals.add(sender.post(batch.body))
        acknowledged(batch)


@contextmanager
def screen_of(file: str, totals: Totals) -> Iterator[Screen]:
    """The screen of a run; its bar counts lines, as what is read is far ahead of what is due."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield SILENT
        return
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=lines_of(file))

        def show(lines: float | None) -> None:
            progress.update(bar, completed=lines, description=f"{totals.accepted:,} events")

        yield Screen(
            # Written past the bar, a sentence would begin in the middle of it.
            tell=lambda words: console.print(words, markup=False, highlight=False, soft_wrap=True),
            advance=lambda batch: show(batch.last_number),
            finish=lambda: show(progress.tasks[bar].total),
        )


def lines_of(file: str) -> int | None:
    """How many lines there are, if the file can be read twice."""
    if file == STDIN or not Path(file).is_file():
        return None
    with opened(file) as opened_file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: opened_file.read(CHUNK_BYTES), b""))
