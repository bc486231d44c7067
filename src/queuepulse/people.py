"""Who may look: named users, and links that open a wallboard without a name. Plain values, no store.

It stands at the level of `ports`: stores keep people, `live` asks them.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from queuepulse.engine.events import VdnKey


class Role(StrEnum):
    """What somebody may see of the VDNs that are his."""

    VIEWER = "viewer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    LINK = "link"


class RoleRow(NamedTuple):
    """A role: whether it sees telephone numbers whole, and what it is for."""

    role: Role
    sees_numbers: bool
    meaning: str


ROLES: Final = (
    RoleRow(Role.VIEWER, False, "Looks at everything; telephone numbers are masked."),
    RoleRow(Role.SUPERVISOR, True, "Sees telephone numbers, too."),
    RoleRow(Role.ADMIN, True, "Sees how the server fares, too: its log and its load."),
    RoleRow(Role.LINK, False, "Whoever has the link: only its views; telephone numbers are masked."),
)
_SEES_NUMBERS: Final = frozenset(row.role for row in ROLES if row.sees_numbers)

VIEWS: Final = ("floor", "queue", "agents", "health")
"""The views of the wallboard, which a link names; users have all."""
LINK_VIEWS: Final = ("floor", "queue")
"""Those of a link that names none: what may hang on a wall."""


class Scope(NamedTuple):
    """What somebody may see: one VDN, a whole call center (`vdn` None), or everything (both None)."""

    cc: int | None = None
    vdn: int | None = None

    def __str__(self) -> str:
        if self.cc is None:
            return "everything"
        return f"{self.cc}/all" if self.vdn is None else f"{self.cc}/{self.vdn}"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, or whoever comes by a link. `id` is unique among both and never shown."""

    id: str
    name: str
    role: Role
    scopes: tuple[Scope, ...]
    views: tuple[str, ...] = VIEWS

    def may_see(self, vdn: VdnKey) -> bool:
        """Whether this VDN is his to look at."""
        mine = (Scope(), Scope(vdn.cc), Scope(vdn.cc, vdn.vdn))
        return any(scope in mine for scope in self.scopes)

    @property
    def sees_numbers(self) -> bool:
        """Whether he sees telephone numbers whole."""
        return self.role in _SEES_NUMBERS

    @property
    def sees_server(self) -> bool:
        """Whether he may know how the whole server fares: that tells of everybody's calls."""
        return Scope() in self.scopes and (self.role is Role.ADMIN or "health" in self.views)


class User(NamedTuple):
    """A named user. `password_hash` is None for those whom an identity provider signs in.

    `subject` is what that provider calls him, once it has.
    """

    person: Person
    password_hash: str | None
    subject: str | None
    added_at_ms: int

    def __repr__(self) -> str:
        return f"User({self.person.name!r})"


class Link(NamedTuple):
    """A read-only link; its secret is only known to who made it."""

    person: Person
    made_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, on one browser. `csrf` is what his own pages send along with a POST."""

    id: bytes
    person: Person
    csrf: str = field(repr=False)
    expires_at_ms: int


class Opened(NamedTuple):
    """A session just opened: the only moment at which its token is known. Never log it."""

    token: str
    session: Session

    def __repr__(self) -> str:
        return f"Opened({self.session.person.name!r})"


class People(Protocol):
    """Users, links and sessions in force.

    Asking touches no file. Opening, closing and binding is durable, and blocks.
    """

    def user(self, name: str) -> User | None:
        """The user of that name."""

    def link(self, token: str, now_ms: int) -> Link | None:
        """The link of that secret, if it is in force."""

    def session(self, token: str, now_ms: int) -> Session | None:
        """The session of that token, if it has not ended and its person is still there, as he is now."""

    def is_open(self, session: Session, now_ms: int) -> Session | None:
        """The same session as it is now; None: it has ended."""

    def open(self, person: Person, now_ms: int, expires_at_ms: int) -> Opened:
        """Signs somebody in."""

    def close_session(self, session: Session) -> None:
        """Signs him out."""

    def bind(self, user: User, subject: str) -> bool:
        """Notes what the identity provider calls a user; False: it calls him otherwise already."""

    def has_users(self) -> bool:
        """Whether anybody can sign in at all."""


def token_id(token: str) -> bytes:
    """What is kept of a session's or link's token, and what it is looked up by: 256 random bits, hashed."""
    return hashlib.sha256(token.encode()).digest()
