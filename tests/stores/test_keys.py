"""The key store: scopes, secrets, what another program changes, and what tells a person what is wrong."""

from pathlib import Path

import pytest

from queuepulse.people import Scope
from queuepulse.protocol.keys import Key
from queuepulse.stores.folder import KEYS_FILE
from queuepulse.stores.keys import MASTER_KEY_FILE, KeyEntry, KeyStore, NewKey
from queuepulse.stores.private import StoreUnusable

NOW_MS = 1_704_164_645_000
MASTER_KEY = "ab" * 32


def test_scopes_of_a_key_add_up() -> None:
    key = Key("ak", "n", "sk", vdns=frozenset({(1, 2)}), ccs=frozenset({3}))
    assert [key.may_see(*vdn) for vdn in ((1, 2), (1, 1), (3, 1), (3, 9), (2, 1))] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert Key("ak", "n", "sk", sees_all=True).may_see(65535, 5000)
    assert not Key("ak", "n", "sk").may_see(1, 1)


def test_to_ingest_takes_the_right_and_the_scope() -> None:
    feeder = Key("ak", "n", "sk", vdns=frozenset({(1, 2)}), ingests=True)
    assert feeder.may_ingest(1, 2)
    assert not feeder.may_ingest(1, 3)
    assert not Key("ak", "n", "sk", sees_all=True).may_ingest(1, 2)


def test_a_new_key_is_found_by_its_ak_and_its_token(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        made = keys.add("feeder", [Scope(1, 2), Scope(3)], NOW_MS, ingests=True)
        assert made.token is not None
        key = keys.by_ak(made.ak)
        assert key == Key(made.ak, "feeder", made.sk, frozenset({(1, 2)}), frozenset({3}), False, True)
        assert keys.by_token(made.token) is key
        assert keys.by_ak("nobody") is None
        assert keys.by_token("nothing") is None
        assert keys.by_token("") is None


def test_a_key_without_the_right_to_ingest_has_no_token(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        made = keys.add("reader", [Scope()], NOW_MS)
        key = keys.by_ak(made.ak)
        assert made.token is None
        assert key is not None
        assert key.sees_all
        assert not key.ingests


def test_a_key_that_only_asks_may_have_a_token(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        made = keys.add("reader", [Scope(1)], NOW_MS, has_token=True)
        assert made.token is not None
        key = keys.by_token(made.token)
        assert key is not None
        assert key.may_see(1, 1)
        assert not key.may_ingest(1, 1)


def test_keys_outlive_the_program(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        made = keys.add("reader", [Scope(1, 1)], NOW_MS)
    with KeyStore(tmp_path) as keys:
        key = keys.by_ak(made.ak)
        assert key is not None
        assert key.sk == made.sk


def test_a_revoked_key_is_gone_with_its_secrets_and_stays_in_the_list(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        made = keys.add("feeder", [Scope(1, 1)], NOW_MS, ingests=True)
        other = keys.add("reader", [Scope()], NOW_MS + 1)
        assert keys.revoke(made.ak, NOW_MS + 2)
        assert not keys.revoke(made.ak, NOW_MS + 3)
        assert not keys.revoke("nobody", NOW_MS + 3)
        assert keys.by_ak(made.ak) is None
        assert made.token is not None
        assert keys.by_token(made.token) is None
        assert keys.entries() == [
            KeyEntry(made.ak, "feeder", (Scope(1, 1),), True, NOW_MS, NOW_MS + 2),
            KeyEntry(other.ak, "reader", (Scope(),), False, NOW_MS + 1, None),
        ]


def test_what_another_program_adds_and_revokes_is_noticed(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as server, KeyStore(tmp_path) as command_line:
        assert not server.changed()
        made = command_line.add("reader", [Scope()], NOW_MS)
        assert server.by_ak(made.ak) is None
        assert server.changed()
        server.reload()
        assert not server.changed()
        assert server.by_ak(made.ak) is not None
        command_line.revoke(made.ak, NOW_MS)
        assert server.changed()
        server.reload()
        assert server.by_ak(made.ak) is None


def test_no_secret_is_in_any_file_or_representation(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        made = keys.add("feeder", [Scope()], NOW_MS, ingests=True)
        assert made.token is not None
        shown = repr(keys.by_ak(made.ak)) + repr(made) + str(made) + repr(keys.entries()) + repr(keys)
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert made.ak in shown
        for secret in (made.sk, made.token):
            assert secret not in shown
            assert secret.encode() not in stored


def test_files_are_private_from_the_start(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "new" / "folder") as keys:
        keys.add("reader", [Scope()], NOW_MS)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new" / "folder").iterdir()}
    assert {KEYS_FILE, MASTER_KEY_FILE} <= set(modes)
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("name", [KEYS_FILE, MASTER_KEY_FILE])
def test_a_file_that_others_may_read_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    KeyStore(tmp_path).close()
    (tmp_path / name).chmod(0o640)
    with pytest.raises(StoreUnusable, match=rf"{name} may be read by others \(mode 640\).*chmod 600"):
        KeyStore(tmp_path)


def test_a_master_key_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with KeyStore(tmp_path, MASTER_KEY) as keys:
        keys.add("reader", [Scope()], NOW_MS)
    assert not (tmp_path / MASTER_KEY_FILE).exists()
    with pytest.raises(StoreUnusable, match="does not fit"):
        KeyStore(tmp_path, "cd" * 32)
    KeyStore(tmp_path, MASTER_KEY).close()


def test_a_lost_master_key_is_told_and_none_is_made_in_its_place(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        keys.add("reader", [Scope()], NOW_MS)
    (tmp_path / MASTER_KEY_FILE).unlink()
    with pytest.raises(StoreUnusable, match=r"master\.key is missing.*\(1 in force\).*your copy"):
        KeyStore(tmp_path)
    assert not (tmp_path / MASTER_KEY_FILE).exists()


@pytest.mark.parametrize("text", ["", "ab" * 31, "zz" * 32, "ä"])
def test_a_malformed_master_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StoreUnusable, match="64 hexadecimal digits"):
        KeyStore(tmp_path, text)
    (tmp_path / MASTER_KEY_FILE).write_text(text)
    (tmp_path / MASTER_KEY_FILE).chmod(0o600)
    with pytest.raises(StoreUnusable, match=r"master\.key must be 64 hexadecimal digits"):
        KeyStore(tmp_path)


def test_a_sealed_sk_cannot_be_moved_to_another_ak(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        weak, strong = (keys.add(name, [Scope()], NOW_MS) for name in ("weak", "strong"))
        keys._file.connection.execute(
            "UPDATE key SET sealed_sk = (SELECT sealed_sk FROM key WHERE ak = ?) WHERE ak = ?",
            (weak.ak, strong.ak),
        )
        with pytest.raises(StoreUnusable, match=f"does not fit.*{strong.ak}"):
            keys.reload()
        assert keys.by_ak(strong.ak) is not None


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEYS_FILE).write_bytes(b"not a database, but long enough to look at" * 100)
    (tmp_path / KEYS_FILE).chmod(0o600)
    with pytest.raises(StoreUnusable, match=r"keys\.sqlite cannot be used: .*not a database"):
        KeyStore(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys:
        keys._file.connection.pragma("user_version", 2)
    with pytest.raises(StoreUnusable, match="has format 2, and this program knows 1"):
        KeyStore(tmp_path)


def test_a_new_key_shows_only_its_name() -> None:
    assert repr(NewKey("ak", "secret", "token")) == "NewKey(ak='ak')"


def test_a_file_that_another_program_holds_is_told(tmp_path: Path) -> None:
    with KeyStore(tmp_path) as keys, KeyStore(tmp_path) as other:
        keys._file.connection.set_busy_timeout(0)
        other._file.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnusable, match=r"keys\.sqlite cannot be used: .*locked"):
            keys.add("reader", [Scope()], NOW_MS)
        assert keys.entries() == []


def test_a_master_key_file_that_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / MASTER_KEY_FILE).mkdir(mode=0o700)
    with pytest.raises(StoreUnusable, match=r"master\.key cannot be used: .*directory"):
        KeyStore(tmp_path)


# Keys for gateways


def test_exported_keys_take_the_place_of_others_with_one_master_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.export"
    with KeyStore(tmp_path / "a", MASTER_KEY) as keys, KeyStore(tmp_path / "b", MASTER_KEY) as others:
        kept = keys.add("wallboard", [Scope(1, 2), Scope(3)], NOW_MS, ingests=True)
        gone = keys.add("old", [Scope()], NOW_MS)
        keys.revoke(gone.ak, NOW_MS + 1)
        own = others.add("own", [Scope()], NOW_MS)
        assert keys.export(file) == 2
        assert file.stat().st_mode & 0o077 == 0
        assert kept.sk.encode() not in file.read_bytes()
        with KeyStore(tmp_path / "b", MASTER_KEY) as running:
            assert others.replace(file) == 2
            assert running.changed()
            running.reload()
            assert running.by_ak(kept.ak) == keys.by_ak(kept.ak)
        assert others.entries() == keys.entries()
        assert others.by_ak(own.ak) is None
        assert kept.token is not None and others.by_token(kept.token) is not None


def test_exported_keys_want_their_own_master_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.export"
    with KeyStore(tmp_path / "a", MASTER_KEY) as keys, KeyStore(tmp_path / "b") as others:
        keys.add("wallboard", [Scope()], NOW_MS)
        own = others.add("own", [Scope()], NOW_MS)
        keys.export(file)
        with pytest.raises(StoreUnusable, match="master key does not fit"):
            others.replace(file)
        assert others.by_ak(own.ak) is not None


@pytest.mark.parametrize(("content", "reason"), [(None, "There is no file"), (b"x" * 5000, "no keys that")])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "keys.export"
    if content is not None:
        file.write_bytes(content)
    with KeyStore(tmp_path / "a") as keys, pytest.raises(StoreUnusable, match=reason):
        keys.replace(file)
