"""What `queuepulse send` does between a file and a client: ids, batches, retries, plays, resumed runs."""

import json
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from queuepulse.cli import send as sending_command
from queuepulse.cli.event_files import Numbered, opened
from queuepulse.cli.send import SILENT, Screen, Source, lines_of, screen_of, send_rest
from queuepulse.cli.sending import (
    BATCH_BYTES_MAX,
    BATCH_EVENTS_MAX,
    BATCH_SPAN_MS_MAX,
    RETRY_S_MAX,
    TRIES_MAX,
    Batch,
    Play,
    Sender,
    Totals,
    batches,
    due_batches,
    named,
)
from queuepulse.cli.sent import SentFile
from queuepulse.client import (
    Client,
    ClientError,
    IngestReceipt,
    NotAuthenticated,
    TooManyRequests,
    Unavailable,
    Unreachable,
)
from queuepulse.engine.codec import decode_lines
from queuepulse.engine.events import CallOffered, CallReleased, Event, PictureAgent, PictureCall, Snapshot

T0 = 1_767_600_000_000


def offered(at_ms: int, call: str = "a", **keys: Any) -> CallOffered:
    return CallOffered(at=at_ms, call=call, skill=1, **keys)


def numbered(*events: Event) -> list[Numbered]:
    return [Numbered(number, event) for number, event in enumerate(events, 1)]


class FakeServer:
    """Takes batches, remembers ids for ever, and fails as it is told; what stands first happens first."""

    def __init__(self, failures: Sequence[ClientError | None] = ()) -> None:
        self.failures = list(failures)
        self.posts: list[list[Event]] = []
        self.ids: list[str | None] = []
        self.waits: list[float] = []
        self.told: list[str] = []

    def ingest(self, cc: int, vdn: int, lines: bytes) -> IngestReceipt:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        events = decode_lines(lines)
        self.posts.append(events)
        repeated = sum(event.id in self.ids for event in events)
        self.ids += [event.id for event in events]
        return IngestReceipt(len(events), len(events) - repeated, repeated, 0, len(self.ids))

    def sender(self) -> Sender:
        return Sender(cast(Client, self), 1, 1, self.waits.append, self.told.append)


def refused() -> Unreachable:
    return Unreachable("refused", "there", "Check.")


def test_an_event_without_id_gets_the_same_one_in_every_run_and_another_on_another_line() -> None:
    events = numbered(offered(T0), offered(T0), offered(T0, id="own"))
    first, second = [list(named(events)) for _ in range(2)]
    assert first == second
    ids = [numbered.event.id for numbered in first]
    assert ids[2] == "own"
    assert len({*ids}) == 3


def test_batches_are_bounded_in_events_bytes_and_time() -> None:
    many = list(batches(numbered(*(offered(T0) for _ in range(2 * BATCH_EVENTS_MAX + 1)))))
    assert [batch.body.count(b"\n") for batch in many] == [BATCH_EVENTS_MAX, BATCH_EVENTS_MAX, 1]
    assert [batch.last_number for batch in many] == [1000, 2000, 2001]
    large = list(batches(numbered(*(offered(T0, caller="x" * 200, called="y" * 200) for _ in range(999)))))
    assert len(large) == 2
    assert max(len(batch.body) for batch in large) <= BATCH_BYTES_MAX
    sparse = list(
        batches(numbered(offered(T0), offered(T0 + BATCH_SPAN_MS_MAX), offered(T0 + BATCH_SPAN_MS_MAX + 1)))
    )
    assert [batch.last_number for batch in sparse] == [2, 3]


def test_a_busy_or_lost_server_is_asked_again_and_its_own_estimate_counts() -> None:
    server = FakeServer(
        [
            None,
            TooManyRequests("429", "there", "Wait.", 3),
            refused(),
            Unavailable("503", "there", "Wait.", 9999),
        ]
    )
    sender = server.sender()
    sender.post(b'{"type":"link_lost","at":1}\n')
    assert sender.post(b'{"type":"link_lost","at":2}\n').accepted == 1
    assert server.waits == [3, 1.0, RETRY_S_MAX]
    assert server.told == ["Waiting for the server: refused."]


def test_each_time_that_a_server_is_away_is_told_once_and_pacing_never() -> None:
    paced = TooManyRequests("429", "there", "Wait.", 1)
    server = FakeServer([None, refused(), refused(), None, paced, None, refused()])
    sender = server.sender()
    for at in range(4):
        sender.post(b'{"type":"link_lost","at":%d}\n' % at)
    assert server.told == ["Waiting for the server: refused."] * 2


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    server = FakeServer([refused()])
    with pytest.raises(Unreachable):
        server.sender().post(b"")
    assert server.waits == []


def test_a_server_that_stays_away_is_given_up_and_one_that_refuses_at_once() -> None:
    server = FakeServer([None, *(refused() for _ in range(TRIES_MAX))])
    sender = server.sender()
    sender.post(b'{"type":"link_lost","at":1}\n')
    with pytest.raises(Unreachable):
        sender.post(b"")
    assert len(server.waits) == TRIES_MAX - 1
    server = FakeServer([NotAuthenticated("401", "there", "Check.")])
    with pytest.raises(NotAuthenticated):
        server.sender().post(b"")
    assert server.waits == []


def test_a_play_moves_all_times_to_now_and_to_its_speed_with_ids_of_its_own() -> None:
    play = Play(5_000_000, speed=10)
    picture = Snapshot(
        at=T0 + 2_000,
        asked_at=T0 + 1_000,
        covers=frozenset(("agents", "waiting")),
        agents=(PictureAgent(agent=1, skills=frozenset(), state="idle", since=T0 + 500),),
        calls=(PictureCall(call="a", skill=1, waiting_since=T0 + 100, answered_at=T0 + 900),),
    )
    events = numbered(
        offered(T0, id="old", since=T0 - 1_000),
        picture,
        CallReleased(at=T0 + 60_000, call="a", wrapup_ms=20_000),
    )
    first, second, third = [cast(Any, play.moved(one).event) for one in events]
    assert (first.at, first.since, first.id) == (5_000_000, 4_999_900, "play-5000000-1")
    assert (second.at, second.asked_at, second.agents[0].since) == (5_000_200, 5_000_100, 5_000_050)
    assert (second.calls[0].waiting_since, second.calls[0].answered_at) == (5_000_010, 5_000_090)
    assert (third.at, third.wrapup_ms) == (5_006_000, 2_000)


def test_a_played_event_goes_when_it_is_due_and_not_before() -> None:
    clock = {"now_ms": T0}
    went: list[tuple[int, int]] = []

    def wait(seconds: float) -> None:
        clock["now_ms"] += round(seconds * 1000)

    events = numbered(offered(T0), offered(T0), offered(T0 + 1_500), offered(T0 + 1_000), offered(T0 + 4_000))
    for batch in due_batches(events, lambda: clock["now_ms"], wait):
        went.append((clock["now_ms"] - T0, batch.last_number))
    assert went == [(0, 2), (1_500, 4), (4_000, 5)]


# Runs that are taken up or repeated


def file_of(folder: Path, count: int) -> Path:
    file = folder / "events.ndjson"
    lines = [
        json.dumps({"type": "call_offered", "at": T0 + n, "call": f"c{n}", "skill": 1}) for n in range(count)
    ]
    file.write_text("\n".join(lines))
    return file


def run(file: Path, server: FakeServer, screen: Screen = SILENT) -> Totals:
    totals = Totals()
    record = SentFile(file, "url 1/1")
    with opened(str(file)) as opened_file:
        source = Source(str(file), 1, 1)
        send_rest(source, opened_file, record, record.sent, server.sender(), totals, screen)
    return totals


def of_calls(server: FakeServer) -> list[str]:
    return [event.call for post in server.posts for event in post if isinstance(event, CallOffered)]


def test_a_repeated_run_sends_nothing_twice(tmp_path: Path) -> None:
    file, server = file_of(tmp_path, 2_500), FakeServer()
    assert run(file, server).applied == 2_500
    totals = run(file, server)
    assert (totals.accepted, totals.applied, totals.repeated) == (2_500, 0, 2_500)
    assert of_calls(server) == [f"c{n}" for n in range(2_500)]


def test_an_interrupted_run_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    file, server = file_of(tmp_path, 2_500), FakeServer([None, NotAuthenticated("401", "there", "Check.")])
    with pytest.raises(NotAuthenticated):
        run(file, server)
    totals = run(file, server)
    assert (totals.accepted, totals.applied, totals.repeated) == (2_500, 1_500, 1_000)
    assert of_calls(server) == [f"c{n}" for n in range(2_500)]


def test_a_file_that_grew_is_sent_from_where_it_ended(tmp_path: Path) -> None:
    server = FakeServer()
    run(file_of(tmp_path, 10), server)
    assert run(file_of(tmp_path, 15), server).applied == 5


def test_another_file_of_the_same_name_and_another_log_are_sent_whole(tmp_path: Path) -> None:
    file, server = file_of(tmp_path, 10), FakeServer()
    run(file, server)
    file.write_text(file.read_text().replace("c3", "other"))
    # Lines that are the same have the same ids.
    totals = run(file, server)
    assert (totals.applied, totals.repeated) == (1, 9)
    new = FakeServer()
    assert run(file, new).applied == 10
    assert len(of_calls(new)) == 10


def test_without_a_place_for_its_record_it_still_sends(tmp_path: Path, capsys: Any) -> None:
    file, server = file_of(tmp_path, 10), FakeServer()
    (tmp_path / "events.ndjson.sent").mkdir()
    assert run(file, server).applied == 10
    assert "cannot be written" in capsys.readouterr().err


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    file, server = file_of(tmp_path, 10), FakeServer()
    (tmp_path / "events.ndjson.sent").write_text('{"x":')
    assert run(file, server).applied == 10


def test_time_events_are_left_to_the_server(tmp_path: Path) -> None:
    file, server = file_of(tmp_path, 1), FakeServer()
    file.write_text(file.read_text() + f'\n{{"type":"clock","at":{T0 + 9}}}\n')
    assert run(file, server).accepted == 1


# The screen


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(sending_command, "Console", lambda stderr: console)
    return console


def printed(console: Console) -> str:
    """What was printed, without colors and other movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", cast(StringIO, console.file).getvalue())


def test_a_sentence_stands_on_a_line_of_its_own_above_the_bar(tmp_path: Path, terminal: Console) -> None:
    with screen_of(str(file_of(tmp_path, 3)), Totals(accepted=1)) as screen:
        screen.advance(Batch(1, b""))
        screen.tell("Waiting for [the] server.")
    assert "Waiting for [the] server." in [line.strip() for line in re.split(r"[\r\n]", printed(terminal))]


def test_the_bar_is_full_after_a_run_that_had_nothing_left_to_send(tmp_path: Path, terminal: Console) -> None:
    file, server = file_of(tmp_path, 10), FakeServer()
    run(file, server)
    with screen_of(str(file), Totals(accepted=10)) as screen:
        run(file, server, screen)
        screen.finish()
    assert "100%" in printed(terminal)
    assert "10 events were sent before" in printed(terminal)


def test_the_bar_shows_the_lines_that_were_sent_not_those_that_were_read(
    tmp_path: Path, terminal: Console
) -> None:
    file = tmp_path / "four.ndjson"
    file.write_text("\n" * 4)
    with screen_of(str(file), Totals(accepted=1)) as screen:
        screen.advance(Batch(1, b""))
    assert "25%" in printed(terminal)
    assert "100%" not in printed(terminal)


def test_only_a_file_has_lines_to_count(tmp_path: Path) -> None:
    assert lines_of(str(file_of(tmp_path, 3))) == 2
    assert lines_of("-") is None
    assert lines_of(str(tmp_path / "none")) is None
