"""History in PostgreSQL, 15 or newer, for those who have one and many readers."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from queuepulse.ports import HistoryUnavailable
from queuepulse.stores import passes
from queuepulse.stores.history_sql import FORMAT, PREFIX, SCHEMA, SqlBlocks
from queuepulse.stores.older_history import ROW_FOR_EACH_PASS, modernise

VERSION_MIN: Final = 150_000
"""The oldest PostgreSQL that is tested."""
CONNECT_S_MAX: Final = 5
"""How long to wait for a server that does not answer."""
STATEMENT_MS_MAX: Final = 60_000
"""How long a statement may take: a writer that hangs would hold back the snapshots of the log."""
LOCK: Final = 7_174_105_551
"""The advisory lock under which the tables are made: two servers may start at once."""
T = TypeVar("T")


class PostgresHistory:
    """A `Database` at `url`, whose tables are made if they are missing. Connects when it is used.

    Raises HistoryUnavailable; used again later, it connects anew.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._writing = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def write(self, work: Callable[[SqlBlocks], T]) -> T:
        """Runs the work in one transaction; when it returns, what it did is durable."""
        with self._writing, self._told():
            if self._connection is None:
                self._connection = self._connect()
                _make_tables(self._connection)
            try:
                with self._connection.transaction():
                    return work(SqlBlocks(_executing(self._connection)))
            except psycopg.Error:
                connection, self._connection = self._connection, None
                with suppress(psycopg.Error):
                    connection.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[SqlBlocks]:
        """Blocks as they are now, whatever is written meanwhile."""
        with self._told(), self._connect() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield SqlBlocks(_executing(connection))

    def close(self) -> None:
        """Let go of the connection."""
        with self._writing:
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.close()
                self._connection = None

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self._url,
            connect_timeout=CONNECT_S_MAX,
            application_name="queuepulse",
            options=f"-c statement_timeout={STATEMENT_MS_MAX}",
        )
        if connection.info.server_version < VERSION_MIN:
            found = connection.info.server_version // 10_000
            connection.close()
            raise HistoryUnavailable(f"{self._name()} is PostgreSQL {found}; 15 or newer is needed.")
        return connection

    def _name(self) -> str:
        """The database without user and password."""
        parts = urlsplit(self._url)
        return f"The history at {parts.hostname or 'the local server'}{parts.path}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            words = str(error).replace(self._url, "the URL").strip().splitlines()
            secret = urlsplit(self._url).password
            if not words or (secret and secret in words[0]):
                words = [type(error).__name__]
            raise HistoryUnavailable(f"{self._name()} cannot be used: {words[0]}") from None


def _executing(connection: psycopg.Connection[Any]) -> Any:
    def execute(statement: str, values: Sequence[Any] = ()) -> Any:
        cursor = connection.execute(sql.SQL(statement.replace("?", "%s")), tuple(values), binary=True)
        return cursor if cursor.description is not None else ()

    return execute


def _make(connection: psycopg.Connection[Any], schema: Sequence[str]) -> None:
    for statement in schema:
        words = {"int": "BIGINT", "bytes": "BYTEA", "options": ""}
        connection.execute(sql.SQL(statement.format(prefix=PREFIX, **words)))


def _make_tables(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        found = connection.execute("SELECT to_regclass(%s)", (f"{PREFIX}format",)).fetchone()
        if found is not None and found[0] is not None:
            (version,) = connection.execute("SELECT version FROM queuepulse_format").fetchone() or (0,)
            if version == ROW_FOR_EACH_PASS:
                _make(connection, passes.SCHEMA)
                modernise(_executing(connection))
                connection.execute("UPDATE queuepulse_format SET version = %s", (FORMAT,))
            elif version != FORMAT:
                raise HistoryUnavailable(
                    f"The history in PostgreSQL is of format {version}, this release reads {FORMAT}."
                )
            return
        _make(connection, SCHEMA)
        connection.execute("CREATE TABLE queuepulse_format (version INTEGER NOT NULL)")
        connection.execute("INSERT INTO queuepulse_format VALUES (%s)", (FORMAT,))
