"""Heaps whose entries lapse in their place: whoever reads them tells which are alive."""

import heapq
from collections.abc import Callable
from typing import Any, Final, TypeVar

SWEEP_FACTOR: Final = 4
"""A heap is swept when it holds so many times what was alive in it: bounded memory, constant cost."""
LAPSED_MAX: Final = 32
"""Lapsed entries that small heaps may hold besides."""

T = TypeVar("T", bound=tuple[Any, ...])


def sweep(heap: list[T], is_alive: Callable[[T], bool]) -> int:
    """Drops the lapsed entries; returns the size at which to sweep again."""
    heap[:] = {entry: None for entry in heap if is_alive(entry)}
    heapq.heapify(heap)
    return SWEEP_FACTOR * len(heap) + LAPSED_MAX
