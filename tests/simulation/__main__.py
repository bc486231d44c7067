"""`./dev sim --kills N [--seed S]`: kill a server N times, and tell what was found."""

import argparse
import random
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from simulation.kills import Run


def main() -> int:
    """Gives 0 if nothing was lost, doubled or miscounted; else 1, and the data folder is kept."""
    parser = argparse.ArgumentParser(prog="./dev sim", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="how often (default 100)")
    parser.add_argument("--seed", type=int, metavar="S", help="the plan of an earlier run")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    place = Path(tempfile.mkdtemp(prefix="queuepulse-sim-"))
    try:
        report = Run(place / "folder", seed).kill(arguments.kills, tell=partial(print, flush=True))
    except AssertionError as wrong:
        print(f"WRONG: {wrong}\nThe data folder is kept in {place}.")
        print(f"Once more: ./dev sim --kills {arguments.kills} --seed {seed}")
        return 1
    shutil.rmtree(place)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
