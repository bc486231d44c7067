"""The databases on which every promise of history is tried."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from queuepulse.stores.history import Database
from queuepulse.stores.history_postgres import PostgresHistory
from queuepulse.stores.history_sqlite import SqliteHistory
from stores import postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL that lasts for the run."""
    if postgres.programs() is None:
        if os.environ.get("CI"):
            pytest.fail("there is no PostgreSQL: run ./dev setup as root")
        pytest.skip("there is no PostgreSQL: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="qp-pg-"))
    try:
        with postgres.running(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drop_all(url: str) -> None:
    """Removes every table of a history there."""
    with psycopg.connect(url) as connection:
        for table in ("vdn", "block", "pass", "passes", "hashes", "format"):
            connection.execute(f"DROP TABLE IF EXISTS queuepulse_{table}")  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one of each kind."""
    if request.param == "sqlite":
        opened: Database = SqliteHistory(tmp_path / "history.sqlite")
    else:
        url = request.getfixturevalue("postgres_url")
        drop_all(url)
        opened = PostgresHistory(url)
    with contextlib.closing(opened):
        yield opened
