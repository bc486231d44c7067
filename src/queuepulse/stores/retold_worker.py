"""The past told by programs of their own: folding again takes seconds, and must not hold the loop.

A worker is started for the first question, stays for the next ones, and ends when none comes. One that is not
done at its deadline is killed: it holds nothing that matters.
"""

import asyncio
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

from queuepulse.engine.events import VdnKey
from queuepulse.ports import EncodedAnswer
from queuepulse.retelling import PastRefused, PastUnavailable, Why
from queuepulse.stores import retold
from queuepulse.stores.workers import settle_in

WORKERS_MAX: Final = 2
"""Questions about the past at once: each takes a processor, and the server needs one."""
IDLE_S: Final = 60.0
"""How long a worker waits for the next question: starting one takes as long as many answers."""
RETRY_S: Final = 2
"""When to ask again, where all are at work."""
_SPAWN: Final = multiprocessing.get_context("spawn")


class _Worker(NamedTuple):
    program: Any
    line: Connection

    def kill(self) -> None:
        self.program.kill()
        self.program.join()
        self.line.close()


class Retellers:
    """`Explainer` of the past, out of the log in `file`. `close` ends what is under way.

    With `accept_loss` it goes on behind what cannot be read of the log, as the server did.
    """

    def __init__(self, file: Path, deadline_s: float, accept_loss: bool = False) -> None:
        self._begin = (str(file), accept_loss)
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(WORKERS_MAX, "retold")
        self._free = threading.Semaphore(WORKERS_MAX)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    async def explain(self, vdn: VdnKey, why: Why) -> EncodedAnswer:
        if not self._free.acquire(blocking=False):
            raise PastUnavailable(f"{WORKERS_MAX} questions about the past are under way", RETRY_S)
        answering = self._threads.submit(self._ask, vdn, why)
        # Who asked may go away: the worker is busy until it is done.
        answering.add_done_callback(lambda _: self._free.release())
        return await asyncio.wrap_future(answering)

    def close(self) -> None:
        """End all workers, whatever they do; blocks."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.program.kill()
        self._threads.shutdown()
        for worker in self._all:
            worker.kill()

    def _ask(self, vdn: VdnKey, why: Why) -> EncodedAnswer:
        worker = self._take()
        try:
            worker.line.send((vdn, why))
        except OSError:
            # It waited long enough, and ended just now.
            self._forget(worker)
            worker = self._start()
            worker.line.send((vdn, why))
        try:
            if not worker.line.poll(self._deadline_s):
                self._forget(worker)
                reason = f"it was not told within {self._deadline_s:g} s (explain.deadline_s)"
                raise PastUnavailable(reason, RETRY_S)
            answer = worker.line.recv()
        except (EOFError, OSError):
            self._forget(worker)
            raise PastUnavailable("the program that tells the past has ended", RETRY_S) from None
        with self._lock:
            self._idle.append(worker)
        if isinstance(answer, PastRefused | PastUnavailable):
            raise answer
        assert isinstance(answer, EncodedAnswer), "a worker answers or refuses"
        return answer

    def _take(self) -> _Worker:
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return self._start()
            if worker.program.is_alive():
                return worker
            self._forget(worker)

    def _start(self) -> _Worker:
        line, theirs = _SPAWN.Pipe()
        program = _SPAWN.Process(target=_work, args=(theirs, *self._begin), daemon=True)
        with self._lock:
            if self._closed:
                raise PastUnavailable("the server ends", RETRY_S)
            program.start()
            worker = _Worker(program, line)
            self._all.add(worker)
        # Else its end would not be seen here.
        theirs.close()
        return worker

    def _forget(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.kill()


# In the worker


def _work(line: Connection, file: str, accept_loss: bool) -> None:
    settle_in()
    while line.poll(IDLE_S):
        try:
            vdn, why = line.recv()
        except EOFError:
            return
        line.send(_answer(Path(file), vdn, why, accept_loss))


def _answer(
    file: Path, vdn: VdnKey, why: Why, accept_loss: bool
) -> EncodedAnswer | PastRefused | PastUnavailable:
    try:
        return retold.explain(file, vdn, why, accept_loss)
    except (PastRefused, PastUnavailable) as reason:
        return reason
