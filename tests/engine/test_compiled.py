"""The engine compiled and the engine interpreted are one: the same sources, the same state to the byte."""

import shutil
from pathlib import Path

import hatch_build

import queuepulse
from engine.folding import events_of
from engine.test_laws import folded_elsewhere
from queuepulse.engine.codec import encode_events
from queuepulse.engine.vdn import COMPILED

PACKAGE = Path(queuepulse.__file__).parent


def test_both_come_to_the_same_state(tmp_path: Path) -> None:
    sources = shutil.copytree(
        PACKAGE, tmp_path / "queuepulse", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    ).parent
    events = [event for seed in range(30) for event in events_of(seed, 150, snapshots=False)]
    body = encode_events(events)
    assert folded_elsewhere(body, "1", sources=sources) == folded_elsewhere(body, "1")


def test_where_a_compiler_is_the_engine_was_compiled_from_the_sources_that_lie_here() -> None:
    if hatch_build.is_wanted() and shutil.which("cc"):
        assert hatch_build.is_current(), "./dev setup compiles the engine anew"
        assert COMPILED
    else:
        assert not COMPILED
