"""The engine's state as bytes and back. Equal states give equal bytes, in any process.

What can be derived (counters of the present, heaps, memoised rows) is not written but made again.
"""

import heapq
from typing import Any, Final

import msgspec

from queuepulse.engine import codec
from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.calls import Pass
from queuepulse.engine.queues import FIVE_MS, Five, Limits, Queue
from queuepulse.engine.states import SIGNED_OUT

FORMAT: Final = 1
"""Version of the bytes: it rises when older code could not read them."""

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
)
_PASS: Final = (
    "offered_at_ms",
    "wait_known",
    "answered_at_ms",
    "agent_id",
    "hold_since_ms",
    "hold_ms",
    "touched_ms",
    "media",
    "caller",
    "called",
    "priority",
)
_QUEUE: Final = ("offered", "answered", "left")


class BadSnapshot(ValueError):
    """The bytes are no snapshot that this version can read."""


def _get(thing: object, names: tuple[str, ...]) -> list[Any]:
    return [getattr(thing, name) for name in names]


def _set(thing: object, names: tuple[str, ...], values: list[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(thing, name, value)


def dump(books: Books) -> bytes:
    """The whole state, as one MessagePack value that begins with its format."""
    event_keys: list[tuple[Any, int]] = []
    for key, clock_ms in books.seen.kept(books.clock_ms):
        event_keys.append((key if isinstance(key, str) else [codec.encode_events([key])], clock_ms))  # type: ignore[list-item]
    state = [
        FORMAT,
        _get(books, _BOOKS),
        [_dump_queue(books, books.queues[skill]) for skill in sorted(books.queues)],
        [
            [_get(agent, _AGENT), [queue.skill for queue in agent.queues]]
            for agent in map(books.agents.__getitem__, sorted(books.agents))
        ],
        [_dump_pass(stay) for stay in books.calls.values()],
        event_keys,
        books.ended.kept(books.clock_ms),
        [_get(five, Five.__slots__) for five in books.closed],
        [_get(five, Five.__slots__) for five in books.touched_last],
        [_get(five, Five.__slots__) for five in books.touched],
        [_get(five, Five.__slots__) for five in books.corrected.values()],
    ]
    return msgspec.msgpack.encode(state)


def _dump_queue(books: Books, queue: Queue) -> list[Any]:
    if queue.day_ms != books.day_ms:
        queue.roll_day(books.day_ms)
    limits = None if queue.limits is None else _get(queue.limits, Limits.__slots__)
    return [queue.skill, limits, list(queue.ended_by_minute.items()), _get(queue, _QUEUE)]


def _dump_pass(stay: Pass) -> list[Any]:
    return [
        stay.call,
        stay.queue.skill,
        stay.source,
        stay.waiting_since_ms,
        stay.inbound,
        [agent.id for agent in stay.ringing],
        _get(stay, _PASS),
    ]


def load(snapshot: bytes) -> Books:
    """The state that `dump` wrote. Raises `BadSnapshot`: what was damaged is told, never guessed."""
    try:
        state = msgspec.msgpack.decode(snapshot)
        if state[0] != FORMAT:
            raise BadSnapshot(f"snapshot format {state[0]!r}; this version reads {FORMAT}")
        return _load(state)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadSnapshot(str(error)) from error


def _load(state: list[Any]) -> Books:
    _, own, queues, agents, calls, event_keys, ended, closed, last, touched, corrected = state
    books = Books()
    _set(books, _BOOKS, own)
    books.seen.restore(
        [
            (key if isinstance(key, str) else codec.decode_trusted(key[0])[0], clock_ms)
            for key, clock_ms in event_keys
        ]
    )
    books.ended.restore([(call, at_ms) for call, at_ms in ended])
    for skill, limits, ended_by_minute, totals in queues:
        queue = books.queue(skill)
        queue.ended_by_minute = dict(ended_by_minute)
        queue.roll_day(books.day_ms)
        _set(queue, _QUEUE, totals)
        if limits is not None:
            queue.limits = Limits()
            _set(queue.limits, Limits.__slots__, limits)
    _load_fives(books, closed, last, touched, corrected)
    for values, skills in agents:
        _load_agent(books, values, skills)
    for values in calls:
        _load_pass(books, values)
    for agent in books.agents.values():
        books.set_spare(agent)
    books.set_due()
    return books


def _load_fives(books: Books, closed: Any, last: Any, touched: Any, corrected: Any) -> None:
    books.closed = [_load_five(values) for values in closed]
    books.touched_last = [_load_five(values) for values in last]
    books.touched = [_load_five(values) for values in touched]
    for values in corrected:
        five = _load_five(values)
        books.corrected[five.mark_ms, five.skill] = five
    for five in books.touched_last:
        books.queues[five.skill].five = five
    for five in books.touched:
        queue = books.queues[five.skill]
        queue.last_five = queue.five if queue.five.mark_ms == books.mark_ms - FIVE_MS else None
        queue.five = five


def _load_five(values: list[Any]) -> Five:
    five = Five(0, 0)
    _set(five, Five.__slots__, values)
    return five


def _load_agent(books: Books, values: list[Any], skills: list[int]) -> None:
    agent = Agent(values[0])
    _set(agent, _AGENT, values)
    books.agents[agent.id] = agent
    if agent.state != SIGNED_OUT:
        books.requeue(agent, skills)
        if agent.wrapup_until_ms:
            heapq.heappush(books.wrapups, (agent.wrapup_until_ms, agent.id))


def _load_pass(books: Books, values: list[Any]) -> None:
    call, skill, source, since_ms, inbound, ringing, rest = values
    queue = books.queue(skill)
    stay = books.calls[call] = Pass(call, queue, source, 0, since_ms, inbound)
    _set(stay, _PASS, rest)
    for agent_id in ringing:
        agent = books.agents[agent_id]
        stay.ringing.append(agent)
        agent.rings[call] = None
    if stay.answered_at_ms < 0:
        queue.waiting += 1
        books.await_answer(stay, since_ms)
    else:
        queue.in_talk += 1
        if stay.agent_id:
            books.agents[stay.agent_id].talks += 1
