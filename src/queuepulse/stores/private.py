"""SQLite files of secrets: for their owner's eyes alone, small, durable, changed by several programs at once.

What is in them belongs to `keys` and `users`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

# How long a write waits for another program that writes at the same moment.
_BUSY_MS: Final = 5_000


class StoreUnusable(Exception):
    """Such a file cannot be read or kept. The text tells a person what happened, where, and what to do."""


def make_private(path: Path) -> None:
    """Makes the file if there is none, readable by its owner alone. Raises StoreUnusable or OSError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    require_private(path)


def require_private(path: Path) -> None:
    """Raises StoreUnusable if others may read the file."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise StoreUnusable(f"{path} may be read by others (mode {mode:o}). Run: chmod 600 {path}")


def unusable(path: Path, error: Exception, last_resort: str = "restore a backup") -> StoreUnusable:
    """What a person is told of an error of the system or of SQLite."""
    return StoreUnusable(
        f"{path} cannot be used: {error}. Check the disk and who owns the file, or {last_resort}."
    )


class PrivateFile:
    """One such file, open. `schema` makes its tables; it must set `user_version` to `format_version`."""

    def __init__(self, path: Path, schema: str, format_version: int) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(path)
            self.connection = _connect(path, schema, format_version)
        except (OSError, apsw.Error) as error:
            raise unusable(path, error) from error

    def close(self) -> None:
        """Lets go of the file."""
        self.connection.close()

    def version(self) -> int:
        """Another number after another program has changed the file. Cheap: ask every second."""
        with self.one_moment():
            version: int = self.connection.pragma("data_version")
        return version

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All or nothing, and of one state of the file. Raises StoreUnusable."""
        try:
            with self.connection:
                yield
        except apsw.Error as error:
            raise unusable(self.path, error) from error

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """All rows of a question."""
        return self.connection.execute(statement, values).fetchall()

    def change(self, statement: str, values: tuple[Any, ...]) -> int:
        """Makes a change, and gives how many rows it concerned."""
        self.connection.execute(statement, values)
        return self.connection.changes()


def _connect(path: Path, schema: str, format_version: int) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")  # two programs may both find the file new
        found = connection.pragma("user_version")
        if found == 0:
            connection.execute(schema)
        elif found != format_version:
            raise StoreUnusable(
                f"{path} has format {found}, and this program knows {format_version}."
                " Use the release that wrote it."
            )
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection
