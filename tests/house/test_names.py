"""Words that say nothing about a contact center, and so name nothing of ours."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath

import pytest

from house.tree import Module, holds, module, modules

FORBIDDEN = {"manager", "helper", "util", "utils", "handler", "data", "info", "process"}
# The words of others for their own things: the kernel's structure is called so.
THEIRS = {"TCP_INFO"}


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, small and without a plural's s."""
    ours = re.sub("|".join(THEIRS), "_", name)
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", ours)
    return {part.lower() for part in parts} | {re.sub(r"e?s$", "", part.lower()) for part in parts}


def defined(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module gives to something, and its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield node.lineno, name
            case ast.Call(
                func=ast.Name(id="namedtuple" | "defstruct"), args=[ast.Constant(value=str(name)), *_]
            ):
                yield node.lineno, name


def empty_names(of: Module) -> Iterator[str]:
    """The names of a module, its own and its folders' too, that hold a forbidden word."""
    for part in PurePath(of.place).with_suffix("").parts:
        if words(part) & FORBIDDEN:
            yield f"{of.place}: `{part}` says nothing"
    for line, name in defined(of.tree):
        # The name of a test is a sentence, and may speak of a process of the system.
        if words(name) & FORBIDDEN and not name.startswith("test_"):
            yield f"{of.place}:{line}: `{name}` says nothing"


@pytest.mark.parametrize(
    "line",
    [
        "data = 1",
        "call_info: int",
        "self.user_data = 1",
        "for info in rows: pass",
        "class CallManager: pass",
        "def process(call): pass",
        "def fold(data): pass",
        "def fold(*, raw_data=b''): pass",
        "lambda info: 1",
        "import utils as call_utils",
        "HTTPHandler = 1",
        "try: fold()\nexcept OSError as info: pass",
        "[data for data in rows]",
        "with fold() as handlers: pass",
        "if (info := fold()): pass",
        "def processes(): pass",
        "match call:\n    case [*data]: pass",
        "async def fold(**infos): pass",
    ],
)
def test_a_name_that_says_nothing_is_seen(line: str) -> None:
    assert [*empty_names(module(line))]


def test_a_file_and_a_folder_have_names_too() -> None:
    assert [*empty_names(module("", place="src/queuepulse/utils.py"))]
    assert [*empty_names(module("", place="src/queuepulse/helpers/calls.py"))]


@pytest.mark.parametrize(
    "line",
    ["database = 1", "processed = 1", "information = 1", "call.data()", "fold(data=1)", "TCP_INFO_BYTES = 1"],
)
def test_words_of_others_and_longer_words_may_stand(line: str) -> None:
    assert not [*empty_names(module(line))]


def test_every_name_of_ours_says_something() -> None:
    holds(wrong for one in modules() for wrong in empty_names(one))
