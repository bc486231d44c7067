"""The language of the scenarios, and the ways in which each of them is run.

A scenario is a title and lines in the order of the log; `#` begins a comment. Nothing of the engine is
decided here.

    scenario A call is answered
    on 2026-01-01 Europe/Berlin                     the date and the zone of the times below (UTC if none is
    named) 09:00:01.000 call_offered call=A skill=1        an event; its keys are those of the specification
    09:00:02.000 call_held call=A -> out_of_place   its outcome, if it is not `applied` 09:10:00 snapshot
    asked_at=@09:09:59 covers=[agents]
        agent 101 skills=[1] state=idle             the agents and calls of a picture stand below it, indented
    at 09:00:40.000 skill 1: waiting 1, all else 0  a question; only the figures that are named are compared
    five minutes of 09:00 skill 1: offered 1        what the records of these five minutes add up to
    since the start skill 1: offered 1, left 0      the counters of the queue
    repairs: session_opened 1, all else 0           what pictures changed
    stale since 09:00:10                            since when the switch is out of sight (or: `stale never`)

A value is JSON or a bare word, and `@` makes an instant of a time.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from queuepulse.engine.codec import decode_line, decode_trusted, encode_events
from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.queues import FIVE_FIELDS, LEFT_CAUSES, Five
from queuepulse.engine.vdn import Outcome, Vdn
from queuepulse.ports import EventLog
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.sqlite import SqliteLog

Figures = dict[str, int | None]

TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{3})?)?"
EVENT = re.compile(rf"({TIME}) ([a-z_]+)(.*?)(?:\s+-> (\w+))?")
PICTURED = re.compile(r"\s+(agent|call) (\S+)(.*)")
PAIR = re.compile(r'\s+(\w+)=(\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\S+)')
CHECKS = {
    "row": re.compile(rf"at ({TIME}) skill (\d+): (.+)"),
    "five": re.compile(rf"five minutes of ({TIME}) skill (\d+): (.+)"),
    "totals": re.compile(r"since the start()? skill (\d+): (.+)"),
    "repairs": re.compile(r"repairs()()?: (.+)"),
}
STALE = re.compile(rf"stale (?:since ({TIME})|never)")


class BadScenario(Exception):
    """A line that the language does not know."""


@dataclass
class Told:
    """An event of the log, and the outcome it must have."""

    line: int
    event: Event
    outcome: str


@dataclass
class Check:
    """What must be found at this place of the log; with `rest`, all figures that are not named are 0."""

    line: int
    what: str
    at_ms: int
    skill: int
    expected: Figures
    rest: bool = False


@dataclass
class Scenario:
    """One scenario of a file."""

    file: str
    title: str
    steps: list[Told | Check] = field(default_factory=list)

    def events(self) -> list[Event]:
        return [step.event for step in self.steps if isinstance(step, Told)]


# Reading


def scenarios(file: Path) -> list[Scenario]:
    """All scenarios of a file. Raises `BadScenario`, with the line."""
    found: list[Scenario] = []
    reader = _Reader()
    lines = [line.split("#")[0].rstrip() for line in file.read_text(encoding="utf-8").splitlines()]
    number = 0
    while number < len(lines):
        line, number = lines[number], number + 1
        try:
            if line.startswith("scenario "):
                found.append(Scenario(file.name, line.removeprefix("scenario ")))
                reader = _Reader()
            elif line.startswith("on "):
                reader.date(*line.split()[1:])
            elif line:
                below = []
                while number + len(below) < len(lines) and lines[number + len(below)].startswith(" "):
                    below.append(lines[number + len(below)])
                found[-1].steps.append(reader.step(number, line, below))
                number += len(below)
        except Exception as error:
            raise BadScenario(f"{file.name}:{number}: {line!r}: {error}") from error
    return found


class _Reader:
    """Turns lines into steps; knows the date and the zone that hold for them."""

    def __init__(self) -> None:
        self._day = date(2026, 1, 1)
        self._zone = ZoneInfo("UTC")

    def date(self, day: str, zone: str = "UTC") -> None:
        self._day, self._zone = date.fromisoformat(day), ZoneInfo(zone)

    def step(self, number: int, line: str, below: list[str]) -> Told | Check:
        if stale := STALE.fullmatch(line):
            return Check(number, "stale", 0, 0, {"since": self._ms(stale[1]) if stale[1] else None})
        for what, pattern in CHECKS.items():
            if match := pattern.fullmatch(line):
                return self._check(number, what, *match.groups())
        match = EVENT.fullmatch(line)
        if match is None:
            raise ValueError("neither an event nor a question")
        at, kind, keys, outcome = match.groups()
        told = {"type": kind, "at": self._ms(at), **self._keys(keys)}
        if kind == "snapshot":
            told |= {"agents": [], "calls": []}
        for item in below:
            pictured = PICTURED.fullmatch(item)
            if pictured is None:
                raise ValueError(f"no agent and no call: {item!r}")
            what, name, rest = pictured.groups()
            told[f"{what}s"].append({what: int(name) if what == "agent" else name, **self._keys(rest)})
        return Told(number, decode_line(json.dumps(told).encode(), number), outcome or "applied")

    def _check(self, number: int, what: str, at: str, skill: str, figures: str) -> Check:
        check = Check(number, what, self._ms(at) if at else 0, int(skill or 0), {})
        for part in figures.split(", "):
            if part == "all else 0":
                check.rest = True
            else:
                name, value = part.split()
                check.expected[name] = int(value)
        return check

    def _keys(self, text: str) -> dict[str, Any]:
        if PAIR.sub("", text).strip():
            raise ValueError(f"no pairs of key=value: {PAIR.sub('', text)!r}")
        return {name: self._value(value) for name, value in PAIR.findall(text)}

    def _value(self, text: str) -> Any:
        if text.startswith("["):
            return [self._value(part) for part in text[1:-1].split(",") if part]
        if text.startswith("@"):
            return self._ms(text[1:])
        try:
            return json.loads(text)
        except ValueError:
            return text

    def _ms(self, text: str) -> int:
        moment = datetime.combine(self._day, time.fromisoformat(text), self._zone)
        if moment.astimezone(UTC).astimezone(self._zone) != moment:
            raise ValueError(f"there is no {text} on that day")
        return round(moment.timestamp() * 1000)


# Running

LONG_MS = 900_000
"""After so long without an event all five minutes are closed."""

Way = Callable[[Vdn, Event], tuple[Vdn, Outcome]]


def straight(vdn: Vdn, event: Event) -> tuple[Vdn, Outcome]:
    return vdn, vdn.apply(event)


def restored(vdn: Vdn, event: Event) -> tuple[Vdn, Outcome]:
    outcome = vdn.apply(event)
    return Vdn.restore(vdn.snapshot()), outcome


def twice(vdn: Vdn, event: Event) -> tuple[Vdn, Outcome]:
    outcome = vdn.apply(event)
    assert vdn.apply(event) is Outcome.REPEATED, f"{event} was taken twice"
    return vdn, outcome


STEPWISE: dict[str, Way] = {"straight": straight, "restored": restored, "twice": twice}
LOGGED = ("memory", "sqlite")
WAYS = (*STEPWISE, *LOGGED)


def run(scenario: Scenario, way: str, folder: Path) -> bytes:
    """Runs the scenario in one of the `WAYS`; the state that it ends in. `folder` is for a log on disk.

    Raises AssertionError with all that was found to be wrong.
    """
    apply, events = STEPWISE.get(way, straight), scenario.events()
    if way in LOGGED:
        told, events = events, through_a_log(way, events, folder)
        assert events == told
    coming = iter(events)
    vdn, wrong, records = Vdn(), [], []
    for step in scenario.steps:
        if isinstance(step, Told):
            vdn, outcome = apply(vdn, next(coming))
            records += vdn.advance(vdn.clock_ms)
            if outcome.name.lower() != step.outcome:
                wrong.append(f"line {step.line}: was {outcome.name.lower()}, not {step.outcome}")
        else:
            wrong += [f"line {step.line}: {text}" for text in differences(step, found(step, vdn, records))]
    assert not wrong, "\n".join([f"{scenario.file}: {scenario.title}, run {way}", *wrong])
    return vdn.snapshot()


def through_a_log(store: str, events: Sequence[Event], folder: Path) -> list[Event]:
    """What a log gives back when the events were appended in batches of three."""
    vdn = VdnKey(1, 1)

    async def fill(log: EventLog) -> None:
        for first in range(0, len(events), 3):
            batch = events[first : first + 3]
            await log.append(vdn, 1000 * first, len(batch), encode_events(batch))

    if store == "memory":
        log: EventLog = MemoryLog()
    else:
        log = SqliteLog(folder / "log.sqlite", elapsed=lambda: 0.0, warn=_no_damage)
    try:
        asyncio.run(fill(log))
        return [event for batch in log.read() for event in decode_trusted(batch.body)]
    finally:
        log.close()


def _no_damage(text: str) -> None:
    raise AssertionError(text)


def found(check: Check, vdn: Vdn, records: Sequence[Five]) -> Figures:
    """What the engine says to a check; `records` are the five minutes that it closed until then."""
    match check.what:
        case "row":
            return msgspec.structs.asdict(vdn.rows([check.skill], check.at_ms)[0])
        case "five":
            ours = [five for five in [*records, *open_fives(vdn)] if five.skill == check.skill]
            return added_up([five for five in ours if five.mark_ms == check.at_ms])
        case "totals":
            queue = vdn.books.queues[check.skill]
            return {
                name: getattr(queue, name) for name in ("offered", "answered", "left", "waiting", "in_talk")
            }
        case "repairs":
            return dict(vdn.books.repairs)
        case _:
            return {"since": vdn.stale_since_ms}


def open_fives(vdn: Vdn) -> list[Five]:
    """The records that are not closed yet, taken from a copy for which time runs on."""
    return Vdn.restore(vdn.snapshot()).advance(vdn.clock_ms + LONG_MS)


def added_up(fives: Sequence[Five]) -> Figures:
    """Several records of the same five minutes as one: sums and maxima, `left` by cause."""
    total: Figures = {}
    for name in FIVE_FIELDS:
        if name not in ("skill", "mark_ms", "left"):
            join = max if name.endswith("_max") else sum
            total[name] = join([0, *(getattr(five, name) for five in fives)])
    for index, cause in enumerate(LEFT_CAUSES):
        total[f"left_{cause}"] = sum(five.left[index] for five in fives)
    return total


def differences(check: Check, figures: Figures) -> Iterator[str]:
    """Each figure that is not what the check says."""
    expected = dict(check.expected)
    if check.rest:
        expected |= {name: 0 for name in figures if name not in (*expected, "skill")}
    for name, value in expected.items():
        known = name in figures or check.what == "repairs"
        if not known or figures.get(name, 0) != value:
            yield f"{name} is {figures.get(name, 'not known')}, not {value}"
