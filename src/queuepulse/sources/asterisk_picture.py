"""The switch's own picture: lists asked for, made one, and laid over what the events told.

What an event at `asked_ms` or later touched is left as it is: a list takes time, and events may overtake it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from queuepulse.engine.events import PICTURE_MAX, Covered, PictureCall
from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_calls import Calls
from queuepulse.sources.asterisk_headers import number_of
from queuepulse.sources.asterisk_members import Members
from queuepulse.sources.asterisk_visits import Visit
from queuepulse.sources.asterisk_waits import place_of
from queuepulse.sources.telling import Moment, Queues

QUEUE_APP: Final = "Queue"
"""The application of a caller's channel while he waits, and while he talks."""


class Picture:
    """One picture on its way.

    Asked for at `asked_ms` and complete at `complete_ms`, on the switch's clock. `asked` are its actions, by
    ActionID, and `missing` those of them whose answers are not complete. `hung_up` are the channels that went
    since.
    """

    def __init__(self, asked_ms: int, asked: Mapping[str, str]) -> None:
        self.asked_ms = asked_ms
        self.asked = asked
        self.missing = set(asked.values())
        self.complete_ms: int | None = None
        self.queues: list[str] = []
        self.members: list[Message] = []
        self.entries: list[Message] = []
        self.channels: list[Message] = []
        self.hung_up: set[str] = set()
        self.has_queues = False
        self.has_channels = False

    def add(self, row: Message) -> None:
        """A row of a list, or its end."""
        match row["Event"]:
            case "QueueMember":
                self.members.append(row)
            case "QueueEntry":
                self.entries.append(row)
            case "QueueParams":
                self.queues.append(row.get("Queue", ""))
            case "CoreShowChannel":
                self.channels.append(row)
            case "QueueStatusComplete":
                self.has_queues = True
                self.missing.discard("QueueStatus")
            case "CoreShowChannelsComplete":
                self.has_channels = True
                self.missing.discard("CoreShowChannels")

    @property
    def is_too_large(self) -> bool:
        """Whether it holds more rows than an event may."""
        return max(len(self.members), len(self.entries), len(self.channels)) > PICTURE_MAX

    @property
    def covers(self) -> frozenset[Covered]:
        """What it says something about."""
        covered: frozenset[Covered] = frozenset({"agents", "waiting"})
        return covered | {"talking"} if self.has_channels else covered


class Repair:
    """A complete picture laid over members and calls."""

    def __init__(
        self, picture: Picture, queues: Queues, members: Members, calls: Calls, moment: Moment
    ) -> None:
        self._picture = picture
        self._queues = queues
        self._members = members
        self._calls = calls
        self._moment = moment
        live = [row for row in picture.channels if row.get("Uniqueid", "") not in picture.hung_up]
        self._channels = {row.get("Uniqueid", ""): row for row in live}
        self._bridges: dict[str, list[Message]] = {}
        for row in live:
            self._bridges.setdefault(row.get("BridgeId") or row.get("BridgeID", ""), []).append(row)
        self._bridges.pop("", None)

    def run(self) -> None:
        """Makes members and calls what the picture shows."""
        for queue in self._picture.queues:
            self._queues.id_of(queue, self._moment)
        self._members.repair(self._picture.members, self._picture.asked_ms, self._moment)
        if self._picture.has_channels:
            self._talking()
        self._waiting()

    def _is_older(self, visit: Visit) -> bool:
        """Whether the picture knows more of it than the events do."""
        return visit.touched_ms < self._picture.asked_ms and visit.question in (None, "answer")

    def _waiting(self) -> None:
        shown = {(row.get("Uniqueid", ""), row.get("Queue", "")): row for row in self._picture.entries}
        for visit in list(self._calls.visits):
            names = [visit.uniqueid, *visit.aliases]
            row = next((row for name in names if (row := shown.pop((name, visit.queue), None))), None)
            if row is not None:
                self._learn(visit)
            elif visit.answered_ms is None and self._is_older(visit) and not self._is_between(visit):
                self._calls.talks.forget(visit, self._moment)
        for (uniqueid, queue), row in shown.items():
            skill = self._queues.id_of(queue, self._moment)
            if (
                skill is not None
                and uniqueid
                and not self._calls.visits.ended_since(uniqueid, skill, self._picture.asked_ms)
            ):
                # Wait is the difference of two whole seconds: the middle of the first is closest.
                second = self._picture.asked_ms // 1000 - number_of(row, "Wait")
                visit = self._calls.visits.add(
                    uniqueid, queue, skill, min(1000 * second + 500, self._picture.asked_ms)
                )
                self._learn(visit)

    def _is_between(self, visit: Visit) -> bool:
        """Whether he has left for an agent who does not talk to him yet: a subroutine runs."""
        row = self._channels.get(visit.caller)
        return visit.question == "answer" and row is not None and row.get("Application") == QUEUE_APP

    def _learn(self, visit: Visit) -> None:
        """Takes from the caller's channel what only the list of channels tells of a wait."""
        row = self._channels.get(visit.caller)
        if row is None or row.get("Application") != QUEUE_APP:
            return
        options = row.get("ApplicationData", "").split(",")
        if len(options) > 4 and options[0] == visit.queue and options[4].isdigit():
            visit.max_wait_ms = 1000 * int(options[4])
        if visit.place is None and "Context" in row:
            visit.place = place_of(row)
        if visit.linkedid == visit.uniqueid:
            visit.linkedid = row.get("Linkedid", visit.linkedid)

    def _talking(self) -> None:
        for visit in list(self._calls.visits):
            if visit.answered_ms is not None and self._is_older(visit) and not self._talks(visit):
                self._calls.talks.forget(visit, self._moment)
        for bridge, rows in self._bridges.items():
            for row in rows:
                if row.get("Application") == QUEUE_APP:
                    self._talk(row, bridge, [other for other in rows if other is not row])

    def _talks(self, visit: Visit) -> bool:
        row = self._channels.get(visit.caller)
        if row is None:
            return False
        bridge = row.get("BridgeId") or row.get("BridgeID", "")
        return bool(bridge) and (row.get("Application") == QUEUE_APP or bridge == visit.bridge)

    def _talk(self, row: Message, bridge: str, others: Iterable[Message]) -> None:
        """A caller's channel in a bridge: known already, answered unheard by us, or new to us."""
        uniqueid = row.get("Uniqueid", "")
        visits = self._calls.visits.of_caller(uniqueid)
        if any(visit.answered_ms is not None or not self._is_older(visit) for visit in visits):
            return
        found = ((other, self._members.agent_of_channel(other.get("Channel", ""))) for other in others)
        phone, agent = next(((other, agent) for other, agent in found if agent is not None), (None, None))
        visit = next(iter(visits), None)
        began_ms = self._picture.asked_ms - 1000 * _duration_s(phone or row)
        if visit is None:
            queue = row.get("ApplicationData", "").split(",")[0]
            if not queue and agent is not None:
                of_call = [name for (name, _), member in agent.members.items() if member.in_call]
                all_his = [name for name, _ in agent.members]
                queue = of_call[0] if of_call else all_his[0] if len(all_his) == 1 else ""
            skill = self._queues.id_of(queue, self._moment)
            if skill is None or self._calls.visits.ended_since(uniqueid, skill, self._picture.asked_ms):
                return
            visit = self._calls.visits.add(uniqueid, queue, skill, began_ms)
        answered_ms = max(visit.joined_ms, began_ms)
        visit.bridge = bridge
        self._calls.talks.take_up(
            visit,
            None if agent is None else agent.id,
            "" if phone is None else phone.get("Uniqueid", ""),
            Moment(answered_ms, self._moment.stamp),
        )

    def calls(self, covers: frozenset[Covered]) -> Iterator[PictureCall]:
        """All calls as they are now."""
        for visit in self._calls.visits:
            if visit.answered_ms is None:
                yield PictureCall(
                    call=visit.call,
                    skill=visit.skill,
                    waiting_since=visit.joined_ms,
                    ringing=frozenset(visit.legs.values()),
                )
            elif "talking" in covers:
                yield PictureCall(
                    call=visit.call,
                    skill=visit.skill,
                    waiting_since=visit.joined_ms,
                    agent=visit.agent_id,
                    answered_at=visit.answered_ms,
                )


def _duration_s(row: Message) -> int:
    """Since when a channel is there: `Duration` is HH:MM:SS, hours may be many; 0 where it is not told."""
    parts = row.get("Duration", "").split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return 0
    hours, minutes, seconds = map(int, parts)
    return 3600 * hours + 60 * minutes + seconds
