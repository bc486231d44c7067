"""One real day of a real call center: the engine's call figures against sums taken from the table itself.

The sums share nothing with the engine and with `examples/bank_day.py`: they are plain loops over the lines.
"""

import csv
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from queuepulse.engine import codec
from queuepulse.engine.calls import OUTCOMES
from queuepulse.engine.clips import Wanted
from queuepulse.engine.events import Event
from queuepulse.engine.fields import QUEUE_FIELDS
from queuepulse.engine.histograms import Spread
from queuepulse.engine.measures import QUEUES, Plan
from queuepulse.engine.records import add, queue_record
from queuepulse.engine.tallies import Tally
from queuepulse.engine.vdn import Outcome, Vdn
from queuepulse.engine.windows import Memory, Window, capture

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("QUEUEPULSE_RECORDINGS") or ROOT.parent / "shared" / "data")
TABLE = RECORDINGS / "bank" / "calls_one_day.csv"
SCRIPT = ROOT / "examples" / "bank_day.py"

TYPES = ["PS", "NW", "NE", "IN", "TT", "PE"]  # skill 1 is the first
MIDNIGHT_S = 915_148_800  # 1999-01-01T00:00:00Z, the date that the example gives the day
FIVE_S = 300
DAY_S = 24 * 3600

Stay = tuple[int, int, int | None]
"""Offered, wait ended, talk ended, in seconds of the day; the last is None for a call that hung up."""
Figures = dict[str, int]


@pytest.fixture(scope="module")
def table() -> Path:
    if not TABLE.exists():
        reason = f"{TABLE} is missing: set QUEUEPULSE_RECORDINGS to the folder of the recordings"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return TABLE


@pytest.fixture(scope="module")
def events(table: Path) -> list[Event]:
    example = load_example()
    found: list[Event] = example.events_of(example.read_visits(example.read_table(table)))
    return found


def load_example() -> ModuleType:
    specification = importlib.util.spec_from_file_location("bank_day", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def stays(table: Path) -> dict[str, list[Stay]]:
    """The calls of the table that were in a queue, by type."""
    found: dict[str, list[Stay]] = {name: [] for name in TYPES}
    with table.open(newline="") as file:
        for line in csv.DictReader(file):
            if line["outcome"] == "PHANTOM":
                continue
            if line["q_start"] == "0:00:00":
                if line["outcome"] == "HANG":
                    continue  # in the voice menu
                begins = ends = seconds(line["vru_exit"])
            else:
                begins, ends = seconds(line["q_start"]), seconds(line["q_exit"])
                assert ends - begins == int(line["q_time"])
            talk_ends = max(ends, seconds(line["ser_exit"])) if line["outcome"] == "AGENT" else None
            found[line["type"]].append((begins, ends, talk_ends))
    return found


def seconds(time_of_day: str) -> int:
    hours, minutes, rest = time_of_day.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


def figures_by_hand(calls: list[Stay], now: int) -> Figures:
    """The call figures of one queue at `now`, straight from their definitions in statistics.md."""
    mark = now - now % FIVE_S
    waiting = in_talk = answered = offered = soon = longest = 0
    waits, talks = [], []
    for begins, ends, talk_ends in calls:
        if mark <= begins <= now:
            offered += 1
        if begins <= now < ends:
            waiting += 1
            longest = max(longest, now - begins)
        if mark <= ends <= now:
            waits.append(ends - begins)
            longest = max(longest, ends - begins)
        if talk_ends is None:
            continue
        if ends <= now:
            answered += 1
            if now < talk_ends:
                in_talk += 1
            if mark <= ends and ends - begins <= 20:
                soon += 1
        if mark <= talk_ends <= now:
            talks.append(talk_ends - ends)
    return {
        "waiting": waiting,
        "in_talk": in_talk,
        "answered_today": answered,
        "offered_in": offered,
        "answered_in_20s": soon,
        "wait_s_max": longest,
        "talk_s_mean": sum(talks) // len(talks) if talks else 0,
        "wait_s_mean": sum(waits) // len(waits) if waits else 0,
    }


def test_every_call_figure_agrees_with_the_table_at_each_mark_and_in_between(
    table: Path, events: list[Event]
) -> None:
    by_type = stays(table)
    vdn = Vdn()
    coming = iter(events)
    event = next(coming, None)
    # Every 100 s holds each five-minute mark; the second before one sees its whole five minutes.
    instants = sorted({*range(0, DAY_S, 100), *range(FIVE_S - 1, DAY_S, FIVE_S)})
    sums = dict.fromkeys(figures_by_hand([], 0), 0)
    for instant in instants:
        now_ms = (MIDNIGHT_S + instant) * 1000
        while event is not None and event.at is not None and event.at <= now_ms:
            assert vdn.apply(event) is Outcome.APPLIED
            event = next(coming, None)
        for name, row in zip(TYPES, vdn.rows(range(1, len(TYPES) + 1), now_ms), strict=True):
            expected = figures_by_hand(by_type[name], instant)
            assert {key: getattr(row, key) for key in expected} == expected, f"{name} at second {instant}"
            for key, value in expected.items():
                sums[key] += value
    assert all(sums.values()), "a figure that is always 0 was not tested"


def test_the_day_ends_with_the_totals_of_the_table(table: Path, events: list[Event]) -> None:
    with table.open(newline="") as file:
        lines = list(csv.DictReader(file))
    in_queue = [line for line in lines if line["q_start"] != "0:00:00" and line["outcome"] != "PHANTOM"]
    at_once = [line for line in lines if line["q_start"] == "0:00:00" and line["outcome"] == "AGENT"]
    assert (len(lines), len(in_queue), len(at_once)) == (2375, 1971, 268)
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("CallOffered") == len(in_queue) + len(at_once)
    assert kinds.count("CallLeft") == sum(line["outcome"] == "HANG" for line in in_queue)
    answered = sum(line["outcome"] == "AGENT" for line in lines)
    assert kinds.count("CallAnswered") == kinds.count("CallReleased") == answered
    assert kinds.count("AgentSignedIn") == kinds.count("AgentSignedOut") == 18


def history_by_hand(calls: list[Stay], mark: int) -> Figures:
    """What one queue's record of five minutes counts, straight from the table."""
    here = range(mark, mark + FIVE_S)
    waits = [(ends - begins, talk_ends) for begins, ends, talk_ends in calls if ends in here]
    answered = [wait for wait, talk_ends in waits if talk_ends is not None]
    left = [wait for wait, talk_ends in waits if talk_ends is None]
    talks = [talk_ends - ends for _, ends, talk_ends in calls if talk_ends is not None and talk_ends in here]
    late = sum(begins + 20 in here for begins, ends, _ in calls if ends - begins > 20)
    return {
        "offered": sum(begins in here for begins, _, _ in calls),
        "answered": len(answered),
        "left_abandoned": len(left),
        "answered_in_time": sum(wait <= 20 for wait in answered),
        "abandoned_in_time": sum(wait <= 20 for wait in left),
        "missed": late,
        "short_abandoned": sum(wait < 5 for wait in left),
        "waits": len(waits),
        "wait_ms": 1000 * sum(wait for wait, _ in waits),
        "wait_ms_max": 1000 * max((wait for wait, _ in waits), default=0),
        "wait_ms_answered": 1000 * sum(answered),
        "talks": len(talks),
        "talk_ms": 1000 * sum(talks),
        "talk_ms_max": 1000 * max(talks, default=0),
        "answered_bin_30": sum(20 < wait <= 30 for wait in answered),
        "left_bin_more": sum(wait > 60 for wait in left),
    }


def test_every_record_of_the_history_agrees_with_the_table(table: Path, events: list[Event]) -> None:
    by_type, vdn, tally = stays(table), Vdn(), Tally()
    for event in events:
        vdn.apply(event)
    vdn.advance(vdn.clock_ms + FIVE_S * 1000)
    for facts in vdn.tell().facts:
        tally.add(facts)
    sums: Counter[str] = Counter()
    for mark in range(0, DAY_S, FIVE_S):
        records = tally.queues.get((MIDNIGHT_S + mark) * 1000, {})
        for skill, name in enumerate(TYPES, 1):
            counts = records[skill].counts if skill in records else [0] * len(QUEUE_FIELDS)
            found = dict(zip(QUEUE_FIELDS, counts, strict=True))
            expected = history_by_hand(by_type[name], mark)
            assert {key: found[key] for key in expected} == expected, f"{name} at second {mark}"
            sums.update(expected)
            if skill in records:
                for place, figure in enumerate(("wait", "talk")):
                    assert sum(records[skill].span(place).values()) == found[f"{figure}s"]
    assert all(sums.values()), "a count that is always 0 was not tested"


def test_the_percentiles_of_the_day_are_those_of_the_table_within_one_percent(
    table: Path, events: list[Event]
) -> None:
    vdn, tally, total = Vdn(), Tally(), queue_record()
    for event in events:
        vdn.apply(event)
    vdn.advance(vdn.clock_ms + FIVE_S * 1000)
    for facts in vdn.tell().facts:
        tally.add(facts)
    for records in tally.queues.values():
        for record in records.values():
            add(total, record)
    calls = [call for calls in stays(table).values() for call in calls]
    lists = (
        sorted(1000 * (ends - begins) for begins, ends, _ in calls),
        sorted(1000 * (talk_ends - ends) for _, ends, talk_ends in calls if talk_ends is not None),
    )
    for place, values in enumerate(lists):
        span = total.span(place)
        for percent in (50, 80, 90, 95, 99):
            exact = values[-(-len(values) * percent // 100) - 1]
            found = Spread(span).percentile_ms(percent)
            assert found is not None and abs(found - exact) <= 0.01 * exact


def test_the_script_writes_these_events_as_ndjson(table: Path, events: list[Event]) -> None:
    written = subprocess.run(
        [sys.executable, str(SCRIPT), str(table)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
    ).stdout
    assert codec.decode_lines(written) == events
    assert len({event.id for event in events}) == len(events)


def test_a_file_that_is_no_such_table_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name, reason in (("other.csv", "no column call_id"), ("none.csv", "No such file")):
        refused = subprocess.run(
            [sys.executable, str(SCRIPT), str(tmp_path / name)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 2
        assert reason in refused.stderr


def windowed(table: Path, skill: int, from_ms: int, to_ms: int) -> dict[str, float | None]:
    """Some figures of a window, out of the table; no call begins or ends at its very begin or end."""
    begin, end = (ms / 1000 - MIDNIGHT_S for ms in (from_ms, to_ms))
    calls = stays(table)[TYPES[skill - 1]]
    ended = [(offered, over, talk) for offered, over, talk in calls if begin < over < end]
    waits = sorted(over - offered for offered, over, _ in ended)
    answered = [over - offered for offered, over, talk in ended if talk is not None]
    talks = [talk - over for _, over, talk in calls if talk is not None and begin < talk < end]
    within = sum(wait <= 20 for wait in answered)
    given_up = sum(over - offered <= 20 for offered, over, talk in ended if talk is None)
    missed = sum(over - offered > 20 and begin < offered + 20 < end for offered, over, _ in calls)
    every = within + given_up + missed
    return {
        "offered": sum(begin < offered < end for offered, _, _ in calls),
        "answered": len(answered),
        "left_abandoned": len(ended) - len(answered),
        "service_level_negative": within / every if every else None,
        "service_level_positive": (within + given_up) / every if every else None,
        "average_speed_of_answer_ms": 1000 * sum(answered) // len(answered) if answered else None,
        "average_handle_time_ms": 1000 * sum(talks) // len(talks) if talks else None,
        "wait_ms_p50": 1000 * waits[-(-len(waits) // 2) - 1] if waits else None,
        "wait_ms_p95": 1000 * waits[-(-len(waits) * 95 // 100) - 1] if waits else None,
    }


def test_live_windows_of_the_day_are_sums_of_the_table(table: Path, events: list[Event]) -> None:
    vdn, memory, held = Vdn(), Memory(), 0
    wanted = Wanted(frozenset(range(1, len(TYPES) + 1)), frozenset())
    names = list(windowed(table, 1, 0, 0))
    plan = Plan([one for one in QUEUES.measures if one.name in names], QUEUES)
    instants = iter(range(1000 * (MIDNIGHT_S + 7 * 3600) + 500, 1000 * (MIDNIGHT_S + DAY_S), 1_777_000))
    now_ms = next(instants)
    for one in sorted(events, key=lambda event: event.at or 0):
        while (one.at or 0) > now_ms:
            for from_ms in (now_ms - now_ms % 300_000, now_ms - 600_000, now_ms - 3_600_000):
                window = Window(memory, capture(vdn.books, wanted, now_ms), wanted, from_ms, now_ms + 1)
                for _ in window.work():
                    pass
                for skill in wanted.skills:
                    # The mark is a whole second: what happens then belongs to the window.
                    expected = windowed(table, skill, from_ms - (from_ms % 1000 == 0), now_ms)
                    told = dict(
                        zip([m.name for m in plan.measures], plan.figures(window.records[skill]), strict=True)
                    )
                    assert told == {
                        name: value and pytest.approx(value, rel=0.01 if "_ms_p" in name else 0, abs=1e-6)
                        for name, value in expected.items()
                    }, (skill, from_ms, now_ms)
                    held += told["offered"]
            now_ms = next(instants, 2**60)
        vdn.apply(one)
        vdn.advance(vdn.clock_ms)
    assert held > 1_000


def test_every_call_record_agrees_with_the_table(table: Path, events: list[Event]) -> None:
    vdn = Vdn()
    for event in events:
        vdn.apply(event)
    vdn.advance(vdn.clock_ms + FIVE_S * 1000)
    records = [one for passes in vdn.tell().passes for part in passes.parts(1_000) for one in part]
    found: dict[str, list[Stay]] = {name: [] for name in TYPES}
    for one in records:
        waits_until_ms = one.answered_at_ms if one.answered_at_ms >= 0 else one.ended_at_ms
        talks_until_ms = one.ended_at_ms if one.answered_at_ms >= 0 else None
        assert OUTCOMES[one.outcome] == ("released" if talks_until_ms is not None else "abandoned")
        assert (one.number, one.call_at_ms) == (1, one.offered_at_ms)
        instants = (one.waiting_since_ms, waits_until_ms, talks_until_ms)
        begins, ends, talk_ends = (None if ms is None else ms // 1000 - MIDNIGHT_S for ms in instants)
        assert begins is not None and ends is not None
        found[TYPES[one.skill - 1]].append((begins, ends, talk_ends))
    expected = stays(table)
    for name in TYPES:
        assert sorted(found[name], key=repr) == sorted(expected[name], key=repr)
    assert len({one.call for one in records}) == len(records)
    # He who talked is one of the table's servers; each has as many calls as there.
    with table.open(newline="") as file:
        answered = [line["server"] for line in csv.DictReader(file) if line["outcome"] == "AGENT"]
    servers = Counter(name for name in answered if name != "NO_SERVER")
    assert sorted(Counter(one.talked_id for one in records if one.talked_id).values()) == sorted(
        servers.values()
    )
