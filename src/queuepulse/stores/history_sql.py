"""History's tables, and `rollups.Blocks` over them, in the SQL that SQLite and PostgreSQL share.

How to connect and to commit is `history_sqlite` and `history_postgres`.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from queuepulse.engine.blocks import KINDS, Bodies
from queuepulse.engine.events import VdnKey
from queuepulse.stores import passes
from queuepulse.stores.passes import SqlPasses
from queuepulse.stores.rollups import KEPT, State

FORMAT: Final = 2
"""Version of the tables; a release that cannot read older ones raises it."""

SCHEMA: Final = (
    """CREATE TABLE {prefix}vdn (
        cc {int} NOT NULL, vdn {int} NOT NULL, position {int} NOT NULL, quarters_ms {int} NOT NULL,
        days_ms {int} NOT NULL, timezone TEXT NOT NULL, day_starts TEXT NOT NULL, PRIMARY KEY (cc, vdn)
    ){options}""",
    """CREATE TABLE {prefix}block (
        cc {int} NOT NULL, vdn {int} NOT NULL, kind TEXT NOT NULL, grain TEXT NOT NULL, part {int} NOT NULL,
        at_ms {int} NOT NULL, body {bytes} NOT NULL, PRIMARY KEY (cc, vdn, kind, grain, part, at_ms)
    ){options}""",
    *passes.SCHEMA,
)
"""`vdn` says how far the history of each has come (`rollups.State`); `block` holds the parts of blocks."""
PREFIX: Final = "queuepulse_"
"""The tables may stand in a database with others."""

_OF: Final = "cc = ? AND vdn = ? AND kind = ? AND grain = ?"


class SqlBlocks(SqlPasses):
    """`Blocks` within the transaction that `execute` belongs to."""

    def state(self, vdn: VdnKey) -> State | None:
        rows = self._execute(
            "SELECT position, quarters_ms, days_ms, timezone, day_starts FROM queuepulse_vdn "
            "WHERE cc = ? AND vdn = ?",
            vdn,
        )
        return next((State(*row) for row in rows), None)

    def set_state(self, vdn: VdnKey, state: State) -> None:
        self._execute(
            "INSERT INTO queuepulse_vdn VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cc, vdn) DO UPDATE SET "
            "position = excluded.position, quarters_ms = excluded.quarters_ms, days_ms = excluded.days_ms, "
            "timezone = excluded.timezone, day_starts = excluded.day_starts",
            (*vdn, *state),
        )

    def get(self, vdn: VdnKey, kind: str, grain: str, at_ms: int) -> Bodies:
        parts = KINDS[kind].spans_part + 1
        rows = self._execute(
            # Each by itself: between the rows of two parts lie all their others.
            "SELECT part, body FROM queuepulse_block "
            f"WHERE {_OF} AND part IN ({_marks(parts)}) AND at_ms = ?",
            (*vdn, kind, grain, *range(parts), at_ms),
        )
        return {part: bytes(body) for part, body in rows}

    def put(self, vdn: VdnKey, kind: str, grain: str, at_ms: int, bodies: Bodies) -> None:
        for part, body in bodies.items():
            self._execute(
                "INSERT INTO queuepulse_block VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (cc, vdn, kind, grain, part, at_ms) DO UPDATE SET body = excluded.body",
                (*vdn, kind, grain, part, at_ms, body),
            )

    def marks(self, vdn: VdnKey, kind: str, grain: str, from_ms: int, to_ms: int) -> list[int]:
        rows = self._execute(
            f"SELECT at_ms FROM queuepulse_block WHERE {_OF} AND part = 0 AND at_ms >= ? AND at_ms < ? "
            "ORDER BY at_ms",
            (*vdn, kind, grain, from_ms, to_ms),
        )
        return [row[0] for row in rows]

    def first(self, vdn: VdnKey, kind: str, grain: str) -> int | None:
        """When the first block of that grain begins; None if there is none."""
        rows = self._execute(
            f"SELECT min(at_ms) FROM queuepulse_block WHERE {_OF} AND part = 0", (*vdn, kind, grain)
        )
        return next(iter(rows))[0]  # type: ignore[no-any-return]

    def scan(
        self, vdn: VdnKey, kind: str, grain: str, parts: Iterable[int], from_ms: int, to_ms: int
    ) -> Iterator[tuple[int, Bodies]]:
        # One ordered reading for each part: sorting bodies would cost more than reading them.
        readings = [
            self._execute(
                f"SELECT at_ms, part, body FROM queuepulse_block WHERE {_OF} AND part = ? "
                "AND at_ms >= ? AND at_ms < ? ORDER BY at_ms",
                (*vdn, kind, grain, part, from_ms, to_ms),
            )
            for part in parts
        ]
        rows = readings[0] if len(readings) == 1 else heapq.merge(*readings, key=_place)
        for at_ms, some in groupby(rows, key=_begin):
            yield at_ms, {part: bytes(body) for _, part, body in some}

    def vdns(self) -> list[VdnKey]:
        """All VDNs that have a history, in order."""
        return [VdnKey(*row) for row in self._execute("SELECT cc, vdn FROM queuepulse_vdn ORDER BY cc, vdn")]

    def forget(self, vdn: VdnKey, grain: str, before_ms: int) -> None:
        """Removes the blocks of that grain that begin before then."""
        for kind in KINDS.values():
            for part in range(kind.spans_part + 1):
                self._execute(
                    f"DELETE FROM queuepulse_block WHERE {_OF} AND part = ? AND at_ms < ?",
                    (*vdn, kind.name, grain, part, before_ms),
                )

    def erase(self, vdn: VdnKey) -> None:
        """Removes the whole history of a VDN."""
        for grain in KEPT:
            self.forget(vdn, grain, 2**62)
        self.forget_passes(vdn, 2**62)
        self._execute("DELETE FROM queuepulse_vdn WHERE cc = ? AND vdn = ?", vdn)


def _marks(count: int) -> str:
    return ", ".join(["?"] * count)


def _place(row: Sequence[Any]) -> Any:
    return row[0], row[1]


def _begin(row: Sequence[Any]) -> Any:
    return row[0]
