"""How many messages of an Asterisk a second one core reads and translates, from a recording of a real one."""

import gzip
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Figure, Skipped
from bench.sizes import Sizes
from queuepulse.engine.events import AGENT_MAX, SKILL_MAX
from queuepulse.sources.ami import AmiParser
from queuepulse.sources.asterisk import WANTED, Translator
from queuepulse.sources.names import Ids, Names, PauseReasons

RECORDING: Final = Path("tests/captures/asterisk/ast22/ami-stats.raw.gz")
PIECE_BYTES: Final = 16 * 1024
"""Bytes of one read from a busy socket."""


def measure(sizes: Sizes) -> list[Figure]:
    """Bytes to messages to events, without a socket; the median of some runs over the whole recording."""
    if not RECORDING.exists():
        raise Skipped(f"there is no {RECORDING}: run it from the folder of the project")
    said = gzip.decompress(RECORDING.read_bytes())
    runs = [_run(said) for _ in range(sizes.fold_runs)]
    rates = [messages / elapsed_s for messages, elapsed_s, _ in runs]
    messages, _, events = runs[0]
    detail = f"{messages:,} messages, {events:,} events; runs {min(rates):,.0f} to {max(rates):,.0f}"
    return [Figure("translate", "AMI messages read and translated", median(rates), "messages/s", detail)]


def _run(said: bytes) -> tuple[int, float, int]:
    parser = AmiParser(WANTED)
    queues, agents = Names(Ids(SKILL_MAX)), Names(Ids(AGENT_MAX))
    translator = Translator("pbx", queues, agents, PauseReasons())
    translator.connected(0, "bench")
    events, begun_s = 0, time.perf_counter()
    for begin in range(0, len(said), PIECE_BYTES):
        for message in parser.feed(said[begin : begin + PIECE_BYTES]):
            translator.take(message, 0)
        events += len(translator.events())
        translator.actions()
    return parser.seen, time.perf_counter() - begun_s, events
