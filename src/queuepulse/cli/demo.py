"""`queuepulse demo`: a server, a simulated contact center that feeds it in real time, and a line of figures.

The server runs in the main thread, as `serve` runs it; the center is a client of it in another.
"""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread
from typing import Annotated, Final, NamedTuple

import typer

from queuepulse import server
from queuepulse.certificates import DEVELOPMENT_FILE
from queuepulse.cli.connecting import connect
from queuepulse.cli.console import Failure, command_app, misuse, note, told
from queuepulse.cli.event_files import Numbered
from queuepulse.cli.figures_table import duration
from queuepulse.cli.sending import Sender, Totals, batches
from queuepulse.client import Client, ClientError, Unavailable, Unreachable
from queuepulse.config import Config, Server
from queuepulse.config.named import LOOPBACK
from queuepulse.edge import ListenRefused, listen
from queuepulse.engine.codec import encode_events
from queuepulse.engine.events import Event, SourceRestarted, VdnConfigured, VdnKey
from queuepulse.engine.figures import Row
from queuepulse.hub import SystemClock
from queuepulse.live.endpoints import LINK, LIVE_PREFIX
from queuepulse.people import VIEWS, Scope
from queuepulse.ports import Clock, LogFull
from queuepulse.simulator import DAY_SHAPE, Assumptions, ContactCenter
from queuepulse.stores.folder import LOG_FILE, Folder, FolderRefused
from queuepulse.stores.keys import KeyStore, NewKey
from queuepulse.stores.private import StoreUnusable
from queuepulse.stores.sqlite import SqliteLog
from queuepulse.stores.users import UserStore

app = command_app()
VDN: Final = VdnKey(1, 1)
NAME: Final = "Harbor Bank"
SKILLS: Final = 6
QUIETEST: Final = 0.6
"""Share of the busiest hour's calls that come in the quietest: a demo is lively at any time of day."""
CENTER: Final = Assumptions(
    agents=48,
    skills=SKILLS,
    day_shape=tuple(max(QUIETEST, share) for share in DAY_SHAPE),
    # Everybody works day and night: so does whoever looks at a demo.
    shift_ms=None,
    # With shifts, half of the people would be at work at most: as many calls as all of them can bear.
    calls_per_hour=700,
)
SEED: Final = 1
DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
HISTORY_MS_MIN: Final = 3_600_000
"""Just after midnight the demo begins an hour earlier, so that there is something to see."""
LINK_MS: Final = WEEK_MS
"""How long the demo's wallboard can be opened."""
LOGGED_AT_ONCE: Final = 2_000
FEED_EVERY_S: Final = 0.5
TOLD_EVERY: Final = 4
"""Turns of feeding for one line of figures; where no terminal refreshes it, it comes ten times as seldom."""
START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 5.0
SERVER_LOG: Final = "server.log"


class Stage(NamedTuple):
    """What the center needs to play: where the server is, with which key, and when to stop.

    `wallboard` is the address that opens it without signing in.
    """

    config: Config
    url: str
    wallboard: str
    key: NewKey
    center: ContactCenter
    clock: Clock
    over: Flag


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="A new data folder that stays. [default: a temporary one]"
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, metavar="P", help="Port to listen on.")] = 28_443,
) -> int:
    """Run a server on this machine with a contact center that is not there, until Ctrl-C.

    It begins with today's hours, and for its charts has the same day of last week. A key is made and printed
    in a line to copy, which watches the queues.
    """
    clock = SystemClock()
    with told(ListenRefused):
        # To hear of a port in use only after a day was simulated would be late.
        listen(LOOPBACK, port).close()
    with chosen_folder(folder) as chosen:
        config = Config(folder=chosen, server=Server(host=LOOPBACK, port=port))
        now_ms = clock.now_ms()
        starts_at_ms = min(now_ms - now_ms % DAY_MS, now_ms - HISTORY_MS_MIN)
        center = ContactCenter(CENTER, seed=SEED, start_ms=starts_at_ms)
        note("Simulating the day so far, and that of a week ago ...")
        with told(FolderRefused, StoreUnusable, LogFull):
            count = asyncio.run(log_events(chosen, events_so_far(center, starts_at_ms, now_ms), clock))
            with KeyStore(chosen) as keys:
                key = keys.add("demo", [Scope()], now_ms, ingests=True)
            with UserStore(chosen) as users:
                _, token = users.add_link("demo", [Scope()], VIEWS, now_ms, now_ms + LINK_MS)
        note(f"{count:,} events logged in {chosen}.")
        url = f"https://{LOOPBACK}:{port}"
        stage = Stage(config, url, f"{url}{LIVE_PREFIX}{LINK}{token}", key, center, clock, Flag())
        return run_server(stage)


@contextmanager
def chosen_folder(folder: Path | None) -> Iterator[Path]:
    """The folder asked for, which may not hold a log: what is simulated never mixes with what is true."""
    if folder is None:
        with TemporaryDirectory(prefix="queuepulse-demo-") as name:
            yield Path(name)
    elif (folder / LOG_FILE).exists():
        raise misuse(f"There is a log in {folder} already. The demo wants a new folder, or none.")
    else:
        yield folder


def events_so_far(center: ContactCenter, starts_at_ms: int, now_ms: int) -> Iterator[Event]:
    """The same weekday a week ago, by another center that ends with it, and then this one up to now."""
    begin_ms, end_ms = starts_at_ms - WEEK_MS, now_ms - now_ms % DAY_MS + DAY_MS - WEEK_MS
    yield VdnConfigured(id="name", at=begin_ms, name=NAME)
    yield from ContactCenter(CENTER, seed=SEED + 1, start_ms=begin_ms).events_until(end_ms)
    # Nobody of last week is left in today's calls.
    yield SourceRestarted(id="end of last week's day", at=end_ms)
    yield from center.events_until(now_ms)


async def log_events(folder: Path, events: Iterator[Event], clock: Clock) -> int:
    """Logs them as a server would have; when one starts, it folds them. Gives the number."""
    logged = 0
    with Folder(folder) as ours, closing(SqliteLog(ours.log_file, elapsed=clock.elapsed, warn=note)) as log:
        while some := list(islice(events, LOGGED_AT_ONCE)):
            await log.append(VDN, clock.now_ms(), len(some), encode_events(some))
            logged += len(some)
    return logged


def run_server(stage: Stage) -> int:
    """Serves in this thread, and plays in another, until a signal or a failure."""
    log_file = stage.config.folder / SERVER_LOG
    playing = Thread(target=play, args=(stage,), name="center", daemon=True)
    playing.start()
    try:
        # The server's own lines would tear the line of figures.
        with log_file.open("w") as log, redirect_stderr(log):
            status = server.run(stage.config)
    finally:
        stage.over.set()
        playing.join(STOP_S_MAX)
    if status:
        words = [line for line in log_file.read_text().splitlines() if line.startswith("queuepulse: ")]
        raise Failure(" ".join(words).removeprefix("queuepulse: ") or "The server failed.", status)
    return status


def play(stage: Stage) -> None:
    """Waits for the server, says how to ask it, and feeds it in real time; a failure ends the server."""
    try:
        with connected(stage) as client:
            if client is not None:
                print(invitation(stage), flush=True)
                feed(stage, client)
                print()
    except ClientError as error:
        if not stage.over.is_set():
            print(f"\nThe simulated center cannot go on: {error}", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def connected(stage: Stage) -> Iterator[Client | None]:
    """A client of the server, as soon as that answers; None if it ends before."""
    certificate, until_s = stage.config.folder / DEVELOPMENT_FILE, stage.clock.elapsed() + START_S_MAX
    while not stage.over.wait(0.1):
        if not certificate.exists():
            continue
        with connect(stage.url, ak=stage.key.ak, sk=stage.key.sk, ca=certificate) as client:
            try:
                client.stateinfo(*VDN, range(1, SKILLS + 1))
            except (Unreachable, Unavailable):
                if stage.clock.elapsed() > until_s:
                    raise
            else:
                yield client
                return
    yield None


def invitation(stage: Stage) -> str:
    """What to type in another terminal."""
    program = "queuepulse" if shutil.which("queuepulse") else sys.argv[0]
    program = "python -m queuepulse" if program.endswith(".py") else shlex.quote(program)
    certificate = shlex.quote(str(stage.config.folder / DEVELOPMENT_FILE))
    return (
        f"{stage.wallboard}\n"
        f"\nA contact center with {CENTER.agents} agents and {SKILLS} skill queues is at work. The address "
        f"above opens its wallboard in a browser, which does not know the server's certificate yet.\n"
        f"Or watch it from another terminal:\n\n"
        f"{program} query --table --watch 2 --url {stage.url} --ca {certificate} "
        f"--cc {VDN.cc} --vdn {VDN.vdn} --skills 1-{SKILLS} --ak {stage.key.ak} --sk {stage.key.sk}\n\n"
        f"Ctrl-C ends it.\n"
    )


def feed(stage: Stage, client: Client) -> None:
    """Sends what happens when it happens, and tells the figures."""

    def wait(seconds: float) -> None:
        stage.over.wait(seconds)

    sender, totals, turn = Sender(client, VDN.cc, VDN.vdn, wait), Totals(), 0
    tell, told_every = teller()
    began_s = stage.clock.elapsed()
    while not stage.over.wait(FEED_EVERY_S):
        events = stage.center.events_until(stage.clock.now_ms())
        for batch in batches(Numbered(0, event) for event in events):
            totals.add(sender.post(batch.body))
        if turn % told_every == 0:
            per_s = totals.accepted / (stage.clock.elapsed() - began_s)
            tell(figures_line(client.stateinfo(*VDN, range(1, SKILLS + 1)).rows, per_s))
        turn += 1


def teller() -> tuple[Callable[[str], object], int]:
    """How a line of figures is told, and every how many turns."""
    if sys.stdout.isatty():
        return (lambda line: print(f"\r\x1b[K{line}", end="", flush=True)), TOLD_EVERY
    return (lambda line: print(line, flush=True)), 10 * TOLD_EVERY


def figures_line(rows: Sequence[Row], events_per_s: float) -> str:
    """All queues in a line."""
    return (
        f"waiting {sum(row.waiting for row in rows)}, longest {duration(max(row.wait_s_max for row in rows))}"
        f" | in talk {sum(row.in_talk for row in rows)}"
        f" | these five minutes: {sum(row.offered_in for row in rows)} calls,"
        f" {sum(row.answered_in_20s for row in rows)} answered within 20 s"
        f" | answered today {sum(row.answered_today for row in rows):,}"
        f" | {events_per_s:.1f} events/s"
    )
