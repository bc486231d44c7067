"""A history of an earlier release is read on by this one, with all its call records."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from queuepulse.engine.calls import PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.ports import HistoryUnavailable
from queuepulse.stores import older_history
from queuepulse.stores.history import Database, open_history
from stores.conftest import drop_all
from stores.history import BANK
from stores.test_passes import many, place, read

SHOP = VdnKey(1, 2)
STATEMENTS = (
    """CREATE TABLE queuepulse_pass (
        cc {int} NOT NULL, vdn {int} NOT NULL, call_at_ms {int} NOT NULL, call {id} NOT NULL,
        number {int} NOT NULL, skill {int} NOT NULL, place {int} NOT NULL, agent {int} NOT NULL,
        outcome {int} NOT NULL, body {bytes} NOT NULL,
        PRIMARY KEY (cc, vdn, call_at_ms, call, number, skill, place)
    ){options}""",
    "CREATE INDEX queuepulse_pass_call ON queuepulse_pass (cc, vdn, (call_at_ms / 3600000), call)",
    "DROP TABLE queuepulse_passes",
    "DROP TABLE queuepulse_hashes",
)
"""How the tables of format 1 differed."""


def rows(vdn: VdnKey, records: list[PassRecord]) -> list[tuple[Any, ...]]:
    """Records as format 1 had them."""
    return [
        (*vdn, *one[:5], one.talked_id, one.outcome, msgspec.msgpack.encode(list(one[5:]))) for one in records
    ]


def as_it_was(database: Database, kind: str, target: Any, some: list[tuple[Any, ...]]) -> None:
    """Makes an empty database of this format one of format 1, with these rows."""
    database.write(lambda blocks: None)
    database.close()
    if kind == "sqlite":
        words = {"int": "INTEGER", "id": "TEXT", "bytes": "BLOB", "options": " STRICT, WITHOUT ROWID"}
        with closing(sqlite3.connect(target, isolation_level=None)) as file:
            for statement in STATEMENTS:
                file.execute(statement.format(**words))
            file.executemany(f"INSERT INTO queuepulse_pass VALUES ({', '.join('?' * 10)})", some)
            file.execute("PRAGMA user_version = 1")
        return
    words = {"int": "BIGINT", "id": 'TEXT COLLATE "C"', "bytes": "BYTEA", "options": ""}
    with psycopg.connect(target) as connection:
        for statement in STATEMENTS:
            connection.execute(statement.format(**words))  # type: ignore[arg-type]
        connection.cursor().executemany(
            f"INSERT INTO queuepulse_pass VALUES ({', '.join(['%s'] * 10)})",  # type: ignore[arg-type]
            some,
        )
        connection.execute("UPDATE queuepulse_format SET version = 1")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("rows_at_once", [7, 5_000])
def test_every_record_of_the_first_format_is_there(
    kind: str,
    rows_at_once: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(older_history, "_ROWS", rows_at_once)
    file, url = tmp_path / "history.sqlite", None
    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")
        drop_all(url)
    records, others = many(0), many(3)
    some = [*rows(BANK, records), *rows(SHOP, others)]
    as_it_was(open_history(url, file), kind, url or file, some)
    for _ in range(2):
        with closing(open_history(url, file)) as database:
            database.write(lambda blocks: None)
            assert sorted(read(database), key=place) == sorted(records, key=place)
            assert sorted(read(database, vdn=SHOP), key=place) == sorted(others, key=place)
            with database.reading() as blocks:
                for call in {one.call for one in records}:
                    of_call = sorted([one for one in records if one.call == call], key=place)
                    assert sorted(blocks.passes_with_id(BANK, call, 1_000), key=place) == of_call


def test_a_damaged_record_is_told_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    some = rows(BANK, many(0))
    some[7] = (*some[7][:-1], b"\xc1")
    as_it_was(open_history(None, file), "sqlite", file, some)
    for _ in range(2):
        with pytest.raises(HistoryUnavailable, match=r"damaged.*rebuild"):
            open_history(None, file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM queuepulse_pass").fetchone() == (len(some),)
