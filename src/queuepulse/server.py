"""The composition root: builds all parts from the settings, runs them, and ends them in order.

It alone knows all the others. What a part does is not decided here.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Final

import msgspec
import structlog
from starlette.applications import Starlette
from structlog.typing import FilteringBoundLogger

from queuepulse import switches
from queuepulse.asgi import App
from queuepulse.bms.app import BmsApp
from queuepulse.bms.app import Settings as BmsSettings
from queuepulse.certificates import Certificate, check_authorities, read_certificate
from queuepulse.chronicle import Chronicle
from queuepulse.cms.app import CmsApp
from queuepulse.cms.app import Settings as CmsSettings
from queuepulse.cms.boards import OwnBoard
from queuepulse.config import Config
from queuepulse.config.deployment import Listen, listen_of
from queuepulse.config.named import VdnNamed
from queuepulse.connections import Connections
from queuepulse.edge import listen
from queuepulse.engine.accounts import Correction
from queuepulse.engine.events import SkillConfigured, VdnConfigured, VdnKey
from queuepulse.engine.vdn import COMPILED
from queuepulse.explainer import HubExplainer
from queuepulse.floor import HubFloor
from queuepulse.gate import Gate, Phase
from queuepulse.gateway import Gateway
from queuepulse.hub import BrokenFold, Hub, HubSettings, SystemClock
from queuepulse.live.endpoints import LIVE_PREFIX
from queuepulse.live.fetching import TrustUnusable
from queuepulse.live.health import HealthApp
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.pages import pages
from queuepulse.ports import FiveRecords, HistoryUnavailable, LogDamaged, LogFull, Loss
from queuepulse.protocol.health import HEALTH_PATH
from queuepulse.protocol.interfaces import BMS_BASE, INGEST_PATH
from queuepulse.recall import Recall
from queuepulse.registry import Registry
from queuepulse.serving import (
    CMS_PREFIX,
    EXIT_REFUSED,
    Serving,
    StartRefused,
    run_until_told,
    watch_keys,
)
from queuepulse.sources.http_ingest import IngestApp
from queuepulse.sources.http_ingest import Settings as IngestSettings
from queuepulse.stores.folder import Folder
from queuepulse.stores.history import kept_days
from queuepulse.stores.history_worker import WorkerHistory
from queuepulse.stores.keys import KeyStore
from queuepulse.stores.passes import KeptCalls
from queuepulse.stores.past import PastFives
from queuepulse.stores.records import RecentFives
from queuepulse.stores.retold_worker import Retellers
from queuepulse.stores.sqlite import SqliteLog
from queuepulse.stores.users import UserStore
from queuepulse.v1.app import Endpoint, V1App
from queuepulse.v1.app import Settings as V1Settings
from queuepulse.v1.calls import CallEndpoint, CallsEndpoint
from queuepulse.v1.explain import ExplainEndpoint
from queuepulse.v1.figures import Figures
from queuepulse.v1.interfaces import CALL, CALLS, EXPLAIN, FIGURES, Interface
from queuepulse.v1.interfaces import PREFIX as V1_PREFIX
from queuepulse.wallboard import Wallboard, bytes_of

EXIT_DAMAGED: Final = 3
"""The event log is damaged; what was lost is on stderr."""
SNAPSHOTS_SHARE: Final = 0.2
"""Of the time that the end may take, what the last snapshots get: without them the next start is slower."""
REFUSALS: Final = {
    **dict.fromkeys((*StartRefused, TrustUnusable, LogFull, HistoryUnavailable, BrokenFold), EXIT_REFUSED),
    LogDamaged: EXIT_DAMAGED,
}
"""What a start may raise when a person has to do something first, and the exit status it then has."""

_log: FilteringBoundLogger = structlog.get_logger()


class Server(Serving):
    """One server on one data folder."""

    async def start(self) -> None:
        """Open the data folder, listen, fold the log; when it returns, every request is answered.

        Raises one of REFUSALS. Call `stop` in any case.
        """
        folder = self._held.enter_context(Folder(self._config.folder))
        listener, connections = self._listen()
        keys = self._held.enter_context(KeyStore(folder.path, self._config.keys.master_key))
        users = self._held.enter_context(UserStore(folder.path))
        records = RecentFives()
        history = await self._open_history(folder)
        hub, metrics = await self._open_log(folder, connections, records, history)
        explainer = HubExplainer(hub, self._clock, self._open_retellers(folder))
        floor = HubFloor(hub, self._clock, records, self._open_past(history))
        log_bytes = partial(bytes_of, folder.log_file)
        board = Wallboard(self._config, hub, floor, explainer, users, self._clock, metrics, log_bytes)
        self._streams = board.streams
        apps = self._apps(hub, keys, metrics, self._endpoints(hub, history, explainer))
        apps.append((LIVE_PREFIX.encode(), board.app))

        def unready() -> str | None:
            return hub.log_fault if gate.phase is Phase.OPEN else gate.phase.value

        gate = Gate(
            apps,
            pages(unready, metrics, board.web),
            proxies=self._proxies,
            running_max=self._config.server.connections_per_address_max,
        )
        self._serve(gate, listener, connections, self._public_certificate)
        if self._config.bms.listen is not None:
            self._serve_bms(listen_of(self._config.bms.listen), hub, metrics)
        await self._restore(hub)
        self._keep_running(hub.chronicle.run(), "history")
        self._keep_running(hub.run(), "hub")
        for link in switches.links(self._config, hub, self._clock, metrics):
            self._keep_running(link.run(), f"source {link.source.name}")
        self._keep_running(watch_keys(keys), "keys")
        self._keep_running(board.watch_users(), "users")
        self._keep_running(board.load.run(), "load")
        self._open()
        self._told_open(listener)

    async def _open_log(
        self, folder: Folder, connections: Connections, records: FiveRecords, history: WorkerHistory
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
            anchor_bytes_max=config.explain.anchor_bytes_max,
        )
        self._held.push_async_callback(asyncio.to_thread, log.close)
        settings = HubSettings(
            ahead_ms_max=config.ingest.ahead_ms_max,
            snapshot_every_events=config.snapshot.every_events,
            snapshot_every_s=config.snapshot.every_s,
            keep_days=config.log.keep_days,
            log_bytes_max=config.log.bytes_max,
        )
        chronicle = Chronicle(history, _log.warning)
        hub = Hub(log, clock, metrics, settings, _log.warning, _tell_correction, records, chronicle)
        return hub, metrics

    async def _open_history(self, folder: Folder) -> WorkerHistory:
        settings = self._config.history
        file, days = folder.history_file, kept_days(settings)
        calls = KeptCalls(settings.calls_days, settings.mask_numbers)
        history = await asyncio.to_thread(WorkerHistory, settings.url, file, days, calls)
        self._held.push_async_callback(asyncio.to_thread, history.close)
        return history

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

    def _open_past(self, history: WorkerHistory) -> PastFives:
        past = PastFives(history.database, self._clock)
        self._held.callback(past.close)
        return past

    def _open_retellers(self, folder: Folder) -> Retellers:
        config = self._config
        retellers = Retellers(folder.log_file, config.explain.deadline_s, config.log.accept_loss)
        self._held.push_async_callback(asyncio.to_thread, retellers.close)
        return retellers

    def _apps(
        self, hub: Hub, keys: KeyStore, metrics: Metrics, endpoints: dict[Interface, Endpoint]
    ) -> list[tuple[bytes, App]]:
        config, clock = self._config, self._clock
        authenticator = self._authenticator(keys, metrics)
        cms = CmsSettings(config.skill_max, config.limits.requests_per_s_per_key, self._old_vdns())
        ingest = IngestSettings(
            config.skill_max, config.limits.events_per_s_per_key, config.ingest.mask_callers
        )
        v1 = V1Settings(config.skill_max, config.limits.v1_questions_per_s_per_key)
        board = OwnBoard(hub, clock, hub.position)
        return [
            (CMS_PREFIX, CmsApp(board, authenticator, clock, metrics, cms)),
            (INGEST_PATH.encode(), IngestApp(hub, authenticator, clock, metrics, ingest)),
            (HEALTH_PATH.encode(), HealthApp(hub, authenticator, clock, metrics)),
            (V1_PREFIX.encode(), V1App(endpoints, authenticator, clock, metrics, v1)),
        ]

    def _endpoints(
        self, hub: Hub, history: WorkerHistory, explainer: HubExplainer
    ) -> dict[Interface, Endpoint]:
        """Who answers each interface of `v1.interfaces.TABLE`."""
        recall = Recall(hub, history.database, self._clock)
        self._held.push_async_callback(asyncio.to_thread, recall.close)
        registry = Registry(hub, history.database, masks_numbers=self._config.history.mask_numbers)
        self._held.push_async_callback(asyncio.to_thread, registry.close)
        return {
            CALL: CallEndpoint(registry),
            CALLS: CallsEndpoint(registry),
            FIGURES: Figures(recall),
            EXPLAIN: ExplainEndpoint(explainer),
        }

    def _serve_bms(self, at: Listen, hub: Hub, metrics: Metrics) -> None:
        """The internal interfaces on an address of their own, with nothing else on it."""
        config = self._config
        listener = listen(at.host, at.port, setting="bms.listen")
        self._held.callback(listener.close)
        settings = BmsSettings(config.bms.token, config.skill_max, self._old_vdns())
        app = BmsApp(
            hub,
            self._clock,
            metrics,
            hub.position,
            settings,
            is_staying=lambda: gate.phase is Phase.OPEN,
        )
        gate = Gate([(BMS_BASE.encode(), app)], Starlette())
        # Gateways are few, and each has few connections.
        connections = Connections(listener, per_address_max=config.server.connections_per_address_max)
        authorities = None if config.bms.ca is None else check_authorities(config.bms.ca)
        self._serve(gate, listener, connections, self._bms_certificate, authorities)
        _log.info("the BMS is served", address=listener.getsockname()[:2])

    def _bms_certificate(self) -> Certificate:
        bms = self._config.bms
        if bms.certificate is None or bms.private_key is None:
            return self._server_certificate()
        return read_certificate(bms.certificate, bms.private_key, section="bms")

    async def _end_streams(self) -> None:
        if self._streams is not None:
            await self._streams.end()

    async def _stop_hub(self, hub: Hub) -> None:
        try:
            async with asyncio.timeout(self._config.shutdown.grace_s * SNAPSHOTS_SHARE):
                await hub.stop()
        except (TimeoutError, LogFull) as error:
            _log.warning("some last snapshots are missing: the next start folds more", reason=str(error))


def run(config: Config) -> int:
    """Serve until told to end; a gateway, if the settings name the BMS to ask. Gives the exit status."""
    clock = SystemClock()
    kind = Gateway if config.bms.urls else Server
    return run_until_told(partial(kind, config, clock), clock, REFUSALS)


def _declared(vdn: VdnNamed) -> Iterator[SkillConfigured | VdnConfigured]:
    """What the settings say of a VDN, as events."""
    yield VdnConfigured(name=vdn.name, timezone=vdn.timezone, day_starts=vdn.day_starts)
    for skill in vdn.skills:
        named = msgspec.structs.asdict(skill)
        yield SkillConfigured(skill=named.pop("id"), **named)


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
