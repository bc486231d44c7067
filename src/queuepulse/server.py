"""The composition root: builds all parts from the settings, runs them, and ends them in order.

It alone knows all the others. What a part does is not decided here.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any, Final

import msgspec
import structlog
import uvloop
from structlog.typing import FilteringBoundLogger

from queuepulse import switches
from queuepulse.asgi import App
from queuepulse.authentication import Authenticator
from queuepulse.certificates import (
    Certificate,
    CertificateRefused,
    development_certificate,
    read_certificate,
)
from queuepulse.cms.app import CmsApp
from queuepulse.cms.app import Settings as CmsSettings
from queuepulse.config import Config
from queuepulse.config.named import VdnNamed
from queuepulse.connections import Closed, Connections, allow_connections
from queuepulse.edge import Edge, ListenRefused, listen
from queuepulse.engine.accounts import Correction
from queuepulse.engine.events import SkillConfigured, VdnConfigured, VdnKey
from queuepulse.engine.vdn import COMPILED
from queuepulse.gate import Gate, Phase
from queuepulse.hub import BrokenFold, Hub, HubSettings, SystemClock
from queuepulse.live.endpoints import LIVE_PREFIX
from queuepulse.live.fetching import TrustUnusable
from queuepulse.live.health import HealthApp
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.logs import log_to
from queuepulse.pages import pages
from queuepulse.ports import FiveRecords, LogDamaged, LogFull, Loss
from queuepulse.protocol.health import HEALTH_PATH
from queuepulse.protocol.interfaces import INGEST_PATH
from queuepulse.protocol.signature import Rules, SeenSignatures
from queuepulse.sources.http_ingest import IngestApp
from queuepulse.sources.http_ingest import Settings as IngestSettings
from queuepulse.stores.folder import Folder, FolderRefused
from queuepulse.stores.keys import KeyStore
from queuepulse.stores.private import StoreUnusable
from queuepulse.stores.records import RecentFives
from queuepulse.stores.sqlite import SqliteLog
from queuepulse.stores.users import UserStore
from queuepulse.wallboard import Wallboard, bytes_of

EXIT_REFUSED: Final = 1
"""The server cannot start, or ended by itself; what to do is on stderr."""
EXIT_DAMAGED: Final = 3
"""The event log is damaged; what was lost is on stderr."""
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
SNAPSHOTS_SHARE: Final = 0.2
"""Of the time that the end may take, what the last snapshots get: without them the next start is slower."""
StartRefused: Final = (
    FolderRefused,
    StoreUnusable,
    TrustUnusable,
    CertificateRefused,
    ListenRefused,
    LogFull,
    BrokenFold,
)
"""What `Server.start` raises when a person has to do something first; each `str()` says what."""

_log: FilteringBoundLogger = structlog.get_logger()


class Server:
    """One server on one data folder.

    `ended` is set when it is time to stop: by whoever wants that, or by a part that failed (`has_failed`).
    """

    def __init__(self, config: Config, clock: SystemClock) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False
        self.url = ""
        self.certificate: Certificate | None = None
        self._config = config
        self._clock = clock
        # What is to be ended, the last first.
        self._held = AsyncExitStack()
        self._edge: Edge | None = None

    async def start(self) -> None:
        """Open the data folder, listen, fold the log; when it returns, every request is answered.

        Raises one of StartRefused, or LogDamaged. Call `stop` in any case.
        """
        settings, held = self._config.server, self._held
        folder = held.enter_context(Folder(self._config.folder))
        self.certificate = self._read_certificate()
        listener = listen(settings.host, settings.port, loopback_only=settings.plain_http == "loopback")
        held.callback(listener.close)
        keys = held.enter_context(KeyStore(folder.path, self._config.keys.master_key))
        connections = Connections(listener, per_address_max=settings.connections_per_address_max)
        users = held.enter_context(UserStore(folder.path))
        records = RecentFives()
        hub, metrics = await self._open_log(folder, connections, records)
        board = Wallboard(
            self._config, hub, records, users, self._clock, metrics, lambda: bytes_of(folder.log_file)
        )
        apps = self._apps(hub, keys, metrics)
        apps.append((LIVE_PREFIX.encode(), board.app))

        def unready() -> str | None:
            return hub.log_fault if gate.phase is Phase.OPEN else gate.phase.value

        gate = Gate(apps, pages(unready, metrics, board.web))
        self._edge = Edge(
            gate,
            listener,
            connections_max=_connections_allowed(settings.connections_max),
            close_connections=connections.close_all,
            on_failure=self._fail,
        )
        self._edge.serve(self.certificate)
        held.push_async_callback(self._edge.stop)
        self._keep_running(connections.watch(_tell_closed), "connections")
        await self._restore(hub)
        self._keep_running(hub.run(), "hub")
        for link in switches.links(self._config, hub, self._clock, metrics):
            self._keep_running(link.run(), f"source {link.source.name}")
        self._keep_running(_watch_keys(keys), "keys")
        self._keep_running(board.watch_users(), "users")
        self._keep_running(board.load.run(), "load")
        held.push_async_callback(self._close_gate, gate, board)
        gate.phase = Phase.OPEN
        self.url = _url(listener.getsockname(), is_plain=self.certificate is None)
        self._tell_ready()

    def reload_certificate(self) -> None:
        """Read the certificate's files again. If they are no good, the old certificate stays in use."""
        if self._edge is None:
            return  # it starts, and is about to read them
        try:
            certificate = self._read_certificate()
        except CertificateRefused as refused:
            _log.error("the new certificate is not used, the old one stays", reason=str(refused))
            return
        self.certificate = certificate
        self._edge.serve(certificate)
        self._tell_ready()

    async def stop(self) -> None:
        """End in order: no new work, answers to what runs, snapshots. Within `shutdown.grace_s`."""
        await self._held.aclose()

    async def _open_log(
        self, folder: Folder, connections: Connections, records: FiveRecords
    ) -> tuple[Hub, Metrics]:
        config, clock = self._config, self._clock

        def accept(loss: Loss) -> None:
            _log.error("events are lost", loss=str(loss))

        # The hub is made below; nobody scrapes before.
        metrics = Metrics(
            Readings(
                position=lambda: hub.position(),
                lag_s=lambda: hub.lag_s(),
                connections=connections.__len__,
                checks=lambda: hub.checks(),
            )
        )
        # Opening reads what a crash left behind.
        log = await asyncio.to_thread(
            SqliteLog,
            folder.log_file,
            elapsed=clock.elapsed,
            warn=_log.warning,
            on_commit=lambda seconds, _works: metrics.committed(seconds),
            on_loss=accept if config.log.accept_loss else None,
        )
        self._held.push_async_callback(asyncio.to_thread, log.close)
        settings = HubSettings(
            ahead_ms_max=config.ingest.ahead_ms_max,
            snapshot_every_events=config.snapshot.every_events,
            snapshot_every_s=config.snapshot.every_s,
            keep_days=config.log.keep_days,
            log_bytes_max=config.log.bytes_max,
        )
        hub = Hub(log, clock, metrics, settings, _log.warning, _tell_correction, records)
        return hub, metrics

    async def _restore(self, hub: Hub) -> None:
        """Fold the log, then tell it what the settings name. Raises LogDamaged."""
        begun_s = self._clock.elapsed()
        folded = await asyncio.to_thread(hub.restore)
        _log.info(
            "log folded", events=folded, seconds=round(self._clock.elapsed() - begun_s, 3), compiled=COMPILED
        )
        self._held.push_async_callback(self._stop_hub, hub)
        try:
            for vdn in self._config.vdns:
                await hub.declare(vdn.key, _declared(vdn))
        except LogFull as full:
            _log.error(
                "the settings of the VDNs are not in force: the log cannot be written", reason=str(full)
            )

    def _apps(self, hub: Hub, keys: KeyStore, metrics: Metrics) -> list[tuple[bytes, App]]:
        config, clock = self._config, self._clock
        rules = Rules(config.signature.window_s * 1000, config.signature.empty_query_line)
        authenticator = Authenticator(
            keys,
            clock,
            metrics,
            body_s_max=config.server.body_timeout_s,
            rules=rules,
            trusted_proxies=[ip_network(text, strict=False) for text in config.trusted_proxies],
            seen=SeenSignatures(SEEN_SIGNATURES_MAX) if config.signature.replay_protection else None,
        )
        old = frozenset(vdn.key for vdn in config.vdns if vdn.cti_version == "3.6")
        cms = CmsSettings(config.skill_max, config.limits.requests_per_s_per_key, old)
        ingest = IngestSettings(
            config.skill_max, config.limits.events_per_s_per_key, config.ingest.mask_callers
        )
        return [
            (CMS_PREFIX, CmsApp(hub, authenticator, clock, metrics, hub.position, cms)),
            (INGEST_PATH.encode(), IngestApp(hub, authenticator, clock, metrics, ingest)),
            (HEALTH_PATH.encode(), HealthApp(hub, authenticator, clock, metrics)),
        ]

    def _read_certificate(self) -> Certificate | None:
        settings = self._config.server
        if settings.plain_http != "off":
            return None
        if settings.certificate is None or settings.private_key is None:
            return development_certificate(self._config.folder, self._clock.now_ms())
        return read_certificate(settings.certificate, settings.private_key)

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

    async def _close_gate(self, gate: Gate, board: Wallboard) -> None:
        _log.info("ending")
        gate.phase = Phase.ENDING
        await board.streams.end()
        cut_off = await gate.end(self._config.shutdown.grace_s * REQUESTS_SHARE)
        if cut_off:
            _log.warning("requests were cut off", count=cut_off)

    async def _stop_hub(self, hub: Hub) -> None:
        try:
            async with asyncio.timeout(self._config.shutdown.grace_s * SNAPSHOTS_SHARE):
                await hub.stop()
        except (TimeoutError, LogFull) as error:
            _log.warning("some last snapshots are missing: the next start folds more", reason=str(error))


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; a second one ends at once. SIGHUP reads the certificate again.

    Gives the exit status; on EXIT_REFUSED and EXIT_DAMAGED a person was told on stderr what to do.
    """
    clock = SystemClock()
    log_to(sys.stderr, clock.now_ms)
    return uvloop.run(_run(Server(config, clock)))


async def _run(server: Server) -> int:
    loop = asyncio.get_running_loop()
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
    except StartRefused as refused:
        status = _tell(refused, EXIT_REFUSED)
    except LogDamaged as damaged:
        status = _tell(damaged, EXIT_DAMAGED)
    await server.stop()
    return status or (EXIT_REFUSED if server.has_failed else 0)


def _tell(refused: Exception, status: int) -> int:
    print(f"queuepulse: {refused}", file=sys.stderr)
    return status


async def _watch_keys(keys: KeyStore) -> None:
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


def _declared(vdn: VdnNamed) -> Iterator[SkillConfigured | VdnConfigured]:
    """What the settings say of a VDN, as events."""
    yield VdnConfigured(name=vdn.name, timezone=vdn.timezone, day_starts=vdn.day_starts)
    for skill in vdn.skills:
        named = msgspec.structs.asdict(skill)
        yield SkillConfigured(skill=named.pop("id"), **named)


def _connections_allowed(wanted: int) -> int:
    allowed = allow_connections(wanted)
    if allowed < wanted:
        _log.warning(
            "the system allows fewer connections than server.connections_max: raise its limit of open files",
            allowed=allowed,
        )
    return allowed


def _tell_correction(vdn: VdnKey, correction: Correction) -> None:
    source, asked_at_ms, at_ms, was_lost, repairs = correction
    # After a lost link that is to be expected; else the link loses what the switch says.
    tell = _log.info if was_lost else _log.warning
    tell(
        "a picture of the switch corrected the figures",
        vdn=f"{vdn.cc}/{vdn.vdn}",
        source=source,
        asked_at=asked_at_ms,
        picture_at=at_ms,
        repairs=dict(sorted(repairs.items())),
    )


def _tell_closed(closed: Closed) -> None:
    _log.warning("connections were closed", over_share=closed.over_share, silent=closed.silent)


def _url(address: tuple[Any, ...], *, is_plain: bool) -> str:
    host, port, *_ = address
    return f"{'http' if is_plain else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"
