"""What npm knows to test: the types and the logic of the wallboard."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from browser.conftest import lacking
from house.tree import ROOT

WALLBOARD = ROOT / "wallboard"


@pytest.fixture(scope="module")
def npm() -> str:
    tools = [sys.executable, WALLBOARD / "build_hook.py", "tools"]
    made = subprocess.run(tools, capture_output=True, text=True, check=False)
    program = shutil.which("npm") or shutil.which("npm", path=os.path.dirname(sys.executable))
    if made.returncode or program is None:
        lacking(made.stderr or "there is no npm")
    assert program
    return program


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_sources_of_the_wallboard_are_sound(npm: str, script: str) -> None:
    # A node that came as a Python package is on no path: it lies beside its npm.
    path = f"{os.path.dirname(npm)}{os.pathsep}{os.environ.get('PATH', '')}"
    said = subprocess.run(
        [npm, "run", script],
        cwd=WALLBOARD,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-4_000:] + said.stderr


def test_the_lock_names_no_registry_and_has_a_hash_for_every_package() -> None:
    packages = json.loads((WALLBOARD / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert packages
    assert not [name for name, one in packages.items() if "resolved" in one]
    assert not [name for name, one in packages.items() if not one["integrity"].startswith("sha512-")]
