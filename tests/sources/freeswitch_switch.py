"""A FreeSWITCH for tests: it says what it is told to, and answers with the lists that it is given."""

from typing import Any, Final

from queuepulse.engine.events import Event, Snapshot
from queuepulse.engine.outcomes import OUT_OF_PLACE
from queuepulse.engine.vdn import Vdn
from queuepulse.sources.esl import Message
from queuepulse.sources.freeswitch import Translator
from queuepulse.sources.freeswitch_agents import REASONS
from queuepulse.sources.names import Ids, Names, PauseReasons

T0: Final = 1_800_000_000_000
QUEUE_LIST: Final = (
    "name|strategy|moh_sound\nsales@cc|ring-all|tone://%(1;loops=-1|x)\nvip@cc|top-down|x\n+OK\n"
)
TIERS: Final = (
    "queue|agent|state|level|position\n"
    "sales@cc|ann|Ready|1|1\nsales@cc|bob|Ready|1|1\nvip@cc|ann|Ready|1|1\n+OK\n"
)
AGENT_COLUMNS: Final = (
    "name|instance_id|uuid|type|contact|status|state|wrap_up_time|last_status_change|last_bridge_end"
    "|last_offered_call\n"
)
MEMBER_COLUMNS: Final = (
    "queue|instance_id|uuid|session_uuid|cid_number|cid_name|joined_epoch|rejoined_epoch|bridge_epoch"
    "|serving_agent|state\n"
)


class Switch:
    """A FreeSWITCH at the other end of a translator, and an engine behind it. Seconds count from `T0`."""

    def __init__(self, **more: Any) -> None:
        agents = more.pop("agents", None) or Names(Ids(10_000), {"ann": 1, "bob": 2})
        skills = Names(Ids(10_000), {"sales": 11, "vip": 12})
        self.translator = Translator("fs", skills, agents, PauseReasons(REASONS), **more)
        self.vdn = Vdn()
        self.told: list[Event] = []
        self.sequence = 100
        self.core = "core-1"
        self.agents = {"ann": ("Available", "Waiting"), "bob": ("Available", "Waiting")}
        self.tiers = TIERS
        self.members: list[str] = []
        self.wrong = 0

    def collect(self) -> list[Event]:
        events = self.translator.events()
        self.wrong += [self.vdn.apply(event) for event in events].count(OUT_OF_PLACE)
        self.told += events
        return events

    def say(self, at_s: float, action: str, **headers: str) -> list[str]:
        """An event of callcenter::info; what is told by it."""
        self.sequence += 1
        at_ms = T0 + round(at_s * 1000)
        fields = {
            "Event-Name": "CUSTOM",
            "Core-UUID": self.core,
            "Event-Sequence": str(self.sequence),
            "Event-Date-Timestamp": f"{at_ms}123",
            "CC-Action": action,
        }
        fields |= {"CC-" + name.replace("_", "-"): value for name, value in headers.items() if name[0] != "x"}
        fields |= {name[1:].replace("_", "-"): value for name, value in headers.items() if name[0] == "x"}
        self.translator.take(Message("event", fields), at_ms)
        return [short(event) for event in self.collect()]

    def let_pass(self, at_s: float) -> list[str]:
        self.translator.advance(T0 + round(at_s * 1000))
        return [short(event) for event in self.collect()]

    def answer(self, at_s: float, body: str) -> None:
        self.translator.take(Message("answer", {}, body), T0 + round(at_s * 1000))

    def lists(self) -> list[str]:
        agents = "".join(
            f"{name}|single_box||callback|user/{name}|{status}|{state}|4|1800000000|0|1799999000\n"
            for name, (status, state) in self.agents.items()
        )
        header = (
            "name|instance_id|uuid|type|contact|status|state|wrap_up_time|last_status_change|last_bridge_end"
        )
        head = header + "|last_offered_call\n"
        members = MEMBER_COLUMNS + "".join(f"{row}\n" for row in self.members) + "+OK\n"
        return [
            QUEUE_LIST,
            head + agents + "+OK\n",
            self.tiers,
            members if self.members else "+OK\n",
            "+OK\n",
        ]

    def picture(self, at_s: float) -> Snapshot:
        """Answers what the translator has asked."""
        self.translator.actions()
        for body in self.lists():
            self.answer(at_s, body)
        self.translator.actions()
        self.collect()
        found = [event for event in self.told if isinstance(event, Snapshot)]
        return found[-1]

    def asks(self, at_s: float) -> bool:
        """Whether a picture is asked for by then."""
        self.translator.advance(T0 + round(at_s * 1000))
        self.collect()
        return any("queue list" in command for command in self.translator.actions())


def up(**more: Any) -> Switch:
    """A switch of which the first picture was taken."""
    switch = Switch(**more)
    switch.translator.connected(T0)
    switch.picture(0.1)
    return switch


def short(event: Event) -> str:
    keys = ("call", "agent", "skill", "skills", "state", "cause", "wrapup_ms")
    values = [getattr(event, key, None) for key in keys]
    shown = [str(sorted(v)) if isinstance(v, frozenset) else str(v) for v in values if v is not None]
    assert event.at is not None
    return " ".join([f"{(event.at - T0) / 1000:g}", type(event).__name__, *shown])


def member(call: str = "c1", queue: str = "sales@cc", **more: str) -> dict[str, str]:
    return {"Queue": queue, "Member_UUID": call, "Member_Session_UUID": "s1", **more}


def answered(switch: Switch, at_s: float, call: str = "c1") -> None:
    """A call that joined, rang at Ann, and was answered one second later."""
    switch.say(at_s, "member-queue-start", **member(call))
    switch.say(at_s, "agent-offering", Agent="ann", **member(call))
    switch.say(at_s + 1, "bridge-agent-start", Agent="ann", **member(call))


def joined(at_s: int) -> str:
    return str(T0 // 1000 + at_s)
