"""One real day of a real bank's call center, as events.

    python examples/bank_day.py ../shared/data/bank/calls_one_day.csv > day.ndjson
    queuepulse replay day.ndjson --skills 1-6 --every 100

The table holds one call a line (the "Anonymous Bank" recordings of the Technion, Israel 1999), its times in
whole seconds of the day. No call crosses midnight. How each column is used:

| column | use |
|---|---|
| `vru+line`, `call_id` | together the name of the call; `call_id` alone is not unique |
| `type` | the skill queue, by the table `QUEUES` below |
| `vru_entry`, `vru_time` | not used: in the voice menu a call is in no queue yet |
| `vru_exit` | when a call that never queued was given to an agent |
| `q_start`, `q_exit` | when the wait began and ended; `q_start` 0:00:00: the call never queued |
| `q_time`, `ser_time` | not used: they are the differences of the times |
| `outcome` | `AGENT`: answered; `HANG`: the caller hung up; `PHANTOM`: nobody was there |
| `ser_start` | not used (below) |
| `ser_exit` | when the talk ended |
| `server` | the agent; `NO_SERVER`: unknown, and the answer is credited to nobody |
| `server_abv` | not used |

What the table leaves open is decided so:

- A queued call is answered at `q_exit`, not at `ser_start`. The two come from two machines. As a rule they
  differ by a second or two, but in some lines by a minute; then agents would talk to two callers at once
  (six times, against once by `q_exit`), and two calls would be answered before they were offered.
- A call of outcome `AGENT` that never queued found a free agent at once: it is offered and answered at
  `vru_exit`, and so counts with a wait of 0. (268 calls)
- A call that hung up in the voice menu entered no queue and is no event. (118)
- A call that hung up in the queue left it, abandoned, at `q_exit`. Five of these have a service all the same,
  by `NO_SERVER`; the outcome decides. (728)
- A phantom is a virtual call, with nobody on the line, and no event. (18)
- One talk ended, by `ser_exit`, before its `q_exit`, and one answered call has no service: these two talks
  end when they begin.
- Agents sign in to the queues whose calls they take that day, at the full quarter of an hour before their
  first answer, and sign out at the one after their last talk. The table does not know their breaks.

The day is given a date of its own, in UTC, so that its clock times can be read off the output as they are.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from queuepulse.engine import codec
from queuepulse.engine.events import (
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    CallAnswered,
    CallLeft,
    CallOffered,
    CallReleased,
    Event,
    SkillConfigured,
)

DAY_STARTS_AT_MS: Final = 915_148_800_000
"""1999-01-01T00:00:00Z. The table does not say which day of 1999 it was."""
QUARTER_MS: Final = 15 * 60_000
NEVER: Final = "0:00:00"
"""How the table writes that something did not happen."""
COLUMNS: Final = frozenset(
    ("vru+line", "call_id", "type", "vru_exit", "q_start", "q_exit", "outcome", "ser_exit", "server")
)
"""The columns that are used."""


class Queue(NamedTuple):
    """One `type` of the table: the skill id we give it, and what it is for."""

    skill: int
    name: str


QUEUES: Final = {
    "PS": Queue(1, "Regular customers"),
    "NW": Queue(2, "Possible customers"),
    "NE": Queue(3, "Stock exchange"),
    "IN": Queue(4, "Internet support"),
    "TT": Queue(5, "Call backs"),
    "PE": Queue(6, "Regular customers, in English"),
}


class Visit(NamedTuple):
    """One call's stay in a queue. Instants in epoch ms; `server` is `None` if unknown.

    An answered one has `talk_ends_at_ms`; the others hung up when their wait ended.
    """

    call: str
    skill: int
    offered_at_ms: int
    wait_ends_at_ms: int
    talk_ends_at_ms: int | None
    server: str | None


def read_visits(table: Sequence[dict[str, str]]) -> list[Visit]:
    """The stays in a queue that the lines of the table tell of, in its order."""
    visits = []
    for row in table:
        queued = row["q_start"] != NEVER
        answered = row["outcome"] == "AGENT"
        if row["outcome"] == "PHANTOM" or not (queued or answered):
            continue
        wait_ends_at_ms = instant_ms(row["q_exit" if queued else "vru_exit"])
        talk_ends_at_ms = max(wait_ends_at_ms, instant_ms(row["ser_exit"])) if answered else None
        visits.append(
            Visit(
                call=f"{row['vru+line']}-{row['call_id']}",
                skill=QUEUES[row["type"]].skill,
                offered_at_ms=instant_ms(row["q_start"]) if queued else wait_ends_at_ms,
                wait_ends_at_ms=wait_ends_at_ms,
                talk_ends_at_ms=talk_ends_at_ms,
                server=row["server"] if answered and row["server"] != "NO_SERVER" else None,
            )
        )
    return visits


def instant_ms(time_of_day: str) -> int:
    """The epoch milliseconds of a time such as `9:30:21` of the day. Hours may have one digit."""
    hours, minutes, seconds = map(int, time_of_day.split(":"))
    return DAY_STARTS_AT_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000


def events_of(visits: Sequence[Visit]) -> list[Event]:
    """The events of the day in time order, each with an `id`."""
    agent_ids = {name: 1 + place for place, name in enumerate(sorted({v.server for v in visits if v.server}))}
    events = [
        *(
            SkillConfigured(at=DAY_STARTS_AT_MS, skill=queue.skill, name=queue.name)
            for queue in QUEUES.values()
        ),
        *(AgentConfigured(at=DAY_STARTS_AT_MS, agent=agent, name=name) for name, agent in agent_ids.items()),
        *sign_ins(visits, agent_ids),
        *(event for visit in visits for event in call_events(visit, agent_ids)),
        *sign_outs(visits, agent_ids),
    ]
    # A stable sort: of one instant, sign-ins stay first, and what happens to one call stays in order.
    events.sort(key=lambda event: event.at or 0)
    return [msgspec.structs.replace(event, id=f"bank-{number}") for number, event in enumerate(events, 1)]


def sign_ins(visits: Sequence[Visit], agent_ids: dict[str, int]) -> Iterator[Event]:
    """Each agent's sign-in, at the full quarter before his first answer."""
    for name, agent in agent_ids.items():
        his = [visit for visit in visits if visit.server == name]
        first_ms = min(visit.wait_ends_at_ms for visit in his)
        yield AgentSignedIn(
            at=first_ms // QUARTER_MS * QUARTER_MS,
            agent=agent,
            skills=frozenset(visit.skill for visit in his),
        )


def sign_outs(visits: Sequence[Visit], agent_ids: dict[str, int]) -> Iterator[Event]:
    """Each agent's sign-out, at the full quarter after his last talk."""
    for name, agent in agent_ids.items():
        last_ms = max(visit.talk_ends_at_ms or 0 for visit in visits if visit.server == name)
        yield AgentSignedOut(at=-(-last_ms // QUARTER_MS) * QUARTER_MS, agent=agent)


def call_events(visit: Visit, agent_ids: dict[str, int]) -> Iterator[Event]:
    """What happens to one call, in its order."""
    yield CallOffered(at=visit.offered_at_ms, call=visit.call, skill=visit.skill, direction="in")
    if visit.talk_ends_at_ms is None:
        yield CallLeft(at=visit.wait_ends_at_ms, call=visit.call, cause="abandoned")
        return
    agent = agent_ids[visit.server] if visit.server else None
    yield CallAnswered(at=visit.wait_ends_at_ms, call=visit.call, agent=agent)
    yield CallReleased(at=visit.talk_ends_at_ms, call=visit.call)


def read_table(path: Path) -> list[dict[str, str]]:
    """The lines of the file by column name. Raises `OSError`, or `ValueError` if it is no such table."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := COLUMNS - set(reader.fieldnames or ()):
            raise ValueError(f"it has no column {min(missing)}")
        return list(reader)


def main() -> None:
    """Reads the table that is named on the command line; writes the events to the standard output."""
    parser = argparse.ArgumentParser(description="One day of a bank's call center, as events (NDJSON).")
    parser.add_argument("file", type=Path, metavar="FILE", help="calls_one_day.csv of the Anonymous Bank")
    path: Path = parser.parse_args().file
    try:
        events = events_of(read_visits(read_table(path)))
    except (OSError, ValueError) as error:
        parser.error(f"cannot read {path}: {error}")
    sys.stdout.buffer.write(codec.encode_events(events))


if __name__ == "__main__":
    main()
