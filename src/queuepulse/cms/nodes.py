"""The BMS nodes behind a gateway: which one to ask for a VDN, and which ones are there.

What travels to a node, and how, is `links`; what is asked is `gateway`. No clock is read here.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.engine.events import VdnKey
from queuepulse.protocol.bms import POSITION
from queuepulse.protocol.interfaces import BMS_READY_PATH

CHECK_EVERY_S: Final = 1.0
"""Time between two looks at a node, and how long it has to answer one."""
_NOT_ASKED: Final = "it was not asked yet"
_log: FilteringBoundLogger = structlog.get_logger()


class NodeAnswer(NamedTuple):
    """An answer of a node; of its headers (lower case) those that matter."""

    status: int
    headers: dict[str, str]
    body: bytes


class NodeFailed(Exception):
    """A node gave no answer, or none that can be used; `str()` says why, for the log."""


class Link(Protocol):
    """The way to one node: connections that are kept, and opened again when they are lost."""

    async def ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> NodeAnswer:
        """POST this body, or GET if there is none. It waits for as long as it takes. Raises NodeFailed."""

    async def close(self) -> None:
        """Close the connections."""


class Node:
    """One node. `fault` is why it is not asked now; None: it is there. `position` is the last it told."""

    def __init__(self, name: str, link: Link) -> None:
        self.name = name
        self.link = link
        self.fault: str | None = _NOT_ASKED
        self.position = 0


class Nodes:
    """All nodes. Each VDN has one that it is asked of, the same for all gateways, while it is there.

    So a client that asks two gateways in turn sees one log and not two, and each node gets its share.
    """

    def __init__(self, nodes: Sequence[Node], check_every_s: float = CHECK_EVERY_S) -> None:
        self._nodes = tuple(nodes)
        self._check_every_s = check_every_s

    def in_order(self, vdn: VdnKey) -> list[Node]:
        """Whom to ask for this VDN, the best first; those that are not there last, should a look be late."""
        return sorted(self._nodes, key=lambda node: (node.fault is not None, _weight(node.name, vdn)))

    def failed(self, node: Node, reason: str) -> None:
        """It did not answer a question: it is not asked again until a look finds it there."""
        if node.fault in (None, _NOT_ASKED):
            _log.warning("a BMS node is not asked", node=node.name, reason=reason)
        node.fault = reason

    def fault(self) -> str | None:
        """Why no node is there; None: one is at least."""
        if any(node.fault is None for node in self._nodes):
            return None
        return "no BMS node answers: " + "; ".join(f"{node.name}: {node.fault}" for node in self._nodes)

    def up(self) -> dict[str, bool]:
        """Which nodes are there."""
        return {node.name: node.fault is None for node in self._nodes}

    def position(self) -> int:
        """The last position that the first node told that is there, or that any told, if none is."""
        for node in self._nodes:
            if node.fault is None:
                return node.position
        return max((node.position for node in self._nodes), default=0)

    async def look(self) -> None:
        """Look once at all of them."""
        await asyncio.gather(*(self._look_at(node) for node in self._nodes))

    async def watch(self) -> None:
        """Look again and again, until canceled."""
        while True:
            await asyncio.sleep(self._check_every_s)
            await self.look()

    async def close(self) -> None:
        """Close all connections."""
        for node in self._nodes:
            await node.link.close()

    async def _look_at(self, node: Node) -> None:
        try:
            async with asyncio.timeout(self._check_every_s):
                status, headers, _ = await node.link.ask(BMS_READY_PATH, None, {})
        except TimeoutError:
            return self.failed(node, f"no answer within {self._check_every_s:g} s")
        except NodeFailed as failed:
            return self.failed(node, str(failed))
        if status != 200:
            return self.failed(node, told_by(status))
        node.position = int(headers.get(POSITION, 0))
        if node.fault is not None:
            node.fault = None
            _log.info("a BMS node is there", node=node.name, position=node.position)


def told_by(status: int) -> str:
    """What a status of a node means to an operator."""
    if status == 401:
        return "it refuses our token: bms.token must be the same there and here"
    if status == 404:
        return "there is no BMS at this address: check bms.urls and, there, bms.listen"
    if status == 503:
        return "it starts or ends"
    return f"it answered with status {status}"


def _weight(name: str, vdn: VdnKey) -> bytes:
    return blake2b(f"{name} {vdn.cc} {vdn.vdn}".encode(), digest_size=8).digest()
