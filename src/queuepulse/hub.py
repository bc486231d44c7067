"""One machine's board: events go into the log first, then into their engine; queries read the engine.

This is the only module that reads a clock; everybody else is given the time.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from queuepulse.chronicle import Chronicle
from queuepulse.engine import codec, keeping
from queuepulse.engine.accounts import Correction
from queuepulse.engine.events import Clock as ClockEvent
from queuepulse.engine.events import Event, SkillConfigured, VdnConfigured, VdnKey
from queuepulse.engine.outcomes import Outcome
from queuepulse.engine.vdn import NamedIds, Vdn
from queuepulse.hosting import Hosted
from queuepulse.meters import Meters
from queuepulse.ports import Answer, Clock, EventLog, FiveRecords, KeptSnapshot, LogBusy, LogFull, Receipt
from queuepulse.protocol.health import VdnHealth
from queuepulse.stamping import Stamper
from queuepulse.vdn_health import Checks, checks_of, vdn_health

SLICE_S: Final = 0.0015
"""Longest stretch of folding before others get their turn: below the 2 ms any step may take, with room."""
SLICE_EVENTS: Final = 64
"""Events between two looks at the clock."""
STAMP_EVENTS: Final = 1_000
"""Events made ready for the log in one step: about a millisecond."""
TICK_S: Final = 1.0
"""How often a due timer is looked for: a clock event a second at most (events.md, `clock`)."""
QUIET_S: Final = 10.0
"""How long a VDN must have been quiet before: events that still come tell the time themselves, and a file of
the past that is being sent would lose the memory of its ids. Answers do not depend on it."""
PRUNE_EVERY_S: Final = 60.0
"""How often retention is looked after: what is a minute too old does no harm."""
DAY_MS: Final = 86_400_000
Question: TypeAlias = Callable[[Vdn, Sequence[int], int], list[Any]]


class SystemClock:
    """The real time."""

    def now_ms(self) -> int:
        """Epoch milliseconds, UTC, by the machine's clock."""
        return time.time_ns() // 1_000_000

    def elapsed(self) -> float:
        """Seconds since some instant; it never goes back."""
        return time.perf_counter()


class BrokenFold(Exception):
    """An event that is in the log cannot be folded: a defect of ours. `str()` says which one."""

    def __init__(self, vdn: VdnKey, after: int, error: Exception) -> None:
        super().__init__(
            f"An event of VDN {vdn.cc}/{vdn.vdn} behind position {after} cannot be folded ({error!r}). "
            "The log is whole; this is a defect of QueuePulse. Keep a backup of the folder and report it."
        )


class HubSettings(NamedTuple):
    """What can be set of a hub; the table of settings says what each means."""

    ahead_ms_max: int = 5_000
    snapshot_every_events: int = 200_000
    snapshot_every_s: int = 600
    keep_days: int = 30
    log_bytes_max: int = 20 * 2**30


class Hub:
    """The board of one machine. All of it runs on one loop; only `restore` blocks.

    `warn` is told, as a sentence, what an operator should know and nobody asked for; `on_correction` what a
    picture changed. `records` gets the closed five minutes. `hosted` are the VDNs here, for others to read.
    The `chronicle` gets what happened; without one it is forgotten.
    """

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        meters: Meters,
        settings: HubSettings,
        warn: Callable[[str], None],
        on_correction: Callable[[VdnKey, Correction], None],
        records: FiveRecords,
        chronicle: Chronicle | None = None,
    ) -> None:
        self._log = log
        self._clock = clock
        self._meters = meters
        self._settings = settings
        self._warn = warn
        self._on_correction = on_correction
        self._records = records
        self.chronicle = chronicle or Chronicle(None, warn)
        self.hosted: dict[VdnKey, Hosted] = {}
        self._nobody = Vdn()
        # Batches that are not folded yet, the oldest first, with whose they are and when they came.
        self._under_way: dict[asyncio.Task[Receipt], tuple[VdnKey, float]] = {}
        self._stamper = Stamper(settings.ahead_ms_max)
        self._broken: BrokenFold | None = None
        self.log_fault: str | None = None

    # Start

    def restore(self) -> int:
        """Folds the log: of each VDN the newest snapshot and what came after. Gives how many; blocks."""
        return sum(self._restore(vdn) for vdn in self._log.vdns())

    def _restore(self, vdn: VdnKey) -> int:
        engine, position = Vdn(), 0

        def is_readable(body: bytes) -> bool:
            nonlocal engine
            try:
                engine = Vdn.restore(body)
            except keeping.BadSnapshot as error:
                self._warn(
                    f"A snapshot of VDN {vdn.cc}/{vdn.vdn} is not used ({error}): folding more events."
                )
                return False
            return True

        kept = self._log.newest_snapshot(vdn, is_readable)
        if kept is not None:
            position = kept.position
        self.chronicle.begin(vdn, position)
        self._records.begin(vdn, 0 if kept is None else engine.open_from_ms)
        hosted = self.hosted[vdn] = Hosted(engine, position, self._clock.elapsed())
        for batch in self._log.read(position, vdn):
            for place, event in enumerate(codec.decode_trusted(batch.body), batch.first):
                if place > hosted.position:
                    self._apply_logged(vdn, hosted, event)
                    hosted.position = place
                    hosted.unkept += 1
            self.close_fives(vdn, hosted)
            self.chronicle.tell(vdn, hosted.position, engine.tell())
            self.chronicle.catch_up()
        # They were told when they were news.
        engine.take_corrections()
        return hosted.unkept

    def _apply_logged(self, vdn: VdnKey, hosted: Hosted, event: Event) -> None:
        try:
            hosted.engine.apply(event)
        except Exception as error:
            raise BrokenFold(vdn, hosted.position, error) from error

    async def declare(self, vdn: VdnKey, events: Iterable[SkillConfigured | VdnConfigured]) -> None:
        """Logs those of the configured names and limits that differ from what the log says (events.md)."""
        hosted = self.hosted.get(vdn)
        news = [event for event in events if hosted is None or hosted.engine.would_change(event)]
        if news:
            await self.ingest(vdn, news)

    # The two walks

    async def ingest(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        """Logs the events of one VDN, then folds them; when it returns the next query sees them.

        Raises LogFull: nothing was taken. Who stops waiting for it stops nothing.
        """
        if vdn in self.hosted:
            self.hosted[vdn].told_s = self._clock.elapsed()
        return await self._submit(vdn, events)

    async def _submit(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        task = asyncio.create_task(self._log_and_fold(vdn, events))
        self._under_way[task] = vdn, self._clock.elapsed()
        task.add_done_callback(self._under_way.pop)
        return await asyncio.shield(task)

    async def rows(self, vdn: VdnKey, skill_ids: Sequence[int]) -> Answer:
        """The figures of these queues now; a VDN never heard of has zeros."""
        return self._asked(vdn, skill_ids, Vdn.rows)

    async def call_rows(self, vdn: VdnKey, skill_ids: Sequence[int]) -> Answer:
        """What happened to the calls of these queues in the current five minutes; likewise."""
        return self._asked(vdn, skill_ids, Vdn.call_rows)

    def _asked(self, vdn: VdnKey, skill_ids: Sequence[int], question: Question) -> Answer:
        now_ms = self._clock.now_ms()
        hosted = self.hosted.get(vdn)
        if hosted is None:
            return Answer(question(self._nobody, skill_ids, now_ms), 0, None, now_ms)
        engine = hosted.engine
        now_ms = max(now_ms, engine.clock_ms)
        return Answer(question(engine, skill_ids, now_ms), hosted.position, engine.stale_since_ms, now_ms)

    async def _log_and_fold(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        now_ms = self._clock.now_ms()
        stamped: list[Event] = []
        parts = []
        for begin in range(0, len(events), STAMP_EVENTS):
            some, clamped = self._stamper.stamp(events[begin : begin + STAMP_EVENTS], now_ms)
            if clamped:
                self._meters.clamped(clamped)
            stamped += some
            parts.append(codec.encode_events(some))
            if len(stamped) < len(events):
                await asyncio.sleep(0)
        hosted = self.hosted.get(vdn)
        if hosted is None:
            hosted = self.hosted[vdn] = Hosted(Vdn(), 0, self._clock.elapsed())
        # From here to the end of `append` nothing may wait: the turn to fold is the place in the log.
        before, mine = hosted.folded, asyncio.get_running_loop().create_future()
        hosted.folded = mine
        try:
            try:
                last = await self._log.append(vdn, now_ms, len(stamped), b"".join(parts))
            except LogFull as full:
                self._refused(full)
                raise
            finally:
                if before is not None:
                    await before
            self._written()
            return await self._fold_whole(vdn, hosted, stamped, last)
        finally:
            mine.set_result(None)
            if hosted.folded is mine:
                hosted.folded = None

    async def _fold_whole(self, vdn: VdnKey, hosted: Hosted, events: Sequence[Event], last: int) -> Receipt:
        """Folds a batch that is in the log; what stops it in between is our own fault, and ends the server.

        The log is whole. An engine that went on without an event would be wrong for good, and so would its
        snapshots.
        """
        try:
            return await self._fold(vdn, hosted, events, last)
        except Exception as error:
            self._broken = BrokenFold(vdn, hosted.position, error)
            raise

    async def _fold(self, vdn: VdnKey, hosted: Hosted, events: Sequence[Event], last: int) -> Receipt:
        """Folds a batch that is in the log, in slices, so that others get their turn."""
        engine, elapsed = hosted.engine, self._clock.elapsed
        outcomes, begun_s = [0] * len(Outcome), elapsed()
        hosted.position = last - len(events)
        for begin in range(0, len(events), SLICE_EVENTS):
            some = events[begin : begin + SLICE_EVENTS]
            for event in some:
                outcomes[engine.apply(event)] += 1
            hosted.position += len(some)
            if elapsed() - begun_s > SLICE_S:
                await asyncio.sleep(0)
                begun_s = elapsed()
        hosted.unkept += len(events)
        self.close_fives(vdn, hosted)
        self.chronicle.tell(vdn, hosted.position, engine.tell())
        for correction in engine.take_corrections():
            self._on_correction(vdn, correction)
        for outcome in Outcome:
            if outcomes[outcome]:
                self._meters.folded(outcome.name.lower(), outcomes[outcome])
        applied, repeated, out_of_place = outcomes
        return Receipt(len(events), applied, repeated, out_of_place, hosted.position)

    def close_fives(self, vdn: VdnKey, hosted: Hosted) -> None:
        """Hands the closed five minutes on; left in the engine they would only pile up."""
        engine = hosted.engine
        if fives := engine.advance(engine.clock_ms):
            self._records.keep(vdn, engine.books.day_ms, fives)

    # What goes on by itself

    async def run(self) -> None:
        """Logs the time where a timer is due, keeps snapshots, and looks after retention; until cancelled.

        Raises BrokenFold: the server must end.
        """
        pruned_s = self._clock.elapsed()
        while True:
            await asyncio.sleep(TICK_S)
            if self._broken is not None:
                raise self._broken
            try:
                await self._tick()
                await self._keep_due()
                if self._clock.elapsed() - pruned_s >= PRUNE_EVERY_S:
                    pruned_s = self._clock.elapsed()
                    await self._prune()
            except LogFull as full:
                self._refused(full)

    def _refused(self, full: LogFull) -> None:
        # That many send at once is no fault of the log.
        if isinstance(full, LogBusy):
            return
        if self.log_fault is None:
            self._warn(f"The log cannot be written: {full} Queries go on; events are refused.")
        self.log_fault = str(full)

    def _written(self) -> None:
        if self.log_fault is not None:
            self._warn("The log can be written again.")
            self.log_fault = None

    async def _tick(self) -> None:
        """Puts the time into the log of each VDN in which it changes something."""
        now_ms, quiet_s = self._clock.now_ms(), self._clock.elapsed() - QUIET_S
        due = [
            vdn
            for vdn, hosted in self.hosted.items()
            if hosted.engine.deadline_ms() <= now_ms and hosted.folded is None and hosted.told_s <= quiet_s
        ]
        # All at once, so that they share a commit.
        for result in await asyncio.gather(
            *(self._submit(vdn, [ClockEvent(at=now_ms)]) for vdn in due), return_exceptions=True
        ):
            if isinstance(result, BaseException):
                raise result

    async def _keep_due(self) -> None:
        now_s, settings = self._clock.elapsed(), self._settings
        for vdn, hosted in list(self.hosted.items()):
            is_due = hosted.unkept >= settings.snapshot_every_events
            is_old = hosted.unkept > 0 and now_s - hosted.kept_s >= settings.snapshot_every_s
            # Only a write tells that the log can be written again; whoever heeds the fault sends no events.
            is_trial = hosted.unkept > 0 and self.log_fault is not None
            if is_due or is_old or is_trial:
                await self._keep(vdn, hosted)

    async def _keep(self, vdn: VdnKey, hosted: Hosted) -> None:
        # A snapshot says that all before it is in history.
        if self._broken is not None or self.chronicle.is_behind(vdn):
            return
        unkept, hosted.unkept, hosted.kept_s = hosted.unkept, 0, self._clock.elapsed()
        position, clock_ms, captured = hosted.position, hosted.engine.clock_ms, hosted.engine.capture()
        try:
            body = await asyncio.to_thread(keeping.encode, captured)
            await self._log.keep_snapshot(KeptSnapshot(vdn, position, clock_ms, body))
        except (LogFull, asyncio.CancelledError):
            hosted.unkept += unkept
            raise
        self._written()

    async def _prune(self) -> None:
        before_ms = self._clock.now_ms() - self._settings.keep_days * DAY_MS
        await self._log.prune(before_ms, self._settings.log_bytes_max)
        self.chronicle.prune(self._clock.now_ms())

    async def stop(self) -> None:
        """Lets what is under way end, then keeps a snapshot of each VDN, so that the next start is quick."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self.chronicle.flush()
        for vdn, hosted in list(self.hosted.items()):
            if hosted.unkept:
                await self._keep(vdn, hosted)

    # What others may know

    def clock_ms(self, vdn: VdnKey) -> int:
        """The largest `at` of a VDN so far; -1, of a VDN never heard of."""
        hosted = self.hosted.get(vdn)
        return hosted.engine.clock_ms if hosted else self._nobody.clock_ms

    def named_ids(self, vdn: VdnKey, source: str | None = None) -> NamedIds:
        """What the queues and agents of a VDN are called, by all or by one source; nothing, where unknown."""
        hosted = self.hosted.get(vdn)
        engine = hosted.engine if hosted else self._nobody
        return engine.named_ids() if source is None else engine.named_ids_of(source)

    def position(self) -> int:
        """The position of the last event that is durable."""
        return self._log.position()

    def lag_s(self, of: VdnKey | None = None) -> float:
        """How long the oldest batch waits, of one VDN or of any, that the figures do not hold yet; else 0."""
        now_s = self._clock.elapsed()
        waits = (now_s - begun_s for vdn, begun_s in self._under_way.values() if of in (None, vdn))
        return max(waits, default=0.0)

    def vdns(self) -> list[VdnKey]:
        """All VDNs that were ever heard of, in order."""
        return sorted(self.hosted)

    def health(self, vdn: VdnKey) -> VdnHealth:
        """How current the figures of a VDN are, and how far its switches' own pictures agree with them."""
        hosted = self.hosted.get(vdn)
        engine, position = (hosted.engine, hosted.position) if hosted else (self._nobody, 0)
        return vdn_health(vdn, engine, position, self.lag_s(vdn), self._clock.now_ms())

    def checks(self) -> Checks:
        """What the switches' own pictures said so far, in all VDNs."""
        return checks_of(hosted.engine for hosted in self.hosted.values())
