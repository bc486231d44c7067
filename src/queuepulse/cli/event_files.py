"""Files of events (NDJSON), read line by line in bounded memory.

A file carries what the log would: each event has its `at`, and may name its VDN.
"""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from queuepulse.cli.console import misuse
from queuepulse.engine.codec import BadEvent, decode_line
from queuepulse.engine.events import Event

STDIN: Final = "-"
GZIP: Final = b"\x1f\x8b"
"""What a file packed by gzip begins with."""
CHUNK_BYTES: Final = 2**20
"""Read at once: enough that the lines, and not the reads, take the time."""
LINE_BYTES_MAX: Final = 64 * 2**20
"""A snapshot of 100,000 agents and as many calls has less; what has more is no file of events."""


class Numbered(NamedTuple):
    """An event of a file and the number of its line, from 1."""

    number: int
    event: Event


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if gzip packed them; `-` is the standard input."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - only the opening is guarded, not the use
    except OSError as error:
        raise misuse(f"The file {file} cannot be read: {error.strerror}.") from None
    with source:
        yield unpacked(source) if source.peek(2).startswith(GZIP) else source


def unpacked(source: BinaryIO) -> BinaryIO:
    """What gzip packed."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=source))


def chunks_of(source: BinaryIO) -> Iterator[bytes]:
    """What the file holds, piece by piece."""
    try:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise misuse(f"The file {getattr(source, 'name', STDIN)} cannot be read: {reason}.") from None


def numbered_lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, numbered from 1. Raises BadEvent for one that does not end."""
    number, rest = 0, b""
    for chunk in chunks_of(source):
        *lines, rest = (rest + chunk).split(b"\n")
        for number, line in enumerate(lines, number + 1):  # noqa: B020 - goes on where it was
            if line and not line.isspace():
                yield number, line
        if len(rest) > LINE_BYTES_MAX:
            raise BadEvent(number + 1, "", f"is longer than {LINE_BYTES_MAX:,} bytes")
    if rest and not rest.isspace():
        yield number + 1, rest


def decode_timed(line: bytes, number: int) -> Event:
    """One event of a file. Raises BadEvent, also without `at`: here nobody can fill it in."""
    event = decode_line(line, number)
    if event.at is None:
        raise BadEvent(number, "at", "is missing: in a file every event says when it happened")
    return event


class BadLines:
    """Bad lines that were passed over: how many, and the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first: BadEvent | None = None

    def add(self, error: BadEvent) -> None:
        self.count += 1
        self.first = self.first or error


class VdnChoice:
    """Which events of a file count: those of the VDN asked for, or of the only one that the file names.

    `cc` and `vdn` are what was asked for; None leaves it to the file. An event that names neither is of
    whatever VDN the file is of.
    """

    def __init__(self, cc: int | None, vdn: int | None) -> None:
        self._asked = (cc, vdn)
        self._found = (cc, vdn)
        self.passed_over = 0

    def takes(self, event: Event, number: int) -> bool:
        """Whether the event counts. A second VDN in a file of which none was asked for is misuse."""
        if event.cc is None and event.vdn is None:
            return True
        named = (event.cc, event.vdn)
        self._found = (self._found[0] or event.cc, self._found[1] or event.vdn)
        others = [a is not None and a != b for a, b in zip(named, self._found, strict=True)]
        if not any(others):
            return True
        if not any(other and asked for other, asked in zip(others, self._asked, strict=True)):
            raise misuse(
                f"The file holds several VDNs: line {number} is of {event.cc}/{event.vdn}, those before of "
                f"{self._found[0]}/{self._found[1]}. Say which one you mean with --cc and --vdn."
            )
        self.passed_over += 1
        return False


def read_events(source: BinaryIO, choice: VdnChoice, bad: BadLines | None = None) -> Iterator[Numbered]:
    """The events that count, each with its line number. A bad line goes to `bad`, or raises BadEvent."""
    for number, line in numbered_lines(source):
        try:
            event = decode_timed(line, number)
        except BadEvent as error:
            if bad is None:
                raise
            bad.add(error)
            continue
        if choice.takes(event, number):
            yield Numbered(number, event)
