"""What the server tells of the health of VDNs: how current their figures are, and how far they were checked.

Instants are epoch milliseconds. Both sides of the wire are drawn from here.
"""

import msgspec

HEALTH_PATH = "/health/v1/vdns"


class Picture(msgspec.Struct, frozen=True):
    """The last picture of a switch: asked for and complete when, what it `covers`, and what it corrected."""

    asked_at: int
    at: int
    covers: list[str]
    corrected: dict[str, int]


class SourceHealth(msgspec.Struct, frozen=True):
    """One source of a VDN.

    `confidence` and `confident_since` are as those of the VDN. `pictures` are those taken so far,
    `corrections` those of them that changed something, `repairs` what, by kind; `picture` is the last one.
    `queues` are the skills of the queues that it named, by name.
    """

    source: str
    confidence: str
    confident_since: int | None
    link_lost_since: int | None
    pictures: int
    corrections: int
    repairs: dict[str, int]
    picture: Picture | None
    queues: dict[str, int]


class VdnHealth(msgspec.Struct, frozen=True):
    """One VDN at `now`, the server's time.

    `clock` is the latest `at` of its events, `position` the last event in the log that its figures hold, and
    `lag_ms` how long the oldest one waits that they do not hold yet. `confidence` is a word, and
    `confident_since` since when the switches' own pictures agree with the figures, where that is known.
    """

    cc: int
    vdn: int
    name: str | None
    now: int
    clock: int | None
    position: int
    lag_ms: int
    confidence: str
    confident_since: int | None
    stale_since: int | None
    repairs: dict[str, int]
    sources: list[SourceHealth]


class HealthAnswer(msgspec.Struct, frozen=True):
    """VDNs in order. `more` says that others would follow: ask for a call center, or for one of them."""

    vdns: list[VdnHealth]
    more: bool
