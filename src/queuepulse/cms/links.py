"""HTTP/2 connections from a gateway to a BMS node: pyreqwest. No other module knows that it is pyreqwest."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError

from queuepulse.cms.nodes import NodeAnswer, NodeFailed
from queuepulse.protocol import bms

CONNECTIONS: Final = 2
"""To each node. Each carries a hundred questions at once; of two, one goes on while the other is opened."""
CONNECT_S_MAX: Final = 1.0
"""A node of the same house answers within milliseconds, or is not there."""
PING_EVERY_S: Final = 2.0
"""A connection whose peer has vanished is found out by then, and as long again, though nobody asks."""
IDLE_S_MAX: Final = 90.0
"""A connection that is not used is closed by then: the node would close it after 120 s."""
STREAM_BYTES: Final = 1024 * 1024
"""Of an answer, what may come before it is read: all of 1000 rows, so that none waits for our consent."""
CONNECTION_BYTES: Final = 16 * 1024 * 1024
"""The same for all answers on one connection."""
FRAME_BYTES: Final = 256 * 1024
"""Bytes of one frame: answers come in a few pieces."""
_TOLD: Final = (bms.POSITION, bms.INSTANT, bms.STALE_SINCE, bms.AS_OF, bms.CHANGED)


class Trust(NamedTuple):
    """How both sides know each other. `authorities` (PEM) are trusted besides the system's own.

    `identity` (PEM: certificate, then private key) proves us to a node, and so does `token`. The files must
    have been checked: this library passes over what it cannot read.
    """

    authorities: Path | None
    identity: tuple[Path, Path] | None
    token: str | None


class HttpLink:
    """A `Link` to the node at this URL (`https://host:port`)."""

    def __init__(self, url: str, trust: Trust) -> None:
        self._url = url.rstrip("/")
        self._headers = {} if trust.token is None else {"authorization": f"Bearer {trust.token}"}
        self._clients = [_client(trust) for _ in range(CONNECTIONS)]
        self._turns: Iterator[Client] = cycle(self._clients)

    async def ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
        """POST this body, or GET if there is none. Raises NodeFailed."""
        client = next(self._turns)
        try:
            if body is None:
                request = client.get(self._url + path)
            else:
                request = client.post(self._url + path).body_bytes(body)
            answer = await request.headers({**self._headers, **headers}).build().send()
            told = {name: value for name in _TOLD if (value := answer.get_header(name)) is not None}
            return NodeAnswer(answer.status, told, (await answer.bytes()).to_bytes())
        except RequestError as error:
            raise NodeFailed(_words(error)) from error

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


def name_of(url: str) -> str:
    """What a node is called in logs and metrics: its host and port."""
    return urlsplit(url).netloc


def _client(trust: Trust) -> Client:
    builder = (
        ClientBuilder()
        .https_only(True)
        .no_proxy()
        .follow_redirects(False)
        .http2_prior_knowledge()
        .http2_initial_stream_window_size(STREAM_BYTES)
        .http2_initial_connection_window_size(CONNECTION_BYTES)
        .http2_max_frame_size(FRAME_BYTES)
        .http2_keep_alive_interval(timedelta(seconds=PING_EVERY_S))
        .http2_keep_alive_timeout(timedelta(seconds=PING_EVERY_S))
        .http2_keep_alive_while_idle(True)
        .connect_timeout(timedelta(seconds=CONNECT_S_MAX))
        .pool_idle_timeout(timedelta(seconds=IDLE_S_MAX))
        .tcp_nodelay(True)
        .user_agent("queuepulse-gateway")
    )
    if trust.authorities is not None:
        builder = builder.add_root_certificate_pem(trust.authorities.read_bytes())
    if trust.identity is not None:
        builder = builder.identity_pem(b"\n".join(file.read_bytes() for file in trust.identity))
    return builder.build()


def _words(error: RequestError) -> str:
    """The innermost cause: what surrounds it only says that a request failed."""
    causes = error.details["causes"]
    return str(causes[-1]["message"] if causes else error.message)
