"""A real `queuepulse serve` in a program of its own, on the loopback. Waits have deadlines, none is fixed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from queuepulse.client import Client
from queuepulse.people import Scope
from queuepulse.stores.keys import KeyStore

READY_S_MAX: Final = 60.0
"""What a start may take on a busy machine; it is a second on a quiet one."""
HURRIED: Final = Path(__file__).with_name("hurried.py")
TESTS: Final = HURRIED.parent.parent


class Secrets(NamedTuple):
    """One key for everything: it may see and send all."""

    ak: str
    sk: str
    token: str

    def client(self, url: str) -> Client:
        """A client that asks with the signature and sends with the token."""
        return Client(url, now=time.time, ak=self.ak, sk=self.sk, token=self.token, insecure=True)


def make_key(folder: Path) -> Secrets:
    """Make a key in a data folder, as `queuepulse keys add` does."""
    with KeyStore(folder, None) as keys:
        made = keys.add("simulation", [Scope(None, None)], now_ms(), True)
    assert made.token is not None
    return Secrets(made.ak, made.sk, made.token)


def now_ms() -> int:
    """Epoch milliseconds, by the clock that servers on this machine read."""
    return time.time_ns() // 1_000_000


class Server:
    """A server that was started; ready or not. `told` are its lines on stderr so far.

    `environment` is added to ours, from which settings of QueuePulse are taken out.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        program: Sequence[str] = ("-m", "queuepulse"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.told: list[str] = []
        self.url = ""
        self._heard = threading.Event()
        ours = {name: text for name, text in os.environ.items() if not name.startswith("QUEUEPULSE_")}
        self._child = subprocess.Popen(
            [sys.executable, *program, "serve", "--data", str(folder), "--port", "0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**ours, **(environment or {})},
        )
        self.pid = self._child.pid
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def wait_until_ready(self) -> bool:
        """Whether it came to be ready; if not, it has ended. Too long is an AssertionError."""
        if not self._heard.wait(READY_S_MAX):
            self.kill()
            raise AssertionError(f"not ready within {READY_S_MAX} s; it told:\n{self.text()}")
        return bool(self.url)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in that time; comes back as soon as it does."""
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> int:
        """End it by SIGKILL, if it has not ended yet; its exit status."""
        self._child.kill()
        return self._finish()

    def terminate(self, seconds_max: float) -> int:
        """Ask it to end; its exit status. Too long is subprocess.TimeoutExpired."""
        self._child.send_signal(signal.SIGTERM)
        self._child.wait(seconds_max)
        return self._finish()

    def status(self, seconds_max: float = READY_S_MAX) -> int:
        """Its exit status, once it has ended by itself. Too long is subprocess.TimeoutExpired."""
        self._child.wait(seconds_max)
        return self._finish()

    def text(self) -> str:
        """All that it told."""
        return "".join(self.told)

    def _finish(self) -> int:
        status = self._child.wait()
        self._listener.join()
        assert self._child.stderr is not None
        self._child.stderr.close()
        return status

    def _listen(self) -> None:
        assert self._child.stderr is not None
        for line in self._child.stderr:
            self.told.append(line)
            if not self.url and (url := _fields(line).get("url")):
                self.url = str(url)
                self._heard.set()
        # Who waits for a server that has ended would wait in vain.
        self._heard.set()


def _fields(line: str) -> dict[str, Any]:
    """What a line of the server's log says; nothing if it is no such line."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
