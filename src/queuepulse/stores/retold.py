"""The past out of the log: folded again from an anchor up to an instant, beside a server that runs.

The instant sees all events before the first one that is later, as `queuepulse replay` has it.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from queuepulse.engine import codec, drafting
from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.keeping import BadSnapshot
from queuepulse.engine.places import Places
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import EncodedAnswer, Loss
from queuepulse.retelling import PastRefused, PastUnavailable, Why, encoded
from queuepulse.stores import tables
from queuepulse.stores.anchors import removed_up_to
from queuepulse.stores.reading import read_batches
from queuepulse.stores.tables import DAMAGE, select, select_one, unseal

READ_ITEMS: Final = 1_000_000
"""Items of facts read in one step: nobody else waits here."""


class Retold(NamedTuple):
    """An engine as it was after the event at `position`, and which events told what it remembers."""

    engine: Vdn
    position: int
    places: Places


def explain(file: Path, vdn: VdnKey, why: Why, accept_loss: bool = False) -> EncodedAnswer:
    """Answers a question about the past; blocks. Raises PastRefused and PastUnavailable."""
    assert why.at_ms is not None, "the present is not retold"
    # With what the period began with in the books, each fact of it has a place in the log.
    begin_ms, _ = drafting.bounds(why.asked(), why.at_ms)
    engine, position, places = retold(file, vdn, begin_ms, why.at_ms, accept_loss)
    draft = drafting.begin(engine.books, why.asked(), why.at_ms, places)
    while not draft.read(READ_ITEMS):
        pass
    return encoded(vdn, draft.finish(why.after, why.limit), position, engine.stale_since_ms)


def retold(file: Path, vdn: VdnKey, begin_ms: int, at_ms: int, accept_loss: bool = False) -> Retold:
    """Folds up to `at_ms`, if possible from before `begin_ms`. Raises PastRefused and PastUnavailable."""
    try:
        with closing(tables.connect_to_read(file)) as connection:
            return _fold(connection, vdn, begin_ms, at_ms, accept_loss)
    except DAMAGE as error:
        raise PastUnavailable(f"the log cannot be read ({error})", 60) from error


def _fold(connection: apsw.Connection, vdn: VdnKey, begin_ms: int, at_ms: int, accept_loss: bool) -> Retold:
    engine, begun = _anchor(connection, vdn, begin_ms, at_ms)
    position, places, losses = begun, Places(), list[Loss]()
    for place, event in _events(connection, begun, vdn, losses):
        if losses and not accept_loss:
            raise PastUnavailable(f"events are lost: {losses[0]}", 60)
        event_at_ms = event.at
        assert event_at_ms is not None, "the log holds no event without"
        if event_at_ms > at_ms:
            break
        call, agent_id = getattr(event, "call", None), getattr(event, "agent", None)
        places.before(engine.books, call, agent_id)
        engine.apply(event)
        places.after(engine.books, place, event_at_ms, call)
        position = place
    if removed_up_to(connection, vdn) > begun:
        raise PastUnavailable("retention has removed events of that time meanwhile", 1)
    return Retold(engine, position, places)


def _events(
    connection: apsw.Connection, after: int, vdn: VdnKey, losses: list[Loss]
) -> Iterator[tuple[int, Event]]:
    for batch in read_batches(connection, after, vdn, losses.append):
        for place, event in enumerate(codec.decode_trusted(batch.body), batch.first):
            if place > after:
                yield place, event


def _anchor(connection: apsw.Connection, vdn: VdnKey, begin_ms: int, at_ms: int) -> tuple[Vdn, int]:
    """Where to fold from: the newest anchor at or before `begin_ms`; else the nearest before `at_ms`."""
    removed = removed_up_to(connection, vdn)
    rows = select(
        connection,
        "SELECT position, at_ms FROM snapshot WHERE cc = ? AND vdn = ? ORDER BY position DESC",
        vdn,
    )
    found = None
    for position, told_ms in rows:
        if position < removed or told_ms > at_ms:
            continue
        engine = _restored(connection, vdn, position)
        if engine is None or engine.clock_ms > at_ms:
            continue
        found = engine, position
        if engine.clock_ms < begin_ms:
            return found
    if removed == 0:
        return Vdn(), 0
    if found is None:
        raise PastRefused(f"is before {_earliest(rows, removed)}: the log reaches no further back")
    return found


def _restored(connection: apsw.Connection, vdn: VdnKey, position: int) -> Vdn | None:
    """The engine of a snapshot; None of one that cannot be read, or is gone meanwhile."""
    row = select_one(
        connection,
        "SELECT at_ms, checksum, body FROM snapshot WHERE cc = ? AND vdn = ? AND position = ?",
        (*vdn, position),
    )
    if row is None:
        return None
    at_ms, checksum, body = row
    try:
        return Vdn.restore(unseal(body, checksum, *vdn, position, at_ms))
    except (*DAMAGE, BadSnapshot):
        return None


def _earliest(rows: list[tuple[int, int]], removed: int) -> str:
    told_ms = min((told_ms for position, told_ms in rows if position >= removed), default=0)
    # Rounded up: what is told can be asked for.
    return datetime.fromtimestamp(-(-told_ms // 1000), UTC).isoformat().replace("+00:00", "Z")
