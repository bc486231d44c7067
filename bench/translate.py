"""How many messages of a switch a second one core reads and translates, from recordings of real ones."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.figures import Figure, Skipped
from bench.sizes import Sizes
from queuepulse.engine.events import AGENT_MAX, SKILL_MAX
from queuepulse.sources import asterisk, freeswitch
from queuepulse.sources.ami import AmiParser
from queuepulse.sources.esl import EslParser
from queuepulse.sources.names import Ids, Names, PauseReasons

CAPTURES: Final = Path("tests/captures")
PIECE_BYTES: Final = 16 * 1024
"""Bytes of one read from a busy socket."""


class Run(NamedTuple):
    """One run over a whole recording."""

    messages: int
    elapsed_s: float
    events: int


def measure(sizes: Sizes) -> list[Figure]:
    """Bytes to messages to events, without a socket; of each recording the median of some runs."""
    return [
        _figure(sizes, "translate", "AMI", CAPTURES / "asterisk/ast22/ami-stats.raw.gz", _asterisk),
        _figure(sizes, "translate esl", "ESL", CAPTURES / "freeswitch/fs11012/esl.raw.gz", _freeswitch),
    ]


def _figure(sizes: Sizes, key: str, name: str, recording: Path, run: Callable[[bytes], Run]) -> Figure:
    if not recording.exists():
        raise Skipped(f"there is no {recording}: run it from the folder of the project")
    said = gzip.decompress(recording.read_bytes())
    runs = [run(said) for _ in range(sizes.fold_runs)]
    rates = [messages / elapsed_s for messages, elapsed_s, _ in runs]
    messages, _, events = runs[0]
    detail = f"{messages:,} messages, {events:,} events; runs {min(rates):,.0f} to {max(rates):,.0f}"
    return Figure(key, f"{name} messages read and translated", median(rates), "messages/s", detail)


def _asterisk(said: bytes) -> Run:
    parser = AmiParser(asterisk.WANTED)
    translator = asterisk.Translator("pbx", Names(Ids(SKILL_MAX)), Names(Ids(AGENT_MAX)), PauseReasons())
    translator.connected(0, "bench")
    events, begun_s = 0, time.perf_counter()
    for begin in range(0, len(said), PIECE_BYTES):
        for message in parser.feed(said[begin : begin + PIECE_BYTES]):
            translator.take(message, 0)
        events += len(translator.events())
        translator.actions()
    return Run(parser.seen, time.perf_counter() - begun_s, events)


def _freeswitch(said: bytes) -> Run:
    parser = EslParser()
    translator = freeswitch.Translator("fs", Names(Ids(SKILL_MAX)), Names(Ids(AGENT_MAX)), PauseReasons())
    # The recording has the answers to what is asked here.
    translator.connected(0)
    events, begun_s = 0, time.perf_counter()
    for begin in range(0, len(said), PIECE_BYTES):
        for message in parser.feed(said[begin : begin + PIECE_BYTES]):
            translator.take(message, 0)
        events += len(translator.events())
        translator.actions()
    return Run(parser.seen, time.perf_counter() - begun_s, events)
