"""A queue_log that grows: from its beginning, through rotation, and on after a start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from queuepulse.engine.events import CallOffered, LinkLost, LinkRestored
from queuepulse.hub import SystemClock
from queuepulse.sources.following import AGAIN_MS, Follower
from queuepulse.sources.names import Ids, Names, PauseReasons
from queuepulse.sources.outlet import Address, Chance, Source
from queuepulse.sources.queue_log import Translator
from sources.fake_switches import VDN, Folded, never, until

T0 = 1_767_600_000


def entered(number: int) -> str:
    return f"{T0 + number}|{T0}.{number}|sales|NONE|ENTERQUEUE||555000{number}|1\n"


def calls(folded: Folded) -> list[str]:
    return [event.call.split("/")[1] for event in folded.events if isinstance(event, CallOffered)]


@asynccontextmanager
async def following(
    file: Path, folded: Folded, clock_ms: int = -1, masks: bool = False
) -> AsyncIterator[None]:
    translator = Translator("log", Names(Ids(100), {"sales": 1}), Names(Ids(100)), PauseReasons())
    source, chance = Source("log", VDN, Address("", 0), masks), Chance(never, lambda: 0.5, lambda: "abcd")
    follower = Follower(source, file, translator, folded, SystemClock(), chance, clock_ms)
    task = asyncio.create_task(follower.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def rename(file: Path) -> None:
    file.rename(file.with_suffix(".1"))
    file.write_text("")


def empty(file: Path) -> None:
    file.write_text("")


@pytest.mark.parametrize("rotate", [rename, empty])
def test_a_file_is_read_from_its_beginning_and_followed_through_rotation(
    tmp_path: Path, rotate: object
) -> None:
    file, folded = tmp_path / "queue_log", Folded()

    async def run() -> None:
        async with following(file, folded):
            await until(lambda: len(calls(folded)) == 2)
            with file.open("a") as log:
                log.write(entered(3)[:20])
                log.flush()
                log.write(entered(3)[20:] + entered(4))
            await until(lambda: len(calls(folded)) == 4)
            assert callable(rotate)
            rotate(file)
            with file.open("a") as log:
                log.write(entered(5))
            await until(lambda: len(calls(folded)) == 5)

    file.write_text(entered(1) + entered(2))
    asyncio.run(run())
    assert calls(folded) == [f"{T0}.{number}" for number in range(1, 6)]


def test_after_a_start_only_what_is_new_is_told(tmp_path: Path) -> None:
    file, folded = tmp_path / "queue_log", Folded()
    late = AGAIN_MS // 1000
    file.write_text(entered(0) + entered(late) + entered(late + 1))

    async def run() -> None:
        async with following(file, folded, clock_ms=(T0 + late) * 1000):
            await until(lambda: len(calls(folded)) == 2)

    asyncio.run(run())
    assert calls(folded) == [f"{T0}.{late}", f"{T0}.{late + 1}"]


def test_a_file_that_is_missing_marks_the_vdn_until_it_is_there(tmp_path: Path) -> None:
    file, folded = tmp_path / "queue_log", Folded()

    async def run() -> None:
        async with following(file, folded, masks=True):
            await until(lambda: folded.seen(LinkLost) == 1)
            file.write_text(entered(1))
            await until(lambda: folded.seen(LinkRestored) == 1)

    with capture_logs() as log:
        asyncio.run(run())
    assert "cannot be read: No such file" in log[0]["reason"]
    [call] = [event for event in folded.events if isinstance(event, CallOffered)]
    assert call.caller == "*****01"
    assert folded.engine.stale_since_ms is None
