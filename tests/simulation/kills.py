"""The kill test: a server is killed again and again while clients send and ask. Nothing is lost or doubled.

Everything that can be chosen is chosen by one seed: where each life ends, what is sent, what is sent again.
The instants themselves are the machine's, so a seed repeats the plan of a failure and mostly, not always, it.
"""

import itertools
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from queuepulse.client import Client, IngestReceipt, Unavailable, Unreachable
from queuepulse.engine import codec
from queuepulse.engine.events import CallOffered, Event, VdnConfigured, VdnKey
from queuepulse.simulator import Assumptions, ContactCenter
from simulation.books import ALL_SKILLS, SKILLS, Asked, Books, VdnBooks, Wrong
from simulation.hurried import DIES, POINTS, SNAPSHOT_EVENTS
from simulation.servers import HURRIED, Secrets, Server, make_key, now_ms

VDNS: Final = [VdnKey(1, 1), VdnKey(1, 2), VdnKey(7, 5)]
BATCHES: Final = (1, 2, 7, 30, 90, 250)
"""Sizes of batches; a slice of the hub's fold is 64 events."""
EVENTS_PER_LIFE_MAX: Final = 1_000
"""Of one VDN. All VDNs' together must fit into what retention leaves (hurried.LOG_BYTES_MAX)."""
AGAIN_SHARE: Final = 0.2
"""Batches that are sent again although they were acknowledged."""
AGAIN_EVENTS: Final = 2_000
"""How far back: well within the events that an engine remembers (events.md, rule 2)."""
LATE_SHARE: Final = 0.1
"""Events that come late, by up to LATE_MS_MAX."""
LATE_MS_MAX: Final = 400_000
WAITED_MS_MAX: Final = 90_000
"""How long callers had waited when they were told of: so that waits are not all of no length."""
START_S_MAX: Final = 1.2
"""Lives that end before they began do so within this; a start takes about a second."""
TRAFFIC_S_MAX: Final = 0.6
DEATH_S_MAX: Final = 2.0
"""How long a server that is to kill itself gets to come to that point."""
END_S_MAX: Final = 12.0
"""What an orderly end may take (10 s), on a busy machine."""


class Plan(NamedTuple):
    """How one life goes. `point` is where it ends; the server itself sees to those in POINTS."""

    point: str
    seconds: float
    time: int
    is_hurried: bool
    snapshot_events: int
    has_tls: bool


def plans(chance: random.Random, kills: int) -> Iterator[Plan]:
    """Each point in turn, so that none is left out; the rest by chance."""
    turn = ["traffic", "starting", "ready", *POINTS]
    for number in range(kills):
        point = turn[number % len(turn)]
        seconds = {"starting": START_S_MAX, "traffic": TRAFFIC_S_MAX}.get(point, 0.0) * chance.random()
        time = chance.randrange(1, 5) if point in ("keeping", "pruning") else chance.randrange(1, 40)
        is_hurried = point in POINTS or chance.random() < 0.5
        # Many snapshots are there to be hit, few leave more to fold.
        snapshot_events = 150 if point in ("keeping", "pruning") else chance.choice((150, 20_000))
        yield Plan(point, seconds, time, is_hurried, snapshot_events, chance.random() < 0.2)


class Sender:
    """Sends a simulated center's events in order, each until it is acknowledged, and some of them again."""

    def __init__(self, books: VdnBooks, seed: int) -> None:
        self.books = books
        self.sent_again = 0
        self._chance = random.Random(seed)
        self._events = self._made(seed)

    def send(self, client: Client, gone: threading.Event) -> None:
        """Send until the server is gone, or enough is sent for one life."""
        books = self.books
        end = books.acknowledged + EVENTS_PER_LIFE_MAX
        while books.acknowledged < end and not gone.is_set():
            begin = books.acknowledged
            if begin and self._chance.random() < AGAIN_SHARE:
                self._send_again(client, begin)
            size = self._chance.choice(BATCHES)
            while len(books.sent) < begin + size:
                books.sent.append(next(self._events))
            books.acknowledged_at = self._post(client, begin, begin + size).position
            books.acknowledged = begin + size

    def _send_again(self, client: Client, begin: int) -> None:
        first = self._chance.randrange(max(0, begin - AGAIN_EVENTS), begin)
        last = min(begin, first + self._chance.choice(BATCHES))
        receipt = self._post(client, first, last)
        if receipt.repeated != last - first:
            raise Wrong(f"{self.books.key}: events {first} to {last - 1} came again, and gave {receipt}")
        self.sent_again += last - first

    def _post(self, client: Client, first: int, last: int) -> IngestReceipt:
        for number in range(first, last):
            self.books.posts[number] += 1
        return client.ingest(*self.books.key, codec.encode_events(self.books.sent[first:last]))

    def _made(self, seed: int) -> Iterator[Event]:
        """A center's events, in its order, as of now: its hours pass in seconds."""
        start_ms = now_ms()
        # The day must not begin while this runs: then today's figures would all be gone.
        hour = (start_ms // 3_600_000 + 12) % 24
        day = VdnConfigured(day_starts=f"{hour:02}:00")
        center = ContactCenter(Assumptions(agents=60, skills=SKILLS), seed=seed, start_ms=start_ms)
        told = center.events_until(start_ms + 10**12)
        for number, event in enumerate(itertools.chain([day], told)):
            at_ms = now_ms()
            if self._chance.random() < LATE_SHARE:
                at_ms -= self._chance.randrange(LATE_MS_MAX)
            stamped = msgspec.structs.replace(event, id=str(number), at=at_ms)
            if isinstance(stamped, CallOffered):
                since_ms = at_ms - self._chance.randrange(WAITED_MS_MAX)
                stamped = msgspec.structs.replace(stamped, since=since_ms)
            yield stamped


class Report(NamedTuple):
    """What a run of kills has shown."""

    kills: Counter[str]
    events: int
    sent_again: int
    removed: int
    answers: int
    snapshots: int

    def __str__(self) -> str:
        where = ", ".join(f"{count} {point}" for point, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills: {where}.\n"
            f"{self.events:,} events were acknowledged, and are there once.\n"
            f"{self.sent_again:,} were sent again after that, and not counted again.\n"
            f"{self.removed:,} places of the log were removed by retention.\n"
            f"{self.answers:,} answers of {SKILLS} queues and {self.snapshots:,} snapshots "
            "were compared with the folded log, and are equal."
        )


class Run:
    """One server's folder and its clients, through all its lives."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.books = Books(VDNS)
        self.kills: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._senders = [Sender(books, seed + place) for place, books in enumerate(self.books.of.values())]
        folder.mkdir(exist_ok=True)
        self._secrets: Secrets = make_key(folder)
        self._config = folder.parent / "config.toml"
        self._config.write_text("[snapshot]\nevery_events = 1000\nevery_s = 10\n")

    def kill(self, kills: int, tell: Callable[[str], None] = lambda _: None) -> Report:
        """Let the server live and die that often, and end well once. Raises AssertionError."""
        for number, plan in enumerate(plans(self._chance, kills), 1):
            tell(f"life {number}: {plan}")
            self.kills[self._live(plan)] += 1
            self.books.check(self.folder)
        self._end_well()
        return self.report()

    def report(self) -> Report:
        of = self.books.of.values()
        return Report(
            self.kills,
            sum(books.acknowledged for books in of),
            sum(sender.sent_again for sender in self._senders),
            self.books.removed,
            self.books.answers_checked,
            sum(books.snapshots_checked for books in of),
        )

    def _live(self, plan: Plan) -> str:
        """One life; where it ended."""
        with self._start(plan) as server:
            if plan.point == "starting":
                if server.ends_within(plan.seconds):
                    raise Wrong(f"the server did not start:\n{server.text()}")
                server.kill()
                return plan.point
            point = plan.point
            if server.wait_until_ready() and point != "ready":
                point = self._work(server, plan)
            status = server.kill()
        if status != -signal.SIGKILL:
            raise Wrong(f"the server ended by itself, status {status}:\n{server.text()}")
        return point

    def _work(self, server: Server, plan: Plan) -> str:
        with self._secrets.client(server.url) as client:
            gone = threading.Event()
            failures: list[BaseException] = []
            threads = [
                threading.Thread(target=_until_gone, args=(gone, failures, work, client))
                for work in (*(sender.send for sender in self._senders), self._ask)
            ]
            for thread in threads:
                thread.start()
            seconds = DEATH_S_MAX if plan.point in POINTS else plan.seconds
            by_itself = server.ends_within(seconds)
            gone.set()
            server.kill()
            for thread in threads:
                thread.join()
        for failure in failures:
            raise failure
        return plan.point if by_itself or plan.point == "traffic" else "traffic"

    def _ask(self, client: Client, gone: threading.Event) -> None:
        """Ask for all figures of all VDNs, from the first moment on and again and again."""
        while not gone.is_set():
            for books in self.books.of.values():
                self._ask_one(client, books)

    def _ask_one(self, client: Client, books: VdnBooks) -> None:
        acknowledged_at, from_ms = books.acknowledged_at, now_ms()
        told = client.stateinfo(*books.key, ALL_SKILLS)
        if told.position is None or told.position < acknowledged_at:
            raise Wrong(f"{books.key}: {acknowledged_at} was acknowledged, then {told.position} was shown")
        books.asked.append(Asked(told.position, told.rows, from_ms, now_ms()))

    def _end_well(self) -> None:
        """The last lives: what is left is sent, all is asked, and it ends when it is told to; then again."""
        for is_last in (False, True):
            with self._start(Plan("end", 0.0, 0, False, 0, False)) as server:
                if not server.wait_until_ready():
                    raise Wrong(f"the server did not start:\n{server.text()}")
                with self._secrets.client(server.url) as client:
                    for sender in () if is_last else self._senders:
                        sender.send(client, threading.Event())
                    for books in self.books.of.values():
                        self._ask_one(client, books)
                status = server.terminate(END_S_MAX)
            if status != 0:
                raise Wrong(f"the server ended with status {status}:\n{server.text()}")
            self.books.check(self.folder)

    def _start(self, plan: Plan) -> Server:
        options = ["--config", str(self._config)]
        options += ["--host", "127.0.0.1"] if plan.has_tls else ["--plain-http"]
        if not plan.is_hurried:
            return Server(self.folder, *options)
        environment = {SNAPSHOT_EVENTS: str(plan.snapshot_events)}
        if plan.point in POINTS:
            environment[DIES] = f"{plan.point} {plan.time}"
        return Server(self.folder, *options, program=[str(HURRIED)], environment=environment)


def _until_gone(
    gone: threading.Event,
    failures: list[BaseException],
    work: Callable[[Client, threading.Event], None],
    client: Client,
) -> None:
    try:
        work(client, gone)
    except (Unreachable, Unavailable):
        pass  # killed
    except BaseException as failure:
        failures.append(failure)
