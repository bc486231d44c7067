"""`./dev` on machines that lack something: it says what, and how to get it, and leaves nothing behind."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from house.tree import ROOT

# Stands before the real Python and knows less than it.
PYTHON = """#!/bin/sh
case "$*" in *{unknown}*) exit 1 ;; esac
exec {real} "$@"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with a fresh copy of the script, and beside it the few programs of this machine."""
    for name in ("dev", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "cat").symlink_to(shutil.which("cat") or "")
    return tmp_path


def dev(machine: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with no other programs than those of the machine."""
    shell = shutil.which("sh")
    assert shell
    return subprocess.run(
        [shell, machine / "dev", *arguments],
        env={"PATH": str(machine / "programs"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def put_python(machine: Path, name: str, unknown: str) -> None:
    program = machine / "programs" / name
    program.write_text(PYTHON.format(unknown=unknown, real=sys.executable))
    program.chmod(0o755)


def test_without_python_it_says_how_to_get_it(machine: Path) -> None:
    said = dev(machine, "demo")
    assert said.returncode == 1
    assert "needs Python 3.11 or newer" in said.stderr
    assert "apt-get install python3" in said.stderr
    assert not (machine / ".venv").exists()


def test_a_python_that_is_too_old_is_none(machine: Path) -> None:
    put_python(machine, "python3", unknown="version_info")
    assert "needs Python 3.11 or newer" in dev(machine, "test").stderr


def test_without_venv_it_names_the_package_of_that_python(machine: Path) -> None:
    put_python(machine, "python3", unknown="ensurepip")
    said = dev(machine, "setup")
    assert said.returncode == 1
    assert f"apt-get install python{sys.version_info.major}.{sys.version_info.minor}-venv" in said.stderr
    assert not (machine / ".venv").exists()


def test_a_chosen_python_that_is_not_there_is_named(machine: Path) -> None:
    said = dev(machine, "setup", PYTHON="python9.9")
    assert said.returncode == 1
    assert "python9.9" in said.stderr


def test_an_unknown_command_shows_those_there_are(machine: Path) -> None:
    said = dev(machine, "dance")
    assert said.returncode == 1
    assert "no command 'dance'" in said.stderr
    assert "usage: ./dev" in said.stderr


def test_without_a_command_it_shows_what_it_can_do(machine: Path) -> None:
    assert dev(machine, "help").returncode == 0
    assert dev(machine).stdout == dev(machine, "--help").stdout
