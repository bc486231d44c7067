"""What the remaining events mean (events.md, "Names, repairs, links, time")."""

from collections.abc import Iterator
from typing import Final

from queuepulse.engine import days, repair
from queuepulse.engine.accounts import Correction
from queuepulse.engine.books import Books
from queuepulse.engine.events import (
    MAIN_SOURCE,
    AgentConfigured,
    Clock,
    Event,
    LinkLost,
    LinkRestored,
    SkillConfigured,
    Snapshot,
    SourceRestarted,
    VdnConfigured,
)
from queuepulse.engine.outcomes import APPLIED, REPEATED, Outcome
from queuepulse.engine.queues import Limits

LIMITS_KEYS: Final = (
    "name",
    "media",
    "answer_within_ms",
    "short_wait_ms",
    "max_waiting",
    "max_wait_ms",
    "wrapup_ms",
)
AGENT_KEYS: Final = ("name", "phone", "media")
VDN_KEYS: Final = ("name", "timezone", "day_starts")


def skill_configured(books: Books, event: SkillConfigured, at_ms: int) -> Outcome:
    """Names a queue and sets its limits; absent keys stay as they are."""
    if event.source is not None and event.name is not None:
        books.accounts.of(event.source).queues[event.skill] = event.name
    queue = books.queue(event.skill)
    limits = queue.limits
    if limits is None:
        limits = queue.limits = Limits()
        _configure(limits, event, LIMITS_KEYS)
        return APPLIED
    return APPLIED if _configure(limits, event, LIMITS_KEYS) else REPEATED


def agent_configured(books: Books, event: AgentConfigured, at_ms: int) -> Outcome:
    """Names an agent; absent keys stay as they are."""
    if event.source is not None:
        account = books.accounts.of(event.source)
        if event.name is not None:
            account.agents[event.agent] = event.name
        if event.phone is not None:
            account.phones[event.agent] = event.phone
    return APPLIED if _configure(books.agent(event.agent), event, AGENT_KEYS) else REPEATED


def vdn_configured(books: Books, event: VdnConfigured, at_ms: int) -> Outcome:
    """Names the VDN and cuts its statistics day anew; absent keys stay as they are."""
    if not _configure(books, event, VDN_KEYS):
        return REPEATED
    books.day_ms, books.day_end_ms = days.day_of(books.clock_ms, books.timezone, books.day_starts)
    books.set_due()
    for queue in books.queues.values():
        queue.row_until_ms = 0
    return APPLIED


def snapshot(books: Books, event: Snapshot, at_ms: int) -> Outcome:
    """Makes what belongs to the source equal to the source's own picture."""
    source = event.source or MAIN_SOURCE
    changes = repair.repair(books, event, source)
    books.accounts.of(source).pictured(event.asked_at, at_ms, sorted(event.covers), changes)
    if not changes:
        return REPEATED
    books.accounts.correct(Correction(source, event.asked_at, at_ms, source in books.links, changes))
    return APPLIED


def link_lost(books: Books, event: LinkLost, at_ms: int) -> Outcome:
    """From now on the figures are only the last known ones."""
    links, source = books.links, event.source or MAIN_SOURCE
    books.accounts.of(source).lose()
    if source in links:
        return REPEATED
    links[source] = at_ms
    return APPLIED


def link_restored(books: Books, event: LinkRestored, at_ms: int) -> Outcome:
    """The source sees its switch again."""
    return REPEATED if books.links.pop(event.source or MAIN_SOURCE, None) is None else APPLIED


def source_restarted(books: Books, event: SourceRestarted, at_ms: int) -> Outcome:
    """Every live call and session of the source is over."""
    source = event.source or MAIN_SOURCE
    books.accounts.of(source).lose()
    return APPLIED if repair.restart(books, at_ms, source) else REPEATED


def clock(books: Books, event: Clock, at_ms: int) -> Outcome:
    """Time has come to `at`; that was taken care of before any rule."""
    return APPLIED


def says_news(books: Books, event: SkillConfigured | VdnConfigured) -> bool:
    """Whether the event says anything that the books do not say yet."""
    if isinstance(event, VdnConfigured):
        return any(True for _ in _differences(books, event, VDN_KEYS))
    queue = books.queues.get(event.skill)
    if queue is None or queue.limits is None:
        return True
    return any(True for _ in _differences(queue.limits, event, LIMITS_KEYS))


def _differences(target: object, event: Event, keys: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """The keys that the event carries with another value than the target has."""
    for key in keys:
        value = getattr(event, key)
        if value is not None and value != getattr(target, key):
            yield key, value


def _configure(target: object, event: Event, keys: tuple[str, ...]) -> bool:
    """Copies the keys that the event carries; whether that changed anything."""
    changes = list(_differences(target, event, keys))
    for key, value in changes:
        setattr(target, key, value)
    return bool(changes)
