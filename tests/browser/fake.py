"""A server of the tests' own that speaks `/live/v1`: it shows what they want to see, when they want it.

It holds figures and decides nothing. What a real server makes of events, the tests with a real one show.
"""

import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from house.tree import ROOT
from queuepulse.engine.states import CODES

WEB = ROOT / "src" / "queuepulse" / "web"
TYPES = {
    ".html": "text/html;charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain;charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FIVE_MS = 300_000
NAME, PASSWORD = "mei", "correct horse"
Json = dict[str, Any]


def five(**counts: int) -> Json:
    """What happened in five minutes; all zeros but what is given."""
    keys = ("offered", "offered_in", "answered", "answered_in_20s", "left", "abandoned", "waits", "wait_ms")
    keys += ("wait_ms_max", "talks", "talk_ms", "talk_ms_max", "hold_ms", "idle_ms_max")
    return dict.fromkeys(keys, 0) | counts


def states(**counts: int) -> Json:
    """How many agents are in each state."""
    return dict.fromkeys(CODES, 0) | counts


def row(skill: int, name: str | None = None, **figures: Any) -> Json:
    """A queue in which nothing happens but what is given."""
    agents = figures.pop("agents", states(idle=1))
    blank: Json = {
        "skill": skill,
        "name": name,
        "waiting": 0,
        "oldest_waiting_since_ms": None,
        "in_talk": agents["talking"],
        "agents": agents,
        "signed_in": sum(agents.values()),
        "available": agents["idle"],
        "longest_idle_since_ms": None,
        "five": five(),
        "last_five": five(),
        "today": {"answered": 0, "offered": 0, "answered_in_20s": 0, "left": 0},
    }
    return blank | figures


def explained(figure: str, terms: list[Json], *, others: int = 0, **operands: int) -> Json:
    """What a figure is made of: a sum of these terms, and of some that are not listed."""
    operands = operands or {figure: sum(not term.get("why_not") for term in terms) + others}
    return {
        "figure": figure,
        "value": sum(operands.values()),
        "at_ms": 1_795_435_632_000,
        "position": 4_711,
        "operands": {
            name: {"by": "sum", "value": value, "others": others} for name, value in operands.items()
        },
        "terms_total": len(terms) + others,
        "terms": [{"adds": {} if "why_not" in term else {figure: 1}, **term} for term in terms],
    }


class Stage:
    """What the server shows. Change it, then `push`; every open stream hears of it."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.queues: dict[int, Json] = {}
        self.agents: dict[int, Json] = {}
        self.calls: dict[int, list[Json]] = {}
        self.series: dict[int, list[Json]] = {}
        self.complete_from_ms = 0
        self.explained: dict[str, Json] = {}
        self.asked: list[str] = []
        self.faults: dict[str, tuple[int, Json]] = {}
        self.health: Json = {"links": [], "repairs": {}, "lag_ms": 3, "position": 1}
        self.stale_since_ms: int | None = None
        self.user: Json = {"name": NAME, "role": "supervisor"}
        self.views = ["floor", "queue", "agents", "health"]
        self.vdns: list[Json] = [{"cc": 1, "vdn": 1, "name": "Harbor Bank", "timezone": "UTC"}]
        self.version = "1.0.0"
        self.signed_in = False
        self.refused: tuple[int, Json] | None = None
        self.streams: list[tuple[str, int | None, queue.SimpleQueue[bytes | None]]] = []
        self._guard = threading.Lock()

    def heads(self) -> Json:
        mark_ms = self.now_ms - self.now_ms % FIVE_MS
        return {
            "at_ms": self.now_ms,
            "position": self.health["position"],
            "clock_ms": self.now_ms,
            "stale_since_ms": self.stale_since_ms,
            "confident_since_ms": None,
            "day_ms": self.now_ms - self.now_ms % 86_400_000,
            "mark_ms": mark_ms,
        }

    def agents_all(self) -> Json:
        counts = states()
        for agent in self.agents.values():
            counts[agent["state"]] += 1
        return counts

    def rows(self, kind: str, skill: int | None) -> list[Json]:
        if kind == "queues":
            return list(self.queues.values())
        return [one for one in self.agents.values() if skill is None or skill in one["skills"]]

    def full(self, kind: str, skill: int | None) -> bytes:
        rows = self.rows(kind, skill)
        told = {**self.heads(), f"{kind}_total": len(rows), kind: rows}
        if kind == "queues" and self.agents:
            told["agents"] = self.agents_all()
        return message("full", told)

    def listen(self, kind: str, skill: int | None) -> "queue.SimpleQueue[bytes | None]":
        """A new stream: its messages, first a full state; None ends it."""
        messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with self._guard:
            messages.put(self.full(kind, skill))
            self.streams.append((kind, skill, messages))
        return messages

    def push(
        self, kind: str = "queues", rows: list[Json] | None = None, gone: list[int] | None = None
    ) -> None:
        """Tell every stream of that kind that these rows (or keys of them) are as they are given."""
        known, key = (self.queues, "skill") if kind == "queues" else (self.agents, "agent")
        with self._guard:
            for skill in gone or []:
                known.pop(skill, None)
            for one in rows or []:
                known[one[key]] = known.get(one[key], {}) | one
            told = {**self.heads(), f"{kind}_total": len(known), kind: rows or [], "gone": gone or []}
            for kind_wanted, _, messages in self.streams:
                if kind_wanted == kind:
                    messages.put(message("change", told))

    def hang_up(self) -> None:
        """End all streams."""
        with self._guard:
            for _, _, messages in self.streams:
                messages.put(None)
            self.streams.clear()

    def session(self) -> Json:
        return {
            "user": self.user,
            "csrf": "token",
            "views": self.views,
            "vdns": self.vdns,
            "server_at_ms": self.now_ms,
            "version": self.version,
            "skills_max": 1000,
            "push_ms": 250,
        }


def message(event: str, told: Json) -> bytes:
    """A message of a stream, in bytes."""
    return f"event: {event}\nid: {told['position']}\ndata: {json.dumps(told)}\n\n".encode()


class Answering(BaseHTTPRequestHandler):
    """Answers one request from the stage."""

    protocol_version = "HTTP/1.1"
    server: "Serving"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        stage, split = self.server.stage, urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(split.query).items()}
        name = split.path.removeprefix("/live/v1/")
        if not split.path.startswith("/live/"):
            self._file(split.path)
        elif not stage.signed_in:
            self._answer(401, {"error": "signed_out", "demo": False, "oidc": False})
        elif name == "session":
            self._answer(200, stage.session())
        elif stage.refused is not None:
            self._answer(*stage.refused)
        elif name in ("queues", "agents"):
            skill = asked.get("skill")
            self._stream(stage.listen(name, int(skill) if skill else None))
        else:
            self._short(name, asked)

    def _short(self, name: str, asked: Json) -> None:
        stage = self.server.stage
        stage.asked.append(f"{name}/{asked.get('figure', '')}".rstrip("/"))
        if name in stage.faults:
            self._answer(*stage.faults[name])
        elif name == "waiting":
            calls = stage.calls.get(int(asked["skill"]), [])
            self._answer(200, {"at_ms": stage.now_ms, "total": len(calls), "calls": calls})
        elif name == "series":
            span = range(int(asked["from_ms"]), int(asked["to_ms"]))
            found = [
                {"skill": skill, "five": [one for one in fives if one["mark_ms"] in span]}
                for skill, fives in stage.series.items()
            ]
            self._answer(200, {"complete_from_ms": stage.complete_from_ms, "queues": found})
        elif name == "explain" and asked["figure"] in stage.explained:
            self._answer(200, stage.explained[asked["figure"]])
        elif name == "health":
            self._answer(200, {"at_ms": stage.now_ms, "clock_ms": stage.now_ms, **stage.health})
        else:
            self._answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        stage = self.server.stage
        told = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"null")
        if self.path == "/live/v1/sign-in":
            stage.signed_in = told == {"name": NAME, "password": PASSWORD}
            self._answer(*((200, stage.session()) if stage.signed_in else (401, {"error": "wrong"})))
        elif self.headers.get("x-csrf-token") != "token":
            self._answer(403, {"error": "csrf"})
        else:
            stage.signed_in = False
            stage.hang_up()
            self._answer(200, {})

    def _answer(self, status: int, told: Json) -> None:
        self._bytes(status, json.dumps(told).encode(), "application/json")

    def _file(self, path: str) -> None:
        file = WEB / ("index.html" if path == "/" else path.lstrip("/"))
        if file.is_file() and WEB in file.parents:
            self._bytes(200, file.read_bytes(), TYPES[file.suffix])
        else:
            self._answer(404, {"error": "not_found"})

    def _bytes(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, messages: "queue.SimpleQueue[bytes | None]") -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while (told := messages.get()) is not None:
                self.wfile.write(told)
        except OSError:
            pass


class Serving(ThreadingHTTPServer):
    """The server of one stage."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, stage: Stage, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answering)
        self.stage = stage
        self._taken: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        taken, address = super().get_request()
        self._taken.append(taken)
        return taken, address

    def hang_up(self) -> None:
        """End all connections, those that rest, too: a program that is gone has none."""
        for taken in self._taken:
            with suppress(OSError):
                taken.shutdown(socket.SHUT_RDWR)


@contextmanager
def staged(stage: Stage, port: int = 0) -> Iterator[str]:
    """Serve the stage, on a free port or that one; gives the address."""
    with Serving(stage, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            stage.hang_up()
            server.hang_up()


def web_is_built() -> bool:
    return Path(WEB, "index.html").is_file()
