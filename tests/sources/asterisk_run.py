"""One recording of Asterisk through translator and engine, compared with the switch's truth and its books."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from queuepulse.engine.events import CallAnswered, CallLeft, CallOffered, CallReleased, Event, Snapshot
from queuepulse.engine.outcomes import Outcome
from queuepulse.engine.states import BUSY, REST, SIGNED_OUT, STUDY, WORK
from queuepulse.engine.vdn import Vdn
from queuepulse.sources.asterisk import Action, Translator
from queuepulse.sources.asterisk_headers import QueueTerms
from queuepulse.sources.names import Ids, Names, PauseReasons
from sources.recordings import Arrival, answer

SKILLS = {"sales": 1, "support": 2, "billing": 3, "vip": 4}
TERMS = {
    1: QueueTerms(4_000, 40_000),
    2: QueueTerms(6_000, 45_000),
    3: QueueTerms(3_000, 30_000),
    4: QueueTerms(None, 15_000),
}
PAUSES = (BUSY, REST, STUDY, WORK)
NEVER_MS = 10**9
EXACT_S, WHOLE_S = 0.05, 1.05


class Recording(NamedTuple):
    """One recorded connection, whole."""

    name: str
    stream: str
    items: list[Any]
    visits: list[Any]


class Run:
    """One recording through translator and engine, with a link that may fail.

    `drop` loses that fraction of the queue and agent events in the first half, then comes a picture;
    `cut_s` are the seconds in which there is no link. Samples are compared from the first picture, or
    from the one that repairs. `wrong` says what did not agree.
    """

    def __init__(
        self,
        of: Recording,
        resync_ms: int = NEVER_MS,
        drop: float = 0,
        seed: int = 0,
        cut_s: tuple[int, int] = (0, 0),
    ) -> None:
        self.of = of
        self.agents = Names(Ids(10_000))
        self.translator = Translator(
            "pbx", Names(Ids(10_000), SKILLS), self.agents, PauseReasons(), TERMS, resync_ms
        )
        self.vdn = Vdn()
        self.events: list[Event] = []
        self.outcomes: Counter[Outcome] = Counter()
        self.asked: list[Action] = []
        self.wrong: list[str] = []
        self.samples = self.members = 0
        self.compares = False
        self.saw_all = of.stream != "late" and cut_s[1] == 0
        first = next(item for item in of.items if isinstance(item, Arrival)).at_ms
        self._go(first, drop, random.Random(seed), (first + 1000 * cut_s[0], first + 1000 * cut_s[1]))

    def _go(self, first_ms: int, drop: float, rng: random.Random, cut_ms: tuple[int, int]) -> None:
        middle_ms = (first_ms + max(item.at_ms for item in self.of.items if isinstance(item, Arrival))) // 2
        self.translator.connected(first_ms, "one")
        linked, repaired, at_ms = True, not drop, first_ms
        for item in self.of.items:
            at_ms = item.at_ms if isinstance(item, Arrival) else int(item["t1"] * 1000) + 2
            if at_ms < first_ms:
                continue
            self._let_pass(at_ms)
            if linked and cut_ms[0] <= at_ms < cut_ms[1]:
                linked = self.compares = False
                self.translator.disconnected(at_ms)
                self.asked.clear()
            elif not linked and at_ms >= cut_ms[1]:
                linked = True
                self.translator.connected(at_ms, "two")
            if not repaired and at_ms > middle_ms:
                repaired, self.compares = True, False
                self.translator.connected(at_ms, "resync")
            self._drain()
            if not linked:
                continue
            if not isinstance(item, Arrival):
                self._sample(item, at_ms, repaired)
            elif repaired or not self._is_lossy(item) or rng.random() >= drop:
                self.translator.take(item.message, at_ms)
                self._drain()
        self._let_pass(at_ms + 100_000)

    def _is_lossy(self, item: Arrival) -> bool:
        return item.message.get("Event", "").startswith(("Queue", "Agent")) and item.stamp > 0

    def _let_pass(self, to_ms: int) -> None:
        while (due_ms := self.translator.due_ms()) is not None and due_ms <= to_ms:
            self.translator.advance(due_ms)
            self._drain()
            if due_ms == self.translator.due_ms():
                break

    def _drain(self) -> None:
        self.asked += self.translator.actions()
        for event in self.translator.events():
            self.events.append(event)
            self.outcomes[self.vdn.apply(event)] += 1
            if isinstance(event, Snapshot):
                self.compares = True

    def _sample(self, sample: Any, at_ms: int, repaired: bool) -> None:
        while self.asked:
            action = self.asked.pop(0)
            for message in answer(action.name, action.action_id, sample):
                self.translator.take(message, at_ms)
            self._drain()
        if self.compares and repaired:
            self.samples += 1
            self.wrong += [f"{sample['t0']:.3f} {text}" for text in self._differences(sample)]

    # What a sample says

    def _differences(self, sample: Any) -> Iterator[str]:
        calls = [(stay.call.split("/")[1], stay) for stay in self.vdn.books.calls.values()]
        for queue, skill in SKILLS.items():
            shown = {entry["Uniqueid"] for entry in sample["entries"] if entry["Queue"] == queue}
            ours = {uid for uid, stay in calls if stay.queue.skill == skill and stay.answered_at_ms < 0}
            if ours != shown:
                yield f"{queue}: waiting {ours ^ shown}"
        yield from self._member_differences(sample)
        talking = {(uid, stay.queue.skill) for uid, stay in calls if stay.answered_at_ms >= 0}
        certain, possible = self._talks(sample)
        if certain - talking or talking - possible:
            yield f"talking {certain - talking} {talking - possible}"

    def _member_differences(self, sample: Any) -> Iterator[str]:
        shown: dict[str, list[Any]] = {}
        for member in sample["members"]:
            shown.setdefault(member["Location"], []).append(member)
        ids = {self.agents.id_of(interface): members for interface, members in shown.items()}
        for agent in self.vdn.books.agents.values():
            # Signed in: in each queue where he can be called; paused in all of them, in all of them paused.
            there = [member for member in ids.get(agent.id, []) if member["Status"] not in ("4", "5")]
            active = [member for member in there if member["Paused"] == "0"]
            skills = {SKILLS[member["Queue"]] for member in active or there}
            self.members += 1
            if skills != {queue.skill for queue in agent.queues}:
                yield f"agent {agent.id}: signed in to {[q.skill for q in agent.queues]}, not {skills}"
            elif there and (agent.base in PAUSES) == bool(active):
                yield f"agent {agent.id}: paused is {agent.base in PAUSES}"
            elif not there and agent.state != SIGNED_OUT:
                yield f"agent {agent.id} is no member"

    def _talks(self, sample: Any) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """The talks that the books are sure of at that time, and those they allow."""
        certain, possible = set(), set()
        bridges = Counter(row["BridgeId"] for row in sample["channels"] if row["BridgeId"])
        bridged = {row["Linkedid"] for row in sample["channels"] if bridges[row["BridgeId"]] > 1}
        for visit in self.of.visits:
            if visit["outcome"] != "answered":
                continue
            begins, ends = span(visit, "connect"), span(visit, "leave")
            key = (visit["uniqueid"], SKILLS[visit["queue"]])
            if is_false_end(visit) and "leave_exact" not in visit:
                # CEL is silent, but the sample shows whether the two still share a bridge.
                ends = (visit["leave"], sample["t1"] + 1) if visit["uniqueid"] in bridged else ends
            if begins[0] - EXACT_S <= sample["t1"] and sample["t0"] <= ends[1] + EXACT_S:
                possible.add(key)
            if begins[1] + EXACT_S < sample["t0"] and sample["t1"] < ends[0] - EXACT_S:
                certain.add(key)
        if not self.saw_all:
            # Who talked over an optimised channel before we came cannot be told from any other call.
            certain -= {key for key in certain if key[0] in UNSEEN.get(self.of.name, ())}
        return certain, possible

    # What the books say

    def passes(self) -> list[dict[str, Any]]:
        """Each visit as our events tell it: when it began, was answered and ended (s), and how."""
        live: dict[str, dict[str, Any]] = {}
        done = []
        for event in self.events:
            if isinstance(event, CallOffered):
                live[event.call] = {
                    "key": (event.call.split("/")[1], event.skill),
                    "enter": (event.since or event.at or 0) / 1000,
                    "heard": True,
                    "outcome": "",
                }
                done.append(live[event.call])
            elif isinstance(event, CallAnswered):
                live[event.call] |= {"connect": (event.at or 0) / 1000, "outcome": "answered"}
            elif isinstance(event, CallLeft):
                live.pop(event.call).update(leave=(event.at or 0) / 1000, outcome=event.cause)
            elif isinstance(event, CallReleased):
                live.pop(event.call).update(leave=(event.at or 0) / 1000)
            elif isinstance(event, Snapshot):
                done += self._take_over(event, live)
        assert not live
        return done

    def _take_over(self, told: Snapshot, live: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
        shown = {call.call: call for call in told.calls}
        for call in [call for call in live if call not in shown]:
            live.pop(call)["outcome"] += " closed"
        for name, call in shown.items():
            if name not in live:
                live[name] = {
                    "key": (name.split("/")[1], call.skill),
                    "enter": call.waiting_since / 1000,
                    "heard": False,
                    "talked": call.answered_at is not None,
                    "outcome": "answered" if call.answered_at else "",
                }
                yield live[name]

    def against_the_books(self) -> tuple[int, list[str], float, float]:
        """How many visits were compared, what was wrong, and the largest differences (s)."""
        wrong, exact_s, whole_s = [], 0.0, 0.0
        visits = list(self.of.visits)
        passes = self.passes()
        for one in passes:
            same = [v for v in visits if (v["uniqueid"], SKILLS[v["queue"]]) == one["key"]]
            if not same:
                wrong.append(f"not in the books: {one}")
                continue
            visit = min(same, key=lambda visit: abs(visit["enter"] - one["enter"]))
            visits.remove(visit)
            told = "withdrawn" if visit["uniqueid"] in REDIRECTED else visit["outcome"]
            if one["outcome"] != told:
                wrong.append(f"{one} is {visit['outcome']}")
                continue
            for what in ("enter", "connect", "leave"):
                # Of what was there before us, a list tells whole seconds; of talks not even those.
                if what not in one or (what == "enter" and not one["heard"]):
                    continue
                if what == "leave" and is_false_end(visit) and "leave_exact" not in visit:
                    continue
                low, high = span(visit, what)
                off_s = max(low - one[what], one[what] - high, 0.0)
                if low == high:
                    exact_s = max(exact_s, off_s)
                else:
                    whole_s = max(whole_s, off_s)
                if off_s > (EXACT_S if low == high else WHOLE_S - 1):
                    wrong.append(f"{what} off by {off_s:.3f} s: {one} {visit}")
        if self.of.stream != "late":
            wrong += [f"missing: {visit}" for visit in visits]
        return len(passes), wrong, exact_s, whole_s


REDIRECTED = {"1795335417.79", "1795335528.475", "1795334284.231", "1795334318.1281"}
"""Waiting callers whom a supervisor redirected to the desk, where they then talked or hung up; queue_log has
ABANDON for them, and we say what became of them (decision 22).
"""
UNSEEN = {"ast22": ("1795335462.292",)}
"""Callbacks whose talk went on over an optimised channel when the late connection, or the one after the cut,
began.
"""


def is_false_end(visit: Any) -> bool:
    """Whether queue_log ends the talk of a callback falsely: at once, by the caller."""
    late = visit.get("leave_exact", visit["leave"]) > visit["leave"] + WHOLE_S
    return visit.get("end") == "caller hung up" and (late or visit["talk"] <= 1)


def span(visit: Any, what: str) -> tuple[float, float]:
    """Between which instants the books put it: one instant where CEL is exact, else a whole second."""
    whole, exact = visit[what], visit.get(f"{what}_exact")
    consult = what == "leave" and exact and exact > whole + WHOLE_S and not is_false_end(visit)
    if exact is None or consult:
        return whole, whole + 1.0
    return exact, exact
