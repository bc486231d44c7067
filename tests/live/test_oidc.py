"""Sign-in by an identity provider that is played here: it proves who somebody is, or it does not."""

import asyncio
import base64
import hashlib
import hmac
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from asking import NOW_MS, StillClock, scope_of
from live.given import played
from queuepulse.live import oidc
from queuepulse.live.fetching import ANSWER_BYTES_MAX, Fetcher, TrustUnusable
from queuepulse.live.oidc import KEYS_AGAIN_S, WALK_S_MAX, OidcDoor, OidcFailed, OidcSettings
from queuepulse.people import Person, Role, Scope
from queuepulse.stores.users import UserStore

ISSUER, CLIENT, SECRET = "https://id.example/realm", "queuepulse", "s3cret"
SETTINGS = OidcSettings(ISSUER, CLIENT, SECRET, "https://pulse.example/")
KEY = RSAKey.generate_key(2048, {"kid": "one"})
NEWER = ECKey.generate_key("P-256", {"kid": "two"})


class Provider:
    """An identity provider. `claims` and `description` change what it says; `key` signs."""

    def __init__(self) -> None:
        self.key: Any = KEY
        self.published: list[Any] = [KEY]
        self.algorithm = "RS256"
        self.secret: bytes | None = None
        self.claims: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.asked: list[str] = []
        self.form: Mapping[str, str] = {}
        self.headers: Mapping[str, str] = {}
        self.nonce = ""
        self.challenge = ""

    def authorize(self, address: str) -> dict[str, str]:
        """What its page does when somebody signs in there; gives what it tells the browser to take back."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        asked = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["redirect_uri"] == "https://pulse.example/live/v1/oidc/callback"
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        self.nonce, self.challenge = asked["nonce"], asked["code_challenge"]
        return {"code": "the code", "state": asked["state"]}

    def __call__(self, address: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> bytes:
        self.asked.append(address)
        if address == f"{ISSUER}/.well-known/openid-configuration":
            told = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
            }
            return msgspec.json.encode(told | self.description)
        if address == f"{ISSUER}/keys":
            return msgspec.json.encode(KeySet(self.published).as_dict(private=False))
        assert address == f"{ISSUER}/token" and form is not None
        self.form, self.headers = form, headers
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != self.challenge:
            raise OidcFailed("the verifier is wrong")
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "4711",
            "exp": NOW_MS // 1000 + 300,
            "iat": NOW_MS // 1000,
            "nonce": self.nonce,
            "preferred_username": "olga",
        }
        all_of_them = {name: value for name, value in (claims | self.claims).items() if value is not None}
        if self.secret is not None:
            return msgspec.json.encode({"id_token": forged(self.algorithm, all_of_them, self.secret)})
        header = {"alg": self.algorithm, **({"kid": self.key.kid} if self.key.kid else {})}
        token = jwt.encode(header, all_of_them, self.key, algorithms=[self.algorithm])
        return msgspec.json.encode({"id_token": token, "access_token": "x", "token_type": "Bearer"})


class Walk:
    """A browser that goes to the provider and back."""

    def __init__(self, folder: Path) -> None:
        self.store = UserStore(folder)
        self.store.add("olga", Role.SUPERVISOR, [Scope(1, 1)], None, NOW_MS)
        self.store.add("ann", Role.ADMIN, [Scope()], "a hash", NOW_MS)
        self.clock, self.provider = StillClock(), Provider()
        self.door = OidcDoor(SETTINGS, self.store, self.clock, self.provider)

    async def begin(self) -> tuple[dict[str, str], str]:
        way = await self.door.start()
        assert way is not None
        address, (_, cookie) = way
        assert b"SameSite=Lax" in cookie and b"Secure; HttpOnly" in cookie
        return self.provider.authorize(address), cookie.decode().split(";")[0]

    async def end(self, back: dict[str, str], cookie: str) -> Person | None:
        target = f"{oidc.CALLBACK_PATH}?{urlencode(back)}".encode()
        return await self.door.finish(scope_of("GET", target, [(b"cookie", cookie.encode())]))

    async def walk(self) -> Person | None:
        return await self.end(*await self.begin())


@played
async def test_who_is_proved_is_let_in(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    person = await walk.walk()
    assert person is not None and person.name == "olga" and person.role is Role.SUPERVISOR
    assert walk.provider.form["client_id"] == CLIENT and walk.provider.form["code"] == "the code"
    given = base64.b64decode(walk.provider.headers["authorization"].removeprefix("Basic ")).decode()
    assert given == f"{CLIENT}:{SECRET}" and SECRET not in repr(SETTINGS)
    assert await walk.walk() is not None
    # Its description and keys are asked for once.
    assert walk.provider.asked.count(f"{ISSUER}/keys") == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": None},
        {"exp": NOW_MS // 1000 - 120},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"nonce": "of another walk"},
        {"nonce": None},
        {"azp": "another"},
        {"preferred_username": "nobody"},
        {"preferred_username": "ann"},  # she has a password: the provider does not know her
        {"preferred_username": None},
        {"preferred_username": ["olga"]},
    ],
    ids=str,
)
@played
async def test_a_token_that_proves_something_else_lets_nobody_in(claims: Any, tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    walk.provider.claims = claims
    assert await walk.walk() is None
    walk.provider.claims = {}
    assert await walk.walk() is not None


def forged(algorithm: str, claims: dict[str, Any], secret: bytes) -> str:
    """A token with a signature that anybody can make, or none."""
    head = {"alg": algorithm, "kid": "one", "typ": "JWT"}
    parts = [base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=") for part in (head, claims)]
    digest = hmac.new(secret, b".".join(parts), "sha256").digest() if algorithm == "HS256" else b""
    return b".".join([*parts, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()


@pytest.mark.parametrize(
    ("algorithm", "secret"),
    [("HS256", KEY.as_pem(private=False)), ("HS256", SECRET.encode()), ("none", b""), ("RS256", b"")],
)
@played
async def test_a_forged_token_lets_nobody_in(algorithm: str, secret: bytes, tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    walk.provider.algorithm, walk.provider.secret = algorithm, secret
    assert await walk.walk() is None
    walk.provider.algorithm, walk.provider.secret = "RS256", None
    walk.provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert await walk.walk() is None


@played
async def test_a_new_key_of_the_provider_is_found_but_not_asked_for_each_time(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    assert await walk.walk() is not None
    walk.provider.key, walk.provider.algorithm = NEWER, "ES256"
    assert await walk.walk() is None
    walk.provider.published = [KEY, NEWER]
    assert await walk.walk() is None  # asked a moment ago
    walk.clock.s += KEYS_AGAIN_S
    assert await walk.walk() is not None
    assert walk.provider.asked.count(f"{ISSUER}/keys") == 2


@played
async def test_the_name_of_another_person_lets_nobody_in(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    assert await walk.walk() is not None
    walk.provider.claims = {"sub": "4712"}
    assert await walk.walk() is None


@played
async def test_a_walk_is_one_browsers_and_is_walked_once(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    back, cookie = await walk.begin()
    _, others = await walk.begin()
    assert await walk.end(back, others) is None
    assert await walk.end(back, cookie) is None  # it was tried: begin anew
    back, cookie = await walk.begin()
    assert await walk.end({**back, "state": ""}, cookie) is None
    assert await walk.end(back, "") is None
    back, cookie = await walk.begin()
    assert await walk.end(back, cookie) is not None
    assert await walk.end(back, cookie) is None
    back, cookie = await walk.begin()
    walk.clock.s += WALK_S_MAX + 1
    assert await walk.end(back, cookie) is None
    back, cookie = await walk.begin()
    assert await walk.end({"state": back["state"], "error": "access_denied"}, cookie) is None


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example/realm/token"},
        {"jwks_uri": 5},
    ],
    ids=str,
)
@played
async def test_a_provider_that_is_another_is_not_used(description: Any, tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    walk.provider.description = description
    assert await walk.door.start() is None


@played
async def test_walks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "WALKS_MAX", 2)
    walk = Walk(tmp_path)
    walks = [await walk.begin() for _ in range(3)]
    assert len(walk.door._walks) == 2
    assert await walk.end(*walks[0]) is None
    assert await walk.end(*walks[2]) is not None


# The way out


class Pages(BaseHTTPRequestHandler):
    """A provider's web server."""

    def do_GET(self) -> None:
        size = int(self.path.removeprefix("/"))
        self.send_response(200 if size >= 0 else 302)
        self.send_header("location", "/5")
        self.end_headers()
        self.wfile.write(b"x" * max(size, 0))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers['content-type']} {self.headers['authorization']} ".encode() + body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Callable[[Path | None], tuple[Fetcher, str]]]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = HTTPServer(("127.0.0.1", 0), Pages)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"https://localhost:{server.server_port}"
    yield lambda ca: (Fetcher(ca), address)
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_fetched_is_checked_and_bounded(tmp_path: Path, pages: Any) -> None:
    fetch, address = pages(tmp_path / "ca.pem")
    assert fetch(f"{address}/5", None, {}) == b"xxxxx"
    posted = fetch(f"{address}/1", {"a": "b c", "d": "&"}, {"authorization": "Basic x"})
    assert posted == b"application/x-www-form-urlencoded Basic x a=b+c&d=%26"
    with pytest.raises(OidcFailed, match="more than"):
        fetch(f"{address}/{ANSWER_BYTES_MAX + 1}", None, {})
    with pytest.raises(OidcFailed, match="status 302"):
        fetch(f"{address}/-1", None, {})
    stranger, _ = pages(None)
    with pytest.raises(OidcFailed, match="cannot be asked"):
        stranger(f"{address}/5", None, {})
    with pytest.raises(OidcFailed, match="cannot be asked"):
        fetch("https://localhost:1/", None, {})
    for wrong in (tmp_path / "none.pem", Path(__file__)):
        with pytest.raises(TrustUnusable, match=f"{wrong.name} cannot be trusted"):
            Fetcher(wrong)


def test_a_body_that_is_no_json_is_told(tmp_path: Path) -> None:
    door = OidcDoor(SETTINGS, UserStore(tmp_path), StillClock(), lambda *_: b"<html>")
    assert asyncio.run(door.start()) is None
