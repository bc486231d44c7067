"""A pass: one stay of one call in one queue, waiting and then perhaps talking."""

from queuepulse.engine.agents import Agent
from queuepulse.engine.queues import Queue


class Pass:
    """The live pass of a call.

    Instants are epoch ms. `answered_at_ms` is -1 while it waits. `agent_id` is who talks: 0 when nobody was
    named; he may be signed out, or never have signed in.
    `touched_ms` is the latest `at` of an event that named the call: a picture asked for before it knows less.
    `counted` says from which mark to which the limits it reached are told already, and by which own limit of
    the queue (ms). `visits` is, of a call that moved on, when it last came to each of its queues.
    """

    __slots__ = (
        "agent_id",
        "answered_at_ms",
        "call",
        "called",
        "caller",
        "counted",
        "hold_ms",
        "hold_since_ms",
        "inbound",
        "media",
        "offered_at_ms",
        "priority",
        "queue",
        "ringing",
        "source",
        "touched_ms",
        "visits",
        "waiting_since_ms",
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

    def touch(self, at_ms: int) -> None:
        """Notes that an event at `at_ms` named this call: an older picture knows less of it."""
        if at_ms > self.touched_ms:
            self.touched_ms = at_ms
