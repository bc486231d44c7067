"""FreeSWITCH's agents: their status and state, their queues (tiers), and the sessions that events tell.

No event tells of a tier or of the end of a wrap-up: the first comes from the switch's lists, and from being
offered a call of a queue; the second is a timer of ours.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from queuepulse.engine.events import (
    AGENT_SKILLS_MAX,
    NAME_MAX,
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
    PictureAgent,
    StateName,
)
from queuepulse.sources.esl import Message
from queuepulse.sources.freeswitch_visits import epoch_ms
from queuepulse.sources.names import Names, PauseReasons
from queuepulse.sources.telling import Moment, Queues, Told

LOGGED_OUT: Final = "Logged Out"
ON_BREAK: Final = "On Break"
AVAILABLE: Final = "Available"
IDLE: Final = "Idle"
IN_CALL: Final = "In a queue call"
RECEIVING: Final = "Receiving"
RESERVED: Final = "Reserved"
REASONS: Final[Mapping[str, StateName]] = {ON_BREAK: "busy", IDLE: "work"}
"""What FreeSWITCH's own words stand for, beneath the configuration. A free agent whose state is `Idle` gets
no call until he says so: an on-demand agent after each call."""


class Session(NamedTuple):
    """A signed-in agent as events tell him."""

    skills: frozenset[int]
    base: StateName
    reason: str | None


class Agent:
    """One agent. `wrapup_until_ms` is on the switch's clock, `touched_ms` on ours.

    `told` is the session that the log knows, `None` for signed out. `since_ms` is the earliest instant his
    present state can have begun, `None` once events told of it.
    """

    __slots__ = (
        "contact",
        "id",
        "name",
        "queues",
        "since_ms",
        "state",
        "status",
        "told",
        "touched_ms",
        "wrapup_ms",
        "wrapup_until_ms",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.id: int | None = None
        self.contact = ""
        self.status = LOGGED_OUT
        self.state = ""
        self.queues: set[str] = set()
        self.wrapup_ms: int | None = None
        self.wrapup_until_ms = 0
        self.since_ms: int | None = None
        self.told: Session | None = None
        self.touched_ms = 0


class Agents:
    """All agents, by name. `queues` and `names` give ids, `reasons` states to what keeps him from calls."""

    def __init__(self, told: Told, queues: Queues, names: Names, reasons: PauseReasons) -> None:
        self._told = told
        self._queues = queues
        self._names = names
        self._reasons = reasons
        self._agents: dict[str, Agent] = {}

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents.values())

    def get(self, name: str) -> Agent:
        """The agent of this name."""
        agent = self._agents.get(name)
        if agent is None:
            agent = self._agents[name] = Agent(name)
        return agent

    def id_of(self, name: str, moment: Moment) -> int | None:
        """His id, told to the log when he gets it; `None` for no name, or when there is no id left."""
        if not name:
            return None
        agent = self.get(name)
        if agent.id is None:
            agent.id = self._names.id_of(name, name.partition("@")[0], agent.contact)
            if agent.id is not None:
                self._told.tell(
                    AgentConfigured(
                        at=moment.at_ms,
                        id=moment.name("agent", self._told.source, agent.id),
                        source=self._told.source,
                        agent=agent.id,
                        name=name[:NAME_MAX],
                        phone=agent.contact[:NAME_MAX] or None,
                    )
                )
        return agent.id

    # What events tell

    def status(self, message: Message, moment: Moment, now_ms: int) -> bool:
        """A new status; whether he signs in and nobody told his queues yet."""
        agent = self._touch(message, now_ms)
        agent.status = message.headers.get("CC-Agent-Status", agent.status)
        self._tell(agent, moment)
        return agent.told is not None and not agent.queues

    def state(self, message: Message, moment: Moment, now_ms: int) -> Agent:
        """A new state, which says nothing of queue or caller."""
        agent = self._touch(message, now_ms)
        agent.state = message.headers.get("CC-Agent-State", agent.state)
        self._tell(agent, moment)
        return agent

    def contact(self, message: Message, now_ms: int) -> None:
        """Another phone."""
        agent = self._touch(message, now_ms)
        agent.contact = message.headers.get("CC-Agent-Contact", agent.contact)

    def offered(self, name: str, queue: str, moment: Moment, now_ms: int) -> None:
        """He gets a call of this queue: so he is signed in, and there, whatever was told before."""
        agent = self.get(name)
        agent.touched_ms = now_ms
        if agent.status == LOGGED_OUT:
            agent.status = AVAILABLE
        agent.queues.add(queue)
        self._tell(agent, moment)

    def _touch(self, message: Message, now_ms: int) -> Agent:
        agent = self.get(message.headers.get("CC-Agent", ""))
        agent.touched_ms = now_ms
        return agent

    def _base(self, agent: Agent) -> tuple[StateName, str | None]:
        if agent.status == ON_BREAK:
            return self._reasons.state_of(ON_BREAK), ON_BREAK
        if agent.state == IDLE:
            return self._reasons.state_of(IDLE), IDLE
        return ("preoccupied" if agent.state == RESERVED else "idle"), None

    def _session(self, agent: Agent, moment: Moment) -> Session | None:
        if agent.status == LOGGED_OUT or not agent.name:
            return None
        skills = {self._queues.id_of(queue, moment) for queue in sorted(agent.queues)}
        known = sorted(skill for skill in skills if skill is not None)
        return Session(frozenset(known[:AGENT_SKILLS_MAX]), *self._base(agent))

    def _tell(self, agent: Agent, moment: Moment) -> None:
        """Tells what changed of his session."""
        before, session = agent.told, self._session(agent, moment)
        agent_id = self.id_of(agent.name, moment) if session != before else None
        if agent_id is None:
            return
        agent.told, agent.since_ms = session, None
        at_ms, source, tell = moment.at_ms, self._told.source, self._told.tell
        if session is None:
            id_ = moment.name("out", agent_id)
            tell(AgentSignedOut(at=at_ms, id=id_, source=source, agent=agent_id))
            agent.wrapup_until_ms = 0
            return
        skills, base, reason = session
        if before is None:
            id_ = moment.name("in", agent_id)
            tell(AgentSignedIn(at=at_ms, id=id_, source=source, agent=agent_id, skills=skills, state=base))
            return
        if skills != before.skills:
            id_ = moment.name("skills", agent_id)
            tell(AgentSkillsSet(at=at_ms, id=id_, source=source, agent=agent_id, skills=skills))
        if (base, reason) != (before.base, before.reason):
            agent.wrapup_until_ms = 0
            id_ = moment.name("state", agent_id)
            tell(AgentStateSet(at=at_ms, id=id_, source=source, agent=agent_id, state=base, reason=reason))

    # What the switch's lists say

    def listed(self, rows: Iterable[Mapping[str, str]], tiers: Mapping[str, set[str]], asked_ms: int) -> None:
        """Takes over the list of agents, but for those of whom an event told since it was asked for."""
        agents = {}
        for row in rows:
            name = row["name"]
            agent = agents[name] = self.get(name)
            agent.contact = row.get("contact", "")
            agent.wrapup_ms = epoch_ms(row.get("wrap_up_time")) or 0
            if agent.touched_ms >= asked_ms and agent.touched_ms:
                agent.queues |= tiers.get(name, set())
                continue
            agent.queues = set(tiers.get(name, ()))
            agent.status = row.get("status", LOGGED_OUT)
            agent.state = row.get("state", "")
            if agent.told is None:
                self._reckon(agent, row)
        for name, agent in self._agents.items():
            if name not in agents and agent.touched_ms >= asked_ms and agent.touched_ms:
                agents[name] = agent
        self._agents = agents

    def _reckon(self, agent: Agent, row: Mapping[str, str]) -> None:
        """Of an agent new to us: until when he wraps up, and since when he can be what he is."""
        ended_ms = epoch_ms(row.get("last_bridge_end"))
        agent.wrapup_until_ms = ended_ms + (agent.wrapup_ms or 0) if ended_ms else 0
        columns = ("last_status_change", "last_offered_call", "last_bridge_start")
        agent.since_ms = max(agent.wrapup_until_ms, *(epoch_ms(row.get(column)) or 0 for column in columns))

    def picture(self, talking: set[str], ringing: set[str], moment: Moment) -> Iterator[PictureAgent]:
        """Those signed in, as a snapshot holds them; from now on the log knows them so."""
        for agent in self._agents.values():
            agent.told = session = self._session(agent, moment)
            agent_id = self.id_of(agent.name, moment) if session is not None else None
            if session is None or agent_id is None:
                continue
            state, wrapup_until_ms = session.base, None
            if agent.name in talking or agent.state == IN_CALL:
                state = "talking"
            elif agent.name in ringing or agent.state == RECEIVING:
                state = "answering"
            elif agent.wrapup_until_ms > moment.at_ms and session.base == "idle":
                state, wrapup_until_ms = "adjust", agent.wrapup_until_ms
            since_ms, agent.since_ms = agent.since_ms, None
            yield PictureAgent(
                agent=agent_id,
                skills=session.skills,
                state=state,
                base=session.base,
                # An instant still to come is the end of the wrap-up that he is in.
                since=since_ms if state == session.base and since_ms and since_ms <= moment.at_ms else None,
                reason=session.reason,
                wrapup_until=wrapup_until_ms,
            )
