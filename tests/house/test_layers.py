"""Who may import whom, what is pure, and who reads the clock (docs/architecture.md)."""

import ast
import re
from collections.abc import Iterator

import pytest

from house.tree import PACKAGE, Module, holds, imports, module, modules

# From the bottom up. A unit imports what stands below it, never a neighbour and never what stands above.
# A new unit gets its place here; without one it may not exist.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"engine", "protocol"}),
    frozenset(
        {"ports", "asgi", "collecting", "masking", "meters", "people", "stamping", "urls", "vdn_health"}
    ),
    frozenset({"proxies", "calling", "retelling", "windowing"}),
    frozenset({"authentication", "replying", "chronicle", "hosting"}),
    frozenset({"hub", "cms", "bms", "sources", "stores", "live", "v1", "cluster", "simulator", "config"}),
    frozenset(
        {
            "config_load",
            "certificates",
            "connections",
            "explainer",
            "floor",
            "gate",
            "logs",
            "recall",
            "registry",
        }
    ),
    frozenset({"edge", "pages", "switches", "wallboard"}),
    frozenset({"serving"}),
    frozenset({"gateway"}),
    frozenset({"server", "client"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
# The package itself says the version, to everybody.
EVERYBODYS = {PACKAGE, f"{PACKAGE}.__version__"}

# What a pure module may import: text, numbers, containers. All else is refused: clocks, sockets, files,
# loggers, event loops, randomness.
PURE = ("engine", "protocol", "sources.ami", "sources.esl")
PURE_IMPORTS = {
    "__future__",
    "abc",
    "array",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "itertools",
    "librt.strings",
    "librt.vecs",
    "math",
    "msgspec",
    "mypy_extensions",
    "operator",
    "re",
    "string",
    "struct",
    "types",
    "typing",
    "urllib.parse",
    "zlib",
}
# Time zones are rules, not time: they come from the pinned `tzdata` package.
PURE_EXCEPTIONS = {"engine.days": {"zoneinfo", "importlib.resources"}}
# `hash` of a text differs from run to run.
IMPURE_CALLS = {"open", "print", "input", "hash", "eval", "exec", "__import__", "breakpoint"}

CLOCK_READER = "hub"
CLOCKS = {
    *(f"time.{name}" for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time")),
    *(f"time.{name}_ns" for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time")),
    *(f"time.{name}" for name in ("clock_gettime", "gmtime", "localtime", "ctime", "strftime", "asctime")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
    "os.times",
    "uuid.uuid1",
}


def layer(unit: str) -> int | None:
    """The height of a unit in the table, from 0."""
    return next((height for height, units in enumerate(LAYERS) if unit in units), None)


def forbidden_imports(of: Module) -> Iterator[str]:
    """Imports of a neighbour, of a higher unit, or in a unit that has no place."""
    unit = of.name.split(".")[0]
    if not unit:
        return
    height = layer(unit)
    if height is None:
        yield f"{of.place}: `{unit}` has no layer; give it one in this table"
        return
    for line, name, _ in imports(of):
        if not name.startswith(f"{PACKAGE}.") or name in EVERYBODYS:
            continue
        other = name.split(".")[1]
        other_height = layer(other)
        if other != unit and (other_height is None or other_height >= height):
            yield f"{of.place}:{line}: `{unit}` may not import `{other}`"


def impurities(of: Module) -> Iterator[str]:
    """What a pure module takes from the world outside."""
    if not any(f"{of.name}.".startswith((f"{pure}.", f"{pure}_")) for pure in PURE):
        return
    allowed = PURE_IMPORTS | PURE_EXCEPTIONS.get(of.name, set()) | {PACKAGE}
    for line, name, _ in imports(of):
        if not any(f"{name}.".startswith(f"{good}.") for good in allowed):
            yield f"{of.place}:{line}: a pure module may not import `{name}`"
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield f"{of.place}:{node.lineno}: a pure module may not call `{node.func.id}`"


def clock_readings(of: Module) -> Iterator[str]:
    """Every place where a module other than the hub reads a clock, or hands one on."""
    if of.name == CLOCK_READER:
        return
    known = {}
    for line, name, here in imports(of):
        known[here] = name if name.split(".")[-1] == here or here not in name.split(".") else here
        if name in CLOCKS:
            yield f"{of.place}:{line}: only `{CLOCK_READER}` reads a clock, and this is `{name}`"
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Attribute) and (name := _full_name(node, known)) in CLOCKS:
            yield f"{of.place}:{node.lineno}: only `{CLOCK_READER}` reads a clock, and this is `{name}`"
        # An event loop has a clock too, and stands under many names.
        if isinstance(node, ast.Attribute) and re.search(r"loop\b.*\.time$", ast.unparse(node)):
            yield f"{of.place}:{node.lineno}: only `{CLOCK_READER}` reads a clock, and this is the loop's"


def _full_name(node: ast.expr, known: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return known.get(name, "")
        case ast.Attribute(value=value, attr=name):
            return f"{_full_name(value, known)}.{name}"
    return ""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("engine.vdn", "from queuepulse.protocol import codes"),
        ("protocol.wire", "import queuepulse.engine.events"),
        ("engine.vdn", "from queuepulse.ports import LogFull"),
        ("ports", "from queuepulse import hub"),
        ("cms.app", "from queuepulse.stores.keys import Keys"),
        ("cms.app", "from ..stores import keys"),
        ("stores.sqlite", "def late():\n    from queuepulse.server import serve"),
        ("server", "import queuepulse.client"),
        ("client", "from queuepulse.cli import main"),
        ("attic", "import queuepulse"),
        ("engine.vdn", "from queuepulse import attic"),
    ],
)
def test_an_import_up_or_across_is_seen(name: str, line: str) -> None:
    assert [*forbidden_imports(module(line, name))]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("engine.vdn", "from queuepulse.engine.events import VdnKey"),
        ("engine.vdn", "from .events import VdnKey"),
        ("stores.sqlite", "from queuepulse.engine.events import VdnKey"),
        ("cms.app", "import starlette.responses"),
        ("cms.app", "from queuepulse import __version__"),
        ("cli", "from queuepulse.hub import SystemClock"),
    ],
)
def test_an_import_down_is_free(name: str, line: str) -> None:
    assert not [*forbidden_imports(module(line, name))]


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from time import time",
        "import asyncio",
        "import socket",
        "import logging",
        "import os",
        "from pathlib import Path",
        "import random",
        "import secrets",
        "import structlog",
        "import zoneinfo",
        "def late():\n    import threading",
        "rules = open('rules')",
        "print(1)",
        "seed = hash('a')",
        "import urllib.request",
        "from importlib.resources import files",
    ],
)
@pytest.mark.parametrize("name", ["engine.vdn", "protocol.wire", "sources.ami", "sources.esl_events"])
def test_an_impure_line_is_seen(name: str, line: str) -> None:
    assert [*impurities(module(line, name))]


def test_only_the_days_read_time_zones() -> None:
    zones = "import datetime\nimport importlib.resources\nimport zoneinfo"
    assert not [*impurities(module(zones, "engine.days"))]
    assert [*impurities(module(zones, "engine.vdn"))]
    assert not [*impurities(module("import asyncio", "sources.asterisk"))]


@pytest.mark.parametrize(
    "line",
    [
        "import time\nat = time.time()",
        "import time\nrun(clock=time.time)",
        "import time as t\nt.monotonic_ns()",
        "from time import perf_counter",
        "from time import time as now",
        "from datetime import datetime as d\nd.now(None)",
        "import datetime\ndatetime.datetime.now()",
        "import datetime as dt\ndt.date.today()",
        "from datetime import date\ndate.today()",
        "self._loop.time()",
        "import asyncio\nasyncio.get_running_loop().time()",
        "def late():\n    import time\n    return time.localtime()",
    ],
)
def test_a_reading_of_a_clock_is_seen(line: str) -> None:
    assert [*clock_readings(module(line, "stores.sqlite"))]
    assert not [*clock_readings(module(line, CLOCK_READER))]


def test_a_time_that_is_passed_in_is_no_reading() -> None:
    passed = (
        "import datetime\nat_ms = clock.now_ms()\nday = datetime.datetime.fromtimestamp(at_ms / 1000, zone)"
    )
    assert not [*clock_readings(module(passed, "engine.days"))]


def test_every_layer_imports_only_what_is_below_it() -> None:
    holds(wrong for one in modules("src") for wrong in forbidden_imports(one))


def test_the_engine_the_protocol_and_the_parsers_are_pure() -> None:
    holds(wrong for one in modules("src") for wrong in impurities(one))


def test_only_the_hub_reads_a_clock() -> None:
    holds(wrong for one in modules("src") for wrong in clock_readings(one))
