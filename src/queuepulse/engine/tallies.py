"""Tallies: facts added up to records of five minutes."""

from collections.abc import Iterable
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from queuepulse.engine import facts as told
from queuepulse.engine.facts import SPENT_WIDTH, Facts
from queuepulse.engine.fields import AGENT_FIELDS, BINS, QUEUE_FIELDS, STATE_FIELDS
from queuepulse.engine.histograms import counted
from queuepulse.engine.limits import OWN_LIMIT, WITHIN_MS
from queuepulse.engine.queues import CAUSES, FIVE_MS, IN_20S_MS, LEFT_CAUSES
from queuepulse.engine.records import Record, agent_record, queue_record
from queuepulse.engine.states import SIGNED_OUT

_Q: Final = {name: place for place, name in enumerate(QUEUE_FIELDS)}
_A: Final = {name: place for place, name in enumerate(AGENT_FIELDS)}
_LEFT: Final = _Q["left_" + LEFT_CAUSES[0]]
QUEUE_MS: Final = _Q[STATE_FIELDS[0]] - 1
AGENT_MS: Final = _A[STATE_FIELDS[0]] - 1
"""Where the time in a state stands among the counts: so far behind its number."""
_ANSWERED_BIN: Final = _Q["answered_bin_" + BINS[0]]
_ABANDONED_BIN: Final = _Q["abandoned_bin_" + BINS[0]]
_LEFT_BIN: Final = _Q["left_bin_" + BINS[0]]
_MISSED_BIN: Final = _Q["missed_bin_" + BINS[0]]
_MISSED: Final = _Q["missed"]
_ABANDONED: Final = CAUSES["abandoned"]
_CLOSED: Final = CAUSES["closed"]
_CLOSED_WAIT: Final = -1
"""The wait of a pass whose true end is unknown: it reached no limit."""


_LIMITS_MS: Final = vec[i64](WITHIN_MS)


class Tally:
    """Adds facts up to records of five minutes: `queues` and `agents`, by mark (epoch ms), then by id."""

    def __init__(self) -> None:
        self.queues: dict[int, dict[int, Record]] = {}
        self.agents: dict[int, dict[int, Record]] = {}
        # Those of the five minutes that are looked at.
        self._mark_ms: i64 = -FIVE_MS
        self._queues: dict[int, Record] = {}
        self._agents: dict[int, Record] = {}

    def add(self, facts: Facts) -> None:
        """Adds each fact to the five minutes that hold its instant."""
        begin: i64 = 0
        last: i64 = len(facts)
        while begin < last:
            self.add_fact(facts, begin)
            begin += facts.width(begin)

    def add_fact(self, facts: Facts, begin: i64) -> None:  # noqa: C901 - one table of kinds, the frequent first
        """Adds the fact that begins there."""
        kind = facts.items[begin]
        if kind == told.OFFERED:
            self._offered(facts, begin)
        elif kind == told.ANSWERED:
            self._answered(facts, begin)
        elif kind == told.TALKED:
            self._talked(facts, begin)
        elif kind == told.WRAPPED_UP:
            self._wrapped_up(facts, begin)
        elif kind == told.SPENT:
            self._spent(facts, begin)
        elif kind == told.RANG:
            self._rang(facts, begin)
        elif kind == told.LEFT:
            self._left(facts, begin)
        elif kind == told.MISSED:
            self._missed(facts, begin)
        elif kind == told.IDLED:
            self._idled(facts, begin)
        elif kind == told.UNANSWERED:
            self._unanswered(facts, begin)
        elif kind == told.MOVED:
            self._moved(facts, begin)
        elif kind == told.REPAIRED:
            self._repaired(facts, begin)

    def queue(self, at_ms: i64, skill: i64) -> Record:
        """The record of the queue for the five minutes that hold the instant."""
        if at_ms < self._mark_ms or at_ms >= self._mark_ms + FIVE_MS:
            self._turn_to(at_ms - at_ms % FIVE_MS)
        record = self._queues.get(skill)
        if record is None:
            self.queues[self._mark_ms] = self._queues
            record = self._queues[skill] = queue_record()
        return record

    def agent(self, at_ms: i64, agent_id: i64) -> Record:
        """The same of the agent."""
        if at_ms < self._mark_ms or at_ms >= self._mark_ms + FIVE_MS:
            self._turn_to(at_ms - at_ms % FIVE_MS)
        record = self._agents.get(agent_id)
        if record is None:
            self.agents[self._mark_ms] = self._agents
            record = self._agents[agent_id] = agent_record()
        return record

    def _turn_to(self, mark_ms: i64) -> None:
        """The next facts are of those five minutes, as most of a list are."""
        self._mark_ms = mark_ms
        self._queues = self.queues.get(mark_ms, {})
        self._agents = self.agents.get(mark_ms, {})

    # Passes

    def _offered(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        counts = self.queue(items[begin + 1], items[begin + 2]).counts
        counts[_Q_OFFERED] += 1
        if items[begin + 3]:
            counts[_Q_OFFERED_IN] += 1
        visit = items[begin + 4]
        if visit == told.AGAIN:
            counts[_Q_AGAIN] += 1
        elif visit == told.AGAIN_TODAY:
            counts[_Q_AGAIN_TODAY] += 1

    def _answered(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        at_ms, agent_id, since_ms = items[begin + 1], items[begin + 3], items[begin + 5]
        record = self.queue(at_ms, items[begin + 2])
        counts = record.counts
        counts[_Q_ANSWERED] += 1
        if agent_id:
            self.agent(at_ms, agent_id).counts[_A_ANSWERED] += 1
        if since_ms < 0:
            # An answer after nobody knows how long is an answer, and never one in time.
            counts[_MISSED] += 1
            counts[_MISSED_BIN + OWN_LIMIT] += 1
            return
        wait_ms = at_ms - since_ms if at_ms > since_ms else 0
        counts[_Q_WAITS_ANSWERED] += 1
        counts[_Q_WAIT_MS_ANSWERED] += wait_ms
        if wait_ms <= items[begin + 6]:
            counts[_Q_IN_TIME] += 1
        if items[begin + 4] and wait_ms <= IN_20S_MS:
            counts[_Q_IN_20S] += 1
        place = self._waited(record, wait_ms)
        counts[_ANSWERED_BIN + place] += 1
        self._reached(counts, facts, begin, place, wait_ms)

    def _left(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        cause = items[begin + 3]
        record = self.queue(items[begin + 1], items[begin + 2])
        counts = record.counts
        counts[_LEFT + cause] += 1
        if cause == _CLOSED:
            self._reached(counts, facts, begin, 0, _CLOSED_WAIT)
            return
        wait_ms = items[begin + 1] - items[begin + 5]
        if wait_ms < 0:
            wait_ms = 0
        place = self._waited(record, wait_ms)
        counts[_LEFT_BIN + place] += 1
        if cause == _ABANDONED:
            counts[_ABANDONED_BIN + place] += 1
            if wait_ms <= items[begin + 6]:
                counts[_Q_ABANDONED_IN_TIME] += 1
            if items[begin + 4]:
                counts[_Q_SHORT] += 1
        self._reached(counts, facts, begin, place, wait_ms)

    def _waited(self, record: Record, wait_ms: i64) -> i64:
        """A wait ended; gives its bin, which is also the number of thresholds that it reached."""
        counts = record.counts
        counts[_Q_WAITS] += 1
        counts[_Q_WAIT_MS] += wait_ms
        if wait_ms > counts[_Q_WAIT_MS_MAX]:
            counts[_Q_WAIT_MS_MAX] = wait_ms
        record.entries = counted(record.entries, 0, wait_ms)
        place: i64 = 0
        while place < len(_LIMITS_MS) and wait_ms > _LIMITS_MS[place]:
            place += 1
        return place

    def _reached(self, counts: vec[i64], facts: Facts, begin: i64, place: i64, wait_ms: i64) -> None:
        """The limits that the wait reached count where it reached them, if not told already."""
        items = facts.items
        at_ms, since_ms, own_ms = items[begin + 1], items[begin + 5], items[begin + 6]
        if not items[begin + 8] and since_ms >= at_ms - at_ms % FIVE_MS:
            if place:
                counts[_MISSED_BIN + place] += 1
            if wait_ms > own_ms:
                counts[_MISSED] += 1
            return
        self._reached_where(facts, begin, wait_ms)

    def _reached_where(self, facts: Facts, begin: i64, wait_ms: i64) -> None:
        items = facts.items
        skill, since_ms, own_ms = items[begin + 2], items[begin + 5], items[begin + 6]
        from_ms, to_ms = items[begin + 7], items[begin + 8]
        for index, limit_ms in enumerate((*WITHIN_MS, own_ms)):
            was = from_ms <= since_ms + limit_ms < to_ms
            if was != (wait_ms > limit_ms):
                self._count_missed(since_ms + limit_ms, skill, index, -1 if was else 1)

    def _count_missed(self, at_ms: i64, skill: i64, index: i64, sign: i64) -> None:
        counts = self.queue(at_ms, skill).counts
        if index == OWN_LIMIT:
            counts[_MISSED] += sign
        else:
            # One threshold alone: what is in a bin has reached all before it.
            counts[_MISSED_BIN + index + 1] += sign
            counts[_MISSED_BIN + index] -= sign

    def _missed(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        self._count_missed(items[begin + 1], items[begin + 2], items[begin + 3], items[begin + 4])

    def _talked(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        at_ms, agent_id, talk_ms, hold_ms = (
            items[begin + 1], items[begin + 3], items[begin + 4], items[begin + 5],
        )  # fmt: skip
        record = self.queue(at_ms, items[begin + 2])
        _spell(record, _Q_TALKS, 1, talk_ms)
        if hold_ms:
            _spell(record, _Q_HOLDS, 2, hold_ms)
        if agent_id:
            record = self.agent(at_ms, agent_id)
            _spell(record, _A_TALKS, 0, talk_ms)
            if hold_ms:
                _spell(record, _A_HOLDS, 1, hold_ms)

    def _wrapped_up(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        at_ms, wrapup_ms = items[begin + 1], items[begin + 4]
        _spell(self.queue(at_ms, items[begin + 2]), _Q_WRAPUPS, 3, wrapup_ms)
        _spell(self.agent(at_ms, items[begin + 3]), _A_WRAPUPS, 2, wrapup_ms)

    # Agents

    def _rang(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        self.agent(items[begin + 1], items[begin + 2]).counts[_A_RINGS] += items[begin + 3]

    def _unanswered(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        self.agent(items[begin + 1], items[begin + 2]).counts[_A_UNANSWERED] += 1

    def _idled(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        counts, idle_ms = self.queue(items[begin + 1], items[begin + 2]).counts, items[begin + 3]
        if idle_ms > counts[_Q_IDLE_MS_MAX]:
            counts[_Q_IDLE_MS_MAX] = idle_ms

    def _repaired(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        at_ms, skill, agent_id = items[begin + 1], items[begin + 2], items[begin + 3]
        if skill:
            self.queue(at_ms, skill).counts[_Q_REPAIRS] += 1
        if agent_id:
            self.agent(at_ms, agent_id).counts[_A_REPAIRS] += 1

    def _spent(self, facts: Facts, begin: i64) -> None:
        from_ms, to_ms = facts.items[begin + 4], facts.items[begin + 1]
        mark_ms = from_ms - from_ms % FIVE_MS
        while mark_ms < to_ms:
            self._count_states(facts, begin, mark_ms, facts.time_in_states(begin, mark_ms, mark_ms + FIVE_MS))
            mark_ms += FIVE_MS

    def _count_states(self, facts: Facts, begin: i64, at_ms: i64, spent: vec[i64]) -> None:
        """Counts so much time in each state to the agent of a SPENT and to his queues."""
        in_any: i64 = 0
        for ms in spent:
            in_any += ms
        if not in_any:
            return
        items = facts.items
        _add_states(self.agent(at_ms, items[begin + 2]).counts, AGENT_MS, spent)
        first = begin + SPENT_WIDTH
        last = first + items[first - 1]
        while first < last:
            _add_states(self.queue(at_ms, items[first]).counts, QUEUE_MS, spent)
            first += 1

    def _moved(self, facts: Facts, begin: i64) -> None:
        items = facts.items
        to_ms, agent_id, from_ms = items[begin + 1], items[begin + 2], items[begin + 4]
        self._count_time(agent_id, facts.skills(begin), items[begin + 5], from_ms, to_ms, -1)
        self._count_time(agent_id, facts.true_skills(begin), items[begin + 6], from_ms, to_ms, 1)

    def _count_time(
        self, agent_id: int, skills: Iterable[int], state: int, from_ms: int, to_ms: int, sign: int
    ) -> None:
        """Adds, or takes back, one state from `from_ms` to `to_ms`, in each five minutes its part."""
        while state != SIGNED_OUT and from_ms < to_ms:
            end_ms = min(from_ms - from_ms % FIVE_MS + FIVE_MS, to_ms)
            ms = sign * (end_ms - from_ms)
            self.agent(from_ms, agent_id).counts[AGENT_MS + state] += ms
            for skill in skills:
                self.queue(from_ms, skill).counts[QUEUE_MS + state] += ms
            from_ms = end_ms


def _add_states(counts: vec[i64], first: i64, spent: vec[i64]) -> None:
    state: i64
    for state in range(SIGNED_OUT + 1, len(spent)):
        ms = spent[state]
        if ms:
            counts[first + state] += ms


def _spell(record: Record, place: i64, span: i64, ms: i64) -> None:
    """Counts one duration: number, sum and maximum, which lie side by side, and its bucket."""
    counts = record.counts
    counts[place] += 1
    counts[place + 1] += ms
    if ms > counts[place + 2]:
        counts[place + 2] = ms
    record.entries = counted(record.entries, span, ms)


_Q_OFFERED: Final = _Q["offered"]
_Q_OFFERED_IN: Final = _Q["offered_in"]
_Q_AGAIN: Final = _Q["again"]
_Q_AGAIN_TODAY: Final = _Q["again_today"]
_Q_ANSWERED: Final = _Q["answered"]
_Q_IN_20S: Final = _Q["answered_in_20s"]
_Q_IN_TIME: Final = _Q["answered_in_time"]
_Q_ABANDONED_IN_TIME: Final = _Q["abandoned_in_time"]
_Q_SHORT: Final = _Q["short_abandoned"]
_Q_WAITS: Final = _Q["waits"]
_Q_WAIT_MS: Final = _Q["wait_ms"]
_Q_WAIT_MS_MAX: Final = _Q["wait_ms_max"]
_Q_WAITS_ANSWERED: Final = _Q["waits_answered"]
_Q_WAIT_MS_ANSWERED: Final = _Q["wait_ms_answered"]
_Q_TALKS: Final = _Q["talks"]
_Q_HOLDS: Final = _Q["holds"]
_Q_WRAPUPS: Final = _Q["wrapups"]
_Q_IDLE_MS_MAX: Final = _Q["idle_ms_max"]
_Q_REPAIRS: Final = _Q["repairs"]
_A_RINGS: Final = _A["rings"]
_A_UNANSWERED: Final = _A["unanswered"]
_A_ANSWERED: Final = _A["answered"]
_A_TALKS: Final = _A["talks"]
_A_HOLDS: Final = _A["holds"]
_A_WRAPUPS: Final = _A["wrapups"]
_A_REPAIRS: Final = _A["repairs"]
