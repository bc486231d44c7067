"""The periods that figures look at: the five minutes of each queue, current, last finished and older.

And what is told of them to history, as facts.
"""

from queuepulse.engine.calls import Pass
from queuepulse.engine.facts import FACTS_MAX, TOLD_MAX, TOLD_MS, Closed, Facts
from queuepulse.engine.finished import Finished
from queuepulse.engine.limits import WITHIN_MS, WITHIN_MS_MAX
from queuepulse.engine.queues import FIVE_MS, Five, Queue


class Periods:
    """Which five minutes run, and those in which something happened.

    `mark_ms` begins the current ones. Those of one mark before stay open for late events.
    When the next mark passes they go to `closed`, with what late events add to older ones (`corrected`),
    until somebody takes them.

    `facts` are those since the mark passed, in the order of the log. When the next one passes they join
    `told`, where the lists of the last `TOLD_MS` are, each with the mark that ended it, and `untold`, until
    somebody takes them.
    No list of these two is ever changed. `finished` are the passes that have ended since the mark passed;
    then they join `untold_passes`.

    `idled` are the idle spells that ended in the current five minutes: what explains the longest one. History
    has no need of the others.
    """

    def __init__(self) -> None:
        self.mark_ms = -FIVE_MS
        self.current: list[Five] = []
        self.last: list[Five] = []
        self.corrected: dict[tuple[int, int], Five] = {}
        self.closed: list[Five] = []
        self.calls: dict[str, Pass] = {}
        self.facts = Facts()
        self.told: list[tuple[int, Facts]] = []
        self.untold: list[Facts] = []
        self.idled = Facts()
        self.finished = Finished()
        self.untold_passes: list[Finished] = []

    def pass_mark(self, mark_ms: int) -> None:
        """Begins the five minutes at `mark_ms`: those before the last finished ones are closed."""
        self._tell_reached(self.mark_ms, mark_ms)
        # In an order that no restart changes.
        for five in sorted(self.current, key=_skill):
            if five.idle_ms_max:
                self.facts.idled(five.mark_ms, five.skill, five.idle_ms_max)
        self._close_facts(mark_ms)
        kept_ms = mark_ms - TOLD_MS
        if self.told and self.told[0][0] <= kept_ms:
            self.told = [entry for entry in self.told if entry[0] > kept_ms]
        self.closed += self.corrected.values()
        self.closed += self.last
        if mark_ms == self.mark_ms + FIVE_MS:
            self.last = self.current
        else:
            self.closed += self.current
            self.last = []
        self.current = []
        self.idled = Facts()
        self.corrected = {}
        self.mark_ms = mark_ms

    def five(self, queue: Queue, at_ms: int) -> Five:
        """The queue's five minutes that hold the instant: the current, the last finished, or a correction."""
        five = queue.five
        if at_ms >= self.mark_ms:
            if five.mark_ms != self.mark_ms:
                queue.last_five = five if five.mark_ms == self.mark_ms - FIVE_MS else None
                five = queue.five = Five(queue.skill, self.mark_ms)
                self.current.append(five)
            return five
        mark_ms = at_ms - at_ms % FIVE_MS
        if mark_ms != self.mark_ms - FIVE_MS:
            return self._correction(queue.skill, mark_ms)
        if five.mark_ms == mark_ms:
            return five
        last = queue.last_five
        if last is not None and last.mark_ms == mark_ms:
            return last
        late = Five(queue.skill, mark_ms)
        self.last.append(late)
        if five.mark_ms == self.mark_ms:
            queue.last_five = late
        else:
            queue.five, queue.last_five = late, None
        return late

    def _correction(self, skill: int, mark_ms: int) -> Five:
        """What a late event adds to five minutes that are closed."""
        five = self.corrected.get((mark_ms, skill))
        if five is None:
            five = self.corrected[mark_ms, skill] = Five(skill, mark_ms)
        return five

    # Facts

    def take_facts(self, timezone: str, day_starts: str) -> Closed:
        """The facts that nobody took yet, of five minutes that are over; or of these, if they are many."""
        if len(self.facts) > FACTS_MAX:
            self._close_facts(self.mark_ms + FIVE_MS)
        told, self.untold = self.untold, []
        passes, self.untold_passes = self.untold_passes, []
        return Closed(told, passes, self.mark_ms, timezone, day_starts)

    def _close_facts(self, end_ms: int) -> None:
        if len(self.finished):
            self.untold_passes.append(self.finished)
            self.finished = Finished()
        if not len(self.facts):
            return
        self.untold.append(self.facts)
        # By its end: after a silence a list begins long before most of what it tells of.
        self.told.append((end_ms, self.facts))
        self.facts = Facts()
        held = sum([len(facts) for _, facts in self.told])
        while held > TOLD_MAX:
            held -= len(self.told.pop(0)[1])

    # Limits that are reached while a pass waits

    def _tell_reached(self, from_ms: int, to_ms: int) -> None:
        """Tells of the passes that wait which limits they reached in [from_ms, to_ms)."""
        for stay in self.calls.values():
            if stay.answered_at_ms >= 0:
                continue
            since_ms, counted = stay.waiting_since_ms, stay.counted
            own_ms = stay.queue.own_limit_ms() if counted is None else counted[2]
            if since_ms + max(WITHIN_MS_MAX, own_ms) < from_ms:
                continue
            for index, limit_ms in enumerate((*WITHIN_MS, own_ms)):
                if from_ms <= since_ms + limit_ms < to_ms:
                    self.facts.missed(since_ms + limit_ms, stay.queue.skill, index, 1, stay.call)
            stay.counted = (from_ms if counted is None else counted[0], to_ms, own_ms)

    def untell_reached(self, stay: Pass) -> None:
        """The pass did not wait since when we thought: what was told of its limits is taken back."""
        if stay.counted is not None:
            from_ms, to_ms, own_ms = stay.counted
            stay.counted = None
            for index, limit_ms in enumerate((*WITHIN_MS, own_ms)):
                if from_ms <= stay.waiting_since_ms + limit_ms < to_ms:
                    at_ms = stay.waiting_since_ms + limit_ms
                    self.facts.missed(at_ms, stay.queue.skill, index, -1, stay.call)


def _skill(five: Five) -> int:
    return five.skill
