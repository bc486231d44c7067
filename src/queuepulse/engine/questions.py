"""Questions to the books of a VDN. They change nothing but memoised rows, which are equal to fresh ones."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from queuepulse.engine.agents import Agent
from queuepulse.engine.books import Books
from queuepulse.engine.figures import FIGURE_MAX, CallRow, Row
from queuepulse.engine.queues import FIVE_MS, Five, Queue
from queuepulse.engine.states import (
    ADJUST,
    BUSY,
    IDLE,
    OCCUPIED,
    PREOCCUPIED,
    REST,
    SIGNED_OUT,
    STUDY,
    TALKING,
    WORK,
)

_QUIET: Final = Five(0, 0)
"""Five minutes in which nothing happened."""
_ZEROS: Final = (0,) * (len(Row.__struct_fields__) - 1)


class Move(NamedTuple):
    """A wrap-up that is over at the instant asked, though no event since has said that time went on.

    `into` is the state it leaves for; SIGNED_OUT: it ran beneath another state, which stays.
    """

    into: int
    since_ms: int
    spare: int


def rows(books: Books, skill_ids: Sequence[int], now_ms: int) -> list[Row]:
    """The figures of these queues, as if time had run on to `now_ms` (statistics.md, "Time")."""
    now_ms = max(now_ms, books.clock_ms)
    moves = moves_until(books, now_ms) if now_ms >= books.due_ms else {}
    queues = books.queues
    answer = []
    for skill in skill_ids:
        queue = queues.get(skill)
        if queue is None:
            row = books.blank_rows.get(skill)
            if row is None:
                row = books.blank_rows[skill] = Row(skill, *_ZEROS)
        elif moves and skill in moves:
            row = _row(books, queue, now_ms, moves[skill])
        else:
            row = queue.row
            if row is None or not queue.row_from_ms <= now_ms < queue.row_until_ms:
                row = _row(books, queue, now_ms, ())
        answer.append(row)
    return answer


def call_rows(books: Books, skill_ids: Sequence[int], now_ms: int) -> list[CallRow]:
    """The calls of these queues in the five minutes that hold `now_ms`, or the clock if that is later."""
    now_ms = max(now_ms, books.clock_ms)
    mark_ms = now_ms - now_ms % FIVE_MS
    answer = []
    for skill in skill_ids:
        queue = books.queues.get(skill)
        five = _QUIET if queue is None or queue.five.mark_ms != mark_ms else queue.five
        answer.append(
            CallRow(
                skill,
                mark_ms,
                five.offered_in,
                five.answered,
                sum(five.left),
                five.talks,
                min(five.talk_ms // 1000, FIGURE_MAX),
                five.answered_in_20s,
            )
        )
    return answer


def moves_until(books: Books, now_ms: int) -> dict[int, list[Move]]:
    """By queue, the wrap-ups whose end has come by `now_ms`: a walk down the heap that sees no other."""
    moves: dict[int, list[Move]] = {}
    heap, ahead, moved = books.wrapups, [0], set()
    while ahead:
        index = ahead.pop()
        if index < len(heap) and heap[index][0] <= now_ms:
            ahead += (2 * index + 1, 2 * index + 2)
            until_ms, agent_id = heap[index]
            agent = books.agents[agent_id]
            if agent.wrapup_until_ms == until_ms and agent_id not in moved:
                moved.add(agent_id)
                end = move(agent, until_ms)
                for queue in agent.queues:
                    moves.setdefault(queue.skill, []).append(end)
    return moves


def move(agent: Agent, until_ms: int) -> Move:
    """What the end of his wrap-up makes of an agent."""
    over = agent.state == ADJUST and agent.unexplained < 0
    into = agent.base if over else agent.state
    spare = agent.has_spare(into, wrapup=False) - agent.spare
    return Move(into if over else SIGNED_OUT, until_ms, spare)


def _row(books: Books, queue: Queue, now_ms: int, moves: Sequence[Move]) -> Row:
    """Computes a row. Without `moves` it is kept, with the span of instants at which it holds."""
    mark_ms = now_ms - now_ms % FIVE_MS
    five = queue.five if queue.five.mark_ms == mark_ms else _QUIET
    if queue.day_ms != books.day_ms:
        queue.roll_day(books.day_ms)
    idle_since_ms, wait_since_ms = queue.idle.first_ms(), queue.waits.first_ms()
    by_state, spare = queue.by_state, queue.spare
    if moves:
        by_state, spare, idle_since_ms = with_moves(by_state.copy(), spare, idle_since_ms, moves)
    idle_s = _longest_s(five.idle_ms_max, now_ms - idle_since_ms)
    wait_s = _longest_s(five.wait_ms_max, now_ms - wait_since_ms)
    row = Row(
        queue.skill,
        queue.signed_in,
        by_state[TALKING],
        by_state[IDLE],
        by_state[IDLE] + spare,
        by_state[BUSY],
        by_state[REST],
        idle_s,
        by_state[WORK] + by_state[ADJUST],
        by_state[STUDY],
        by_state[OCCUPIED],
        by_state[PREOCCUPIED],
        # Who was answered in the day, or talked when it began, talks still or ended in it.
        queue.in_talk + (queue.ended_today if now_ms < books.day_end_ms else 0),
        queue.in_talk,
        wait_s,
        queue.waiting,
        min(five.talk_ms // (five.talks or 1) // 1000, FIGURE_MAX),
        min(five.wait_ms // (five.waits or 1) // 1000, FIGURE_MAX),
        five.offered_in,
        five.answered_in_20s,
    )
    if moves:
        return row
    if row == queue.row:
        row = queue.row
    queue.row, queue.row_from_ms = row, now_ms
    queue.row_until_ms = min(
        mark_ms + FIVE_MS,
        max(books.day_end_ms, now_ms),
        idle_since_ms + 1000 * (idle_s + 1),
        wait_since_ms + 1000 * (wait_s + 1),
    )
    return row


def with_moves(
    by_state: list[int], spare: int, idle_since_ms: int, moves: Sequence[Move]
) -> tuple[list[int], int, int]:
    """The counters as those ends of wrap-ups make them."""
    for into, since_ms, more in moves:
        spare += more
        if into != SIGNED_OUT:
            by_state[ADJUST] -= 1
            by_state[into] += 1
            if into == IDLE:
                idle_since_ms = min(idle_since_ms, since_ms)
    return by_state, spare, idle_since_ms


def _longest_s(ended_ms: int, running_ms: int) -> int:
    """The longest of what ended and what runs, in whole seconds."""
    return min((running_ms if running_ms > ended_ms else ended_ms) // 1000, FIGURE_MAX)
