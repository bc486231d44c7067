"""Figures as programs read them: rows with the keys of skill/stateinfo, in its order."""

from collections.abc import Sequence

import msgspec

from queuepulse.engine.figures import Row
from queuepulse.protocol.interfaces import SKILL_STATE


def rows_line(rows: Sequence[Row], at_ms: int, **beside: object) -> bytes:
    """One line of JSON: `{"at":…,"rows":[…]}`, and what else is told beside them."""
    wire_rows = [{column.wire: getattr(row, column.field) for column in SKILL_STATE.columns} for row in rows]
    return msgspec.json.encode({"at": at_ms, "rows": wire_rows, **beside}) + b"\n"
