"""Anchors: older snapshots that stay in the log, so that the past can be folded from near.

They are snapshots that were kept anyway. None is needed: without one, more is folded, or nothing is told.
"""

from typing import Final

import apsw

from queuepulse.engine.events import VdnKey
from queuepulse.stores.tables import read_ending, select, select_one

SNAPSHOTS_KEPT: Final = 2
"""Snapshots kept per VDN for a start: the newest, and one to fall back on. Retention stops at the older."""
NEAR_MS: Final = 48 * 3_600_000
"""So far back there is an anchor of every hour: today and yesterday are asked for most."""
NEAR_STEP_MS: Final = 3_600_000
FAR_STEP_MS: Final = 6 * 3_600_000
"""Before that, one in six hours: a day of any zone begins within six hours of one."""
ANCHOR_BYTES_MAX: Final = 256 * 2**20
"""Room for those of one VDN, by default: a hundred of a VDN of a thousand agents."""


def thin_out(connection: apsw.Connection, vdn: VdnKey, bytes_max: int) -> None:
    """Removes the snapshots of the VDN that are neither needed for a start nor anchors."""
    rows = select(
        connection,
        "SELECT position, at_ms, length(body) FROM snapshot WHERE cc = ? AND vdn = ? ORDER BY position",
        vdn,
    )
    older, (_, newest_ms, _) = rows[:-SNAPSHOTS_KEPT], rows[-1]
    removed, taken, anchors = [], set(), []
    for position, at_ms, size in older:
        step_ms = NEAR_STEP_MS if at_ms > newest_ms - NEAR_MS else FAR_STEP_MS
        # The first of its time stays: so the same ones stay, however often this is done.
        slot = at_ms // step_ms * step_ms
        if (slot, step_ms) in taken:
            removed.append(position)
        else:
            taken.add((slot, step_ms))
            anchors.append((position, size))
    held = sum(size for _, size in anchors)
    for position, size in anchors:
        if held <= bytes_max:
            break
        held -= size
        removed.append(position)
    for position in removed:
        connection.execute("DELETE FROM snapshot WHERE cc = ? AND vdn = ? AND position = ?", (*vdn, position))


def stands_for(connection: apsw.Connection, vdn: VdnKey) -> int:
    """Up to which position the snapshots needed for a start stand for the events of the VDN; 0: none."""
    rows = select(
        connection,
        "SELECT position FROM snapshot WHERE cc = ? AND vdn = ? ORDER BY position DESC LIMIT ?",
        (*vdn, SNAPSHOTS_KEPT),
    )
    return int(rows[-1][0]) if rows else 0


def removed_up_to(connection: apsw.Connection, vdn: VdnKey) -> int:
    """The position of the last event of the VDN that retention removed; 0: none was."""
    first = select_one(
        connection, "SELECT previous FROM batch WHERE cc = ? AND vdn = ? ORDER BY last LIMIT 1", vdn
    )
    return read_ending(connection, vdn) if first is None else int(first[0])


def drop_useless(connection: apsw.Connection, vdn: VdnKey) -> None:
    """Removes the anchors behind which events are gone: nothing can be folded from there."""
    before = removed_up_to(connection, vdn)
    connection.execute("DELETE FROM snapshot WHERE cc = ? AND vdn = ? AND position < ?", (*vdn, before))
