"""Sign-in by an identity provider: OpenID Connect, the code flow with PKCE, as one browser walks through it.

A user must be known here by name, without a password; the provider only proves who he is. What it calls him
(`sub`) is noted at his first sign-in and must be the same from then on: names are given away again.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import Scope
from queuepulse.live.visitors import cookie, cookie_header
from queuepulse.people import People, Person
from queuepulse.ports import Clock

STATE_COOKIE: Final = "__Host-qp_oidc"
"""Holds the walk to the browser that began it."""
CALLBACK_PATH: Final = "/live/v1/oidc/callback"
"""Where the provider sends the browser back to; it must know this address."""
WALK_S_MAX: Final = 600
"""How long somebody may take at the provider."""
WALKS_MAX: Final = 1_000
"""Walks under way; of more the oldest is forgotten."""
PROVIDER_S_MAX: Final = 3_600.0
"""How long the provider's description and keys are believed."""
KEYS_AGAIN_S: Final = 30.0
"""A token of an unknown key makes us ask for the keys again, but not more often."""
LEEWAY_S: Final = 60
"""How far the provider's clock may be off ours."""
ALGORITHMS: Final = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures that are believed: those of keys that the provider alone has."""
_SECRET_BYTES: Final = 32
_log: FilteringBoundLogger = structlog.get_logger()

Fetch: TypeAlias = Callable[[str, Mapping[str, str] | None, Mapping[str, str]], bytes]
"""Gets an address, or posts a form to it, with these headers; blocks. Raises OidcFailed."""


class OidcFailed(Exception):
    """The provider did not prove who somebody is. `str()` says why, for the log."""


class OidcSettings(NamedTuple):
    """What the settings say of the provider. `public_url` is how browsers reach this server."""

    issuer: str
    client_id: str
    client_secret: str | None
    public_url: str
    name_claim: str = "preferred_username"

    def __repr__(self) -> str:
        return f"OidcSettings({self.issuer!r})"


class _Walk(NamedTuple):
    nonce: str
    verifier: str
    until_s: float


class _Provider(NamedTuple):
    authorization: str
    token: str
    keys: str
    key_set: KeySet
    asked_s: float


class _Description(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class OidcDoor:
    """The way in by the provider."""

    def __init__(self, settings: OidcSettings, people: People, clock: Clock, fetch: Fetch) -> None:
        self._settings = settings
        self._people = people
        self._clock = clock
        self._fetch = fetch
        self._walks: dict[str, _Walk] = {}
        self._provider: _Provider | None = None

    async def start(self) -> tuple[str, tuple[bytes, bytes]] | None:
        """Where to send the browser, and the cookie it takes along; None: the provider cannot be reached."""
        try:
            provider = await self._described()
        except OidcFailed as failed:
            _log.error("the identity provider cannot be used", reason=str(failed))
            return None
        state, nonce, verifier = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3))
        self._walks[state] = _Walk(nonce, verifier, self._clock.elapsed() + WALK_S_MAX)
        while len(self._walks) > WALKS_MAX:
            del self._walks[next(iter(self._walks))]
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": _unpadded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in provider.authorization else "?"
        # Lax and not Strict: the provider's page leads back here.
        kept = cookie_header(STATE_COOKIE, state, WALK_S_MAX, "Lax")
        return f"{provider.authorization}{separator}{urlencode(asked)}", kept

    async def finish(self, scope: Scope) -> Person | None:
        """Who came back from the provider; None: it did not prove that, or he is nobody here."""
        try:
            return await self._finish(scope)
        except OidcFailed as failed:
            _log.warning("sign-in failed", cause="oidc", reason=str(failed))
            return None

    async def _finish(self, scope: Scope) -> Person:
        told = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=16)
        state, mine = told.get("state", [""])[0], cookie(scope, STATE_COOKIE) or ""
        walk = self._walks.pop(state, None)
        if walk is None or not hmac.compare_digest(state.encode(), mine.encode()):
            raise OidcFailed("nobody began this walk on that browser")
        if self._clock.elapsed() > walk.until_s:
            raise OidcFailed("the walk took too long")
        if "code" not in told:
            raise OidcFailed(f"the provider refused: {told.get('error', ['no reason'])[0][:100]!r}")
        claims = await self._claims(told["code"][0], walk)
        return await self._person(claims)

    async def _person(self, claims: Mapping[str, Any]) -> Person:
        name, subject = claims.get(self._settings.name_claim), claims.get("sub")
        if not isinstance(name, str) or not isinstance(subject, str) or not subject:
            raise OidcFailed(f"the token has no {self._settings.name_claim}, or no sub")
        user = self._people.user(name)
        if user is None or user.password_hash is not None:
            raise OidcFailed(f"there is no user {name[:100]!r} for the provider: queuepulse users add --oidc")
        if not await asyncio.to_thread(self._people.bind, user, f"{self._settings.issuer} {subject}"):
            raise OidcFailed(f"{name!r} is another person than at the first sign-in")
        return user.person

    async def _claims(self, code: str, walk: _Walk) -> Mapping[str, Any]:
        provider, settings = await self._described(), self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": settings.client_id,
            "code_verifier": walk.verifier,
        }
        headers = {}
        if settings.client_secret is not None:
            pair = f"{settings.client_id}:{settings.client_secret}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        body = await asyncio.to_thread(self._fetch, provider.token, form, headers)
        token = _decoded(body, _Tokens).id_token
        try:
            claims = self._read(token, provider.key_set)
        except (JoseError, ValueError):
            # It may be signed by a key that is newer than what we know.
            provider = await self._described(KEYS_AGAIN_S)
            try:
                claims = self._read(token, provider.key_set)
            except (JoseError, ValueError) as error:
                raise OidcFailed(f"the token is not good: {error}") from error
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), walk.nonce.encode()):
            raise OidcFailed("the token is of another walk")
        if claims.get("azp", settings.client_id) != settings.client_id:
            raise OidcFailed("the token is for another party")
        return claims

    def _read(self, token: str, keys: KeySet) -> Mapping[str, Any]:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        registry = jwt.JWTClaimsRegistry(
            now=self._clock.now_ms() // 1000,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
        )
        registry.validate(claims)
        return claims

    async def _described(self, age_s_max: float = PROVIDER_S_MAX) -> _Provider:
        """What the provider says of itself, and its keys, not older than that."""
        now_s, known = self._clock.elapsed(), self._provider
        if known is not None and now_s - known.asked_s < age_s_max:
            return known
        self._provider = await asyncio.to_thread(self._ask, now_s)
        return self._provider

    def _ask(self, now_s: float) -> _Provider:
        issuer = self._settings.issuer
        place = issuer.rstrip("/") + "/.well-known/openid-configuration"
        told = _decoded(self._fetch(place, None, {}), _Description)
        if told.issuer != issuer:
            raise OidcFailed(f"{place} is of another issuer: {told.issuer[:200]!r}")
        for address in (told.authorization_endpoint, told.token_endpoint, told.jwks_uri):
            if urlsplit(address).scheme != urlsplit(issuer).scheme:
                raise OidcFailed(f"{place} names an address of another kind: {address[:200]!r}")
        try:
            keys = KeySet.import_key_set(msgspec.json.decode(self._fetch(told.jwks_uri, None, {})))
        except (JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
            raise OidcFailed(f"the keys of the provider cannot be read: {error}") from error
        return _Provider(told.authorization_endpoint, told.token_endpoint, told.jwks_uri, keys, now_s)

    @property
    def _redirect_uri(self) -> str:
        return self._settings.public_url.rstrip("/") + CALLBACK_PATH


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise OidcFailed(f"the provider's answer cannot be read: {error}") from error


def _unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
