"""The one writing thread of a SQLite file: group commit, answers in order, a bounded queue.

What is written is the caller's matter; nothing of the log's meaning lives here.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from queuepulse.ports import LogBusy, LogFull
from queuepulse.stores.tables import Damaged

PENDING_BYTES_MAX: Final = 64 * 2**20
"""Bytes that may wait for the disk: a second or more of a slow disk, and little beside the engines."""
GROUP_BYTES_MAX: Final = 8 * 2**20
"""Bytes in one transaction: it bounds how long the next ones wait."""

Work = Callable[[apsw.Connection], Any]
OnCommit = Callable[[float, int], None]
T = TypeVar("T")


class _Job(NamedTuple):
    work: Work
    size: int
    future: asyncio.Future[Any]


class GroupWriter:
    """Runs work on `connection`, in order, all that is waiting in one transaction.

    A work is answered, on the loop that asked, when its transaction is durable. If it fails, all of
    its transaction is undone, and answered with LogFull (disk) or with what was raised.
    `elapsed` gives seconds that never go back; `on_commit(seconds, works)` is called on the loop.
    """

    def __init__(
        self, connection: apsw.Connection, *, elapsed: Callable[[], float], on_commit: OnCommit
    ) -> None:
        self._connection = connection
        self._elapsed = elapsed
        self._on_commit = on_commit
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._pending_bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[apsw.Connection], T], size: int = 0) -> asyncio.Future[T]:
        """Ask for one work of about `size` bytes. Raises LogBusy, or LogFull after `close`."""
        if self._closed:
            raise LogFull("The log is closed: the server is stopping. Send the events again later.")
        if self._pending_bytes and self._pending_bytes + size > PENDING_BYTES_MAX:
            raise LogBusy("More events wait for the disk than it can take. Send these again later.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending_bytes += size
        self._jobs.put(_Job(work, size, future))
        return future

    def close(self) -> None:
        """Finish all that was asked for, and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while group := self._gather():
            self._commit(group)

    def _gather(self) -> list[_Job]:
        """All that waits now, up to a bound; waits for the first. Empty when there will be no more."""
        group: list[_Job] = []
        size = 0
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            size += job.size
            if size >= GROUP_BYTES_MAX:
                return group
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return group
        if group:
            self._jobs.put(None)
        return group

    def _commit(self, group: list[_Job]) -> None:
        begun = self._elapsed()
        answers: list[Any] = []
        failure: Exception | None = None
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers.extend(job.work(self._connection) for job in group)
            self._connection.execute("COMMIT")
        except Exception as error:  # whatever it is, those who wait must hear of it
            failure = _as_weather(error)
            # SQLite has undone it itself after some errors.
            if self._connection.in_transaction:
                with suppress(apsw.Error):
                    self._connection.execute("ROLLBACK")
        seconds = self._elapsed() - begun
        # A loop that has ended has nobody left who waits.
        with suppress(RuntimeError):
            loop = group[0].future.get_loop()
            loop.call_soon_threadsafe(self._answer, group, answers, failure, seconds)

    def _answer(
        self, group: list[_Job], answers: Sequence[Any], failure: Exception | None, seconds: float
    ) -> None:
        self._pending_bytes -= sum(job.size for job in group)
        for at, job in enumerate(group):
            if job.future.done():
                continue
            if failure is None:
                job.future.set_result(answers[at])
            else:
                job.future.set_exception(failure)
        if failure is None:
            self._on_commit(seconds, len(group))


def _as_weather(error: Exception) -> Exception:
    if isinstance(error, Damaged | apsw.CorruptError | apsw.NotADBError):
        return LogFull(
            f"The log cannot be written: its file is damaged ({error}). Stop the server and start it: "
            "it then reads the whole file and tells what is lost and what to do."
        )
    if isinstance(error, apsw.FullError | apsw.IOError | apsw.BusyError | apsw.ReadOnlyError):
        return LogFull(f"The log cannot be written: {error}. Make room on the disk of the data folder.")
    return error
