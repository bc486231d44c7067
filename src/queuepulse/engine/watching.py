"""Questions of those who look on: queues, agents and waiting calls as `views`. They change nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from queuepulse.engine import questions
from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.calls import Pass
from queuepulse.engine.oldest import NOBODY_MS
from queuepulse.engine.queues import CAUSES, FIVE_MS, Five, Queue
from queuepulse.engine.reliances import reliance
from queuepulse.engine.states import ADJUST, IDLE, NAMES, SIGNED_OUT
from queuepulse.engine.views import (
    AgentCounts,
    AgentView,
    DaySums,
    FiveView,
    Heads,
    QueueView,
    TodayView,
    WaitingCall,
)

_QUIET: Final = FiveView()
"""Five minutes in which nothing happened."""
_NOTHING: Final = DaySums()
_FIELDS: Final = FiveView.__struct_fields__
_MAXIMA: Final = frozenset(name for name in _FIELDS if name.endswith("_max"))
_ABANDONED: Final = CAUSES["abandoned"]


def heads(books: Books, now_ms: int) -> Heads:
    """What holds for the whole VDN, as if time had run on to `now_ms`."""
    now_ms = max(now_ms, books.clock_ms)
    return Heads(
        books.clock_ms if books.clock_ms >= 0 else None,
        min(books.links.values(), default=None),
        reliance(books).whole.since_ms,
        books.day_ms if now_ms < books.day_end_ms else books.day_end_ms,
        now_ms - now_ms % FIVE_MS,
        len(books.queues),
    )


def queue_views(
    books: Books, skill_ids: Sequence[int], now_ms: int, closed: Mapping[int, DaySums] | None
) -> list[QueueView]:
    """Those of these queues that were ever spoken of, as if time had run on to `now_ms`.

    `closed` are the sums over the five minutes of the running day that the engine gave away (`advance`);
    None when they are not known.
    """
    now_ms = max(now_ms, books.clock_ms)
    moves = questions.moves_until(books, now_ms) if now_ms >= books.due_ms else {}
    views = []
    for skill in skill_ids:
        queue = books.queues.get(skill)
        if queue is not None:
            views.append(_queue_view(books, queue, now_ms, moves.get(skill, ()), closed))
    return views


def _queue_view(
    books: Books,
    queue: Queue,
    now_ms: int,
    moves: Sequence[questions.Move],
    closed: Mapping[int, DaySums] | None,
) -> QueueView:
    by_state, spare = queue.by_state, queue.spare
    idle_since_ms, wait_since_ms = queue.idle.first_ms(), queue.waits.first_ms()
    if moves:
        by_state, spare, idle_since_ms = questions.with_moves(by_state.copy(), spare, idle_since_ms, moves)
    mark_ms = now_ms - now_ms % FIVE_MS
    five, last = _fives(queue, mark_ms)
    limits = queue.limits
    return QueueView(
        queue.skill,
        limits.name if limits is not None else None,
        queue.waiting,
        wait_since_ms if wait_since_ms != NOBODY_MS else None,
        queue.in_talk,
        AgentCounts(by_state[1], *by_state[2:]),
        queue.signed_in,
        by_state[IDLE] + spare,
        idle_since_ms if idle_since_ms != NOBODY_MS else None,
        five_view(five) if five is not None else _QUIET,
        five_view(last) if last is not None else _QUIET,
        _today(books, queue, now_ms, five, last, closed),
    )


def _fives(queue: Queue, mark_ms: int) -> tuple[Five | None, Five | None]:
    """The five minutes at `mark_ms`, and those before; None where nothing happened."""
    five, last = queue.five, queue.last_five
    if five.mark_ms != mark_ms:
        return None, five if five.mark_ms == mark_ms - FIVE_MS else None
    return five, last if last is not None and last.mark_ms == mark_ms - FIVE_MS else None


def five_view(five: Five) -> FiveView:
    """The five minutes as they are shown."""
    return FiveView(
        five.offered,
        five.offered_in,
        five.answered,
        five.answered_in_20s,
        sum(five.left),
        five.left[_ABANDONED],
        five.waits,
        five.wait_ms,
        five.wait_ms_max,
        five.talks,
        five.talk_ms,
        five.talk_ms_max,
        five.hold_ms,
        five.idle_ms_max,
    )


def added(one: FiveView, other: FiveView) -> FiveView:
    """Two of the same queue and mark as one: sums add up, maxima do not."""
    values = [
        max(mine, theirs) if name in _MAXIMA else mine + theirs
        for name, mine, theirs in zip(_FIELDS, _values(one), _values(other), strict=True)
    ]
    return FiveView(*values)


def _values(view: FiveView) -> list[int]:
    return [getattr(view, name) for name in _FIELDS]


def _today(
    books: Books,
    queue: Queue,
    now_ms: int,
    five: Five | None,
    last: Five | None,
    closed: Mapping[int, DaySums] | None,
) -> TodayView:
    if queue.day_ms != books.day_ms:
        queue.roll_day(books.day_ms)
    is_over = now_ms >= books.day_end_ms
    answered = queue.in_talk + (0 if is_over else queue.ended_today)
    if closed is None:
        return TodayView(answered, None, None, None)
    day_ms = books.day_end_ms if is_over else books.day_ms
    sums = _NOTHING if is_over else closed.get(queue.skill, _NOTHING)
    offered, in_20s, left = sums.offered, sums.answered_in_20s, sums.left
    for own in (five, last):
        if own is not None and own.mark_ms >= day_ms:
            offered += own.offered
            in_20s += own.answered_in_20s
            left += sum(own.left)
    return TodayView(answered, offered, in_20s, left)


def agent_views(books: Books, agent_ids: Sequence[int], now_ms: int) -> list[AgentView]:
    """Those of these agents who are signed in, as if time had run on to `now_ms`."""
    now_ms = max(now_ms, books.clock_ms)
    views = []
    for agent_id in agent_ids:
        agent = books.agents.get(agent_id)
        if agent is not None and agent.state != SIGNED_OUT:
            views.append(_agent_view(agent, now_ms))
    return views


def _agent_view(agent: Agent, now_ms: int) -> AgentView:
    state, since_ms, until_ms = agent.state, agent.since_ms, agent.wrapup_until_ms
    if 0 < until_ms <= now_ms:
        into = questions.move(agent, until_ms).into
        if into != SIGNED_OUT:
            state, since_ms = into, until_ms
        until_ms = 0
    return AgentView(
        agent.id,
        agent.name,
        agent.phone,
        NAMES[state],
        since_ms,
        agent.reason,
        tuple([queue.skill for queue in agent.queues]),
        agent.talks,
        until_ms or None,
    )


def staff(books: Books, now_ms: int) -> AgentCounts:
    """All agents who are signed in, each once, as if time had run on to `now_ms`."""
    now_ms = max(now_ms, books.clock_ms)
    by_state = [0] * len(NAMES)
    for agent in books.agents.values():
        state = agent.state
        if state == ADJUST and agent.wrapup_until_ms <= now_ms:
            into = questions.move(agent, agent.wrapup_until_ms).into
            if into != SIGNED_OUT:
                state = into
        by_state[state] += 1
    return AgentCounts(by_state[1], *by_state[2:])


def waiting_calls(books: Books, skill: int, most: int) -> list[WaitingCall]:
    """The calls that wait in the queue, the longest waiting first, at most so many."""
    queue = books.queues.get(skill)
    if queue is None:
        return []
    stays = [books.calls[call] for call in queue.waits.standing()]
    stays.sort(key=_waits_since)
    return [
        WaitingCall(
            stay.call,
            stay.waiting_since_ms,
            tuple([agent.id for agent in stay.ringing]),
            stay.priority,
            stay.caller,
        )
        for stay in stays[:most]
    ]


def _waits_since(stay: Pass) -> tuple[int, str]:
    return stay.waiting_since_ms, stay.call


def open_fives(books: Books, skill_ids: Sequence[int], from_ms: int, to_ms: int) -> list[Five]:
    """The five minutes of these queues that are not given away yet, with a mark in [from_ms, to_ms)."""
    wanted = set(skill_ids)
    found = [*books.closed, *books.corrected.values(), *books.last, *books.current]
    return [five for five in found if five.skill in wanted and from_ms <= five.mark_ms < to_ms]
