"""How long a module and a function may be. A longer one says why: a comment `# long: reason` stands on it."""

import ast
import re
from collections.abc import Iterator, Sequence

import pytest

from house.tree import Module, holds, module, modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
REASON = re.compile(r"#\s*long: \S+ \S+")


def too_long(of: Module) -> Iterator[str]:
    """The module and the functions that are longer than they may be and do not say why."""
    lines = of.text.splitlines()
    if len(lines) > MODULE_LINES_MAX and not _explained(lines[: _first_statement(of.tree)]):
        yield f"{of.place}: {len(lines)} lines, and {MODULE_LINES_MAX} is the most"
    for node in ast.walk(of.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # From its `def`: a table of cases above a test is no part of its length.
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX and not _explained(lines[_head(node)]):
                where = f"{of.place}:{node.lineno}"
                yield f"{where}: `{node.name}` has {length} lines, and {FUNCTION_LINES_MAX} is the most"


def _first_statement(tree: ast.Module) -> int:
    """The line of the first statement after the docstring."""
    return next((node.lineno for node in tree.body if not isinstance(node, ast.Expr)), 1)


def _head(node: ast.FunctionDef | ast.AsyncFunctionDef) -> slice:
    """The lines from the one above a function to its first statement."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return slice(max(first - 2, 0), node.body[0].lineno)


def _explained(lines: Sequence[str]) -> bool:
    return any(REASON.search(line) for line in lines)


def _function(lines: int) -> str:
    return "def long() -> None:\n" + "    step()\n" * (lines - 1)


@pytest.mark.parametrize(
    "text",
    [
        '"""Long."""\n\n' + "A = 1\n" * 399,
        '"""Long."""\n# long:\nA = 1\n' + "A = 1\n" * 398,
        _function(51),
        "async " + _function(51),
        "class A:\n" + _function(51).replace("def", " def").replace("    step", "      step"),
    ],
)
def test_what_is_too_long_is_seen(text: str) -> None:
    assert len([*too_long(module(text))]) == 1


@pytest.mark.parametrize(
    "text",
    [
        '"""Long."""\n' + "A = 1\n" * 399,
        '"""Long."""\n# long: one table, and half a table is worth nothing\n' + "A = 1\n" * 500,
        _function(50),
        "@cases(\n    1,\n)\n" + _function(50),
        "# long: one match over all events\n" + _function(80),
    ],
)
def test_what_is_short_or_explained_may_stay(text: str) -> None:
    assert not [*too_long(module(text))]


def test_no_module_and_no_function_is_too_long() -> None:
    holds(wrong for one in modules() for wrong in too_long(one))
