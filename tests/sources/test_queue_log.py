"""queue_log: the events that its lines tell, and the recorded logs against the visits of the books."""

import gzip
import json
from pathlib import Path
from typing import Any, Final

import pytest

from queuepulse.engine.events import Event
from queuepulse.engine.outcomes import OUT_OF_PLACE
from queuepulse.engine.vdn import Vdn
from queuepulse.sources.names import Ids, Names, PauseReasons
from queuepulse.sources.queue_log import Translator

CAPTURES: Final = Path(__file__).parents[1] / "captures" / "queue_log"
QUEUES: Final = {"sales": 1, "support": 2, "billing": 3, "vip": 4}


def translator(**more: Any) -> Translator:
    reasons = PauseReasons({"lunch": "rest", "training": "study", "meeting": "busy"})
    return Translator(
        "log", Names(Ids(10_000), QUEUES), Names(Ids(10_000), {"Ann": 7, "Bob": 8}), reasons, **more
    )


def told(*lines: str, **more: Any) -> list[str]:
    """The events of these lines, short: type and what matters, without the naming of queues and agents."""
    log = translator(**more)
    for line in lines:
        log.take(line)
    return [short(event) for event in log.events() if not type(event).__name__.endswith("Configured")]


def short(event: Event) -> str:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    keys = ("agent", "skill", "skills", "state", "reason", "cause", "by", "caller")
    shown = [
        str(sorted(value) if isinstance(value, frozenset) else value)
        for key in keys
        if (value := fields.get(key)) is not None
    ]
    assert event.at is not None
    return " ".join([str(event.at), type(event).__name__, *shown])


def test_a_call_that_is_answered_and_ends() -> None:
    assert told(
        "100|1.1|sales|NONE|ENTERQUEUE||5501|1",
        "104|1.1|sales|Ann|CONNECT|4|1.2|3",
        "110|1.1|sales|Ann|COMPLETECALLER|4|6|1",
    ) == [
        "100000 CallOffered 1 5501",
        "104000 AgentSignedIn 7 [1] idle",
        "104000 CallAnswered 7 1",
        "110000 CallReleased caller",
    ]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("ABANDON|1|1|5", "abandoned"),
        ("EXITWITHTIMEOUT|1|1|5", "timeout"),
        ("EXITWITHTIMEOUT|1", "timeout"),
        ("EXITEMPTY|1|1|5", "no_agent"),
        ("EXITWITHKEY|1|1|1|5", "key"),
        ("WITHDRAW|1|1|5|text", "withdrawn"),
    ],
)
def test_each_way_to_leave_unanswered(line: str, cause: str) -> None:
    found = told("100|1.1|sales|NONE|ENTERQUEUE||5501", f"105|1.1|sales|NONE|{line}")
    assert found == ["100000 CallOffered 1 5501", f"105000 CallLeft {cause}"]


def test_an_abandon_during_the_announcement_names_the_member_and_is_an_abandon() -> None:
    assert told("105|1.1|sales|Ann|ABANDON|1|1|5") == ["105000 CallLeft abandoned"]


@pytest.mark.parametrize(
    ("line", "by"),
    [
        ("COMPLETEAGENT|2|3|1", "agent"),
        ("COMPLETECALLER|2|3", "caller"),
        ("BLINDTRANSFER|700|xfer|2|3|1", "transfer"),
        ("ATTENDEDTRANSFER|BRIDGE|id|2|3|1", "transfer"),
        ("ATTENDEDTRANSFER|LINK|a|b|2|3|1", "transfer"),
        ("TRANSFER|700|xfer|2|3|1", "transfer"),
    ],
)
def test_each_way_a_talk_ends(line: str, by: str) -> None:
    assert told(f"105|1.1|sales|Ann|{line}")[-1] == f"105000 CallReleased {by}"


def test_a_call_back_in_its_queue_within_the_second_is_a_second_visit() -> None:
    log, vdn = translator(), Vdn()
    for line in (
        "100|1.1|sales|NONE|ENTERQUEUE",
        "103|1.1|sales|NONE|EXITWITHKEY|1|1|1|3",
        "103|1.1|sales|NONE|ENTERQUEUE",
    ):
        log.take(line)
    assert OUT_OF_PLACE not in [vdn.apply(event) for event in log.events()]
    assert vdn.rows([1], 104_000)[0].waiting == 1


def test_the_start_of_the_switch_closes_calls_and_sessions() -> None:
    log, vdn = translator(), Vdn()
    for line in (
        "100|1.1|sales|NONE|ENTERQUEUE",
        "101|1.2|sales|NONE|ENTERQUEUE",
        "102|1.2|sales|Ann|CONNECT|1|1.3|1",
    ):
        log.take(line)
    log.take("200|NONE|NONE|NONE|QUEUESTART|")
    for event in log.events():
        vdn.apply(event)
    row = vdn.rows([1], 201_000)[0]
    assert (row.waiting, row.talking, row.signed_in) == (0, 0, 0)
    log.take("300|1.4|sales|Ann|CONNECT|1|1.5|1")
    assert any(type(event).__name__ == "AgentSignedIn" for event in log.events())


def test_a_pause_everywhere_is_told_once() -> None:
    assert told(
        "100|NONE|sales|Ann|ADDMEMBER|",
        "100|NONE|support|Ann|ADDMEMBER",
        "110|NONE|NONE|Ann|PAUSEALL|lunch",
        "110|NONE|sales|Ann|PAUSE|lunch",
        "110|NONE|support|Ann|PAUSE|lunch",
        "120|NONE|NONE|Ann|UNPAUSEALL|",
        "120|NONE|sales|Ann|UNPAUSE|",
        "120|NONE|support|Ann|UNPAUSE|",
    ) == [
        "100000 AgentSignedIn 7 [1] idle",
        "100000 AgentSkillsSet 7 [1, 2]",
        "110000 AgentStateSet 7 rest lunch",
        "120000 AgentStateSet 7 idle",
    ]


def test_paused_in_one_queue_he_is_in_the_others() -> None:
    assert told(
        "100|NONE|sales|Ann|ADDMEMBER|",
        "100|NONE|support|Ann|ADDMEMBER|",
        "110|NONE|sales|Ann|PAUSE|training",
        "120|NONE|support|Ann|PAUSE|training",
        "130|NONE|sales|Ann|UNPAUSE|",
    )[2:] == [
        "110000 AgentSkillsSet 7 [2]",
        "120000 AgentSkillsSet 7 [1, 2]",
        "120000 AgentStateSet 7 study training",
        "130000 AgentSkillsSet 7 [1]",
        "130000 AgentStateSet 7 idle",
    ]


def test_the_switchs_own_pause_is_busy() -> None:
    assert told("100|NONE|sales|Ann|PAUSE|Auto-Pause") == ["100000 AgentSignedIn 7 [1] busy"]


def test_a_member_is_added_by_interface_and_called_by_name() -> None:
    lines = (
        "100|MANAGER|sales|Local/201@agents|ADDMEMBER|PAUSED",
        "101|NONE|sales|Ann|UNPAUSE|",
        "102|CLI|sales|Local/201@agents|REMOVEMEMBER|",
    )
    assert told(*lines, members={"Local/201@agents": "Ann"}) == [
        "100000 AgentSignedIn 7 [1] rest",
        "101000 AgentStateSet 7 idle",
        "102000 AgentSignedOut 7",
    ]


def test_agents_of_the_pool_log_in_and_off() -> None:
    assert told("100|NONE|NONE|Ann|AGENTLOGIN|SIP/1", "101|NONE|NONE|Ann|AGENTLOGOFF|SIP/1|1") == [
        "100000 AgentSignedIn 7 [] idle",
        "101000 AgentSignedOut 7",
    ]
    assert told(
        "100|NONE|NONE|Ann|AGENTCALLBACKLOGIN|1@x", "101|NONE|NONE|Ann|AGENTCALLBACKLOGOFF|1@x|1|why"
    )[-1] == ("101000 AgentSignedOut 7")


def test_what_a_dialplan_wrote_is_passed_over_and_what_is_no_line_is_counted() -> None:
    log = translator()
    for line in (
        "100|1.1|sales|NONE|DID|5501",
        "100|1.1|sales|NONE|INFO|a|b|c",
        "100|NONE|NONE|NONE|NOTE|",
        "",
    ):
        log.take(line)
    assert (log.events(), log.malformed) == ([], 0)
    for line in (
        "half a l",
        "x|1.1|sales|NONE|ENTERQUEUE",
        "100|NONE|sales|NONE|ENTERQUEUE",
        "100|1.1|NONE|NONE|ENTERQUEUE",
        "9" * 9_000,
    ):
        log.take(line)
    assert (log.events(), log.malformed) == ([], 5)


def test_equal_lines_of_one_second_are_two_and_a_second_reading_tells_equal_ids() -> None:
    lines = [
        "100|NONE|sales|Ann|PAUSE|a",
        "100|NONE|sales|Ann|UNPAUSE|",
        "100|NONE|sales|Ann|PAUSE|a",
        "100|NONE|sales|Ann|UNPAUSE|",
    ]

    def ids() -> list[str | None]:
        log = translator()
        for line in lines:
            log.take(line + "\n")
        return [event.id for event in log.events()]

    assert ids() == ids()
    assert len(set(ids())) == len(ids()) == 6


def recorded(name: str) -> list[str]:
    """The lines of a recorded log: of the copy that a clone has."""
    return gzip.decompress((CAPTURES / name / "queue_log.gz").read_bytes()).decode().split("\n")


@pytest.mark.parametrize("name", ["ast22", "ast18"])
def test_every_recorded_visit_has_the_outcome_of_the_books(name: str) -> None:
    log, vdn = translator(), Vdn()
    for line in recorded(name):
        log.take(line)
    events = log.events()
    ours: dict[str, list[dict[str, Any]]] = {}
    wrong = 0
    for event in events:
        wrong += vdn.apply(event) == OUT_OF_PLACE
        kind, call = type(event).__name__, getattr(event, "call", "")
        if kind == "CallOffered":
            ours.setdefault(call, []).append({"at": event.at})
        elif kind in ("CallAnswered", "CallLeft", "CallReleased"):
            ours[call][-1].setdefault(kind, event)
    with gzip.open(CAPTURES / name / "visits.ndjson.gz", "rt", encoding="utf-8") as file:
        books = [json.loads(line) for line in file]
    for visit in books:
        found = ours[f"log/{visit['uniqueid']}/{QUEUES[visit['queue']]}"].pop(0)
        if visit["outcome"] == "answered":
            assert abs(found["CallAnswered"].at - found["at"] - 1000 * visit["wait"]) <= 1000, visit
            talk_ms = found["CallReleased"].at - found["CallAnswered"].at
            assert abs(talk_ms - 1000 * (visit["leave"] - visit["connect"])) <= 1000, visit
        else:
            assert found["CallLeft"].cause == visit["outcome"]
            assert abs(found["CallLeft"].at - found["at"] - 1000 * visit["wait"]) <= 1000, visit
    assert not any(ours.values())
    assert log.malformed == 0
    # 18.26.4 logs two ends of one transfer now and then.
    assert wrong <= 3
    print(f"queue_log {name}: {len(books)} visits, all outcomes equal, waits and talks within 1 s")
