"""The files of the repository as the tests of the house read them. No rule lives here."""

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "queuepulse"
# Folders that tools make; git ignores them too.
MADE = {"__pycache__", "node_modules", "dist", "web"}
KEPT_DOT_FOLDERS = {".ci"}


class Module(NamedTuple):
    """One Python file: `name` is dotted, without the package's own name; `place` is its path, for people."""

    name: str
    place: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.place.endswith("__init__.py")


def module(text: str, name: str = "sample", place: str = "") -> Module:
    """A module made of `text`, as the samples of the tests are."""
    return Module(name, place or f"{name}.py", text, ast.parse(text))


def files() -> Iterator[Path]:
    """Every file that belongs to the repository, in order."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(
            name for name in folders if name not in MADE and (name[0] != "." or name in KEPT_DOT_FOLDERS)
        )
        # In a second working tree `.git` is a file of that machine's places.
        yield from (Path(folder, name) for name in sorted(names) if name != ".git")


def texts(suffix: str = "") -> Iterator[tuple[str, str]]:
    """The place and the text of every text file of that suffix; golden bytes need not be UTF-8."""
    for file in files():
        content = file.read_bytes() if file.name.endswith(suffix) else b"\0"
        if b"\0" not in content:
            yield file.relative_to(ROOT).as_posix(), content.decode(errors="replace")


def modules(*folders: str) -> list[Module]:
    """Every Python file under `folders` of the repository, or under all of it."""
    found = []
    for place, text in texts(".py"):
        if not folders or place.split("/")[0] in folders:
            dotted = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            name = dotted.removeprefix("src.").removeprefix(PACKAGE).removeprefix(".")
            found.append(module(text, name, place))
    return found


def holds(wrong: Iterable[str]) -> None:
    """Fail with every line of what is wrong, if anything is."""
    if found := "\n".join(dict.fromkeys(wrong)):
        pytest.fail(found, pytrace=False)


def imports(of: Module) -> Iterator[tuple[int, str, str]]:
    """Every import of a module, lazy ones too: its line, the full name, and the name it is known by here."""
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known = alias.asname or alias.name.split(".")[0]
                yield node.lineno, alias.name, known
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(of, node)
            for alias in node.names:
                yield node.lineno, f"{source}.{alias.name}", alias.asname or alias.name


def _absolute(of: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = [PACKAGE, *filter(None, of.name.split("."))]
    up = node.level - of.is_package
    return ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])
