"""A center with two VDNs, its live interface, and people of all kinds. No test lives here."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from argon2 import PasswordHasher

from asking import Heard, Tally, ask_async, scope_of
from hub.given import FIVE_MS, NOW_MS, SHOP, offered
from live.given import Browser, Center, opened
from queuepulse.engine.events import (
    AgentConfigured,
    AgentSignedIn,
    CallAlerting,
    LinkLost,
    SkillConfigured,
    VdnConfigured,
    VdnKey,
)
from queuepulse.explainer import HubExplainer
from queuepulse.live.app import Facts, LiveApp
from queuepulse.live.endpoints import LIVE_PREFIX
from queuepulse.live.load import LoadMeter
from queuepulse.live.passwords import Passwords
from queuepulse.live.streams import Streams, StreamSettings
from queuepulse.live.visitors import Visitors
from queuepulse.people import Role, Scope
from queuepulse.ports import EncodedAnswer
from queuepulse.proxies import Proxies
from queuepulse.retelling import Why
from queuepulse.stores.users import UserStore

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RIGHT = "correct horse"
NUMBER = "01711234567"
HOSTILE = '<script>alert("1")</script>\u202e\u2028\x00'


class Nobody:
    """Explains no past: people are not told of it here."""

    async def explain(self, vdn: VdnKey, why: Why) -> EncodedAnswer:
        raise AssertionError("only the present is asked for")


class House(Center):
    """A center with two VDNs, its live interface, and people of all kinds."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.store = UserStore(folder)
        for name, role, scope in (
            ("viewer", Role.VIEWER, Scope(1, 1)),
            ("supervisor", Role.SUPERVISOR, Scope(1, 1)),
            ("admin", Role.ADMIN, Scope()),
            ("elsewhere", Role.ADMIN, Scope(1, 2)),
            ("abroad", Role.SUPERVISOR, Scope(2)),
        ):
            self.store.add(name, role, [scope], CHEAP.hash(RIGHT), NOW_MS)
        visitors = Visitors(self.store, self.clock, Tally(), Passwords(CHEAP), session_h=1, proxies=Proxies())
        self.streams = Streams(
            self.floor, self.clock, StreamSettings(push_ms=3_600_000, streams_per_session_max=3)
        )
        explainer = HubExplainer(self.hub, self.clock, Nobody())
        facts = Facts(250, self.hub.position, lambda: 4_711, LoadMeter(self.clock), explainer)
        self.app = LiveApp(self.floor, self.store, visitors, self.streams, self.clock, Tally(), facts)

    async def open(self) -> "House":
        await self.tell(
            VdnConfigured(name="Bank", timezone="Europe/Berlin", at=NOW_MS),
            SkillConfigured(skill=3, name=HOSTILE, at=NOW_MS),
            AgentSignedIn(agent=7, skills=frozenset({3}), at=NOW_MS),
            AgentConfigured(agent=7, name="Ann", phone=NUMBER, at=NOW_MS),
            offered("A", caller=NUMBER),
            CallAlerting(call="A", agent=7, at=NOW_MS),
            LinkLost(source="pbx", at=NOW_MS),
        )
        await self.tell(offered("B", skill=99), vdn=SHOP)
        return self

    def session(self, name: str) -> tuple[str, str]:
        user = self.store.user(name)
        assert user is not None
        made = self.store.open(user.person, self.clock.ms, self.clock.ms + 3_600_000)
        return made.token, made.session.csrf

    def linked(self, views: list[str], scope: Scope) -> tuple[str, str]:
        _, token = self.store.add_link("wall", [scope], views, self.clock.ms, self.clock.ms + 3_600_000)
        link = self.store.link(token, self.clock.ms)
        assert link is not None
        return self.store.open(link.person, self.clock.ms, link.expires_at_ms).token, token

    async def get(self, path: str, cookie: str | None = None, **query: Any) -> Heard:
        target = f"{LIVE_PREFIX}{path}" + (f"?{urlencode(query)}" if query else "")
        return await ask_async(self.app, scope_of("GET", target.encode(), jar(cookie)), [])

    async def post(self, path: str, body: Any, cookie: str | None = None, **headers: str) -> Heard:
        given = {"content-type": "application/json", "host": "pulse.example", **headers}
        all_of_them = [(name.replace("_", "-").encode(), text.encode()) for name, text in given.items()]
        scope = scope_of("POST", f"{LIVE_PREFIX}{path}".encode(), [*all_of_them, *jar(cookie)])
        return await ask_async(self.app, scope, [json.dumps(body).encode()])

    async def stream(self, path: str, cookie: str, **query: Any) -> tuple[Browser, Any]:
        browser = Browser(path, {"queues": "skill", "agents": "agent"}[path])
        target = f"{LIVE_PREFIX}{path}?{urlencode({'cc': 1, 'vdn': 1, **query})}"
        scope = scope_of("GET", target.encode(), jar(cookie))
        return browser, await opened(self.app(scope, browser.receive, browser.send))


def jar(cookie: str | None) -> list[tuple[bytes, bytes]]:
    return [] if cookie is None else [(b"cookie", f"__Host-qp_session={cookie}".encode())]


def told(heard: Heard) -> Any:
    return json.loads(heard.body)


ASKED: dict[str, dict[str, Any]] = {
    "queues": {},
    "agents": {},
    "waiting": {"skill": 3},
    "health": {},
    "explain": {"skill": 3, "figure": "waiting"},
    "series": {"skills": "3,99", "from_ms": NOW_MS - FIVE_MS, "to_ms": NOW_MS},
}


async def looks(house: House, path: str, cookie: str | None, **query: Any) -> int:
    """The status that somebody gets who asks, for answers and streams alike."""
    browser = Browser(path)
    browser.close()  # a stream ends as soon as it began
    heard: list[Any] = []

    async def send(message: Any) -> None:
        heard.append(message)

    target = f"{LIVE_PREFIX}{path}?{urlencode({**ASKED[path], **query})}"
    scope = scope_of("GET", target.encode(), jar(cookie))
    await house.app(scope, browser.receive, send)
    return int(heard[0]["status"])
