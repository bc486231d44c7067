"""The live interface: who a visitor is, what he may look at, and what he is shown (docs/live.md).

request → endpoint → session → VDN and view that are his → answer, or a stream

Figures come from `ports.Floor`, streams are `streams`, sessions are `visitors`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from queuepulse import __version__
from queuepulse.asgi import TEXT, BodyRefused, Incoming, Receive, Scope, Send, header, read_body
from queuepulse.engine.events import VdnKey
from queuepulse.engine.queues import FIVE_MS
from queuepulse.engine.views import MarkedFive
from queuepulse.live.asking import BODY_BYTES_MAX, Asked, BadAsking, read_credentials, read_query
from queuepulse.live.endpoints import BY_PATH, LINK, LIVE_PREFIX, OPEN, Endpoint
from queuepulse.live.feeds import AGENTS, AGENTS_MASKED, QUEUES, Kind
from queuepulse.live.load import LoadMeter
from queuepulse.live.oidc import OidcDoor
from queuepulse.live.streams import TOO_MANY_RETRY_S, Looker, Streams, TooManyStreams
from queuepulse.live.visitors import Refused, Visitors, clear_cookie, set_cookie
from queuepulse.live.watches import QUEUES_MAX, Selection
from queuepulse.live.web import SECURITY
from queuepulse.masking import masked_number
from queuepulse.meters import Meters
from queuepulse.people import Opened, People, Session
from queuepulse.ports import Clock, Floor
from queuepulse.protocol.health import SourceHealth
from queuepulse.protocol.limits import RateLimit
from queuepulse.protocol.wire import plain_type
from queuepulse.replying import Replier, Reply
from queuepulse.retelling import Explainer

REQUESTS_PER_S_MAX: Final = 50
"""Questions of one session in a second, streams not counted: more than a person can click."""
WAITING_MAX: Final = 1_000
"""Waiting calls in one answer."""
SERIES_RECORDS_MAX: Final = 50_000
"""Records in one answer: the last hour of 1000 queues, or eight days of twenty."""
SERIES_SLICE: Final = 64
"""Queues encoded before others get their turn."""
BODY_S_MAX: Final = 5.0
"""A body must be whole by then: it is a name and a password."""


class _Stream(NamedTuple):
    """A stream that may be opened, as `Streams.serve` takes it."""

    looker: Looker
    vdn: VdnKey
    kind: Kind
    selection: Selection
    event_id: str


class _Visit(NamedTuple):
    """A request on its way: `session` is None for whoever is not signed in."""

    scope: Scope
    receive: Receive
    endpoint: Endpoint
    session: Session | None


_Told: TypeAlias = Reply | _Stream


def _json(status: int, told: Any, *headers: tuple[bytes, bytes], refused: str = "") -> Reply:
    about = (*SECURITY, (b"cache-control", b"no-store"), *headers)
    return Reply(status, msgspec.json.encode(told), about, refused)


def _refused(status: int, error: str, message: str, *headers: tuple[bytes, bytes], **more: Any) -> Reply:
    return _json(status, {"error": error, "message": message, **more}, *headers, refused=error)


def _later(status: int, error: str, message: str, retry_s: int) -> Reply:
    retry = (b"retry-after", b"%d" % retry_s)
    return _refused(status, error, message, retry, retry_after_s=retry_s)


_NOT_FOUND: Final = _refused(404, "not_found", "There is nothing at this address.")
_NOT_PERMITTED: Final = _refused(403, "not_permitted", "This is not yours to look at.")
_CSRF: Final = _refused(403, "csrf", "This request does not come from a page of this server. Load it again.")
_WRONG: Final = _refused(401, "wrong", "The name or the password is wrong.")


class Facts(NamedTuple):
    """What else is told: how often it pushes, its log's end and size, its load, what figures are made of."""

    push_ms: int
    log_position: Callable[[], int]
    log_bytes: Callable[[], int]
    load: LoadMeter
    explainer: Explainer


class LiveApp:
    """An ASGI callable for all below LIVE_PREFIX. `oidc` is the way in by an identity provider, if any."""

    def __init__(
        self,
        floor: Floor,
        people: People,
        visitors: Visitors,
        streams: Streams,
        clock: Clock,
        meters: Meters,
        facts: Facts,
        oidc: OidcDoor | None = None,
    ) -> None:
        self._floor = floor
        self._people = people
        self._visitors = visitors
        self._streams = streams
        self._clock = clock
        self._facts = facts
        self._oidc = oidc
        self._requests = RateLimit(REQUESTS_PER_S_MAX)
        self._replier = Replier(clock, meters)
        self._open = {
            "session": self._session,
            "sign_in": self._sign_in,
            "link": self._link,
            "oidc_start": self._oidc_start,
            "oidc_callback": self._oidc_callback,
        }
        self._of_vdn = {
            "stream": self._stream,
            "waiting": self._waiting,
            "health": self._health,
            "series": self._series,
            "explain": self._explain,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(LIVE_PREFIX)
        endpoint = BY_PATH["link/…"] if path.startswith(LINK) else BY_PATH.get(path)
        incoming = Incoming(receive)

        async def answering() -> Reply | None:
            told = await self._answer(endpoint, scope, incoming)
            if isinstance(told, Reply):
                return told
            try:
                await self._streams.serve(incoming, send, *told)
            except TooManyStreams as many:
                return _later(429, "too_many_streams", f"{many}.", TOO_MANY_RETRY_S)
            return None

        name = "live/none" if endpoint is None else f"live/{endpoint.path.removesuffix('/…')}"
        await self._replier.reply(incoming, send, name, answering(), _defect)

    async def _answer(self, endpoint: Endpoint | None, scope: Scope, receive: Receive) -> _Told:
        """All checks that need no session."""
        if endpoint is None or (endpoint.answers.startswith("oidc") and self._oidc is None):
            return _NOT_FOUND
        if scope["method"] != endpoint.method:
            return _refused(
                405, "method", f"Ask with {endpoint.method}.", (b"allow", endpoint.method.encode())
            )
        session = self._visitors.session_of(scope)
        if endpoint.method == "POST" and not self._is_ours(scope, session, endpoint):
            return _CSRF
        try:
            return await self._answer_asked(_Visit(scope, receive, endpoint, session))
        except BadAsking as bad:
            return _refused(400, "bad_request", f"{bad}.")
        except BodyRefused as refused:
            return _refused(refused.status, "too_long" if refused.status == 413 else "body", f"{refused}.")

    async def _answer_asked(self, visit: _Visit) -> _Told:
        """To whoever it is. Raises BadAsking and BodyRefused."""
        if visit.endpoint.answers in OPEN:
            return await self._open[visit.endpoint.answers](visit)
        if visit.session is None:
            return self._signed_out()
        return await self._for_person(visit, visit.session)

    def _is_ours(self, scope: Scope, session: Session | None, endpoint: Endpoint) -> bool:
        content_type = plain_type(header(scope, b"content-type") or b"").split(b";")[0]
        if content_type != b"application/json" or not self._visitors.is_ours(scope):
            return False
        # Who signs in may have an old session, and no page that knows it.
        return session is None or endpoint.answers == "sign_in" or self._visitors.has_csrf(scope, session)

    # Coming and going

    async def _session(self, visit: _Visit) -> Reply:
        return self._signed_out() if visit.session is None else self._welcome(visit.session)

    def _signed_out(self) -> Reply:
        words = "Sign in first."
        if not (self._people.has_users() or self._oidc):
            words = "Nobody can sign in yet. Make a user: queuepulse users add NAME --help"
        return _refused(401, "signed_out", words, oidc=self._oidc is not None)

    def _welcome(self, session: Session, *headers: tuple[bytes, bytes]) -> Reply:
        person = session.person
        named = {VdnKey(scope.cc, scope.vdn) for scope in person.scopes if scope.cc and scope.vdn}
        vdns = sorted(named | {vdn for vdn in self._floor.vdns() if person.may_see(vdn)})
        return _json(
            200,
            {
                "user": {"name": person.name, "role": person.role.value},
                "csrf": session.csrf,
                "views": person.views,
                "vdns": [_called(self._floor, vdn) for vdn in vdns],
                "expires_at_ms": session.expires_at_ms,
                "server_at_ms": self._clock.now_ms(),
                "version": __version__,
                "skills_max": QUEUES_MAX,
                "push_ms": self._facts.push_ms,
            },
            *headers,
        )

    async def _sign_in(self, visit: _Visit) -> Reply:
        body = await read_body(visit.scope, visit.receive, bytes_max=BODY_BYTES_MAX, seconds_max=BODY_S_MAX)
        given = read_credentials(body)
        opened = await self._visitors.sign_in(given.name, given.password, visit.scope)
        if isinstance(opened, Refused):
            if opened.retry_s:
                words = f"Too many have failed to sign in so. Try again in {opened.retry_s} s."
                return _later(423, "locked", words, opened.retry_s)
            return _WRONG
        return self._welcome(opened.session, set_cookie(opened, self._clock.now_ms()))

    async def _link(self, visit: _Visit) -> Reply:
        token = visit.scope["path"].removeprefix(LIVE_PREFIX + LINK)
        is_good, opened = await self._visitors.by_link(token, visit.scope)
        if not is_good:
            words = (
                b"This link has expired, was revoked, or never was. Ask whoever gave it to you for another.\n"
            )
            return Reply(404, words, (*SECURITY, (b"cache-control", b"no-store")), "link", TEXT)
        return self._to_wallboard(opened)

    async def _oidc_start(self, visit: _Visit) -> Reply:
        assert self._oidc is not None, "without it there is no such address"
        way = await self._oidc.start()
        return _to("/?sign_in=refused") if way is None else _to(*way)

    async def _oidc_callback(self, visit: _Visit) -> Reply:
        assert self._oidc is not None, "without it there is no such address"
        person = await self._oidc.finish(visit.scope)
        if person is None:
            return _to("/?sign_in=refused")
        return self._to_wallboard(await self._visitors.open(person))

    def _to_wallboard(self, opened: Opened | None) -> Reply:
        return _to("/", *(() if opened is None else (set_cookie(opened, self._clock.now_ms()),)))

    # For people

    async def _for_person(self, visit: _Visit, session: Session) -> _Told:
        if (wait_s := self._requests.wait_s(session.id.hex(), self._clock.elapsed())) > 0:
            return _later(429, "rate", f"More than {REQUESTS_PER_S_MAX} questions a second.", wait_s)
        self._requests.take(session.id.hex(), 1, self._clock.elapsed())
        if visit.endpoint.answers == "sign_out":
            await self._visitors.sign_out(session)
            self._streams.recheck()
            return _json(200, {}, clear_cookie())
        asked = read_query(visit.scope)
        vdn = asked.vdn()
        if not self._may_look(session, vdn, visit.endpoint):
            return _NOT_PERMITTED
        return await self._of_vdn[visit.endpoint.answers](visit, session, vdn, asked)

    def _may_look(self, session: Session, vdn: VdnKey, endpoint: Endpoint) -> bool:
        person = session.person
        return person.may_see(vdn) and not endpoint.views.isdisjoint(person.views)

    async def _stream(self, visit: _Visit, session: Session, vdn: VdnKey, asked: Asked) -> _Told:
        endpoint, kind = visit.endpoint, visit.endpoint.kind
        assert kind is not None, "a row that streams says what"
        sees_numbers = session.person.sees_numbers
        if kind is AGENTS and not sees_numbers:
            kind = AGENTS_MASKED

        def may_look() -> bool:
            now = self._visitors.is_open(session)
            # Whoever may no longer see numbers comes again, and sees them masked.
            return (
                now is not None
                and self._may_look(now, vdn, endpoint)
                and now.person.sees_numbers == sees_numbers
            )

        selection = asked.skills() if kind is QUEUES else asked.one_skill()
        event_id = (header(visit.scope, b"last-event-id") or b"").decode("latin-1")
        return _Stream(Looker(session.id, may_look), vdn, kind, selection, event_id)

    async def _waiting(self, visit: _Visit, session: Session, vdn: VdnKey, asked: Asked) -> _Told:
        total, calls = self._floor.waiting(vdn, asked.skill(), WAITING_MAX)
        if not session.person.sees_numbers:
            calls = [
                msgspec.structs.replace(call, caller=masked_number(call.caller)) if call.caller else call
                for call in calls
            ]
        return _json(200, {"at_ms": self._clock.now_ms(), "total": total, "calls": calls})

    async def _health(self, visit: _Visit, session: Session, vdn: VdnKey, asked: Asked) -> _Told:
        seen, health = self._floor.seen(vdn), self._floor.health(vdn)
        agents, calls = self._floor.live(vdn)
        told = {
            "at_ms": seen.at_ms,
            "clock_ms": health.clock,
            "position": health.position,
            "lag_ms": health.lag_ms,
            "links": [
                {"source": source.source, "lost_since_ms": source.link_lost_since}
                for source in health.sources
                if source.link_lost_since is not None
            ],
            "sources": [_source(source) for source in health.sources],
            "repairs": health.repairs,
            "stale_since_ms": health.stale_since,
            "confidence": health.confidence,
            "confident_since_ms": health.confident_since,
            "queues": seen.heads.queues_total,
            "agents": agents,
            "calls": calls,
            "uptime_s": self._facts.load.uptime_s(),
            "log": None,
            "load": None,
        }
        if session.person.sees_server:
            told["log"] = {"events": self._facts.log_position(), "bytes": self._facts.log_bytes()}
            told["load"] = {**self._facts.load.latest._asdict(), "streams": len(self._streams)}
        return _json(200, told)

    async def _series(self, visit: _Visit, session: Session, vdn: VdnKey, asked: Asked) -> _Told:
        skills, (from_ms, to_ms) = asked.skills(), asked.period()
        wanted = self._floor.queue_ids(vdn, QUEUES_MAX) if skills is None else sorted(skills)
        if len(wanted) * (to_ms - from_ms) > SERIES_RECORDS_MAX * FIVE_MS:
            raise BadAsking(
                f"that may be more than {SERIES_RECORDS_MAX:,} records: name fewer queues or less"
            )
        series = await self._floor.series(vdn, wanted, from_ms, to_ms)
        parts = []
        for place, skill in enumerate(wanted, 1):
            fives = [
                MarkedFive(**msgspec.structs.asdict(view), mark_ms=mark_ms)
                for mark_ms, view in sorted(series.queues.get(skill, {}).items())
            ]
            parts.append(msgspec.json.encode({"skill": skill, "five": fives}))
            if place % SERIES_SLICE == 0:
                await asyncio.sleep(0)
        told = {"complete_from_ms": series.complete_from_ms, "queues": [msgspec.Raw(part) for part in parts]}
        return _json(200, told)

    async def _explain(self, visit: _Visit, session: Session, vdn: VdnKey, asked: Asked) -> _Told:
        """Of now alone: only programs may have the log folded again (`/v1/explain`)."""
        explained = await self._facts.explainer.explain(vdn, asked.why())
        return _json(200, msgspec.Raw(explained.body))


def _to(address: str, *headers: tuple[bytes, bytes]) -> Reply:
    return _json(303, {}, (b"location", address.encode()), *headers)


def _called(floor: Floor, vdn: VdnKey) -> dict[str, Any]:
    seen = floor.called(vdn)
    return {
        "cc": vdn.cc,
        "vdn": vdn.vdn,
        "name": seen.name,
        "timezone": seen.timezone,
        "day_starts": seen.day_starts,
    }


def _source(source: SourceHealth) -> dict[str, Any]:
    return {
        "source": source.source,
        "confidence": source.confidence,
        "confident_since_ms": source.confident_since,
        "lost_since_ms": source.link_lost_since,
        "pictures": source.pictures,
        "corrections": source.corrections,
        "repairs": source.repairs,
    }


def _defect(request_id: str) -> Reply:
    return _refused(500, "unknown_exception", f"This failed by our own fault (request {request_id}).")
