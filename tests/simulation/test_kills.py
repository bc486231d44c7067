"""A real server, killed at random points, loses nothing that was acknowledged and counts nothing twice."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simulation.hurried import POINTS
from simulation.kills import Report, Run

KILLS = 56
AT_ONCE = 2
"""Servers that are killed side by side: most of the time is that of their starts."""


def test_a_server_that_is_killed_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)

    def run(number: int) -> Report:
        place = tmp_path / str(number)
        place.mkdir()
        print(f"again: ./dev sim --kills {KILLS // AT_ONCE} --seed {seed + number}")
        return Run(place / "folder", seed + number).kill(KILLS // AT_ONCE, tell=print)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        reports = list(threads.map(run, range(AT_ONCE)))
    for report in reports:
        print(report)
        assert report.kills.total() == KILLS // AT_ONCE
        assert set(POINTS) <= set(report.kills)
        assert min(report.events, report.sent_again, report.removed, report.answers, report.snapshots) > 0
