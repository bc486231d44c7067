"""A real server in a process of its own, on a folder that is thrown away."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.figures import Skipped
from bench.requests import Connection, Target
from queuepulse.certificates import DEVELOPMENT_FILE

HOST: Final = "127.0.0.1"
READY_S_MAX: Final = 60.0
END_S_MAX: Final = 15.0
POLL_S: Final = 0.005
READY_REQUEST: Final = b"GET /readyz HTTP/1.1\r\nhost: bench\r\n\r\n"
LIMITS: Final = {
    "QUEUEPULSE_LIMITS_REQUESTS_PER_S_PER_KEY": "1000000",
    "QUEUEPULSE_LIMITS_EVENTS_PER_S_PER_KEY": "10000000",
}
"""The bench asks and sends with one key, and more than any one client may by default."""
BMS_TOKEN: Final = "the-internal-token-of-the-bench-and-nobody-else"
COMMAND: Final = (sys.executable, "-m", "queuepulse")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="queuepulse-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def program(command: list[str], place: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program until the block ends; what it writes is in `place`, to be told if it fails."""
    with (place / "output.txt").open("ab") as output:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | variables,
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def output_of(place: Path) -> str:
    """The last that a program wrote."""
    return (place / "output.txt").read_text(errors="replace")[-2_000:]


@contextlib.contextmanager
def server(command: Sequence[str] = COMMAND) -> Iterator[Target]:
    """A server on an empty folder, ready, and a key that may everything."""
    with folder() as place:
        said = subprocess.run(
            [*COMMAND, "keys", "add", "bench", "--global", "--ingest", "--data", str(place)],
            capture_output=True,
            text=True,
            check=True,
            timeout=READY_S_MAX,
        ).stdout
        key = dict(line.split() for line in said.splitlines())
        bms_port = free_port()
        with serving(place, "--bms-listen", f"{HOST}:{bms_port}", command=command) as port:
            certificate = place / DEVELOPMENT_FILE
            yield Target(HOST, port, certificate, key["AK"], key["SK"], key["TOKEN"], bms_port)


@contextlib.contextmanager
def gateway(before: Target) -> Iterator[Target]:
    """A gateway before the BMS of this server, ready; it has the same keys and the same certificate."""
    place = before.certificate.parent
    with serving(place, "--bms-url", f"https://{HOST}:{before.bms_port}") as port:
        yield before._replace(port=port)


@contextlib.contextmanager
def serving(place: Path, *arguments: str, command: Sequence[str] = COMMAND) -> Iterator[int]:
    """A server on this folder, ready; gives its port."""
    port = free_port()
    trust = {"QUEUEPULSE_BMS_CA": str(place / DEVELOPMENT_FILE)} if "--bms-url" in arguments else {}
    line = [*serve_command(place, port, command), *arguments]
    with program(line, place, QUEUEPULSE_BMS_TOKEN=BMS_TOKEN, **LIMITS, **trust) as running:
        wait_ready(port, running, place)
        yield port


def serve_command(place: Path, port: int, command: Sequence[str] = COMMAND) -> list[str]:
    """What starts a server on this folder."""
    return [*command, "serve", "--data", str(place), "--host", HOST, "--port", str(port)]


def wait_ready(port: int, running: subprocess.Popen[bytes], place: Path) -> None:
    """Returns when /readyz is answered with 200. Raises Skipped if that never comes."""
    until_s = time.monotonic() + READY_S_MAX
    while time.monotonic() < until_s and running.poll() is None:
        with contextlib.suppress(OSError), Connection(HOST, port) as connection:
            while time.monotonic() < until_s:
                if connection.ask(READY_REQUEST)[0] == 200:
                    return
                time.sleep(POLL_S)
        time.sleep(POLL_S)
    raise Skipped(f"the server did not get ready; it said: {output_of(place)}")
