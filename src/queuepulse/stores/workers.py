"""What every program of our own does that works beside the server: it stands back, and ends with it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from typing import Final

from queuepulse.collecting import WORKERS_OBJECTS, collect_rarely

NICE: Final = 19
"""How far a worker stands back where the processor is wanted: its work may come a second later."""


def settle_in() -> None:
    """To be called first in a worker."""
    # It ends when the server says so, or is gone; a terminal's Ctrl-C is for the server.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    collect_rarely(WORKERS_OBJECTS)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
