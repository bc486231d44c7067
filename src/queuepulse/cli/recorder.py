"""What a switch says, written into a file that may be attached to a report: telephone numbers are masked.

Our own words, and so the login, are never in it. Names of people stay: they are part of what goes wrong.
"""

import gzip
import re
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from queuepulse.cli.console import misuse

NUMBER: Final = re.compile(rb"(?<![-.0-9A-Za-z])(%2B|\+)?([0-9]{4,})([0-9]{2})(?![.0-9A-Za-z])")
"""What may be a telephone number: six digits or more that are no part of a longer name."""
KEPT: Final = re.compile(
    rb"^(\w*Timestamp|\w*Uniqueid|\w*Linkedid|ActionID|LoginTime|LastCall|LastPause|SequenceNumber"
    rb"|Content-Length|Event-\S*|[\w-]*UUID|[\w-]*-Time): ",
    re.IGNORECASE,
)
"""Headers whose digits are times, names of calls and lengths: without them a recording is worth nothing."""
LINE_BYTES_MAX: Final = 65_536
"""Longest line kept whole: longer than any header of a switch."""


class Recorder:
    """A new file, packed by gzip. Raises Failure if it cannot be made, or is there already."""

    def __init__(self, file: Path) -> None:
        try:
            self._packed = file.open("xb")
        except OSError as error:
            raise misuse(f"The file {file} cannot be made: {error.strerror}.") from None
        self._file = gzip.GzipFile(fileobj=self._packed, mode="wb", filename="")
        self._rest = b""
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(self._rest)
        self._file.close()
        self._packed.close()

    def add(self, piece: bytes) -> None:
        """Bytes from the switch. Lines stay whole, so that a number in two pieces is masked too."""
        lines, end, self._rest = (self._rest + piece).rpartition(b"\n")
        self._write(lines + end)
        if len(self._rest) > LINE_BYTES_MAX:
            self._write(self._rest)
            self._rest = b""

    def _write(self, text: bytes) -> None:
        written = b"\n".join(masked(line) for line in text.split(b"\n"))
        self.bytes += self._file.write(written)


def masked(line: bytes) -> bytes:
    """The line with telephone numbers hidden but for their ends. Its length stays: others count it."""
    if KEPT.match(line):
        return line
    return NUMBER.sub(lambda hit: (hit[1] or b"") + b"*" * len(hit[2]) + hit[3], line)
