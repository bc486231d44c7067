"""What tests of history share: streams of events folded into a database, and all that it then holds."""

from collections.abc import Iterable

from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.stores.history import Database
from queuepulse.stores.rollups import take_in

BANK = VdnKey(1, 1)


def fill(
    database: Database,
    events: Iterable[Event],
    batch: int = 100,
    vdn: VdnKey = BANK,
    engine: Vdn | None = None,
) -> Vdn:
    """Folds the events in batches, as a hub does, and writes what the engine tells."""
    engine, position = engine or Vdn(), 0
    some = list(events)
    for begin in range(0, len(some), batch):
        for event in some[begin : begin + batch]:
            engine.apply(event)
            position += 1
        engine.advance(engine.clock_ms)
        closed = engine.tell()
        if closed.facts or closed.passes:
            place = position
            database.write(lambda blocks: take_in(blocks, vdn, place, closed))  # noqa: B023
    return engine


def everything(database: Database) -> dict[tuple[object, ...], bytes]:
    """All bytes that the database holds."""
    with database.reading() as blocks:
        rows = blocks._execute("SELECT cc, vdn, kind, grain, part, at_ms, body FROM queuepulse_block")
        found: dict[tuple[object, ...], bytes] = {tuple(row[:6]): bytes(row[6]) for row in rows}
        for table in ("passes", "hashes"):
            for row in blocks._execute(f"SELECT * FROM queuepulse_{table}"):
                found[table, *row[:4]] = bytes(row[4])
        for row in blocks._execute("SELECT * FROM queuepulse_vdn"):
            found["state", *row[:2]] = repr(list(row)).encode()
    return found
