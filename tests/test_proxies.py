"""Who a request is from and what host it asked for: the word of trusted proxies, and of nobody else."""

from ipaddress import ip_network
from typing import Any

import pytest

from asking import scope_of
from queuepulse.proxies import HOPS_MAX, UNKNOWN, Proxies

PROXIES = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    return scope_of("GET", b"/", [(b"x-forwarded-for", text.encode()) for text in forwarded], peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", ["198.51.100.1, 192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", ["198.51.100.1", "192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", ["192.0.2.9, 10.0.0.7"], "192.0.2.9"),
        ("10.0.0.1", ["10.0.0.8,10.0.0.7"], "10.0.0.8"),
        ("10.0.0.1", ["192.0.2.9:4711"], "192.0.2.9"),
        ("::ffff:10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("2001:db8::1", ["2001:DB9::0001"], "2001:db9::1"),
        ("10.0.0.1", ["192.0.2.9, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.9, nonsense, 10.0.0.7"], "10.0.0.7"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("", ["198.51.100.1"], UNKNOWN),
        ("10.0.0.1", [",".join(["192.0.2.1"] + ["10.0.0.2"] * HOPS_MAX)], "10.0.0.2"),
    ],
)
def test_the_client_is_the_nearest_that_is_not_trusted(peer: str, forwarded: list[str], client: str) -> None:
    assert PROXIES.client(scope(peer, *forwarded)) == client


def test_without_trust_nobody_is_believed() -> None:
    nobody = Proxies()
    assert not nobody
    assert nobody.client(scope("10.0.0.1", "192.0.2.9")) == "10.0.0.1"
    assert not nobody.trusts("10.0.0.1")


def test_the_host_is_that_of_a_trusted_proxy() -> None:
    told = [(b"x-forwarded-host", b"pulse.example:443, inside")]
    assert PROXIES.host(scope_of("GET", b"/", told, "10.0.0.1")) == b"pulse.example:443"
    assert PROXIES.host(scope_of("GET", b"/", told, "192.0.2.1")) is None
    assert PROXIES.host(scope_of("GET", b"/", [], "10.0.0.1")) is None
