"""A figure computed anew from its explanation alone, as docs/explain.md says. Nothing of ours is used.

What is read is the JSON that a program gets. Formulas are integers, names of operands, `+ - * // /` and
parentheses.
"""

import ast
import operator
from typing import Any

FIGURE_MAX = 2**31 - 1
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}


def recomputed(explanation: dict[str, Any]) -> int | float | None:
    """The value that the terms and the formula give."""
    operands = {}
    for name, operand in explanation["operands"].items():
        numbers = [term["adds"].get(name, 0) for term in explanation["terms"]] + [operand["others"]]
        operands[name] = sum(numbers) if operand["by"] == "sum" else max(numbers)
        assert operands[name] == operand["value"], name
    try:
        value = evaluated(ast.parse(explanation["formula"], mode="eval").body, operands)
    except ZeroDivisionError:
        empty: int | None = explanation["empty"]
        return empty
    return min(value, FIGURE_MAX)


def evaluated(node: ast.expr, operands: dict[str, int]) -> Any:
    match node:
        case ast.Name(id=name):
            return operands[name]
        case ast.Constant(value=int() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](evaluated(left, operands), evaluated(right, operands))
    raise AssertionError(f"{ast.unparse(node)} is in no formula")
