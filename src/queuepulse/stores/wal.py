"""What SQLite's write-ahead log holds but SQLite leaves out, because something before it is damaged.

SQLite ends reading at the first frame whose checksum fails, and says nothing: after a crash that is
the end of what was being written. If more than one transaction follows, the first of them had been
synced before the second was written: then it was acknowledged, and is lost.
(File format: "The Write-Ahead Log" in SQLite's "Database File Format".)
"""

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")
"""magic, version, page size, checkpoint number, salt 1, salt 2, checksum 1, checksum 2"""
_FRAME: Final = struct.Struct(">6I")
"""page number, pages after commit (0: not a commit), salt 1, salt 2, checksum 1, checksum 2"""
_LITTLE_ENDIAN_MAGIC: Final = 0x377F0682


def transactions_lost(file: Path, frames_read: int, page_bytes: int) -> int:
    """How many acknowledged transactions of `file` lie behind the `frames_read` that SQLite took."""
    wal = file.with_name(file.name + "-wal")
    if not wal.exists():
        return 0
    with wal.open("rb") as stream:
        header = stream.read(_HEADER.size)
        frames = []
        stream.seek(frames_read * (_FRAME.size + page_bytes), 1)
        while len(frame := stream.read(_FRAME.size)) == _FRAME.size:
            frames.append(_FRAME.unpack(frame))
            stream.seek(page_bytes, 1)
    if len(header) < _HEADER.size or not frames:
        return 0
    # A log that begins anew gets new salts; frames with others are left from before.
    salts = _HEADER.unpack(header)[4:6] if _is_whole(header) else frames[0][2:4]
    commits = [at for at, frame in enumerate(frames) if frame[1] and frame[2:4] == salts]
    ours = [at for at, frame in enumerate(frames) if frame[2:4] == salts]
    return sum(at < ours[-1] for at in commits) if ours else 0


def _is_whole(header: bytes) -> bool:
    magic, *_, sum_0, sum_1 = _HEADER.unpack(header)
    words = struct.unpack("<6I" if magic == _LITTLE_ENDIAN_MAGIC else ">6I", header[:24])
    first = second = 0
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) & 0xFFFFFFFF
        second = (second + words[at + 1] + first) & 0xFFFFFFFF
    return (first, second) == (sum_0, sum_1)
