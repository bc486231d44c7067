"""The health of one VDN, from its engine and how far into the log that has come; and the sums of all."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from queuepulse.engine.accounts import CONFIDENCES, Account
from queuepulse.engine.events import VdnKey
from queuepulse.engine.reliances import Standing
from queuepulse.engine.vdn import Vdn
from queuepulse.protocol.health import Picture, SourceHealth, VdnHealth

AGREED: Final = "agreed"
CORRECTED: Final = "corrected"


class Checks(NamedTuple):
    """Sums over VDNs: what pictures repaired, by kind; pictures, by whether they agreed or corrected
    something; sources that told of a link or of pictures, by confidence.
    """

    repairs: dict[str, int]
    pictures: dict[str, int]
    sources: dict[str, int]


def checks_of(engines: Iterable[Vdn]) -> Checks:
    """The sums over these."""
    repairs: Counter[str] = Counter()
    pictures, sources = dict.fromkeys((AGREED, CORRECTED), 0), dict.fromkeys(CONFIDENCES, 0)
    for engine in engines:
        repairs.update(engine.repairs)
        links = engine.books.links
        for source, account in engine.books.accounts.by_source.items():
            pictures[AGREED] += account.pictures - account.corrections
            pictures[CORRECTED] += account.corrections
            if account.pictures or source in links:
                sources[account.confidence(source in links)] += 1
    return Checks(dict(repairs), pictures, sources)


def vdn_health(vdn: VdnKey, engine: Vdn, position: int, lag_s: float, now_ms: int) -> VdnHealth:
    """What is told of it; of a VDN never heard of, with a new engine."""
    whole, sources = engine.reliance()
    return VdnHealth(
        cc=vdn.cc,
        vdn=vdn.vdn,
        name=engine.books.name,
        now=now_ms,
        clock=engine.clock_ms if engine.clock_ms >= 0 else None,
        position=position,
        lag_ms=round(1000 * lag_s),
        confidence=whole.confidence,
        confident_since=whole.since_ms,
        stale_since=engine.stale_since_ms,
        repairs=dict(sorted(engine.repairs.items())),
        sources=[
            _source_health(
                source,
                account,
                standing,
                engine.books.links.get(source),
                engine.named_ids_of(source).queues,
            )
            for source, (account, standing) in sources.items()
        ],
    )


def _source_health(
    source: str, account: Account, standing: Standing, lost_ms: int | None, queues: dict[str, int]
) -> SourceHealth:
    picture = None
    if account.pictures:
        corrected = dict(sorted(account.corrected.items()))
        picture = Picture(account.asked_at_ms, account.picture_at_ms, account.covers, corrected)
    return SourceHealth(
        source=source,
        confidence=standing.confidence,
        confident_since=standing.since_ms,
        link_lost_since=lost_ms,
        pictures=account.pictures,
        corrections=account.corrections,
        repairs=dict(sorted(account.repairs.items())),
        picture=picture,
        queues=dict(sorted(queues.items())),
    )
