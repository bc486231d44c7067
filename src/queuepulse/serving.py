"""What every server of ours does, whatever it serves: it listens, reloads when told to, and ends in order.

What is served, and what for, is `server` and `gateway`.
"""

import asyncio
import signal
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
import uvloop
from structlog.typing import FilteringBoundLogger

from queuepulse.authentication import Authenticator
from queuepulse.certificates import (
    Certificate,
    CertificateRefused,
    development_certificate,
    read_certificate,
)
from queuepulse.collecting import collect_rarely
from queuepulse.config import Config
from queuepulse.connections import Closed, Connections, allow_connections
from queuepulse.edge import Edge, ListenRefused, listen
from queuepulse.engine.events import VdnKey
from queuepulse.gate import Gate, Phase
from queuepulse.live.metrics import Metrics
from queuepulse.logs import log_to
from queuepulse.ports import Clock
from queuepulse.protocol.signature import Rules, SeenSignatures
from queuepulse.proxies import Proxies
from queuepulse.stores.folder import FolderRefused
from queuepulse.stores.keys import KeyStore
from queuepulse.stores.private import StoreUnusable

EXIT_REFUSED: Final = 1
"""The server cannot start, or ended by itself; what to do is on stderr."""
CMS_PREFIX: Final = b"/rest/cmsapp/"
KEYS_POLL_S: Final = 1.0
"""Time between two looks for new and revoked keys: they count within 2 s."""
SEEN_SIGNATURES_MAX: Final = 1_000_000
"""Signatures remembered against replay: a thousand a second for a window of 15 minutes, and some."""
DAY_MS: Final = 24 * 3_600_000
EXPIRY_TOLD_MS: Final = 14 * DAY_MS
"""A certificate that ends sooner is warned of, at each start and reload."""
REQUESTS_SHARE: Final = 0.5
"""Of the time that the end may take, what running requests get."""
FREED_BYTES: Final = 16 * 1024 * 1024
"""A block as large as some of our largest answers together: so much freed memory stays ours."""
StartRefused: Final = (FolderRefused, StoreUnusable, CertificateRefused, ListenRefused)
"""What `Serving.start` raises when a person has to do something first; each `str()` says what."""

_log: FilteringBoundLogger = structlog.get_logger()


class _Door(NamedTuple):
    """An address that is served. `read` gives the certificate of the moment."""

    gate: Gate
    edge: Edge
    read: Callable[[], Certificate | None]


class Serving(ABC):
    """A server; `ended` is set when it is time to stop: by whoever wants that, or by a part that failed."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False
        self.url = ""
        self.certificate: Certificate | None = None
        self._config = config
        self._clock = clock
        self._proxies = Proxies([ip_network(text, strict=False) for text in config.trusted_proxies])
        # What is to be ended, the last first.
        self._held = AsyncExitStack()
        self._doors: list[_Door] = []

    @abstractmethod
    async def start(self) -> None:
        """Listen, and get ready; when it returns, every request is answered.

        Raises one of StartRefused, or what the kind of server adds to it. Call `stop` in any case.
        """

    def reload_certificate(self) -> None:
        """Read the certificates' files again. Where they are no good, the old certificate stays in use."""
        for door in self._doors:
            try:
                certificate = door.read()
            except CertificateRefused as refused:
                _log.error("the new certificate is not used, the old one stays", reason=str(refused))
                continue
            door.edge.serve(certificate)
            if door is self._doors[0]:
                self.certificate = certificate
                self._tell_ready()

    async def stop(self) -> None:
        """End in order: no new work, answers to what runs, then the rest. Within `shutdown.grace_s`.

        Before that `shutdown.drain_s` pass, in which all goes on but `/readyz`.
        """
        await self._held.aclose()

    # What the kinds of servers put together

    def _listen(self) -> tuple[socket.socket, Connections]:
        """The public address; its connections are limited by client, unless a proxy stands before them."""
        settings = self._config.server
        listener = listen(settings.host, settings.port, loopback_only=settings.plain_http == "loopback")
        self._held.callback(listener.close)
        most = settings.connections_per_address_max
        return listener, Connections(listener, per_address_max=most, is_proxy=self._proxies.trusts)

    def _serve(
        self,
        gate: Gate,
        listener: socket.socket,
        connections: Connections,
        read: Callable[[], Certificate | None],
        client_ca: Path | None = None,
    ) -> None:
        """Answer on this address; the first one is the public one. Raises CertificateRefused."""
        certificate = read()
        edge = Edge(
            gate,
            listener,
            connections_max=_connections_allowed(self._config.server.connections_max),
            close_connections=connections.close_all,
            on_failure=self._fail,
            client_ca=client_ca,
        )
        edge.serve(certificate)
        if not self._doors:
            self.certificate = certificate
        self._doors.append(_Door(gate, edge, read))
        self._held.push_async_callback(edge.stop)
        self._keep_running(connections.watch(_tell_closed), "connections")

    def _open(self) -> None:
        """All is ready: let requests in."""
        self._held.push_async_callback(self._close)
        for door in self._doors:
            door.gate.phase = Phase.OPEN

    def _told_open(self, listener: socket.socket) -> None:
        self.url = _url(listener.getsockname(), is_plain=self.certificate is None)
        self._tell_ready()

    def _authenticator(self, keys: KeyStore, metrics: Metrics) -> Authenticator:
        config = self._config
        return Authenticator(
            keys,
            self._clock,
            metrics,
            body_s_max=config.server.body_timeout_s,
            rules=Rules(config.signature.window_s * 1000, config.signature.empty_query_line),
            proxies=self._proxies,
            seen=SeenSignatures(SEEN_SIGNATURES_MAX) if config.signature.replay_protection else None,
        )

    def _old_vdns(self) -> frozenset[VdnKey]:
        """The VDNs whose switch is too old for interfaces that need CTI V3R8."""
        return frozenset(vdn.key for vdn in self._config.vdns if vdn.cti_version == "3.6")

    def _public_certificate(self) -> Certificate | None:
        settings = self._config.server
        return None if settings.plain_http != "off" else self._server_certificate()

    def _server_certificate(self) -> Certificate:
        settings = self._config.server
        if settings.certificate is None or settings.private_key is None:
            return development_certificate(self._config.folder, self._clock.now_ms())
        return read_certificate(settings.certificate, settings.private_key)

    def _keep_running(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run this until the end; if it ends before, by our own fault, so does the server."""
        task = asyncio.create_task(work, name=name)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                _log.error("a part of the server ended by itself", part=name, exc_info=task.exception())
                self._fail()

        async def cancel() -> None:
            task.cancel()
            await asyncio.wait([task])

        task.add_done_callback(ended)
        self._held.push_async_callback(cancel)

    def _fail(self) -> None:
        self.has_failed = True
        self.ended.set()

    def _tell_ready(self) -> None:
        if self.certificate is None:
            _log.info("ready", url=self.url)
            if self._config.server.plain_http == "everywhere":
                _log.warning("there is no TLS: everybody on the way can read what is asked and sent")
            return
        _log.info("ready", url=self.url, certificate_sha256=self.certificate.fingerprint)
        left_ms = self.certificate.expires_at_ms - self._clock.now_ms()
        if left_ms < EXPIRY_TOLD_MS:
            _log.warning("the certificate ends soon", days_left=left_ms // DAY_MS)

    async def _end_streams(self) -> None:  # noqa: B027 - most kinds have none
        """End what would never end by itself."""

    async def _close(self) -> None:
        """Let load balancers see that we go, then close the gates."""
        gates, settings = [door.gate for door in self._doors], self._config.shutdown
        if settings.drain_s and not self.has_failed:
            _log.info("draining", seconds=settings.drain_s)
            for gate in gates:
                gate.phase = Phase.DRAINING
            await asyncio.sleep(settings.drain_s)
        _log.info("ending")
        for gate in gates:
            gate.phase = Phase.ENDING
        await self._end_streams()
        ends = [gate.end(settings.grace_s * REQUESTS_SHARE) for gate in gates]
        cut_off = sum(await asyncio.gather(*ends))
        if cut_off:
            _log.warning("requests were cut off", count=cut_off)


async def watch_keys(keys: KeyStore) -> None:
    """Load the keys anew when somebody has changed them; until canceled."""
    told = ""
    while True:
        await asyncio.sleep(KEYS_POLL_S)
        try:
            if keys.changed():
                keys.reload()
                _log.info("keys loaded")
            told = ""
        except StoreUnusable as unusable:
            if str(unusable) != told:
                told = str(unusable)
                _log.error("the keys cannot be read, those read before stay in force", reason=told)


def run_until_told(make: Callable[[], Serving], clock: Clock, refusals: Mapping[type[Exception], int]) -> int:
    """Serve until SIGTERM or SIGINT; a second one ends at once. SIGHUP reads the certificates again.

    Gives the exit status: 0, EXIT_REFUSED if it failed, or that of the refusal with which the start ended,
    after a person was told on stderr what to do.
    """
    log_to(sys.stderr, clock.now_ms)
    _keep_freed_memory()
    collect_rarely()
    return uvloop.run(_run(make, refusals))


async def _run(make: Callable[[], Serving], refusals: Mapping[type[Exception], int]) -> int:
    server, loop = make(), asyncio.get_running_loop()
    starting = asyncio.create_task(server.start(), name="start")

    def end() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            # By the kernel's hand, so that it works whatever the loop does.
            signal.signal(number, signal.SIG_DFL)
        starting.cancel()
        server.ended.set()

    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGHUP, server.reload_certificate)
    status = 0
    try:
        await starting
        await server.ended.wait()
    except asyncio.CancelledError:
        pass  # told to end while it started
    except tuple(refusals) as refused:
        print(f"queuepulse: {refused}", file=sys.stderr)
        status = next(number for kind, number in refusals.items() if isinstance(refused, kind))
    await server.stop()
    return status or (EXIT_REFUSED if server.has_failed else 0)


def _keep_freed_memory() -> None:
    """Have the C library keep what answers free: asking the system for it again takes longer than to fill it.

    glibc gives freed blocks back from a size on that is twice the largest ever freed, 128 kB at first; an
    answer about 1000 queues has six times that. Elsewhere this does nothing.
    """
    block = bytearray(FREED_BYTES)
    del block


def _connections_allowed(wanted: int) -> int:
    allowed = allow_connections(wanted)
    if allowed < wanted:
        _log.warning(
            "the system allows fewer connections than server.connections_max: raise its limit of open files",
            allowed=allowed,
        )
    return allowed


def _tell_closed(closed: Closed) -> None:
    _log.warning("connections were closed", over_share=closed.over_share, silent=closed.silent)


def _url(address: tuple[Any, ...], *, is_plain: bool) -> str:
    host, port, *_ = address
    return f"{'http' if is_plain else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"
