"""Requests as bytes, signed once and sent often, and a connection that sends them and reads the answers.

A blocking client in as few steps as it takes: what it costs is taken from the server's processor time.
"""

import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from queuepulse.protocol import signature
from queuepulse.protocol.interfaces import INGEST_PATH, NDJSON, SKILL_STATE
from queuepulse.protocol.wire import CONTENT_TYPE

TIMEOUT_S: Final = 30.0
READ_BYTES: Final = 256 * 1024


class Target(NamedTuple):
    """A server, the file of its certificate and private key, a key to ask and send with, its BMS's port."""

    host: str
    port: int
    certificate: Path
    ak: str
    sk: str
    token: str
    bms_port: int

    @property
    def netloc(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.netloc}"


class Question(NamedTuple):
    """A signed stateinfo request, in parts."""

    path: str
    headers: dict[str, str]
    body: bytes

    def as_bytes(self) -> bytes:
        """The whole request over HTTP/1.1."""
        return _request(self.path, self.headers, self.body)


def question(target: Target, cc: int, vdn: int, skill_ids: Sequence[int]) -> Question:
    """Asks for these queues; its signature is good for a quarter of an hour."""
    body = msgspec.json.encode({"ccId": cc, "vdn": vdn, "skillIds": list(skill_ids)})
    headers = {"host": target.netloc, "content-type": CONTENT_TYPE}
    signed = signature.Request(
        "POST",
        SKILL_STATE.path.encode(),
        b"",
        [(name.encode(), value.encode()) for name, value in headers.items()],
        body,
    )
    now_ms = time.time_ns() // 1_000_000
    headers["authorization"] = signature.sign(target.ak, target.sk, now_ms, signed, list(headers))
    return Question(SKILL_STATE.path, headers, body)


def batch(target: Target, cc: int, vdn: int, body: bytes) -> bytes:
    """Posts a batch of events with the token."""
    headers = {
        "host": target.netloc,
        "content-type": NDJSON,
        "authorization": f"Bearer {target.token}",
    }
    return _request(f"{INGEST_PATH}?cc={cc}&vdn={vdn}", headers, body)


def _request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


class Connection:
    """One TLS connection that stays open. It trusts whoever answers: that is the bench's own server."""

    def __init__(self, host: str, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((host, port), TIMEOUT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain)
        self._room = memoryview(bytearray(READ_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Sends a request and gives the status and the body of the answer. Raises OSError."""
        self.socket.sendall(request)
        head, body = b"", bytearray()
        while b"\r\n\r\n" not in head:
            head += self._received()
        head, _, rest = head.partition(b"\r\n\r\n")
        body += rest
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        while len(body) < length:
            body += self._received()
        return int(head.split(b" ", 2)[1]), bytes(body)

    def _received(self) -> memoryview:
        count = self.socket.recv_into(self._room)
        if count == 0:
            raise ConnectionError("the server closed the connection in the middle of an answer")
        return self._room[:count]
