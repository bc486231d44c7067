"""Asterisk's queue_log, line by line, as our events: times in whole seconds, in the order of the file.

The log tells a call by its Uniqueid, a member by his name, and where he is added or removed by his interface.
Who gets a call is signed in, whatever was told before: static members are never added. Lines that a dialplan
wrote itself are passed over.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from queuepulse.engine.events import (
    AGENT_SKILLS_MAX,
    AT_MAX_MS,
    NAME_MAX,
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
    CallAnswered,
    CallLeft,
    CallOffered,
    CallReleased,
    Event,
    LeftCause,
    SourceRestarted,
    StateName,
)
from queuepulse.sources.asterisk_visits import call_id
from queuepulse.sources.names import Names, PauseReasons
from queuepulse.sources.telling import Moment, Queues, Told

LINE_MAX: Final = 8_192
"""Longest line taken (characters): Asterisk writes into a buffer of this many bytes."""
NONE: Final = "NONE"
NO_CALLS: Final = frozenset((NONE, "REALTIME", "MANAGER", "CLI"))
"""What stands for the call in a line that is about none."""
LEFT: Final[Mapping[str, LeftCause]] = {
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timeout",
    "EXITEMPTY": "no_agent",
    "EXITWITHKEY": "key",
    "WITHDRAW": "withdrawn",
}
"""Why a wait ended unanswered."""
RELEASED: Final[Mapping[str, Literal["caller", "agent", "transfer"]]] = {
    "COMPLETECALLER": "caller",
    "COMPLETEAGENT": "agent",
    "BLINDTRANSFER": "transfer",
    "ATTENDEDTRANSFER": "transfer",
    "TRANSFER": "transfer",
}
"""Who ended a talk."""


class Entry(NamedTuple):
    """One line: when (epoch ms), and its fields."""

    moment: Moment
    callid: str
    queue: str
    agent: str
    event: str
    fields: tuple[str, ...]

    def field(self, number: int) -> str:
        """A field behind the event's name, the first is 1; empty where there is none."""
        return self.fields[number - 1] if number <= len(self.fields) else ""


class Session(NamedTuple):
    """A signed-in agent as events tell him."""

    skills: frozenset[int]
    base: StateName
    reason: str


class Agent:
    """One agent: his queues, each with the reason of a pause or None; and the session that the log knows."""

    __slots__ = ("id", "is_logged_in", "queues", "told")

    def __init__(self, agent_id: int) -> None:
        self.id = agent_id
        self.is_logged_in = False
        self.queues: dict[str, str | None] = {}
        self.told: Session | None = None


class Translator:
    """One queue_log, from its beginning or from any line on.

    `source` names it in the log. `queues` and `agents` give ids, `reasons` states to pauses. `members` are
    names by interface, where they differ: the log never says both. Call `take` for each line and then take
    what `events` returns. `malformed` counts the lines that are none.
    """

    def __init__(
        self,
        source: str,
        queues: Names,
        agents: Names,
        reasons: PauseReasons,
        members: Mapping[str, str] | None = None,
    ) -> None:
        self._told = Told(source)
        self._queues = Queues(self._told, queues)
        self._names = agents
        self._reasons = reasons
        self._members = members or {}
        self._agents: dict[int, Agent] = {}
        self._ended_ms: dict[str, int] = {}
        self._second_ms = -1
        self._lines: dict[str, int] = {}
        self._rules = self._all_rules()
        self.malformed = 0

    def _all_rules(self) -> dict[str, Callable[[Entry], None]]:
        return {
            **dict.fromkeys(LEFT, self._left),
            **dict.fromkeys(RELEASED, self._released),
            "ENTERQUEUE": self._entered,
            "CONNECT": self._connected,
            "RINGNOANSWER": self._seen,
            "ADDMEMBER": self._added,
            "REMOVEMEMBER": self._removed,
            "PAUSE": self._paused,
            "UNPAUSE": self._paused,
            "PAUSEALL": self._paused,
            "UNPAUSEALL": self._paused,
            "AGENTLOGIN": self._logged_in,
            "AGENTCALLBACKLOGIN": self._logged_in,
            "AGENTLOGOFF": self._logged_off,
            "AGENTCALLBACKLOGOFF": self._logged_off,
            "QUEUESTART": self._started,
            "CONFIGRELOAD": self._started,
        }

    def take(self, line: str) -> None:
        """One line, without or with its end."""
        line = line.rstrip("\r\n")
        if not line:
            return
        entry = self._entry(line)
        if entry is None:
            self.malformed += 1
            return
        rule = self._rules.get(entry.event)
        if rule is not None:
            rule(entry)

    def events(self) -> list[Event]:
        """The events since last asked, in order."""
        return self._told.take()

    def _entry(self, line: str) -> Entry | None:
        """The fields of a line, `None` for one that is none. Newer fields at its end do no harm."""
        fields = line.split("|") if len(line) <= LINE_MAX else []
        if len(fields) < 5:
            return None
        seconds = fields[0].partition(".")[0]
        if not (seconds.isascii() and seconds.isdigit() and int(seconds[:12]) * 1000 <= AT_MAX_MS):
            return None
        at_ms = int(seconds) * 1000
        if at_ms != self._second_ms:
            self._second_ms, self._lines = at_ms, {}
        # The same line twice in one second is two happenings; the same file read twice is not.
        again = self._lines[line] = self._lines.get(line, -1) + 1
        digest = hashlib.blake2b(line.encode(), digest_size=8).hexdigest()
        stamp = f"{seconds}-{digest}-{again}"
        callid, queue, agent, event = fields[1:5]
        return Entry(Moment(at_ms, stamp), callid, queue, agent, event, tuple(fields[5:]))

    # Calls

    def _call(self, entry: Entry) -> tuple[str, int] | None:
        """The visit of a line, and its skill: one call may visit several queues under one Uniqueid."""
        is_call = entry.queue != NONE and entry.callid and entry.callid not in NO_CALLS
        skill = self._queues.id_of(entry.queue, entry.moment) if is_call else None
        if skill is None:
            self.malformed += 1
            return None
        return call_id(self._told.source, entry.callid, skill), skill

    def _entered(self, entry: Entry) -> None:
        found = self._call(entry)
        if found is None:
            return
        call, skill = found
        # Back in the same queue within the second: the second visit begins after the first.
        at_ms = max(entry.moment.at_ms, self._ended_ms.get(call, -1) + 1)
        self._told.tell(
            CallOffered(
                at=at_ms,
                id=entry.moment.name("offered"),
                source=self._told.source,
                call=call,
                skill=skill,
                caller=entry.field(2)[:NAME_MAX] or None,
            )
        )

    def _connected(self, entry: Entry) -> None:
        found = self._call(entry)
        if found is None:
            return
        agent = self._be_in(entry)
        self._told.tell(
            CallAnswered(
                at=self._at(found[0], entry),
                id=entry.moment.name("answered"),
                source=self._told.source,
                call=found[0],
                skill=found[1],
                agent=agent.id if agent else None,
            )
        )

    def _left(self, entry: Entry) -> None:
        found = self._call(entry)
        if found is not None:
            at_ms = self._end(found[0], entry)
            id_, cause = entry.moment.name("left"), LEFT[entry.event]
            self._told.tell(CallLeft(at=at_ms, id=id_, source=self._told.source, call=found[0], cause=cause))

    def _released(self, entry: Entry) -> None:
        found = self._call(entry)
        if found is not None:
            at_ms = self._end(found[0], entry)
            id_, by = entry.moment.name("released"), RELEASED[entry.event]
            self._told.tell(CallReleased(at=at_ms, id=id_, source=self._told.source, call=found[0], by=by))

    def _at(self, call: str, entry: Entry) -> int:
        return max(entry.moment.at_ms, self._ended_ms.get(call, -1))

    def _end(self, call: str, entry: Entry) -> int:
        """When the visit ended; remembered within the second, as no later one can be mistaken for it."""
        at_ms = self._at(call, entry)
        if self._ended_ms and next(iter(self._ended_ms.values())) + 1000 < at_ms:
            self._ended_ms.clear()
        self._ended_ms[call] = at_ms
        return at_ms

    # Agents

    def _agent(self, entry: Entry) -> Agent | None:
        name = self._members.get(entry.agent, entry.agent)
        agent_id = self._names.id_of(name, entry.agent) if name and name != NONE else None
        if agent_id is None:
            return None
        agent = self._agents.get(agent_id)
        if agent is None:
            agent = self._agents[agent_id] = Agent(agent_id)
            id_ = entry.moment.name("agent", self._told.source, agent_id)
            source, at_ms = self._told.source, entry.moment.at_ms
            self._told.tell(
                AgentConfigured(at=at_ms, id=id_, source=source, agent=agent_id, name=name[:NAME_MAX])
            )
        return agent

    def _be_in(self, entry: Entry) -> Agent | None:
        """Who gets a call of a queue is signed in to it, and not paused there."""
        agent = self._agent(entry)
        if agent is not None and agent.queues.get(entry.queue, "?") is not None:
            agent.queues[entry.queue] = None
            self._tell(agent, entry.moment)
        return agent

    def _seen(self, entry: Entry) -> None:
        self._be_in(entry)

    def _added(self, entry: Entry) -> None:
        agent = self._agent(entry)
        if agent is not None and entry.queue != NONE:
            agent.queues[entry.queue] = "" if entry.field(1) == "PAUSED" else None
            self._tell(agent, entry.moment)

    def _removed(self, entry: Entry) -> None:
        agent = self._agent(entry)
        if agent is not None:
            agent.queues.pop(entry.queue, None)
            self._tell(agent, entry.moment)

    def _paused(self, entry: Entry) -> None:
        """A pause or its end, in one queue or in all; of all the lines of one, the first says it."""
        agent = self._agent(entry)
        if agent is None:
            return
        reason = None if entry.event.startswith("UN") else entry.field(1)[:NAME_MAX]
        for queue in list(agent.queues) if entry.queue == NONE else [entry.queue]:
            agent.queues[queue] = reason
        self._tell(agent, entry.moment)

    def _logged_in(self, entry: Entry) -> None:
        agent = self._agent(entry)
        if agent is not None:
            agent.is_logged_in = True
            self._tell(agent, entry.moment)

    def _logged_off(self, entry: Entry) -> None:
        agent = self._agent(entry)
        if agent is not None:
            agent.is_logged_in = False
            agent.queues.clear()
            self._tell(agent, entry.moment)

    def _session(self, agent: Agent, moment: Moment) -> Session | None:
        """Paused everywhere he is in the state of the reason; paused in some queues, he is in the others."""
        if not agent.queues and not agent.is_logged_in:
            return None
        free = [queue for queue, reason in agent.queues.items() if reason is None]
        paused = [reason for reason in agent.queues.values() if reason is not None] if not free else []
        ids = {self._queues.id_of(queue, moment) for queue in free or agent.queues}
        skills = frozenset(sorted(skill for skill in ids if skill is not None)[:AGENT_SKILLS_MAX])
        if not paused:
            return Session(skills, "idle", "")
        return Session(skills, self._reasons.state_of(paused[0]), paused[0])

    def _tell(self, agent: Agent, moment: Moment) -> None:
        """Tells what changed of his session."""
        before, session = agent.told, self._session(agent, moment)
        if session == before:
            return
        agent.told = session
        at_ms, source, tell, number = moment.at_ms, self._told.source, self._told.tell, agent.id
        if session is None:
            tell(AgentSignedOut(at=at_ms, id=moment.name("out"), source=source, agent=number))
            return
        skills, base, reason = session
        if before is None:
            id_ = moment.name("in")
            tell(AgentSignedIn(at=at_ms, id=id_, source=source, agent=number, skills=skills, state=base))
            return
        if skills != before.skills:
            id_ = moment.name("skills")
            tell(AgentSkillsSet(at=at_ms, id=id_, source=source, agent=number, skills=skills))
        if (base, reason) != (before.base, before.reason):
            id_, why = moment.name("state"), reason or None
            tell(AgentStateSet(at=at_ms, id=id_, source=source, agent=number, state=base, reason=why))

    # The switch

    def _started(self, entry: Entry) -> None:
        """The switch, or its logger, began anew: what was open then has no end in the log."""
        for agent in self._agents.values():
            agent.told = None
            agent.is_logged_in = False
            agent.queues.clear()
        id_ = entry.moment.name("restarted")
        self._told.tell(SourceRestarted(at=entry.moment.at_ms, id=id_, source=self._told.source))
