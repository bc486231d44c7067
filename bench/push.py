"""What it costs to tell many viewers of one VDN what changes, while events come: a share of one core."""

import contextlib
import os
import resource
import selectors
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.figures import Figure, Skipped
from bench.living import CC, VDN, Living, Writer, living
from bench.requests import Connection
from bench.running import COMMAND, READY_S_MAX
from bench.sizes import Sizes
from queuepulse.live.endpoints import LINK, LIVE_PREFIX
from queuepulse.live.streams import STREAMS_PER_SESSION_MAX

SETTLE_S: Final = 3.0
"""Between the last viewer's coming and the first measurement: full states are under way."""
STEP_S: Final = 0.25
BATCHES_PER_S: Final = 10
DESCRIPTORS: Final = 512
"""What this program needs besides its viewers' connections."""
READ_BYTES: Final = 256 * 1024


def measure(sizes: Sizes) -> list[Figure]:
    """The server's processor time with viewers, less that without: as a share of one core."""
    with living(sizes._replace(center_queues=sizes.push_queues, center_agents=sizes.push_agents)) as alive:
        link = _link(alive.target.certificate.parent)
        pid = _server_pid(alive)
        with _writer(sizes, alive):
            without = _share(pid, sizes.push_s)
        with contextlib.ExitStack() as held:
            viewers = held.enter_context(_viewers(alive, link, sizes.push_viewers))
            with _writer(sizes, alive) as writer:
                viewers.read(SETTLE_S)
                before, bytes_before = _used_s(pid), viewers.bytes_read
                begun_s = time.perf_counter()
                viewers.read(sizes.push_s)
                took_s = time.perf_counter() - begun_s
                share = (_used_s(pid) - before) / took_s
                rate = (viewers.bytes_read - bytes_before) / took_s / len(viewers)
            if viewers.ended:
                raise Skipped(f"{viewers.ended} of {len(viewers)} streams ended")
    detail = (
        f"{100 * share:.1f} % with, {100 * without:.1f} % without viewers; {rate:,.0f} bytes/s to each; "
        f"{writer.sent} batches of events"
    )
    meaning = f"one core for {len(viewers):,} viewers of a VDN of {alive.queues} queues"
    return [Figure("push", meaning, 100 * (share - without), "%", detail)]


def _writer(sizes: Sizes, alive: Living) -> Writer:
    # As much as that many agents do: a call is some six events, and half of the people are in one.
    events_per_s = max(1, round(sizes.push_agents / 40 / BATCHES_PER_S))
    seconds = sizes.push_s + SETTLE_S + 5
    return Writer(alive, batches_per_s=BATCHES_PER_S, batch_events=events_per_s, seconds_max=seconds)


def _link(folder: Path) -> bytes:
    """The path of a link to the wallboard, as an address in bytes."""
    said = subprocess.run(
        [*COMMAND, "users", "link", "bench", "--for", f"{CC}/{VDN}", "--data", str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=READY_S_MAX,
    ).stdout
    return f"{LIVE_PREFIX}{LINK}{said.strip().rpartition('/')[2]}".encode()


def _server_pid(alive: Living) -> int:
    """The process of the server: its folder says which."""
    return int((alive.target.certificate.parent / "lock").read_text())


def _used_s(pid: int) -> float:
    """Processor time that a program has used so far; Linux tells."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        raise Skipped("this system does not tell what another program uses: measure on Linux")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _share(pid: int, seconds: float) -> float:
    before, begun_s = _used_s(pid), time.perf_counter()
    time.sleep(seconds)
    return (_used_s(pid) - before) / (time.perf_counter() - begun_s)


class Viewers:
    """Open streams, read by one loop that looks at nothing."""

    def __init__(self, streams: Sequence[ssl.SSLSocket]) -> None:
        self.bytes_read = 0
        self.ended = 0
        self._count = len(streams)
        self._selector = selectors.DefaultSelector()
        self._room = memoryview(bytearray(READ_BYTES))
        for stream in streams:
            stream.setblocking(False)
            self._selector.register(stream, selectors.EVENT_READ)

    def __len__(self) -> int:
        return self._count

    def read(self, seconds: float) -> None:
        """Reads what comes, for so long."""
        until_s = time.perf_counter() + seconds
        while (left_s := until_s - time.perf_counter()) > 0:
            for key, _ in self._selector.select(min(left_s, STEP_S)):
                self._read_one(key.fileobj)

    def _read_one(self, stream: object) -> None:
        assert isinstance(stream, ssl.SSLSocket)
        with contextlib.suppress(ssl.SSLWantReadError):
            while count := stream.recv_into(self._room):
                self.bytes_read += count
            self._selector.unregister(stream)
            self.ended += 1


@contextlib.contextmanager
def _viewers(alive: Living, link: bytes, count: int) -> Iterator[Viewers]:
    """So many streams, each on a connection of its own, as browsers of different people have them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + DESCRIPTORS:
        if hard != resource.RLIM_INFINITY and hard < count + DESCRIPTORS:
            raise Skipped(f"only {hard} open files are allowed: raise the limit (ulimit -Hn)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + DESCRIPTORS, hard))
    with contextlib.ExitStack() as held:
        streams = []
        for place in range(count):
            connection = held.enter_context(Connection(alive.target.host, alive.target.port))
            if place % STREAMS_PER_SESSION_MAX == 0:
                cookie = _cookie(connection, link)
            connection.socket.sendall(
                b"GET %squeues?cc=%d&vdn=%d HTTP/1.1\r\nhost: bench\r\ncookie: %s\r\n\r\n"
                % (LIVE_PREFIX.encode(), CC, VDN, cookie)
            )
            head = connection.socket.recv(READ_BYTES)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise Skipped(f"viewer {place} was refused: {head[:100]!r}")
            streams.append(connection.socket)
        yield Viewers(streams)


def _cookie(connection: Connection, link: bytes) -> bytes:
    """A session of its own, opened by the link: who comes without a cookie gets one."""
    connection.socket.sendall(b"GET %s HTTP/1.1\r\nhost: bench\r\n\r\n" % link)
    head = b""
    while b"\r\n\r\n{}" not in head:
        head += connection.socket.recv(READ_BYTES)
    (line,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"set-cookie:")]
    return line.split(b":", 1)[1].split(b";")[0].strip()
