"""How tests ask an ASGI app without a server: what it needs from outside, and one request at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from queuepulse.engine.events import Event, VdnKey
from queuepulse.engine.figures import Row
from queuepulse.ports import Answer, Receipt
from queuepulse.protocol import signature
from queuepulse.protocol.keys import Key

NOW_MS = 1_704_164_645_000
"""2024-01-02T03:04:05Z, the time of the vectors in the API's page."""
AK, SK, TOKEN = "globalaktest", "example-secret-key", "example-token"
HOST = b"10.22.26.181:28080"

Headers = list[tuple[bytes, bytes]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class StillClock:
    """A clock that tests move. `step_s` passes at each look, for what is done in slices."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.ms = NOW_MS
        self.s = 1000.0
        self.step_s = step_s

    def now_ms(self) -> int:
        return self.ms

    def elapsed(self) -> float:
        self.s += self.step_s
        return self.s


class OneKeyring:
    """A keyring with the keys given; the first one also has the token."""

    def __init__(self, *keys: Key) -> None:
        self.keys = {key.ak: key for key in keys}
        self.first = keys[0]

    def by_ak(self, ak: str) -> Key | None:
        return self.keys.get(ak)

    def by_token(self, token: str) -> Key | None:
        return self.first if token == TOKEN else None


class Tally:
    """`Meters` that remember what they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def answered(self, interface: str, status: int, elapsed_s: float) -> None:
        self.told.append(("answered", interface, status))

    def refused(self, interface: str, reason: str) -> None:
        self.told.append(("refused", interface, reason))

    def authentication_failed(self, cause: str) -> None:
        self.told.append(("authentication_failed", cause))

    def folded(self, outcome: str, count: int) -> None: ...

    def clamped(self, count: int) -> None: ...

    def committed(self, elapsed_s: float) -> None: ...

    def translator_failed(self, kind: str) -> None: ...


class SteadyBoard:
    """A board whose rows never change: the figures of each queue are 1, 2, 3 … in the order of the wire."""

    def __init__(self, stale_since_ms: int | None = None, error: Exception | None = None) -> None:
        self.stale_since_ms = stale_since_ms
        self.error = error
        self.asked: list[tuple[VdnKey, list[int]]] = []

    async def rows(self, vdn: VdnKey, skill_ids: Sequence[int]) -> Answer:
        self.asked.append((vdn, list(skill_ids)))
        if self.error is not None:
            raise self.error
        return Answer([Row(skill, *range(1, 20)) for skill in skill_ids], 41, self.stale_since_ms, NOW_MS)


class Basket:
    """An `Ingest` that keeps what it gets."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[tuple[VdnKey, list[Event]]] = []

    async def ingest(self, vdn: VdnKey, events: Sequence[Event]) -> Receipt:
        if self.error is not None:
            raise self.error
        self.taken.append((vdn, list(events)))
        return Receipt(len(events), len(events), 0, 0, 41 + len(events))


class Heard(NamedTuple):
    """An answer, whole."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


def scope_of(method: str, target: bytes, headers: Headers, peer: str = "192.0.2.7") -> dict[str, Any]:
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "client": (peer, "43696"),
        "http_version": "1.1",
    }


async def ask_async(app: App, scope: dict[str, Any], chunks: Iterable[bytes]) -> Heard:
    waiting = list(chunks) or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return Heard(start["status"], list(start["headers"]), b"".join(part["body"] for part in parts))


def ask(app: App, scope: dict[str, Any], *chunks: bytes) -> Heard:
    """What the app answers to a request whose body comes in these chunks."""
    return asyncio.run(ask_async(app, scope, chunks))


def signed(
    target: bytes,
    body: bytes,
    content_type: bytes = b"application/json;charset=UTF-8",
    ak: str = AK,
    sk: str = SK,
    at_ms: int = NOW_MS,
    method: str = "POST",
) -> dict[str, Any]:
    """The scope of a request as an honest client signs it."""
    headers = [
        (b"host", HOST),
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
    ]
    path, _, query = target.partition(b"?")
    request = signature.Request(method, path, query, headers, body)
    authorization = signature.sign(ak, sk, at_ms, request, ["content-length", "content-type", "host"])
    return scope_of(method, target, [*headers, (b"authorization", authorization.encode())])
