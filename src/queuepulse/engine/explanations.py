"""What a figure is made of, as plain values: terms, the operands that they add up to, and the formula.

A program can compute the figure anew from these alone: `docs/explain.md` says how. The names are those of
`GET /v1/explain`.
"""

from typing import Final

import msgspec

SUM: Final = "sum"
MAX: Final = "max"
SPREAD: Final = "spread"
OLDEST: Final = "oldest"

TERMS_MAX: Final = 10_000
"""Terms in one answer: some 2 MB of JSON. What the others add is told in one number an operand."""
TERMS_DEFAULT: Final = 1_000
"""Terms that are listed unless more are asked for: more than a person reads."""

WHATS: Final = {
    "agent": "An agent signed in to the queue: his state, since when, and what explains it.",
    "waiting": "A pass that waits.",
    "talking": "A pass answered and not released.",
    "offered": "A pass entered the queue.",
    "answered": "A wait ended by an answer.",
    "left": "A wait ended otherwise; `cause` says how.",
    "talked": "A talk ended.",
    "talks": "So many talks that ended in one minute: the single ones are no longer in memory.",
    "idled": "An idle spell ended.",
    "wrapped_up": "A wrap-up ended.",
    "waited": "A pass that waits reached a limit of the service level; with -1 it proved that it had not.",
    "spent": "A piece of an agent's time.",
    "moved": "A late event: time that was told of one state was spent in another.",
    "estimated": "An offer that was answered: `estimated_ms` was its estimate, and `wait_ms` its wait.",
}
"""What a term is."""
WHY_NOT: Final = {
    "other_state": "He is in another state.",
    "in_use": "He can take several contacts, and has as many as he can, or wraps up.",
    "outbound": "Only inbound calls count.",
    "too_late": "The wait was longer than the limit.",
    "closed": "Nobody saw its true end.",
    "unknown_wait": "Only its answer was seen: how long it waited is not known.",
    "no_estimate": "Nobody was free, and nobody had been answered for 15 minutes: there was no estimate.",
}
"""Why a term adds nothing."""


class Term(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One call, agent or event, and what it adds to each operand; nothing, where `why_not` says why.

    Instants are epoch ms: it began at `since_ms`, and happened or ended at `at_ms`. `until_ms` is when a
    wrap-up ends. `calls` are those that the agent talks in, `ringing` those that ring at him; `agents` are
    those at whom a waiting call rings. `estimated_ms` was said at an offer of which `wait_ms` was the wait.
    `position` is the place in the log of the event that told it, where that is known.
    """

    what: str
    adds: dict[str, int]
    why_not: str = ""
    call: str | None = None
    agent: int | None = None
    name: str | None = None
    state: str = ""
    base: str = ""
    since_ms: int | None = None
    at_ms: int | None = None
    until_ms: int | None = None
    cause: str = ""
    hold_ms: int = 0
    calls: tuple[str, ...] = ()
    ringing: tuple[str, ...] = ()
    agents: tuple[int, ...] = ()
    estimated_ms: int | None = None
    wait_ms: int | None = None
    position: int | None = None


class Operand(msgspec.Struct, frozen=True, gc=False):
    """What the terms add up to: their `sum` or `max`, 0 of none. `others` is that of terms not listed.

    A `spread` is all their values: `value` says how many, `others` how often each is among those not listed.
    The `oldest` is the smallest of them, of equals that of the smallest call: `others` has the call with its.
    """

    by: str
    value: int
    others: int | dict[str, int] = 0


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """How a figure of one queue came to be, at `at_ms`, of what happened from `from_ms` to `until_ms`.

    `formula` gives `value` out of the operands; where it would divide by 0, `empty` is the value.
    That of `oldest_waiting` is a call and since when: `{"call": …, "since": …}`.
    `terms` are some of all `terms_total`, those behind the first `after`.
    """

    skill: int
    figure: str
    unit: str
    period: str
    meaning: str
    from_ms: int
    until_ms: int
    at_ms: int
    value: int | float | dict[str, int | str] | None
    formula: str
    empty: int | None
    operands: dict[str, Operand]
    terms_total: int
    after: int
    terms: list[Term]
