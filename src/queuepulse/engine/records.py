"""Records: what happened in one queue, or to one agent, in one period, as sums, maxima and histograms.

Facts become records of five minutes here (`Tally`); records of any periods add up to those of longer ones
(`add`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, Final

from queuepulse.engine import facts as told
from queuepulse.engine.facts import WIDTHS, Facts
from queuepulse.engine.fields import (
    AGENT_FIELDS,
    AGENT_SPANS,
    BINS,
    QUEUE_FIELDS,
    QUEUE_SPANS,
    STATE_FIELDS,
)
from queuepulse.engine.histograms import bucket_of
from queuepulse.engine.limits import OWN_LIMIT, WITHIN_MS
from queuepulse.engine.queues import CAUSES, FIVE_MS, IN_20S_MS, LEFT_CAUSES
from queuepulse.engine.states import NAMES, SIGNED_OUT

_Q: Final = {name: place for place, name in enumerate(QUEUE_FIELDS)}
_A: Final = {name: place for place, name in enumerate(AGENT_FIELDS)}
_QUEUE_MAXIMA: Final = tuple([place for name, place in _Q.items() if name.endswith("_max")])
_AGENT_MAXIMA: Final = tuple([place for name, place in _A.items() if name.endswith("_max")])
_LEFT: Final = _Q["left_" + LEFT_CAUSES[0]]
_QUEUE_MS: Final = _Q[STATE_FIELDS[0]] - 1
_AGENT_MS: Final = _A[STATE_FIELDS[0]] - 1
_ANSWERED_BIN: Final = _Q["answered_bin_" + BINS[0]]
_ABANDONED_BIN: Final = _Q["abandoned_bin_" + BINS[0]]
_LEFT_BIN: Final = _Q["left_bin_" + BINS[0]]
_MISSED_BIN: Final = _Q["missed_bin_" + BINS[0]]
_MISSED: Final = _Q["missed"]
_ABANDONED: Final = CAUSES["abandoned"]
_CLOSED: Final = CAUSES["closed"]
_CLOSED_WAIT: Final = -1
"""The wait of a pass whose true end is unknown: it reached no limit."""


class Record:
    """The counts, in the order of the table of fields, and the histograms: counts by bucket."""

    __slots__ = ("counts", "spans")

    def __init__(self, counts: list[int], spans: list[dict[int, int]]) -> None:
        self.counts = counts
        self.spans = spans


def queue_record() -> Record:
    """The record of a queue in which nothing happened."""
    return Record([0] * len(QUEUE_FIELDS), [{} for _ in QUEUE_SPANS])


def agent_record() -> Record:
    """The record of an agent to whom nothing happened."""
    return Record([0] * len(AGENT_FIELDS), [{} for _ in AGENT_SPANS])


def add(total: Record, more: Record) -> None:
    """Adds a record to another of the same kind: sums of all but maxima, bucket by bucket."""
    ours, theirs = total.counts, more.counts
    maxima = _QUEUE_MAXIMA if len(ours) == len(QUEUE_FIELDS) else _AGENT_MAXIMA
    highest = [max(ours[place], theirs[place]) for place in maxima]
    total.counts = [one + other for one, other in zip(ours, theirs, strict=True)]
    for place, value in zip(maxima, highest, strict=True):
        total.counts[place] = value
    for span, others in zip(total.spans, more.spans, strict=True):
        for bucket, count in others.items():
            span[bucket] = span.get(bucket, 0) + count


class Tally:
    """Adds facts up to records of five minutes: `queues` and `agents`, by mark (epoch ms), then by id."""

    def __init__(self) -> None:
        self.queues: dict[int, dict[int, Record]] = {}
        self.agents: dict[int, dict[int, Record]] = {}
        self._rules: list[Callable[[list[Any]], None]] = [
            self._offered,
            self._rang,
            self._unanswered,
            self._answered,
            self._left,
            self._talked,
            self._wrapped_up,
            self._idled,
            self._missed,
            self._repaired,
            self._spent,
            self._moved,
        ]

    def add(self, facts: Facts) -> None:
        """Adds each fact to the five minutes that hold its instant."""
        rules, begin, last = self._rules, 0, len(facts)
        while begin < last:
            kind: int = facts[begin]
            end = begin + WIDTHS[kind]
            rules[kind](facts[begin:end])
            begin = end

    def queue(self, at_ms: int, skill: int) -> Record:
        """The record of the queue for the five minutes that hold the instant."""
        mark_ms = at_ms - at_ms % FIVE_MS
        records = self.queues.get(mark_ms)
        if records is None:
            records = self.queues[mark_ms] = {}
        record = records.get(skill)
        if record is None:
            record = records[skill] = queue_record()
        return record

    def agent(self, at_ms: int, agent_id: int) -> Record:
        """The same of the agent."""
        mark_ms = at_ms - at_ms % FIVE_MS
        records = self.agents.get(mark_ms)
        if records is None:
            records = self.agents[mark_ms] = {}
        record = records.get(agent_id)
        if record is None:
            record = records[agent_id] = agent_record()
        return record

    # Passes

    def _offered(self, fact: list[Any]) -> None:
        _, at_ms, skill, inbound, visit, *_ = fact
        counts = self.queue(at_ms, skill).counts
        counts[_Q_OFFERED] += 1
        if inbound:
            counts[_Q_OFFERED_IN] += 1
        if visit == told.AGAIN:
            counts[_Q_AGAIN] += 1
        elif visit == told.AGAIN_TODAY:
            counts[_Q_AGAIN_TODAY] += 1

    def _answered(self, fact: list[Any]) -> None:
        _, at_ms, skill, agent_id, inbound, since_ms, own_ms, counted, _ = fact
        if counted is not None:
            own_ms = counted[2]
        record = self.queue(at_ms, skill)
        counts = record.counts
        counts[_Q_ANSWERED] += 1
        if agent_id:
            self.agent(at_ms, agent_id).counts[_A_ANSWERED] += 1
        if since_ms < 0:
            # An answer after nobody knows how long is an answer, and never one in time.
            counts[_MISSED] += 1
            counts[_MISSED_BIN + OWN_LIMIT] += 1
            return
        wait_ms = max(at_ms - since_ms, 0)
        counts[_Q_WAITS_ANSWERED] += 1
        counts[_Q_WAIT_MS_ANSWERED] += wait_ms
        if wait_ms <= own_ms:
            counts[_Q_IN_TIME] += 1
        if inbound and wait_ms <= IN_20S_MS:
            counts[_Q_IN_20S] += 1
        place = self._waited(record, wait_ms)
        counts[_ANSWERED_BIN + place] += 1
        self._reached(counts, fact, place, wait_ms)

    def _left(self, fact: list[Any]) -> None:
        _, at_ms, skill, cause, short, since_ms, own_ms, counted, _ = fact
        if counted is not None:
            own_ms = counted[2]
        record = self.queue(at_ms, skill)
        counts = record.counts
        counts[_LEFT + cause] += 1
        if cause == _CLOSED:
            self._reached(counts, fact, 0, _CLOSED_WAIT)
            return
        wait_ms = max(at_ms - since_ms, 0)
        place = self._waited(record, wait_ms)
        counts[_LEFT_BIN + place] += 1
        if cause == _ABANDONED:
            counts[_ABANDONED_BIN + place] += 1
            if wait_ms <= own_ms:
                counts[_Q_ABANDONED_IN_TIME] += 1
            if short:
                counts[_Q_SHORT] += 1
        self._reached(counts, fact, place, wait_ms)

    def _waited(self, record: Record, wait_ms: int) -> int:
        """A wait ended; gives its bin, which is also the number of thresholds that it reached."""
        counts = record.counts
        counts[_Q_WAITS] += 1
        counts[_Q_WAIT_MS] += wait_ms
        if wait_ms > counts[_Q_WAIT_MS_MAX]:
            counts[_Q_WAIT_MS_MAX] = wait_ms
        bucket, span = bucket_of(wait_ms), record.spans[0]
        span[bucket] = span.get(bucket, 0) + 1
        return bisect_left(WITHIN_MS, wait_ms)

    def _reached(self, counts: list[int], fact: list[Any], place: int, wait_ms: int) -> None:
        """The limits that the wait reached count where it reached them, if not told already."""
        at_ms, skill, since_ms, own_ms, counted = fact[1], fact[2], fact[5], fact[6], fact[7]
        if counted is None and since_ms >= at_ms - at_ms % FIVE_MS:
            if place:
                counts[_MISSED_BIN + place] += 1
            if wait_ms > own_ms:
                counts[_MISSED] += 1
            return
        from_ms, to_ms, own_ms = counted or (0, 0, own_ms)
        for index, limit_ms in enumerate((*WITHIN_MS, own_ms)):
            was = from_ms <= since_ms + limit_ms < to_ms
            if was != (wait_ms > limit_ms):
                self._count_missed(since_ms + limit_ms, skill, index, -1 if was else 1)

    def _count_missed(self, at_ms: int, skill: int, index: int, sign: int) -> None:
        counts = self.queue(at_ms, skill).counts
        if index == OWN_LIMIT:
            counts[_MISSED] += sign
        else:
            # One threshold alone: what is in a bin has reached all before it.
            counts[_MISSED_BIN + index + 1] += sign
            counts[_MISSED_BIN + index] -= sign

    def _missed(self, fact: list[Any]) -> None:
        _, at_ms, skill, index, sign, _ = fact
        self._count_missed(at_ms, skill, index, sign)

    def _talked(self, fact: list[Any]) -> None:
        _, at_ms, skill, agent_id, talk_ms, hold_ms, _ = fact
        record = self.queue(at_ms, skill)
        _spell(record, _Q_TALKS, 1, talk_ms)
        if hold_ms:
            _spell(record, _Q_HOLDS, 2, hold_ms)
        if agent_id:
            record = self.agent(at_ms, agent_id)
            _spell(record, _A_TALKS, 0, talk_ms)
            if hold_ms:
                _spell(record, _A_HOLDS, 1, hold_ms)

    def _wrapped_up(self, fact: list[Any]) -> None:
        _, at_ms, skill, agent_id, wrapup_ms = fact
        _spell(self.queue(at_ms, skill), _Q_WRAPUPS, 3, wrapup_ms)
        _spell(self.agent(at_ms, agent_id), _A_WRAPUPS, 2, wrapup_ms)

    # Agents

    def _rang(self, fact: list[Any]) -> None:
        self.agent(fact[1], fact[2]).counts[_A_RINGS] += fact[3]

    def _unanswered(self, fact: list[Any]) -> None:
        self.agent(fact[1], fact[2]).counts[_A_UNANSWERED] += 1

    def _idled(self, fact: list[Any]) -> None:
        _, at_ms, skill, idle_ms = fact
        counts = self.queue(at_ms, skill).counts
        if idle_ms > counts[_Q_IDLE_MS_MAX]:
            counts[_Q_IDLE_MS_MAX] = idle_ms

    def _repaired(self, fact: list[Any]) -> None:
        _, at_ms, skill, agent_id = fact
        if skill:
            self.queue(at_ms, skill).counts[_Q_REPAIRS] += 1
        if agent_id:
            self.agent(at_ms, agent_id).counts[_A_REPAIRS] += 1

    def _spent(self, fact: list[Any]) -> None:
        _, to_ms, agent_id, skills, from_ms, state, changes = fact
        mark_ms = from_ms - from_ms % FIVE_MS
        if to_ms > mark_ms + FIVE_MS:
            for begin_ms, end_ms, during in pieces(from_ms, to_ms, state, changes):
                self._count_time(agent_id, skills, during, begin_ms, end_ms, 1)
            return
        spent = [0] * len(NAMES)
        for begin_ms, end_ms, during in pieces(from_ms, to_ms, state, changes):
            spent[during] += end_ms - begin_ms
        spent[SIGNED_OUT] = 0
        some = [(during, ms) for during, ms in enumerate(spent) if ms]
        if some:
            counts = self.agent(from_ms, agent_id).counts
            for during, ms in some:
                counts[_AGENT_MS + during] += ms
            for skill in skills:
                counts = self.queue(from_ms, skill).counts
                for during, ms in some:
                    counts[_QUEUE_MS + during] += ms

    def _moved(self, fact: list[Any]) -> None:
        _, to_ms, agent_id, from_ms, skills_told, told_state, skills, state = fact
        self._count_time(agent_id, skills_told, told_state, from_ms, to_ms, -1)
        self._count_time(agent_id, skills, state, from_ms, to_ms, 1)

    def _count_time(
        self, agent_id: int, skills: Iterable[int], state: int, from_ms: int, to_ms: int, sign: int
    ) -> None:
        """Adds, or takes back, one state from `from_ms` to `to_ms`, in each five minutes its part."""
        while state != SIGNED_OUT and from_ms < to_ms:
            end_ms = min(from_ms - from_ms % FIVE_MS + FIVE_MS, to_ms)
            ms = sign * (end_ms - from_ms)
            self.agent(from_ms, agent_id).counts[_AGENT_MS + state] += ms
            for skill in skills:
                self.queue(from_ms, skill).counts[_QUEUE_MS + state] += ms
            from_ms = end_ms


def pieces(from_ms: int, to_ms: int, state: int, changes: Iterable[int]) -> list[tuple[int, int, int]]:
    """The time from `from_ms` to `to_ms` as pieces of one state each: begin, end, state.

    Time never runs back: a change that is told late counts from the latest one before it.
    """
    found = []
    for change in changes:
        at_ms = change >> 4
        if at_ms > from_ms:
            found.append((from_ms, at_ms, state))
            from_ms = at_ms
        state = change & 15
    if to_ms > from_ms:
        found.append((from_ms, to_ms, state))
    return found


def _spell(record: Record, place: int, span: int, ms: int) -> None:
    """Counts one duration: number, sum and maximum, which lie side by side, and its bucket."""
    counts, buckets = record.counts, record.spans[span]
    counts[place] += 1
    counts[place + 1] += ms
    if ms > counts[place + 2]:
        counts[place + 2] = ms
    bucket = bucket_of(ms)
    buckets[bucket] = buckets.get(bucket, 0) + 1


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
