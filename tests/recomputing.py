"""A figure computed anew from its explanation alone, as docs/explain.md says. Nothing of ours is used.

What is read is the JSON that a program gets. Formulas are integers, names of operands, `+ - * // / >`,
parentheses, `A if B else C`, `percentile(SPREAD, PERCENT)` and `oldest(OLDEST)`.
"""

import ast
import operator
from typing import Any

FIGURE_MAX = 2**31 - 1
DIGITS = 6
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}


def recomputed(explanation: dict[str, Any]) -> Any:
    """The value that the terms and the formula give."""
    operands = {
        name: joined(name, operand, explanation["terms"]) for name, operand in explanation["operands"].items()
    }
    try:
        value = evaluated(ast.parse(explanation["formula"], mode="eval").body, operands)
    except ZeroDivisionError:
        return explanation["empty"]
    if isinstance(value, float):
        return round(value, DIGITS)
    return min(value, FIGURE_MAX) if isinstance(value, int) else value


def joined(name: str, operand: dict[str, Any], terms: list[dict[str, Any]]) -> Any:
    """An operand: what the terms and those not listed add up to."""
    if operand["by"] == "spread":
        values = [term["adds"][name] for term in terms if name in term["adds"]]
        for value, count in (operand["others"] or {}).items():
            values += [int(value)] * count
        assert len(values) == operand["value"], name
        return sorted(values)
    if operand["by"] == "oldest":
        since = [(term["adds"][name], term["call"]) for term in terms if name in term["adds"]]
        since += [(ms, call) for call, ms in operand["others"].items()]
        first = min(since, default=(0, ""))
        assert first[0] == operand["value"], name
        return {"call": first[1], "since": first[0]} if since else None
    numbers = [term["adds"].get(name, 0) for term in terms] + [operand["others"]]
    whole = sum(numbers) if operand["by"] == "sum" else max(numbers)
    assert whole == operand["value"], name
    return whole


def evaluated(node: ast.expr, operands: dict[str, Any]) -> Any:
    match node:
        case ast.Name(id=name) | ast.Call(func=ast.Name(id="oldest"), args=[ast.Name(id=name)]):
            return operands[name]
        case ast.Constant(value=int() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](evaluated(left, operands), evaluated(right, operands))
        case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
            return evaluated(left, operands) > evaluated(right, operands)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return evaluated(body if evaluated(test, operands) else orelse, operands)
        case ast.Call(func=ast.Name(id="percentile"), args=[of, percent]):
            values, rank = evaluated(of, operands), evaluated(percent, operands)
            return values[-(-len(values) * rank // 100) - 1] if values else None
    raise AssertionError(f"{ast.unparse(node)} is in no formula")
