"""The past out of the log: folded again from an anchor up to an instant, beside a server that runs.

The instant sees all events before the first one that is later, as `queuepulse replay` has it.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import apsw

from queuepulse.engine import codec, days, drafting, measures, running
from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.facts import Facts
from queuepulse.engine.figures import DAY as STATISTICS_DAY
from queuepulse.engine.keeping import BadSnapshot
from queuepulse.engine.measures import DAY
from queuepulse.engine.places import Places
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.window_drafts import keep_facts
from queuepulse.ports import EncodedAnswer, Loss
from queuepulse.retelling import PastRefused, PastUnavailable, Why, encoded
from queuepulse.stores import tables
from queuepulse.stores.anchors import removed_up_to
from queuepulse.stores.reading import read_batches
from queuepulse.stores.tables import DAMAGE, select, select_one, unseal

READ_ITEMS: Final = 1_000_000
"""Items of facts read in one step: nobody else waits here."""


Keep: TypeAlias = Callable[[Facts, Places], None]
"""Gets the facts of five minutes that are over."""


class Retold(NamedTuple):
    """An engine as it was after the event at `position`, and which events told what it remembers.

    It was folded from an anchor whose clock was `begun_ms`; -1: from the log's beginning.
    """

    engine: Vdn
    position: int
    places: Places
    begun_ms: int


def explain(file: Path, vdn: VdnKey, why: Why, accept_loss: bool = False) -> EncodedAnswer:
    """Answers a question about the past; blocks. Raises PastRefused and PastUnavailable."""
    try:
        with closing(tables.connect_to_read(file)) as connection:
            return _explained(connection, vdn, why, accept_loss)
    except DAMAGE as error:
        raise PastUnavailable(f"the log cannot be read ({error})", 60) from error


def _explained(connection: apsw.Connection, vdn: VdnKey, why: Why, accept_loss: bool) -> EncodedAnswer:
    assert why.at_ms is not None, "the present is not retold"
    asked, kept = why.asked(), None
    if why.window == DAY:
        retold, kept = _day(connection, vdn, why, accept_loss)
    else:
        # With what a period began with in the books, each fact of it has a place in the log.
        begin_ms, _ = measures.bounds(asked.window, asked.seconds, why.at_ms)
        retold = _fold(connection, vdn, begin_ms, why.at_ms, accept_loss)
    engine, position, places, _ = retold
    draft = drafting.begin(engine.books, asked, why.at_ms, places, kept)
    while not draft.read(READ_ITEMS):
        pass
    return encoded(vdn, draft.finish(why.after, why.limit), position, engine.stale_since_ms)


def _day(connection: apsw.Connection, vdn: VdnKey, why: Why, accept_loss: bool) -> tuple[Retold, Facts]:
    """The statistics day that holds the instant, with the closed facts of the queue."""
    assert why.at_ms is not None, "the present is not retold"
    books = _anchor(connection, vdn, why.at_ms, why.at_ms)[0].books
    begin_ms, _ = days.day_of(why.at_ms, books.timezone, books.day_starts)
    kept = Facts()

    def keep(facts: Facts, places: Places) -> None:
        keep_facts(kept, facts, why.skill, places)

    retold = _fold(connection, vdn, begin_ms, why.at_ms, accept_loss, keep)
    if running.begin_ms(retold.engine.books, STATISTICS_DAY, why.at_ms) <= retold.begun_ms:
        raise PastRefused("is of a day that was cut anew: its zone changed")
    return retold, kept


def _fold(
    connection: apsw.Connection,
    vdn: VdnKey,
    begin_ms: int,
    at_ms: int,
    accept_loss: bool,
    keep: Keep | None = None,
) -> Retold:
    """Folds up to `at_ms`, if possible from before `begin_ms`.

    With `keep`, which gets all closed facts, only from before: all since `begin_ms` are among them.
    """
    engine, begun = _anchor(connection, vdn, begin_ms, at_ms)
    begun_ms = engine.clock_ms
    if keep is not None and engine.clock_ms >= begin_ms:
        raise PastRefused("is of a day whose begin the log does not reach back to")
    position, places, losses = begun, Places(), list[Loss]()
    for place, event in _events(connection, begun, vdn, losses):
        if losses and not accept_loss:
            break
        event_at_ms = event.at
        assert event_at_ms is not None, "the log holds no event without"
        if event_at_ms > at_ms:
            break
        call, agent_id = getattr(event, "call", None), getattr(event, "agent", None)
        places.before(engine.books, call, agent_id)
        engine.apply(event)
        places.after(engine.books, place, event_at_ms, call)
        position = place
        if engine.books.untold:
            # Left in the engine it would only pile up.
            engine.advance(engine.clock_ms)
            closed = engine.tell().facts
            if keep is not None:
                for facts in closed:
                    keep(facts, places)
    if losses and not accept_loss:
        raise PastUnavailable(f"events are lost: {losses[0]}", 60)
    if removed_up_to(connection, vdn) > begun:
        raise PastUnavailable("retention has removed events of that time meanwhile", 1)
    return Retold(engine, position, places, begun_ms)


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
