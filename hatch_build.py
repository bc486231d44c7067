"""Compiles the pure packages with mypyc when the project is installed: the same sources, twice as fast.

Without a C compiler nothing is lost but speed: the sources run as they are. `QUEUEPULSE_COMPILE=0` asks for
that. `./dev` calls this as a program, so that what is compiled never lags behind the sources.
"""

import fcntl
import hashlib
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).parent
SOURCES: Final = ROOT / "src"
PACKAGES: Final = ("queuepulse/engine", "queuepulse/protocol")
INTERPRETED: Final = (
    "__init__", "events", "explanations", "figures", "codes", "health", "interfaces", "keys", "views", "wire",
)  # fmt: skip
"""Tables, and values that msgspec makes: their classes are made by other means than mypyc knows."""
WORK: Final = ROOT / "build" / "compiled"
STAMP: Final = WORK / "stamp"
WALLBOARD: Final = ROOT / "wallboard" / "build_hook.py"
LIBRARY: Final = "queuepulse_compiled"
OFF: Final = "QUEUEPULSE_COMPILE"


def is_wanted() -> bool:
    """Whether nobody asked for the sources alone."""
    return os.environ.get(OFF) != "0"


def modules() -> list[Path]:
    """The modules that are compiled, relative to `SOURCES`."""
    return [
        path.relative_to(SOURCES)
        for package in PACKAGES
        for path in sorted((SOURCES / package).glob("*.py"))
        if path.stem not in INTERPRETED
    ]


def compiled() -> Iterator[Path]:
    """What was compiled and lies beside its sources."""
    yield from SOURCES.glob(f"{LIBRARY}__mypyc.*.so")
    for package in PACKAGES:
        yield from (SOURCES / package).glob("*.so")


def digest() -> str:
    """Of all that the compiled form hangs on: sources, this file, the interpreter and its library."""
    # The sources that are not compiled, too: their types are part of what is.
    sources = [path for package in PACKAGES for path in sorted((SOURCES / package).glob("*.py"))]
    whole = hashlib.sha256(f"{sys.version} {ROOT} {_library()}".encode())
    for path in (*sources, Path(__file__)):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _library() -> str:
    """The version of what the compiled form calls; none where that is not installed."""
    try:
        return metadata.version("librt")
    except metadata.PackageNotFoundError:
        return ""


def is_current() -> bool:
    """Whether what is compiled is made of the sources as they are."""
    return STAMP.is_file() and STAMP.read_text() == digest() and any(compiled())


def remove() -> None:
    """Leaves the sources alone."""
    STAMP.unlink(missing_ok=True)
    for path in list(compiled()):
        path.unlink()


def compile_in_place() -> str:
    """Compiles, beside the sources; why that was not possible, or nothing."""
    remove()
    WORK.mkdir(parents=True, exist_ok=True)
    # mypyc and the C compiler tell much; it is shown to who looks for it.
    with (WORK / "log").open("w") as log, redirect_stdout(log), redirect_stderr(log), chdir(SOURCES):
        try:
            _build()
        except (Exception, SystemExit) as error:  # whatever is missing here, the sources run
            remove()
            return f"{type(error).__name__}: {error}"
    STAMP.write_text(digest())
    return ""


def _build() -> None:
    from mypyc.build import mypycify  # noqa: PLC0415 - what is missing is told, not raised
    from setuptools import Distribution  # noqa: PLC0415

    names = [str(path) for path in modules()]
    extensions = mypycify(
        [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={WORK / 'cache'}", *names],
        opt_level="3",
        debug_level="0",
        target_dir=str(WORK),
        group_name=LIBRARY,
    )
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.inplace = True
    command.build_temp = str(WORK / "objects")
    command.ensure_finalized()
    command.run()


class CustomBuildHook(BuildHookInterface[Any]):
    """What hatchling calls for a wheel or an editable installation."""

    def dependencies(self) -> list[str]:
        """What the build of the wallboard needs beside."""
        needed: list[str] = runpy.run_path(str(WALLBOARD))["needed"]()
        return needed

    def initialize(self, version: str, into: dict[str, Any]) -> None:
        """Compiles, builds the wallboard, and puts what came of both into the wheel."""
        if version != "editable":
            runpy.run_path(str(WALLBOARD))["bring_up_to_date"]()
        if self.target_name != "wheel" or version == "editable":
            return
        if is_wanted() and (is_current() or not compile_in_place()):
            into["pure_python"] = False
            into["infer_tag"] = True
            into["force_include"] |= {str(path): str(path.relative_to(SOURCES)) for path in compiled()}


def main() -> None:
    """Brings what is compiled up to date, and says so."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second one waits, and finds all done
        _bring_up_to_date()


def _bring_up_to_date() -> None:
    if not is_wanted():
        if any(compiled()):
            remove()
            print("dev: the engine runs interpreted, as asked", file=sys.stderr)
    elif not is_current():
        print("dev: compiling the engine, half a minute ...", file=sys.stderr)
        if lacking := compile_in_place():
            print(f"dev: the engine runs interpreted, at half the speed: {lacking}", file=sys.stderr)
            print(
                f"dev: more in {WORK / 'log'}; it needs a C compiler and Python's headers.", file=sys.stderr
            )


if __name__ == "__main__":
    main()
