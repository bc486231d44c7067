"""The keys, in an SQLite file of their own: who may ask, who may send, and the secrets to prove it.

SKs must be recoverable to check signatures, so they are sealed (AES-GCM, the AK as associated data)
under a master key that lies in another file or comes from outside. Tokens need only be recognised, so they
are hashed.
No clock lives here: the time is passed in.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from queuepulse.people import Scope
from queuepulse.protocol.keys import Key, token_hash
from queuepulse.stores.folder import KEYS_FILE
from queuepulse.stores.private import PrivateFile, StoreUnusable, make_private, require_private, unusable

MASTER_KEY_FILE: Final = "master.key"
MASTER_KEY_BYTES: Final = 32
# The 96 bits that AES-GCM is made for; random, since one master key seals far fewer than 2^32 SKs.
_NONCE_BYTES: Final = 12
# AKs are names, not secrets: 80 random bits never meet by chance. SKs and tokens have 256 bits.
_AK_BYTES: Final = 10
_SECRET_BYTES: Final = 32
_FORMAT: Final = 1
_KEY_COLUMNS: Final = "ak, name, sealed_sk, token_hash, ingests, added_at_ms, revoked_at_ms"

# A revoked key stays in the list; its secrets are erased. In a scope, NULL is "every".
_SCHEMA: Final = f"""
CREATE TABLE key (
    ak TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sealed_sk BLOB,
    token_hash BLOB UNIQUE,
    ingests INTEGER NOT NULL,
    added_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) STRICT;
CREATE TABLE scope (ak TEXT NOT NULL REFERENCES key, cc INTEGER, vdn INTEGER) STRICT;
PRAGMA user_version = {_FORMAT};
"""


class NewKey(NamedTuple):
    """A key just made: the only moment at which its secrets can be shown. Never log it."""

    ak: str
    sk: str
    token: str | None

    def __repr__(self) -> str:
        return f"NewKey(ak={self.ak!r})"


class KeyEntry(NamedTuple):
    """One line of the list of keys, without secrets."""

    ak: str
    name: str
    scopes: tuple[Scope, ...]
    ingests: bool
    added_at_ms: int
    revoked_at_ms: int | None


class KeyStore:
    """The keys of one data folder. Keys in force are held in memory; asking for one touches no file.

    Several programs may have it open. Each sees the others' changes after `changed()` and `reload()`.
    """

    def __init__(self, folder: Path, master_key: str | None = None) -> None:
        """Opens the keys in `folder`, made on first use.

        `master_key` is 64 hexadecimal digits; without it, the file `master.key` beside the keys holds it,
        also made on first use. Raises StoreUnusable.
        """
        self._path = folder / KEYS_FILE
        self._file = PrivateFile(self._path, _SCHEMA, _FORMAT)
        try:
            self._aead = AESGCM(self._master_key(folder, master_key))
            self.reload()
        except OSError as error:
            self._file.close()
            # Backups hold the keys, and never the master key.
            raise unusable(folder / MASTER_KEY_FILE, error, "put your copy of it back") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def by_ak(self, ak: str) -> Key | None:
        """The key in force that has this AK."""
        return self._by_ak.get(ak)

    def by_token(self, token: str) -> Key | None:
        """The key in force whose token this is."""
        return self._by_token_hash.get(token_hash(token))

    def changed(self) -> bool:
        """Whether another program changed the keys since they were last loaded. Cheap: ask every second."""
        return self._file.version() != self._loaded_version

    def reload(self) -> None:
        """Loads the keys in force. On StoreUnusable those loaded before stay in force."""
        version = self._file.version()
        with self._file.one_moment():
            scopes = self._scopes()
            rows: list[Any] = self._file.connection.execute(
                "SELECT ak, name, sealed_sk, token_hash, ingests FROM key WHERE revoked_at_ms IS NULL"
            ).fetchall()
        by_ak: dict[str, Key] = {}
        by_token_hash: dict[bytes, Key] = {}
        for ak, name, sealed_sk, hashed, ingests in rows:
            own = scopes.get(ak, [])
            by_ak[ak] = key = Key(
                ak=ak,
                name=name,
                sk=self._unseal(ak, sealed_sk),
                vdns=frozenset((scope.cc, scope.vdn) for scope in own if scope.cc and scope.vdn),
                ccs=frozenset(scope.cc for scope in own if scope.cc and not scope.vdn),
                sees_all=Scope() in own,
                ingests=bool(ingests),
            )
            if hashed is not None:
                by_token_hash[hashed] = key
        self._by_ak, self._by_token_hash, self._loaded_version = by_ak, by_token_hash, version

    def add(
        self, name: str, scopes: Sequence[Scope], now_ms: int, ingests: bool = False, has_token: bool = False
    ) -> NewKey:
        """Makes a key, in force at once. If it `ingests`, or is said to, it has a token besides its SK."""
        assert all(scope.cc is not None or scope.vdn is None for scope in scopes), (
            "a VDN lies in a call center"
        )
        ak = secrets.token_hex(_AK_BYTES)
        sk = secrets.token_urlsafe(_SECRET_BYTES)
        token = secrets.token_urlsafe(_SECRET_BYTES) if ingests or has_token else None
        hashed = None if token is None else token_hash(token)
        with self._file.one_moment():
            self._file.connection.execute(
                f"INSERT INTO key ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (ak, name, self._seal(ak, sk), hashed, int(ingests), now_ms),
            )
            self._file.connection.executemany(
                "INSERT INTO scope VALUES (?, ?, ?)", [(ak, scope.cc, scope.vdn) for scope in scopes]
            )
        self.reload()
        return NewKey(ak, sk, token)

    def revoke(self, ak: str, now_ms: int) -> bool:
        """Ends a key and erases its secrets. False: no key in force has this AK."""
        with self._file.one_moment():
            self._file.connection.execute(
                "UPDATE key SET revoked_at_ms = ?, sealed_sk = NULL, token_hash = NULL"
                " WHERE ak = ? AND revoked_at_ms IS NULL",
                (now_ms, ak),
            )
            ended = self._file.connection.changes() == 1
        self.reload()
        return ended

    def entries(self) -> list[KeyEntry]:
        """All keys ever made, revoked ones too, oldest first."""
        with self._file.one_moment():
            scopes = self._scopes()
            rows: list[Any] = self._file.connection.execute(
                "SELECT ak, name, ingests, added_at_ms, revoked_at_ms FROM key ORDER BY rowid"
            ).fetchall()
        return [
            KeyEntry(ak, name, tuple(scopes.get(ak, ())), bool(ingests), added_at_ms, revoked_at_ms)
            for ak, name, ingests, added_at_ms, revoked_at_ms in rows
        ]

    def export(self, file: Path) -> int:
        """Write all keys into a file, for other servers; gives how many. The SKs stay sealed in it."""
        try:
            file.unlink(missing_ok=True)
            make_private(file)
            self._file.connection.execute("VACUUM INTO ?", (str(file),))
        except (OSError, apsw.Error) as error:
            raise unusable(file, error) from error
        return len(self.entries())

    def replace(self, file: Path) -> int:
        """Put the keys of an exported file in the place of all of ours; gives how many.

        Raises StoreUnusable, and then ours stay: also where theirs are sealed with another master key.
        """
        if not file.is_file():
            raise StoreUnusable(f"There is no file {file}. Make it with: queuepulse keys export FILE")
        try:
            connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
            with closing(connection):
                if connection.pragma("user_version") != _FORMAT:
                    raise StoreUnusable(f"{file} holds no keys of this format ({_FORMAT}).")
                keys: list[Any] = connection.execute(
                    f"SELECT {_KEY_COLUMNS} FROM key ORDER BY rowid"
                ).fetchall()
                scopes: list[Any] = connection.execute(
                    "SELECT ak, cc, vdn FROM scope ORDER BY rowid"
                ).fetchall()
        except apsw.Error as error:
            raise StoreUnusable(f"{file} holds no keys that can be read: {error}.") from error
        for ak, _, sealed_sk, *_ in keys:
            if sealed_sk is not None:
                self._unseal(ak, sealed_sk)
        with self._file.one_moment():
            self._file.connection.execute("DELETE FROM scope; DELETE FROM key")
            self._file.connection.executemany(
                f"INSERT INTO key ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", keys
            )
            self._file.connection.executemany("INSERT INTO scope VALUES (?, ?, ?)", scopes)
        self.reload()
        return len(keys)

    def _scopes(self) -> dict[str, list[Scope]]:
        scopes: dict[str, list[Scope]] = {}
        rows: Any = self._file.connection.execute("SELECT ak, cc, vdn FROM scope ORDER BY rowid")
        for ak, cc, vdn in rows:
            scopes.setdefault(ak, []).append(Scope(cc, vdn))
        return scopes

    def _master_key(self, folder: Path, given: str | None) -> bytes:
        if given is not None:
            return _decode_master_key(given, "the setting or variable that holds the master key")
        path = folder / MASTER_KEY_FILE
        if not path.exists():
            sealed = self._file.connection.execute("SELECT count(*) FROM key WHERE sealed_sk IS NOT NULL").get
            if sealed:
                raise StoreUnusable(
                    f"{path} is missing, and the keys in {self._path} were sealed with it"
                    f" ({sealed} in force). Put your copy of it back, or move {KEYS_FILE} away"
                    " and make new keys."
                )
            _make_master_key(path)
        require_private(path)
        return _decode_master_key(path.read_text(errors="replace").strip(), str(path))

    def _seal(self, ak: str, sk: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, sk.encode(), ak.encode())

    def _unseal(self, ak: str, sealed: bytes) -> str:
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, ciphertext, ak.encode()).decode()
        except InvalidTag:
            raise StoreUnusable(
                f"The master key does not fit the keys in {self._path} (key {ak}). Use the {MASTER_KEY_FILE}"
                f" or the setting that they were made with, or move {KEYS_FILE} away and make new keys."
            ) from None


def _make_master_key(path: Path) -> None:
    """Writes a new master key; of two programs that do so at once, one wins and both use its key."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(MASTER_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _decode_master_key(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise StoreUnusable(f"{place} must be {2 * MASTER_KEY_BYTES} hexadecimal digits.")
    return key
