"""History in one SQLite file of its own: a long export holds up no event."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from queuepulse.ports import HistoryUnavailable
from queuepulse.stores import passes
from queuepulse.stores.folder import put_in_place
from queuepulse.stores.history_sql import FORMAT, PREFIX, SCHEMA, SqlBlocks
from queuepulse.stores.older_history import ROW_FOR_EACH_PASS, modernise

PAGE_BYTES: Final = 16_384
"""A part of a block fits in a page or few."""
WAL_PAGES_MAX: Final = 1_000
"""Pages (16 MB) in the write-ahead log before they are moved."""
CACHE_PAGES: Final = 1_000
"""Pages (16 MB) that the writer remembers: what it adds to and sums up was written a moment ago."""
BUSY_WAIT_MS: Final = 5_000
_WORDS: Final = {"int": "INTEGER", "bytes": "BLOB", "options": " STRICT, WITHOUT ROWID"}
"""What SQLite calls the types of columns."""
T = TypeVar("T")


class SqliteHistory:
    """A `Database` in `file`, which is made if it is missing. Raises HistoryUnavailable."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writing = threading.Lock()
        with _told(file):
            if not file.exists():
                _create(file)
            self._connection = _connect(file, apsw.SQLITE_OPEN_READWRITE)
            if self._connection.pragma("user_version") == ROW_FOR_EACH_PASS:
                _modernise(self._connection)
            version = self._connection.pragma("user_version")
            if version != FORMAT:
                self._connection.close()
                raise HistoryUnavailable(
                    f"The history {file} is of format {version}, this release reads {FORMAT}. "
                    "Install the release that wrote it, or move the file away and rebuild it from the log "
                    "(queuepulse history rebuild)."
                )
            # What was told durable must be: a snapshot of the log may follow at once.
            self._connection.pragma("synchronous", "full")
            self._connection.pragma("wal_autocheckpoint", WAL_PAGES_MAX)
            self._connection.pragma("cache_size", CACHE_PAGES)

    def write(self, work: Callable[[SqlBlocks], T]) -> T:
        """Runs the work in one transaction; when it returns, what it did is durable."""
        connection = self._connection
        with self._writing, _told(self._file):
            connection.execute("BEGIN IMMEDIATE")
            try:
                answer = work(SqlBlocks(_executing(connection)))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(apsw.Error):
                        connection.execute("ROLLBACK")
                raise
        return answer

    @contextmanager
    def reading(self) -> Iterator[SqlBlocks]:
        """Blocks as they are now, whatever is written meanwhile."""
        with _told(self._file), closing(_connect(self._file, apsw.SQLITE_OPEN_READONLY)) as connection:
            connection.execute("BEGIN")
            yield SqlBlocks(_executing(connection))

    def close(self) -> None:
        """Let go of the file."""
        with self._writing:
            self._connection.close()


def _executing(connection: apsw.Connection) -> Any:
    def execute(statement: str, values: Sequence[Any] = ()) -> Any:
        return connection.execute(statement, tuple(values))

    return execute


def _create(file: Path) -> None:
    """After a crash it is there whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with closing(apsw.Connection(str(part))) as connection:
        connection.pragma("page_size", PAGE_BYTES)
        with connection:
            for statement in SCHEMA:
                connection.execute(statement.format(prefix=PREFIX, **_WORDS))
            connection.pragma("user_version", FORMAT)
        connection.pragma("journal_mode", "wal")
    put_in_place(part, file)


def _modernise(connection: apsw.Connection) -> None:
    """Brings the tables of an older format to the newest, unless another program just did. All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if connection.pragma("user_version") == ROW_FOR_EACH_PASS:
            for statement in passes.SCHEMA:
                connection.execute(statement.format(prefix=PREFIX, **_WORDS))
            modernise(_executing(connection))
            connection.pragma("user_version", FORMAT)
    connection.execute("COMMIT")


def _connect(file: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(file), flags=flags)
    connection.set_busy_timeout(BUSY_WAIT_MS)
    connection.pragma("trusted_schema", False)
    return connection


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise HistoryUnavailable(
            f"The history {file} cannot be used: {error}. Make room on its disk, and see that this user may "
            "read and write it. If it is damaged, move it away and run: queuepulse history rebuild"
        ) from error
