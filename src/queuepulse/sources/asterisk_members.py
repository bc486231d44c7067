"""Members of Asterisk's queues, and the agents they are.

A member belongs to one queue; an agent is all members of one interface. A member counts while its device can
be reached. Paused in every queue, the agent is in the state of the reason; paused in some only, he is signed
in to the others. A device that is busy or rings without a queue call makes him `occupied` or `preoccupied`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from queuepulse.engine.events import (
    AGENT_SKILLS_MAX,
    NAME_MAX,
    PICTURE_MAX,
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentSkillsSet,
    AgentStateSet,
    PictureAgent,
)
from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_agents import (
    BUSY_STATES,
    UNREACHABLE,
    Agent,
    Member,
    Session,
    device_of,
    interface_of,
)
from queuepulse.sources.asterisk_headers import QueueTerms, text_of
from queuepulse.sources.names import PAUSE_STATES, Names, PauseReasons
from queuepulse.sources.telling import Moment, Queues, Told

UNEXPLAINED_MS: Final = 500
"""How long a busy device may wait for its queue call: the device tells first, the queue a little later."""


class Members:
    """All members, by interface.

    `skills` and `agents` give ids to queues and members, `reasons` states to pauses. `terms` are by skill.
    """

    def __init__(
        self,
        told: Told,
        skills: Queues,
        agents: Names,
        reasons: PauseReasons,
        terms: Mapping[int, QueueTerms],
    ) -> None:
        self._told = told
        self._skills = skills
        self._names = agents
        self._reasons = reasons
        self._terms = terms
        self._agents: dict[str, Agent] = {}
        self._by_id: dict[int, Agent] = {}
        self._labelled: set[int] = set()
        self._changed: Agent | None = None
        self._busy: dict[int, Agent] = {}

    # What the switch tells of members

    def note(self, message: Message, moment: Moment) -> None:
        """A member as an event shows it: added, or anything about it changed."""
        agent = self._agent_of(message, moment)
        skill = self._skills.id_of(message.get("Queue", ""), moment)
        if agent is None or skill is None:
            return
        self._change(agent, moment)
        agent.members[message["Queue"], interface_of(message)] = Member(skill, message)
        self._settle_if_even(agent)

    def remove(self, message: Message, moment: Moment) -> None:
        """A member is no longer one. A call of his goes on."""
        agent = self._agents.get(interface_of(message))
        if agent is not None:
            self._change(agent, moment)
            agent.members.pop((message.get("Queue", ""), interface_of(message)), None)
            self._settle_if_even(agent)

    def _settle_if_even(self, agent: Agent) -> None:
        """Paused in some queues only, a pause in the others may be on its way: one event for each queue."""
        if len({member.paused for member in agent.members.values()}) < 2:
            self.settle()

    def _change(self, agent: Agent, moment: Moment) -> None:
        if self._changed is not agent:
            self.settle()
        self._changed = agent
        agent.changed = moment
        agent.touched_ms = max(agent.touched_ms, moment.at_ms)

    def _agent_of(self, message: Message, moment: Moment) -> Agent | None:
        interface = interface_of(message)
        name = text_of(message, "MemberName") or text_of(message, "Name")
        agent = self._agents.get(interface)
        if agent is None:
            known = interface and len(self._agents) < PICTURE_MAX
            agent_id = self._names.id_of(interface, name or interface) if known else None
            if agent_id is None:
                return None
            agent = self._by_id.get(agent_id)
            if agent is None:
                agent = self._by_id[agent_id] = Agent(agent_id, interface)
            self._agents[interface] = agent
        agent.state_interface = message.get("StateInterface", agent.state_interface)
        # The first name stays: another queue may know the same interface by another one.
        if name and agent.id not in self._labelled:
            self._labelled.add(agent.id)
            self._told.tell(
                AgentConfigured(
                    at=moment.at_ms,
                    id=moment.name("agent", self._told.source, agent.id),
                    source=self._told.source,
                    agent=agent.id,
                    name=name,
                    phone=interface[:NAME_MAX],
                )
            )
        return agent

    # What calls tell of agents

    def id_of(self, message: Message, moment: Moment) -> int | None:
        """The agent that an event of a call names; None when there is no id left for him."""
        agent = self._agents.get(interface_of(message)) or self._agent_of(message, moment)
        return None if agent is None else agent.id

    def ring(self, agent_id: int, by: int, moment: Moment) -> None:
        """A queue call begins (`by` 1) or ceases (-1) to ring at him."""
        agent = self._by_id[agent_id]
        agent.rings += by
        self._engage(agent, moment)

    def talk(self, agent_id: int, by: int, moment: Moment) -> None:
        """A queue call begins (`by` 1) or ceases (-1) to talk to him."""
        agent = self._by_id[agent_id]
        agent.talks += by
        self._engage(agent, moment)

    def _engage(self, agent: Agent, moment: Moment) -> None:
        assert agent.rings >= 0 and agent.talks >= 0
        agent.touched_ms = max(agent.touched_ms, moment.at_ms)
        if agent.rings or agent.talks:
            agent.busy_since = None
            self._busy.pop(agent.id, None)
        else:
            self._watch(agent, moment)

    def begin_wrapup(self, agent_id: int, queue: str, skill: int, at_ms: int) -> int | None:
        """His talk in this queue ended; the length of his wrap-up in ms, None where nobody knows it."""
        agent = self._by_id[agent_id]
        terms = self._terms.get(skill)
        own_ms = max((m.wrapup_ms for (name, _), m in agent.members.items() if name == queue), default=0)
        wrapup_ms = own_ms or (terms.wrapup_ms if terms else None)
        if wrapup_ms:
            agent.wrapup_until_ms = max(agent.wrapup_until_ms, at_ms + wrapup_ms)
        return wrapup_ms

    def is_empty(self, queue: str) -> bool:
        """Whether nobody in this queue can be called: none there, reachable and not paused."""
        return not any(
            name == queue and not member.paused and member.status not in UNREACHABLE
            for agent in self._by_id.values()
            for (name, _), member in agent.members.items()
        )

    # Telling

    def concerns(self, interface: str) -> bool:
        """Whether a change that is not told yet may go on with an event of this interface."""
        return self._changed is None or self._agents.get(interface) is self._changed

    def settle(self) -> None:
        """Tells what changed of the agent that events came for last: all his queues in one."""
        agent, self._changed = self._changed, None
        if agent is not None and agent.changed is not None:
            self._watch(agent, agent.changed)
            self._tell(agent, self._session_of(agent), agent.changed)

    def advance(self, now_ms: int) -> None:
        """Tells what is due by `now_ms`: the change left open, and devices busy with no queue call."""
        if (
            self._changed is not None
            and self._changed.changed
            and now_ms - self._changed.changed.at_ms >= UNEXPLAINED_MS
        ):
            self.settle()
        if self._busy:
            for agent in list(self._busy.values()):
                moment = agent.busy_since
                if moment is not None and now_ms - moment.at_ms >= UNEXPLAINED_MS:
                    del self._busy[agent.id]
                    self._tell(agent, self._session_of(agent, unexplained=True), moment)

    def due_ms(self) -> int | None:
        """When `advance` has work next."""
        moments = [agent.busy_since for agent in self._busy.values()]
        if self._changed is not None:
            moments.append(self._changed.changed)
        return min((m.at_ms + UNEXPLAINED_MS for m in moments if m), default=None)

    def _watch(self, agent: Agent, moment: Moment) -> None:
        """Notes since when the device is busy though no queue call says why, or that it is not."""
        if agent.rings or agent.talks or agent.status not in BUSY_STATES:
            agent.busy_since = None
            self._busy.pop(agent.id, None)
        elif agent.busy_since is None:
            agent.busy_since = moment
            self._busy[agent.id] = agent

    def _session_of(self, agent: Agent, unexplained: bool = False) -> Session | None:
        members = [member for member in agent.members.values() if member.status not in UNREACHABLE]
        if not members:
            return None
        active = [member for member in members if not member.paused]
        skills = frozenset(sorted(member.skill for member in active or members)[:AGENT_SKILLS_MAX])
        if not active:
            latest = max(members, key=lambda member: member.paused_s)
            return Session(skills, self._reasons.state_of(latest.reason), latest.reason)
        busy = BUSY_STATES.get(agent.status)
        was_busy = agent.told is not None and agent.told.base in BUSY_STATES.values()
        alone = unexplained and not agent.rings and not agent.talks
        return Session(skills, busy if busy is not None and (alone or was_busy) else "idle", "")

    def _tell(self, agent: Agent, session: Session | None, moment: Moment) -> None:
        before, agent.told = agent.told, session
        if session == before:
            return
        tell, source, at_ms = self._told.tell, self._told.source, moment.at_ms
        if session is None:
            agent.wrapup_until_ms = 0
            tell(
                AgentSignedOut(
                    at=at_ms, id=moment.name("out", source, agent.id), source=source, agent=agent.id
                )
            )
            return
        skills, base, reason = session
        if before is None or (before.base != base and not {before.base, base} & set(PAUSE_STATES)):
            # For a device that grew busy or free too: unlike a new state it leaves a running wrap-up alone.
            tell(
                AgentSignedIn(
                    at=at_ms,
                    id=moment.name("in", source, agent.id),
                    source=source,
                    agent=agent.id,
                    skills=skills,
                    state=base,
                )
            )
            if not reason:
                return
        elif before.skills != skills:
            tell(
                AgentSkillsSet(
                    at=at_ms,
                    id=moment.name("skills", source, agent.id),
                    source=source,
                    agent=agent.id,
                    skills=skills,
                )
            )
        if before is None or (before.base, before.reason) != (base, reason):
            self._tell_state(agent, session, moment)

    def _tell_state(self, agent: Agent, session: Session, moment: Moment) -> None:
        """Tells his base state, which ends a wrap-up."""
        agent.wrapup_until_ms = 0
        self._told.tell(
            AgentStateSet(
                at=moment.at_ms,
                id=moment.name("state", self._told.source, agent.id),
                source=self._told.source,
                agent=agent.id,
                state=session.base,
                reason=session.reason or None,
            )
        )

    # The switch's own picture

    def repair(self, rows: Iterable[Message], asked_ms: int, moment: Moment) -> None:
        """Makes the members those of a picture, but for agents that an event since `asked_ms` touched."""
        self.settle()
        shown: dict[str, dict[str, Message]] = {interface: {} for interface in self._agents}
        for row in rows:
            shown.setdefault(interface_of(row), {})[row.get("Queue", "")] = row
        for interface, listed in shown.items():
            agent = self._agents.get(interface)
            if agent is None:
                agent = self._agent_of(next(iter(listed.values())), moment)
            if agent is None or agent.touched_ms >= asked_ms:
                continue
            for key in [key for key in agent.members if key[1] == interface]:
                del agent.members[key]
            for queue, row in listed.items():
                skill = self._skills.id_of(queue, moment)
                if skill is not None:
                    agent.members[queue, interface] = Member(skill, row, listed=True)

    def forget_all(self) -> None:
        """The switch restarted: nobody is a member until the next picture. Tells nothing."""
        self._changed = None
        self._busy.clear()
        for agent in self._by_id.values():
            agent.members.clear()
            agent.told = None
            agent.wrapup_until_ms = 0

    def picture(self, now_ms: int, first: bool) -> Iterator[PictureAgent]:
        """All signed-in agents as they are now; what the picture says of them counts as told.

        In a `first` picture it is said since when they are so, as far as whole seconds tell.
        """
        for agent in self._by_id.values():
            session = self._session_of(agent, unexplained=first or agent.id not in self._busy)
            agent.told = session
            if session is not None:
                yield self._shown(agent, session, now_ms, first)

    def _shown(self, agent: Agent, session: Session, now_ms: int, first: bool) -> PictureAgent:
        skills, base, reason = session
        state, since_ms = base, None
        if first:
            members = agent.members.values()
            since_ms = 1000 * max(max(m.paused_s, m.last_call_s, m.login_s) for m in members)
            for (queue, _), member in agent.members.items():
                if member.last_call_s:
                    self.begin_wrapup(agent.id, queue, member.skill, 1000 * member.last_call_s)
        if agent.talks or (any(member.in_call for member in agent.members.values()) and not agent.rings):
            state = "talking"
        elif agent.rings:
            state = "answering"
        elif agent.wrapup_until_ms > now_ms:
            state = "adjust"
        return PictureAgent(
            agent=agent.id,
            skills=skills,
            state=state,
            base=base,
            since=since_ms if since_ms and state == base and since_ms <= now_ms else None,
            reason=reason or None,
            wrapup_until=agent.wrapup_until_ms if agent.wrapup_until_ms > now_ms else None,
        )

    def agent_of_channel(self, channel: str) -> Agent | None:
        """Whose a channel is: its name is that of an interface, or of what tells its state, and a number."""
        device = device_of(channel)
        for agent in self._by_id.values():
            if device in (device_of(agent.interface + "-"), agent.state_interface):
                return agent
        return None

    def get(self, agent_id: int) -> Agent:
        """The agent of that id; there must be one."""
        return self._by_id[agent_id]
