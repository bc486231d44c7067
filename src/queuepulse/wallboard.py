"""Builds what people look at: sign-in, streams, answers and the files of the wallboard. It decides nothing.

The composition root hands it the hub; the parts themselves are in `live`.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.config import Config, OidcSettings
from queuepulse.floor import HubFloor
from queuepulse.hub import Hub
from queuepulse.live import oidc
from queuepulse.live.app import Facts, LiveApp
from queuepulse.live.fetching import Fetcher
from queuepulse.live.load import LoadMeter
from queuepulse.live.passwords import Passwords
from queuepulse.live.streams import Streams, StreamSettings
from queuepulse.live.visitors import Visitors
from queuepulse.live.web import WebFiles
from queuepulse.meters import Meters
from queuepulse.ports import Clock
from queuepulse.proxies import Proxies
from queuepulse.retelling import Explainer
from queuepulse.stores.private import StoreUnusable
from queuepulse.stores.users import UserStore

USERS_POLL_S: Final = 1.0
"""Time between two looks for changed users and links, and ended sessions: they count within 2 s."""
_log: FilteringBoundLogger = structlog.get_logger()


class Wallboard:
    """All that people reach: `app` answers below `/live/v1/`, `web` has the pages."""

    def __init__(
        self,
        config: Config,
        hub: Hub,
        floor: HubFloor,
        explainer: Explainer,
        users: UserStore,
        clock: Clock,
        meters: Meters,
        log_bytes: Callable[[], int],
    ) -> None:
        visitors = Visitors(
            users,
            clock,
            meters,
            Passwords(),
            session_h=config.sign_in.session_h,
            proxies=Proxies([ip_network(text, strict=False) for text in config.trusted_proxies]),
        )
        live = config.live
        settings = StreamSettings(
            live.push_ms, live.streams_max, live.streams_per_vdn_max, live.streams_per_session_max
        )
        self.load = LoadMeter(clock)
        self.streams = Streams(floor, clock, settings)
        self.web = WebFiles()
        facts = Facts(live.push_ms, hub.position, log_bytes, self.load, explainer)
        door = _door(config.oidc, users, clock)
        self.app = LiveApp(floor, users, visitors, self.streams, clock, meters, facts, door)
        self._users = users

    async def watch_users(self) -> None:
        """Takes notice of changes, and sends away who may no longer look; until canceled."""
        told = ""
        while True:
            await asyncio.sleep(USERS_POLL_S)
            try:
                if await asyncio.to_thread(self._users.refresh):
                    _log.info("users loaded")
                told = ""
            except StoreUnusable as unusable:
                if str(unusable) != told:
                    told = str(unusable)
                    _log.error("the users cannot be read, those read before stay in force", reason=told)
            self.streams.recheck()


def bytes_of(log_file: Path) -> int:
    """How large the log is, with what is not yet in its main file."""
    files = (log_file, log_file.with_name(f"{log_file.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _door(settings: OidcSettings, users: UserStore, clock: Clock) -> oidc.OidcDoor | None:
    if settings.issuer is None or settings.client_id is None or settings.public_url is None:
        return None
    known = oidc.OidcSettings(
        settings.issuer,
        settings.client_id,
        settings.client_secret,
        settings.public_url,
        settings.name_claim,
    )
    return oidc.OidcDoor(known, users, clock, Fetcher(settings.ca))
