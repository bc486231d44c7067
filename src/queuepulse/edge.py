"""Where bytes become HTTP: granian, embedded in our own loop. No other module knows that it is granian.

Three things are done here that it does not do. Its listening socket is ours, because the one it opens itself
shares the port with any other program that asks for that. A new certificate gets a new worker on the same
socket. And its end has a limit, because by itself it waits for the last client to leave.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import structlog
from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server as Granian
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import App
from queuepulse.certificates import Certificate

BACKLOG: Final = 1_024
"""Connections that wait to be accepted: a second's worth of new ones; a loop step lasts milliseconds."""
HEADERS_BYTES_MAX: Final = 64 * 1024
"""Bytes of a request's head; many times what any client of ours sends, and little for a flood to hold."""
HEAD_MS_MAX: Final = 30_000
"""Time for a request's head to be whole, over HTTP/1.1; as long as a connection may rest between two."""
STREAMS_MAX: Final = 100
"""Requests at once on one HTTP/2 connection: what browsers and proxies expect to be allowed."""
LEAVE_S_MAX: Final = 1.0
"""At the end, what connections get to finish on their own; then they are closed, and get as long again."""

_log: FilteringBoundLogger = structlog.get_logger()
# Its own logging setup would write to stdout; this one only sets the level and leaves the rest to ours.
_LOGGING: Final = {
    "incremental": True,
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}},
}


class ListenRefused(Exception):
    """An address and port cannot be listened on; `str()` tells a person why and what to do."""


def listen(
    host: str, port: int, *, loopback_only: bool = False, setting: str = "--host and --port"
) -> socket.socket:
    """A listening socket of our own; port 0 lets the system choose, the host `::` takes IPv4, too.

    `setting` is what a person is told to change where it cannot be.

    With `loopback_only` the host must be one that no other machine reaches. Raises ListenRefused.
    """
    where = f"{host} port {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refused(where, error, setting) from error
    if loopback_only and not ip_address(address[0]).is_loopback:
        listener.close()
        raise ListenRefused(
            f"Cannot listen on {where}: plain HTTP on the loopback only, and others reach this address. "
            "Choose --host 127.0.0.1, or take --plain-http-everywhere: everybody on the way can then read it."
        )
    try:
        # For the last server's connections that are not quite gone; a second listener is still refused.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Its connections have it from here: of two answers on one, the second waits for nobody's receipt.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(where, error, setting) from error
    listener.setblocking(False)
    return listener


def _refused(where: str, error: OSError, setting: str) -> ListenRefused:
    advice = {
        "EADDRINUSE": f"Another program uses this port. Stop that one, or choose another port ({setting}).",
        "EACCES": f"Ports below 1024 are for root. Choose another port ({setting}).",
        "EADDRNOTAVAIL": f"This machine has no such address. Choose one that it has ({setting}).",
    }.get(errno.errorcode.get(error.errno or 0, ""), f"{error.strerror}. Check {setting}.")
    return ListenRefused(f"Cannot listen on {where}. {advice}")


class Edge:
    """Serves `app` on `listener`, which becomes its own. `on_failure` is called if that ends unasked.

    With `client_ca` (PEM), only clients with a certificate that those have signed get as far as HTTP.
    """

    def __init__(
        self,
        app: App,
        listener: socket.socket,
        *,
        connections_max: int,
        close_connections: Callable[[], int],
        on_failure: Callable[[], None],
        client_ca: Path | None = None,
    ) -> None:
        self._client_ca = client_ca
        self._app = app
        self._listener = listener
        self._connections_max = connections_max
        self._close_connections = close_connections
        self._on_failure = on_failure
        # The worker that takes new connections; those that still have old ones are in `_running`, too.
        self._serving: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Task[None], _Worker] = {}

    def serve(self, certificate: Certificate | None) -> None:
        """Answer new connections with this certificate, or without TLS.

        Called again, requests that run go on with the certificate they began with. A certificate must have
        been checked: one that the TLS library does not like ends the program.
        """
        worker = _Worker(self._app, self._listener, certificate, self._client_ca, self._connections_max)
        before, self._serving = self._serving, asyncio.create_task(worker.serve(), name="edge")
        self._running[self._serving] = worker
        self._serving.add_done_callback(self._ended)
        if before is not None:
            self._running[before].leave()

    async def stop(self) -> None:
        """Take no more connections, and end those there are, first gently: within 2 * LEAVE_S_MAX."""
        self._serving = None
        for worker in self._running.values():
            worker.leave()
        self._listener.close()
        if await self._still_running():
            self._close_connections()
            if await self._still_running():
                _log.warning("connections were left open at the end")
                for task in self._running:
                    task.cancel()

    async def _still_running(self) -> bool:
        if self._running:
            await asyncio.wait(self._running, timeout=LEAVE_S_MAX)
        return bool(self._running)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if task is self._serving:
            _log.error("the HTTP server ended by itself", exc_info=task.exception())
            self._on_failure()


class _Worker(Granian):
    """What answers on the connections of one certificate."""

    def __init__(
        self,
        app: App,
        listener: socket.socket,
        certificate: Certificate | None,
        client_ca: Path | None,
        connections_max: int,
    ) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            websockets=False,
            backlog=BACKLOG,
            backpressure=connections_max,
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_MS_MAX, max_buffer_size=HEADERS_BYTES_MAX),
            http2_settings=HTTP2Settings(
                max_headers_size=HEADERS_BYTES_MAX, max_concurrent_streams=STREAMS_MAX
            ),
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
            ssl_cert=certificate.certificate if certificate else None,
            ssl_key=certificate.private_key if certificate else None,
            ssl_protocol_min=SSLProtocols.tls12,
            ssl_ca=client_ca,
            ssl_client_verify=client_ca is not None,
        )
        self._ours = listener

    def leave(self) -> None:
        """Take no more connections; finish what runs on those there are."""
        self.stop()  # type: ignore[no-untyped-call]

    def _init_shared_socket(self) -> None:
        # Granian closes what it is given. Its own stubs do not know that this takes three arguments.
        holder: Any = SocketHolder
        self._shd = holder(os.dup(self._ours.fileno()), False, BACKLOG)
