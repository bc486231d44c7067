"""How far the figures of a VDN can be relied on, and since when: asked for, never kept."""

from typing import NamedTuple

from queuepulse.engine.accounts import CHECKED, LOST, RANKS, UNCHECKED, Account
from queuepulse.engine.books import Books
from queuepulse.engine.states import SIGNED_OUT


class Standing(NamedTuple):
    """One of `accounts.CONFIDENCES`, and where that is `checked`, since when (epoch ms)."""

    confidence: str
    since_ms: int | None


class Reliance(NamedTuple):
    """That of all figures together, and of each source by name: its account and its own."""

    whole: Standing
    sources: dict[str, tuple[Account, Standing]]


def reliance(books: Books) -> Reliance:
    """All figures together can be relied on as far as those of the worst source.

    A source to which nothing live belongs and that was not checked says nothing against the others.
    """
    live = {stay.source for stay in books.calls.values()}
    live |= {agent.source for agent in books.agents.values() if agent.state != SIGNED_OUT}
    sources: dict[str, tuple[Account, Standing]] = {}
    told: list[Standing] = []
    silent: list[Standing] = []
    accounts = books.accounts.by_source
    for source in sorted(live | accounts.keys()):
        account = accounts.get(source) or Account()
        confidence = account.confidence(source in books.links)
        standing = Standing(confidence, account.confident_since_ms if confidence == CHECKED else None)
        sources[source] = account, standing
        (told if source in live or confidence in {CHECKED, LOST} else silent).append(standing)
    return Reliance(_worst(told or silent), sources)


def _worst(standings: list[Standing]) -> Standing:
    worst = max((standing.confidence for standing in standings), key=RANKS.__getitem__, default=UNCHECKED)
    if worst != CHECKED:
        return Standing(worst, None)
    return Standing(worst, max(standing.since_ms or 0 for standing in standings))
