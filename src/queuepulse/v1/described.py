"""What the documents say of the interfaces, as tables in Markdown, drawn from the code."""

from collections.abc import Iterable, Mapping, Sequence

from queuepulse.calling import meanings
from queuepulse.engine.explaining import FORMULAS
from queuepulse.engine.explanations import WHATS, WHY_NOT
from queuepulse.v1.interfaces import TABLE, Interface
from queuepulse.v1.openapi import STATUSES
from queuepulse.v1.parameters import CC, VDN, Limits, Parameter

_LIMITS = Limits(10_000)


def tables() -> dict[str, str]:
    """Each table by its name."""
    refusals = (
        (status, f"`{code.value}`", when.split(";")[0].removesuffix("."))
        for status, (code, when) in STATUSES.items()
    )
    made = {
        "v1 refusals": _table(("HTTP", "resultCode", "when"), refusals),
        "v1 interfaces": _table(("path", "gives"), ((f"`{one.path}`", one.summary) for one in TABLE)),
        "v1 parameters": _parameters((CC, VDN)),
    }
    made["call passes"] = _table(("field", "is"), ((f"`{name}`", meaning) for name, meaning in meanings()))
    return made | _explained() | {f"v1 {one.name.replace('/', ' ')}": _own(one) for one in TABLE}


def _explained() -> dict[str, str]:
    """What the words of an explanation mean."""
    formulas = (
        (f"`{name}`", f"`{formula.text}`", ", ".join(f"`{one}` ({by})" for one, by in formula.operands))
        for name, formula in FORMULAS.items()
    )
    return {
        "explain formulas": _table(("figure", "formula", "operands"), formulas),
        "explain terms": _table(("`what`", "is"), _coded(WHATS)),
        "explain reasons": _table(("`why_not`", "means"), _coded(WHY_NOT)),
    }


def _coded(meanings: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{word}`", meaning) for word, meaning in meanings.items()]


def _own(interface: Interface) -> str:
    return _parameters([*([interface.in_path] if interface.in_path else []), *interface.own])


def _parameters(parameters: Iterable[Parameter]) -> str:
    rows = (
        (
            f"`{one.name}`",
            "must be given" if one.required else "" if one.default is None else f"`{one.default}`",
            _values(one),
            one.meaning,
        )
        for one in parameters
    )
    return _table(("parameter", "default", "values", "meaning"), rows)


def _values(parameter: Parameter) -> str:
    schema = parameter.kind.schema(_LIMITS)
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("type") == "integer":
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    if "oneOf" in schema:
        return "an instant"
    if schema.get("type") == "array":
        return "a list"
    return f"such as `{schema['examples'][0]}`" if "examples" in schema else "text"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
