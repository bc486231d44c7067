"""A small floor: one queue of each level, agents, callers, and a day beside that of a week ago."""

from browser.fake import FIVE_MS, Json, Stage, five, row, states

HOUR_MS = 3_600_000
WEEK_MS = 7 * 86_400_000


def small_floor(now_ms: int) -> Stage:
    """As it stands at that instant; somebody is signed in."""
    stage = Stage(now_ms)
    stage.signed_in = True
    stage.queues = {
        1: row(1, "Sales", agents=states(idle=2, talking=4, adjust=1, rest=1)),
        2: row(2, "Billing", waiting=3, oldest_waiting_since_ms=now_ms - 90_000, agents=states(talking=5)),
        3: row(3, "Köln Support", waiting=1, oldest_waiting_since_ms=now_ms - 30_000),
        4: row(4, "Night shift", agents=states()),
    }
    stage.queues[1] |= {
        "five": five(offered=6, offered_in=6, answered=6, answered_in_20s=6),
        "today": {"answered": 120, "offered": 140, "answered_in_20s": 100, "left": 20},
    }
    stage.agents = {agent["agent"]: agent for agent in agents(now_ms)}
    stage.calls = {2: [call(place, now_ms) for place in (3, 2, 1)]}
    stage.series = {2: series(now_ms)}
    return stage


def agents(now_ms: int) -> list[Json]:
    """One of each kind; the last has no name."""
    return [
        {
            "agent": number,
            "name": name,
            "phone": f"****{number % 100}",
            "state": state,
            "since_ms": now_ms - number * 1_000,
            "reason": None,
            "skills": [1, 2],
            "talks": 1 if state == "talking" else 0,
            "wrapup_until_ms": now_ms + 60_000 if state == "adjust" else None,
        }
        for number, name, state in (
            (101, "Ada", "idle"),
            (102, "Ben", "talking"),
            (103, "Cem", "rest"),
            (104, None, "adjust"),
        )
    ]


def call(place: int, now_ms: int) -> Json:
    """A call that has waited half a minute for each place; the third rings."""
    return {
        "call": f"c{place}",
        "waiting_since_ms": now_ms - place * 30_000,
        "ringing": [102] if place == 3 else [],
        "priority": None,
        "caller": f"****{place}{place}",
    }


def series(now_ms: int) -> list[Json]:
    """The last hour, and three hours of a week ago."""
    mark_ms = now_ms - now_ms % FIVE_MS
    then = range(mark_ms - WEEK_MS - HOUR_MS, mark_ms - WEEK_MS + 2 * HOUR_MS, FIVE_MS)
    today = range(mark_ms - HOUR_MS, mark_ms, FIVE_MS)
    slow = five(offered=5, offered_in=5, answered_in_20s=3, waits=5, wait_ms=90_000)
    quick = five(offered=4, offered_in=4, answered_in_20s=4, waits=4, wait_ms=20_000)
    return [{"mark_ms": at_ms, **slow} for at_ms in then] + [{"mark_ms": at_ms, **quick} for at_ms in today]
