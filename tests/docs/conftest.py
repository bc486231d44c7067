"""A real server for the commands and the programs of the documents: one for all of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from house.tree import ROOT

# What the page types, and what is run: the Python of the tests, and the package that is tested.
PROGRAMS = {"python": "", "queuepulse": "-m queuepulse"}


class Running(NamedTuple):
    """A server that anybody on this machine may ask; its data folder is the default one of `environment`."""

    url: str
    folder: Path
    environment: dict[str, str]
    ak: str
    sk: str


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    for name, arguments in PROGRAMS.items():
        program = home / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        program.chmod(0o755)
    queuepulse = home / "bin" / "queuepulse"
    environment = {name: text for name, text in os.environ.items() if not name.startswith("QUEUEPULSE_")}
    environment |= {"HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    environment["PYTHONPATH"] = f"{ROOT / 'src'}:{environment.get('PYTHONPATH', '')}"
    secrets = told_by(queuepulse, ["keys", "add", "documents", "--cc", "1", "--ingest"], environment)
    named = dict(line.split() for line in secrets.splitlines())
    environment |= {f"QUEUEPULSE_{name}": secret for name, secret in named.items()}
    server = subprocess.Popen(
        [queuepulse, "serve", "--host", "127.0.0.1", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        lines = map(json.loads, server.stderr)
        ready = next(line for line in lines if line["event"] == "ready")
        folder = home / ".local" / "share" / "queuepulse"
        yield Running(ready["url"], folder, environment, named["AK"], named["SK"])
    finally:
        server.terminate()
        server.communicate(timeout=30)


def told_by(program: Path, arguments: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(
        [program, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
