"""The periods that figures look at: the five minutes of each queue, current, last finished and older."""

from queuepulse.engine.queues import FIVE_MS, Five, Queue


class Periods:
    """Which five minutes run, and those in which something happened.

    `mark_ms` begins the current ones. Those of one mark before stay open for late events.
    When the next mark passes they go to `closed`, with what late events add to older ones (`corrected`),
    until somebody takes them.
    """

    def __init__(self) -> None:
        self.mark_ms = -FIVE_MS
        self.current: list[Five] = []
        self.last: list[Five] = []
        self.corrected: dict[tuple[int, int], Five] = {}
        self.closed: list[Five] = []

    def pass_mark(self, mark_ms: int) -> None:
        """Begins the five minutes at `mark_ms`: those before the last finished ones are closed."""
        self.closed += self.corrected.values()
        self.closed += self.last
        if mark_ms == self.mark_ms + FIVE_MS:
            self.last = self.current
        else:
            self.closed += self.current
            self.last = []
        self.current = []
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
