"""What translators share: the instant of a message, the events told so far, and the ids of queues."""

from typing import Final, NamedTuple

from queuepulse.engine.events import NAME_MAX, Event, SkillConfigured
from queuepulse.sources.names import Names

SETTLE_MS: Final = 200
"""How long a thing is left open that a next message settles: on a busy switch they are milliseconds apart."""


class Moment(NamedTuple):
    """When a message says that it happened, on the switch's clock (epoch ms), and the name of that instant.

    `stamp` makes the ids of what it tells, from the switch's own numbers where it sends them: the same
    message on a second connection tells the same events.
    """

    at_ms: int
    stamp: str

    def name(self, what: str, *whom: object) -> str:
        """The id of an event told of this instant."""
        return "/".join((self.stamp, what, *map(str, whom)))


class Told:
    """The events of one source that are still to be taken from its translator."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Adds an event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """All since last asked."""
        events, self._events = self._events, []
        return events


class Queues:
    """The queues of a source, told to the log when they get an id. `sales@cc` is also known as `sales`."""

    def __init__(self, told: Told, names: Names) -> None:
        self._told = told
        self._names = names
        self._ids: dict[str, int] = {}

    def id_of(self, queue: str, moment: Moment) -> int | None:
        """The skill of this queue; `None` for no name, or when there is no id left."""
        skill = self._ids.get(queue)
        if skill is None and queue:
            skill = self._names.id_of(queue, queue.partition("@")[0])
            if skill is not None:
                self._ids[queue] = skill
                self._told.tell(
                    SkillConfigured(
                        at=moment.at_ms,
                        id=moment.name("queue", self._told.source, skill),
                        source=self._told.source,
                        skill=skill,
                        name=queue[:NAME_MAX],
                    )
                )
        return skill
