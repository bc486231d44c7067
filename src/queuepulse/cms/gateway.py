"""The board of a gateway: it has no state, and asks a BMS node for both halves of every row.

Which node is asked when is `nodes`; the halves are put together by `protocol.bms`, as bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from queuepulse.cms.nodes import Node, NodeAnswer, NodeFailed, Nodes, told_by
from queuepulse.cms.rounds import Rounds
from queuepulse.engine.events import VdnKey
from queuepulse.meters import BmsMeters
from queuepulse.ports import BoardRefused, BoardUnreachable, Clock, EncodedAnswer
from queuepulse.protocol import bms
from queuepulse.protocol.interfaces import BMS_CALLS, BMS_STATE, Interface
from queuepulse.protocol.wire import enveloped

BASES_MAX: Final = 64
"""Questions whose last rows are remembered: 64 times 1000 rows are 30 MB. Forgetting costs bytes, no more."""

_Question: TypeAlias = tuple[str, str, bytes]


class _MomentGone(Exception):
    """The node cannot give the other half of the same moment."""


class _Base(NamedTuple):
    """Rows that a node told, encoded, and the moment they are of: it need not tell them again."""

    moment: bms.Moment
    pieces: list[bytes]


class GatewayBoard:
    """An `EncodedBoard` over BMS nodes.

    An answer is there within `deadline_s`, however many nodes had to be asked for it: each gets an equal part
    of the time that is left. Both halves of a reply are one node's: positions of two logs say nothing of each
    other. No question is answered by what was asked before it came (`rounds`): what was acknowledged by then
    must be in the answer. The rows of the last answer only spare sending those that are still the same.
    """

    def __init__(self, nodes: Nodes, clock: Clock, meters: BmsMeters, deadline_s: float) -> None:
        self.position = nodes.position
        self._nodes = nodes
        self._clock = clock
        self._meters = meters
        self._deadline_s = deadline_s
        self._rounds: Rounds[tuple[str, bytes], EncodedAnswer] = Rounds()
        # The one not used for longest is first.
        self._bases: OrderedDict[_Question, _Base] = OrderedDict()

    async def encoded(self, interface: Interface, vdn: VdnKey, skill_ids: Sequence[int]) -> EncodedAnswer:
        """The figures of these queues. Raises BoardUnreachable and BoardRefused."""
        question = bms.encode_question(vdn.cc, vdn.vdn, skill_ids)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._rounds.ask(
                    (interface.path, question),
                    lambda: self._asked(interface, vdn, question, len(skill_ids)),
                )
        except TimeoutError:
            raise BoardUnreachable("no BMS node has answered in time") from None

    async def _asked(self, interface: Interface, vdn: VdnKey, question: bytes, count: int) -> EncodedAnswer:
        """What the first node says that answers."""
        elapsed = self._clock.elapsed
        until_s = elapsed() + self._deadline_s
        nodes = self._nodes.in_order(vdn)
        for tried, node in enumerate(nodes):
            begun_s = elapsed()
            share_s = (until_s - begun_s) / (len(nodes) - tried)
            try:
                async with asyncio.timeout(share_s):
                    answer = await self._ask(node, interface, question, count)
            except TimeoutError:
                self._nodes.failed(node, f"no answer within {share_s:.3g} s")
                self._meters.bms_asked("late", elapsed() - begun_s)
            except NodeFailed as failed:
                self._nodes.failed(node, str(failed))
                self._meters.bms_asked("failed", elapsed() - begun_s)
            else:
                self._meters.bms_asked("answered", elapsed() - begun_s)
                return answer
        raise BoardUnreachable("no BMS node has answered")

    async def _ask(self, node: Node, interface: Interface, question: bytes, count: int) -> EncodedAnswer:
        """What this node answers. Raises NodeFailed and BoardRefused."""
        key = (node.name, interface.path, question)
        try:
            try:
                return await self._of_one_moment(node, interface, key, count, self._bases.get(key))
            except _MomentGone:
                return await self._of_one_moment(node, interface, key, count, None)
        except _MomentGone:
            raise NodeFailed("it does not keep to a moment") from None
        except bms.BadAnswer as bad:
            raise NodeFailed(str(bad)) from None

    async def _of_one_moment(
        self, node: Node, interface: Interface, key: _Question, count: int, base: _Base | None
    ) -> EncodedAnswer:
        """Both halves, of one moment, or what is new in both since `base`."""
        question = key[-1]
        since = {} if base is None else base.moment.since_headers()
        state = _rows(await node.link.ask(BMS_STATE.path, question, since))
        moment, places = _told(state, count)
        told = count if places is None else len(places)
        pieces = bms.pieces_of(bms.renamed(state.body, interface), told)
        if told and len(interface.columns) > len(BMS_STATE.columns):
            # A full answer may have come because the base is gone there.
            of_both = moment.headers() | (since if places is not None else {})
            calls = _rows(await node.link.ask(BMS_CALLS.path, question, of_both))
            if _told(calls, count) != (moment, places):
                raise _MomentGone
            pieces = bms.spliced(pieces, bms.pieces_of(calls.body, told))
        if places is not None:
            if base is None:
                raise bms.BadAnswer("some rows, though all were asked for")
            pieces = _patched(base.pieces, places, pieces)
        self._remember(key, _Base(moment, pieces))
        return EncodedAnswer(
            enveloped(interface.envelope, bms.joined(pieces)),
            moment.position,
            _instant(state.headers.get(bms.STALE_SINCE)),
            _instant(state.headers.get(bms.AS_OF)),
        )

    def _remember(self, key: _Question, base: _Base) -> None:
        known = self._bases.get(key)
        # Answers may overtake each other. What is newer is kept longer there.
        if known is None or known.moment.position <= base.moment.position:
            self._bases[key] = base
        self._bases.move_to_end(key)
        if len(self._bases) > BASES_MAX:
            self._bases.popitem(last=False)


def _told(answer: NodeAnswer, count: int) -> tuple[bms.Moment, list[int] | None]:
    """Of which moment an answer is, and which rows it holds (None: all). Raises NodeFailed, BadAnswer."""
    moment = bms.Moment.of(answer.headers.get(bms.POSITION), answer.headers.get(bms.INSTANT))
    if moment is None:
        raise NodeFailed("its answer does not say of which moment it is")
    return moment, bms.places_of(answer.headers, count)


def _patched(pieces: list[bytes], places: list[int], news: list[bytes]) -> list[bytes]:
    patched = pieces.copy()
    for place, piece in zip(places, news, strict=True):
        patched[place] = piece
    return patched


def _rows(answer: NodeAnswer) -> NodeAnswer:
    """The answer, if it holds rows. Raises NodeFailed, BoardRefused, BadAnswer, _MomentGone."""
    if answer.status == bms.GONE_STATUS:
        raise _MomentGone
    if answer.status != 200:
        raise NodeFailed(told_by(answer.status))
    refusal = bms.refusal_in(answer.body)
    if refusal is not None:
        raise BoardRefused(refusal)
    return answer


def _instant(text: str | None) -> int | None:
    return None if text is None else int(text)
