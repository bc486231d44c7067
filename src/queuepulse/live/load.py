"""How loaded this server is: its processor time, its memory, and how late its loop is."""

import asyncio
import os
import resource
from pathlib import Path
from typing import Final, NamedTuple

from queuepulse.ports import Clock

MEASURE_S: Final = 1.0
"""Time between two measurements."""
_STATM: Final = Path("/proc/self/statm")


class Load(NamedTuple):
    """`cpu` is the share of one core in the last second; `loop_lag_ms` how late the loop woke us in it."""

    cpu: float
    rss_bytes: int
    loop_lag_ms: int


class LoadMeter:
    """Measures each second while `run` runs; `latest` is what came out last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.started_s = clock.elapsed()
        self.latest = Load(0.0, _rss_bytes(), 0)

    async def run(self) -> None:
        """Until canceled."""
        while True:
            began_s, used_s = self._clock.elapsed(), _used_s()
            await asyncio.sleep(MEASURE_S)
            took_s = self._clock.elapsed() - began_s
            cpu = round((_used_s() - used_s) / took_s, 3) if took_s > 0 else 0.0
            self.latest = Load(cpu, _rss_bytes(), max(0, round((took_s - MEASURE_S) * 1000)))

    def uptime_s(self) -> int:
        """Seconds since the start."""
        return int(self._clock.elapsed() - self.started_s)


def _used_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rss_bytes() -> int:
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    # Elsewhere only the most there ever was is known.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
