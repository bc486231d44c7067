"""The gate that every request passes: is the server open, which application answers, what runs now.

It is a bare ASGI callable, because the call that the product exists for passes it, too.
What may run while the server starts or ends is decided here and nowhere else; no application lives here.
"""

import asyncio
from collections.abc import MutableMapping, Sequence
from enum import Enum
from typing import Any, Final

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.asgi import App, Incoming, Receive, Scope, Send, answer

RETRY_S: Final = b"5"
"""When to come again while the server starts or ends, in seconds."""
CANCEL_S_MAX: Final = 0.5
"""What a canceled request gets to notice it: it has nothing left to wait for."""

_log: FilteringBoundLogger = structlog.get_logger()


class Phase(Enum):
    """How far the server is; the value is what clients are told."""

    STARTING = "the server is starting: it reads its log"
    OPEN = "open"
    ENDING = "the server is ending"


class Gate:
    """Sends requests to the first of `apps` whose path prefix fits, else to `pages`.

    While it is not OPEN, `apps` are closed (503); `pages`, such as the server's health, always answer.
    """

    def __init__(self, apps: Sequence[tuple[bytes, App]], pages: App) -> None:
        self.phase = Phase.STARTING
        self._apps = tuple(apps)
        self._pages = pages
        self._running: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None, "requests run in tasks"
        self._running.add(task)
        try:
            app = self._app_for(scope["raw_path"])
            if app is None:
                await self._show_page(scope, receive, send)
            elif self.phase is Phase.OPEN:
                await app(scope, receive, send)
            else:
                await _refuse(self.phase, send)
        except asyncio.CancelledError:
            # Canceled by `end`: the server closes the connection.
            if self.phase is not Phase.ENDING:
                raise
        except Exception:
            _log.exception("a request failed by our own fault", path=scope["path"])
            await answer(send, 500, b'{"error":"unknown exception"}')
        finally:
            self._running.discard(task)

    async def end(self, seconds_max: float) -> int:
        """Close; give what runs `seconds_max` to end, and end the rest. Gives the number of the rest."""
        self.phase = Phase.ENDING
        rest = await self._wait(seconds_max)
        for task in rest:
            task.cancel()
        if rest:
            await self._wait(CANCEL_S_MAX)
        return len(rest)

    def _app_for(self, path: bytes) -> App | None:
        for prefix, app in self._apps:
            if path.startswith(prefix):
                return app
        return None

    async def _show_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The framework of the pages answers their defects itself, and raises them all the same."""
        answered, incoming = False, Incoming(receive)

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal answered
            if not answered:
                await incoming.drain()
            answered = True
            await send(message)

        try:
            await self._pages(scope, incoming, noting)
        except Exception:
            if not answered:
                raise
            _log.exception("a page failed by our own fault", path=scope["path"])

    async def _wait(self, seconds_max: float) -> set[asyncio.Task[object]]:
        running = set(self._running)
        if running:
            _, running = await asyncio.wait(running, timeout=seconds_max)
        return running


async def _refuse(phase: Phase, send: Send) -> None:
    body = b'{"error":"%s"}' % phase.value.encode()
    headers = [(b"retry-after", RETRY_S)]
    if phase is Phase.ENDING:
        headers.append((b"connection", b"close"))
    await answer(send, 503, body, headers=headers)
