"""Call records as they are kept: the passes of calls that have ended, in rows alike in SQLite and PostgreSQL.

A row holds the passes of the calls that began in one minute, as far as they were told at once: a row for each
pass would take as long to write as all else. A page is one stretch of rows, and what is too old another.
By its id a call is looked for among hashes, which have rows of their own beside these.
"""

import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from queuepulse.engine.calls import PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.engine.finished import TEXTS, Finished
from queuepulse.masking import masked_number

MINUTE_MS: Final = 60_000
SCHEMA: Final = (
    """CREATE TABLE {prefix}passes (
        cc {int} NOT NULL, vdn {int} NOT NULL, minute_ms {int} NOT NULL, position {int} NOT NULL,
        body {bytes} NOT NULL, PRIMARY KEY (cc, vdn, minute_ms, position)
    ){options}""",
    """CREATE TABLE {prefix}hashes (
        cc {int} NOT NULL, vdn {int} NOT NULL, minute_ms {int} NOT NULL, position {int} NOT NULL,
        body {bytes} NOT NULL, PRIMARY KEY (cc, vdn, minute_ms, position)
    ){options}""",
)
"""Calls that began in the minute, of which passes were told up to that position of the log.

The body is MessagePack: the items of `Finished`, and its texts. That of the hashes has four bytes of each id.
"""
TABLES: Final = ("passes", "hashes")
ROWS: Final = 16
"""Rows read, or written, by one statement: some thousand passes of a busy center."""
_FOREIGN: Final = sys.byteorder == "big"


class KeptCalls(NamedTuple):
    """For how many days the records of calls are kept (0: none is), and whether with masked numbers."""

    days: int = 1
    masks_numbers: bool = True


class Execute(Protocol):
    """Runs a statement with `?` for its values; gives the rows, if any."""

    def __call__(self, statement: str, values: Sequence[Any] = ...) -> Iterable[Sequence[Any]]: ...


class SqlPasses:
    """The passes within the transaction that `execute` belongs to."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def put_passes(
        self, vdn: VdnKey, position: int, passes: Iterable[Finished], *, masks_numbers: bool
    ) -> None:
        """Keeps those that were told up to that position; told again, they stand in place of what was."""
        found: dict[int, Finished] = {}
        for some in passes:
            some.part_by_begin(MINUTE_MS, found)
        parts = sorted(found.items())
        for begin in range(0, len(parts), ROWS):
            bodies: list[Any] = []
            hashes: list[Any] = []
            for minute_ms, some in parts[begin : begin + ROWS]:
                if masks_numbers:
                    mask(some)
                body = msgspec.msgpack.encode([_little(some.packed()), some.texts])
                bodies += (*vdn, minute_ms, position, body)
                hashes += (*vdn, minute_ms, position, _hashes(some.texts[::TEXTS]))
            rows = ", ".join(["(?, ?, ?, ?, ?)"] * min(ROWS, len(parts) - begin))
            for table, values in zip(TABLES, (bodies, hashes), strict=True):
                self._execute(
                    f"INSERT INTO queuepulse_{table} VALUES {rows} "
                    "ON CONFLICT (cc, vdn, minute_ms, position) DO UPDATE SET body = excluded.body",
                    values,
                )

    def passes(self, vdn: VdnKey, from_ms: int, to_ms: int) -> Iterator[tuple[int, Finished]]:
        """The passes of calls that began in the minutes of [from_ms, to_ms), by minute, in order."""
        after = from_ms - from_ms % MINUTE_MS - 1, 0
        while True:
            rows = list(
                self._execute(
                    "SELECT minute_ms, position, body FROM queuepulse_passes WHERE cc = ? AND vdn = ? "
                    # Both say where to begin: not every planner finds it in the second.
                    "AND minute_ms >= ? AND (minute_ms, position) > (?, ?) AND minute_ms < ? "
                    "ORDER BY minute_ms, position LIMIT ?",
                    (*vdn, after[0], *after, to_ms, ROWS),
                )
            )
            for minute_ms, position, body in rows:
                after = minute_ms, position
                yield minute_ms, _read(body)
            if len(rows) < ROWS:
                return

    def passes_with_id(self, vdn: VdnKey, call: str, most: int) -> list[PassRecord]:
        """The passes of calls of that id: all, or so many and those of the same minutes; the last minutes."""
        found: list[PassRecord] = []
        wanted, last_ms = _hashes([call]), -1
        rows = self._execute(
            "SELECT minute_ms, position, body FROM queuepulse_hashes WHERE cc = ? AND vdn = ? "
            "ORDER BY minute_ms DESC, position DESC",
            vdn,
        )
        for minute_ms, position, hashes in rows:
            if len(found) >= most and minute_ms != last_ms:
                break
            # Where two hashes meet there may be another's bytes: the passes themselves decide.
            if wanted in bytes(hashes):
                last_ms = minute_ms
                [(body,)] = self._execute(
                    "SELECT body FROM queuepulse_passes "
                    "WHERE cc = ? AND vdn = ? AND minute_ms = ? AND position = ?",
                    (*vdn, minute_ms, position),
                )
                found += _read(body).with_id(call)
        return found

    def forget_passes(self, vdn: VdnKey, before_ms: int) -> None:
        """Removes the minutes that were over then."""
        for table in TABLES:
            self._execute(
                f"DELETE FROM queuepulse_{table} WHERE cc = ? AND vdn = ? AND minute_ms <= ?",
                (*vdn, before_ms - MINUTE_MS),
            )


def mask(some: Finished) -> None:
    """Hides the numbers of passes."""
    texts = some.texts
    for place, text in enumerate(texts):
        if place % TEXTS and text is not None:
            texts[place] = masked_number(text)


def masked(record: PassRecord) -> PassRecord:
    """The record with its numbers hidden."""
    caller, called = record.caller, record.called
    return record._replace(
        caller=None if caller is None else masked_number(caller),
        called=None if called is None else masked_number(called),
    )


def _hashes(calls: Iterable[str | None]) -> bytes:
    """Those of these ids, each once."""
    hashes = array("I", sorted({zlib.crc32(call.encode()) for call in calls if call is not None}))
    if _FOREIGN:
        hashes.byteswap()
    return hashes.tobytes()


def _little(items: bytes) -> bytes:
    """The items of a machine, as the little end first has them; and back."""
    if not _FOREIGN:
        return items
    turned = array("q", items)
    turned.byteswap()
    return turned.tobytes()


def _read(body: bytes) -> Finished:
    items, texts = msgspec.msgpack.decode(body)
    return Finished.of(memoryview(_little(items)).cast("q"), texts)
