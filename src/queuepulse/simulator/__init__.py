"""A seeded contact center: the events that a switch would have told, for tests, demos and benches.

Randomness comes from a seed, time from whoever asks: the same seed tells the same events, byte for byte,
in any process. No clock and no output is in here.
"""

from queuepulse.simulator.assumptions import BREAKS, DAY_SHAPE, FLAT_DAY, SHIFTS, Assumptions, erlang
from queuepulse.simulator.center import ContactCenter, simulate

__all__ = [
    "BREAKS",
    "DAY_SHAPE",
    "FLAT_DAY",
    "SHIFTS",
    "Assumptions",
    "ContactCenter",
    "erlang",
    "simulate",
]
