"""What holds for every test: no network beyond this machine, no deadline that a busy machine could miss."""

import ipaddress
import sys
from typing import Any

from hypothesis import settings


def _refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        # A path (a Unix socket) is a string; only an internet address is a tuple.
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host and not _is_this_machine(host):
        raise AssertionError(f"a test may only speak to this machine, and this one tried {host}")


def _is_this_machine(host: str | bytes) -> bool:
    name = host if isinstance(host, str) else host.decode()
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name == "localhost"
    # The unspecified address is what a server listens on.
    return address.is_loopback or address.is_unspecified


sys.addaudithook(_refuse_the_network)

# What hypothesis loads by itself, which in CI means equal examples in every run, but without its deadline.
settings.register_profile("queuepulse", parent=settings(), deadline=None)
settings.load_profile("queuepulse")
