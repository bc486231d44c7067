"""Call records as rows: the passes of calls that have ended, in the SQL that SQLite and PostgreSQL share.

They lie in the order in which their calls began, so that a page is one stretch, and what is too old another.
By its id a call is looked up hour by hour: whatever ids a switch gives, what is written in one transaction
lies close together, and a row costs as much on a busy day as on a quiet one.
"""

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from queuepulse.engine.calls import Finished, PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.engine.passes import CallKey
from queuepulse.masking import masked_number

HOUR_MS: Final = 3_600_000
SCHEMA: Final = (
    """CREATE TABLE {prefix}pass (
        cc {int} NOT NULL, vdn {int} NOT NULL, call_at_ms {int} NOT NULL, call {id} NOT NULL,
        number {int} NOT NULL, skill {int} NOT NULL, place {int} NOT NULL, agent {int} NOT NULL,
        outcome {int} NOT NULL, body {bytes} NOT NULL,
        PRIMARY KEY (cc, vdn, call_at_ms, call, number, skill, place)
    ){options}""",
    "CREATE INDEX {prefix}pass_call ON {prefix}pass (cc, vdn, (call_at_ms / 3600000), call)",
)
"""`agent` and `outcome` are those of the record; `body` is MessagePack: what of it has no column before."""
ROWS: Final = 100
"""Rows in one statement."""
_IN_COLUMNS: Final = 5
"""The first fields of a record have columns; its others are the body."""
_COLUMNS: Final = "call_at_ms, call, number, skill, place"
_of_record: Final = attrgetter(*PassRecord._fields)
_CALLER: Final = PassRecord._fields.index("caller")
_CALLED: Final = PassRecord._fields.index("called")


class KeptCalls(NamedTuple):
    """For how many days the records of calls are kept (0: none is), and whether with masked numbers."""

    days: int = 1
    masks_numbers: bool = True


class Execute(Protocol):
    """Runs a statement with `?` for its values; gives the rows, if any."""

    def __call__(self, statement: str, values: Sequence[Any] = ...) -> Iterable[Sequence[Any]]: ...


class PassKey(NamedTuple):
    """Which pass it is, in the order of the table, and what one may look for."""

    call_at_ms: int
    call: str
    number: int
    skill: int
    place: int
    agent: int
    outcome: int


class SqlPasses:
    """The passes within the transaction that `execute` belongs to."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def put_passes(self, vdn: VdnKey, passes: Sequence[Finished], *, masks_numbers: bool) -> None:
        """Keeps them; what is told of a pass again stands in place of what was."""
        for begin in range(0, len(passes), ROWS):
            values: list[Any] = []
            for one in passes[begin : begin + ROWS]:
                record = list(_of_record(one))
                if masks_numbers:
                    mask(record)
                body = msgspec.msgpack.encode(record[_IN_COLUMNS:])
                values += (*vdn, *record[:_IN_COLUMNS], one.talked_id, one.outcome, body)
            rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * min(ROWS, len(passes) - begin))
            self._execute(
                f"INSERT INTO queuepulse_pass VALUES {rows} ON CONFLICT (cc, vdn, {_COLUMNS}) "
                "DO UPDATE SET agent = excluded.agent, outcome = excluded.outcome, body = excluded.body",
                values,
            )

    def pass_keys(self, vdn: VdnKey, after: Sequence[Any], to_ms: int, most: int) -> list[PassKey]:
        """The keys behind `after` (call_at_ms, call, …), of calls that began before `to_ms`, in order."""
        columns = ", ".join(_COLUMNS.split(", ")[: len(after)])
        rows = self._execute(
            f"SELECT {_COLUMNS}, agent, outcome FROM queuepulse_pass WHERE cc = ? AND vdn = ? "
            # Both say where to begin: not every planner finds it in the second.
            f"AND call_at_ms >= ? AND ({columns}) > ({', '.join('?' * len(after))}) AND call_at_ms < ? "
            f"ORDER BY {_COLUMNS} LIMIT ?",
            (*vdn, after[0], *after, to_ms, most),
        )
        return [PassKey(*row) for row in rows]

    def passes_of(self, vdn: VdnKey, calls: Collection[CallKey], most: int) -> list[PassRecord]:
        """The first passes of these calls, in order."""
        if not calls:
            return []
        rows = self._execute(
            f"WITH wanted (at_ms, id) AS (VALUES {', '.join(['(?, ?)'] * len(calls))}) "
            f"SELECT {_COLUMNS}, body FROM wanted CROSS JOIN queuepulse_pass "
            f"WHERE cc = ? AND vdn = ? AND call_at_ms = at_ms AND call = id ORDER BY {_COLUMNS} LIMIT ?",
            (*(value for key in calls for value in key), *vdn, most),
        )
        return [_record(row) for row in rows]

    def passes_with_id(self, vdn: VdnKey, call: str, most: int) -> list[PassRecord]:
        """The last passes of calls of that id, in order."""
        # One at a time each is the end of an index, and both at once a reading of all.
        [(first_ms,)], [(last_ms,)] = (
            list(
                self._execute(f"SELECT {end}(call_at_ms) FROM queuepulse_pass WHERE cc = ? AND vdn = ?", vdn)
            )
            for end in ("min", "max")
        )
        if first_ms is None:
            return []
        rows = self._execute(
            "WITH RECURSIVE hours (hour) AS (SELECT ? UNION ALL SELECT hour - 1 FROM hours WHERE hour > ?) "
            f"SELECT {_COLUMNS}, body FROM hours CROSS JOIN queuepulse_pass "
            "WHERE cc = ? AND vdn = ? AND (call_at_ms / 3600000) = hour AND call = ? "
            "ORDER BY call_at_ms DESC, number DESC, skill DESC, place DESC LIMIT ?",
            (last_ms // HOUR_MS, first_ms // HOUR_MS, *vdn, call, most),
        )
        return [_record(row) for row in rows][::-1]

    def forget_passes(self, vdn: VdnKey, before_ms: int) -> None:
        """Removes those of calls that began before then."""
        self._execute(
            "DELETE FROM queuepulse_pass WHERE cc = ? AND vdn = ? AND call_at_ms < ?", (*vdn, before_ms)
        )


def mask(record: list[Any]) -> None:
    """Hides the numbers of a record that is given as a list of its fields."""
    for place in (_CALLER, _CALLED):
        if record[place] is not None:
            record[place] = masked_number(record[place])


def masked(record: PassRecord) -> PassRecord:
    """The record with its numbers hidden."""
    values: list[Any] = list(record)
    mask(values)
    return PassRecord(*values)


def _record(row: Sequence[Any]) -> PassRecord:
    return PassRecord(*row[:_IN_COLUMNS], *msgspec.msgpack.decode(row[_IN_COLUMNS]))
