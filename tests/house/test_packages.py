"""What is imported is declared, and what is declared is locked: exact, with hashes, and no addresses."""

import re
import sys
import tomllib
from collections.abc import Iterator, Set

from house.tree import PACKAGE, ROOT, Module, holds, imports, module, modules

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
# What the tests and the bench have of their own, on the path that ./dev and pytest give them.
OURS = {PACKAGE, *(path.name.removesuffix(".py") for path in (ROOT / "tests").iterdir())}
OURS |= {path.name.removesuffix(".py") for path in ROOT.iterdir()}


# What is imported by another name than it is installed by.
IMPORTED_AS = {"argon2_cffi": "argon2"}


def names(requirements: list[str]) -> set[str]:
    """The packages of a list of requirements."""
    return {re.split(r"[^\w-]", one)[0].lower().replace("-", "_") for one in requirements}


RUNTIME = names(DECLARED["project"]["dependencies"])
DEVELOPMENT = RUNTIME | names(DECLARED["dependency-groups"]["dev"])


def undeclared(of: Module, declared: Set[str]) -> Iterator[str]:
    """The imports of packages that are neither Python's, nor ours, nor declared."""
    for line, name, _ in imports(of):
        package = name.split(".")[0]
        imported = {IMPORTED_AS.get(name, name) for name in declared}
        if package and package not in sys.stdlib_module_names | OURS | imported:
            yield f"{of.place}:{line}: `{package}` is not declared in pyproject.toml"


def badly_locked(lock: str) -> Iterator[str]:
    """The lines of a lock that are no exact version and no hash."""
    joined = lock.replace("\\\n", " ")
    for line in joined.splitlines():
        if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^/@]+?)?( +--hash=sha256:[0-9a-f]{64})+", line):
            yield f"requirements.lock: {line[:80]}"


def test_an_undeclared_import_is_seen() -> None:
    assert [*undeclared(module("def late():\n    import flask.views"), RUNTIME)]
    assert [*undeclared(module("import pytest"), RUNTIME)]
    assert not [*undeclared(module("import json, msgspec\nfrom . import x"), RUNTIME)]


def test_a_bad_line_of_a_lock_is_seen() -> None:
    a_hash = "--hash=sha256:" + "0" * 64
    assert not [*badly_locked(f"rich==15.0.0 ; sys_platform == 'win32' \\\n    {a_hash} \\\n    {a_hash}\n")]
    for bad in (
        f"rich>=15 {a_hash}",
        "rich==15.0.0",
        f"rich @ file:rich.whl {a_hash}",
        f"--index-url x {a_hash}",
        f"rich==15 ; x == 'a/b' {a_hash}",
    ):
        assert [*badly_locked(bad)]


def test_the_package_imports_only_what_its_users_get() -> None:
    holds(wrong for one in modules("src", "examples") for wrong in undeclared(one, RUNTIME))


def test_the_tests_import_only_what_setup_installs() -> None:
    holds(wrong for one in modules("tests", "bench") for wrong in undeclared(one, DEVELOPMENT))


def test_the_lock_is_exact_and_names_no_place() -> None:
    holds(badly_locked(LOCK))


def test_the_lock_has_all_that_is_declared() -> None:
    locked = {
        line.split("==")[0].replace("-", "_") for line in LOCK.splitlines() if "==" in line.split(" ")[0]
    }
    assert locked >= DEVELOPMENT
