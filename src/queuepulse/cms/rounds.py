"""Equal questions that wait at the same time are asked once, and share the answer.

A question joins no round that has begun: what was acknowledged before it came must be in its answer. It joins
the next one, as writers share a commit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Rounds(Generic[Key, Answer]):
    """At most one round of a question runs, and at most one waits for it to end."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Answer]] = {}
        self._waiting: dict[Key, asyncio.Task[Answer]] = {}

    async def ask(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of a round that begins now or later; raises what `ask` raises.

        Who is canceled meanwhile takes nothing from the others.
        """
        # One that waits has not begun, also where the one before has just ended.
        task = self._waiting.get(key)
        if task is None:
            running = self._running.get(key)
            if running is None:
                task = self._running[key] = asyncio.create_task(self._round(key, ask))
            else:
                task = self._waiting[key] = asyncio.create_task(self._after(running, key, ask))
        return await asyncio.shield(task)

    async def _after(
        self, before: asyncio.Task[Answer], key: Key, ask: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        await asyncio.wait([before])
        self._running[key] = self._waiting.pop(key)
        return await self._round(key, ask)

    async def _round(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await ask()
        finally:
            del self._running[key]
