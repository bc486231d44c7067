"""The commands as a person meets them: help, keys, config, tables, and one whole walk with a real server."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from queuepulse import cli
from queuepulse.cli.demo import (
    CENTER,
    DAY_MS,
    HISTORY_MS_MIN,
    NAME,
    SKILLS,
    WEEK_MS,
    chosen_folder,
    events_so_far,
    figures_line,
)
from queuepulse.cli.figures_table import COLUMNS, duration, figures_table
from queuepulse.cli.query import last_picture
from queuepulse.client import SkillFigures, Unreachable
from queuepulse.edge import listen
from queuepulse.engine.events import SourceRestarted
from queuepulse.engine.figures import Row
from queuepulse.engine.vdn import Vdn
from queuepulse.people import Scope
from queuepulse.simulator import ContactCenter
from queuepulse.stores.keys import KeyStore, NewKey


def words(capfd: Any, *arguments: str, status: int = 0) -> tuple[str, str]:
    assert cli.run(list(arguments)) == status
    told = capfd.readouterr()
    assert "Traceback" not in told.err
    return told.out, told.err


def test_help_names_every_command_and_imports_none_of_them() -> None:
    program = (
        "import sys; from queuepulse import cli; cli.run(['--help']);"
        "heavy = ('queuepulse.engine', 'queuepulse.config', 'msgspec', 'rich.');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    for command in cli.COMMANDS:
        assert f"  {command.name} " in output
    assert output.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [command.name for command in cli.COMMANDS])
def test_every_command_has_help(command: str, capfd: Any) -> None:
    out, _ = words(capfd, command, "--help")
    assert out.startswith(f"Usage: queuepulse {command}")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--nonsense"], ["keys", "nonsense"], ["serve", "--port", "x"]]
)
def test_bad_use_is_a_sentence_and_status_2(arguments: list[str], capfd: Any) -> None:
    out, err = words(capfd, *arguments, status=2)
    assert out == ""
    assert err.startswith("queuepulse: ")
    assert len(err.splitlines()) == 1


# Keys


def test_keys_are_added_listed_and_revoked_and_secrets_are_shown_once(tmp_path: Path, capfd: Any) -> None:
    folder = ["--data", str(tmp_path)]
    out, _ = words(capfd, "keys", "add", "poller", "--cc", "1", "--vdn", "2", *folder)
    (name, ak), (second, sk) = [line.split(" ") for line in out.splitlines()]
    assert (name, second) == ("AK", "SK")
    out, _ = words(capfd, "keys", "add", "switch", "--global", "--ingest", *folder)
    assert [line.split(" ")[0] for line in out.splitlines()] == ["AK", "SK", "TOKEN"]
    reader, _ = words(capfd, "keys", "add", "reader", "--global", "--token", *folder)
    assert [line.split(" ")[0] for line in reader.splitlines()] == ["AK", "SK", "TOKEN"]
    secrets = [sk, *(line.split(" ")[1] for line in out.splitlines()[1:])]
    words(capfd, "keys", "revoke", ak, *folder)
    out, _ = words(capfd, "keys", "list", *folder)
    lines = out.splitlines()
    assert lines[1].split()[:4] == [ak, "poller", "1/2", "no"]
    assert lines[2].split()[1:4] == ["switch", "everything", "yes"]
    assert lines[3].split()[1:4] == ["reader", "everything", "no"]
    assert len(lines[1].split()) > len(lines[2].split()), "the first one shows when it was revoked"
    assert not any(secret in out for secret in secrets)
    _, err = words(capfd, "keys", "revoke", ak, *folder, status=1)
    assert ak in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["x", "--vdn", "1"],
        ["x", "--global", "--cc", "1"],
        ["x", "--cc", "0"],
        ["", "--global"],
        ["a\nb", "--cc", "1"],
    ],
)
def test_a_key_for_nothing_or_for_nobody_is_refused(arguments: list[str], tmp_path: Path, capfd: Any) -> None:
    words(capfd, "keys", "add", *arguments, "--data", str(tmp_path), status=2)
    assert not list(tmp_path.iterdir())


def test_to_list_keys_makes_no_folder(tmp_path: Path, capfd: Any) -> None:
    _, err = words(capfd, "keys", "list", "--data", str(tmp_path / "none"), status=1)
    assert "There are no keys" in err
    assert not (tmp_path / "none").exists()


# Config, backup, simulate


def test_check_config_prints_each_setting_with_its_origin(tmp_path: Path, capfd: Any) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[server]\nport = 1\n[[vdns]]\ncc = 1\nvdn = 2\nname = 'Bank'\n")
    out, _ = words(capfd, "check-config", str(file))
    assert ["server.port", "1", str(file)] in [line.split() for line in out.splitlines()]
    assert 'VDN 1/2: "Bank"' in out
    file.write_text("[server]\nport = 1\ncertificate = 'none'\nprivate_key = 'none'\n")
    words(capfd, "check-config", str(file), status=1)
    file.write_text("[server]\nprot = 1\n[log]\nkeep_days = 0\n")
    _, err = words(capfd, "check-config", str(file), status=2)
    assert "server.port" in err
    assert "log.keep_days" in err


def test_serve_refuses_what_contradicts_itself(tmp_path: Path, capfd: Any) -> None:
    words(capfd, "serve", "--plain-http", "--plain-http-everywhere", status=2)
    words(capfd, "serve", "--plain-http", "--host", "10.0.0.1", "--data", str(tmp_path), status=2)


def test_restore_and_backup_tell_of_what_is_not_there(tmp_path: Path, capfd: Any) -> None:
    words(capfd, "restore", str(tmp_path / "none"), "--data", str(tmp_path), status=2)
    words(capfd, "backup", str(tmp_path / "b.zip"), "--data", str(tmp_path / "none"), status=1)


def test_simulate_prints_the_same_events_each_time(capfd: Any) -> None:
    arguments = ["simulate", "--seed", "7", "--agents", "9", "--skills", "3", "--hours", "0.5"]
    out, _ = words(capfd, *arguments)
    again, _ = words(capfd, *arguments)
    assert out == again
    assert json.loads(out.splitlines()[0])["at"] == 1_767_600_000_000
    later, _ = words(capfd, *arguments, "--start", "2026-02-01T00:00:00Z")
    assert json.loads(later.splitlines()[0])["at"] == 1_769_904_000_000


def test_simulate_with_erlang_has_one_queue_and_wants_a_rate(capfd: Any) -> None:
    erlang = ["simulate", "--erlang", "--agents", "14", "--talk", "180", "--hours", "0.2"]
    out, _ = words(capfd, *erlang, "--calls-per-hour", "200")
    assert {json.loads(line).get("skill", 1) for line in out.splitlines()} == {1}
    words(capfd, *erlang, status=2)
    words(capfd, *erlang, "--calls-per-hour", "200", "--skills", "2", status=2)
    words(capfd, "simulate", "--agents", "0", status=2)
    words(capfd, "simulate", "--hours", "nan", status=2)
    words(capfd, "simulate", "--talk", "-1", status=2)


# Query


@pytest.mark.parametrize(
    "arguments",
    [
        ["--skills", "x", "--ak", "a", "--sk", "s"],
        ["--skills", "1"],
        ["--skills", "1", "--ak", "a", "--sk", "s", "--json", "--table"],
        ["--skills", "1", "--ak", "a", "--sk", "s", "--insecure", "--ca", "f"],
    ],
)
def test_query_refuses_bad_use(arguments: list[str], capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUEUEPULSE_AK", "QUEUEPULSE_SK"):
        monkeypatch.delenv(name, raising=False)
    words(capfd, "query", "--url", "https://127.0.0.1:9", "--cc", "1", "--vdn", "1", *arguments, status=2)


def test_a_server_that_is_not_there_is_a_sentence_and_status_1(tmp_path: Path, capfd: Any) -> None:
    key = ["--url", "https://127.0.0.1:9", "--cc", "1", "--vdn", "1", "--ak", "a", "--sk", "s", "--insecure"]
    _, err = words(capfd, "query", "--skills", "1", *key, status=1)
    assert "Check the address" in err
    file = tmp_path / "e.ndjson"
    file.write_text('{"type":"link_lost","at":1}\n')
    _, err = words(capfd, "send", str(file), *key, status=1)
    assert "Check the address" in err


def row(**figures: int) -> Row:
    zeros = dict.fromkeys(Row.__struct_fields__, 0)
    return Row(**{**zeros, **figures})


def shown(rows: list[Row], width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(figures_table(rows, width))
    return capture.get().splitlines()


def test_the_table_shows_every_figure_in_100_columns() -> None:
    assert {column.field for column in COLUMNS} == {*Row.__struct_fields__}
    big = Row(*([10_000] + [123] * 6 + [7_500] + [12] * 4 + [12_345, 123, 3_725, 44, 599, 599, 123, 123]))
    for line in shown([big, row(skill=1)], 100):
        assert len(line.rstrip()) <= 100
        assert "…" not in line


def test_a_narrow_table_says_which_figures_it_leaves_out() -> None:
    lines = shown([row(skill=1, waiting=3)], 40)
    text = " ".join(lines)
    assert "Wants " in text
    assert text.endswith("std, occ, pre")
    assert "…" not in text


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (75, "1:15"), (3_599, "59:59"), (3_725, "1h02")])
def test_durations_are_short(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_send_without_a_key_says_that_a_token_will_do(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUEUEPULSE_AK", "QUEUEPULSE_SK", "QUEUEPULSE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    where = ["--url", "https://127.0.0.1:9", "--cc", "1", "--vdn", "1"]
    _, err = words(capfd, "send", str(tmp_path / "e.ndjson"), *where, status=2)
    assert "--token (or QUEUEPULSE_TOKEN)" in err
    _, err = words(capfd, "query", "--skills", "1", *where, status=2)
    assert "token" not in err


def test_while_a_server_is_away_its_last_answer_is_shown_with_its_time() -> None:
    console = Console(width=100)
    away = Unreachable("refused", "there", "Check.")
    with console.capture() as capture:
        console.print(last_picture(SkillFigures([row(skill=7)], 1, None), 100, 46_124_000, away))
    assert "Last answered 12:48:44 UTC; trying again: refused (there)." in capture.get()


# Demo


def test_a_port_in_use_is_told_before_a_day_is_simulated(tmp_path: Path, capfd: Any) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        _, err = words(capfd, "demo", "--data", str(tmp_path), "--port", port, status=1)
    assert "Another program uses this port" in err
    assert "Simulating" not in err
    assert not [*tmp_path.iterdir()]


def test_the_demo_never_mixes_with_a_log_that_is_there(tmp_path: Path, capfd: Any) -> None:
    (tmp_path / "log.sqlite").touch()
    with listen("127.0.0.1", 0) as free:
        port = str(free.getsockname()[1])
    _, err = words(capfd, "demo", "--data", str(tmp_path), "--port", port, status=2)
    assert "There is a log" in err
    with chosen_folder(None) as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_the_demo_has_a_name_and_a_day_of_last_week_that_leaves_nothing_in_this_one() -> None:
    midnight_ms = 20_000 * DAY_MS
    for after_ms in (100_000, DAY_MS // 8):
        now_ms = midnight_ms + after_ms
        begins_ms = min(midnight_ms, now_ms - HISTORY_MS_MIN)
        whole, today = Vdn(), Vdn()
        for event in events_so_far(ContactCenter(CENTER, seed=1, start_ms=begins_ms), begins_ms, now_ms):
            assert event.at is not None
            assert event.at >= max(whole.clock_ms, begins_ms - WEEK_MS)
            whole.apply(event)
            if event.at >= begins_ms:
                today.apply(event)
            elif not isinstance(event, SourceRestarted):
                last_ms = event.at
        assert whole.books.name == NAME
        assert midnight_ms - 6 * DAY_MS - 60_000 < last_ms < midnight_ms - 6 * DAY_MS
        queues = range(1, SKILLS + 1)
        assert whole.rows(queues, now_ms) == today.rows(queues, now_ms)


def test_the_line_of_figures_sums_the_queues() -> None:
    line = figures_line(
        [row(skill=1, waiting=2, wait_s_max=75), row(skill=2, waiting=1, answered_today=1_234)], 2
    )
    assert line.startswith("waiting 3, longest 1:15 ")
    assert "answered today 1,234" in line


# The whole walk


class Served(NamedTuple):
    """A running server: its URL, its data folder, and a key with its token."""

    url: str
    folder: Path
    key: NewKey


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server of its own, as a person starts it."""
    folder = tmp_path / "served"
    with KeyStore(folder) as keys:
        key = keys.add("all", [Scope()], 0, ingests=True)
    program = [sys.executable, "-m", "queuepulse", "serve", "--data", str(folder), "--port", "0"]
    server = subprocess.Popen([*program, "--host", "127.0.0.1"], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    with server:
        for line in server.stderr:
            told = json.loads(line)
            if told["event"] == "ready":
                yield Served(told["url"], folder, key)
                break
        server.send_signal(signal.SIGTERM)
        rest = server.stderr.read()
    assert server.returncode == 0, rest


def test_what_is_sent_can_be_queried_and_is_what_replay_says(
    served: Served, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUEPULSE_URL", served.url)
    monkeypatch.setenv("QUEUEPULSE_CA", str(served.folder / "development.pem"))
    signing = ["--ak", served.key.ak, "--sk", served.key.sk, "--cc", "1", "--vdn", "1"]
    out, _ = words(capfd, "simulate", "--agents", "9", "--skills", "3", "--hours", "1")
    file = tmp_path / "events.ndjson"
    file.write_text(out)
    count = len(out.splitlines())

    out, _ = words(capfd, "send", str(file), "--token", str(served.key.token), "--cc", "1", "--vdn", "1")
    assert out == f"accepted {count}, applied {count}, repeated 0, out_of_place 0\n"
    out, _ = words(capfd, "send", str(file), *signing)
    assert out == f"accepted {count}, applied 0, repeated {count}, out_of_place 0\n"

    out, _ = words(capfd, "query", *signing, "--skills", "1-3")
    asked = json.loads(out)
    assert list(asked) == ["at", "rows", "position", "stale_since"]
    out, _ = words(capfd, "replay", str(file), "--skills", "1-3", "--at", str(asked["at"]))
    # Between the two, the server's clock may have gone on by a second.
    steady = [{**row, "agentMaxIdleTimeIn5": 0, "maxCallWaitTimesIn5": 0} for row in asked["rows"]]
    replayed = json.loads(out)["rows"]
    assert [{**row, "agentMaxIdleTimeIn5": 0, "maxCallWaitTimesIn5": 0} for row in replayed] == steady
    out, _ = words(capfd, "query", *signing, "--skills", "1-3", "--table")
    assert len(out.splitlines()) == 6
    _, err = words(capfd, "query", *signing, "--sk", "wrong", "--skills", "1", status=1)
    assert "signature" in err

    events = [json.loads(line) for line in file.read_text().splitlines()]
    span = ["--from", str(events[0]["at"]), "--to", str(events[-1]["at"] + 1), "--skills", "1-3"]
    by_token = ["--token", str(served.key.token), "--cc", "1", "--vdn", "1"]
    out, _ = words(capfd, "figures", *by_token, *span, "--figures", "offered")
    offered = sum(event["type"] == "call_offered" for event in events)
    assert sum(row["offered"] for row in json.loads(out)["rows"]) == offered > 0
    out, _ = words(capfd, "figures", *signing, *span, "--figures", "offered,occupancy", "--grain", "5min")
    periods = json.loads(out)["periods"]
    assert sum(sum(period["offered"]) for period in periods) == offered
    out, _ = words(capfd, "figures", *signing, *span, "--table", "--grain", "60min")
    assert out.startswith("range of VDN 1/1: ")
    assert "service level negative" in " ".join(out.split()) or "service" in out
    out, _ = words(capfd, "figures", *signing, "--skills", "1-3", "--seconds", "60", "--table")
    assert len(out.splitlines()) >= 6
    _, err = words(capfd, "figures", *signing, "--skills", "1", "--window", "sliding", status=1)
    assert "seconds" in err
    words(capfd, "figures", *signing, status=2)
