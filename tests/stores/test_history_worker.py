"""The program that writes history: the same bytes as without it, and no death of anybody does harm."""

import asyncio
import os
import pickle
import select
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.folding import HOUR_MS, events_of
from queuepulse.engine.events import VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import HistoryUnavailable, Told
from queuepulse.stores.history import KeptHistory
from queuepulse.stores.history_sqlite import SqliteHistory
from queuepulse.stores.history_worker import Shared, WorkerHistory, seen, shown
from stores.history import BANK, everything

KEEP = {"5min": 35, "15min": 400, "day": 3_650}


def told(seed: int, position: int) -> Told:
    vdn = Vdn()
    for one in events_of(seed, 100):
        vdn.apply(one)
    vdn.advance(vdn.clock_ms + HOUR_MS)
    return Told(BANK, position, vdn.tell())


def test_the_worker_writes_what_would_be_written_here(tmp_path: Path) -> None:
    here, there = SqliteHistory(tmp_path / "here"), WorkerHistory(None, tmp_path / "there", KEEP)
    with closing(here), closing(there):
        some = [told(1, 10), told(2, 20)]
        KeptHistory(here, KEEP).write_now(some)
        asyncio.run(there.write(some[:1]))
        there.write_now(some[1:])
        there.write_now(some)
        assert everything(there.database) == everything(here) != {}
        assert there.position(BANK) == 20
        far_ms = 2**50
        asyncio.run(there.prune(far_ms))
        assert [key for key in everything(there.database) if key[0] != "state"] == []


def test_nothing_is_shown_while_the_worker_may_still_read_what_was(tmp_path: Path) -> None:
    here, there = SqliteHistory(tmp_path / "here"), WorkerHistory(None, tmp_path / "there", KEEP)
    some = [told(seed, 10)._replace(vdn=VdnKey(1, seed)) for seed in range(1, 5)]

    async def write() -> None:
        # Who waited for the first goes away, while the worker still begins.
        writing = asyncio.ensure_future(there.write(some[:1]))
        while there._last is None or not there._last.running():  # noqa: ASYNC110 - no pool tells when
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(*[there.write([one]) for one in some[1:3]])
        writing = asyncio.ensure_future(there.write([]))
        await asyncio.sleep(0)
        there.write_now(some[3:])
        await writing

    with closing(here), closing(there):
        KeptHistory(here, KEEP).write_now(some)
        asyncio.run(write())
        assert everything(there.database) == everything(here)


def test_a_worker_that_is_killed_is_started_anew(tmp_path: Path) -> None:
    history = WorkerHistory(None, tmp_path / "history", KEEP)
    with closing(history):
        history.write_now([told(1, 10)])
        assert history._pool is not None
        (pid,) = history._pool._processes
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(HistoryUnavailable, match="anew"):
            history.write_now([told(2, 20)])
        history.write_now([told(2, 20)])
        assert history.position(BANK) == 20


PARENT = """
import sys
from pathlib import Path
from queuepulse.stores.history_worker import WorkerHistory
if __name__ == "__main__":
    history = WorkerHistory(None, Path(sys.argv[1]), {})
    history.write_now([])
    print(*history._pool._processes, flush=True)
    sys.stdin.read()
"""


def test_a_worker_ends_with_the_server_however_that_ends(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script), str(tmp_path / "history")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        descriptor = os.pidfd_open(worker)
        parent.kill()
        # Readable when it has ended.
        assert select.select([descriptor], [], [], 20)[0]
        os.close(descriptor)


@pytest.mark.parametrize("room", [2**20, 4_000, 0])
def test_what_is_shown_to_the_worker_says_the_same(room: int) -> None:
    """With room for all of it, for some, or for none."""
    before, shared = told(3, 30), Shared(bytearray(room))
    shown(told(4, 40), shared)
    shared.begin()
    after = seen(pickle.loads(pickle.dumps(shown(before, shared))), shared)
    assert (after.vdn, after.position, after.closed[2:]) == (before.vdn, before.position, before.closed[2:])
    # The ids of calls stay behind.
    assert [list(facts.items) for facts in after.closed.facts] == [
        list(facts.items) for facts in before.closed.facts
    ]
    assert before.closed.facts and before.closed.facts[0].calls and not after.closed.facts[0].calls
    passes = [[some.packed(), some.texts] for some in before.closed.passes]
    assert [[some.packed(), some.texts] for some in after.closed.passes] == passes != []
