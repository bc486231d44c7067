"""The logs on which every promise of the hub is tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuepulse.ports import EventLog
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.sqlite import SqliteLog


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    if request.param == "memory":
        opened: EventLog = MemoryLog()
    else:
        opened = SqliteLog(tmp_path / "log.sqlite", elapsed=lambda: 0.0, warn=pytest.fail)
    yield opened
    opened.close()
