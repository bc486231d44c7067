"""A real server program for tests, and rough clients that do what no library would."""

import json
import os
import queue
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

WAIT_S = 20.0
"""Longer than anything here takes on a slow machine; a test that waits for it has failed."""
H2_START = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
STALLED = (
    b"POST /ingest/v1/events?cc=1&vdn=1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n"
    b"authorization: Bearer nobodys\r\ncontent-length: 100\r\n\r\nhalf"
)


class Running:
    """`queuepulse serve` on a free port."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.lines: list[str] = []
        self._connections: list[socket.socket] = []
        self._fresh: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.program = subprocess.Popen(
            [sys.executable, "-m", "queuepulse", "serve", "--data", str(folder), *arguments],
            env={**_outside(), **{f"QUEUEPULSE_{name}": value for name, value in variables.items()}},
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.program.stderr is not None
        with self.program.stderr as lines:
            for line in lines:
                self._fresh.put(line)
        self._fresh.put(None)

    def until_told(self, what: str) -> dict[str, Any]:
        """The next log line with this event."""
        while (line := self._fresh.get(timeout=WAIT_S)) is not None:
            self.lines.append(line)
            if line.startswith("{") and (told := json.loads(line))["event"] == what:
                return dict(told)
        raise AssertionError(f"it ended without {what!r}: {self.lines}")

    def ready(self) -> "Running":
        told = self.until_told("ready")
        self.url: str = told["url"]
        self.fingerprint: str = told.get("certificate_sha256", "")
        self.port = urlsplit(self.url).port
        return self

    def wait(self) -> int:
        """Its exit status, when it has ended; all its lines are in `lines` then."""
        status = self.program.wait(WAIT_S)
        while (line := self._fresh.get(timeout=WAIT_S)) is not None:
            self.lines.append(line)
        return status

    def signal(self, number: signal.Signals) -> None:
        self.program.send_signal(number)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=False, timeout=WAIT_S, **options)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)
        self._connections.append(connection)
        return connection

    def secure(self, *protocols: str, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        context = context or lenient()
        if protocols:
            context.set_alpn_protocols(list(protocols))
        connection = context.wrap_socket(self.connect(), server_hostname="localhost")
        self._connections.append(connection)
        return connection

    def kill(self) -> None:
        self.program.kill()
        self.program.wait()
        for connection in self._connections:
            connection.close()


def _outside() -> dict[str, str]:
    """The environment of the tests but for what would set the server, or be none of its settings."""
    return {name: text for name, text in os.environ.items() if not name.startswith("QUEUEPULSE_")}


def lenient() -> ssl.SSLContext:
    """Trusts everybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def serving(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    running = Running(folder, "--host", "127.0.0.1", "--port", "0", *arguments, **variables)
    try:
        yield running.ready()
    finally:
        running.kill()


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again; what is asked takes a while by itself, so nothing sleeps here."""
    asked = threading.Event()
    for _ in range(int(WAIT_S / 0.02)):
        if condition():
            return
        asked.wait(0.02)
    raise AssertionError("it never came true")


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes, after whatever it still says."""
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
