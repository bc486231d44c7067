"""The board of the server itself, as the API spells it: rows become bytes here, unchanged ones only once."""

from collections.abc import Callable, Sequence

from queuepulse.engine.events import VdnKey
from queuepulse.ports import Board, Clock, EncodedAnswer
from queuepulse.protocol.interfaces import INTERFACES, Interface
from queuepulse.protocol.wire import Encoder


class OwnBoard:
    """An `EncodedBoard` over a board of this program. `position` is the last event in the log."""

    def __init__(self, board: Board, clock: Clock, position: Callable[[], int]) -> None:
        self.position = position
        self._board = board
        self._clock = clock
        # By path: a hash of the whole row of the table would cost as much as decoding a question.
        self._encoders = {interface.path: Encoder(interface) for interface in INTERFACES}

    async def encoded(self, interface: Interface, vdn: VdnKey, skill_ids: Sequence[int]) -> EncodedAnswer:
        """The figures of these queues. Raises BoardUnreachable."""
        rows, position, stale_since_ms, now_ms = await self._board.rows(vdn, skill_ids)
        # The machine's clock was set back: until it has caught up, time stands still (events.md, rule 1).
        as_of_ms = now_ms if now_ms > self._clock.now_ms() else None
        body = self._encoders[interface.path].encode(vdn, rows)
        return EncodedAnswer(body, position, stale_since_ms, as_of_ms)
