"""A PostgreSQL of their own for tests: made once, on a socket in a folder, gone with the run."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin"))


def programs() -> Path | None:
    """The folder of the server's programs, if it is installed."""
    found = [place for place in PLACES if (place / "initdb").exists() and (place / "pg_ctl").exists()]
    on_path = shutil.which("initdb")
    return found[0] if found else Path(on_path).parent if on_path else None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """A server in that folder; gives its URL. Asks nothing of the network."""
    place = programs()
    assert place is not None
    cluster, sockets = folder / "cluster", folder / "s"
    folder.mkdir(parents=True, exist_ok=True)
    sockets.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        # It refuses to run as root.
        subprocess.run(["chown", "-R", "postgres", folder], check=True)
        for parent in (folder, *folder.parents):
            with contextlib.suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o011)
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    options = f"-k {sockets} -c listen_addresses= -c fsync=off -c max_connections=20"
    steps = [
        [place / "initdb", "-D", cluster, "-A", "trust", "-U", "queuepulse", "--no-sync", "-E", "UTF8"],
        [place / "pg_ctl", "-D", cluster, "-w", "-l", folder / "log", "-o", options, "start"],
    ]
    for step in steps:
        subprocess.run([*as_user, *step], check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgresql://queuepulse@/postgres?host={sockets}"
    finally:
        stop = [place / "pg_ctl", "-D", cluster, "-m", "immediate", "stop"]
        subprocess.run([*as_user, *stop], check=True, capture_output=True, cwd=folder)
