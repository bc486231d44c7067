"""The engine's state as bytes and back. Equal states give equal bytes, in any process.

What can be derived (counters of the present, heaps, memoised rows) is not written but made again.
"""

import heapq
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
from librt.vecs import vec
from mypy_extensions import i64

from queuepulse.engine import older
from queuepulse.engine.accounts import Account
from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.calls import Pass, PassRecord
from queuepulse.engine.facts import Facts
from queuepulse.engine.finished import Finished
from queuepulse.engine.queues import FIVE_FIELDS, FIVE_MS, LIMITS_FIELDS, Five, Limits, Queue
from queuepulse.engine.states import SIGNED_OUT

FORMAT: Final = 3
"""Version of the bytes: it rises when older code could not read them."""

PART_KEYS: Final = 4_096
"""Remembered events encoded in one step: a fraction of a millisecond."""

PART_PASSES: Final = 256
"""Passes that have ended encoded in one step, likewise."""

_BOOKS: Final = (
    "name",
    "timezone",
    "day_starts",
    "clock_ms",
    "mark_ms",
    "day_ms",
    "day_end_ms",
    "links",
    "repairs",
)
_AGENT: Final = (
    "id",
    "source",
    "base",
    "reason",
    "capacity",
    "media",
    "state",
    "since_ms",
    "wrapup_until_ms",
    "unexplained",
    "touched_ms",
    "name",
    "phone",
    "wrapup_since_ms",
    "told_ms",
    "told_state",
    "moved_ms",
    "rings_untold",
)
_PASS: Final = (
    "offered_at_ms",
    "answered_at_ms",
    "agent_id",
    "hold_since_ms",
    "hold_ms",
    "touched_ms",
    "media",
    "caller",
    "called",
    "priority",
    "call_at_ms",
    "number",
    "place",
    "outcome",
    "wait_known",
    "talked_id",
)
_QUEUE: Final = ("offered", "answered", "left")
_ACCOUNT: Final = (
    "queues",
    "agents",
    "phones",
    "pictures",
    "corrections",
    "repairs",
    "asked_at_ms",
    "picture_at_ms",
    "covers",
    "corrected",
    "confident_since_ms",
)
_FIVE: Final = tuple(name for name in FIVE_FIELDS if name != "left")


# One call into C for all attributes: taking the copy holds up everything else.
_of_books: Final = attrgetter(*_BOOKS)
_of_agent: Final = attrgetter(*_AGENT)
_of_pass: Final = attrgetter(*_PASS)
_of_queue: Final = attrgetter(*_QUEUE)
_of_limits: Final = attrgetter(*LIMITS_FIELDS)
_of_five: Final = attrgetter(*_FIVE)
_of_account: Final = attrgetter(*_ACCOUNT)


class BadSnapshot(ValueError):
    """The bytes are no snapshot that this version can read."""


def _set(thing: object, names: tuple[str, ...], values: list[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(thing, name, value)


class Capture(NamedTuple):
    """The whole state at one instant, apart from the engine, which may go on: `encode` makes bytes of it.

    Taking it is quick; encoding takes longer and can be done by another thread.
    """

    state: list[Any]
    facts: list[Facts]
    passes: list[Finished]
    event_keys: list[object]
    seen_ms: dict[object, int]


def capture(books: Books) -> Capture:
    """A copy of the whole state."""
    event_keys, seen_ms = books.seen.kept(books.clock_ms)
    ended, ended_ms = books.ended.kept(books.clock_ms)
    state = [
        [value.copy() if isinstance(value, dict) else value for value in _of_books(books)],
        [_dump_queue(books, books.queues[skill]) for skill in sorted(books.queues)],
        [_dump_agent(books.agents[agent_id]) for agent_id in sorted(books.agents)],
        [_dump_pass(stay) for stay in books.calls.values()],
        [ended, [ended_ms[call] for call in ended]],
        [_dump_five(five) for five in books.closed],
        [_dump_five(five) for five in books.last],
        [_dump_five(five) for five in books.current],
        [_dump_five(five) for five in books.corrected.values()],
        [[source, _dump_account(account)] for source, account in sorted(books.accounts.by_source.items())],
        [mark_ms for mark_ms, _ in books.told],
        len(books.untold),
    ]
    # Lists that are closed are never changed again.
    closed = [*[facts for _, facts in books.told], *books.untold]
    facts = [*closed, books.facts.upto_now(), books.idled.upto_now()]
    passes = [*books.untold_passes, books.finished.upto_now()]
    return Capture(state, facts, passes, event_keys, seen_ms)


def encode(captured: Capture) -> bytes:
    """The captured state as one MessagePack value that begins with its format."""
    keys, seen_ms = captured.event_keys, captured.seen_ms
    # In parts, so that no one call into C keeps other threads waiting.
    parts = []
    for begin in range(0, len(keys), PART_KEYS):
        some = keys[begin : begin + PART_KEYS]
        parts.append(msgspec.msgpack.encode([some, [seen_ms[key] for key in some]]))
    lists = [
        [[msgspec.msgpack.encode(part) for part in facts.parts(PART_KEYS)], facts.calls]
        for facts in captured.facts
    ]
    passes = [
        [msgspec.msgpack.encode(part) for part in finished.parts(PART_PASSES)] for finished in captured.passes
    ]
    return msgspec.msgpack.encode([FORMAT, *captured.state, lists, passes, parts])


def _dump_agent(agent: Agent) -> list[Any]:
    after = None if agent.wrapup_queue is None else agent.wrapup_queue.skill
    return [_of_agent(agent), agent.skills, after, list(agent.changes)]


def _dump_account(account: Account) -> list[Any]:
    return [value.copy() if isinstance(value, dict | list) else value for value in _of_account(account)]


def _dump_five(five: Five) -> list[Any]:
    return [_of_five(five), five.left.copy()]


def _dump_queue(books: Books, queue: Queue) -> list[Any]:
    if queue.day_ms != books.day_ms:
        queue.roll_day(books.day_ms)
    limits = None if queue.limits is None else _of_limits(queue.limits)
    return [queue.skill, limits, queue.ended_lately(books.clock_ms), _of_queue(queue)]


def _dump_pass(stay: Pass) -> list[Any]:
    return [
        stay.call,
        stay.queue.skill,
        stay.source,
        stay.waiting_since_ms,
        stay.inbound,
        [agent.id for agent in stay.ringing],
        _of_pass(stay),
        stay.counted,
        None if stay.visits is None else list(stay.visits.items()),
        None if stay.rang_at is None else stay.rang_at.copy(),
        None if stay.talked_until is None else stay.talked_until.copy(),
    ]


def load(snapshot: bytes) -> Books:
    """The state that `encode` wrote. Raises `BadSnapshot`: what was damaged is told, never guessed."""
    try:
        state = older.modern(msgspec.msgpack.decode(snapshot))
        if state[0] != FORMAT:
            raise BadSnapshot(f"snapshot format {state[0]!r}; this version reads up to {FORMAT}")
        return _load(state)
    except (
        msgspec.MsgspecError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise BadSnapshot(str(error)) from error


def _load(state: list[Any]) -> Books:
    _, own, queues, agents, calls, ended, closed, last, current, corrected, *rest = state
    accounts, told, untold, lists, passes, parts = rest
    books = Books()
    _set(books, _BOOKS, own)
    seen: dict[object, int] = {}
    for keys, seen_ms in map(msgspec.msgpack.decode, parts):
        seen.update(zip(keys, seen_ms, strict=True))
    books.seen.restore(seen)
    books.ended.restore(dict(zip(*ended, strict=True)))
    for skill, limits, ended_by_minute, totals in queues:
        queue = books.queue(skill)
        queue.ended_by_minute = ended_by_minute
        queue.roll_day(books.day_ms)
        _set(queue, _QUEUE, totals)
        if limits is not None:
            queue.limits = Limits()
            _set(queue.limits, LIMITS_FIELDS, limits)
    _load_fives(books, closed, last, current, corrected)
    _load_facts(books, told, untold, lists)
    *books.untold_passes, books.finished = map(_load_passes, passes)
    _load_agents(books, agents)
    for values in calls:
        _load_pass(books, values)
    for source, values in accounts:
        _set(books.accounts.of(source), _ACCOUNT, values)
    for agent in books.agents.values():
        books.set_spare(agent)
    books.set_due()
    return books


def _load_fives(books: Books, closed: Any, last: Any, current: Any, corrected: Any) -> None:
    books.closed = [_load_five(values) for values in closed]
    books.last = [_load_five(values) for values in last]
    books.current = [_load_five(values) for values in current]
    for values in corrected:
        five = _load_five(values)
        books.corrected[five.mark_ms, five.skill] = five
    for five in books.last:
        books.queues[five.skill].five = five
    for five in books.current:
        queue = books.queues[five.skill]
        queue.last_five = queue.five if queue.five.mark_ms == books.mark_ms - FIVE_MS else None
        queue.five = five


def _load_five(values: list[Any]) -> Five:
    rest, left = values
    five = Five(0, 0)
    _set(five, _FIVE, rest)
    five.left = left
    return five


def _load_facts(books: Books, told: list[int], untold: int, lists: list[Any]) -> None:
    *facts, books.facts, books.idled = [
        Facts.of([item for part in parts for item in msgspec.msgpack.decode(part)], calls)
        for parts, calls in lists
    ]
    if len(facts) != len(told) + untold:
        raise BadSnapshot("it does not hold all of its facts")
    books.told = list(zip(told, facts[: len(told)], strict=True))
    books.untold = facts[len(told) :]


def _load_passes(parts: list[bytes]) -> Finished:
    finished = Finished()
    for part in parts:
        for values in msgspec.msgpack.decode(part):
            finished.add_record(PassRecord(*values))
    return finished


def _load_agents(books: Books, agents: list[Any]) -> None:
    skills_of = {}
    for values, skills, after, changes in agents:
        agent = Agent(values[0])
        _set(agent, _AGENT, values)
        agent.wrapup_queue = None if after is None else books.queue(after)
        agent.changes = vec[i64](changes)
        books.agents[agent.id] = agent
        skills_of[agent.id] = skills
    # The longest in their state first: so queues take them in the order of time.
    for agent in sorted(books.agents.values(), key=attrgetter("since_ms")):
        if agent.state != SIGNED_OUT:
            books.place(agent, skills_of[agent.id])
            if agent.wrapup_until_ms:
                heapq.heappush(books.wrapups, (agent.wrapup_until_ms, agent.id))


def _load_pass(books: Books, values: list[Any]) -> None:
    call, skill, source, since_ms, inbound, ringing, rest, counted, visits, rang_at, talked_until = values
    queue = books.queue(skill)
    stay = books.calls[call] = Pass(call, queue, source, 0, since_ms, inbound)
    _set(stay, _PASS, rest)
    stay.counted = None if counted is None else (counted[0], counted[1], counted[2])
    stay.visits = None if visits is None else dict(visits)
    stay.rang_at, stay.talked_until = rang_at, talked_until
    for agent_id in ringing:
        agent = books.agents[agent_id]
        stay.ringing.append(agent)
        agent.rings[call] = None
    if stay.answered_at_ms < 0:
        queue.waiting += 1
        queue.waits.add(call, since_ms)
    else:
        queue.in_talk += 1
        if stay.agent_id:
            books.agents[stay.agent_id].talks += 1
