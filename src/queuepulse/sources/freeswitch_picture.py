"""FreeSWITCH's own picture: the lists of mod_callcenter, laid over what its events told.

The lists are asked for one after the other, and lag behind the events by a moment. So what an event told
shortly before the asking, or since, stands; all else is as the lists say.
"""

from collections.abc import Iterator
from typing import Final

from queuepulse.engine.events import PICTURE_MAX, PictureAgent, PictureCall, Snapshot
from queuepulse.sources.freeswitch_agents import IN_CALL, Agents
from queuepulse.sources.freeswitch_visits import Visit, Visits, epoch_ms
from queuepulse.sources.telling import Moment, Queues

LAG_MS: Final = 500
"""How far the lists may be behind the events: both come from the same thread, one some ms after the other."""
FREE_TEXTS: Final = ("contact", "cid_name", "moh_sound")
"""Columns whose own text may hold the `|` that parts columns."""
RING_ALL: Final = "ring-all"
"""Stands for the serving agent while all ring."""

Row = dict[str, str]


def rows_of(body: str) -> list[Row] | None:
    """The rows of a list, which ends with `+OK`; `None` if it is none. An empty list has no header either."""
    lines = body.rstrip("\n").split("\n")
    if lines.pop() != "+OK":
        return None
    if not lines:
        return []
    columns = lines[0].split("|")
    free = next((columns.index(name) for name in FREE_TEXTS if name in columns), 0)
    rows = []
    for line in lines[1:]:
        cells = line.split("|")
        extra = len(cells) - len(columns)
        if extra > 0:
            cells[free : free + extra + 1] = ["|".join(cells[free : free + extra + 1])]
        if extra >= 0:
            rows.append(dict(zip(columns, cells, strict=True)))
    return rows


class Picture:
    """The answers so far. `asked_ms` is on the switch's clock, `sent_ms` the same instant on ours."""

    def __init__(self, asked_ms: int, sent_ms: int) -> None:
        self.asked_ms = asked_ms
        self.sent_ms = sent_ms
        self.agents: list[Row] = []
        self.tiers: list[Row] = []
        self.members: list[Row] = []

    def queues_of(self) -> dict[str, set[str]]:
        """The queues of each agent."""
        queues: dict[str, set[str]] = {}
        for row in self.tiers:
            queues.setdefault(row.get("agent", ""), set()).add(row.get("queue", ""))
        return queues


class Repair:
    """One complete picture on its way into what we know."""

    def __init__(self, picture: Picture, queues: Queues, agents: Agents, visits: Visits) -> None:
        self._picture = picture
        self._queues = queues
        self._agents = agents
        self._visits = visits
        self._fresh_ms = picture.sent_ms - LAG_MS

    def run(self, source: str, moment: Moment) -> Snapshot:
        """Makes what we know equal to the picture, and the picture to what events told since."""
        self._agents.listed(self._picture.agents, self._picture.queues_of(), self._picture.sent_ms)
        self._visits.replace(self._merged())
        calls = tuple(self._calls(moment))[:PICTURE_MAX]
        talking = {visit.agent for visit in self._visits if visit.answered_ms is not None}
        ringing = {name for visit in self._visits if visit.answered_ms is None for name in visit.rings}
        agents: tuple[PictureAgent, ...] = tuple(self._agents.picture(talking, ringing, moment))
        return Snapshot(
            at=moment.at_ms,
            id=moment.name("picture", source),
            source=source,
            asked_at=self._picture.asked_ms,
            covers=frozenset(("agents", "waiting", "talking")),
            agents=agents[:PICTURE_MAX],
            calls=calls,
        )

    def _merged(self) -> Iterator[Visit]:
        rows = {row.get("uuid", ""): row for row in self._picture.members}
        in_call = {row["name"] for row in self._picture.agents if row.get("state") == IN_CALL}
        for visit in list(self._visits):
            row = rows.pop(visit.call, None)
            if visit.touched_ms >= self._fresh_ms:
                yield visit
            elif row is not None:
                # Whom the switch gave up while an agent answered is `Abandoned` in its list, and talks.
                stays = row.get("state") == "Abandoned" and visit.agent in in_call
                merged = visit if stays else self._listed(row, visit)
                if merged is not None:
                    yield merged
        for call, row in rows.items():
            ended_ms = self._visits.ended_ms(call)
            if call and (ended_ms is None or ended_ms < self._fresh_ms):
                merged = self._listed(row, None)
                if merged is not None:
                    yield merged

    def _listed(self, row: Row, known: Visit | None) -> Visit | None:
        """The visit that a row describes; `None` for the remains of one. We know its times more exactly."""
        state = row.get("state")
        joined_ms = epoch_ms(row.get("rejoined_epoch")) or epoch_ms(row.get("joined_epoch"))
        if state not in ("Waiting", "Trying", "Answered") or joined_ms is None:
            return None
        visit = known if known is not None and known.queue == row.get("queue") else None
        if visit is None:
            visit = Visit(row["uuid"], row.get("queue", ""), joined_ms, 0)
        serving = row.get("serving_agent", "")
        if state == "Answered":
            bridged_ms = epoch_ms(row.get("bridge_epoch")) or joined_ms
            if visit.answered_ms is None or visit.agent != serving:
                visit.agent, visit.answered_ms = serving, max(bridged_ms, visit.waiting_since_ms)
            self._visits.hush_all(visit)
            return visit
        visit.agent, visit.answered_ms = "", None
        for name in [name for name in visit.rings if serving not in (name, RING_ALL)]:
            self._visits.hush(visit, name)
        if state == "Trying" and serving and serving != RING_ALL:
            self._visits.ring(visit, serving)
        return visit

    def _calls(self, moment: Moment) -> Iterator[PictureCall]:
        for visit in self._visits:
            skill = self._queues.id_of(visit.queue, moment)
            if skill is None:
                continue
            if visit.answered_ms is not None:
                yield PictureCall(
                    call=visit.call,
                    skill=skill,
                    waiting_since=visit.waiting_since_ms,
                    answered_at=visit.answered_ms,
                    agent=self._agents.id_of(visit.agent, moment),
                )
            else:
                ringing = {self._agents.id_of(name, moment) for name in visit.rings}
                yield PictureCall(
                    call=visit.call,
                    skill=skill,
                    waiting_since=visit.waiting_since_ms,
                    ringing=frozenset(agent_id for agent_id in ringing if agent_id is not None),
                )
