"""What may be asked of how a figure came to be, now or in the past, and how it is answered: the seams.

Who explains is above the hub, who folds the log again is in `stores`; both say the same through here.
"""

from typing import Final, NamedTuple, Protocol

import msgspec

from queuepulse.engine.drafting import Asked
from queuepulse.engine.events import VdnKey
from queuepulse.engine.explanations import TERMS_DEFAULT, Explanation
from queuepulse.ports import EncodedAnswer
from queuepulse.protocol.interfaces import SKILL_STATE

EXPLAIN_PATH: Final = "/v1/explain"
WIRE_NAMES: Final = {column.field: column.wire for column in SKILL_STATE.columns[1:]}
"""What the CC-CMS API calls each of our figures."""
OUR_NAMES: Final = {wire: name for name, wire in WIRE_NAMES.items()}
"""The other way round."""


class Why(NamedTuple):
    """A question: what a figure of a queue is made of, now or at an instant of the past (epoch ms).

    `figure` is our name; its window is as in `drafting.Asked`. Of the terms, those behind the first `after`
    are told, at most `limit`.
    """

    skill: int
    figure: str
    at_ms: int | None = None
    after: int = 0
    limit: int = TERMS_DEFAULT
    window: str = ""
    seconds: int = 0
    within: int = 0

    def asked(self) -> Asked:
        """The figure alone."""
        return Asked(self.skill, self.figure, self.window, self.seconds, self.within)


class Explained(Explanation, frozen=True, gc=False, kw_only=True):
    """How a figure came to be, and of what position of the log.

    `wire` is what the CC-CMS API calls it. `stale_since_ms` is since when a switch was out of sight then.
    """

    cc: int
    vdn: int
    wire: str | None
    position: int
    stale_since_ms: int | None


class PastRefused(Exception):
    """An instant that cannot be answered for; `str()` tells why, and from when on it can."""


class PastUnavailable(Exception):
    """The past cannot be told now; `str()` tells why. It may be asked again after `retry_s` seconds."""

    def __init__(self, reason: str, retry_s: int) -> None:
        super().__init__(reason, retry_s)
        self.reason, self.retry_s = reason, retry_s

    def __str__(self) -> str:
        return self.reason


class Explainer(Protocol):
    """What tells how figures came to be."""

    async def explain(self, vdn: VdnKey, why: Why) -> EncodedAnswer:
        """An `Explained` as JSON. It changes nothing. Raises PastRefused and PastUnavailable."""


def encoded(
    vdn: VdnKey, explanation: Explanation, position: int, stale_since_ms: int | None
) -> EncodedAnswer:
    """The answer to a question, as JSON."""
    explained = Explained(
        **msgspec.structs.asdict(explanation),
        cc=vdn.cc,
        vdn=vdn.vdn,
        wire=WIRE_NAMES.get(explanation.figure),
        position=position,
        stale_since_ms=stale_since_ms,
    )
    return EncodedAnswer(msgspec.json.encode(explained), position, stale_since_ms, None)
