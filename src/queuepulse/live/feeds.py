"""What the viewers of a VDN are told: rows as they were, what changed, and the bytes of it.

A feed encodes each change once, for all who look at the same rows. It keeps the last changes, numbered; a
viewer is a number, and never a buffer. Who is too far behind gets the full state.
Nothing here waits, sends or reads a clock.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec

CHANGES_KEPT_MAX: Final = 240
"""Changes that a viewer may have missed and still be told one by one: a minute at the shortest interval."""
CHANGES_KEPT_BYTES_MAX: Final = 1024 * 1024
"""Bytes of them in one feed: a full state of 1000 queues is half as long."""
ALIVE: Final = b": alive\n\n"
"""Said to a viewer to whom nothing else was said."""
_encoder: Final = msgspec.json.Encoder()


class Kind(NamedTuple):
    """What a feed tells: its key in the messages, and the key by which a row is known."""

    name: str
    id: str
    masks_numbers: bool = False


QUEUES: Final = Kind("queues", "skill")
AGENTS: Final = Kind("agents", "agent")
AGENTS_MASKED: Final = Kind("agents", "agent", masks_numbers=True)


class Rows:
    """The rows of a VDN as they were last looked at, by id, with what of them is encoded."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.by_id: dict[int, Any] = {}
        self._whole: dict[int, bytes] = {}
        self._fields: tuple[str, ...] = ()

    def replace(self, rows: Mapping[int, Any]) -> dict[int, Any]:
        """Takes these for those before; gives what those that changed, came or went were before (or None)."""
        before = self.by_id
        changed = {number: before.get(number) for number, row in rows.items() if before.get(number) != row}
        changed |= {number: row for number, row in before.items() if number not in rows}
        self.by_id = dict(rows)
        for number in changed:
            self._whole.pop(number, None)
        return changed

    def whole(self, number: int) -> bytes:
        """A row, encoded once until it changes."""
        encoded = self._whole.get(number)
        if encoded is None:
            encoded = self._whole[number] = _encoder.encode(self.by_id[number])
        return encoded

    def change(self, number: int, before: Any) -> bytes:
        """What of a row is not as it was before."""
        row = self.by_id[number]
        told = {self.kind.id: number}
        for field in row.__struct_fields__:
            value = getattr(row, field)
            if value != getattr(before, field):
                told[field] = value
        return _encoder.encode(told)


class Feed:
    """The changes of those rows that `shows` lets through, numbered from 1 on; 0 is before all.

    `epoch` begins the ids of its messages: those of another feed, or of the server before, mean nothing here.
    `shows` is asked with a row's id and the row.
    """

    def __init__(self, rows: Rows, epoch: str, shows: Callable[[int, Any], bool]) -> None:
        self.epoch = epoch
        self.number = 0
        self._rows = rows
        self._shows = shows
        self._shown: set[int] = set()
        self._heads = b"{}"
        self._staff = b""
        self._staff_number = 0
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._full: bytes | None = None

    def take(
        self,
        changed: Mapping[int, Any],
        changes: dict[int, bytes],
        heads: bytes,
        *,
        is_news: bool,
        staff: bytes = b"",
    ) -> bool:
        """Notes what changed; `changed` has the rows as they were, `changes` what is encoded of them already.

        Gives whether there is anything to tell: with `is_news` there is, whatever the rows. `staff` is a head
        of its own that stands in full states, and in the changes where it is not as it was before.
        """
        # The full state tells the time, too: it is made anew even if no row of it changed.
        self._heads, self._full = heads, None
        if staff != self._staff:
            self._staff, is_news = staff, True
            self._staff_number = self.number + 1
        shown, rows = self._shown, self._rows
        told: list[bytes] = []
        gone: list[int] = []
        for number, before in changed.items():
            row, was = rows.by_id.get(number), number in shown
            if row is None or not self._shows(number, row):
                if was:
                    shown.remove(number)
                    gone.append(number)
            elif was:
                change = changes.get(number)
                if change is None:
                    change = changes[number] = rows.change(number, before)
                told.append(change)
            else:
                shown.add(number)
                told.append(rows.whole(number))
        if not (told or gone or is_news):
            return False
        self.number += 1
        self._keep(self._message(b"change", told, gone))
        return True

    def full(self) -> bytes:
        """The message with the whole state, made once for each number."""
        if self._full is None:
            rows = self._rows
            self._full = self._message(b"full", [rows.whole(number) for number in sorted(self._shown)], None)
        return self._full

    def since(self, number: int) -> bytes:
        """What somebody who knows the state of that number has to be told; b"" if he knows all."""
        behind = self.number - number
        if behind == 0:
            return b""
        if not 0 < behind <= len(self._kept):
            return self.full()
        if behind == 1:
            return self._kept[-1]
        missed = b"".join([self._kept[place] for place in range(-behind, 0)])
        return missed if self._full is None or len(missed) < len(self._full) else self._full

    def number_of(self, event_id: str) -> int:
        """The number in the id of a message of this feed; -1 for any other text."""
        epoch, _, digits = event_id.partition(".")
        if epoch != self.epoch or not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            return -1
        number = int(digits)
        return number if number <= self.number else -1

    def _message(self, event: bytes, rows: Collection[bytes], gone: list[int] | None) -> bytes:
        tail = b"" if gone is None else b',"gone":' + _encoder.encode(gone)
        heads = self._heads[:-1]
        if self._staff and (gone is None or self._staff_number == self.number):
            heads += b',"agents":' + self._staff
        return b"event: %s\nid: %s.%d\ndata: %s,%s:[%s]%s}\n\n" % (
            event,
            self.epoch.encode(),
            self.number,
            heads,
            _encoder.encode(self._rows.kind.name),
            b",".join(rows),
            tail,
        )

    def _keep(self, message: bytes) -> None:
        self._kept.append(message)
        self._kept_bytes += len(message)
        while len(self._kept) > CHANGES_KEPT_MAX or self._kept_bytes > CHANGES_KEPT_BYTES_MAX:
            self._kept_bytes -= len(self._kept.popleft())
