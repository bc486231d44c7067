"""What a gateway before the BMS costs: the time that it adds to an answer, and what it leaves of the rate.

Server, gateway and clients share this machine, so what the gateway takes of it, the server lacks.
"""

import time
from statistics import median
from typing import Final

from bench.figures import Figure
from bench.latency import percentile
from bench.living import CC, VDN, Living, Writer, checked_answer, living
from bench.reads import BATCH_EVENTS, BATCHES_PER_S, STARTS_S
from bench.requests import Connection, Target, question
from bench.running import folder, gateway
from bench.sizes import Sizes
from bench.wrk import CONNECTIONS, wrk

ASK_S_MAX: Final = 0.02
"""One question, asked of both, at most: events for so long are made."""


def measure(sizes: Sizes) -> list[Figure]:
    """The server itself and the gateway take turns, while rows change all the time."""
    with living(sizes) as alive, gateway(alive.target) as before:
        few, many = sizes.gateway_queues
        return [
            _added(alive, before, few, sizes),
            _ratio(alive, before, many, 1, sizes),
            _ratio(alive, before, many, CONNECTIONS, sizes),
        ]


def _added(alive: Living, before: Target, queues: int, sizes: Sizes) -> Figure:
    """The difference of the medians, question by question over one connection each."""
    asked = range(1, queues + 1)
    checked_answer(alive, asked)
    checked_answer(alive._replace(target=before), asked)
    added_ms, direct_ms, through_ms = [], [], []
    with (
        Connection(alive.target.host, alive.target.port) as direct,
        Connection(before.host, before.port) as through,
        _writer(alive, (sizes.gateway_asks * ASK_S_MAX + STARTS_S) * sizes.read_runs),
    ):
        to_server = question(alive.target, CC, VDN, asked).as_bytes()
        to_gateway = question(before, CC, VDN, asked).as_bytes()
        for _ in range(sizes.read_runs):
            waits = [
                (_timed(direct, to_server), _timed(through, to_gateway)) for _ in range(sizes.gateway_asks)
            ]
            direct_ms.append(percentile(sorted(wait for wait, _ in waits), 0.5))
            through_ms.append(percentile(sorted(wait for _, wait in waits), 0.5))
            added_ms.append(through_ms[-1] - direct_ms[-1])
    detail = (
        f"p50 direct {median(direct_ms):.2f} ms, through the gateway {median(through_ms):.2f} ms; "
        f"runs {min(added_ms):.2f} to {max(added_ms):.2f} ms"
    )
    meaning = f"stateinfo, {queues} queues: p50 that a gateway adds"
    return Figure(f"gateway added {queues}", meaning, median(added_ms), "ms", detail)


def _timed(connection: Connection, request: bytes) -> float:
    begun_s = time.perf_counter()
    status, body = connection.ask(request)
    assert status == 200 and b'"0100000"' in body[:64], body[:200]
    return (time.perf_counter() - begun_s) * 1000


def _ratio(alive: Living, before: Target, queues: int, questions: int, sizes: Sizes) -> Figure:
    """Of one question that all connections ask, or of as many: then none of them shares an answer."""
    asked = list(range(1, queues + 1))
    orders = [asked[turn:] + asked[:turn] for turn in range(questions)]
    body = checked_answer(alive._replace(target=before), asked)
    direct, through = [], []
    with folder() as place, _writer(alive, (sizes.read_s + STARTS_S) * 2 * sizes.read_runs):
        client = wrk(place)
        to_server = [question(alive.target, CC, VDN, order) for order in orders]
        to_gateway = [question(before, CC, VDN, order) for order in orders]
        for _ in range(sizes.read_runs):
            direct.append(client.run(alive.target.url, to_server, len(body), sizes.read_s).rate)
            through.append(client.run(before.url, to_gateway, len(body), sizes.read_s).rate)
    ratios = [one / other for one, other in zip(through, direct, strict=True)]
    detail = (
        f"direct {median(direct):,.0f}/s, through the gateway {median(through):,.0f}/s; "
        f"pairs {min(ratios):.2f} to {max(ratios):.2f}"
    )
    if questions == 1:
        key, meaning = f"gateway ratio {queues}", f"stateinfo, {queues} queues: rate through a gateway, ratio"
    else:
        key, meaning = f"gateway ratio {queues} apart", f"the same, {questions} different questions in turn"
    return Figure(key, meaning, median(ratios), "", detail)


def _writer(alive: Living, seconds: float) -> Writer:
    return Writer(alive, batches_per_s=BATCHES_PER_S, batch_events=BATCH_EVENTS, seconds_max=seconds)
