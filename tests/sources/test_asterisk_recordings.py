"""Real recordings against the switch's own truth and its own books (`-s` prints a table of how exact).

The truth is a sample every three seconds: who waits, who is a member, signed in and paused. The books are
queue_log and CEL: how every visit ended, and when. Three of their words are not taken:
an end of a talk in CEL where the caller spoke on with whom he was transferred to (a consult; there the whole
second of queue_log holds), and an end in queue_log that is false because a callback's channel was optimised
away (there CEL holds, and where there is none the bridge in the samples); and ABANDON where a waiting caller
was redirected, and lived on.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from queuepulse.engine.events import CallAnswered, CallLeft, CallReleased
from queuepulse.engine.outcomes import Outcome
from queuepulse.sources.asterisk import RESYNC_MS
from sources.asterisk_run import Recording, Run
from sources.recordings import Arrival, arrivals, folder, lines, with_samples

STREAMS = [(name, stream) for name in ("ast22", "ast18") for stream in ("stats", "full", "late")]


class Exactness(NamedTuple):
    """A line of the table."""

    recording: str
    what: str
    samples: int
    members: int
    visits: int
    in_error: int
    exact_s: float
    whole_s: float
    repairs: int


TABLE: list[Exactness] = []


def note(
    run: Run, what: str, visits: int = 0, exact_s: float = 0, whole_s: float = 0, wrong: int = 0
) -> None:
    """Adds a line to the table."""
    repairs = sum(n for kind, n in run.vdn.repairs.items() if kind != "session_opened")
    name = f"{run.of.name}/{run.of.stream}"
    in_error = len(run.wrong) + wrong
    TABLE.append(Exactness(name, what, run.samples, run.members, visits, in_error, exact_s, whole_s, repairs))


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    print(
        "\n\nrecording   run            samples  members  visits  wrong  exact within  whole within  repairs"
    )
    for row in TABLE:
        print(
            f"{row.recording:<11} {row.what:<14} {row.samples:>7} {row.members:>8} {row.visits:>7} "
            f"{row.in_error:>6} {row.exact_s:>11.4f} s {row.whole_s:>11.3f} s {row.repairs:>8}"
        )


@pytest.fixture(scope="module")
def recording() -> Callable[[str, str], Recording]:
    kept: dict[tuple[str, str], Recording] = {}

    def load(name: str, stream: str) -> Recording:
        if (name, stream) not in kept:
            place = folder(name, stream)
            if place is None:
                assert "CI" not in os.environ, "the recordings must be there (QUEUEPULSE_RECORDINGS)"
                pytest.skip(f"{name}/ami-{stream} is not in this clone: set QUEUEPULSE_RECORDINGS")
            items = [*with_samples(arrivals(place, stream), lines(place / "truth.ndjson.gz"))]
            kept[name, stream] = Recording(name, stream, items, lines(place / "visits.ndjson.gz"))
        return kept[name, stream]

    return load


@pytest.mark.parametrize(("name", "stream"), STREAMS)
def test_every_sample_and_every_visit_agree(
    recording: Callable[[str, str], Recording], name: str, stream: str
) -> None:
    run = Run(recording(name, stream))
    visits, wrong, exact_s, whole_s = run.against_the_books()
    note(run, "events alone", visits, exact_s, whole_s, len(wrong))
    assert run.wrong + wrong == []
    assert run.samples > 30
    assert run.outcomes[Outcome.OUT_OF_PLACE] == 0


@pytest.mark.parametrize("name", ["ast22", "ast18"])
def test_pictures_under_load_repair_nothing_that_is_right(
    recording: Callable[[str, str], Recording], name: str
) -> None:
    run = Run(recording(name, "stats"), resync_ms=RESYNC_MS // 10)
    visits, wrong, exact_s, whole_s = run.against_the_books()
    note(run, "a picture / 6 s", visits, exact_s, whole_s, len(wrong))
    assert run.wrong + wrong == []
    assert set(run.vdn.repairs) == {"session_opened"}
    assert run.outcomes[Outcome.OUT_OF_PLACE] == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["ast22", "ast18"])
def test_with_a_tenth_of_the_events_lost_one_picture_makes_it_right(
    recording: Callable[[str, str], Recording], name: str, seed: int
) -> None:
    run = Run(recording(name, "stats"), drop=0.1, seed=seed)
    note(run, f"10 % lost, {seed}")
    assert run.wrong == []
    assert run.samples > 10


@pytest.mark.parametrize("name", ["ast22", "ast18"])
def test_with_the_link_cut_for_a_minute_one_picture_makes_it_right_and_invents_no_abandon(
    recording: Callable[[str, str], Recording], name: str
) -> None:
    whole, run = Run(recording(name, "stats")), Run(recording(name, "stats"), cut_s=(60, 120))
    note(run, "a minute cut")
    assert run.wrong == []
    assert run.samples > 10
    assert run.vdn.repairs["pass_closed"] > 0
    lost = {(e.call, e.cause) for e in run.events if isinstance(e, CallLeft)}
    assert lost < {(e.call, e.cause) for e in whole.events if isinstance(e, CallLeft)}
    first = next(item for item in run.of.items if isinstance(item, Arrival)).at_ms
    gap = range(first + 60_000, first + 120_000)
    assert not [e for e in run.events if isinstance(e, CallLeft) and e.at in gap]


def test_ids_are_unique_and_equal_on_two_connections(recording: Callable[[str, str], Recording]) -> None:
    one = Run(recording("ast22", "stats"))
    assert len({event.id for event in one.events}) == len(one.events)
    other = Run(recording("ast22", "full"))
    calls = [{e.id for e in run.events if isinstance(e, CallAnswered | CallReleased)} for run in (one, other)]
    assert calls[0] == calls[1]


def test_the_captures_of_a_clone_are_small() -> None:
    captures = Path(__file__).parents[1] / "captures" / "asterisk"
    assert sum(path.stat().st_size for path in captures.rglob("*.gz")) < 1_000_000
