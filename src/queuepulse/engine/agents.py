"""An agent: his session, and what he does in it."""

from librt.vecs import vec
from mypy_extensions import i64

from queuepulse.engine import states
from queuepulse.engine.queues import Queue


class Agent:
    """One agent of the VDN, signed in or not.

    `state` is the effective one, and `since_ms` when its spell began. `talks` counts the answered calls that
    are his, also those of an earlier session. `rings` holds the ids of the calls that ring at him.
    `wrapup_until_ms` is 0 when no wrap-up runs. `unexplained` is a state that a picture told and nothing
    explains: it holds until the next event of this agent; -1 when there is none. `spare` says that he is not
    idle and can take one more contact all the same (`capacity` > 1). `touched_ms` is the latest `at` of an
    event that named him. `wrapup_queue` is the queue after whose talk the wrap-up runs, since
    `wrapup_since_ms`. How he spends his time is told in facts up to `told_ms`, when he was in `told_state`;
    `changes` are those since, and `moved_ms` is when the state of `told_ms` began (`agent_time`).
    `rings_untold` are the calls that began to ring since the mark.
    """

    __slots__ = (
        "base",
        "capacity",
        "changes",
        "id",
        "media",
        "moved_ms",
        "name",
        "phone",
        "queues",
        "reason",
        "rings",
        "rings_untold",
        "since_ms",
        "skills",
        "source",
        "spare",
        "state",
        "talks",
        "told_ms",
        "told_state",
        "touched_ms",
        "unexplained",
        "wrapup_queue",
        "wrapup_since_ms",
        "wrapup_until_ms",
    )

    def __init__(self, agent_id: int) -> None:
        self.id = agent_id
        self.source = ""
        self.queues: tuple[Queue, ...] = ()
        self.skills: tuple[int, ...] = ()
        self.base = states.IDLE
        self.reason: str | int | None = None
        self.capacity = 1
        self.media: int | None = None
        self.state = states.SIGNED_OUT
        self.since_ms = 0
        self.talks = 0
        self.rings: dict[str, None] = {}
        self.rings_untold = 0
        self.wrapup_until_ms = 0
        self.wrapup_since_ms = 0
        self.wrapup_queue: Queue | None = None
        self.changes = vec[i64]()
        self.told_ms = 0
        self.told_state = states.SIGNED_OUT
        self.moved_ms = 0
        self.unexplained = -1
        self.spare = False
        self.touched_ms = 0
        self.name: str | None = None
        self.phone: str | None = None

    def touch(self, at_ms: int) -> None:
        """Notes that an event at `at_ms` named or moved this agent: an older picture knows less of him."""
        if at_ms > self.touched_ms:
            self.touched_ms = at_ms

    def natural_state(self) -> int:
        """The state that his calls, wrap-up and base give: the first that holds (statistics.md)."""
        if self.talks:
            return states.TALKING
        if self.rings:
            return states.ANSWERING
        if self.wrapup_until_ms:
            return states.ADJUST
        return self.base

    def has_spare(self, state: int, wrapup: bool) -> bool:
        """Whether he, though not idle, could take one more contact (statistics.md, `agentAvailableNums`).

        Asked for the effective state that he has or will have, and for whether a wrap-up runs then.
        """
        return (
            self.capacity > 1
            and state != states.IDLE
            and self.unexplained < 0
            and self.base == states.IDLE
            and not wrapup
            and self.talks + len(self.rings) < self.capacity
        )
