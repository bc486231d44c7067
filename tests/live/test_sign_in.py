"""Signing in by password: who may, who has to wait, and that nobody learns who is known."""

import asyncio
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from asking import StillClock, Tally, scope_of
from live.given import played
from queuepulse.live import lockouts
from queuepulse.live.lockouts import FORGET_S, LOCK_S_MAX, Lockouts
from queuepulse.live.passwords import CHECKS_WAITING_MAX, Passwords, TooManyChecks
from queuepulse.live.visitors import Refused, Visitors
from queuepulse.people import Opened, Role, Scope
from queuepulse.proxies import Proxies
from queuepulse.stores.users import UserStore

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RIGHT = "correct horse"


class Counting(Passwords):
    """Passwords that count how often they were checked, and against what costs."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.checks = 0
        self.costs: set[str] = set()

    def _verify(self, password_hash: str, password: str) -> bool:
        self.checks += 1
        self.costs.add(password_hash.rpartition("$")[0].rpartition("$")[0])
        return super()._verify(password_hash, password)


class Door:
    """A door with ann, who has a password, and olga, whom a provider signs in."""

    def __init__(self, folder: Path, proxies: tuple[str, ...] = ()) -> None:
        self.clock, self.passwords, self.tally = StillClock(), Counting(), Tally()
        self.store = UserStore(folder)
        self.store.add("ann", Role.VIEWER, [Scope(1, 1)], CHEAP.hash(RIGHT), self.clock.ms)
        self.store.add("olga", Role.VIEWER, [Scope(1, 1)], None, self.clock.ms)
        self.visitors = Visitors(
            self.store,
            self.clock,
            self.tally,
            self.passwords,
            session_h=1,
            proxies=Proxies([ip_network(text) for text in proxies]),
        )

    async def try_in(self, name: str, password: str, peer: str = "192.0.2.7") -> Opened | Refused:
        return await self.visitors.sign_in(name, password, scope_of("POST", b"/", [], peer))


@played
async def test_the_right_password_opens_a_session_for_as_long_as_set(tmp_path: Path) -> None:
    door = Door(tmp_path)
    opened = await door.try_in("ann", RIGHT)
    assert isinstance(opened, Opened)
    cookie = [(b"cookie", b"a=b; __Host-qp_session=" + opened.token.encode())]
    scope = scope_of("GET", b"/", cookie)
    assert door.visitors.session_of(scope) == opened.session
    door.clock.ms += 3_600_000
    assert door.visitors.session_of(scope) is None is door.visitors.is_open(opened.session)


@played
async def test_all_that_is_wrong_is_answered_alike_after_equal_work(tmp_path: Path) -> None:
    door = Door(tmp_path)
    for place, (name, password) in enumerate(
        [("ann", "wrong"), ("nobody", RIGHT), ("olga", ""), ("olga", RIGHT), ("ann", ""), ("", "")], 1
    ):
        assert await door.try_in(name, password, f"192.0.2.{place}") == Refused(0)
        assert door.passwords.checks == place
    assert set(door.tally.told) == {("authentication_failed", "sign_in_wrong")}
    assert door.passwords.costs == {"$argon2id$v=19$m=8,t=1,p=1"}
    assert await door.try_in("ann", RIGHT + "x" * 1_000, "192.0.2.99") == Refused(0)


@pytest.mark.parametrize("name", ["ann", "nobody"])
@played
async def test_who_guesses_has_to_wait_longer_and_longer(name: str, tmp_path: Path) -> None:
    door, waits = Door(tmp_path), []
    for _ in range(18):
        refused = await door.try_in(name, "guess")
        assert isinstance(refused, Refused)
        if refused.retry_s:
            checks = door.passwords.checks
            # Meanwhile the right one is not looked at, either.
            assert await door.try_in(name, RIGHT) == refused
            assert door.passwords.checks == checks
            waits.append(refused.retry_s)
            door.clock.s += refused.retry_s
    assert waits[:4] == [1, 2, 4, 8]
    if name == "ann":
        door.clock.s += LOCK_S_MAX
        assert isinstance(await door.try_in("ann", RIGHT), Opened)
        assert await door.try_in("ann", "guess") == Refused(0)


@played
async def test_many_at_once_get_no_more_tries(tmp_path: Path) -> None:
    door = Door(tmp_path)
    answers = await asyncio.gather(*(door.try_in("ann", f"guess {n}") for n in range(50)))
    assert door.passwords.checks == 5
    assert sum(answer == Refused(0) for answer in answers) == 5


@played
async def test_another_address_is_not_locked_and_a_busy_one_is(tmp_path: Path) -> None:
    door = Door(tmp_path)
    for _ in range(6):
        await door.try_in("ann", "guess", "198.51.100.1")
    assert isinstance(await door.try_in("ann", RIGHT, "192.0.2.7"), Opened)
    for number in range(lockouts.OF_ADDRESS.tries + 1):
        await door.try_in(f"name {number}", "guess", "198.51.100.2")
    assert await door.try_in("ann", RIGHT, "198.51.100.2") == Refused(1)


def test_failures_are_forgotten_and_bounded() -> None:
    waits = Lockouts(remembered_max=30)
    for _ in range(40):
        waits.failed("ann", "a", 0.0)
    assert waits.wait_s("ann", "a", 0.0) == LOCK_S_MAX
    assert waits.wait_s("ann", "a", FORGET_S - 1) == 0
    waits.failed("ann", "a", 3 * FORGET_S)
    assert waits.wait_s("ann", "a", 3 * FORGET_S) == 0
    for number in range(1_000):
        waits.failed(f"name {number}", f"address {number}", 0.0)
    assert len(waits) == 30


@played
async def test_so_many_checks_at_once_and_no_more() -> None:
    passwords = Passwords(CHEAP)
    right = passwords.hashed(RIGHT)
    checks = [passwords.is_right(right, RIGHT) for _ in range(CHECKS_WAITING_MAX + 3)]
    found = await asyncio.gather(*checks, return_exceptions=True)
    assert found.count(True) == CHECKS_WAITING_MAX
    assert sum(isinstance(one, TooManyChecks) for one in found) == 3
    assert await passwords.is_right(right, RIGHT) is True
    assert await passwords.is_right("no hash at all", RIGHT) is False


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        ((), "192.0.2.7", b"203.0.113.9", "192.0.2.7"),
        (("192.0.2.0/24",), "192.0.2.7", b"203.0.113.9", "203.0.113.9"),
        (("192.0.2.0/24",), "192.0.2.7", b"198.51.100.1, 203.0.113.9, 192.0.2.8", "203.0.113.9"),
        (("192.0.2.0/24",), "203.0.113.1", b"198.51.100.1", "203.0.113.1"),
        (("192.0.2.0/24",), "192.0.2.7", None, "192.0.2.7"),
    ],
)
def test_the_address_is_the_last_that_no_proxy_of_ours_has(
    proxies: tuple[str, ...], peer: str, forwarded: bytes | None, address: str, tmp_path: Path
) -> None:
    headers = [(b"x-forwarded-for", forwarded)] if forwarded else []
    assert Door(tmp_path, proxies).visitors.address_of(scope_of("POST", b"/", headers, peer)) == address


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({b"origin": b"https://pulse.example"}, True),
        ({b"origin": b"https://PULSE.example"}, True),
        ({b"origin": b"https://pulse.example", b"sec-fetch-site": b"same-origin"}, True),
        ({b"origin": b"https://evil.example"}, False),
        ({b"origin": b"https://pulse.example.evil.example"}, False),
        ({b"origin": b"https://pulse.example:8443"}, False),
        ({b"origin": b"null"}, False),
        ({b"sec-fetch-site": b"cross-site"}, False),
        ({b"sec-fetch-site": b"same-site"}, False),
    ],
)
def test_a_page_of_others_cannot_post(headers: dict[bytes, bytes], ours: bool, tmp_path: Path) -> None:
    scope: Any = scope_of("POST", b"/", [(b"host", b"pulse.example"), *headers.items()])
    assert Door(tmp_path).visitors.is_ours(scope) is ours
