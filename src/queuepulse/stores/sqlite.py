"""The event log in one SQLite file: what is appended, kept, removed, and what happens when it is damaged.

Rows and their seals are `tables`, the writing thread is `writer`, reading in order is `reading`.
No clock is read here.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from queuepulse.engine.events import VdnKey
from queuepulse.ports import IsReadable, KeptSnapshot, LogBatch, LogDamaged, LogFull, Loss, OnLoss
from queuepulse.stores import tables
from queuepulse.stores.anchors import (
    ANCHOR_BYTES_MAX,
    drop_useless,
    removed_up_to,
    stands_for,
    thin_out,
)
from queuepulse.stores.reading import read_batches
from queuepulse.stores.tables import (
    DAMAGE,
    Damaged,
    Head,
    read_head,
    select,
    select_one,
    write_head,
)
from queuepulse.stores.wal import transactions_lost
from queuepulse.stores.writer import GroupWriter, OnCommit

PRUNE_BATCHES: Final = 64
"""Batches removed in one transaction: appends wait no longer than for one big batch of their own."""
PRUNE_BYTES: Final = 4 * 2**20
"""Stored bytes removed in one transaction, for the same reason."""


class SqliteLog:
    """An `EventLog` in `file`, which is made if it is missing. One program at a time may open it (`Folder`).

    `elapsed` gives seconds that never go back; `on_commit(seconds, works)` is told of each commit on
    the loop. `warn` is told, in a sentence, of damage that costs nothing. `on_loss` is told of what is
    lost and the log goes on; without it LogDamaged is raised, here too.
    """

    def __init__(
        self,
        file: Path,
        *,
        elapsed: Callable[[], float],
        warn: Callable[[str], None],
        on_commit: OnCommit = lambda _seconds, _works: None,
        on_loss: OnLoss | None = None,
        anchor_bytes_max: int = ANCHOR_BYTES_MAX,
    ) -> None:
        self._file = file
        self._anchor_bytes_max = anchor_bytes_max
        self._warn = warn
        self._on_loss = on_loss
        connection = _open(file, on_loss)
        self._reader = tables.connect_to_read(file)
        self._reading = threading.Lock()
        self._writer = GroupWriter(connection, elapsed=elapsed, on_commit=on_commit)

    def append(self, vdn: VdnKey, at_ms: int, count: int, body: bytes) -> asyncio.Future[int]:
        assert count > 0
        return self._writer.submit(partial(_append, vdn, at_ms, count, body), len(body))

    def keep_snapshot(self, snapshot: KeptSnapshot) -> asyncio.Future[None]:
        return self._writer.submit(partial(_keep, snapshot, self._anchor_bytes_max), len(snapshot.body))

    async def prune(self, before_ms: int, bytes_max: int) -> int:
        removed = 0
        while some := await self._writer.submit(partial(_prune, before_ms, bytes_max)):
            removed += some
        return removed

    def read(self, after: int = 0, vdn: VdnKey | None = None) -> Iterator[LogBatch]:
        losses: list[Loss] = []
        with closing(tables.connect_to_read(self._file)) as connection:
            for batch in read_batches(connection, after, vdn, self._on_loss or losses.append):
                # Behind a first loss the rest is only looked through, to tell a person all at once.
                if not losses:
                    yield batch
        if losses:
            raise LogDamaged(self._file.name, losses)

    def newest_snapshot(
        self, vdn: VdnKey, is_readable: IsReadable = lambda body: True
    ) -> KeptSnapshot | None:
        with self._reading:
            try:
                return self._newest_snapshot(vdn, is_readable)
            except DAMAGE as error:
                self._lose(Loss(vdn, 1, None, None, None, f"the file cannot be read ({error})"))
                return None

    def is_whole(self, vdn: VdnKey) -> bool:
        """Whether retention has removed nothing of this VDN: its log can be folded from the beginning."""
        with self._reading:
            try:
                return self._is_whole(vdn)
            except DAMAGE as error:
                raise LogDamaged(self._file.name, [_all_lost(error)]) from error

    def vdns(self) -> list[VdnKey]:
        with self._reading:
            try:
                return tables.read_vdns(self._reader)
            except DAMAGE as error:
                raise LogDamaged(self._file.name, [_all_lost(error)]) from error

    def position(self) -> int:
        with self._reading:
            try:
                return read_head(self._reader).position
            except DAMAGE as error:
                raise LogDamaged(self._file.name, [_all_lost(error)]) from error

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def _newest_snapshot(self, vdn: VdnKey, is_readable: IsReadable) -> KeptSnapshot | None:
        kept = select(
            self._reader,
            "SELECT position FROM snapshot WHERE cc = ? AND vdn = ? ORDER BY position DESC",
            vdn,
        )
        for (position,) in kept:
            try:
                snapshot = _snapshot(self._reader, vdn, position)
                if is_readable(snapshot.body):
                    return snapshot
            except DAMAGE as error:
                self._warn(
                    f"The snapshot of VDN {vdn.cc}/{vdn.vdn} at position {position} in {self._file.name} "
                    f"is damaged ({error}). An older one or the log's beginning is read instead."
                )
        # None is needed if none of the VDN's events was removed.
        if not self._is_whole(vdn):
            floor = read_head(self._reader).floor
            self._lose(Loss(vdn, 1, floor, None, None, "no snapshot of these removed events can be read"))
        return None

    def _is_whole(self, vdn: VdnKey) -> bool:
        """Whether nothing comes before its first batch."""
        return removed_up_to(self._reader, vdn) == 0

    def _lose(self, loss: Loss) -> None:
        if self._on_loss is None:
            raise LogDamaged(self._file.name, [loss])
        self._on_loss(loss)


def _open(file: Path, on_loss: OnLoss | None) -> apsw.Connection:
    """The writing connection, after all checks that can be made without reading the whole log."""
    try:
        if not file.exists():
            # Left from a file that is gone, it would be read into the new one.
            if file.with_name(f"{file.name}-wal").exists():
                raise Damaged("it is gone, and its -wal file is still there")
            tables.create(file)
        connection = tables.connect_to_write(file)
        try:
            _check_wal(connection, file, on_loss)
            _check_ends(connection, file, on_loss)
        except BaseException:
            # Its write-ahead log stays as it is: the next start has to see what this one saw.
            connection.close()
            raise
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError, apsw.FullError, apsw.IOError) as error:
        raise LogFull(
            f"The log {file} cannot be opened: {error}. "
            "Make room on its disk, and see that this user may read and write it."
        ) from error
    except DAMAGE as error:
        raise LogDamaged(file.name, [_all_lost(error)]) from error
    tables.move_wal_on_close(connection, wanted=True)
    return connection


def _check_wal(connection: apsw.Connection, file: Path, on_loss: OnLoss | None) -> None:
    frames_read, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    lost = transactions_lost(file, frames_read, connection.pragma("page_size"))
    if lost == 0:
        return
    reason = f"the file {file.name}-wal is damaged, {lost} transactions in it cannot be read"
    newest = select_one(connection, "SELECT last, at_ms FROM batch ORDER BY last DESC LIMIT 1")
    last, at_ms = newest or (0, None)
    loss = Loss(None, last + 1, None, at_ms, None, reason)
    if on_loss is None:
        raise LogDamaged(file.name, [loss])
    on_loss(loss)


def _check_ends(connection: apsw.Connection, file: Path, on_loss: OnLoss | None) -> None:
    try:
        tables.check_ends(connection)
    except DAMAGE as error:
        if on_loss is None:
            raise
        on_loss(_all_lost(error))
        if isinstance(error, Damaged):
            with connection:
                tables.rebuild_ends(connection)


def _append(vdn: VdnKey, at_ms: int, count: int, body: bytes, connection: apsw.Connection) -> int:
    head = read_head(connection)
    previous = tables.read_ending(connection, vdn)
    last = head.position + count
    batch = LogBatch(head.position + 1, last, vdn, at_ms, body)
    size = tables.insert_batch(connection, batch, previous)
    tables.write_ending(connection, vdn, last)
    write_head(connection, Head(head.floor, last, head.bytes + size))
    return last


def _keep(snapshot: KeptSnapshot, anchor_bytes_max: int, connection: apsw.Connection) -> None:
    # A snapshot of what is not yet durable would count events twice after a crash.
    assert snapshot.position <= read_head(connection).position
    tables.insert_snapshot(connection, snapshot)
    thin_out(connection, snapshot.vdn, anchor_bytes_max)


def _prune(before_ms: int, bytes_max: int, connection: apsw.Connection) -> int:
    """Remove some of the oldest batches; gives the number of their events, 0 if there is nothing to do."""
    head = read_head(connection)
    floor, kept = head.floor, head.bytes
    oldest = select(
        connection,
        "SELECT last, cc, vdn, at_ms, length(body) FROM batch ORDER BY last LIMIT ?",
        (PRUNE_BATCHES,),
    )
    kept_up_to = {vdn: stands_for(connection, vdn) for vdn in {VdnKey(*row[1:3]) for row in oldest}}
    for last, cc, vdn, at_ms, size in oldest:
        is_due = at_ms < before_ms or kept > bytes_max
        if not is_due or last > kept_up_to[VdnKey(cc, vdn)] or head.bytes - kept > PRUNE_BYTES:
            break
        floor, kept = last, kept - size
    connection.execute("DELETE FROM batch WHERE last <= ?", (floor,))
    write_head(connection, Head(floor, head.position, kept))
    for vdn in kept_up_to:
        drop_useless(connection, vdn)
    return floor - head.floor


def _snapshot(connection: apsw.Connection, vdn: VdnKey, position: int) -> KeptSnapshot:
    row = select_one(
        connection,
        "SELECT at_ms, checksum, body FROM snapshot WHERE cc = ? AND vdn = ? AND position = ?",
        (*vdn, position),
    )
    if row is None:
        raise Damaged("it is missing")
    at_ms, checksum, body = row
    return KeptSnapshot(vdn, position, at_ms, tables.unseal(body, checksum, *vdn, position, at_ms))


def _all_lost(reason: object) -> Loss:
    return Loss(None, 1, None, None, None, f"the file cannot be read ({reason})")
