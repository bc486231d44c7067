"""What has been sent of a file, and where to: a small file beside it, `FILE.sent`.

The server remembers ids for a quarter of an hour of the VDN's clock. With this, a run may be taken up, or
repeated, at any later time, and nothing that was acknowledged is sent twice.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

SUFFIX: Final = ".sent"
NOTHING: Final = sha256().hexdigest()


class Sent(msgspec.Struct, frozen=True):
    """The events up to line `lines` were acknowledged: `count` of them, with `digest` over what was sent.

    `position` is that of the last one in the server's log: a log that is not so far is another one.
    """

    lines: int = 0
    count: int = 0
    digest: str = NOTHING
    position: int = 0


class SentFile:
    """What has been sent of `file` to `target`, which is a URL and a VDN in words.

    A record that cannot be read counts as none; one that cannot be written is told by `is_kept`.
    """

    def __init__(self, file: Path, target: str) -> None:
        self.path = file.with_name(file.name + SUFFIX)
        self.is_kept = True
        self._target = target
        try:
            self._all = msgspec.json.decode(self.path.read_bytes(), type=dict[str, Sent])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            self._all = {}

    @property
    def sent(self) -> Sent:
        return self._all.get(self._target, Sent())

    def keep(self, sent: Sent) -> None:
        """Takes note, whole or not at all."""
        self._all[self._target] = sent
        part = self.path.with_name(self.path.name + ".part")
        try:
            part.write_bytes(msgspec.json.encode(self._all))
            os.replace(part, self.path)
        except OSError:
            self.is_kept = False
