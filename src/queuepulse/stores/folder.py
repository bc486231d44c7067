"""The data folder: who may use it, which files are in it, and in which format.

What is inside the files belongs to their own modules.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

FORMAT: Final = 1
"""Version of all files in the folder together; a release that cannot be undone raises it."""
LOG_FILE: Final = "log.sqlite"
KEYS_FILE: Final = "keys.sqlite"
USERS_FILE: Final = "users.sqlite"
HISTORY_FILE: Final = "history.sqlite"
FORMAT_FILE: Final = "format"
LOCK_FILE: Final = "lock"


class FolderRefused(Exception):
    """The data folder cannot be used; `str()` tells a person why and what to do."""


class Folder:
    """A data folder that is ours until `close`: made if it is missing, locked against a second server.

    Raises FolderRefused if another program holds it, or if its files are of a newer release.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Only its owner: the files hold callers' numbers.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderRefused(
                f"The data folder {path} cannot be used: {error.strerror}. "
                "Name a folder that this user may write, with --data."
            ) from error
        try:
            self._take()
            self._agree_on_format()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def log_file(self) -> Path:
        return self.path / LOG_FILE

    @property
    def history_file(self) -> Path:
        return self.path / HISTORY_FILE

    def close(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> None:
        # flock and not a pid file: the kernel lets go of it however the holder ends.
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise FolderRefused(
                f"The data folder {self.path} is in use by another server (pid {pid}). "
                "Stop that one, or name another folder with --data."
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _agree_on_format(self) -> None:
        file = self.path / FORMAT_FILE
        if file.exists():
            check_format(file.read_text("ascii", "replace").strip(), f"The data folder {self.path}")
        else:
            part = file.with_suffix(".part")
            part.write_text(f"{FORMAT}\n", "ascii")
            put_in_place(part, file)


def check_format(found: str, where: str) -> None:
    """Raise FolderRefused unless this release reads the format `found`."""
    if not (found.isascii() and found.isdigit()):
        raise FolderRefused(f"{where} names no format version. Restore a backup into an empty folder.")
    if int(found) > FORMAT:
        raise FolderRefused(
            f"{where} is of a newer QueuePulse (format {found}, this one reads up to {FORMAT}). "
            "Install that release, or restore a backup made by this one."
        )


def put_in_place(part: Path, file: Path) -> None:
    """Give a finished file its name so that after a crash it is there whole or not at all."""
    sync(part)
    part.replace(file)
    sync(file.parent)


def sync(path: Path) -> None:
    """Return when a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
