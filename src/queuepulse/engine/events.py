"""The events: everything the engine knows came in as one of these (events.md).

Each is a frozen value with the keys of the specification; `None` is absence.
They are decoded and validated in one step at the edge, by `codec`; nothing behind it checks them again.
"""

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

CC_MAX: Final = 65_535
"""Largest call center number: 16 bits on the wire."""
VDN_MAX: Final = 5_000
"""Largest virtual call center number (cms-api.md)."""
SKILL_MAX: Final = 10_000
"""Largest skill id by default; the setting `skill_max` replaces it for events and queries alike."""
SKILL_CEILING: Final = 1_000_000
"""Largest value the setting `skill_max` may take: ids stay small integers."""
AGENT_MAX: Final = 4_294_967_294
"""Largest agent id: 32 bits, the last of which is the wire's "no value"."""
AGENT_SKILLS_MAX: Final = 100
"""Skills one agent may have: it bounds the cost of one change of state."""
PICTURE_MAX: Final = 100_000
"""Agents, and calls, in one snapshot: it bounds the cost of one event."""
AT_MAX_MS: Final = 32_503_680_000_000
"""The year 3000: microseconds sent for milliseconds are refused instead of moving the clock for ever."""
DURATION_MAX_MS: Final = 2**31 - 1
"""Longest duration an event may carry, nearly 25 days: figures are at most 2^31-1."""
CAPACITY_MAX: Final = 65_535
"""Contacts an agent may take at once: 16 bits on the wire."""
NAME_MAX: Final = 200
"""Characters of a name, number or reason: enough for a person, too few to bloat a snapshot."""
MEDIA_PHONE: Final = 5
"""The media type of an agent who names none: the telephone (cms-api.md)."""
MAIN_SOURCE: Final = "main"
"""The source of an event that names none."""


class VdnKey(NamedTuple):
    """One virtual call center: the tenant, the partition key, and the scope of one engine.

    `cc` is the call center, 1-65535; `vdn` the virtual call center in it, 1-5000.
    """

    cc: int
    vdn: int


AtMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=AT_MAX_MS)]
DurationMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=DURATION_MAX_MS)]
SkillId: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=SKILL_CEILING)]
AgentId: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=AGENT_MAX)]
CallId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Skills: TypeAlias = Annotated[frozenset[SkillId], msgspec.Meta(max_length=AGENT_SKILLS_MAX)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=NAME_MAX)]
Reason: TypeAlias = Text | Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Media: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=255)]
Capacity: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=CAPACITY_MAX)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Direction: TypeAlias = Literal["in", "out"]
StateName: TypeAlias = Literal[
    "idle", "preoccupied", "occupied", "answering", "talking", "work", "busy", "rest", "study", "adjust"
]
LeftCause: TypeAlias = Literal[
    "abandoned", "timeout", "no_agent", "full", "key", "withdrawn", "overflowed", "closed"
]
Covered: TypeAlias = Literal["agents", "waiting", "talking"]
COVERED: Final = get_args(Covered)
"""All that a picture can cover."""


class Base(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type"):
    """The keys every event may carry.

    `at` is when it happened, epoch ms UTC; only the edge sees `None`, and fills it in.
    `id` names the event: seen again it changes nothing.
    `source` is the switch or program that tells it, `main` by default.
    `cc` and `vdn` name its VDN where the stream does not.
    """

    at: AtMs | None = None
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    cc: Annotated[int, msgspec.Meta(ge=1, le=CC_MAX)] | None = None
    vdn: Annotated[int, msgspec.Meta(ge=1, le=VDN_MAX)] | None = None


class AgentSignedIn(Base, frozen=True, kw_only=True, gc=False, tag="agent_signed_in"):
    """An agent signs in to these queues, or replaces the session he has."""

    agent: AgentId
    skills: Skills
    state: StateName | None = None
    capacity: Capacity | None = None
    media: Media | None = None


class AgentSignedOut(Base, frozen=True, kw_only=True, gc=False, tag="agent_signed_out"):
    """Ends the agent's ringing, wrap-up and session."""

    agent: AgentId


class AgentSkillsSet(Base, frozen=True, kw_only=True, gc=False, tag="agent_skills_set"):
    """The queues the agent is signed in to from now on."""

    agent: AgentId
    skills: Skills


class AgentStateSet(Base, frozen=True, kw_only=True, gc=False, tag="agent_state_set"):
    """Sets the agent's base state and ends a running wrap-up."""

    agent: AgentId
    state: StateName
    reason: Reason | None = None


class CallOffered(Base, frozen=True, kw_only=True, gc=False, tag="call_offered"):
    """A call enters a skill queue and waits: a pass begins."""

    call: CallId
    skill: SkillId
    direction: Direction | None = None
    media: Media | None = None
    caller: Text | None = None
    called: Text | None = None
    priority: Annotated[int, msgspec.Meta(ge=1, le=254)] | None = None
    since: AtMs | None = None


class CallAlerting(Base, frozen=True, kw_only=True, gc=False, tag="call_alerting"):
    """An agent's phone rings for a waiting call."""

    call: CallId
    agent: AgentId


class CallUnanswered(Base, frozen=True, kw_only=True, gc=False, tag="call_unanswered"):
    """That agent stops ringing; the call still waits."""

    call: CallId
    agent: AgentId
    cause: Literal["no_answer", "rejected", "busy", "canceled", "failed"] | None = None


class CallAnswered(Base, frozen=True, kw_only=True, gc=False, tag="call_answered"):
    """The wait ends, the talk begins."""

    call: CallId
    agent: AgentId | None = None
    skill: SkillId | None = None


class CallLeft(Base, frozen=True, kw_only=True, gc=False, tag="call_left"):
    """A waiting call leaves its queue unanswered."""

    call: CallId
    cause: LeftCause


class CallHeld(Base, frozen=True, kw_only=True, gc=False, tag="call_held"):
    """A talking call is put on hold."""

    call: CallId


class CallResumed(Base, frozen=True, kw_only=True, gc=False, tag="call_resumed"):
    """A held call talks again."""

    call: CallId


class CallReleased(Base, frozen=True, kw_only=True, gc=False, tag="call_released"):
    """The talk ends, and a wrap-up may begin."""

    call: CallId
    by: Literal["caller", "agent", "transfer", "system"] | None = None
    wrapup_ms: DurationMs | None = None


class SkillConfigured(Base, frozen=True, kw_only=True, gc=False, tag="skill_configured"):
    """Names a queue and sets its limits; absent keys stay as they are."""

    skill: SkillId
    name: Text | None = None
    media: Media | None = None
    answer_within_ms: DurationMs | None = None
    short_wait_ms: DurationMs | None = None
    max_waiting: Count | None = None
    max_wait_ms: DurationMs | None = None
    wrapup_ms: DurationMs | None = None


class AgentConfigured(Base, frozen=True, kw_only=True, gc=False, tag="agent_configured"):
    """Names an agent; absent keys stay as they are."""

    agent: AgentId
    name: Text | None = None
    phone: Text | None = None
    media: Media | None = None


class VdnConfigured(Base, frozen=True, kw_only=True, gc=False, tag="vdn_configured"):
    """Sets what changes the fold of this VDN; absent keys stay as they are."""

    name: Text | None = None
    timezone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    day_starts: Annotated[str, msgspec.Meta(min_length=5, max_length=5)] | None = None


class PictureAgent(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One signed-in agent of a snapshot; `state` is the effective one."""

    agent: AgentId
    skills: Skills
    state: StateName
    base: StateName | None = None
    since: AtMs | None = None
    capacity: Capacity | None = None
    media: Media | None = None
    reason: Reason | None = None
    wrapup_until: AtMs | None = None


class PictureCall(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One live call of a snapshot: it waits, or with `answered_at` talks."""

    call: CallId
    skill: SkillId
    waiting_since: AtMs
    direction: Direction | None = None
    ringing: Annotated[frozenset[AgentId], msgspec.Meta(max_length=PICTURE_MAX)] | None = None
    agent: AgentId | None = None
    answered_at: AtMs | None = None


class Snapshot(Base, frozen=True, kw_only=True, gc=False, tag="snapshot"):
    """A source's own picture of the VDN: asked for at `asked_at`, complete at `at`."""

    asked_at: AtMs
    covers: frozenset[Covered]
    agents: Annotated[tuple[PictureAgent, ...], msgspec.Meta(max_length=PICTURE_MAX)]
    calls: Annotated[tuple[PictureCall, ...], msgspec.Meta(max_length=PICTURE_MAX)]


class LinkLost(Base, frozen=True, kw_only=True, gc=False, tag="link_lost"):
    """The source no longer sees the switch."""


class LinkRestored(Base, frozen=True, kw_only=True, gc=False, tag="link_restored"):
    """The source sees the switch again."""


class SourceRestarted(Base, frozen=True, kw_only=True, gc=False, tag="source_restarted"):
    """The switch restarted: every live call and session of the source is over."""


class Clock(Base, frozen=True, kw_only=True, gc=False, tag="clock"):
    """Time has come to `at`. Only our own hub writes it."""


AgentEvent: TypeAlias = AgentSignedIn | AgentSignedOut | AgentSkillsSet | AgentStateSet
CallEvent: TypeAlias = (
    CallOffered
    | CallAlerting
    | CallUnanswered
    | CallAnswered
    | CallLeft
    | CallHeld
    | CallResumed
    | CallReleased
)
Event: TypeAlias = (
    AgentEvent
    | CallEvent
    | SkillConfigured
    | AgentConfigured
    | VdnConfigured
    | Snapshot
    | LinkLost
    | LinkRestored
    | SourceRestarted
    | Clock
)
