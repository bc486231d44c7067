"""The log's tables in SQLite, the sealed form of their rows, and how connections to them are made.

What is appended, read and removed when is `sqlite` and `reading`.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from queuepulse.engine.events import VdnKey
from queuepulse.ports import KeptSnapshot, LogBatch
from queuepulse.stores.folder import put_in_place

WAL_PAGES_MAX: Final = 4000
"""Pages (16 MB) in the write-ahead log before SQLite moves them: few moves, and a restart is still fast."""
WAL_BYTES_KEPT_MAX: Final = 64 * 2**20
"""Size to which a write-ahead log that had to grow is cut again."""
BUSY_WAIT_MS: Final = 5000
"""How long SQLite may wait for a lock that a backup holds for an instant."""
ZLIB_LEVEL: Final = 1
"""Events shrink to a seventh, and commits get faster than without: there is less to write."""


class Damaged(Exception):
    """A row does not hold what was put into it."""


DAMAGE: Final = (
    Damaged,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.IOError,  # a bad sector
    apsw.SQLError,  # a table of ours is gone
    UnicodeDecodeError,  # a number has become text
)
"""What reading a file that is not whole raises."""

# `previous` is the last position of the batch of the same VDN before this one (0: there was none),
# so that a reading of one VDN sees a gap as well as a reading of all does.
_SCHEMA: Final = """
CREATE TABLE head (
    floor INTEGER NOT NULL, position INTEGER NOT NULL, bytes INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE ending (
    cc INTEGER NOT NULL, vdn INTEGER NOT NULL, last INTEGER NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (cc, vdn)
) STRICT, WITHOUT ROWID;
CREATE TABLE batch (
    last INTEGER PRIMARY KEY, first INTEGER NOT NULL, cc INTEGER NOT NULL, vdn INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, previous INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX batch_of_vdn ON batch (cc, vdn, last);
CREATE TABLE snapshot (
    cc INTEGER NOT NULL, vdn INTEGER NOT NULL, position INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (cc, vdn, position)
) STRICT;
"""


class Head(NamedTuple):
    """The log in one row: retention removed all up to `floor`; `position` is the last event's.

    `bytes` is the size of all bodies as they are stored.
    """

    floor: int
    position: int
    bytes: int


def select(connection: apsw.Connection, statement: str, bindings: Sequence[int] = ()) -> list[Any]:
    """All rows. Their types are those of the STRICT tables above."""
    return connection.execute(statement, bindings).fetchall()


def select_one(connection: apsw.Connection, statement: str, bindings: Sequence[int] = ()) -> Any:
    """The first row, or None."""
    return next(connection.execute(statement, bindings), None)


def read_head(connection: apsw.Connection) -> Head:
    """Raises Damaged."""
    rows = select(connection, "SELECT floor, position, bytes, checksum FROM head")
    if len(rows) != 1:
        raise Damaged("the row of its size and end is missing")
    *values, checksum = rows[0]
    check_seal(checksum, b"", *values)
    return Head(*values)


def write_head(connection: apsw.Connection, head: Head) -> None:
    """Replace its size and end."""
    connection.execute(
        "UPDATE head SET floor = ?, position = ?, bytes = ?, checksum = ?", (*head, seal(b"", *head))
    )


def read_ending(connection: apsw.Connection, vdn: VdnKey) -> int:
    """The position of this VDN's last event ever, removed or not; 0: there was none. Raises Damaged."""
    found = select_one(connection, "SELECT last, checksum FROM ending WHERE cc = ? AND vdn = ?", vdn)
    if found is None:
        return 0
    last, checksum = found
    check_seal(checksum, b"", *vdn, last)
    return int(last)


def write_ending(connection: apsw.Connection, vdn: VdnKey, last: int) -> None:
    """Note the position of this VDN's last event."""
    connection.execute(
        "INSERT OR REPLACE INTO ending VALUES (?, ?, ?, ?)", (*vdn, last, seal(b"", *vdn, last))
    )


def read_vdns(connection: apsw.Connection) -> list[VdnKey]:
    """All VDNs that ever had an event or a snapshot, in order."""
    rows = select(connection, "SELECT cc, vdn FROM ending UNION SELECT cc, vdn FROM snapshot ORDER BY 1, 2")
    return [VdnKey(*row) for row in rows]


def newest_batches(connection: apsw.Connection) -> Iterator[tuple[VdnKey, int]]:
    """Each VDN that has batches, and its last position in them; one step per VDN, however many it has."""
    newest = (2**62, 0)
    while row := select_one(
        connection,
        "SELECT cc, vdn, last FROM batch WHERE (cc, vdn) < (?, ?) "
        "ORDER BY cc DESC, vdn DESC, last DESC LIMIT 1",
        newest,
    ):
        newest = row[:2]
        yield VdnKey(*newest), row[2]


def check_ends(connection: apsw.Connection) -> None:
    """Raises Damaged if batches go on behind what head and endings say, as nothing would read those."""
    head = read_head(connection)
    for vdn in read_vdns(connection):
        read_ending(connection, vdn)
    for vdn, last in newest_batches(connection):
        if last > min(head.position, read_ending(connection, vdn)):
            raise Damaged(f"VDN {vdn.cc}/{vdn.vdn} goes on to {last}, behind what is said to be its end")


def rebuild_ends(connection: apsw.Connection) -> None:
    """Draw head and endings from the batches that are there."""
    found = select_one(
        connection,
        "SELECT coalesce(min(first) - 1, 0), coalesce(max(last), 0), coalesce(sum(length(body)), 0) "
        "FROM batch",
    )
    head = Head(*found)
    connection.execute("DELETE FROM head; INSERT INTO head VALUES (0, 0, 0, 0); DELETE FROM ending")
    write_head(connection, head)
    # A snapshot without a batch: what it stands for was removed.
    removed = select(connection, "SELECT DISTINCT cc, vdn FROM snapshot")
    for vdn, last in {
        **{VdnKey(*vdn): head.floor for vdn in removed},
        **dict(newest_batches(connection)),
    }.items():
        write_ending(connection, vdn, last)


def insert_batch(connection: apsw.Connection, batch: LogBatch, previous: int) -> int:
    """Gives the size of the body as it is stored."""
    body = zlib.compress(batch.body, ZLIB_LEVEL)
    fields = (batch.last, batch.first, *batch.vdn, batch.at_ms, previous)
    connection.execute(
        "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*fields, seal(body, *fields), body)
    )
    return len(body)


def insert_snapshot(connection: apsw.Connection, kept: KeptSnapshot) -> None:
    """Put it beside the others, compressed and sealed."""
    body = zlib.compress(kept.body, ZLIB_LEVEL)
    fields = (*kept.vdn, kept.position, kept.at_ms)
    connection.execute(
        "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)", (*fields, seal(body, *fields), body)
    )


def unseal(body: bytes, checksum: int, *fields: int) -> bytes:
    """The body as it was given. Raises Damaged."""
    check_seal(checksum, body, *fields)
    return zlib.decompress(body)


def seal(body: bytes, *fields: int) -> int:
    """The CRC-32 of a row: it finds what a failing disk did, not what somebody wanted to change."""
    return zlib.crc32(body, zlib.crc32(struct.pack(f">{len(fields)}q", *fields)))


def check_seal(checksum: int, body: bytes, *fields: int) -> None:
    """Raises Damaged."""
    try:
        is_whole = checksum == seal(body, *fields)
    except (struct.error, TypeError):  # a damaged page gives values of any type
        is_whole = False
    if not is_whole:
        raise Damaged("the checksum of a row does not hold")


def create(file: Path) -> None:
    """Make an empty log; after a crash it is there whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)  # Also in a folder that others may read; what SQLite puts beside it is alike.
    connection = apsw.Connection(str(part))
    try:
        with connection:
            connection.execute(_SCHEMA)
            rebuild_ends(connection)
        connection.pragma("journal_mode", "wal")
    finally:
        connection.close()
    put_in_place(part, file)


def connect_to_write(file: Path) -> apsw.Connection:
    """The one connection that writes: what it commits is on the disk."""
    connection = _connect(file, apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", WAL_PAGES_MAX)
        connection.pragma("journal_size_limit", WAL_BYTES_KEPT_MAX)
    except apsw.Error:
        connection.close()
        raise
    return connection


def connect_to_read(file: Path) -> apsw.Connection:
    """A connection that cannot change the file."""
    return _connect(file, apsw.SQLITE_OPEN_READONLY)


def move_wal_on_close(connection: apsw.Connection, wanted: bool) -> None:
    """Whether the last connection to close moves the write-ahead log into the file and deletes it."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(not wanted))


def _connect(file: Path, flags: int) -> apsw.Connection:
    connection = apsw.Connection(str(file), flags=flags)
    connection.set_busy_timeout(BUSY_WAIT_MS)
    # A damaged file may hold a schema that was not ours.
    connection.pragma("trusted_schema", False)
    connection.pragma("cell_size_check", True)
    # Only who has checked the write-ahead log may delete it.
    move_wal_on_close(connection, wanted=False)
    return connection
