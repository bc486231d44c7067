"""How long a caller who enters now may wait, and by how much such estimates were wrong in the last hour.

An estimate is made of what an offer tells of its queue, and of the answers of the 15 minutes before it.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from queuepulse.engine.books import Books
from queuepulse.engine.clips import STEP_ITEMS
from queuepulse.engine.facts import ANSWERED, LEFT, OFFERED, Facts
from queuepulse.engine.places import Places
from queuepulse.engine.questions import rows
from queuepulse.engine.windows import Capture

ANSWERS_MS: Final = 900_000
"""The time before an estimate whose answers it is made of."""
JUDGED_MS: Final = 3_600_000
"""Offers of so long ago count in the error."""


class Present(NamedTuple):
    """A queue at an instant: who waits, how many agents could take one more, and the call that waits longest.

    `oldest_since_ms` is since when it does, -1 where nobody waits.
    """

    waiting: int
    available: int
    oldest_call: str
    oldest_since_ms: int


def presents(books: Books, skills: Sequence[int], now_ms: int) -> list[Present]:
    """These queues, as if time had run on to `now_ms`."""
    found = []
    for row in rows(books, skills, now_ms):
        queue = books.queues.get(row.skill)
        first = None if queue is None else queue.waits.first()
        call, since_ms = ("", -1) if first is None else first
        found.append(Present(row.waiting, row.available, call, since_ms))
    return found


def estimate_ms(waiting: int, available: int, answers: int) -> int | None:
    """The wait of who enters behind so many; None where nobody was answered for long, and nobody is free."""
    if available > 0:
        return 0
    return (waiting + 1) * ANSWERS_MS // answers if answers > 0 else None


class Judged(NamedTuple):
    """An offer that was answered: in what state of its queue it was made, and how long the wait was.

    `agent_id` answered (0: nobody), as the event at `position` said (-1: not known).
    """

    at_ms: int
    waiting: int
    available: int
    wait_ms: int
    call: str
    answered_at_ms: int
    agent_id: int
    position: int


class _Answers:
    """The answers of one queue, and its offers that were answered, both by their instants.

    `errors_ms` are those of the estimates at these offers, -1 where there was none; None: to be found anew.
    """

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.judged: list[Judged] = []
        self.errors_ms: list[int] | None = []

    def answered_at(self, at_ms: int) -> None:
        if self.answered and at_ms < self.answered[-1]:
            insort(self.answered, at_ms)
        else:
            self.answered.append(at_ms)
        if self.judged and at_ms < self.judged[-1].at_ms:
            # A late answer: estimates made since may be others.
            self.errors_ms = None

    def judge(self, one: Judged) -> None:
        if self.errors_ms is not None and (not self.judged or self.judged[-1] <= one):
            self.judged.append(one)
            self.errors_ms.append(self.error_ms(one))
        else:
            place = bisect_right(self.judged, one)
            self.judged.insert(place, one)
            if self.errors_ms is not None:
                self.errors_ms.insert(place, self.error_ms(one))

    def count(self, from_ms: int, to_ms: int) -> int:
        """How many were answered in [from_ms, to_ms)."""
        return bisect_left(self.answered, to_ms) - bisect_left(self.answered, from_ms)

    def estimated_ms(self, one: Judged) -> int | None:
        """What was estimated at the offer."""
        return estimate_ms(one.waiting, one.available, self.count(one.at_ms - ANSWERS_MS, one.at_ms))

    def error_ms(self, one: Judged) -> int:
        estimated_ms = self.estimated_ms(one)
        return -1 if estimated_ms is None else abs(estimated_ms - one.wait_ms)

    def forget(self, now_ms: int) -> None:
        """Drops what no estimate looks at any more."""
        place = bisect_left(self.answered, now_ms - JUDGED_MS - ANSWERS_MS)
        if place:
            del self.answered[:place]
        place = bisect_left(self.judged, (now_ms - JUDGED_MS,))
        if place:
            del self.judged[:place]
            if self.errors_ms is not None:
                del self.errors_ms[:place]


class Estimates:
    """The estimates of the queues of a VDN, as far as its engine remembers; `places` are of its facts."""

    def __init__(self, places: Places | None = None) -> None:
        self._places = places
        self._of: dict[int, _Answers] = {}
        self._offered: dict[tuple[str, int], tuple[int, int, int]] = {}
        self._facts: Facts | None = None
        self._done = 0

    def follow(self, captured: Capture) -> Iterator[None]:
        """Takes in what is new, in the order of the log; in steps."""
        lists = [(facts, len(facts)) for _, facts in captured.closed]
        lists.append((captured.running, captured.running_items))
        places = [place for place, (facts, _) in enumerate(lists) if facts is self._facts]
        if not places:
            self._of, self._offered, self._done = {}, {}, 0
        for facts, last in lists[places[0] if places else 0 :]:
            if facts is not self._facts:
                self._facts, self._done = facts, 0
                for of_queue in self._of.values():
                    of_queue.forget(captured.now_ms)
            while self._done < last:
                self._take(facts, min(self._done + STEP_ITEMS, last))
                yield

    def _take(self, facts: Facts, until: int) -> None:
        begin, offered, items = self._done, self._offered, facts.items
        while begin < until:
            kind = items[begin]
            if kind == OFFERED:
                waiting, available = int(items[begin + 5]), int(items[begin + 6])
                offered[facts.call(begin), items[begin + 2]] = int(items[begin + 1]), waiting, available
            elif kind == ANSWERED:
                at_ms, skill, since_ms = int(items[begin + 1]), int(items[begin + 2]), items[begin + 5]
                call = facts.call(begin)
                of_queue = self._of.get(skill)
                if of_queue is None:
                    of_queue = self._of[skill] = _Answers()
                of_queue.answered_at(at_ms)
                before = offered.pop((call, skill), None)
                if before is not None and since_ms >= 0:
                    place = None if self._places is None else self._places.of_fact(facts, begin)
                    wait_ms, position = max(at_ms - since_ms, 0), -1 if place is None else place
                    of_queue.judge(Judged(*before, wait_ms, call, at_ms, int(items[begin + 3]), position))
            elif kind == LEFT:
                offered.pop((facts.call(begin), items[begin + 2]), None)
            begin += facts.width(begin)
        self._done = begin

    def estimated_ms(self, skill: int, present: Present, now_ms: int) -> int | None:
        """For a caller who enters the queue now."""
        of_queue = self._of.get(skill)
        answers = 0 if of_queue is None else of_queue.count(now_ms - ANSWERS_MS, now_ms + 1)
        return estimate_ms(present.waiting, present.available, answers)

    def error_ms(self, skill: int, now_ms: int) -> int | None:
        """The mean absolute error of the estimates at the offers of the last hour that were answered."""
        of_queue = self._of.get(skill)
        if of_queue is None:
            return None
        of_queue.forget(now_ms)
        if of_queue.errors_ms is None:
            of_queue.errors_ms = [of_queue.error_ms(one) for one in of_queue.judged]
        total_ms, known = 0, 0
        for error_ms in of_queue.errors_ms:
            if error_ms >= 0:
                total_ms += error_ms
                known += 1
        return total_ms // known if known else None

    def judged(self, skill: int, now_ms: int) -> list[tuple[Judged, int | None]]:
        """Those offers, in their order, each with what was estimated at it; None: nothing was."""
        of_queue = self._of.get(skill)
        if of_queue is None:
            return []
        of_queue.forget(now_ms)
        return [(one, of_queue.estimated_ms(one)) for one in of_queue.judged]
