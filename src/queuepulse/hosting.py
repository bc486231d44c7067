"""A VDN that lives on this machine: its engine, and how far that has come. What goes on with it is `hub`."""

import asyncio

from queuepulse.engine.vdn import Vdn


class Hosted:
    """One VDN that lives here: its engine, and how far into the log that has come.

    `position` is that of the last event folded, log-wide. `folded` is done when all batches so far are.
    `unkept` counts the events since the last snapshot, which was taken at `kept_s`. The last events that
    others sent came at `told_s`.
    """

    __slots__ = ("engine", "folded", "kept_s", "position", "told_s", "unkept")

    def __init__(self, engine: Vdn, position: int, now_s: float) -> None:
        self.engine = engine
        self.position = position
        self.folded: asyncio.Future[None] | None = None
        self.unkept = 0
        self.kept_s = now_s
        self.told_s = now_s
