"""The documents as the tests read them: their blocks of code, and console sessions that can be run.

A `console` block holds commands after `$ ` and, beneath each, what it prints. In the output a `…` stands for
any text within a line, and for any lines where it is alone on one. Blocks of other kinds are only read.
"""

import os
import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from house.tree import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND_S_MAX = 120


class Step(NamedTuple):
    """One command of a session, where it stands, and what it prints."""

    place: str
    command: str
    output: str


def blocks(page: str, kind: str) -> list[str]:
    """The blocks of that kind in a page, in order."""
    return [text for found, text in BLOCK.findall((ROOT / page).read_text()) if found == kind]


def steps(page: str) -> Iterator[Step]:
    """The commands of all console blocks of a page, in order.

    A command goes on where its line ends in a backslash, and to the line `END` if that is called for.
    """
    for text in blocks(page, "console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            length = next(at for at, line in enumerate(lines, 1) if not line.endswith("\\\n"))
            if "<<'END'" in lines[length - 1]:
                length = lines.index("END\n") + 1
            command = "".join(lines[:length])
            yield Step(f"{page}: {command.splitlines()[0]}", command, "".join(lines[length:]))


def run_page(page: str, folder: Path, environment: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Run the console blocks of a page in `folder`; `given` replaces texts such as addresses."""
    for step in steps(page):
        command = step.command
        for text, instead in given.items():
            command = command.replace(text, instead)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{step.place}\n{done.stdout}"
        told = f"{step.place}\nthe page says:\n{step.output}\nit printed:\n{done.stdout}"
        assert fits(step.output, done.stdout), told


def fits(expected: str, printed: str) -> bool:
    """Whether a text is what a page says: `…` is anything, and blanks at line ends do not count."""
    lines = [line.rstrip() for line in textwrap.dedent(expected).strip("\n").splitlines()]
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in lines
    )
    plain = "".join(line.rstrip() + "\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, plain) is not None
