"""The programs that tell the past: two at once at most, killed when they are late, gone with the server."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.folding import events_of
from queuepulse.retelling import PastRefused, PastUnavailable, Why
from queuepulse.stores import anchors, retold
from queuepulse.stores.retold_worker import Retellers
from queuepulse.stores.sqlite import SqliteLog
from server.running import until
from stores.logged import BANK, in_order, opened, written


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(opened(tmp_path)) as log:
        yield log


@pytest.fixture
def workers(log: SqliteLog, tmp_path: Path) -> Iterator[Retellers]:
    asyncio.run(written(log, in_order(events_of(1, 300))))
    with closing(Retellers(tmp_path / "log.sqlite", 20.0)) as workers:
        yield workers


WHY = Why(1, "waiting", (in_order(events_of(1, 300))[200].at or 0))


def test_a_worker_answers_as_it_is_answered_here(workers: Retellers, tmp_path: Path) -> None:
    here = retold.explain(tmp_path / "log.sqlite", BANK, WHY)
    assert asyncio.run(workers.explain(BANK, WHY)) == here
    (first,) = workers._all
    assert asyncio.run(workers.explain(BANK, WHY._replace(figure="signed_in"))).position == here.position
    assert workers._all == {first}
    with pytest.raises(PastRefused):
        workers_file_is_pruned(workers)


def workers_file_is_pruned(workers: Retellers) -> None:
    file = Path(workers._begin[0])
    with closing(anchors.apsw.Connection(str(file))) as connection:
        connection.execute("DELETE FROM batch WHERE first < 100")
    asyncio.run(workers.explain(BANK, WHY))


def test_a_third_question_at_once_is_put_off(workers: Retellers) -> None:
    async def scenario() -> None:
        asked = [asyncio.ensure_future(workers.explain(BANK, WHY)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(PastUnavailable, match="under way"):
            await workers.explain(BANK, WHY)
        first, second = await asyncio.gather(*asked)
        assert first == second
        assert await workers.explain(BANK, WHY) == first

    asyncio.run(scenario())


def test_who_goes_away_gives_no_room_before_the_worker_is_done(workers: Retellers) -> None:
    async def scenario() -> None:
        asked = [asyncio.ensure_future(workers.explain(BANK, WHY)) for _ in range(2)]
        await asyncio.sleep(0)
        for one in asked:
            one.cancel()
        await asyncio.wait(asked)
        with pytest.raises(PastUnavailable, match="under way"):
            await workers.explain(BANK, WHY)

    asyncio.run(scenario())


def test_a_worker_that_is_late_is_killed_and_another_answers(workers: Retellers) -> None:
    workers._deadline_s = 0.0
    with pytest.raises(PastUnavailable, match=r"deadline_s") as late:
        asyncio.run(workers.explain(BANK, WHY))
    assert late.value.retry_s > 0
    assert not workers._all
    workers._deadline_s = 20.0
    assert asyncio.run(workers.explain(BANK, WHY)).position


def test_a_worker_that_ended_is_replaced(workers: Retellers) -> None:
    asyncio.run(workers.explain(BANK, WHY))
    (worker,) = workers._all
    os.kill(worker.program.pid, signal.SIGKILL)
    worker.program.join()
    assert asyncio.run(workers.explain(BANK, WHY)).position
    assert worker not in workers._all


def test_a_worker_that_dies_at_work_is_told(workers: Retellers) -> None:
    async def scenario() -> None:
        await workers.explain(BANK, WHY)
        (worker,) = workers._all
        os.kill(worker.program.pid, signal.SIGSTOP)
        asked = asyncio.ensure_future(workers.explain(BANK, WHY))
        await asyncio.to_thread(until, lambda: not workers._idle)
        os.kill(worker.program.pid, signal.SIGKILL)
        with pytest.raises(PastUnavailable, match="has ended"):
            await asked
        assert not workers._all

    asyncio.run(scenario())


PARENT = """
import asyncio, sys
from pathlib import Path
from queuepulse.engine.events import VdnKey
from queuepulse.retelling import Why
from queuepulse.stores.retold_worker import Retellers
if __name__ == "__main__":
    workers = Retellers(Path(sys.argv[1]), 20.0)
    asyncio.run(workers.explain(VdnKey(1, 1), Why(1, "waiting", int(sys.argv[2]))))
    print(*[worker.program.pid for worker in workers._all], flush=True)
    sys.stdin.read()
"""


def test_a_worker_ends_with_the_server_however_that_ends(log: SqliteLog, tmp_path: Path) -> None:
    asyncio.run(written(log, in_order(events_of(1, 300))))
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script), str(tmp_path / "log.sqlite"), str(WHY.at_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        descriptor = os.pidfd_open(worker)
        parent.kill()
        # Readable when it has ended.
        assert select.select([descriptor], [], [], 20)[0]
        os.close(descriptor)


def test_closing_ends_what_is_under_way(log: SqliteLog, tmp_path: Path) -> None:
    async def scenario() -> None:
        workers = Retellers(tmp_path / "log.sqlite", 20.0)
        await workers.explain(BANK, WHY)
        (worker,) = workers._all
        os.kill(worker.program.pid, signal.SIGSTOP)
        asked = asyncio.ensure_future(workers.explain(BANK, WHY))
        await asyncio.to_thread(until, lambda: not workers._idle)
        await asyncio.to_thread(workers.close)
        with pytest.raises(PastUnavailable):
            await asked
        with pytest.raises((PastUnavailable, RuntimeError)):
            await workers.explain(BANK, WHY)

    asyncio.run(written(log, in_order(events_of(1, 300))))
    asyncio.run(scenario())
