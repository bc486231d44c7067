"""The health of VDNs by HTTP: who is told of what, and in which words."""

import json
from typing import Any

import msgspec
import pytest

from asking import AK, HOST, NOW_MS, SK, TOKEN, Heard, OneKeyring, StillClock, Tally, ask, scope_of, signed
from queuepulse.authentication import Authenticator
from queuepulse.engine.events import AgentSignedIn, LinkLost, SkillConfigured, Snapshot, VdnKey
from queuepulse.engine.vdn import Vdn
from queuepulse.live.health import VDNS_MAX, VDNS_PER_S_MAX, HealthApp
from queuepulse.protocol.health import HEALTH_PATH, VdnHealth
from queuepulse.protocol.keys import Key
from queuepulse.protocol.signature import Rules
from queuepulse.protocol.wire import UNAUTHENTICATED
from queuepulse.vdn_health import vdn_health

CENTER = Key(AK, "center", SK, ccs=frozenset({1}), ingests=True)
TENANT = Key("tenant", "tenant", SK, vdns=frozenset({(1, 2)}))
OWNER = Key("owner", "owner", SK, sees_all=True)
PATH = HEALTH_PATH.encode()


class Shelf:
    """A board with some VDNs."""

    def __init__(self, *vdns: VdnKey) -> None:
        self.engines = {vdn: Vdn() for vdn in vdns}

    def vdns(self) -> list[VdnKey]:
        return list(self.engines)

    def health(self, vdn: VdnKey) -> VdnHealth:
        return vdn_health(vdn, self.engines.get(vdn, Vdn()), 41, 0.25, NOW_MS)


class House:
    """An app, and what stands around it."""

    def __init__(self, *vdns: VdnKey) -> None:
        self.clock, self.tally = StillClock(), Tally()
        self.board = Shelf(*(vdns or (VdnKey(1, 1), VdnKey(1, 2), VdnKey(2, 1))))
        keyring = OneKeyring(CENTER, TENANT, OWNER)
        authenticator = Authenticator(keyring, self.clock, self.tally, body_s_max=10, rules=Rules())
        self.app = HealthApp(self.board, authenticator, self.clock, self.tally, lambda: "0123456789abcdef")

    def ask(self, query: bytes = b"", ak: str = "owner", sk: str = SK) -> Heard:
        return ask(self.app, signed(PATH + query, b"", ak=ak, sk=sk, method="GET"))

    def told(self, query: bytes = b"", ak: str = "owner") -> list[tuple[int, int]]:
        heard = self.ask(query, ak)
        assert heard.status == 200, heard
        return [(vdn["cc"], vdn["vdn"]) for vdn in json.loads(heard.body)["vdns"]]


def with_token(token: str) -> dict[str, Any]:
    headers = [(b"host", HOST), (b"authorization", f"Bearer {token}".encode())]
    return scope_of("GET", PATH, headers)


def test_each_key_is_told_of_what_it_may_see_and_of_nothing_else() -> None:
    house = House()
    assert house.told(ak="owner") == [(1, 1), (1, 2), (2, 1)]
    assert house.told(ak=AK) == [(1, 1), (1, 2)]
    assert house.told(ak="tenant") == [(1, 2)]
    assert house.told(b"?cc=1", ak="tenant") == [(1, 2)]
    assert house.told(b"?cc=2", ak="tenant") == []
    assert house.told(b"?cc=2&vdn=1") == [(2, 1)]


@pytest.mark.parametrize("query", [b"?cc=1&vdn=1", b"?cc=2&vdn=1", b"?cc=9&vdn=9"])
def test_a_vdn_of_others_is_refused_whether_it_is_there_or_not(query: bytes) -> None:
    heard = House().ask(query, "tenant")
    assert (heard.status, heard.body) == (403, b'{"reason":"this key may not see this VDN"}')


def test_a_token_is_as_good_as_a_signature() -> None:
    house = House()
    assert len(json.loads(ask(house.app, with_token(TOKEN)).body)["vdns"]) == 2
    assert ask(house.app, with_token("guessed")).status == 401


def test_strangers_learn_nothing() -> None:
    house = House()
    heard = house.ask(sk="guessed")
    assert (heard.status, heard.body) == (401, UNAUTHENTICATED)
    assert house.tally.told[0] == ("authentication_failed", "signature_wrong")


def test_a_vdn_never_heard_of_has_no_clock_and_nobody_checks_it() -> None:
    [vdn] = json.loads(House().ask(b"?cc=3&vdn=3").body)["vdns"]
    assert vdn == {
        "cc": 3, "vdn": 3, "name": None, "now": NOW_MS, "clock": None, "position": 41, "lag_ms": 250,
        "confidence": "unchecked", "confident_since": None, "stale_since": None, "repairs": {}, "sources": [],
    }  # fmt: skip


def test_what_is_told_of_a_switch_and_of_a_program_beside_it() -> None:
    house = House()
    engine = house.board.engines[VdnKey(1, 1)]
    engine.apply(SkillConfigured(at=5, source="pbx", skill=1, name="sales"))
    picture = {"asked_at": 10, "covers": frozenset(("agents", "waiting", "talking")), "calls": ()}
    ann = [{"agent": 7, "skills": [1], "state": "idle"}]
    for at, agents in ((12, ann), (20, ann), (30, [])):
        engine.apply(_snapshot(at, agents, {**picture, "asked_at": at - 1}))
    [vdn] = json.loads(house.ask(b"?cc=1&vdn=1").body)["vdns"]
    repairs = {"session_closed": 1, "session_opened": 1}
    source = {
        "source": "pbx", "confidence": "checked", "confident_since": 30, "link_lost_since": None,
        "pictures": 3, "corrections": 2, "repairs": repairs,
        "picture": {
            "asked_at": 29, "at": 30, "covers": ["agents", "talking", "waiting"],
            "corrected": {"session_closed": 1},
        },
        "queues": {"sales": 1},
    }  # fmt: skip
    assert vdn["sources"] == [source]
    assert (vdn["clock"], vdn["confidence"], vdn["confident_since"]) == (30, "checked", 30)
    assert vdn["repairs"] == repairs
    engine.apply(LinkLost(at=40, source="pbx"))
    engine.apply(AgentSignedIn(at=41, agent=8, skills=frozenset({1})))
    [vdn] = json.loads(house.ask(b"?cc=1&vdn=1").body)["vdns"]
    assert (vdn["confidence"], vdn["confident_since"], vdn["stale_since"]) == ("lost", None, 40)
    assert [(one["source"], one["confidence"], one["link_lost_since"]) for one in vdn["sources"]] == [
        ("main", "unchecked", None),
        ("pbx", "lost", 40),
    ]


def _snapshot(at: int, agents: list[Any], keys: dict[str, Any]) -> Snapshot:
    told = {"at": at, "source": "pbx", "type": "snapshot", **keys, "agents": agents}
    return msgspec.convert(told, Snapshot)


@pytest.mark.parametrize(
    ("query", "key"),
    [(b"?cc=0", "cc"), (b"?cc=", "cc"), (b"?cc=1&cc=1", "cc"), (b"?cc=1&vdn=x", "vdn"), (b"?vdn=1", "cc"),
     (b"?cc=1&vdn=5001", "vdn"), (b"?cc=" + "²".encode(), "cc"), (b"?" + b"a=1&" * 20, "")],
)  # fmt: skip
def test_a_choice_that_is_none_is_told_with_its_key(query: bytes, key: str) -> None:
    heard = House().ask(query)
    assert heard.status == 400
    assert json.loads(heard.body)["key"] == key


@pytest.mark.parametrize(("method", "path", "status"), [("POST", PATH, 405), ("GET", PATH + b"/", 404)])
def test_another_path_or_method_is_told_before_anything_is_proved(
    method: str, path: bytes, status: int
) -> None:
    house = House()
    assert ask(house.app, scope_of(method, path, [])).status == status
    assert ("answered", "health", status) in house.tally.told


def test_a_key_is_told_of_so_many_vdns_a_second() -> None:
    house = House(*(VdnKey(1, number) for number in range(1, VDNS_PER_S_MAX + 2)))
    assert house.ask().status == 200
    heard = house.ask()
    assert (heard.status, heard.header(b"retry-after")) == (429, b"1")
    assert house.ask(ak="tenant").status == 200
    house.clock.s += 2
    assert house.ask(b"?cc=1&vdn=1").status == 200


def test_of_more_vdns_than_one_answer_holds_it_says_so() -> None:
    house = House(*(VdnKey(cc, number) for cc in (1, 2) for number in range(1, VDNS_MAX + 1)))
    answer = json.loads(house.ask().body)
    assert (len(answer["vdns"]), answer["more"]) == (VDNS_MAX, True)
    house.clock.s += 60
    answer = json.loads(house.ask(b"?cc=2").body)
    assert (len(answer["vdns"]), answer["more"]) == (VDNS_MAX, False)
