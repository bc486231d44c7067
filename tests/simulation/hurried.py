"""`queuepulse serve` in a hurry: snapshots, retention and clock events come many times a second, not a day.

It is the real server but for these intervals. If SIMULATION_DIES says so ("pruning 3"), it kills itself at
that point, the third time it gets there. SIMULATION_SNAPSHOT_EVENTS are the events from one
snapshot to the next.
"""

import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import apsw

from queuepulse import chronicle, cli, hub, server
from queuepulse.stores import sqlite, tables, writer

DIES = "SIMULATION_DIES"
SNAPSHOT_EVENTS = "SIMULATION_SNAPSHOT_EVENTS"
LOG_BYTES_MAX = 160 * 1024
"""Retention begins here: more than is sent in one life, so that whoever looks after each life sees it all."""
ANSWER_S = 0.03
"""What an answer needs to get to a client, if one is given too early."""
POINTS = ("committing", "committed", "keeping", "pruning")
"""Where it may die: at a commit; behind it, with nobody told; before that of a snapshot, or a removal."""


def hurry(snapshot_events: int) -> None:
    """Make the chores come as often as they can without starving the rest."""
    hub.TICK_S = 0.02
    hub.PRUNE_EVERY_S = 0.05
    # No snapshot is kept, and so nothing removed, before history has what it stands for.
    chronicle.GATHER_S = 0.02
    # Every batch is folded in steps, so that snapshots are taken in the midst of some.
    hub.SLICE_S = 0.0
    server.HubSettings = lambda **_: hub.HubSettings(
        snapshot_every_events=snapshot_events, log_bytes_max=LOG_BYTES_MAX
    )


def die_at(point: str, time: int) -> None:
    """Kill this program at one of POINTS, when it gets there the `time`th time (from 1)."""
    times = itertools.count(1)

    def come(*_: Any) -> None:
        if next(times) == time:
            threading.Event().wait(ANSWER_S)
            os.kill(os.getpid(), signal.SIGKILL)

    match point:
        case "committing":
            connect = tables.connect_to_write
            tables.connect_to_write = lambda file: _hooked(connect(file), come)
        case "committed":
            writer.GroupWriter._answer = _before(come, writer.GroupWriter._answer)
        case "keeping":
            sqlite._keep = _behind(sqlite._keep, come)
        case "pruning":
            # A look that finds nothing to remove is none.
            sqlite._prune = _behind(sqlite._prune, lambda removed: come() if removed else None)


def _hooked(connection: apsw.Connection, come: Callable[[], None]) -> apsw.Connection:
    connection.set_commit_hook(lambda: bool(come()))
    return connection


def _before(come: Callable[[], None], works: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any) -> Any:
        come()
        return works(*arguments)

    return both


def _behind(works: Callable[..., Any], come: Callable[[Any], None]) -> Callable[..., Any]:
    def both(*arguments: Any) -> Any:
        done = works(*arguments)
        come(done)
        return done

    return both


if __name__ == "__main__":
    hurry(int(os.environ[SNAPSHOT_EVENTS]))
    if DIES in os.environ:
        where, number = os.environ[DIES].split()
        die_at(where, int(number))
    sys.exit(cli.run(sys.argv[1:]))
