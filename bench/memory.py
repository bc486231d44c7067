"""What a queue and an agent cost in memory, at 100,000 of each."""

import gc
import tracemalloc
from typing import Final

from bench.figures import Figure
from bench.machine import in_fresh_interpreter, resident_bytes
from bench.sizes import Sizes
from queuepulse.engine.events import AgentSignedIn, SkillConfigured
from queuepulse.engine.vdn import Vdn
from queuepulse.protocol.interfaces import SKILL_STATE
from queuepulse.protocol.wire import SKILL_IDS_MAX, Encoder

NOW_MS: Final = 1_750_000_000_000
STEPS: Final = ("queue, configured with a name", "agent, signed in to one queue", "queue, its row asked for")


def measure(sizes: Sizes) -> list[Figure]:
    """By RSS (what the system gives) and by tracemalloc (what Python asked for), each apart."""
    count = sizes.memory_vdns * sizes.memory_queues
    resident = in_fresh_interpreter(_grown, sizes.memory_vdns, sizes.memory_queues, False)
    traced = in_fresh_interpreter(_grown, sizes.memory_vdns, sizes.memory_queues, True)
    return [
        Figure(
            f"memory {step.partition(',')[0]} {number}",
            f"memory of a {step}" if step.startswith("queue") else f"memory of an {step}",
            of_system / count,
            "bytes",
            f"{of_python / count:,.0f} by tracemalloc; {count:,} of them, {sizes.memory_vdns} VDNs",
        )
        for number, (step, of_system, of_python) in enumerate(zip(STEPS, resident, traced, strict=True), 1)
    ]


def _grown(vdns: int, queues: int, traces: bool) -> list[int]:
    """By how many bytes the interpreter grew in each of the steps."""
    if traces:
        tracemalloc.start()
    engines = [Vdn() for _ in range(vdns)]
    encoder = Encoder(SKILL_STATE)
    grown = []
    before = _bytes(traces)
    for step in (_configure, _sign_in, _ask):
        for number, engine in enumerate(engines, 1):
            step(engine, number, queues, encoder)
        now = _bytes(traces)
        grown.append(now - before)
        before = now
    return grown


def _configure(engine: Vdn, _number: int, queues: int, _encoder: Encoder) -> None:
    for skill in range(1, queues + 1):
        engine.apply(SkillConfigured(at=NOW_MS, id=f"s{skill}", skill=skill, name=f"Queue {skill}"))


def _sign_in(engine: Vdn, _number: int, queues: int, _encoder: Encoder) -> None:
    for agent in range(1, queues + 1):
        engine.apply(AgentSignedIn(at=NOW_MS, id=f"a{agent}", agent=agent, skills=frozenset((agent,))))


def _ask(engine: Vdn, number: int, queues: int, encoder: Encoder) -> None:
    for begin in range(1, queues + 1, SKILL_IDS_MAX):
        asked = range(begin, min(begin + SKILL_IDS_MAX, queues + 1))
        encoder.encode((1, number), engine.rows(asked, NOW_MS))


def _bytes(traces: bool) -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] if traces else resident_bytes()
