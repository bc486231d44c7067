"""What trusted proxies tell of a request: the host its client asked for, and who the client is.

Anybody can write such headers; only those of a peer whose address is trusted are read.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, TypeAlias

from queuepulse.asgi import Scope, header

Network: TypeAlias = IPv4Network | IPv6Network
UNKNOWN: Final = "unknown"
"""Who a client is whose socket has no address."""
HOPS_MAX: Final = 16
"""Addresses of `X-Forwarded-For` that are looked at, from the right: no chain of proxies is as long."""
ADDRESSES_KEPT_MAX: Final = 1_024
"""Addresses of which it is remembered whether they are trusted: all proxies, and some."""


class Proxies:
    """The proxies whose word counts; without any, false."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._trusted = lru_cache(maxsize=ADDRESSES_KEPT_MAX)(self._is_trusted)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether that is the address of one of them."""
        return bool(self._networks) and self._trusted(address)

    def host(self, scope: Scope) -> bytes | None:
        """The host that the client asked for, as the proxy tells it; None: the header `Host` says it."""
        if not self._networks or (forwarded := header(scope, b"x-forwarded-host")) is None:
            return None
        return forwarded.split(b",")[0].strip() if self.trusts(peer_of(scope)) else None

    def client(self, scope: Scope) -> str:
        """The address of the client: of those that forwarded the request, the nearest that is not trusted.

        Each proxy adds, on the right, whom it heard. What stands left of the first stranger is his own tale.
        """
        address = peer_of(scope)
        if not self.trusts(address):
            return address
        told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        heard = b",".join(told).decode("latin-1").split(",") if told else []
        for text in reversed(heard[-HOPS_MAX:]):
            if (before := _address(text.strip())) is None:
                break
            address = before
            if not self.trusts(address):
                break
        return address

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:  # a socket without an address
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def peer_of(scope: Scope) -> str:
    """The address at the other end of the connection."""
    client = scope.get("client")
    return client[0] if client and client[0] else UNKNOWN


def _address(text: str) -> str | None:
    """An address in its plain form; some proxies write the port beside it, and brackets."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return None
