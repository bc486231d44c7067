"""The TCP connections of a listening socket, seen from outside of the server that answers on them.

That server counts connections, but not by address, and keeps one for ever that finishes its handshake and
never asks anything. The kernel knows all of them: this module asks it, and closes what exceeds the limits.
It belongs to the server. No clock is read here: the kernel tells how long a connection has been silent.
"""

import asyncio
import os
import resource
import socket
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

SILENT_MS_MAX: Final = 120_000
"""A connection on which nothing came or went for so long is closed: its peer is gone, or wants nothing.

A stream that has nothing to say must say so more often.
"""
SWEEP_S: Final = 1.0
"""Time between two looks. It bounds how long one address can hold more than its share."""
DESCRIPTORS_RESERVED: Final = 512
"""Descriptors that are not clients' connections: files of the log, listeners, sockets to switches."""
# Descriptors looked at before others have their turn on the loop: half a millisecond's worth.
_SLICE: Final = 64
# Linux's `struct tcp_info`: where the milliseconds since data was last sent, and last received, are.
_TCP_INFO_BYTES: Final = 56
_SENT_MS: Final = struct.Struct("=44xI")
_RECEIVED_MS: Final = struct.Struct("=52xI")
# Each descriptor of this program is an entry of this folder, on Linux and elsewhere.
_DESCRIPTORS: Final = "/dev/fd"
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)

Peer: TypeAlias = tuple[str, int]


class Closed(NamedTuple):
    """How many connections one look has closed, and why."""

    over_share: int
    silent: int


class Connections:
    """The connections that clients made to `listener`; of one address at most `per_address_max` may stay.

    Those of addresses that stand for many clients (`is_proxy`) may be any number.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        per_address_max: int,
        silent_ms_max: int = SILENT_MS_MAX,
        is_proxy: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        self._port: int = listener.getsockname()[1]
        self._per_address_max = per_address_max
        self._silent_ms_max = silent_ms_max
        self._is_proxy = is_proxy
        # The peers of the last look; those that came first are first.
        self._peers: dict[Peer, None] = {}

    def __len__(self) -> int:
        """How many there were at the last look."""
        return len(self._peers)

    async def watch(self, on_closed: Callable[[Closed], None]) -> None:
        """Look each second until canceled; `on_closed` is told when a look has closed something."""
        while True:
            closed = await self.sweep()
            if any(closed):
                on_closed(closed)
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> Closed:
        """Look once. Of an address that has too many, those that came last are closed."""
        found: dict[Peer, int] = {}
        silent = 0
        # The list of many thousand takes longer than a step on the loop may.
        descriptors = await asyncio.to_thread(os.listdir, _DESCRIPTORS)
        for number, descriptor in enumerate(descriptors, start=1):
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            if (connection := self._at(int(descriptor))) is None:
                continue
            with connection:
                if _silent_ms(connection) > self._silent_ms_max:
                    _shut(connection)
                    silent += 1
                else:
                    found[connection.peer] = int(descriptor)
        known = [peer for peer in self._peers if peer in found]
        self._peers = dict.fromkeys([*known, *found])
        over = self._over_share()
        for peer in over:
            connection = self._at(found[peer])
            # Meanwhile the descriptor may be another connection's.
            if connection is not None and connection.peer == peer:
                with connection:
                    _shut(connection)
        return Closed(len(over), silent)

    def close_all(self) -> int:
        """Close all of them now; gives their number."""
        count = 0
        for descriptor in os.listdir(_DESCRIPTORS):
            if (connection := self._at(int(descriptor))) is not None:
                with connection:
                    _shut(connection)
                count += 1
        return count

    def _over_share(self) -> list[Peer]:
        counts: dict[str, int] = {}
        over = []
        for peer in self._peers:
            counts[peer[0]] = count = counts.get(peer[0], 0) + 1
            if count > self._per_address_max and not self._is_proxy(peer[0]):
                over.append(peer)
        return over

    def _at(self, descriptor: int) -> "_Connection | None":
        """The connection of ours that has this descriptor, if it is one."""
        try:
            # Files are left alone: closing a duplicate of one would drop all locks that we hold on it, and
            # the databases' write-ahead logs with them.
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return None
            # A duplicate is the same connection for as long as we look, whoever closes his meanwhile.
            duplicate = os.dup(descriptor)
        except OSError:
            return None
        try:
            connection = _Connection(duplicate)
        except OSError:
            os.close(duplicate)
            return None
        if connection.family in _INTERNET and connection.getsockname()[1] == self._port:
            with suppress(OSError):  # it listens, or its peer has gone
                connection.peer = connection.getpeername()[:2]
                return connection
        connection.close()
        return None


class _Connection(socket.socket):
    """One more descriptor of a connection, to be closed soon."""

    peer: Peer

    def __init__(self, descriptor: int) -> None:
        super().__init__(fileno=descriptor)


def allow_connections(count: int) -> int:
    """Raise this program's limit of open files so that `count` connections fit; gives how many do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + DESCRIPTORS_RESERVED
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, min(count, allowed - DESCRIPTORS_RESERVED))


def _silent_ms(connection: socket.socket) -> int:
    """Milliseconds since data came or went; 0 where the system does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return 0
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    if len(told) < _TCP_INFO_BYTES:
        return 0
    sent_ms: int = _SENT_MS.unpack_from(told)[0]
    received_ms: int = _RECEIVED_MS.unpack_from(told)[0]
    return min(sent_ms, received_ms)


def _shut(connection: socket.socket) -> None:
    # Whoever reads or writes on it finds its end; the descriptor stays theirs to close.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
