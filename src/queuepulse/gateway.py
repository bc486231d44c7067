"""The composition root of a gateway: the public API in front of BMS nodes that have the state.

It needs keys, to prove signatures by, and nothing else: no log, no engine, no events come in here.
"""

from typing import Final

from queuepulse.certificates import check_authorities, read_certificate
from queuepulse.cms.app import CmsApp, Settings
from queuepulse.cms.gateway import GatewayBoard
from queuepulse.cms.links import HttpLink, Trust, name_of
from queuepulse.cms.nodes import Node, Nodes
from queuepulse.config import Config
from queuepulse.connections import Connections
from queuepulse.gate import Gate, Phase
from queuepulse.live.metrics import Metrics, Readings
from queuepulse.pages import pages
from queuepulse.serving import CMS_PREFIX, Serving, watch_keys
from queuepulse.stores.keys import KeyStore
from queuepulse.v1.app import not_here
from queuepulse.v1.interfaces import PREFIX as V1_PREFIX
from queuepulse.vdn_health import Checks

NO_CHECKS: Final = Checks({}, {}, {})
"""No switch gives its picture to a gateway."""
NO_V1: Final = "this is a gateway, which serves the CC-CMS API alone: ask a BMS node that folds this VDN"
"""What is said of `/v1/` here: its questions are few and long, and each node answers them itself."""
NO_LAG_S: Final = 0.0
"""A gateway has no log that it could be behind of."""


class Gateway(Serving):
    """One gateway. Its folder holds keys alone, so several may share one."""

    async def start(self) -> None:
        """Load the keys, listen, look for the nodes; when it returns, every request is answered.

        It starts though no node is there: `/readyz` says so, and questions get 0100001. Raises one of
        StartRefused. Call `stop` in any case.
        """
        config, clock = self._config, self._clock
        listener, connections = self._listen()
        keys = self._held.enter_context(KeyStore(config.folder, config.keys.master_key))
        nodes = _nodes(config)
        self._held.push_async_callback(nodes.close)
        metrics = Metrics(_readings(nodes, connections))

        def fault() -> str | None:
            return nodes.fault() if gate.phase is Phase.OPEN else gate.phase.value

        board = GatewayBoard(nodes, clock, metrics, config.bms.deadline_ms / 1000)
        settings = Settings(config.skill_max, config.limits.requests_per_s_per_key, self._old_vdns())
        cms = CmsApp(board, self._authenticator(keys, metrics), clock, metrics, settings)
        gate = Gate(
            [(CMS_PREFIX, cms), (V1_PREFIX.encode(), not_here(NO_V1))],
            pages(fault, metrics),
            proxies=self._proxies,
            running_max=config.server.connections_per_address_max,
        )
        self._serve(gate, listener, connections, self._public_certificate)
        await nodes.look()
        self._keep_running(nodes.watch(), "nodes")
        self._keep_running(watch_keys(keys), "keys")
        self._open()
        self._told_open(listener)


def _nodes(config: Config) -> Nodes:
    """The nodes that the settings name. Raises CertificateRefused."""
    bms = config.bms
    authorities = None if bms.ca is None else check_authorities(bms.ca)
    identity = None
    if bms.certificate is not None and bms.private_key is not None:
        known = read_certificate(bms.certificate, bms.private_key, section="bms")
        identity = (known.certificate, known.private_key)
    trust = Trust(authorities, identity, bms.token)
    return Nodes([Node(name_of(url), HttpLink(url, trust)) for url in bms.urls])


def _readings(nodes: Nodes, connections: Connections) -> Readings:
    return Readings(
        position=nodes.position,
        lag_s=lambda: NO_LAG_S,
        connections=connections.__len__,
        checks=lambda: NO_CHECKS,
        bms_up=nodes.up,
    )
