"""What no text file may hold: places of one machine, addresses of package registries, leftovers of a merge.

And no test may sleep: a test that waits by the clock is slow when all is well and fails when it is not.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from house.tree import Module, holds, imports, module, modules, texts

# Written in halves, so that this file does not hold what it forbids.
MACHINE_PLACES = [f"/{folder}/" for folder in ("home", "root", "Users", "work", "tmp/v", "tmp/qp")] + [
    "C:" + "\\",
    ".py" + "env/",
]
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "yarnpkg" + ".com",
    "debian" + ".org",
    "crates" + ".io",
]
FORBIDDEN = {
    "a place of one machine": r"(?<![\w.~-])(" + "|".join(map(re.escape, MACHINE_PLACES)) + ")",
    "the address of a package registry": "|".join(map(re.escape, REGISTRIES)),
    "a leftover of a merge": r"^(<{7}|>{7}|\|{7})( |$)",
}


def wrong_lines(place: str, text: str) -> Iterator[str]:
    """The lines of a text that hold what is forbidden."""
    for what, pattern in FORBIDDEN.items():
        for found in re.finditer(pattern, text, re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{place}:{line}: {what}: {found[0]}"


def sleeps(of: Module) -> Iterator[str]:
    """Where a test sleeps by the machine's clock."""
    for line, name, _ in imports(of):
        if name == "time.sleep":
            yield f"{of.place}:{line}: a test may not sleep; wait for the thing itself"
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep":
            yield f"{of.place}:{node.lineno}: a test may not sleep; wait for the thing itself"


@pytest.mark.parametrize(
    "line", [*MACHINE_PLACES, *REGISTRIES, "<" * 7 + " ours", ">" * 7 + " theirs", "|" * 7]
)
def test_a_line_that_may_not_be_is_seen(line: str) -> None:
    assert (
        [*wrong_lines("sample.md", f"first\n{line}\n")] == [*wrong_lines("sample.md", f"first\n{line}")] != []
    )


@pytest.mark.parametrize(
    "line", ["/var/lib/queuepulse", "~/home/x", "a/work/b", "Heading\n=======", "a << 7"]
)
def test_an_honest_line_may_stay(line: str) -> None:
    assert not [*wrong_lines("sample.md", line)]


def test_a_sleep_is_seen() -> None:
    assert [*sleeps(module("import time\ntime.sleep(1)"))]
    assert [*sleeps(module("from time import sleep"))]
    assert not [*sleeps(module("import asyncio\nasyncio.sleep(0)"))]


def test_no_file_holds_what_is_forbidden() -> None:
    holds(wrong for place, text in texts() for wrong in wrong_lines(place, text))


def test_no_test_sleeps() -> None:
    holds(wrong for one in modules("tests") for wrong in sleeps(one))
