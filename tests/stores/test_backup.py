"""The data folder: one server at a time, one format; backup beside a running server, and restore."""

import asyncio
import os
import random
import sqlite3
import zipfile
from pathlib import Path

import pytest

from queuepulse.engine.events import VdnKey
from queuepulse.people import Role, Scope
from queuepulse.ports import KeptSnapshot, LogDamaged
from queuepulse.stores.backup import BackupContents, BackupRefused, backup, restore
from queuepulse.stores.folder import FORMAT, KEYS_FILE, Folder, FolderRefused
from queuepulse.stores.sqlite import SqliteLog
from queuepulse.stores.users import UserStore

BANK = VdnKey(1, 1)


def opened(file: Path) -> SqliteLog:
    return SqliteLog(file, elapsed=lambda: 0.0, warn=pytest.fail)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stopped server's folder: a log of 30 events, keys, a master key."""
    with Folder(tmp_path / "folder") as folder:
        log = opened(folder.log_file)
        asyncio.run(fill(log))
        log.close()
        with sqlite3.connect(folder.path / KEYS_FILE) as keys:
            keys.execute("CREATE TABLE key (ak TEXT)")
            keys.execute("INSERT INTO key VALUES ('one')")
        keys.close()
        (folder.path / "master.key").write_bytes(b"a very secret key")
    return folder.path


async def fill(log: SqliteLog) -> None:
    for number in range(10):
        await log.append(BANK, number, 3, random.Random(number).randbytes(5000))
    await log.keep_snapshot(KeptSnapshot(BANK, 30, 0, b"state"))


def test_a_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with Folder(tmp_path / "a" / "b") as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert (folder.path / "format").read_text() == f"{FORMAT}\n"


def test_a_second_server_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with (
        Folder(tmp_path),
        pytest.raises(FolderRefused, match=rf"in use by another server \(pid {os.getpid()}\)"),
    ):
        Folder(tmp_path)
    with Folder(tmp_path):
        pass


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    Folder(tmp_path).close()
    (tmp_path / "format").write_text(f"{FORMAT + 1}\n")
    with pytest.raises(FolderRefused, match="newer QueuePulse"):
        Folder(tmp_path)
    (tmp_path / "format").write_text("?")
    with pytest.raises(FolderRefused, match="names no format"):
        Folder(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderRefused, match="cannot be used"):
        Folder(tmp_path / "file")


def test_what_was_backed_up_is_restored_without_the_master_key(folder: Path, tmp_path: Path) -> None:
    told = backup(folder, tmp_path / "backup.zip")
    assert told == BackupContents(first=1, position=30, has_keys=True)
    assert b"a very secret key" not in (tmp_path / "backup.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "backup.zip").namelist() == [
        "contents.json",
        "log.sqlite",
        "keys.sqlite",
    ]
    assert (tmp_path / "backup.zip").stat().st_mode & 0o777 == 0o600
    assert restore(tmp_path / "backup.zip", tmp_path / "new") == told
    assert sorted(os.listdir(tmp_path / "new")) == ["format", "keys.sqlite", "lock", "log.sqlite"]
    before, after = opened(folder / "log.sqlite"), opened(tmp_path / "new" / "log.sqlite")
    assert list(after.read()) == list(before.read())
    assert after.newest_snapshot(BANK) == KeptSnapshot(BANK, 30, 0, b"state")
    assert asyncio.run(after.prune(100, 0)) == 30
    before.close()
    after.close()
    with sqlite3.connect(tmp_path / "new" / "keys.sqlite") as keys:
        assert keys.execute("SELECT ak FROM key").fetchall() == [("one",)]
    keys.close()


def test_a_backup_is_taken_beside_a_running_server(folder: Path, tmp_path: Path) -> None:
    with Folder(folder) as held:
        log = opened(held.log_file)

        async def steps() -> BackupContents:
            taking = asyncio.create_task(asyncio.to_thread(backup, folder, tmp_path / "backup.zip"))
            while not taking.done():
                await log.append(BANK, 0, 3, b"meanwhile")
            return await taking

        told = asyncio.run(steps())
        assert 30 <= told.position < log.position()
        assert restore(tmp_path / "backup.zip", tmp_path / "new") == told
        copy = opened(tmp_path / "new" / "log.sqlite")
        assert list(copy.read()) == [batch for batch in log.read() if batch.last <= told.position]
        copy.close()
        log.close()


def test_a_backup_of_a_damaged_log_fails_and_leaves_the_former_one(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    backup(folder, file)
    former = file.read_bytes()
    with sqlite3.connect(folder / "log.sqlite") as connection:
        connection.execute("UPDATE batch SET body = x'00' WHERE last = 9")
    connection.close()
    with pytest.raises(LogDamaged, match="events 7 to 9"):
        backup(folder, file)
    assert file.read_bytes() == former
    assert sorted(os.listdir(tmp_path)) == ["backup.zip", "folder"]


def test_a_folder_without_a_log_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="no log"):
        backup(tmp_path, tmp_path / "backup.zip")


def test_a_folder_with_a_log_or_a_server_or_other_keys_is_not_restored_into(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    backup(folder, file)
    with pytest.raises(BackupRefused, match="a log in"):
        restore(file, folder)
    with Folder(tmp_path / "held") as held, pytest.raises(FolderRefused, match="in use"):
        restore(file, held.path)
    (tmp_path / "held" / "keys.sqlite").write_bytes(b"others")
    with pytest.raises(BackupRefused, match="other keys"):
        restore(file, tmp_path / "held")
    assert sorted(os.listdir(tmp_path / "held")) == ["format", "keys.sqlite", "lock"]


def test_a_restore_that_was_cut_off_can_be_repeated(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    backup(folder, file)
    restore(file, tmp_path / "new")
    (tmp_path / "new" / "log.sqlite").unlink()
    assert restore(file, tmp_path / "new").position == 30


def test_a_damaged_backup_is_refused_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "backup.zip", tmp_path / "new"
    backup(folder, file)
    content = file.read_bytes()
    for broken in (b"", b"hello", content[: len(content) // 2], content[:3000] + b"rubbish" + content[3007:]):
        file.write_bytes(broken)
        with pytest.raises(BackupRefused, match="damaged"):
            restore(file, new)
        assert sorted(os.listdir(new)) == ["format", "lock"]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme", "other")
    with pytest.raises(BackupRefused, match="not a backup"):
        restore(file, new)
    with pytest.raises(BackupRefused, match="No such file"):
        restore(tmp_path / "none.zip", new)


def test_users_and_links_are_in_a_backup(folder: Path, tmp_path: Path) -> None:
    with UserStore(folder) as users:
        users.add("ann", Role.VIEWER, [Scope(1, 1)], "hash", 0)
    assert backup(folder, tmp_path / "backup.zip").has_users
    restore(tmp_path / "backup.zip", tmp_path / "new")
    assert (tmp_path / "new" / "users.sqlite").stat().st_mode & 0o777 == 0o600
    with UserStore(tmp_path / "new") as users:
        assert [user.person.name for user in users.users()] == ["ann"]


def test_other_users_are_not_overwritten(folder: Path, tmp_path: Path) -> None:
    for place, name in ((folder, "ann"), (tmp_path / "new", "ben")):
        with UserStore(place) as users:
            users.add(name, Role.VIEWER, [Scope(1, 1)], "hash", 0)
    backup(folder, tmp_path / "backup.zip")
    with pytest.raises(BackupRefused, match="other users"):
        restore(tmp_path / "backup.zip", tmp_path / "new")
