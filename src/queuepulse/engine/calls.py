"""A pass: one stay of one call in one queue, waiting and then perhaps talking; and its record."""

from typing import Final, NamedTuple

from queuepulse.engine.agents import Agent
from queuepulse.engine.queues import CAUSES, LEFT_CAUSES, Queue

OUTCOMES: Final = (*LEFT_CAUSES, "released", "transferred", "waiting", "talking")
"""How a pass ended, or in what it is; the index is what records have. What is `closed` may have talked."""
CLOSED: Final = CAUSES["closed"]
RELEASED: Final = OUTCOMES.index("released")
TRANSFERRED: Final = OUTCOMES.index("transferred")
WAITING: Final = OUTCOMES.index("waiting")
TALKING: Final = OUTCOMES.index("talking")
RINGS_MAX: Final = 64
"""Agents that a record names of those it rang at, and of those who had its talk before: the first ones."""


class Pass:
    """The pass of a call; when it has ended, it never changes again.

    Instants are epoch ms. `answered_at_ms` is -1 of one that waits or waited only, `ended_at_ms` of one that
    is live. `agent_id` is who talks: 0 when nobody was named; he may be signed out, or never have signed in.
    `touched_ms` is the latest `at` of an event that named the call: a picture asked for before it knows less.
    `counted` says from which mark to which the limits it reached are told already, and by which own limit of
    the queue (ms). `visits` is, of a call that moved on, when it last came to each of its queues.

    For its record: `call_at_ms` is when the first pass of the call was offered, `number` (from 1) which pass
    of the call this is, `place` which of the queue. `rang_at` are agents whom it rang at, each with when,
    `talked_until` those who had the talk before `talked_id`, each with until when. `wrapup_ms` was given.
    """

    __slots__ = (
        "agent_id",
        "answered_at_ms",
        "call",
        "call_at_ms",
        "called",
        "caller",
        "counted",
        "ended_at_ms",
        "hold_ms",
        "hold_since_ms",
        "inbound",
        "media",
        "number",
        "offered_at_ms",
        "outcome",
        "place",
        "priority",
        "queue",
        "rang_at",
        "ringing",
        "short",
        "source",
        "talked_id",
        "talked_until",
        "touched_ms",
        "visits",
        "wait_known",
        "waiting_since_ms",
        "wrapup_ms",
    )

    def __init__(
        self, call: str, queue: Queue, source: str, at_ms: int, waiting_since_ms: int, inbound: bool
    ) -> None:
        self.call = call
        self.queue = queue
        self.source = source
        self.inbound = inbound
        self.offered_at_ms = at_ms
        self.waiting_since_ms = waiting_since_ms
        self.answered_at_ms = -1
        self.agent_id = 0
        self.ringing: list[Agent] = []
        self.hold_since_ms = -1
        self.hold_ms = 0
        self.touched_ms = at_ms
        self.counted: tuple[int, int, int] | None = None
        self.visits: dict[int, int] | None = None
        self.media: int | None = None
        self.caller: str | None = None
        self.called: str | None = None
        self.priority: int | None = None
        self.call_at_ms = at_ms
        self.number = 1
        self.place = 0
        self.ended_at_ms = -1
        self.outcome = WAITING
        self.wait_known = True
        self.short = False
        self.talked_id = 0
        self.wrapup_ms = 0
        self.rang_at: list[int] | None = None
        self.talked_until: list[int] | None = None

    @property
    def skill(self) -> int:
        """The id of its queue."""
        return self.queue.skill

    def touch(self, at_ms: int) -> None:
        """Notes that an event at `at_ms` named this call: an older picture knows less of it."""
        if at_ms > self.touched_ms:
            self.touched_ms = at_ms

    def note_ring(self, agent_id: int, at_ms: int) -> None:
        """It begins to ring at the agent."""
        rang_at = self.rang_at
        if rang_at is None:
            self.rang_at = [agent_id, at_ms]
        elif len(rang_at) < 2 * RINGS_MAX:
            rang_at.append(agent_id)
            rang_at.append(at_ms)

    def note_talk_taken(self, at_ms: int) -> None:
        """He who talks does no longer, though the talk goes on."""
        if self.talked_until is None:
            self.talked_until = []
        if len(self.talked_until) < 2 * RINGS_MAX:
            self.talked_until += [self.agent_id, at_ms]


class PassRecord(NamedTuple):
    """What stays of a pass, by the names that `Pass` has for it."""

    call_at_ms: int
    call: str
    number: int
    skill: int
    place: int
    offered_at_ms: int
    waiting_since_ms: int
    answered_at_ms: int
    ended_at_ms: int
    outcome: int
    talked_id: int
    hold_ms: int
    wrapup_ms: int
    inbound: bool
    media: int | None
    priority: int | None
    caller: str | None
    called: str | None
    wait_known: bool
    short: bool
    rang_at: list[int] | None
    talked_until: list[int] | None
