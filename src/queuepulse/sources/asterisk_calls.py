"""The calls of an Asterisk: what concerns waiting and talking alike, and what only time settles."""

from collections.abc import Mapping
from typing import Final

from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_headers import QueueTerms
from queuepulse.sources.asterisk_members import Members
from queuepulse.sources.asterisk_talks import Talks
from queuepulse.sources.asterisk_visits import Visit, Visits
from queuepulse.sources.asterisk_waits import Waits
from queuepulse.sources.telling import SETTLE_MS, Moment, Queues, Told

ANSWER_MS: Final = 60_000
"""How long an answered leg may keep the caller from its agent: a subroutine may run before they talk."""


class Calls:
    """The visits of one source, and the two halves that know what its events mean for them."""

    def __init__(self, told: Told, queues: Queues, members: Members, terms: Mapping[int, QueueTerms]) -> None:
        self._members = members
        self.visits = Visits(told.source)
        self.waits = Waits(told, queues, members, self.visits, terms)
        self.talks = Talks(told, queues, members, self.visits, self.waits)

    def join(self, message: Message, moment: Moment) -> None:
        """QueueCallerJoin: a caller enters a queue, perhaps out of a talk."""
        self.talks.back(message, moment)
        self.waits.join(message, moment)

    def hangup(self, message: Message, moment: Moment) -> None:
        """Hangup: a channel is gone."""
        self.waits.hangup(message, moment)
        self.talks.hangup(message, moment)

    def advance(self, now_ms: int) -> None:
        """Settles what no event has settled by `now_ms`."""
        for visit in list(self.visits.open):
            if now_ms >= _settled_ms(visit):
                if visit.answered_ms is None:
                    self.waits.settle(visit)
                else:
                    self.talks.settle(visit)

    def due_ms(self) -> int | None:
        """When `advance` has work next."""
        return min(map(_settled_ms, self.visits.open), default=None)

    def forget_all(self, moment: Moment) -> None:
        """The switch restarted: all visits are over. Tells nothing."""
        for visit in list(self.visits):
            self.talks.forget(visit, moment)


def _settled_ms(visit: Visit) -> int:
    """Until when the visit's question may stay open."""
    assert visit.asked is not None
    return visit.asked.at_ms + (ANSWER_MS if visit.question == "answer" else SETTLE_MS)
