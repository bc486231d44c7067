"""Every module says what lives there; every public class and function says what it is."""

import ast
from collections.abc import Iterator

import pytest

from house.tree import Module, holds, module, modules


def undocumented(of: Module) -> Iterator[str]:
    """The module itself, and its public classes and functions, where they have no docstring."""
    if not ast.get_docstring(of.tree):
        yield f"{of.place}: the module has no docstring"
    for node in of.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _is_wanting(node):
            yield f"{of.place}:{node.lineno}: `{node.name}` has no docstring"


def _is_wanting(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    overload = any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)
    return not (node.name.startswith("_") or overload or ast.get_docstring(node))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A = 1",
        '"""A."""\ndef fold(): ...',
        '"""A."""\nasync def fold(): ...',
        '"""A."""\nclass Call:\n    """"""',
    ],
)
def test_a_missing_docstring_is_seen(text: str) -> None:
    assert len([*undocumented(module(text))]) == 1


def test_private_functions_and_methods_may_speak_for_themselves() -> None:
    text = '"""A."""\ndef _fold(): ...\nclass Call:\n    """A call."""\n    def fold(self): ...'
    assert not [*undocumented(module(text))]


def test_everything_public_is_documented() -> None:
    holds(wrong for one in modules("src") for wrong in undocumented(one))
