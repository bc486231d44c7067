"""History's tables of formats before this one, made into those of the newest: no record is lost."""

from typing import Final

import msgspec

from queuepulse.engine.calls import PassRecord
from queuepulse.engine.events import VdnKey
from queuepulse.engine.finished import Finished
from queuepulse.ports import HistoryUnavailable
from queuepulse.stores.passes import Execute, SqlPasses

ROW_FOR_EACH_PASS: Final = 1
"""The format in which every pass had a row."""
_ROWS: Final = 5_000
"""Rows read by one statement."""


def modernise(execute: Execute) -> None:
    """Moves the passes, whose new tables are there, out of the old one, and removes that.

    Raises HistoryUnavailable where one is damaged.
    """
    put = SqlPasses(execute).put_passes
    after: tuple[int | str, ...] = (0, 0, -1, "", 0, 0, 0)
    columns, place = "cc, vdn, call_at_ms, call, number, skill, place", 0
    while True:
        rows = list(
            execute(
                f"SELECT {columns}, body FROM queuepulse_pass WHERE ({columns}) > (?, ?, ?, ?, ?, ?, ?) "
                f"ORDER BY {columns} LIMIT ?",
                (*after, _ROWS),
            )
        )
        by_vdn: dict[VdnKey, Finished] = {}
        for *key, body in rows:
            try:
                record = PassRecord(*key[2:], *msgspec.msgpack.decode(body))
                by_vdn.setdefault(VdnKey(*key[:2]), Finished()).add_record(record)
            except (msgspec.MsgspecError, TypeError) as error:
                raise HistoryUnavailable(
                    f"A call record of the history is damaged ({error}). "
                    "Move the history away and run: queuepulse history rebuild"
                ) from error
            after = tuple(key)
        place += 1
        for vdn, finished in by_vdn.items():
            # Two readings may part a minute: each has a place of its own, before any of the log.
            put(vdn, -place, [finished], masks_numbers=False)
        if len(rows) < _ROWS:
            execute("DROP TABLE queuepulse_pass")
            return
