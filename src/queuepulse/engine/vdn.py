"""The engine of one VDN: a pure function of its events. It reads no clock, and a question changes nothing.

What an event means is said by the rule of its type; the table is below.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from queuepulse.engine import (
    agent_rules,
    call_rules,
    codec,
    days,
    events,
    keeping,
    questions,
    reliances,
    vdn_rules,
)
from queuepulse.engine.accounts import Account, Correction
from queuepulse.engine.books import Books
from queuepulse.engine.events import Event, SkillConfigured, VdnConfigured
from queuepulse.engine.facts import Closed
from queuepulse.engine.figures import CallRow, Row
from queuepulse.engine.outcomes import REPEATED, Outcome
from queuepulse.engine.queues import FIVE_MS, Five
from queuepulse.engine.reliances import Reliance

COMPILED: Final = not __file__.endswith(".py")
"""Whether this engine was compiled when it was installed: the same sources, and about twice as fast."""

Rule = Callable[[Books, Any, int], Outcome]

RULES: Final[dict[type[Event], Rule]] = {
    events.AgentSignedIn: agent_rules.agent_signed_in,
    events.AgentSignedOut: agent_rules.agent_signed_out,
    events.AgentSkillsSet: agent_rules.agent_skills_set,
    events.AgentStateSet: agent_rules.agent_state_set,
    events.CallOffered: call_rules.call_offered,
    events.CallAlerting: call_rules.call_alerting,
    events.CallUnanswered: call_rules.call_unanswered,
    events.CallAnswered: call_rules.call_answered,
    events.CallLeft: call_rules.call_left,
    events.CallHeld: call_rules.call_held,
    events.CallResumed: call_rules.call_resumed,
    events.CallReleased: call_rules.call_released,
    events.SkillConfigured: vdn_rules.skill_configured,
    events.AgentConfigured: vdn_rules.agent_configured,
    events.VdnConfigured: vdn_rules.vdn_configured,
    events.Snapshot: vdn_rules.snapshot,
    events.LinkLost: vdn_rules.link_lost,
    events.LinkRestored: vdn_rules.link_restored,
    events.SourceRestarted: vdn_rules.source_restarted,
    events.Clock: vdn_rules.clock,
}
"""What each type of event does, and how it then ended."""


class NamedIds(NamedTuple):
    """Ids by what they are called: queues by name, agents by name and by telephone.

    Of two that are called alike the smaller has the name.
    """

    queues: dict[str, int]
    agents: dict[str, int]
    phones: dict[str, int]


class Vdn:
    """One virtual call center: the smallest thing within which all figures agree.

    `timezone` (IANA) and `day_starts` (HH:MM) set the statistics day until a `vdn_configured` says otherwise.
    Raises `ValueError` for a zone or a time that does not exist.
    """

    def __init__(self, timezone: str = days.UTC, day_starts: str = days.MIDNIGHT) -> None:
        days.zone(timezone)
        days.minutes_of(day_starts)
        self.books = Books(timezone, day_starts)

    def apply(self, event: Event) -> Outcome:
        """Folds one event into the state. It must be valid and carry `at`: the edge has seen to that."""
        books = self.books
        at_ms = event.at
        assert at_ms is not None, "the edge fills in `at`"
        clock_ms = books.clock_ms
        if at_ms > clock_ms:
            books.clock_ms = clock_ms = at_ms
            if at_ms >= books.due_ms:
                books.run_timers(at_ms)
        if books.seen.again(event.id or codec.digest_of(event), clock_ms):
            return REPEATED
        return RULES[type(event)](books, event, at_ms)

    def rows(self, skill_ids: Sequence[int], now_ms: int) -> list[Row]:
        """The figures of these queues at `now_ms`, in this order; a queue never heard of has zeros.

        Figures are as if time had run on to `now_ms`; below the clock they are those at the clock.
        """
        return questions.rows(self.books, skill_ids, now_ms)

    def call_rows(self, skill_ids: Sequence[int], now_ms: int) -> list[CallRow]:
        """What happened to the calls of these queues in the five minutes of `now_ms`; otherwise as `rows`."""
        return questions.call_rows(self.books, skill_ids, now_ms)

    def advance(self, now_ms: int) -> list[Five]:
        """Returns the five minutes closed since it was last asked, having let time run on to `now_ms`.

        Only for a `now_ms` that is in the log, as the `at` of an event: else the fold would depend on who
        asks.
        """
        books = self.books
        if now_ms > books.clock_ms:
            books.clock_ms = now_ms
            books.run_timers(now_ms)
        closed, books.closed = books.closed, []
        return closed

    def tell(self) -> Closed:
        """Gives what is told of the five minutes that are over, each fact once."""
        return self.books.take_facts(self.books.timezone, self.books.day_starts)

    def deadline_ms(self) -> int:
        """The next instant at which time alone changes something."""
        return self.books.due_ms

    def snapshot(self) -> bytes:
        """The whole state; equal for equal logs, in any process."""
        return keeping.encode(self.capture())

    def capture(self) -> keeping.Capture:
        """The whole state at this moment, to be encoded (`keeping.encode`) while the engine goes on."""
        return keeping.capture(self.books)

    @classmethod
    def restore(cls, snapshot: bytes) -> "Vdn":
        """The engine that `snapshot` described. Raises `keeping.BadSnapshot`."""
        vdn = cls()
        vdn.books = keeping.load(snapshot)
        return vdn

    @property
    def clock_ms(self) -> int:
        """The largest `at` so far, whatever the outcome; -1 before the first event."""
        return self.books.clock_ms

    @property
    def open_from_ms(self) -> int:
        """The first mark whose five minutes `advance` has not given away yet."""
        return max(0, self.books.mark_ms - FIVE_MS)

    @property
    def stale_since_ms(self) -> int | None:
        """Since when a source's link is lost; `None` when all see their switch."""
        return min(self.books.links.values(), default=None)

    @property
    def repairs(self) -> dict[str, int]:
        """What snapshots changed so far, by kind (`repair.KINDS`)."""
        return self.books.repairs

    def take_corrections(self) -> list[Correction]:
        """What pictures changed since it was last asked (the last ones); not part of the state."""
        return self.books.accounts.take_corrections()

    def reliance(self) -> Reliance:
        """How far the figures can be relied on, all of them and those of each source."""
        return reliances.reliance(self.books)

    def named_ids_of(self, source: str) -> NamedIds:
        """The names that this source gave, whatever others have called the same since."""
        account = self.books.accounts.by_source.get(source) or Account()
        return NamedIds(*map(_inverse, (account.queues, account.agents, account.phones)))

    def named_ids(self) -> NamedIds:
        """All names that the log gave to queues and agents."""
        queues, agents, phones = {}, {}, {}
        for skill, queue in sorted(self.books.queues.items(), reverse=True):
            if queue.limits is not None and queue.limits.name is not None:
                queues[queue.limits.name] = skill
        for number, agent in sorted(self.books.agents.items(), reverse=True):
            if agent.name is not None:
                agents[agent.name] = number
            if agent.phone is not None:
                phones[agent.phone] = number
        return NamedIds(queues, agents, phones)

    def would_change(self, event: SkillConfigured | VdnConfigured) -> bool:
        """Whether the event says anything that the state does not say yet."""
        return vdn_rules.says_news(self.books, event)


def _inverse(names: dict[int, str]) -> dict[str, int]:
    return {names[number]: number for number in sorted(names, reverse=True)}
