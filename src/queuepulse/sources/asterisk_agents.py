"""What is known of Asterisk's members and of the agents they are; nothing here decides or tells anything."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from queuepulse.engine.events import NAME_MAX, StateName
from queuepulse.sources.ami import Message
from queuepulse.sources.asterisk_headers import number_of, value_of
from queuepulse.sources.telling import Moment

UNREACHABLE: Final = frozenset({"4", "5"})
"""Device states of a member that cannot be called: invalid, unavailable."""
BUSY_STATES: Final[Mapping[str, StateName]] = {
    "2": "occupied",
    "3": "occupied",
    "8": "occupied",
    "6": "preoccupied",
    "7": "preoccupied",
}
"""What a device state means where no queue call explains it: in use, busy, on hold; ringing, also in use."""


class Session(NamedTuple):
    """A signed-in agent as events tell him: his queues, his base state, and the reason of a pause."""

    skills: frozenset[int]
    base: StateName
    reason: str


class Member:
    """One interface in one queue, as an event shows it, or a list (`listed`).

    Times are the switch's whole seconds (epoch), 0 where there is none.
    """

    __slots__ = (
        "in_call",
        "last_call_s",
        "login_s",
        "paused",
        "paused_s",
        "reason",
        "skill",
        "status",
        "wrapup_ms",
    )

    def __init__(self, skill: int, message: Message, listed: bool = False) -> None:
        self.skill = skill
        self.status = message.get("Status", "")
        self.paused = message.get("Paused") == "1"
        # Asterisk 13 has `Reason` on a pause and nothing elsewhere.
        reason = value_of(message, "PausedReason") or value_of(message, "Reason")
        self.reason = reason[:NAME_MAX] if self.paused else ""
        self.paused_s = number_of(message, "LastPause")
        self.wrapup_ms = 1000 * number_of(message, "Wrapuptime")
        self.last_call_s = number_of(message, "LastCall")
        self.login_s = number_of(message, "LoginTime")
        # In an event it may be that of a moment before.
        self.in_call = listed and message.get("InCall") == "1"


class Agent:
    """What we know of one agent. `engaged` counts the queue calls that ring at or talk to him."""

    __slots__ = (
        "busy_since",
        "changed",
        "engaged",
        "id",
        "interface",
        "members",
        "rings",
        "state_interface",
        "talks",
        "told",
        "touched_ms",
        "wrapup_until_ms",
    )

    def __init__(self, agent_id: int, interface: str) -> None:
        self.id = agent_id
        self.interface = interface
        self.state_interface = ""
        self.members: dict[tuple[str, str], Member] = {}
        self.told: Session | None = None
        self.changed: Moment | None = None
        self.busy_since: Moment | None = None
        self.rings = 0
        self.talks = 0
        self.wrapup_until_ms = 0
        self.touched_ms = 0

    @property
    def status(self) -> str:
        """The device state; that of a member that can be reached, if there is one."""
        states = [member.status for member in self.members.values()]
        return next((state for state in states if state not in UNREACHABLE), states[0] if states else "")


def interface_of(message: Message) -> str:
    """The interface of a member: `Location` in lists and in Asterisk 11, `Interface` elsewhere."""
    return message.get("Interface") or message.get("Location", "")


def device_of(channel: str) -> str:
    """A channel's name without its number and side, or an interface's without options: what dials it."""
    device, _, _ = channel.rpartition("-")
    return device.partition("/n")[0] if device.endswith("/n") else device
