"""Reading the batches of a log in order, and finding out what of it cannot be read.

Each row's checksum is checked, and that each begins where the one before it ended.
What a loss means for the caller is decided in `sqlite`.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import apsw

from queuepulse.engine.events import VdnKey
from queuepulse.ports import LogBatch, Loss, OnLoss
from queuepulse.stores.tables import DAMAGE, Damaged, read_ending, read_head, unseal

CHUNK_BATCHES: Final = 32
"""Batches fetched at once: SQLite's read lock is held only for these, so the write-ahead log can be moved."""

_FIELDS: Final = "last, first, cc, vdn, at_ms, previous"
_ALL: Final = "FROM batch WHERE last > :after AND last <= :end ORDER BY last LIMIT :limit"
_OF_VDN: Final = (
    "FROM batch WHERE cc = :cc AND vdn = :vdn AND last > :after AND last <= :end ORDER BY last LIMIT :limit"
)


class _Row(NamedTuple):
    last: int
    first: int
    cc: int
    vdn: int
    at_ms: int
    previous: int
    checksum: int
    body: bytes


def read_batches(
    connection: apsw.Connection, after: int, vdn: VdnKey | None, report: OnLoss
) -> Iterator[LogBatch]:
    """All whole batches behind `after`; `report` is told of each loss in its place."""
    return _Reading(connection, after, vdn, report).batches()


class _Reading:
    def __init__(self, connection: apsw.Connection, after: int, vdn: VdnKey | None, report: OnLoss) -> None:
        self._connection = connection
        self._vdn = vdn
        self._report = report
        self._from = _ALL if vdn is None else _OF_VDN
        self._key = after  # where the next fetch begins
        self._end = 0  # where reading ends; the log may go on meanwhile
        self._seen = after  # all up to here is read, reported or removed
        self._seen_at_ms: int | None = None
        self._stepped_over = ""  # why, if the rows before the key could not be read

    def batches(self) -> Iterator[LogBatch]:
        try:
            head = read_head(self._connection)
            self._end = read_ending(self._connection, self._vdn) if self._vdn else head.position
        except DAMAGE as error:
            self._lose(None, f"the file cannot be read ({error})")
            return
        while self._key < self._end:
            rows, failure = self._fetch()
            for row in rows:
                if batch := self._check(row):
                    yield batch
            if failure:
                self._step_over(f"the file cannot be read there ({failure})")
            elif len(rows) < CHUNK_BATCHES:
                break
        if self._seen < self._end:
            self._lose(self._end, self._stepped_over or "they are missing from the end")

    def _fetch(self) -> tuple[list[_Row], str]:
        """The next rows, up to where the file cannot be read, and why it cannot (empty: it can)."""
        rows: list[_Row] = []
        failure = ""
        try:
            # One transaction: retention may run meanwhile.
            with self._connection:
                self._seen = max(self._seen, read_head(self._connection).floor)
                for row in self._select(f"{_FIELDS}, checksum, body", self._key, CHUNK_BATCHES):
                    rows.append(_Row(*row))
        except DAMAGE as error:
            failure = str(error)
        if rows:
            self._key = rows[-1].last
        return rows, failure

    def _select(self, columns: str, key: int, limit: int) -> Iterator[tuple[Any, ...]]:
        """Rows behind `key` up to the end, their `last` first. Raises what DAMAGE is."""
        bindings = {"after": key, "end": self._end, "limit": limit}
        if self._vdn is not None:
            bindings |= {"cc": self._vdn.cc, "vdn": self._vdn.vdn}
        for row in self._connection.execute(f"SELECT {columns} {self._from}", bindings):
            # A damaged page gives values of any type in any order.
            if type(row[0]) is not int or not key < row[0] <= self._end:
                raise Damaged("the order of its rows is broken")
            key = row[0]
            yield row

    def _check(self, row: _Row) -> LogBatch | None:
        try:
            body = unseal(row.body, row.checksum, *row[:6])
        except Damaged as error:
            self._lose_row(row[:6], str(error))
            return None
        # The position up to which all must have been read before this row.
        before = row.first - 1 if self._vdn is None else row.previous
        if before > self._seen:
            self._lose(before, self._stepped_over or "they are missing", last_at_ms=row.at_ms)
        self._stepped_over = ""
        self._seen = row.last
        self._seen_at_ms = row.at_ms
        return LogBatch(row.first, row.last, VdnKey(row.cc, row.vdn), row.at_ms, body)

    def _lose_row(self, fields: tuple[Any, ...], reason: str) -> None:
        """Report a row whose body is lost, if its fields are in place; else a gap shows at the next one."""
        if any(type(field) is not int for field in fields):
            return
        last, first, cc, vdn, at_ms, previous = fields
        before = first - 1 if self._vdn is None else previous
        if before == self._seen < first <= last:
            self._lose(last, reason, VdnKey(cc, vdn), at_ms)

    def _step_over(self, reason: str) -> None:
        """Set the key behind what SQLite fails to read. The gap shows at the next whole row."""
        self._stepped_over = reason
        try:
            fields = next(self._select(_FIELDS, self._key, 1), None)
        except DAMAGE:
            self._key = self._next_readable()
            return
        # If the fields can be read it is the body that cannot, and it is known whose.
        if fields is None:
            self._key = self._end
        else:
            self._key = fields[0]
            self._lose_row(fields, reason)

    def _next_readable(self) -> int:
        """The smallest key behind which a row can be read, or the end: by doubling, then by halving."""
        bad, step = self._key, 1
        while not self._is_readable(min(bad + step, self._end)):
            bad, step = bad + step, step * 2
            if bad >= self._end:
                return self._end
        good = min(bad + step, self._end)
        while good - bad > 1:
            middle = (bad + good) // 2
            if self._is_readable(middle):
                good = middle
            else:
                bad = middle
        return good

    def _is_readable(self, key: int) -> bool:
        try:
            next(self._select(f"{_FIELDS}, body", key, 1), None)
        except DAMAGE:
            return False
        return True

    def _lose(
        self, last: int | None, reason: str, vdn: VdnKey | None = None, last_at_ms: int | None = None
    ) -> None:
        first_at_ms = self._seen_at_ms if vdn is None else last_at_ms
        self._report(Loss(vdn or self._vdn, self._seen + 1, last, first_at_ms, last_at_ms, reason))
        if last is not None:
            self._seen = last
