"""What history costs where ingest never ends: two servers, one of which writes it all the while."""

import contextlib
import sys
import time
from statistics import median
from typing import Final

from bench.figures import Figure
from bench.ingest import AGENTS, BATCH, QUEUES, rate
from bench.running import server
from bench.sizes import Sizes
from bench.streams import MINUTE_MS, Center, bodies

CONNECTIONS: Final = 4
RUN: Final = "from queuepulse.cli import main; main()"
WITHOUT: Final = f"from queuepulse import chronicle as c; c.Chronicle.tell = lambda *_: None; {RUN}"
"""A server whose engines tell nobody."""
WITH: Final = f"from queuepulse import chronicle as c; c.GATHER_S = c.REST_S_PER_ITEM = 0.0; {RUN}"
"""A server that writes from the first news on, and never rests: as behind what may wait."""
SETTLE_S: Final = 1.0
"""Time in which what waits is written, before it is the other's turn: three times what it takes."""


def measure(sizes: Sizes) -> Figure:
    """The two take turns; each time a VDN for each connection begins anew, with the same events."""
    start_ms = time.time_ns() // 1_000_000 - 24 * 60 * MINUTE_MS
    parts = bodies(Center(QUEUES, AGENTS, start_ms).events(sizes.steady_events // CONNECTIONS), BATCH)
    shares, rates = [], []
    with contextlib.ExitStack() as held:
        plain, whole = (
            held.enter_context(server((sys.executable, "-c", script))) for script in (WITHOUT, WITH)
        )
        for pair in range(sizes.steady_pairs + 1):
            found = {}
            for target in (plain, whole) if pair % 2 else (whole, plain):
                found[target] = rate(target, pair + 1, CONNECTIONS, parts)
                time.sleep(SETTLE_S)
            # The first ones begin the workers.
            if pair:
                shares.append(100 * (1 - found[whole] / found[plain]))
                rates.append(found[whole])
    detail = (
        f"pairs {', '.join(f'{share:.0f}' for share in sorted(shares))}; at {median(rates):,.0f} events/s"
    )
    meaning = "the same over HTTPS, of ingest that never ends: written all the while"
    return Figure("history cost steady", meaning, median(shares), "%", detail)
