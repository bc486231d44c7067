"""The connection to a switch: opened, kept, given up and opened again; its events go to the log in order.

Here are the sockets. What is said on them, and what it means, is a dialect's.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from queuepulse.engine.events import Event, LinkLost, LinkRestored
from queuepulse.ports import Clock, Ingest
from queuepulse.sources.dialects import Dialect, LinkTrouble
from queuepulse.sources.guarded import Defect, Guarded
from queuepulse.sources.outlet import Address, Chance, Outlet, Source, count_nothing

READ_BYTES: Final = 256 * 1024
"""Taken at once: while a batch gets durable, a busy switch says about so much."""
SLICE_BYTES: Final = 16 * 1024
"""Translated in one step: some thirty messages, less than a millisecond."""
WAIT_S_MIN: Final = 0.02
"""Shortest wait for more: what is due that soon is taken together."""
RETRY_FIRST_S: Final = 1.0
RETRY_S_MAX: Final = 30.0
"""A switch that is back is seen again within so much."""
_log: FilteringBoundLogger = structlog.get_logger()


class Patience(NamedTuple):
    """How long a switch may take (s): to let us connect, to log us in, and to say anything.

    After `ping_s` of silence it is asked to say something, after `silent_s` it is given up.
    """

    connect_s: float = 10.0
    login_s: float = 10.0
    ping_s: float = 10.0
    silent_s: float = 30.0


PATIENCE: Final = Patience()
"""Half a minute of silence is no pause of a switch that was asked thrice to speak."""


class Link:
    """One source: a dialect, the connection that it is spoken on, and where the events go.

    `new_dialect` makes one that knows nothing yet. `on_defect` is called each time that one failed by our own
    fault. `tap` is given all bytes from the switch, as they come.
    """

    def __init__(
        self,
        source: Source,
        new_dialect: Callable[[], Dialect],
        ingest: Ingest,
        clock: Clock,
        chance: Chance,
        patience: Patience = PATIENCE,
        tap: Callable[[bytes], None] | None = None,
        on_defect: Callable[[], None] = count_nothing,
    ) -> None:
        self.source = source
        self._dialect = Guarded(new_dialect)
        self._outlet = Outlet(source, ingest, chance, on_defect)
        self._clock = clock
        self._chance = chance
        self._patience = patience
        self._tap = tap
        self._told = ""
        self._is_lost = False

    async def run(self) -> None:
        """Listen to the switch for ever; whatever it does, only a fault of ours ends this."""
        # Until the switch is seen, what the log knows of it is old.
        await self._lose()
        delay_s = RETRY_FIRST_S
        while True:
            try:
                await self.listen()
            except (OSError, LinkTrouble) as error:
                self._tell(explained(error, self.source.address, self._dialect.hint, self._patience))
                if self._dialect.is_in:
                    delay_s = RETRY_FIRST_S
                    await self._lose()
            except Defect as defect:
                # The delay grows: what made it fail may be the first thing that the switch says again.
                self._begin_anew(defect)
                await self._lose()
            # Not all at once, when one switch was the neighbour of many.
            await self._chance.sleep(delay_s * (1 + self._chance.jitter()) / 2)
            delay_s = min(RETRY_S_MAX, 2 * delay_s)

    async def _lose(self) -> None:
        try:
            self._dialect.disconnected(self._clock.now_ms())
        except Defect as defect:
            self._begin_anew(defect)
            self._dialect.disconnected(self._clock.now_ms())
        await self._hand_on()

    def _begin_anew(self, defect: Defect) -> None:
        """What the dialect knew is of no use any more: the next picture of the switch tells all."""
        consequence = "The connection is given up and taken anew, with a new picture."
        self._outlet.tell_defect(defect.__cause__ or defect, consequence)
        self._dialect.renew()

    async def listen(self) -> None:
        """One connection, from its beginning to its end. Always raises OSError, LinkTrouble or Defect."""
        reader, writer = await connected(self.source.address, self._patience.connect_s)
        try:
            writer.write(self._dialect.opened(self._chance.token()))
            await self._converse(reader, writer)
        finally:
            # No farewell: who does not read what we send would keep us.
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialect, clock, patience = self._dialect, self._clock, self._patience
        login_by_s = clock.elapsed() + patience.login_s
        heard_s = pinged_s = clock.elapsed()
        malformed = 0
        while True:
            wakes_s = min(max(heard_s, pinged_s) + patience.ping_s, heard_s + patience.silent_s)
            piece = await self._read(reader, self._wait_s(wakes_s if dialect.is_in else login_by_s))
            if piece is not None:
                heard_s = clock.elapsed()
                await self._take(piece, writer)
            now_s = clock.elapsed()
            if not dialect.is_in and now_s >= login_by_s:
                raise LinkTrouble(
                    f"There was no login within {patience.login_s:g} s: is this the right port? Look at"
                    f" {dialect.hint}."
                )
            writer.write(dialect.advance(clock.now_ms()))
            await self._hand_on()
            if piece is None and now_s - heard_s >= patience.silent_s:
                raise LinkTrouble(f"The switch was silent for {patience.silent_s:g} s.")
            if dialect.is_in and now_s - max(heard_s, pinged_s) >= patience.ping_s:
                pinged_s = now_s
                writer.write(dialect.ping())
            if dialect.trouble:
                self._tell(f"The switch answers, but {dialect.trouble}.")
            if dialect.malformed and not malformed:
                malformed = dialect.malformed
                _log.warning("a switch says what cannot be read: it is passed over", source=self.source.name)

    def _wait_s(self, wakes_s: float) -> float:
        """How long to wait for bytes: until the clock says `wakes_s`, or the dialect has something to do."""
        wait_s = wakes_s - self._clock.elapsed()
        due_ms = self._dialect.due_ms()
        if due_ms is not None:
            wait_s = min(wait_s, (due_ms - self._clock.now_ms()) / 1000)
        return max(wait_s, WAIT_S_MIN)

    async def _read(self, reader: asyncio.StreamReader, wait_s: float) -> bytes | None:
        """What came, or None if nothing did in time. Raises LinkTrouble at the end of the connection."""
        try:
            async with asyncio.timeout(wait_s) as limit:
                piece = await reader.read(READ_BYTES)
        except TimeoutError:
            if not limit.expired():
                raise  # the system gave the connection up
            return None
        if not piece and self._dialect.is_in:
            raise LinkTrouble("The switch closed the connection.")
        if not piece:
            raise LinkTrouble(
                f"{self.source.address} closed the connection before the login: is this the right port, and"
                f" with or without TLS? Look at {self._dialect.hint}."
            )
        return piece

    async def _take(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        arrived_ms = self._clock.now_ms()
        if self._tap is not None:
            self._tap(piece)
        for start in range(0, len(piece), SLICE_BYTES):
            writer.write(self._dialect.take(piece[start : start + SLICE_BYTES], arrived_ms))
            if len(piece) > SLICE_BYTES:
                await asyncio.sleep(0)

    async def _hand_on(self) -> None:
        """Gives the events to the log. While it cannot be written, nothing is read from the switch."""
        events = [event for event in self._dialect.events() if self._is_news(event)]
        if not events:
            return
        await self._outlet.deliver(events)
        if any(isinstance(event, LinkRestored) for event in events):
            self._told = ""
            _log.info("a switch is in sight", source=self.source.name, greeting=self._dialect.greeting)

    def _is_news(self, event: Event) -> bool:
        """A lost link is told once, however many connections fail until the switch is seen."""
        was_lost = self._is_lost
        if isinstance(event, LinkLost | LinkRestored):
            self._is_lost = isinstance(event, LinkLost)
        return not (was_lost and isinstance(event, LinkLost))

    def _tell(self, reason: str) -> None:
        """One line for a trouble, however often it is tried again."""
        if reason != self._told:
            self._told = reason
            _log.warning(
                "a switch is out of sight, and is tried again", source=self.source.name, reason=reason
            )


async def connected(address: Address, timeout_s: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to this address. Raises OSError or LinkTrouble."""
    context = None
    if address.tls:
        # Reads files, every time: a renewed one counts.
        ca = None if address.ca is None else str(address.ca)
        context = await asyncio.to_thread(ssl.create_default_context, cafile=ca)
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.open_connection(address.host, address.port, ssl=context, limit=READ_BYTES)
    except UnicodeError:
        raise LinkTrouble(f"{address.host} is no name of a host.") from None


def explained(error: Exception, address: Address, hint: str, patience: Patience) -> str:
    """What happened on the way to a switch, and what to do, for a person."""
    told = f"The connection to {address} broke: {error}."
    match error:
        case LinkTrouble():
            told = str(error)
        case ssl.SSLCertVerificationError():
            told = (
                f"The certificate of {address} is refused ({error.verify_message}): give the file of its"
                " authority as `ca`, and as `host` a name that the certificate has."
            )
        case ssl.SSLError():
            told = (
                f"TLS with {address} fails ({error.reason}): is that its port for TLS, and `ca` a PEM file?"
            )
        case FileNotFoundError() | PermissionError():
            told = f"The file {address.ca} of the setting `ca` cannot be read: {error.strerror}."
        case ConnectionRefusedError():
            told = f"Nothing listens at {address}: does the switch run? Look at {hint}."
        case TimeoutError():
            told = f"{address} did not answer in {patience.connect_s:g} s: check host, port and firewalls."
        case socket.gaierror():
            told = f"There is no host {address.host}: {error.strerror}."
    return told
