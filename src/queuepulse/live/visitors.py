"""Who visits: sign-in by password, sessions by cookie, and what proves that a POST comes from our own page.

What a visitor may see is `people`; what he is shown is `app`.
"""

import asyncio
import hmac
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import Scope, header
from queuepulse.live.lockouts import Lockouts
from queuepulse.live.passwords import PASSWORD_CHARACTERS_MAX, Passwords, TooManyChecks
from queuepulse.meters import Meters
from queuepulse.people import Opened, People, Person, Session
from queuepulse.ports import Clock
from queuepulse.proxies import Proxies

COOKIE: Final = "__Host-qp_session"
"""Its prefix makes browsers refuse it without TLS, from another host, or for a part of this one."""
NAME_CHARACTERS_MAX: Final = 200
"""Of a user's name."""
COOKIES_BYTES_MAX: Final = 16 * 1024
"""Cookies that are looked at; ours is short, and comes among those of others on this host."""
HOUR_MS: Final = 3_600_000

_log: FilteringBoundLogger = structlog.get_logger()


class Refused(NamedTuple):
    """A sign-in that failed; with `retry_s`, because there were too many."""

    retry_s: int


class Visitors:
    """The people at the door. `session_h` is how long a sign-in lasts, in hours.

    `proxies` tell from where a browser comes, and which host it asked.
    """

    def __init__(
        self,
        people: People,
        clock: Clock,
        meters: Meters,
        passwords: Passwords,
        *,
        session_h: int,
        proxies: Proxies,
    ) -> None:
        self._people = people
        self._clock = clock
        self._meters = meters
        self._passwords = passwords
        self._session_ms = session_h * HOUR_MS
        self._proxies = proxies
        self._lockouts = Lockouts()

    def session_of(self, scope: Scope) -> Session | None:
        """Whose request this is, by its cookie."""
        token = cookie(scope, COOKIE)
        return None if token is None else self._people.session(token, self._clock.now_ms())

    def is_open(self, session: Session) -> Session | None:
        """The session as it is now; None when it has ended."""
        return self._people.is_open(session, self._clock.now_ms())

    async def sign_in(self, name: str, password: str, scope: Scope) -> Opened | Refused:
        """Opens a session for the right password. Whoever is unknown gets the answer of a wrong one."""
        address, now_s = self.address_of(scope), self._clock.elapsed()
        wait_s = self._lockouts.wait_s(name, address, now_s)
        if wait_s:
            self._refuse("locked", address)
            return Refused(wait_s)
        # Counted before it is checked: many at once get no more tries than one after another.
        self._lockouts.failed(name, address, now_s)
        user = self._people.user(name)
        try:
            right = len(password) <= PASSWORD_CHARACTERS_MAX and await self._passwords.is_right(
                None if user is None else user.password_hash, password
            )
        except TooManyChecks:
            return Refused(1)
        if user is None or not right:
            self._refuse("wrong", address)
            return Refused(0)
        self._lockouts.succeeded(name, address)
        return await self.open(user.person)

    async def open(self, person: Person, until_ms: int | None = None) -> Opened:
        """Signs somebody in whom we know; until then, or as long as the settings say."""
        now_ms = self._clock.now_ms()
        expires_at_ms = now_ms + self._session_ms if until_ms is None else until_ms
        opened = await asyncio.to_thread(self._people.open, person, now_ms, expires_at_ms)
        _log.info("signed in", name=person.name, role=person.role.value)
        return opened

    async def by_link(self, token: str, scope: Scope) -> tuple[bool, Opened | None]:
        """Whether the link is in force, and a session of it, unless the browser has one already."""
        now_ms = self._clock.now_ms()
        link = self._people.link(token, now_ms)
        if link is None:
            self._refuse("link", self.address_of(scope))
            return False, None
        session = self.session_of(scope)
        if session is not None and session.person.id == link.person.id:
            return True, None
        return True, await self.open(link.person, link.expires_at_ms)

    async def sign_out(self, session: Session) -> None:
        """Ends the session."""
        await asyncio.to_thread(self._people.close_session, session)

    def is_ours(self, scope: Scope) -> bool:
        """Whether a POST comes from a page of ours, as far as the browser tells."""
        site = header(scope, b"sec-fetch-site")
        if site is not None and site not in (b"same-origin", b"none"):
            return False
        origin = header(scope, b"origin")
        if origin is None:
            return True
        return urlsplit(origin.decode("latin-1")).netloc.lower() == self.host_of(scope).lower()

    def has_csrf(self, scope: Scope, session: Session) -> bool:
        """Whether it carries what only a page of ours knows."""
        given = header(scope, b"x-csrf-token") or b""
        return hmac.compare_digest(given, session.csrf.encode())

    def host_of(self, scope: Scope) -> str:
        """The host that the browser asked."""
        host = self._proxies.host(scope) or header(scope, b"host") or b""
        return host.decode("latin-1")

    def address_of(self, scope: Scope) -> str:
        """The address of the browser."""
        return self._proxies.client(scope)

    def _refuse(self, cause: str, address: str) -> None:
        self._meters.authentication_failed(f"sign_in_{cause}")
        _log.warning("sign-in failed", cause=cause, peer=address)


def set_cookie(opened: Opened, now_ms: int) -> tuple[bytes, bytes]:
    """The header that gives a browser its session."""
    lasts_s = max(0, (opened.session.expires_at_ms - now_ms) // 1000)
    return cookie_header(COOKIE, opened.token, lasts_s, "Strict")


def clear_cookie(name: str = COOKIE) -> tuple[bytes, bytes]:
    """The header that takes it away."""
    return cookie_header(name, "", 0, "Strict")


def cookie_header(name: str, value: str, lasts_s: int, same_site: str) -> tuple[bytes, bytes]:
    """The header that sets a cookie for this host alone, which no script can read."""
    text = f"{name}={value}; Path=/; Max-Age={lasts_s}; Secure; HttpOnly; SameSite={same_site}"
    return b"set-cookie", text.encode()


def cookie(scope: Scope, name: str) -> str | None:
    """The cookie of that name."""
    # HTTP/2 may split cookies into several headers.
    for key, value in scope["headers"]:
        if key == b"cookie" and len(value) <= COOKIES_BYTES_MAX:
            for part in value.decode("latin-1").split(";"):
                found, _, text = part.strip().partition("=")
                if found == name:
                    return str(text)
    return None
