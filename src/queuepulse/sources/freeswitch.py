"""FreeSWITCH's mod_callcenter as a source: the switch's messages to our events, and what it is asked.

Pure: messages come in with the time of their arrival, events go out, and commands are values that whoever has
the socket sends. Times of events are those of the switch's clock.

What is lost shows in three ways. `members-count` tells how many wait, so one caller too many or too few is
seen at once. `Event-Sequence` counts all events of the switch, also those that were not subscribed to, so
only a gap far beyond the usual ones is a loss. Another `Core-UUID` is a switch that restarted. Each leads to
a new picture, as time does.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from queuepulse.engine.events import Event, LinkLost, LinkRestored
from queuepulse.sources.esl import Message
from queuepulse.sources.freeswitch_agents import IDLE, Agents
from queuepulse.sources.freeswitch_calls import Calls
from queuepulse.sources.freeswitch_picture import Picture, Repair, Row, rows_of
from queuepulse.sources.names import Names, PauseReasons
from queuepulse.sources.telling import Moment, Queues, Told

RESYNC_MS: Final = 60_000
"""How often the switch is asked for its own picture where the configuration does not say."""
PICTURE_MS: Final = 30_000
"""How long a picture may take before it is given up and what waits for it goes on without."""
AFRESH_MS: Final = 2_000
"""The least time between two pictures: what shows a loss often comes more than once."""
HELD_MAX: Final = 10_000
"""Messages held back until the first picture has told who the agents are; it takes a second at most."""
GAP_MIN: Final = 1_000
"""Smallest gap in `Event-Sequence` that can show a loss: a few calls raise as many events of other kinds."""
GAP_FACTOR: Final = 2
"""How far beyond the largest gap so far one must be to show a loss: so a busier hour soon is not one."""
SUBSCRIPTION: Final = "event plain HEARTBEAT CUSTOM callcenter::info"
"""Heartbeats come every 20 s: the link is seen to live, and the sequence is looked at."""
List = Literal["queue", "agent", "tier", "members"]
FIRST_LISTS: Final[tuple[List, ...]] = ("queue", "agent", "tier")
"""What is asked for in this order; then for the callers of each queue, in the order of the first list."""
OF_QUEUES: Final = "strategy"
"""A column that only the list of queues has."""
Rule = Callable[[Message, Moment, int], object]


class Translator:
    """One FreeSWITCH, over any number of connections.

    `source` names it in the log. `queues` and `agents` give ids, `reasons` states to what keeps agents from
    calls (over `freeswitch_agents.REASONS`). Call `connected` after a login, `take` for each message,
    `advance` when `due_ms` has come, `disconnected` at the end; after each of them take what `events` and
    `actions` return. `trouble` is what the switch refused, for people; `losses` counts what showed a loss.
    """

    def __init__(
        self,
        source: str,
        queues: Names,
        agents: Names,
        reasons: PauseReasons,
        resync_ms: int = RESYNC_MS,
    ) -> None:
        self._told = Told(source)
        self._queues = Queues(self._told, queues)
        self._agents = Agents(self._told, self._queues, agents, reasons)
        self._calls = Calls(self._told, self._queues, self._agents)
        self._resync_ms = resync_ms
        self._rules = self._all_rules()
        self._actions: list[str] = []
        self._asked: deque[List] = deque()
        self._picture: Picture | None = None
        self._next_picture_ms: int | None = None
        self._held: list[tuple[Message, int]] | None = None
        self._knows_agents = False
        self._is_linked = False
        self._counted = 0
        self._skew_ms: int | None = None
        self._core = ""
        self._sequence: int | None = None
        self._gap_max = GAP_MIN
        self.trouble = ""
        self.losses = 0

    def _all_rules(self) -> dict[str, Rule]:
        calls = self._calls
        return {
            "member-queue-start": calls.start,
            "member-queue-resume": calls.start,
            "member-queue-end": calls.end,
            "agent-offering": calls.offering,
            "bridge-agent-start": calls.bridge_start,
            "bridge-agent-end": calls.bridge_end,
            "bridge-agent-fail": calls.fail,
            "members-count": self._count,
            "agent-status-change": self._status,
            "agent-state-change": self._state,
            "agent-add": self._added,
            "agent-contact-change": lambda message, _, now_ms: self._agents.contact(message, now_ms),
        }

    # The connection

    def connected(self, now_ms: int) -> None:
        """A connection is logged in."""
        self._actions = [SUBSCRIPTION]
        self._asked.clear()
        self._picture, self._skew_ms, self._sequence = None, None, None
        self._held = None if self._knows_agents else []
        self.trouble = ""
        self._ask_picture(now_ms)

    def disconnected(self, now_ms: int) -> None:
        """The connection is gone, or silent for too long: from now on we know only what was."""
        self._let_go()
        self._calls.settle_all()
        self._picture, self._next_picture_ms, self._is_linked = None, None, False
        at_ms, source = self._at_switch(now_ms), self._told.source
        self._told.tell(LinkLost(at=at_ms, id=f"{at_ms}/lost/{source}", source=source))

    def events(self) -> list[Event]:
        """The events since last asked, in order."""
        return self._told.take()

    def actions(self) -> list[str]:
        """The commands to be sent now, in order; `esl.encode_command` makes bytes of them."""
        actions, self._actions = self._actions, []
        return actions

    def advance(self, now_ms: int) -> None:
        """Lets time run on to `now_ms` of our clock: settles what is open, asks for the next picture."""
        self._calls.advance(now_ms)
        if self._picture is not None:
            if now_ms - self._picture.sent_ms >= PICTURE_MS:
                self.trouble = f"the switch did not answer within {PICTURE_MS // 1000} s"
                self._give_up()
        elif self._next_picture_ms is not None and now_ms >= self._next_picture_ms:
            self._ask_picture(now_ms)

    def due_ms(self) -> int | None:
        """When `advance` has work next, on our clock; `None` while there is none to come."""
        picture = self._picture
        dues = [self._calls.due_ms()]
        dues.append(self._next_picture_ms if picture is None else picture.sent_ms + PICTURE_MS)
        return min((due for due in dues if due is not None), default=None)

    def _at_switch(self, now_ms: int) -> int:
        """An instant of our clock on the switch's."""
        return now_ms - (self._skew_ms or 0)

    # Messages

    def take(self, message: Message, arrived_ms: int) -> None:
        """One message, in the order of the connection. `arrived_ms` is our clock's (epoch ms)."""
        if message.kind == "answer":
            self._answer(message.body, arrived_ms)
        elif message.kind == "reply":
            reply = message.headers.get("Reply-Text", "")
            if reply.startswith("-"):
                self.trouble = reply
        elif message.kind == "event":
            if self._held is None:
                self._take_event(message, arrived_ms)
            else:
                self._held.append((message, arrived_ms))
                if len(self._held) > HELD_MAX:
                    self._let_go()

    def _take_event(self, message: Message, arrived_ms: int) -> None:
        core, sequence = message.headers.get("Core-UUID", ""), message.headers.get("Event-Sequence", "")
        moment = self._moment(message, f"{core[:40]}/{sequence[:20]}", arrived_ms)
        self._calls.advance(arrived_ms)
        self._look_for_loss(core, sequence, arrived_ms)
        rule = self._rules.get(message.headers.get("CC-Action", ""))
        if rule is not None:
            rule(message, moment, arrived_ms)

    def _let_go(self) -> None:
        held, self._held = self._held, None
        for message, arrived_ms in held or ():
            self._take_event(message, arrived_ms)

    def _moment(self, message: Message, name: str, arrived_ms: int) -> Moment:
        stamp = message.headers.get("Event-Date-Timestamp", "")
        self._counted += 1
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 18):
            return Moment(self._at_switch(arrived_ms), f"{arrived_ms}-{self._counted}")
        at_ms = int(stamp) // 1000
        # The two clocks differ by the least lag seen: what arrives never arrives before it is sent.
        lag_ms = arrived_ms - at_ms
        if self._skew_ms is None or lag_ms < self._skew_ms:
            self._skew_ms = lag_ms
        return Moment(at_ms, name)

    # What is lost

    def _look_for_loss(self, core: str, sequence: str, now_ms: int) -> None:
        if core and core != self._core:
            if self._core:
                self._loss(now_ms)
            self._core, self._sequence = core, None
        if not (sequence.isascii() and sequence.isdigit() and len(sequence) < 20):
            return
        before, number = self._sequence, int(sequence)
        self._sequence = number if before is None else max(number, before)
        if before is not None and number - before > GAP_FACTOR * self._gap_max:
            self._gap_max = number - before
            self._loss(now_ms)
        elif before is not None:
            self._gap_max = max(self._gap_max, number - before)

    def _count(self, message: Message, moment: Moment, now_ms: int) -> None:
        """How many wait in a queue: another number than ours, and we missed something."""
        headers, visits = message.headers, self._calls.visits
        queue, count = headers.get("CC-Queue", ""), headers.get("CC-Count", "")
        if headers.get("CC-Selection") != "Single-Queue" or not count.isascii() or not count.isdigit():
            return
        # Whom an agent answered just now the switch may still count.
        most = visits.waiting_in(queue)
        least = most - visits.unsettled_in(queue)
        if not least <= int(count[:10]) <= most:
            self._loss(now_ms)

    def _loss(self, now_ms: int) -> None:
        self.losses += 1
        self._want_picture(now_ms)

    def _want_picture(self, now_ms: int) -> None:
        if self._next_picture_ms is not None:
            asked_ms = self._next_picture_ms - self._resync_ms
            self._next_picture_ms = min(self._next_picture_ms, max(now_ms, asked_ms + AFRESH_MS))

    # Agents

    def _status(self, message: Message, moment: Moment, now_ms: int) -> None:
        if self._agents.status(message, moment, now_ms):
            self._want_picture(now_ms)

    def _state(self, message: Message, moment: Moment, now_ms: int) -> None:
        agent = self._agents.state(message, moment, now_ms)
        if agent.state in ("Waiting", IDLE):
            self._calls.free(agent.name, moment)

    def _added(self, message: Message, moment: Moment, now_ms: int) -> None:
        """A new agent: of his queues no event tells."""
        self._want_picture(now_ms)

    # The switch's own picture

    def _ask_picture(self, now_ms: int) -> None:
        self._next_picture_ms = now_ms + self._resync_ms
        if self._asked:
            # Answers come in order: those of a picture that was given up are still to come.
            return
        self._picture = Picture(self._at_switch(now_ms), now_ms)
        for kind in FIRST_LISTS:
            self._ask(kind, f"{kind} list")

    def _ask(self, kind: List, command: str) -> None:
        self._asked.append(kind)
        self._actions.append(f"api callcenter_config {command}")

    def _answer(self, body: str, arrived_ms: int) -> None:
        rows = rows_of(body)
        if not self._asked and not self._is_asked_by_others(rows, arrived_ms):
            return
        kind, picture = self._asked.popleft(), self._picture
        if picture is None:
            return
        if rows is None:
            self.trouble = body[:200].strip()
            self._give_up()
            return
        if kind == "queue":
            for name in [row["name"] for row in rows if "name" in row]:
                self._ask("members", f"queue list members {_quoted(name)}")
        elif kind == "agent":
            picture.agents = [row for row in rows if row.get("name")]
        elif kind == "tier":
            picture.tiers = rows
            if self._held is not None:
                self._agents.listed(picture.agents, picture.queues_of(), picture.sent_ms)
                self._let_go()
        else:
            picture.members += rows
        if not self._asked:
            self._finish(picture, arrived_ms)

    def _is_asked_by_others(self, rows: list[Row] | None, arrived_ms: int) -> bool:
        """Whether a picture begins for which somebody else asked, as we do; so it is in a recording."""
        if not rows or OF_QUEUES not in rows[0]:
            return False
        self._picture = Picture(self._at_switch(arrived_ms), arrived_ms)
        self._asked.extend(FIRST_LISTS)
        return True

    def _give_up(self) -> None:
        """A list is refused or does not come: the rest of the answers is of no use."""
        self._picture = None
        self._let_go()

    def _finish(self, picture: Picture, arrived_ms: int) -> None:
        """Lays the picture over what the events told, and tells it; then the switch is seen again."""
        self._picture, self._knows_agents, self.trouble = None, True, ""
        self._calls.settle_all()
        at_ms, source = max(self._at_switch(arrived_ms), picture.asked_ms), self._told.source
        moment = Moment(at_ms, f"{picture.asked_ms}-{at_ms}")
        repair = Repair(picture, self._queues, self._agents, self._calls.visits)
        self._told.tell(repair.run(source, moment))
        if not self._is_linked:
            self._is_linked = True
            self._told.tell(LinkRestored(at=at_ms, id=moment.name("seen", source), source=source))


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
