"""Backup and restore of a data folder: one zip file with log, keys and users, never the master key.

`backup` may run beside a server, in another program; `restore` only into a folder without a log.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from queuepulse.ports import LogDamaged, Loss
from queuepulse.stores import tables
from queuepulse.stores.folder import (
    FORMAT,
    FORMAT_FILE,
    KEYS_FILE,
    LOG_FILE,
    USERS_FILE,
    Folder,
    check_format,
    put_in_place,
)
from queuepulse.stores.reading import read_batches
from queuepulse.stores.tables import DAMAGE, read_head

CONTENTS_FILE: Final = "contents.json"
_DATABASES: Final[tuple[str, ...]] = (LOG_FILE, KEYS_FILE, USERS_FILE)
ZIP_LEVEL: Final = 1
"""Bodies are compressed already; what is left is not worth more time."""
MASTER_KEY_NOTE: Final = (
    "The master key is not in the backup: keep a copy of it in another place. "
    "Without it the secrets of all keys have to be made anew; the log can be read without it."
)


class BackupRefused(Exception):
    """A backup cannot be made or restored; `str()` tells a person why and what to do."""


class BackupContents(NamedTuple):
    """What a backup holds: events `first` to `position` (none if `first` is greater), keys and users or not.

    `losses` of the log it is made of were accepted; they are lost in it, too.
    """

    first: int
    position: int
    has_keys: bool
    losses: int = 0
    has_users: bool = False


def backup(folder: Path, file: Path, *, accept_loss: bool = False) -> BackupContents:
    """Write the log, the keys and the users of `folder` into `file`, as they are at one instant each.

    Every batch is read and checked on the way. A `file` that is there is replaced when all is done.
    Raises BackupRefused; and LogDamaged, unless what is lost is accepted.
    """
    if not (folder / LOG_FILE).exists():
        raise BackupRefused(f"There is no log in {folder}. Name the data folder of the server with --data.")
    _check_format_of(folder)
    with (
        _told("The backup cannot be written", "Start the server: it tells what is lost and what to do."),
        tempfile.TemporaryDirectory(dir=file.parent) as name,
    ):
        room = Path(name)
        _copy_database(folder / LOG_FILE, room / LOG_FILE)
        for database in (KEYS_FILE, USERS_FILE):
            if (folder / database).exists():
                _copy_database(folder / database, room / database)
        contents = _verify(room, accept_loss)
        part = room / "backup.zip"
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=ZIP_LEVEL) as archive:
            archive.writestr(_entry(CONTENTS_FILE), json.dumps({"format": FORMAT, **contents._asdict()}))
            for database in _databases(room):
                with (
                    (room / database).open("rb") as source,
                    archive.open(_entry(database), "w", force_zip64=True) as target,
                ):
                    shutil.copyfileobj(source, target)
        part.chmod(0o600)
        put_in_place(part, file)
    return contents


def restore(file: Path, folder: Path) -> BackupContents:
    """Put the log, the keys and the users of a backup into `folder`, which may not have a log.

    Raises BackupRefused, FolderRefused (another server has it, or the format is newer) and LogDamaged;
    the folder is then as it was. After a crash it can be called again.
    """
    with _told("The backup cannot be restored", "Take another backup."), Folder(folder) as target:
        if target.log_file.exists():
            raise BackupRefused(f"There is a log in {folder} already. Restore into an empty folder.")
        with (
            zipfile.ZipFile(file) as archive,
            tempfile.TemporaryDirectory(dir=folder) as name,
        ):
            room = Path(name)
            told = _read_contents(archive, file)
            for database in [name for name in _DATABASES if name in archive.namelist()]:
                (room / database).touch(mode=0o600)
                with archive.open(database) as source, (room / database).open("wb") as copy:
                    shutil.copyfileobj(source, copy)
            if _verify(room, accept_loss=told.losses > 0) != told:
                raise BackupRefused(f"{file} does not hold the log that it names. Take another backup.")
            for database in _databases(room)[1:]:
                _put_secrets_in_place(room / database, folder / database)
            # The log last: a folder with a log is a folder that was restored to the end.
            put_in_place(room / LOG_FILE, target.log_file)
    return told


def _databases(room: Path) -> list[str]:
    """Those that are in this folder, the log first."""
    return [name for name in _DATABASES if (room / name).exists()]


def _copy_database(source: Path, target: Path) -> None:
    # One reading transaction, which no writer waits for; page by page it would begin anew at each commit.
    with closing(tables.connect_to_read(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def _verify(room: Path, accept_loss: bool) -> BackupContents:
    for database in _databases(room):
        with closing(tables.connect_to_read(room / database)) as connection:
            told = connection.pragma("integrity_check")
            if told != "ok":
                raise apsw.CorruptError(f"{database}: {told}")
    losses: list[Loss] = []
    with closing(tables.connect_to_read(room / LOG_FILE)) as connection:
        for _ in read_batches(connection, 0, None, losses.append):
            pass
        head = read_head(connection)
    if losses and not accept_loss:
        raise LogDamaged(LOG_FILE, losses)
    has_keys, has_users = ((room / name).exists() for name in (KEYS_FILE, USERS_FILE))
    return BackupContents(head.floor + 1, head.position, has_keys, len(losses), has_users)


def _put_secrets_in_place(part: Path, file: Path) -> None:
    # The same ones are there if a restore before this one was cut off.
    if file.exists() and file.read_bytes() != part.read_bytes():
        raise BackupRefused(
            f"There are other {file.stem} in {file.parent} already. Restore into an empty folder."
        )
    part.chmod(0o600)
    put_in_place(part, file)


def _check_format_of(folder: Path) -> None:
    file = folder / FORMAT_FILE
    check_format(
        file.read_text("ascii", "replace").strip() if file.exists() else "", f"The data folder {folder}"
    )


def _read_contents(archive: zipfile.ZipFile, file: Path) -> BackupContents:
    names = archive.namelist()
    if CONTENTS_FILE not in names or LOG_FILE not in names:
        raise BackupRefused(f"{file} is not a backup of QueuePulse. Name a file that queuepulse backup made.")
    told: dict[str, Any] = json.loads(archive.read(CONTENTS_FILE))
    check_format(str(told.get("format")), f"The backup {file}")
    first, position, has_keys, losses = (told[name] for name in ("first", "position", "has_keys", "losses"))
    # Earlier ones had no users.
    return BackupContents(first, position, has_keys, losses, told.get("has_users", False))


def _entry(name: str) -> zipfile.ZipInfo:
    # A fixed date and not the clock's: equal folders give equal backups.
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


@contextmanager
def _told(what: str, if_damaged: str) -> Iterator[None]:
    """Tell a person of what disks and broken files raise."""
    try:
        yield
    except apsw.FullError as error:
        raise BackupRefused(f"{what}: the disk is full. Make room, and try again.") from error
    except (*DAMAGE, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BackupRefused(f"{what}: a file is damaged ({error}). {if_damaged}") from error
    except OSError as error:
        raise BackupRefused(f"{what}: {error}.") from error
