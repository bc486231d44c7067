"""Users, links and sessions, in an SQLite file of their own.

Passwords are kept as Argon2 hashes that others make and check; of tokens only hashes are kept.
No clock lives here: the time is passed in.
"""

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from queuepulse.people import VIEWS, Link, Opened, Person, Role, Scope, Session, User, token_id
from queuepulse.stores.folder import USERS_FILE
from queuepulse.stores.private import PrivateFile

SESSIONS_PER_PERSON_MAX: Final = 1_000
"""Sessions of one user or link: the oldest ends when one more is opened. A link may hang on many walls."""
SESSIONS_MAX: Final = 20_000
"""Sessions of all: they are held in memory."""
_TOKEN_BYTES: Final = 32
_LINK_ID_BYTES: Final = 4
_FORMAT: Final = 1

# In a scope, NULL is "every". `subject` is what an identity provider calls the user.
_SCHEMA: Final = f"""
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password_hash TEXT,
    subject TEXT UNIQUE,
    added_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE link (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash BLOB UNIQUE,
    views TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) STRICT;
CREATE TABLE scope (person TEXT NOT NULL, cc INTEGER, vdn INTEGER) STRICT;
CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,
    person TEXT NOT NULL,
    csrf TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
PRAGMA user_version = {_FORMAT};
"""


class NameTaken(Exception):
    """There is a user of that name already. `str()` tells a person."""


class UserStore:
    """`People` of one data folder. What is in force is held in memory; several programs may have it open.

    Each sees the others' changes after `refresh`. It may be used by several threads.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the users in `folder`, made on first use. Raises StoreUnusable."""
        self._file = PrivateFile(folder / USERS_FILE, _SCHEMA, _FORMAT)
        self._lock = threading.Lock()
        self._loaded_version = -1
        try:
            self.refresh()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._file.close()

    def refresh(self) -> bool:
        """Takes notice of what other programs changed; whether they did. Blocks. Raises StoreUnusable."""
        with self._lock:
            version = self._file.version()
            if version == self._loaded_version:
                return False
            with self._file.one_moment():
                scopes = self._scopes()
                users = [_user(row, scopes) for row in self._file.rows(_USERS)]
                links = {row[2]: _link(row, scopes) for row in self._file.rows(_LINKS)}
                sessions = self._file.rows("SELECT token_hash, person, csrf, expires_at_ms FROM session")
            self._users = {user.person.name: user for user in users}
            self._links = {hashed: link for hashed, link in links.items() if hashed is not None}
            people = [user.person for user in users] + [link.person for link in self._links.values()]
            self._people = {person.id: person for person in people}
            self._sessions: dict[bytes, tuple[str, str, int]] = {row[0]: row[1:] for row in sessions}
            self._loaded_version = version
            return True

    # Who is there

    def user(self, name: str) -> User | None:
        return self._users.get(name)

    def has_users(self) -> bool:
        return bool(self._users)

    def link(self, token: str, now_ms: int) -> Link | None:
        link = self._links.get(token_id(token))
        return link if link is not None and now_ms < link.expires_at_ms else None

    def session(self, token: str, now_ms: int) -> Session | None:
        return self._session(token_id(token), now_ms)

    def is_open(self, session: Session, now_ms: int) -> Session | None:
        return self._session(session.id, now_ms)

    def _session(self, token_hash: bytes, now_ms: int) -> Session | None:
        person_id, csrf, expires_at_ms = self._sessions.get(token_hash, ("", "", 0))
        person = self._people.get(person_id)
        if person is None or now_ms >= expires_at_ms:
            return None
        return Session(token_hash, person, csrf, expires_at_ms)

    def users(self) -> list[User]:
        """All users, by name."""
        return [self._users[name] for name in sorted(self._users)]

    def links(self) -> list[Link]:
        """All links ever made, revoked ones too, oldest first."""
        with self._writing():
            scopes = self._scopes()
            return [_link(row, scopes) for row in self._file.rows(_LINKS)]

    # Sessions

    def open(self, person: Person, now_ms: int, expires_at_ms: int) -> Opened:
        token, csrf = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES)
        hashed = token_id(token)
        with self._writing():
            self._file.change("DELETE FROM session WHERE expires_at_ms <= ?", (now_ms,))
            self._file.change(
                "INSERT INTO session VALUES (?, ?, ?, ?)", (hashed, person.id, csrf, expires_at_ms)
            )
            for whose, most in (("person = ?1", SESSIONS_PER_PERSON_MAX), ("?1 = ?1", SESSIONS_MAX)):
                self._file.change(
                    f"DELETE FROM session WHERE {whose} AND rowid NOT IN"
                    f" (SELECT rowid FROM session WHERE {whose} ORDER BY rowid DESC LIMIT {most})",
                    (person.id,),
                )
            rows = self._file.rows("SELECT token_hash, person, csrf, expires_at_ms FROM session")
        self._sessions = {row[0]: row[1:] for row in rows}
        return Opened(token, Session(hashed, person, csrf, expires_at_ms))

    def close_session(self, session: Session) -> None:
        """Signs somebody out."""
        with self._writing():
            self._file.change("DELETE FROM session WHERE token_hash = ?", (session.id,))
        self._sessions = {key: kept for key, kept in self._sessions.items() if key != session.id}

    # Users

    def add(
        self, name: str, role: Role, scopes: Sequence[Scope], password_hash: str | None, now_ms: int
    ) -> None:
        """Makes a user; without a password an identity provider signs him in. Raises NameTaken."""
        with self._writing():
            if self._file.rows("SELECT 1 FROM user WHERE name = ?", (name,)):
                raise NameTaken(f"There is a user {name} already. See: queuepulse users list")
            self._file.change(
                "INSERT INTO user VALUES (?, ?, ?, NULL, ?)", (name, role.value, password_hash, now_ms)
            )
            self._put_scopes(_user_id(name), scopes)
        self._reload()

    def remove(self, name: str) -> bool:
        """Ends a user and his sessions. False: there is none of that name."""
        with self._writing():
            removed = self._file.change("DELETE FROM user WHERE name = ?", (name,))
            self._file.change("DELETE FROM scope WHERE person = ?", (_user_id(name),))
            self._end_sessions(_user_id(name))
        self._reload()
        return removed == 1

    def set_password(self, name: str, password_hash: str) -> bool:
        """Gives a user another password, and ends his sessions. False: there is none of that name."""
        with self._writing():
            changed = self._file.change(
                "UPDATE user SET password_hash = ? WHERE name = ?", (password_hash, name)
            )
            self._end_sessions(_user_id(name))
        self._reload()
        return changed == 1

    def bind(self, user: User, subject: str) -> bool:
        if user.subject is None:
            with self._writing():
                taken = self._file.rows("SELECT 1 FROM user WHERE subject = ?", (subject,))
                if not taken:
                    self._file.change(
                        "UPDATE user SET subject = ? WHERE name = ? AND subject IS NULL",
                        (subject, user.person.name),
                    )
            self._reload()
        bound = self._users.get(user.person.name)
        return bound is not None and bound.subject == subject

    # Links

    def add_link(
        self, name: str, scopes: Sequence[Scope], views: Sequence[str], now_ms: int, expires_at_ms: int
    ) -> tuple[str, str]:
        """Makes a link. Gives its id, and the token that is its secret, which is not shown again."""
        assert set(views) <= set(VIEWS), "views are checked where they are typed"
        number, token = secrets.token_hex(_LINK_ID_BYTES), secrets.token_urlsafe(_TOKEN_BYTES)
        with self._writing():
            self._file.change(
                "INSERT INTO link VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (number, name, token_id(token), ",".join(views), now_ms, expires_at_ms),
            )
            self._put_scopes(_link_id(number), scopes)
        self._reload()
        return number, token

    def revoke_link(self, number: str, now_ms: int) -> bool:
        """Ends a link and the sessions it opened. False: no link in force has this id."""
        with self._writing():
            ended = self._file.change(
                "UPDATE link SET revoked_at_ms = ?, token_hash = NULL WHERE id = ? AND revoked_at_ms IS NULL",
                (now_ms, number),
            )
            self._end_sessions(_link_id(number))
        self._reload()
        return ended == 1

    def _reload(self) -> None:
        # Our own changes do not count as those of another program.
        self._loaded_version = -1
        self.refresh()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, self._file.one_moment():
            yield

    def _end_sessions(self, person_id: str) -> None:
        self._file.change("DELETE FROM session WHERE person = ?", (person_id,))

    def _put_scopes(self, person_id: str, scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            self._file.change("INSERT INTO scope VALUES (?, ?, ?)", (person_id, scope.cc, scope.vdn))

    def _scopes(self) -> dict[str, list[Scope]]:
        scopes: dict[str, list[Scope]] = {}
        for person_id, cc, vdn in self._file.rows("SELECT person, cc, vdn FROM scope ORDER BY rowid"):
            scopes.setdefault(person_id, []).append(Scope(cc, vdn))
        return scopes


_USERS: Final = "SELECT name, role, password_hash, subject, added_at_ms FROM user"
_LINKS: Final = (
    "SELECT id, name, token_hash, views, made_at_ms, expires_at_ms, revoked_at_ms FROM link ORDER BY rowid"
)


def _user(row: Any, scopes: dict[str, list[Scope]]) -> User:
    name, role, password_hash, subject, added_at_ms = row
    person = Person(_user_id(name), name, Role(role), tuple(scopes.get(_user_id(name), ())))
    return User(person, password_hash, subject, added_at_ms)


def _link(row: Any, scopes: dict[str, list[Scope]]) -> Link:
    number, name, _, views, made_at_ms, expires_at_ms, revoked_at_ms = row
    own = tuple(scopes.get(_link_id(number), ()))
    person = Person(_link_id(number), name, Role.LINK, own, tuple(views.split(",")))
    return Link(person, made_at_ms, expires_at_ms, revoked_at_ms)


def _user_id(name: str) -> str:
    return f"user:{name}"


def _link_id(number: str) -> str:
    return f"link:{number}"
