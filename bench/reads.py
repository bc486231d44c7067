"""Signed stateinfo with live rows over HTTPS, as a ratio to nginx that serves the bytes of one answer."""

from statistics import median
from typing import Final

from bench.figures import Figure
from bench.living import CC, VDN, Living, Writer, checked_answer, living
from bench.nginx import nginx
from bench.requests import question
from bench.running import HOST, folder
from bench.sizes import Sizes
from bench.wrk import Load, wrk
from queuepulse.protocol.interfaces import SKILL_STATE

BATCHES_PER_S: Final = 20
BATCH_EVENTS: Final = 50
STARTS_S: Final = 3.0
"""What starting one run of wrk may cost besides: events for that are made, too."""


def measure(sizes: Sizes) -> list[Figure]:
    """Ours and nginx take turns; a ratio is the median of those of each pair."""
    with living(sizes) as alive:
        return [figure for queues in sizes.read_queues for figure in _compare(alive, queues, sizes)]


def _compare(alive: Living, queues: int, sizes: Sizes) -> list[Figure]:
    asked = range(1, queues + 1)
    body = checked_answer(alive, asked)
    ours, theirs = [], []
    seconds_max = (sizes.read_s + STARTS_S) * 2 * sizes.read_runs
    with (
        folder() as place,
        nginx({SKILL_STATE.path: body}, alive.target.certificate) as port,
        Writer(alive, batches_per_s=BATCHES_PER_S, batch_events=BATCH_EVENTS, seconds_max=seconds_max),
    ):
        client = wrk(place)
        signed = question(alive.target, CC, VDN, asked)
        for _ in range(sizes.read_runs):
            ours.append(client.run(alive.target.url, [signed], len(body), sizes.read_s))
            theirs.append(client.run(f"https://{HOST}:{port}", [signed], len(body), sizes.read_s))
    checked_answer(alive, asked)
    ratios = [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]
    spread = (
        f"{_rate(ours):,.0f}/s, nginx {_rate(theirs):,.0f}/s; pairs {min(ratios):.2f} to {max(ratios):.2f}"
    )
    return [
        Figure(
            f"reads {queues}", f"stateinfo, {queues} queues ({len(body):,} bytes)", _rate(ours), "answers/s"
        ),
        Figure(f"ratio {queues}", f"stateinfo, {queues} queues, ratio to nginx", median(ratios), "", spread),
    ]


def _rate(loads: list[Load]) -> float:
    return median(load.rate for load in loads)
