"""Passes that have ended, until history has them: numbers in one vector, and texts.

As objects each would take 600 bytes, and be looked at by whoever searches memory for dead ones.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from librt.vecs import append, vec
from mypy_extensions import i64

from queuepulse.engine.calls import Pass, PassRecord
from queuepulse.engine.passes import CallKey, Wanted, is_wanted

_NUMBERS: Final = (
    "call_at_ms",
    "number",
    "skill",
    "place",
    "offered_at_ms",
    "waiting_since_ms",
    "answered_at_ms",
    "ended_at_ms",
    "outcome",
    "talked_id",
    "hold_ms",
    "wrapup_ms",
)
"""The first items of a pass, by the names of its record."""
_SKILL: Final = _NUMBERS.index("skill")
_AGENT: Final = _NUMBERS.index("talked_id")
_OUTCOME: Final = _NUMBERS.index("outcome")
_CALL: Final = PassRecord._fields.index("call")
_FLAGS: Final = len(_NUMBERS)
"""Behind these stand some of the next three; then media and priority, -1 for none."""
_INBOUND: Final = 1
_WAIT_KNOWN: Final = 2
_SHORT: Final = 4
_RINGS: Final = _FLAGS + 3
"""How many items of `rang_at` follow behind the fixed ones, and then of `talked_until`; -1 for None."""
WIDTH: Final = _RINGS + 2
TEXTS: Final = 3
"""Of each pass: call, caller, called."""


class Finished:
    """Passes in the order in which they ended; none of them changes any more."""

    __slots__ = ("items", "texts")

    def __init__(self) -> None:
        self.items: vec[i64] = vec[i64]()
        self.texts: list[str | None] = []

    def __len__(self) -> int:
        """How many passes."""
        return len(self.texts) // TEXTS

    @classmethod
    def of(cls, items: Iterable[int], texts: list[str | None]) -> "Finished":
        """Those of these items and texts."""
        found = cls()
        found.items, found.texts = vec[i64](items), texts
        return found

    def upto_now(self) -> "Finished":
        """The same as they are now, whatever ends from now on."""
        found = Finished()
        # As with facts: what is appended to a vector of the same place lies behind this.
        found.items, found.texts = self.items, self.texts.copy()
        return found

    def packed(self) -> bytes:
        """The items as the machine has them (`array("q")`)."""
        return bytes(self.items)

    def add(self, stay: Pass) -> None:
        """Adds a pass that has just ended."""
        items = append(self.items, stay.call_at_ms)
        items = append(items, stay.number)
        items = append(items, stay.queue.skill)
        items = append(items, stay.place)
        items = append(items, stay.offered_at_ms)
        items = append(items, stay.waiting_since_ms)
        items = append(items, stay.answered_at_ms)
        items = append(items, stay.ended_at_ms)
        items = append(items, stay.outcome)
        items = append(items, stay.talked_id)
        items = append(items, stay.hold_ms)
        items = append(items, stay.wrapup_ms)
        self.items = _with_flags(items, stay.inbound, stay.wait_known, stay.short, stay.media, stay.priority)
        self._add_rings(stay.rang_at, stay.talked_until)
        self._name(stay.call, stay.caller, stay.called)

    def add_record(self, record: PassRecord) -> None:
        """Adds a pass of which so much is known."""
        items = self.items
        for name in _NUMBERS:
            number: int = getattr(record, name)
            items = append(items, number)
        self.items = _with_flags(
            items, record.inbound, record.wait_known, record.short, record.media, record.priority
        )
        self._add_rings(record.rang_at, record.talked_until)
        self._name(record.call, record.caller, record.called)

    def take(self, others: "Finished", begin: i64, number: int) -> None:
        """Adds a pass of others: the one that begins there, their `number`th."""
        items, theirs = self.items, others.items
        for place in range(begin, begin + others._width(begin)):
            items = append(items, theirs[place])
        self.items = items
        self.texts += others.texts[TEXTS * number : TEXTS * number + TEXTS]

    def _add_rings(self, rang_at: list[int] | None, talked_until: list[int] | None) -> None:
        items = append(self.items, -1 if rang_at is None else len(rang_at))
        items = append(items, -1 if talked_until is None else len(talked_until))
        if rang_at is not None:
            for number in rang_at:
                items = append(items, number)
        if talked_until is not None:
            for number in talked_until:
                items = append(items, number)
        self.items = items

    def _name(self, call: str, caller: str | None, called: str | None) -> None:
        self.texts.append(call)
        self.texts.append(caller)
        self.texts.append(called)

    # Reading

    def parts(self, passes_max: int) -> Iterator[list[PassRecord]]:
        """All of them, so many at a time."""
        begins = self._begins()
        for first in range(0, len(begins), passes_max):
            some = begins[first : first + passes_max]
            yield [self._record(begin, number) for number, begin in enumerate(some, first)]

    def calls(self, wanted: Wanted) -> list[CallKey]:
        """The calls of those that are wanted, some more than once."""
        items, found = self.items, list[CallKey]()
        for number, begin in enumerate(self._begins()):
            at_ms = items[begin]
            is_in = wanted.from_ms <= at_ms < wanted.to_ms
            if is_in and is_wanted(
                wanted, items[begin + _SKILL], items[begin + _AGENT], items[begin + _OUTCOME]
            ):
                key = int(at_ms), self._call(number)
                if key > wanted.after:
                    found.append(key)
        return found

    def of_calls(self, calls: Collection[CallKey]) -> list[PassRecord]:
        """The passes of these calls."""
        return [
            self._record(begin, number)
            for number, begin in enumerate(self._begins())
            if (int(self.items[begin]), self._call(number)) in calls
        ]

    def with_id(self, call: str) -> list[PassRecord]:
        """The passes of calls of that id."""
        return [
            self._record(begin, number)
            for number, begin in enumerate(self._begins())
            if self._call(number) == call
        ]

    def part_by_begin(self, length_ms: i64, parts: dict[int, "Finished"]) -> None:
        """Adds each to the part of the time in which its call began: of all times of that length."""
        for number, begin in enumerate(self._begins()):
            from_ms: int = self.items[begin] - self.items[begin] % length_ms
            part = parts.get(from_ms)
            if part is None:
                part = parts[from_ms] = Finished()
            part.take(self, begin, number)

    def _begins(self) -> list[int]:
        """Where each pass begins among the items."""
        found = []
        begin: i64 = 0
        while begin < len(self.items):
            found.append(int(begin))
            begin += self._width(begin)
        return found

    def _width(self, begin: i64) -> i64:
        rang, talked = self.items[begin + _RINGS], self.items[begin + _RINGS + 1]
        return WIDTH + (rang if rang > 0 else 0) + (talked if talked > 0 else 0)

    def _call(self, number: int) -> str:
        call = self.texts[TEXTS * number]
        assert call is not None, "every call has an id"
        return call

    def _record(self, begin: i64, number: int) -> PassRecord:
        items = self.items
        flags, media, priority = items[begin + _FLAGS], items[begin + _FLAGS + 1], items[begin + _FLAGS + 2]
        rang, talked = items[begin + _RINGS], items[begin + _RINGS + 1]
        rings = begin + WIDTH
        talks = rings + rang if rang > 0 else rings
        values: list[Any] = [int(items[begin + place]) for place in range(_FLAGS)]
        values.insert(_CALL, self._call(number))
        values += [
            bool(flags & _INBOUND),
            None if media < 0 else int(media),
            None if priority < 0 else int(priority),
            *self.texts[TEXTS * number + 1 : TEXTS * number + TEXTS],
            bool(flags & _WAIT_KNOWN),
            bool(flags & _SHORT),
            None if rang < 0 else [int(items[place]) for place in range(rings, talks)],
            None if talked < 0 else [int(items[place]) for place in range(talks, talks + talked)],
        ]
        return PassRecord(*values)


def _with_flags(
    items: vec[i64], inbound: bool, wait_known: bool, short: bool, media: int | None, priority: int | None
) -> vec[i64]:
    flags: i64 = _INBOUND if inbound else 0
    if wait_known:
        flags |= _WAIT_KNOWN
    if short:
        flags |= _SHORT
    items = append(items, flags)
    items = append(items, -1 if media is None else media)
    return append(items, -1 if priority is None else priority)
