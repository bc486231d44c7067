"""`./dev bench`: runs the measurements, prints a table, writes JSON.

python -m bench [NAME...] [--quick] [--json FILE]
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from bench import (
    explain,
    fold,
    gateway,
    history,
    ingest,
    latency,
    machine,
    memory,
    push,
    reads,
    restart,
    translate,
    windows,
)
from bench.figures import Figure, Skipped, Verdict, shown
from bench.sizes import FULL, QUICK, TINY, Sizes

RESULTS: Final = Path("bench/results/latest.json")


class Measurement(NamedTuple):
    """A row of the table of measurements. `name` is what a person types."""

    name: str
    does: str
    measure: Callable[[Sizes], list[Figure]]


MEASUREMENTS: Final = (
    Measurement("fold", "events folded a second, one core", fold.measure),
    Measurement("translate", "messages of a switch translated a second, one core", translate.measure),
    Measurement("ingest", "events made durable a second, over HTTPS", ingest.measure),
    Measurement("reads", "stateinfo over HTTPS, as a ratio to nginx", reads.measure),
    Measurement("latency", "p99 of reads while events pour in", latency.measure),
    Measurement("gateway", "what a gateway adds to an answer, and leaves of the rate", gateway.measure),
    Measurement("push", "what viewers of a wallboard cost, as a share of a core", push.measure),
    Measurement("restart", "time to start, against the length of the log", restart.measure),
    Measurement("history", "what history costs, and a long question to it", history.measure),
    Measurement("windows", "a sliding hour of 200 queues, and a month by quarters", windows.measure),
    Measurement("explain", "what a figure is made of, now and an hour ago", explain.measure),
    Measurement("memory", "bytes of a queue and of an agent", memory.measure),
)
_COLORS: Final = {Verdict.AIM: "green", Verdict.FLOOR: "yellow", Verdict.SHORT: "bold red", Verdict.NONE: ""}


def main(arguments: list[str]) -> int:
    """Gives 0 when everything that was asked for was measured, whatever the verdicts: machines differ."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - {one.name for one in MEASUREMENTS}:
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}: choose from {_names()}")
    sizes = TINY if given.tiny else QUICK if given.quick else FULL
    console = Console(stderr=True)
    known = machine.facts()
    if machine.is_busy():
        console.print(
            f"[yellow]This machine is busy (load {known['load_at_start'][0]}): every figure is disturbed, "
            "also medians and ratios. Measure again when it is idle."
        )
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    took_s: dict[str, float] = {}
    for one in MEASUREMENTS:
        if given.names and one.name not in given.names:
            continue
        console.print(f"{one.name}: {one.does} ...")
        begun_s = time.monotonic()
        try:
            found = one.measure(sizes)
            figures += found
            for figure in found:
                console.print(f"  {figure.meaning}: {shown(figure.value)} {figure.unit}")
        except Skipped as reason:
            skipped[one.name] = str(reason)
        took_s[one.name] = round(time.monotonic() - begun_s, 1)
    Console(width=None if sys.stdout.isatty() else 160).print(_table(figures))
    console.print(
        f"{known['cpu']}, {known['cores']} cores, Python {known['python']}, engine {known['engine']}; "
        f"an empty call takes {known['empty_call_ns']} ns"
    )
    for name, why in skipped.items():
        console.print(f"[yellow]{name} was skipped: {why}")
    report = {"machine": known, "took_s": took_s, "skipped": skipped, "figures": [*map(_as_json, figures)]}
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    console.print(f"Written to {given.json}.")
    return 1 if skipped else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measures QueuePulse on this machine, against floors and aims.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"measure only these: {_names()}")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help=f"write to [{RESULTS}]")
    parser.add_argument("--quick", action="store_true", help="under a minute, less exact")
    parser.add_argument("--tiny", action="store_true", help="only to see that everything runs")
    return parser


def _names() -> str:
    return ", ".join(one.name for one in MEASUREMENTS)


def _as_json(figure: Figure) -> dict[str, Any]:
    goal = figure.goal
    told = msgspec.structs.asdict(figure)
    return told | ({"floor": goal.floor, "aim": goal.aim, "verdict": figure.verdict} if goal else {})


def _table(figures: list[Figure]) -> Table:
    table = Table(title="QueuePulse bench")
    table.add_column("measurement")
    for column in ("figure", "floor", "aim"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict")
    table.add_column("detail", overflow="fold")
    for figure in figures:
        goal, color = figure.goal, _COLORS[figure.verdict]
        table.add_row(
            figure.meaning,
            f"{shown(figure.value)} {figure.unit}".rstrip(),
            shown(goal.floor) if goal else "",
            shown(goal.aim) if goal else "",
            f"[{color}]{figure.verdict}" if color else "",
            figure.detail,
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
