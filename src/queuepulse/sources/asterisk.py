"""Asterisk as a source: the switch's messages to our events, and what it is asked.

Pure: messages come in with the time of their arrival, events go out, and actions are values that whoever has
the socket sends. Times of events are those of the switch's clock, where it tells them (`timestampevents`).
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from queuepulse.engine.events import Event, LinkLost, LinkRestored, Snapshot, SourceRestarted
from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_agents import interface_of
from queuepulse.sources.asterisk_calls import Calls
from queuepulse.sources.asterisk_headers import QueueTerms, number_of
from queuepulse.sources.asterisk_members import Members
from queuepulse.sources.asterisk_picture import Picture, Repair
from queuepulse.sources.names import Names, PauseReasons
from queuepulse.sources.telling import SETTLE_MS, Moment, Queues, Told

Rule = Callable[[Message, Moment], None]

RESYNC_MS: Final = 60_000
"""How often the switch is asked for its own picture where the configuration does not say."""
PICTURE_MS: Final = 30_000
"""How long a picture may take before it is given up and asked for anew."""
BOOT_SLACK_MS: Final = 5_000
"""How far two reckonings of one start of the switch may be apart: uptime comes in whole seconds."""
BOOTING_MS: Final = 2_000
"""A FullyBooted this soon after the login only greets; a later one means that queues have come since."""
LISTS: Final[Mapping[str, str]] = {
    "QueueStatus": "QueueStatusComplete",
    "CoreShowChannels": "CoreShowChannelsComplete",
}
"""The actions whose answers make a picture, each with the event that ends it. QueueStatus lists no talks."""
OF_MEMBERS: Final = frozenset(
    {
        "QueueMemberAdded",
        "QueueMemberRemoved",
        "QueueMemberStatus",
        "QueueMemberPause",
        "QueueMemberPaused",
        "QueueMemberPenalty",
        "QueueMemberRinginuse",
    }
)
"""The events of members: one happening is told once per queue, and then is one change of the agent."""
WANTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(OF_MEMBERS, ""),
    **dict.fromkeys(LISTS.values(), ""),
    "QueueCallerJoin": "",
    "QueueCallerLeave": "",
    "QueueCallerAbandon": "",
    "Join": "",
    "Leave": "",
    "AgentCalled": "",
    "AgentRingNoAnswer": "",
    "AgentConnect": "",
    "AgentComplete": "",
    "AgentDump": "",
    "DialEnd": "",
    "HangupRequest": "",
    "Hangup": "",
    "BridgeEnter": "",
    "BridgeLeave": "",
    "Hold": "",
    "Unhold": "",
    "AttendedTransfer": "",
    "VarSet": "Variable: QUEUESTATUS",
    "QueueParams": "",
    "QueueMember": "",
    "QueueEntry": "",
    "CoreShowChannel": "",
    "FullyBooted": "",
    "Reload": "",
    "Shutdown": "",
}
"""What an `AmiParser` has to let through: the events with a rule, each with a text that must stand in it."""


class Action(NamedTuple):
    """An action for the switch, without secrets; `ami.encode_action(action.headers)` are its bytes."""

    name: str
    action_id: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the action."""
        return {"Action": self.name, "ActionID": self.action_id}


class Translator:
    """One Asterisk, over any number of connections.

    `source` names it in the log. `queues` and `agents` give ids, `reasons` states to pauses, and `terms`, by
    skill, what AMI does not tell. Call `connected` after a login, `take` for each message, `advance` when
    `due_ms` has come, `disconnected` at the end; after each of them take what `events` and `actions` return.
    """

    def __init__(
        self,
        source: str,
        queues: Names,
        agents: Names,
        reasons: PauseReasons,
        terms: Mapping[int, QueueTerms] | None = None,
        resync_ms: int = RESYNC_MS,
    ) -> None:
        self._told = Told(source)
        self._queues = Queues(self._told, queues)
        self._members = Members(self._told, self._queues, agents, reasons, terms or {})
        self._calls = Calls(self._told, self._queues, self._members, terms or {})
        self._resync_ms = resync_ms
        self._actions: list[Action] = []
        self._rules = self._all_rules()
        self._token = ""
        self._connected_ms = 0
        self._asked = 0
        self._counted = 0
        self._skew_ms: int | None = None
        self._booted_ms: int | None = None
        self._picture: Picture | None = None
        self._again = False
        self._next_picture_ms: int | None = None
        self._is_first = True
        self._is_seen = False
        self._arrived_ms = 0

    def _all_rules(self) -> dict[str, Rule]:
        calls, members = self._calls, self._members
        waits, talks = calls.waits, calls.talks
        return {
            **dict.fromkeys(OF_MEMBERS, members.note),
            **dict.fromkeys(LISTS.values(), self._list_complete),
            "QueueMemberRemoved": members.remove,
            "QueueCallerJoin": calls.join,
            "QueueCallerLeave": waits.leave,
            "QueueCallerAbandon": waits.abandon,
            "Join": calls.join,
            "Leave": waits.leave,
            "AgentCalled": waits.called,
            "AgentRingNoAnswer": waits.ring_no_answer,
            "AgentConnect": talks.connect,
            "AgentComplete": talks.complete,
            "AgentDump": waits.dump,
            "DialEnd": waits.dial_end,
            "HangupRequest": waits.hangup_request,
            "Hangup": self._hung_up,
            "BridgeEnter": talks.bridge_enter,
            "BridgeLeave": talks.bridge_leave,
            "Hold": talks.hold,
            "Unhold": talks.unhold,
            "AttendedTransfer": talks.attended_transfer,
            "VarSet": waits.queue_status,
            "QueueParams": self._row,
            "QueueMember": self._row,
            "QueueEntry": self._row,
            "CoreShowChannel": self._row,
            "FullyBooted": self._booted,
            "Reload": self._changed,
            "Shutdown": self._changed,
        }

    # The connection

    def connected(self, now_ms: int, token: str) -> None:
        """A connection is logged in. `token` is unlike that of any other client, and makes ActionIDs so."""
        self._token, self._asked, self._counted, self._connected_ms = token, 0, 0, now_ms
        self._picture = None
        self._ask_picture(now_ms)

    def disconnected(self, now_ms: int) -> None:
        """The connection is gone, or silent for too long: from now on we know only what was."""
        at_ms = self._at_switch(now_ms)
        self._members.settle()
        self._picture = None
        self._next_picture_ms = None
        self._is_seen = False
        self._told.tell(LinkLost(at=at_ms, id=f"{at_ms}/lost/{self._told.source}", source=self._told.source))

    def events(self) -> list[Event]:
        """The events since last asked, in order."""
        return self._told.take()

    def actions(self) -> list[Action]:
        """The actions to be sent now, in order."""
        actions, self._actions = self._actions, []
        return actions

    def _ask(self, name: str) -> str:
        self._asked += 1
        self._actions.append(Action(name, f"{self._token}-{self._asked}"))
        return self._actions[-1].action_id

    def _at_switch(self, now_ms: int) -> int:
        """An instant of our clock on the switch's."""
        return now_ms - (self._skew_ms or 0)

    # Messages

    def take(self, message: Message, arrived_ms: int) -> None:
        """One message, in the order of the connection. `arrived_ms` is our clock's (epoch ms)."""
        event = message.get("Event")
        if event is None:
            self._answer(message, arrived_ms)
            return
        rule = self._rules.get(event)
        if rule is None:
            return
        self._arrived_ms = arrived_ms
        moment = self._moment(message, arrived_ms)
        self._let_pass(moment.at_ms)
        if event not in OF_MEMBERS or not self._members.concerns(interface_of(message)):
            self._members.settle()
        rule(message, moment)

    def advance(self, now_ms: int) -> None:
        """Lets time run on to `now_ms` of our clock: settles what is open, asks for the next picture."""
        self._let_pass(self._at_switch(now_ms))
        picture = self._picture
        if picture is not None and self._at_switch(now_ms) - picture.asked_ms >= PICTURE_MS:
            picture.complete_ms = self._at_switch(now_ms)
            self._finish(picture)
        if self._next_picture_ms is not None and now_ms >= self._next_picture_ms:
            self._ask_picture(now_ms)

    def due_ms(self) -> int | None:
        """When `advance` has work next, on our clock; None while there is none to come."""
        skew_ms = self._skew_ms or 0
        dues = [self._members.due_ms(), self._calls.due_ms()]
        if self._picture is not None and self._picture.complete_ms is not None:
            dues.append(self._picture.complete_ms + SETTLE_MS)
        dues = [due + skew_ms for due in dues if due is not None]
        if self._next_picture_ms is not None:
            dues.append(self._next_picture_ms)
        return min((due for due in dues if due is not None), default=None)

    def _moment(self, message: Message, arrived_ms: int) -> Moment:
        self._counted += 1
        stamp = message.get("Timestamp", "")
        seconds, point, micros = stamp.partition(".")
        if point and seconds.isdigit() and len(micros) == 6 and micros.isdigit() and len(seconds) < 12:
            at_ms = int(seconds) * 1000 + int(micros[:3])
            self._reckon(arrived_ms - at_ms)
            return Moment(at_ms, seconds + micros)
        return Moment(self._at_switch(arrived_ms), f"{arrived_ms}-{self._counted}")

    def _reckon(self, lag_ms: int) -> None:
        """The two clocks differ by the least lag seen: what arrives never arrives before it is sent."""
        if self._skew_ms is None or lag_ms < self._skew_ms:
            self._skew_ms = lag_ms

    def _let_pass(self, now_ms: int) -> None:
        self._calls.advance(now_ms)
        self._members.advance(now_ms)
        picture = self._picture
        complete_ms = picture.complete_ms if picture is not None else None
        if picture is not None and complete_ms is not None and now_ms - complete_ms >= SETTLE_MS:
            self._finish(picture)

    def _hung_up(self, message: Message, moment: Moment) -> None:
        if self._picture is not None:
            self._picture.hung_up.add(message.get("Uniqueid", ""))
        self._calls.hangup(message, moment)

    # The switch's own picture

    def _ask_picture(self, now_ms: int) -> None:
        """Asks for a picture; first for the time, so that it is known when on the switch's clock that was."""
        self._next_picture_ms = now_ms + self._resync_ms
        self._again = self._picture is not None
        if self._picture is None:
            self._picture = Picture(self._at_switch(now_ms), {self._ask("Ping"): "Ping"})

    def _answer(self, message: Message, arrived_ms: int) -> None:
        """An answer: of the time; or that a list begins, or is refused."""
        picture = self._picture
        name = picture.asked.get(message.get("ActionID", "")) if picture is not None else None
        if picture is not None and name == "Ping":
            if "Timestamp" in message:
                # Fresh, where the least lag of long ago may be that of a clock that was set since.
                self._skew_ms = None
                self._moment(message, arrived_ms)
            self._picture = Picture(
                self._at_switch(arrived_ms), {self._ask(action): action for action in LISTS}
            )
        elif picture is not None and name is not None and message.get("Response") == "Error":
            # For lack of a permission: the picture goes without.
            picture.missing.discard(name)
            self._end_list(picture, self._at_switch(arrived_ms))
        elif picture is None and message.get("Message", "").startswith("Queue status"):
            # In a recording, where somebody else asked.
            self._picture = Picture(self._at_switch(arrived_ms), {name: name for name in LISTS})

    def _row(self, message: Message, moment: Moment) -> None:
        if self._picture is not None and not self._picture.is_too_large:
            self._picture.add(message)

    def _list_complete(self, message: Message, moment: Moment) -> None:
        if self._picture is not None:
            self._picture.add(message)
            self._end_list(self._picture, moment.at_ms)

    def _end_list(self, picture: Picture, at_ms: int) -> None:
        if not picture.missing:
            # Never before the asking, by whatever clock.
            picture.complete_ms = max(at_ms, picture.asked_ms)

    def _finish(self, picture: Picture) -> None:
        """Lays the picture over what the events told, and tells it; then the switch is seen again."""
        self._picture = None
        if not picture.has_queues or picture.is_too_large:
            return
        source, at_ms = self._told.source, picture.complete_ms
        assert at_ms is not None
        moment = Moment(at_ms, f"{picture.asked_ms}")
        repair = Repair(picture, self._queues, self._members, self._calls, moment)
        repair.run()
        self._told.tell(
            Snapshot(
                at=at_ms,
                id=moment.name("picture", source),
                source=source,
                asked_at=picture.asked_ms,
                covers=picture.covers,
                agents=tuple(self._members.picture(at_ms, self._is_first)),
                calls=tuple(repair.calls(picture.covers)),
            )
        )
        self._is_first = False
        if self._again:
            self._next_picture_ms = at_ms + (self._skew_ms or 0)
        if not self._is_seen:
            self._is_seen = True
            self._told.tell(LinkRestored(at=at_ms, id=moment.name("seen", source), source=source))

    # The switch itself

    def _booted(self, message: Message, moment: Moment) -> None:
        """FullyBooted, after each login: its uptime tells whether the switch restarted since the last one."""
        if "Uptime" in message:
            booted_ms = self._arrived_ms - 1000 * number_of(message, "Uptime")
            if self._booted_ms is not None and booted_ms - self._booted_ms > BOOT_SLACK_MS:
                self._restart(self._at_switch(booted_ms))
            self._booted_ms = booted_ms
        if self._arrived_ms - self._connected_ms > BOOTING_MS:
            self._changed(message, moment)

    def _restart(self, at_ms: int) -> None:
        source = self._told.source
        self._calls.forget_all(Moment(at_ms, str(at_ms)))
        self._members.forget_all()
        self._told.tell(SourceRestarted(at=at_ms, id=f"{at_ms}/restarted/{source}", source=source))

    def _changed(self, message: Message, moment: Moment) -> None:
        """Reload, Shutdown: what no event tells may have changed."""
        if self._token:
            self._ask_picture(self._arrived_ms)
