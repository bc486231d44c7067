"""What must be true of a server's log and figures, whatever was done to it; checked against our own books.

What was acknowledged is logged, in the order of sending, and what is logged was sent. The figures of the
server are those of an engine that folds the log with each event once. Its snapshots are, byte for byte, those
of an engine that folds the log as it is.
"""

import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from queuepulse.engine import codec
from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.figures import Row
from queuepulse.engine.vdn import Vdn
from queuepulse.ports import KeptSnapshot, LogBatch
from queuepulse.stores.folder import LOG_FILE
from queuepulse.stores.sqlite import SqliteLog

SKILLS: Final = 8
ALL_SKILLS: Final = range(1, SKILLS + 1)


class Asked(NamedTuple):
    """An answer of the server: the figures of all queues of a VDN, asked for from then to then (epoch ms)."""

    position: int
    rows: list[Row]
    from_ms: int
    until_ms: int


class Wrong(AssertionError):
    """Something was lost, doubled or miscounted."""


class VdnBooks:
    """What was sent to one VDN, and what its log and its answers say."""

    def __init__(self, key: VdnKey) -> None:
        self.key = key
        self.sent: list[Event] = []
        """All events in the order of their first sending; an event's id is its place here."""
        self.posts: Counter[int] = Counter()
        self.acknowledged = 0
        """So many of the first ones are acknowledged."""
        self.acknowledged_at = 0
        """The position of the last of them in the log."""
        self.asked: list[Asked] = []
        self.logged = 0
        self.snapshots_checked = 0
        self._logged_times: Counter[int] = Counter()
        # The log folded with each event once; and as it is, as the server folds it.
        self._once, self._whole = Vdn(), Vdn()
        self._position = 0
        self._snapshot: KeptSnapshot | None = None
        self._checked_to = 0

    def expect(self, snapshot: KeptSnapshot | None) -> None:
        """Take up the newest snapshot, to be compared when the fold gets there."""
        if snapshot is not None and snapshot.position > self._checked_to:
            self._snapshot = snapshot
        self.asked.sort(key=lambda asked: asked.position)

    def fold(self, batch: LogBatch) -> None:
        """Check and fold one more batch of the log."""
        for place, event in enumerate(codec.decode_trusted(batch.body), batch.first):
            if place <= self._position:
                continue
            self._look(place)
            self._whole.apply(event)
            if self._is_first(place, event):
                self._once.apply(event)
            self._position = place
        # A snapshot may fall between the last event and what the hub does behind a batch.
        self._compare_snapshot(required=False)
        for engine in (self._whole, self._once):
            engine.advance(engine.clock_ms)
            engine.tell()

    def close(self, end: int) -> None:
        """All is read, up to position `end` of the log."""
        if self.asked and self.asked[-1].position > end:
            shown = self.asked[-1].position
            raise Wrong(f"{self.key}: position {shown} was shown, and the log ends at {end}")
        self._look(end + 1)
        if self.logged < self.acknowledged:
            missing = f"{self.logged} to {self.acknowledged - 1}"
            raise Wrong(f"{self.key}: the log lacks acknowledged events {missing}")

    def _is_first(self, place: int, event: Event) -> bool:
        """Whether a logged event is new; anything that was not sent so is wrong."""
        if event.id is None or event.id.startswith("~"):
            return True  # of the hub's own
        number = int(event.id)
        self._logged_times[number] += 1
        if self._logged_times[number] > self.posts[number]:
            raise Wrong(f"{self.key}: event {number} is at {place} again, and was not sent again")
        if event != self.sent[number]:
            raise Wrong(f"{self.key}: event {number} at {place} is not what was sent: {event}")
        if number < self.logged:
            return False
        if number > self.logged:
            raise Wrong(f"{self.key}: event {number} is at {place}, and event {self.logged} before it is not")
        self.logged += 1
        return True

    def _look(self, place: int) -> None:
        """Compare what is to be compared before the event at `place` is folded."""
        if self._snapshot is not None and self._snapshot.position < place:
            self._compare_snapshot(required=True)
        while self.asked and self.asked[0].position < place:
            self._compare(self.asked.pop(0))

    def _compare_snapshot(self, required: bool) -> None:
        kept = self._snapshot
        if kept is None or (kept.position > self._position and not required):
            return
        if kept.body == self._whole.snapshot():
            self._snapshot, self._checked_to = None, kept.position
            self.snapshots_checked += 1
        elif required:
            raise Wrong(f"{self.key}: the snapshot at {kept.position} is not the log folded up to there")

    def _compare(self, asked: Asked) -> None:
        """There must be an instant, while the question was under way, at which all figures are right."""
        for instant_ms in range(asked.from_ms, asked.until_ms + 1):
            if self._once.rows(ALL_SKILLS, instant_ms) == asked.rows:
                return
        both = zip(asked.rows, self._once.rows(ALL_SKILLS, asked.until_ms), strict=True)
        differing = [(told, true) for told, true in both if told != true]
        raise Wrong(f"{self.key}: figures at position {asked.position}, told and true: {differing}")


class Books:
    """The books of all VDNs of one server."""

    def __init__(self, keys: list[VdnKey]) -> None:
        self.of = {key: VdnBooks(key) for key in keys}
        self.answers_checked = 0
        self.position = 0
        self.removed = 0
        """So many events were removed by retention."""

    def check(self, folder: Path) -> None:
        """Read what the log of a dead server says since the last look. Raises Wrong, or LogDamaged.

        A copy is read: looking must not put right what the next start has to.
        """
        if not (folder / LOG_FILE).exists():
            return
        with TemporaryDirectory(dir=folder.parent) as scratch:
            for file in folder.glob(f"{LOG_FILE}*"):
                if not file.name.endswith("-shm"):
                    shutil.copy(file, scratch)
            log = SqliteLog(Path(scratch) / LOG_FILE, elapsed=lambda: 0.0, warn=_refuse_to_warn)
            try:
                self._read(log)
            finally:
                log.close()

    def _read(self, log: SqliteLog) -> None:
        self.answers_checked += sum(len(books.asked) for books in self.of.values())
        for key, books in self.of.items():
            books.expect(log.newest_snapshot(key))
        self.removed = next((batch.first - 1 for batch in log.read()), 0)
        for batch in log.read(self.position):
            if batch.first > self.position + 1:
                raise Wrong(f"the log lacks events {self.position + 1} to {batch.first - 1}")
            self.of[batch.vdn].fold(batch)
            self.position = batch.last
        if log.position() != self.position:
            raise Wrong(f"the log ends at {log.position()}, and its batches at {self.position}")
        for books in self.of.values():
            books.close(self.position)


def _refuse_to_warn(sentence: str) -> None:
    raise Wrong(sentence)
