"""The recordings of a real FreeSWITCH: at every instant the engine shows what the switch says of itself."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from queuepulse.engine.events import CallLeft, LinkLost, LinkRestored, Snapshot
from queuepulse.engine.outcomes import OUT_OF_PLACE
from queuepulse.engine.vdn import Vdn
from queuepulse.sources.esl import EslParser
from sources.freeswitch_recording import (
    Outcome,
    Played,
    Sample,
    arrivals,
    books,
    disagreements,
    lossy,
    messages,
    play,
    samples,
    told,
)

STREAMS: Final = ("esl", "esl-late")
EXACT_MS: Final = 50
WHOLE_SECOND_MS: Final = 1_000
FIRST_PICTURE_MS: Final = 1_000
"""Samples this soon after the connection say nothing: the first picture is still under way."""


class Line(NamedTuple):
    """One line of the table that is printed at the end."""

    what: str
    samples: int
    wrong: dict[str, int]
    rest: str


_table: list[Line] = []


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints how exact it was."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n\n{'FreeSWITCH 1.10.12':34}{'samples':>8}  waiting  talking  signed in  others")
        for what, count, wrong, rest in _table:
            figures = "  ".join(f"{count - number}/{count}".rjust(7) for number in wrong.values())
            figures = figures or "(by visit)".ljust(25)
            print(f"{what:34}{count:8}  {figures}  {rest}")


def seen(name: str) -> list[Sample]:
    """The samples of the time in which this connection was up."""
    reads = arrivals(name)
    first, last = reads[0].at_ms + FIRST_PICTURE_MS, reads[-1].at_ms
    if name == "esl":
        first = 0
    return [sample for sample in samples() if first < sample.from_ms and sample.to_ms < last]


def check(what: str, played: Played, of: list[Sample], rest: str = "") -> None:
    """Nothing differs at any of these samples."""
    wrong = disagreements(played, of)
    _table.append(Line(what, len(of), {name: len(found) for name, found in wrong.items()}, rest))
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize("name", STREAMS)
def test_at_every_sample_all_figures_are_the_switchs(name: str) -> None:
    check(name, play(name), seen(name))


def _off(ours: Outcome, theirs: Outcome) -> tuple[int, int]:
    """How far wait and talk are off, in ms."""
    wait = talk = 0
    if ours.answered_ms is not None and theirs.answered_ms is not None:
        wait = (ours.answered_ms - ours.joined_ms) - (theirs.answered_ms - theirs.joined_ms)
        if ours.ended_ms is not None and theirs.ended_ms is not None:
            talk = (ours.ended_ms - ours.answered_ms) - (theirs.ended_ms - theirs.answered_ms)
    elif ours.ended_ms is not None and theirs.ended_ms is not None:
        wait = (ours.ended_ms - ours.joined_ms) - (theirs.ended_ms - theirs.joined_ms)
    return abs(wait), abs(talk)


@pytest.mark.parametrize("name", STREAMS)
def test_every_visit_ends_as_its_channel_says(name: str) -> None:
    played = play(name)
    ours, theirs = told(played.events), books()
    in_picture = {call.call for event in played.events if isinstance(event, Snapshot) for call in event.calls}
    last_ms = arrivals(name)[-1].at_ms
    if name == "esl":
        assert ours.keys() == theirs.keys()
    waits, talks, whole = [0], [0], [0]
    for call, visit in ours.items():
        book = theirs[call]
        if visit.how == "live":
            # The connection was closed before it ended.
            assert book.ended_ms is None or book.ended_ms > last_ms - 2_000, (visit, book)
        elif book.how == "went on":
            # Left unanswered, and the caller went on: only the queue knows why.
            assert visit.how in ("timeout", "key")
        else:
            assert visit.how == book.how, (visit, book)
            wait, talk = _off(visit, book)
            if call in in_picture:
                # A picture has whole seconds.
                whole += [wait, talk]
            else:
                waits.append(wait)
                talks.append(talk)
    rest = (
        f"{len(ours)} visits, wait off {max(waits)} ms, talk {max(talks)} ms, from pictures {max(whole)} ms"
    )
    _table.append(Line(f"{name}, visits", len(ours), {}, rest))
    assert max(waits) <= EXACT_MS and max(talks) <= EXACT_MS
    assert max(whole) <= WHOLE_SECOND_MS


@pytest.mark.parametrize("seed", range(5))
def test_with_a_tenth_of_the_events_lost_one_picture_makes_it_right(seed: int) -> None:
    every = seen("esl")
    picture = every[45]
    keeps, played, is_right = lossy(seed, 0.1, picture.from_ms), Played(), False
    for at_ms, message in messages("esl"):
        if message.kind == "reply" and message.headers["Reply-Text"] == "+OK accepted":
            played.translator.connected(at_ms)
            continue
        if not is_right and at_ms >= picture.to_ms:
            played.advance(picture.to_ms)
            played.resync(picture)
            is_right = True
        if keeps(at_ms, message):
            played.take(message, at_ms)
    assert played.translator.losses > 0
    before = sum(map(len, disagreements(played, every[:45]).values()))
    assert before > 0
    repairs = sum(played.vdn.repairs.values())
    check(f"10 % lost, seed {seed}", played, every[46:], f"{repairs} repairs, {before} wrong before")


def test_with_the_link_cut_for_a_minute_one_picture_makes_it_right_and_invents_no_abandon() -> None:
    every = seen("esl")
    cut, picture = every[25], every[45]
    assert 55_000 < picture.from_ms - cut.to_ms < 65_000
    played, is_cut, is_back = Played(), False, False
    for at_ms, message in messages("esl"):
        if message.kind == "reply" and message.headers["Reply-Text"] == "+OK accepted":
            played.translator.connected(at_ms)
        elif at_ms < cut.to_ms:
            played.take(message, at_ms)
        elif at_ms >= picture.to_ms:
            if not is_back:
                played.resync(picture)
                is_back = True
            played.take(message, at_ms)
        elif not is_cut:
            played.advance(cut.to_ms)
            played.translator.disconnected(cut.to_ms)
            played.collect(cut.to_ms)
            assert played.vdn.stale_since_ms is not None
            is_cut = True
    assert played.vdn.stale_since_ms is None
    ours = told(played.events)
    in_the_gap = [
        event
        for event in played.events
        if isinstance(event, CallLeft) and cut.to_ms < (event.at or 0) < picture.to_ms
    ]
    assert not in_the_gap
    theirs = books()
    for call, visit in ours.items():
        lost = theirs[call].ended_ms
        if visit.how == "live" and lost is not None and cut.to_ms < lost < picture.from_ms:
            assert call not in played.vdn.books.calls
    closed = played.vdn.repairs["pass_closed"]
    assert closed > 0
    kinds = [type(event) for event in played.events if isinstance(event, LinkLost | LinkRestored | Snapshot)]
    assert kinds == [Snapshot, LinkRestored, LinkLost, Snapshot, LinkRestored]
    check("link cut for a minute", played, every[46:], f"{closed} closed in the gap, no abandon told")


def test_pictures_under_load_repair_nothing_that_is_right() -> None:
    every, played, number = seen("esl"), Played(), 1
    for at_ms, message in messages("esl"):
        if message.kind == "reply" and message.headers["Reply-Text"] == "+OK accepted":
            played.translator.connected(at_ms)
            continue
        while number < len(every) and every[number].to_ms <= at_ms:
            played.advance(every[number].to_ms)
            played.resync(every[number])
            number += 1
        played.take(message, at_ms)
    repairs = dict(played.vdn.repairs)
    # Twelve at the start; of tiers and the deleted agent only pictures tell.
    assert repairs.pop("session_opened") == 12
    changed, closed = repairs.pop("session_changed", 0), repairs.pop("session_closed", 0)
    assert (changed, closed) == (2, 1)
    assert not repairs, repairs
    check("a picture every 3 s", played, every, f"{number} pictures repaired {changed} tiers, {closed} agent")


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_told_is_out_of_place_and_every_id_is_unique(name: str) -> None:
    played, vdn = play(name), Vdn()
    assert OUT_OF_PLACE not in [vdn.apply(event) for event in played.events]
    ids = [event.id for event in played.events]
    assert len(set(ids)) == len(ids)
    assert all(event.id and len(event.id) <= 128 for event in played.events)


def test_two_connections_tell_the_same_events_by_the_same_ids() -> None:
    early, late = ({e.id: e for e in play(name).events} for name in STREAMS)
    shared = [id_ for id_ in late if id_ in early]
    assert len(shared) > 250
    assert all(type(early[id_]) is type(late[id_]) and early[id_].at == late[id_].at for id_ in shared)


def test_a_recorded_stream_cut_anywhere_gives_the_same_messages() -> None:
    raw = b"".join(arrival.piece for arrival in arrivals("esl"))[:400_000]
    whole = EslParser().feed(raw)
    for size in (1_009, 7, 65_536):
        parser = EslParser()
        pieces = [parser.feed(raw[start : start + size]) for start in range(0, len(raw), size)]
        assert [message for piece in pieces for message in piece] == whole
        assert parser.malformed == 0
