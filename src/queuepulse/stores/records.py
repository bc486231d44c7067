"""The closed five minutes of the last day and some, in memory: what the charts of a live view need.

It forgets at a restart what a snapshot had already given away, and says so (`complete_from_ms`).
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from queuepulse.engine.events import VdnKey
from queuepulse.engine.queues import Five
from queuepulse.engine.views import DaySums, FiveView
from queuepulse.engine.watching import added, five_view
from queuepulse.ports import Series

KEPT_MS: Final = 8 * 86_400_000
"""How old a record may get: today can be shown against the same weekday."""
RECORDS_MAX: Final = 200_000
"""Records of all VDNs together, some 60 MB: the oldest go first."""
_FIELDS: Final = FiveView.__struct_fields__
# 64 bits each: sums of milliseconds exceed 32. Packed, a record takes a third of what objects would.
_PACKED: Final = struct.Struct(f"<{len(_FIELDS)}q")


class _Kept:
    """What is kept of one VDN, by mark and queue; `sums` are those since `day_ms`.

    They are whole, though the marks are not, if `filled_ms` is the same.
    """

    def __init__(self, complete_from_ms: int) -> None:
        self.complete_from_ms = complete_from_ms
        self.by_mark: dict[int, dict[int, bytes]] = {}
        self.day_ms = -1
        self.sums: dict[int, DaySums] = {}
        self.filled_ms = -1


class RecentFives:
    """`FiveRecords` in memory, bounded by age and number."""

    def __init__(self, records_max: int = RECORDS_MAX, kept_ms: int = KEPT_MS) -> None:
        self._records_max = records_max
        self._kept_ms = kept_ms
        self._vdns: dict[VdnKey, _Kept] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def begin(self, vdn: VdnKey, complete_from_ms: int) -> None:
        self._vdns[vdn] = _Kept(complete_from_ms)

    def keep(self, vdn: VdnKey, day_ms: int, fives: Sequence[Five]) -> None:
        kept = self._vdns.setdefault(vdn, _Kept(0))
        if day_ms != kept.day_ms:
            self._begin_day(kept, day_ms)
        for five in fives:
            of_mark = kept.by_mark.setdefault(five.mark_ms, {})
            view, before = five_view(five), of_mark.get(five.skill)
            if before is None:
                self._count += 1
                of_mark[five.skill] = _PACKED.pack(*_values(view))
            else:
                of_mark[five.skill] = _PACKED.pack(*_values(added(_unpacked(before), view)))
            if five.mark_ms >= day_ms:
                _add(kept.sums.setdefault(five.skill, DaySums()), view)
        self._forget_old(kept, max((five.mark_ms for five in fives), default=0) - self._kept_ms)
        while self._count > self._records_max:
            self._forget_oldest()

    def day(self, vdn: VdnKey, day_ms: int) -> Mapping[int, DaySums] | None:
        kept = self._vdns.get(vdn)
        if kept is None:
            return {}
        if day_ms != kept.day_ms:
            self._begin_day(kept, day_ms)
        return kept.sums if day_ms >= kept.complete_from_ms or day_ms == kept.filled_ms else None

    def fill(self, vdn: VdnKey, day_ms: int, before: Mapping[int, DaySums]) -> None:
        kept = self._vdns[vdn]
        self._begin_day(kept, day_ms)
        for skill, more in before.items():
            sums = kept.sums.setdefault(skill, DaySums())
            sums.offered += more.offered
            sums.answered_in_20s += more.answered_in_20s
            sums.left += more.left
        kept.filled_ms = day_ms

    def complete_from_ms(self, vdn: VdnKey) -> int:
        kept = self._vdns.get(vdn)
        return 0 if kept is None else kept.complete_from_ms

    async def between(self, vdn: VdnKey, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> Series:
        kept = self._vdns.get(vdn)
        if kept is None:
            return Series(0, {})
        queues: dict[int, dict[int, FiveView]] = {}
        from_ms = max(from_ms, kept.complete_from_ms)
        for mark_ms in sorted(mark_ms for mark_ms in kept.by_mark if from_ms <= mark_ms < to_ms):
            await asyncio.sleep(0)
            of_mark = kept.by_mark.get(mark_ms, {})
            for skill in skill_ids:
                packed = of_mark.get(skill)
                if packed is not None:
                    queues.setdefault(skill, {})[mark_ms] = _unpacked(packed)
        return Series(kept.complete_from_ms, queues)

    def _begin_day(self, kept: _Kept, day_ms: int) -> None:
        kept.day_ms, kept.sums, kept.filled_ms = day_ms, {}, -1
        # What came late for a mark before is not all of that mark.
        from_ms = max(day_ms, kept.complete_from_ms)
        for mark_ms, of_mark in kept.by_mark.items():
            if mark_ms >= from_ms:
                for skill, packed in of_mark.items():
                    _add(kept.sums.setdefault(skill, DaySums()), _unpacked(packed))

    def _forget_old(self, kept: _Kept, before_ms: int) -> None:
        for mark_ms in [mark_ms for mark_ms in kept.by_mark if mark_ms < before_ms]:
            self._forget(kept, mark_ms)

    def _forget_oldest(self) -> None:
        kept = min((kept for kept in self._vdns.values() if kept.by_mark), key=lambda kept: min(kept.by_mark))
        self._forget(kept, min(kept.by_mark))

    def _forget(self, kept: _Kept, mark_ms: int) -> None:
        self._count -= len(kept.by_mark.pop(mark_ms))
        kept.complete_from_ms = max(kept.complete_from_ms, mark_ms + 1)


def _values(view: FiveView) -> list[int]:
    return [getattr(view, name) for name in _FIELDS]


def _unpacked(packed: bytes) -> FiveView:
    return FiveView(*_PACKED.unpack(packed))


def _add(sums: DaySums, view: FiveView) -> None:
    sums.offered += view.offered
    sums.answered_in_20s += view.answered_in_20s
    sums.left += view.left
