"""The machine that is measured on: facts, and the price of an empty call, which tells a slow or busy one."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from queuepulse.engine.vdn import COMPILED

BUSY_LOAD: Final = 0.5
"""Load average, of the last minute, from which figures are disturbed: half a core works for somebody else."""
CALLS: Final = 1_000_000
CALL_RUNS: Final = 5
T = TypeVar("T")


def facts() -> dict[str, Any]:
    """What a reader of the figures has to know of the machine; no names and no paths."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "engine": "compiled" if COMPILED else "interpreted",
        "system": platform.system(),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": cores(),
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
        "empty_call_ns": empty_call_ns(),
        "programs": {name: version_of(name) for name in ("nginx", "wrk")},
    }


def cores() -> int:
    """The cores that this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_busy() -> bool:
    """Whether somebody else uses the machine."""
    return os.getloadavg()[0] >= BUSY_LOAD


def cpu_model() -> str:
    """The processor's name, as far as the system tells."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def empty_call_ns() -> float:
    """The price of a call that does nothing, loop included: the median of some runs, in ns.

    It tells how fast the core is, and whether it was shared; of caches and memory it tells nothing.
    """
    return round(median(_empty_call_ns() for _ in range(CALL_RUNS)), 1)


def _nothing() -> None:
    pass


def _empty_call_ns() -> float:
    call = _nothing
    begun = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - begun) / CALLS


def program(name: str) -> str | None:
    """Where a program of the system is; a server's folder is often not on the path of a person."""
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin"]
    return next((found for folder in folders if os.access(found := f"{folder}/{name}", os.X_OK)), None)


def version_of(name: str) -> str | None:
    """The first line that a program says of its version."""
    found = program(name)
    if found is None:
        return None
    said = subprocess.run([found, "-v"], capture_output=True, text=True, check=False, timeout=10)
    return (said.stderr + said.stdout).strip().partition("\n")[0].partition(" Copyright")[0].strip()


def in_fresh_interpreter(call: Callable[..., T], *arguments: Any) -> T:
    """What `call` gives in a new interpreter: nothing measured before has left memory or garbage there."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def resident_bytes(pid: int | str = "self") -> int:
    """The memory of a program that is in RAM now."""
    if sys.platform != "linux":
        return 0
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
