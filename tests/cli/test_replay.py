"""`queuepulse replay`: instants, VDNs, bad lines."""

import io
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from queuepulse import cli
from queuepulse.cli.event_files import CHUNK_BYTES, numbered_lines
from queuepulse.cli.options import parse_instant, parse_skills
from queuepulse.protocol.interfaces import SKILL_STATE

MINUTE_MS = 60_000
T0 = 1_767_600_000_000  # 2026-01-05T08:00:00Z


def offered(at_ms: int, call: str, **keys: Any) -> dict[str, Any]:
    return {"type": "call_offered", "at": at_ms, "call": call, "skill": 1, **keys}


def file_of(folder: Path, *events: dict[str, Any] | str) -> str:
    file = folder / "events.ndjson"
    file.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in events))
    return str(file)


def answers(output: str) -> list[tuple[int, int]]:
    """Instant and waiting calls of skill 1, line by line."""
    lines = [json.loads(line) for line in output.splitlines()]
    return [(line["at"], line["rows"][0]["callWaitNums"]) for line in lines]


def test_an_instant_sees_all_events_before_the_first_later_one(tmp_path: Path, capfd: Any) -> None:
    # The third event is earlier than the second: it comes behind a later one, and is not seen at T0 + 1.
    file = file_of(tmp_path, offered(T0, "a"), offered(T0 + 2, "b"), offered(T0 + 1, "c"))
    asked = ["--at", str(T0 + 9), "--at", str(T0 + 1), "--at", str(T0 - 1), "--at", str(T0 + 2)]
    assert cli.run(["replay", file, "--skills", "1", *asked]) == 0
    assert answers(capfd.readouterr().out) == [(T0 - 1, 0), (T0 + 1, 1), (T0 + 2, 3), (T0 + 9, 3)]


def test_a_grid_goes_from_the_first_event_to_the_multiple_at_or_after_the_last(
    tmp_path: Path, capfd: Any
) -> None:
    file = file_of(tmp_path, offered(T0 + 1, "a"), offered(T0 + 3 * MINUTE_MS, "b"))
    assert cli.run(["replay", file, "--skills", "1", "--every", "60"]) == 0
    expected = [(T0 + MINUTE_MS, 1), (T0 + 2 * MINUTE_MS, 1), (T0 + 3 * MINUTE_MS, 2)]
    assert answers(capfd.readouterr().out) == expected
    file = file_of(tmp_path, offered(T0, "a"))
    assert cli.run(["replay", file, "--skills", "1", "--every", "60"]) == 0
    assert answers(capfd.readouterr().out) == [(T0, 1)]


def test_rows_have_the_keys_of_the_interface_in_its_order_and_the_skills_as_asked(
    tmp_path: Path, capfd: Any
) -> None:
    file = file_of(tmp_path, offered(T0, "a"))
    assert cli.run(["replay", file, "--skills", "2,1,2", "--at", str(T0)]) == 0
    line = capfd.readouterr().out
    rows = json.loads(line)["rows"]
    assert [row["skillId"] for row in rows] == [2, 1, 2]
    assert list(rows[0]) == [column.wire for column in SKILL_STATE.columns]
    assert line.startswith(f'{{"at":{T0},"rows":[{{"skillId":2,"agentLoginNums":0,')


def test_an_empty_file_has_zeros_at_asked_instants_and_no_grid(tmp_path: Path, capfd: Any) -> None:
    file = file_of(tmp_path)
    assert cli.run(["replay", file, "--skills", "1", "--at", str(T0)]) == 0
    assert answers(capfd.readouterr().out) == [(T0, 0)]
    assert cli.run(["replay", file, "--skills", "1", "--every", "60"]) == 0
    assert capfd.readouterr().out == ""


def test_a_bad_line_ends_it_with_its_number_behind_what_was_seen_to_the_end(
    tmp_path: Path, capfd: Any
) -> None:
    file = file_of(
        tmp_path, offered(T0, "a"), "", offered(T0 + 5, "b"), '{"type":"nonsense"}', offered(T0 + 9, "c")
    )
    asked = ["--at", str(T0 + 1), "--at", str(T0 + 6)]
    assert cli.run(["replay", file, "--skills", "1", *asked]) == 2
    told = capfd.readouterr()
    assert answers(told.out) == [(T0 + 1, 1)]
    assert "line 4" in told.err
    assert "Traceback" not in told.err
    assert cli.run(["replay", file, "--skills", "1", *asked, "--skip-bad"]) == 0
    told = capfd.readouterr()
    assert answers(told.out) == [(T0 + 1, 1), (T0 + 6, 2)]
    assert "1 bad lines passed over, the first: line 4" in told.err


def test_an_event_without_at_is_a_bad_line(tmp_path: Path, capfd: Any) -> None:
    file = file_of(tmp_path, '{"type":"call_offered","call":"a","skill":1}')
    assert cli.run(["replay", file, "--skills", "1", "--at", str(T0)]) == 2
    assert "line 1, key 'at'" in capfd.readouterr().err


def test_of_several_vdns_one_has_to_be_named_and_the_others_are_passed_over(
    tmp_path: Path, capfd: Any
) -> None:
    file = file_of(
        tmp_path,
        offered(T0, "a", cc=1, vdn=1),
        offered(T0, "b", cc=1, vdn=2),
        offered(T0, "c", cc=1, vdn=2),
        offered(T0, "d"),
    )
    at = ["--skills", "1", "--at", str(T0)]
    assert cli.run(["replay", file, *at]) == 2
    assert "line 2 is of 1/2, those before of 1/1" in capfd.readouterr().err
    assert cli.run(["replay", file, *at, "--cc", "1", "--vdn", "2"]) == 0
    told = capfd.readouterr()
    assert answers(told.out) == [(T0, 3)]
    assert "1 events of other VDNs" in told.err
    assert cli.run(["replay", file, *at, "--vdn", "1"]) == 0
    assert answers(capfd.readouterr().out) == [(T0, 2)]
    assert cli.run(["replay", file, *at, "--cc", "9", "--vdn", "9"]) == 0
    assert answers(capfd.readouterr().out) == [(T0, 1)]


def test_the_one_vdn_of_a_file_needs_no_naming(tmp_path: Path, capfd: Any) -> None:
    file = file_of(tmp_path, offered(T0, "a"), offered(T0, "b", cc=3, vdn=4), offered(T0, "c", cc=3, vdn=4))
    assert cli.run(["replay", file, "--skills", "1", "--at", str(T0)]) == 0
    assert answers(capfd.readouterr().out) == [(T0, 3)]


def test_the_statistics_day_is_that_of_zone_and_start(tmp_path: Path, capfd: Any) -> None:
    answered = {"type": "call_answered", "at": T0 + 1, "call": "a"}
    released = {"type": "call_released", "at": T0 + 2, "call": "a"}
    file = file_of(tmp_path, offered(T0, "a"), answered, released)
    at = ["--skills", "1", "--at", "2026-01-05T10:30:00+01:00"]
    assert cli.run(["replay", file, *at]) == 0
    assert json.loads(capfd.readouterr().out)["rows"][0]["totalCallNums"] == 1
    assert cli.run(["replay", file, *at, "--timezone", "Europe/Paris", "--day-starts", "10:00"]) == 0
    assert json.loads(capfd.readouterr().out)["rows"][0]["totalCallNums"] == 0


def test_it_reads_the_standard_input(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    body = json.dumps(offered(T0, "a")).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    assert cli.run(["replay", "-", "--skills", "1", "--at", str(T0)]) == 0
    assert answers(capfd.readouterr().out) == [(T0, 1)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-file", "--skills", "1", "--at", "0"],
        [".", "--skills", "1", "--at", "0"],
        ["{file}", "--skills", "x", "--at", "0"],
        ["{file}", "--skills", "5-1", "--at", "0"],
        ["{file}", "--skills", "0", "--at", "0"],
        ["{file}", "--skills", "", "--at", "0"],
        ["{file}", "--skills", "1-9999999", "--at", "0"],
        ["{file}", "--skills", "1", "--at", "yesterday"],
        ["{file}", "--skills", "1", "--at", "-5"],
        ["{file}", "--skills", "1", "--at", "9999-01-01"],
        ["{file}", "--skills", "1"],
        ["{file}", "--skills", "1", "--at", "0", "--every", "1"],
        ["{file}", "--skills", "1", "--every", "0"],
        ["{file}", "--skills", "1", "--at", "0", "--timezone", "Mars/Base"],
        ["{file}", "--skills", "1", "--at", "0", "--day-starts", "25:00"],
        ["{file}", "--skills", "1", "--at", "0", "--cc", "0"],
        ["{file}"],
        [],
    ],
)
def test_bad_use_is_one_sentence_and_status_2(tmp_path: Path, capfd: Any, arguments: list[str]) -> None:
    file = file_of(tmp_path, offered(T0, "a"))
    assert cli.run(["replay", *(argument.format(file=file) for argument in arguments)]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith("queuepulse: ")
    assert len(told.err.splitlines()) == 1


def test_a_list_of_skills_keeps_its_order_and_repetitions() -> None:
    assert parse_skills("3,1-2, 1") == [3, 1, 2, 1]


@pytest.mark.parametrize(
    ("text", "zone", "at_ms"),
    [
        ("1767600000123", "UTC", T0 + 123),
        ("2026-01-05T08:00:00Z", "Asia/Tokyo", T0),
        ("2026-01-05T09:00:00.123+01:00", "UTC", T0 + 123),
        ("2026-01-05T08:00", "UTC", T0),
        ("2026-01-05 17:00:00", "Asia/Tokyo", T0),
        ("2026-01-05", "UTC", T0 - 8 * 3_600_000),
    ],
)
def test_an_instant_is_epoch_ms_or_iso_8601_in_the_zone_if_it_names_none(
    text: str, zone: str, at_ms: int
) -> None:
    assert parse_instant(text, zone, "--at") == at_ms


def test_lines_are_the_same_however_the_file_is_read() -> None:
    class Dripping(io.BytesIO):
        """A stream that gives a few bytes at a time."""

        sizes = itertools.cycle((1, 2, 3, 7))

        def read(self, size: int | None = -1) -> bytes:
            assert size == CHUNK_BYTES
            return super().read(next(self.sizes))

    body = b"one\n\n two \r\n\t\nthree\n\nfour"
    expected = [(1, b"one"), (3, b" two \r"), (5, b"three"), (7, b"four")]
    assert list(numbered_lines(Dripping(body))) == expected
    assert list(numbered_lines(io.BytesIO(body))) == expected
