"""`queuepulse replay` of what switches said, and `queuepulse sources check`."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from queuepulse import cli
from queuepulse.cli.recorder import masked
from sources.fake_switches import SECRET, replaying

CAPTURES = Path(__file__).parents[1] / "captures"
AMI = CAPTURES / "asterisk" / "ast18" / "ami-stats.raw.gz"
ESL = CAPTURES / "freeswitch" / "fs11012" / "esl.raw.gz"
QUEUE_LOG = CAPTURES / "queue_log" / "ast22" / "queue_log.gz"
MINUTELY = ["--skills", "1", "--every", "60", "--queues", "sales=1,support=2"]


def peak(output: str, key: str) -> int:
    return max(json.loads(line)["rows"][0][key] for line in output.splitlines())


@pytest.mark.parametrize(("form", "file"), [("ami", AMI), ("esl", ESL), ("queue-log", QUEUE_LOG)])
def test_what_a_switch_said_is_folded_with_its_own_times(form: str, file: Path, capfd: Any) -> None:
    assert cli.run(["replay", str(file), "--format", form, *MINUTELY]) == 0
    output, told = capfd.readouterr()
    assert peak(output, "agentLoginNums") > 3
    assert peak(output, "agentTalkingNums") > 0
    assert "sales" in told
    # The recordings are of one afternoon.
    assert {json.loads(line)["at"] // 3_600_000_000 for line in output.splitlines()} == {498}


def test_the_lists_that_a_freeswitch_gave_are_part_of_its_recording(capfd: Any) -> None:
    asked = ["--queues", "billing=1,vip=2,sales=3,support=4", "--skills", "1,2,3,4", "--every", "10"]
    assert cli.run(["replay", str(ESL), "--format", "esl", *asked]) == 0
    first = json.loads(capfd.readouterr().out.splitlines()[0])
    # No event of these ten seconds tells of all of them.
    assert [row["agentLoginNums"] for row in first["rows"]] == [4, 2, 4, 4]


def test_a_file_that_gzip_did_not_pack_gives_the_same(tmp_path: Path, capfd: Any) -> None:
    plain = tmp_path / "ami.raw"
    plain.write_bytes(gzip.decompress(AMI.read_bytes()))
    outputs = []
    for file in (AMI, plain):
        assert cli.run(["replay", str(file), "--format", "ami", *MINUTELY]) == 0
        outputs.append(capfd.readouterr())
    assert outputs[0] == outputs[1]


def test_a_file_of_events_may_be_packed_too(tmp_path: Path, capfd: Any) -> None:
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress(b'{"type":"call_offered","at":60000,"call":"a","skill":1}\n'))
    assert cli.run(["replay", str(file), "--skills", "1", "--at", "61000"]) == 0
    assert peak(capfd.readouterr().out, "callWaitNums") == 1


def test_half_a_packed_file_is_told(tmp_path: Path, capfd: Any) -> None:
    file = tmp_path / "half.gz"
    file.write_bytes(QUEUE_LOG.read_bytes()[:500])
    assert cli.run(["replay", str(file), "--format", "queue-log", *MINUTELY]) == 2
    assert "cannot be read" in capfd.readouterr().err


def test_a_recording_without_times_is_told(tmp_path: Path, capfd: Any) -> None:
    file = tmp_path / "ami.raw"
    file.write_bytes(b"Asterisk Call Manager/9\r\nEvent: FullyBooted\r\n\r\n")
    assert cli.run(["replay", str(file), "--format", "ami", *MINUTELY]) == 2
    assert "timestampevents" in capfd.readouterr().err


def test_a_file_in_another_format_is_told(capfd: Any) -> None:
    assert cli.run(["replay", str(QUEUE_LOG), "--format", "ami", *MINUTELY]) == 0
    assert "is that its format?" in capfd.readouterr().err
    assert cli.run(["replay", str(ESL), "--format", "queue-log", *MINUTELY]) == 0
    assert "could not be read" in capfd.readouterr().err


@pytest.mark.parametrize(
    "text", ["sales", "sales=", "=1", "sales=0", "sales=x", "sales=1,sales=2", "a=9999999"]
)
def test_queues_that_are_no_table_are_told(text: str, capfd: Any) -> None:
    options = ["--skills", "1", "--every", "60", "--format", "ami", "--queues", text]
    assert cli.run(["replay", str(AMI), *options]) == 2
    assert "such as sales=1,support=2" in capfd.readouterr().err


def test_two_queues_of_one_skill_are_told_both(capfd: Any) -> None:
    options = ["--skills", "1", "--every", "60", "--format", "ami", "--queues", "sales=1,support=1"]
    assert cli.run(["replay", str(AMI), *options]) == 2
    assert "'sales' and 'support' are both given the id 1" in capfd.readouterr().err


# sources check


def config_of(folder: Path, port: int, secret: str = SECRET) -> str:
    file = folder / "center.toml"
    file.write_text(
        f"[[sources]]\nname = 'pbx'\nkind = 'asterisk'\ncc = 1\nvdn = 1\nport = {port}\nusername = 'x'\n"
        f"secret = '{secret}'\nqueues = {{sales = 11}}\n"
    )
    return str(file)


def test_a_switch_is_shown_with_its_queues_and_members(tmp_path: Path, capfd: Any) -> None:
    with replaying("ast22", "--now", "--speed", "5", "--secret", SECRET) as port:
        assert cli.run(["sources", "check", "pbx", "--config", config_of(tmp_path, port)]) == 0
    output, told = capfd.readouterr()
    assert f"pbx: Asterisk Call Manager/11.0.0 at 127.0.0.1:{port}, VDN 1/1" in output
    assert [line.split()[:3] for line in output.splitlines() if line.split()[:1] == ["sales"]] == [
        ["sales", "11", "table"]
    ]
    assert "Bob Brown" in output
    assert SECRET not in output + told


def test_a_switch_that_refuses_us_is_a_failure_that_says_what_to_do(tmp_path: Path, capfd: Any) -> None:
    with replaying("ast22", "--secret", "another") as port:
        assert cli.run(["sources", "check", "pbx", "--config", config_of(tmp_path, port)]) == 1
    output, told = capfd.readouterr()
    assert told.startswith("queuepulse: The login is refused")
    assert SECRET not in output + told


def test_a_source_that_the_settings_do_not_have_is_misuse(tmp_path: Path, capfd: Any) -> None:
    assert cli.run(["sources", "check", "other", "--config", config_of(tmp_path, 1)]) == 2
    assert "They have: pbx." in capfd.readouterr().err


# sources record


def test_a_recording_is_masked_and_can_be_folded(tmp_path: Path, capfd: Any) -> None:
    file = tmp_path / "pbx.ami.gz"
    with replaying("ast22", "--now", "--speed", "10", "--secret", SECRET) as port:
        options = ["--seconds", "5", "--config", config_of(tmp_path, port)]
        assert cli.run(["sources", "record", "pbx", str(file), *options]) == 0
        assert cli.run(["sources", "record", "pbx", str(file), *options]) == 2
    said = gzip.decompress(file.read_bytes())
    assert b"QueueCallerJoin" in said
    assert b"5500001" not in said
    assert b"CallerIDNum: *****01" in said
    assert SECRET.encode() not in said
    capfd.readouterr()
    assert cli.run(["replay", str(file), "--format", "ami", *MINUTELY, "--every", "1"]) == 0
    assert peak(capfd.readouterr().out, "callWaitNums") > 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("CallerIDNum: 01711234567", "CallerIDNum: *********67"),
        ("Channel: PJSIP/+491711234567-0000001a", "Channel: PJSIP/+**********67-0000001a"),
        ("CC-Member-CID-Number: %2B491711234567", "CC-Member-CID-Number: %2B**********67"),
        ("Uniqueid: 1795335378.123456", "Uniqueid: 1795335378.123456"),
        ("Event-Date-Timestamp: 1795335378123456", "Event-Date-Timestamp: 1795335378123456"),
        ("Exten: 1001", "Exten: 1001"),
    ],
)
def test_numbers_are_masked_and_what_only_looks_like_one_is_kept(line: str, told: str) -> None:
    assert masked(line.encode()).decode() == told
