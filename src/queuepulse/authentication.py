"""Who sends this request: the one way in for every application that wants a key.

Proves a signature (`protocol.signature`) or a token, and gives the key and the body. What the key may
do is the application's to ask; what is answered is its own, too: this module knows no answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import BodyRefused, Receive, Scope, declared_bytes, read_body
from queuepulse.meters import Meters
from queuepulse.ports import Clock, Keyring
from queuepulse.protocol.keys import Key
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.signature import (
    AUTHORIZATION_BYTES_MAX,
    Claim,
    Request,
    Rules,
    SeenSignatures,
    Verdict,
    is_current,
    read_claim,
    verify,
)
from queuepulse.proxies import Proxies

UNPROVEN_BYTES_MAX: Final = 64 * 1024
"""The longest body read for nothing but a claim. A question about 1000 queues has a tenth of it."""
LONG_BODIES_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of all longer bodies being read. AKs are no secrets: whoever knows one could otherwise fill the
memory with bodies that never end."""
SHARE_BYTES_MAX: Final = 8 * 1024 * 1024
"""The part of it that one key can hold: who knows an AK without its SK holds up nobody else, and nobody
who sends with a token."""
THREAD_FROM_BYTES: Final = 16 * 1024
"""Longer bodies are verified in a thread: hashing one would hold the loop for more than a millisecond."""
LOGGED_PER_S: Final = 10
"""Failures of one cause that are logged in a second; the counter has them all. Guessing fills no disk."""
NO_PROXIES: Final = Proxies()
TOLD_KEYS_MAX: Final = 10_000
"""Keys whose use of an empty query line was logged; the memory of it is bounded like that of the limits."""
_BEARER: Final = b"bearer "

Sender: TypeAlias = tuple[str, str]
_log: FilteringBoundLogger = structlog.get_logger()


class Admitted(NamedTuple):
    """A request of a proven key, and its whole body."""

    key: Key
    body: bytes


class Authenticator:
    """Tells whose request it is. A stranger learns nothing from the answer, the log and the counter say why.

    For bodies up to UNPROVEN_BYTES_MAX each cause of failure costs the same work.
    A body must be whole after `body_s_max` seconds. `proxies` tell the host that was signed. With `seen`, a
    signature passes once.
    """

    def __init__(
        self,
        keyring: Keyring,
        clock: Clock,
        meters: Meters,
        *,
        body_s_max: float,
        rules: Rules,
        proxies: Proxies = NO_PROXIES,
        seen: SeenSignatures | None = None,
    ) -> None:
        self._keyring = keyring
        self._clock = clock
        self._meters = meters
        self._body_s_max = body_s_max
        self._rules = rules
        self._proxies = proxies
        self._seen = seen
        # Bytes of long bodies being read, by the way in which the sender was believed, and his AK.
        self._long_bodies: Counter[Sender] = Counter()
        self._logged = RateLimit(LOGGED_PER_S)
        self._told_empty_query_line: set[str] = set()

    async def by_signature(
        self, scope: Scope, receive: Receive, bytes_max: int, may_send_much: Callable[[Key], bool]
    ) -> Admitted | None:
        """The signer of this request; None: HTTP 401.

        Above UNPROVEN_BYTES_MAX the body is only read if the claim is current and its key `may_send_much`.
        Raises BodyRefused, above `bytes_max` and for what else `read_body` does.
        """
        now_ms = self._clock.now_ms()
        headers = self._signed_headers(scope)
        claim = read_claim(headers)
        if isinstance(claim, Verdict):
            await self._body(scope, receive, bytes_max, None)
            self._refuse(claim, scope)
            return None
        key = self._keyring.by_ak(claim.ak)
        credible = key is not None and is_current(claim, now_ms, self._rules) and may_send_much(key)
        sender = ("claim", claim.ak) if credible else None
        body = await self._body(scope, receive, bytes_max, sender)
        if body is None:
            self._refuse("body_unproven", scope, key)
            return None
        request = Request(scope["method"], scope["raw_path"], scope["query_string"], headers, body)
        verdict = await self._verdict(claim, request, key, now_ms)
        if key is None or not verdict.valid:
            self._refuse(verdict, scope, key)
            return None
        if verdict is Verdict.VALID_WITH_EMPTY_QUERY_LINE:
            self._tell_empty_query_line(key)
        return Admitted(key, body)

    async def by_signature_or_token(
        self, scope: Scope, receive: Receive, bytes_max: int, may_send_much: Callable[[Key], bool]
    ) -> Admitted | None:
        """As `by_signature`; instead of a signature, `Authorization: Bearer TOKEN` is as good."""
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(values) != 1 or values[0][: len(_BEARER)].lower() != _BEARER:
            return await self.by_signature(scope, receive, bytes_max, may_send_much)
        token = values[0][len(_BEARER) : AUTHORIZATION_BYTES_MAX].strip(b" ").decode("latin-1")
        key = self._keyring.by_token(token)
        body = await self._body(scope, receive, bytes_max, None if key is None else ("token", key.ak))
        if key is None or body is None:
            self._refuse("token_unknown", scope)
            return None
        return Admitted(key, body)

    async def _body(
        self, scope: Scope, receive: Receive, bytes_max: int, sender: Sender | None
    ) -> bytes | None:
        """The body; None: more than is read without a credible claim (`sender`). Raises BodyRefused."""
        declared = declared_bytes(scope)
        if sender is not None and (declared is None or declared > UNPROVEN_BYTES_MAX):
            room = bytes_max if declared is None else min(declared, bytes_max)
            return await self._long_body(scope, receive, bytes_max, room, sender)
        try:
            return await read_body(scope, receive, bytes_max=UNPROVEN_BYTES_MAX, seconds_max=self._body_s_max)
        except BodyRefused as refused:
            if refused.status != 413 or (declared or 0) > bytes_max:
                raise
            return None

    async def _long_body(
        self, scope: Scope, receive: Receive, bytes_max: int, room: int, sender: Sender
    ) -> bytes:
        way, ak = sender
        of_way = sum(bytes_held for (other, _), bytes_held in self._long_bodies.items() if other == way)
        if of_way + room > LONG_BODIES_BYTES_MAX or self._long_bodies[way, ak] + room > SHARE_BYTES_MAX:
            raise BodyRefused(503, "too many long requests at once: try again in a second", retry_s=1)
        self._long_bodies[way, ak] += room
        try:
            return await read_body(scope, receive, bytes_max=bytes_max, seconds_max=self._body_s_max)
        finally:
            self._long_bodies[way, ak] -= room
            if not self._long_bodies[way, ak]:
                del self._long_bodies[way, ak]

    async def _verdict(self, claim: Claim, request: Request, key: Key | None, now_ms: int) -> Verdict:
        sk = None if key is None else key.sk
        if len(request.body) < THREAD_FROM_BYTES:
            verdict = verify(claim, request, sk, now_ms, self._rules)
        else:
            verdict = await asyncio.to_thread(verify, claim, request, sk, now_ms, self._rules)
        # Here and not in `verify`: the memory of what was seen belongs to the loop's thread.
        if (
            verdict.valid
            and self._seen is not None
            and not self._seen.is_new(claim, now_ms, self._rules.window_ms)
        ):
            return Verdict.SIGNATURE_SEEN_BEFORE
        return verdict

    def _signed_headers(self, scope: Scope) -> Sequence[tuple[bytes, bytes]]:
        """The headers as the client sent them: a trusted proxy tells what the host was."""
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        if (host := self._proxies.host(scope)) is None:
            return headers
        return [*((name, value) for name, value in headers if name != b"host"), (b"host", host)]

    def _refuse(self, cause: Verdict | str, scope: Scope, key: Key | None = None) -> None:
        """Count and log. An AK that is none of ours is not logged: it may be a secret in the wrong place."""
        name = cause.name.lower() if isinstance(cause, Verdict) else cause
        self._meters.authentication_failed(name)
        now_s = self._clock.elapsed()
        if self._logged.wait_s(name, now_s) == 0:
            self._logged.take(name, 1, now_s)
            client = self._proxies.client(scope)
            _log.warning("authentication failed", cause=name, ak=key.ak if key else None, peer=client)

    def _tell_empty_query_line(self, key: Key) -> None:
        told = self._told_empty_query_line
        if key.ak not in told and len(told) < TOLD_KEYS_MAX:
            told.add(key.ak)
            _log.info("this key's client signs with an empty query line", ak=key.ak)
