"""The live interface over a real server: HTTPS, both HTTP versions, other programs, signals, restarts."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from queuepulse.people import Scope
from queuepulse.stores.keys import KeyStore
from server.running import Running, is_closed, serving, until

PASSWORD = "correct horse"
HOSTILE = '<script>alert("1")</script>\u202e😀'


def users(folder: Path, *arguments: str, typed: str = "") -> str:
    """What `queuepulse users` prints."""
    command = [sys.executable, "-m", "queuepulse", "users", *arguments, "--data", str(folder)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=True).stdout


def prepared(folder: Path) -> str:
    """A data folder with people and a key; gives the key's token."""
    folder.mkdir(exist_ok=True)
    with KeyStore(folder) as keys:
        token = keys.add("test", [Scope()], 0, ingests=True).token
    assert token is not None
    for name, sees in (("ann", "1/1"), ("ben", "1/2")):
        users(folder, "add", name, "--for", sees, "--password-stdin", typed=f"{PASSWORD}\n")
    return token


class Site:
    """A server with people, its data folder, and what is sent to it."""

    def __init__(self, running: Running, folder: Path, token: str) -> None:
        self.running, self.folder, self.token = running, folder, token

    def tell(self, *events: dict[str, Any], vdn: int = 1) -> None:
        with self.running.client() as client:
            answer = client.post(
                f"/ingest/v1/events?cc=1&vdn={vdn}",
                json=events,
                headers={"authorization": f"Bearer {self.token}"},
            )
        assert answer.status_code == 200, answer.text

    @contextmanager
    def signed_in(self, name: str = "ann", **options: Any) -> Iterator[httpx.Client]:
        with self.running.client(**options) as client:
            answer = client.post("/live/v1/sign-in", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client


@contextmanager
def site(folder: Path, **variables: str) -> Iterator[Site]:
    token = prepared(folder)
    with serving(folder, **variables) as running:
        yield Site(running, folder, token)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shared") / "folder") as made:
        made.tell(
            {"type": "skill_configured", "skill": 1, "name": HOSTILE},
            {"type": "agent_signed_in", "agent": 7, "skills": [1]},
        )
        made.tell({"type": "call_offered", "call": "S", "skill": 99}, vdn=2)
        yield made


class Stream:
    """Messages of a stream, as they come."""

    def __init__(self, client: httpx.Client, path: str, last_id: str = "") -> None:
        headers = {"last-event-id": last_id} if last_id else {}
        self._opened = client.stream("GET", f"/live/v1/{path}", headers=headers)
        self.answer = self._opened.__enter__()
        self._lines = self.answer.iter_lines()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.__exit__(None, None, None)

    def next(self) -> tuple[str, str, dict[str, Any]]:
        """The next message: event, id, data."""
        found: dict[str, str] = {}
        for line in self._lines:
            name, _, text = line.partition(": ")
            found[name] = text
            if not line and "data" in found:
                return found["event"], found["id"], json.loads(found["data"])
        raise AssertionError("the stream ended")

    def until_end(self) -> None:
        for _ in self._lines:
            pass


@pytest.mark.parametrize("http2", [False, True])
def test_a_number_changes_within_a_second_of_its_event(shared: Site, http2: bool) -> None:
    with shared.signed_in(http2=http2) as client, Stream(client, "queues?cc=1&vdn=1") as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        event, _, full = stream.next()
        assert event == "full"
        assert full["queues"][0]["name"] == HOSTILE
        before = full["queues"][0]["waiting"]
        shared.tell({"type": "call_offered", "call": f"C{http2}", "skill": 1})
        event, _, change = stream.next()
        (row,) = change["queues"]
        assert (event, row["waiting"]) == ("change", before + 1)
        assert change["at_ms"] - change["clock_ms"] < 1_000


def test_nobody_gets_in_by_another_way(shared: Site) -> None:
    paths = [
        f"{path}?cc=1&vdn=2&skill=99&skills=99&from_ms=0&to_ms=0&figure=waiting"
        for path in ("queues", "agents", "waiting", "health", "series", "explain")
    ]
    with shared.signed_in("ann") as ann, shared.signed_in("ben") as ben, shared.running.client() as nobody:
        for path in paths:
            assert ann.get(f"/live/v1/{path}").status_code == 403
            assert nobody.get(f"/live/v1/{path}").status_code == 401
            for trick in (
                f"/live/v1//{path}",
                f"/live/v1/./{path}",
                f"/LIVE/v1/{path}",
                f"/live/v1/%71{path[1:]}",
            ):
                heard = ann.get(trick)
                assert heard.status_code in (403, 404) and "99" not in heard.text
        with Stream(ben, "queues?cc=1&vdn=2") as stream:
            assert stream.next()[2]["queues"][0]["skill"] == 99
        vdns = [(vdn["cc"], vdn["vdn"]) for vdn in ann.get("/live/v1/session").json()["vdns"]]
        assert vdns == [(1, 1)]
    # A key of the API opens no wallboard, and a session asks no API.
    with shared.running.client(headers={"authorization": f"Bearer {shared.token}"}) as keyed:
        assert keyed.get("/live/v1/health?cc=1&vdn=1").status_code == 401
    with shared.signed_in() as ann:
        assert ann.post("/rest/cmsapp/v1/openapi/skill/stateinfo", json={}).status_code == 401
        assert ann.post("/ingest/v1/events?cc=1&vdn=1", json=[]).status_code == 401


def test_the_page_says_how_to_build_it_or_is_there(shared: Site) -> None:
    with shared.running.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "wallboard" in page.text.lower() or "<!doctype html>" in page.text.lower()
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert client.get("/nowhere").status_code == 404
        assert client.post("/").status_code == 405


def test_another_program_ends_a_user_a_link_and_their_streams(tmp_path: Path) -> None:
    with site(tmp_path / "folder") as made, made.running.client() as screen, made.signed_in() as client:
        made.tell({"type": "call_offered", "call": "A", "skill": 1})
        link = users(made.folder, "link", "wall", "--for", "1/1", "--views", "floor").strip()
        path = "/live/v1/link/" + link.rpartition("/")[2]
        until(lambda: screen.get(path).status_code == 303)
        assert screen.get("/live/v1/session").json()["user"] == {"name": "wall", "role": "link"}
        assert screen.get("/live/v1/agents?cc=1&vdn=1").status_code == 403
        with Stream(screen, "queues?cc=1&vdn=1") as on_wall, Stream(client, "queues?cc=1&vdn=1") as of_ann:
            assert (on_wall.next()[0], of_ann.next()[0]) == ("full", "full")
            (line,) = [line for line in users(made.folder, "links").splitlines() if " wall " in line]
            users(made.folder, "revoke-link", line.split()[0])
            users(made.folder, "remove", "ann")
            on_wall.until_end()
            of_ann.until_end()
        assert screen.get("/live/v1/session").status_code == 401 == client.get("/live/v1/session").status_code
        assert screen.get(path).status_code == 404
        assert "ann" not in users(made.folder, "list")


def test_streams_end_first_and_go_on_after_a_restart(tmp_path: Path) -> None:
    with site(tmp_path / "folder", SHUTDOWN_GRACE_S="10") as made, made.signed_in(http2=True) as client:
        made.tell({"type": "call_offered", "call": "A", "skill": 1})
        cookies = dict(client.cookies)
        with Stream(client, "queues?cc=1&vdn=1") as stream:
            _, last_id, _ = stream.next()
            made.running.signal(signal.SIGTERM)
            stream.until_end()
        assert made.running.wait() == 0
        assert not [line for line in made.running.lines if "cut off" in line or "left open" in line]
    with serving(tmp_path / "folder") as again, again.client(cookies=cookies) as client:
        # The session is still there; what was told by the server before is not gone on with.
        with Stream(client, "queues?cc=1&vdn=1", last_id) as stream:
            event, new_id, full = stream.next()
            assert event == "full" and full["queues"][0]["waiting"] == 1
        with Stream(client, "queues?cc=1&vdn=1", new_id) as stream:
            Site(again, made.folder, made.token).tell({"type": "call_offered", "call": "B", "skill": 1})
            assert stream.next()[0] == "change"


def test_charts_and_today_go_on_after_a_restart(tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    mark_ms, hour_ms = now_ms - now_ms % 300_000, 3_600_000
    # Where it is noon: the day began twelve hours ago.
    ahead = 12 - now_ms // hour_ms % 24
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "UTC"
    period = f"skills=1&from_ms={mark_ms - 3 * hour_ms}&to_ms={now_ms}"
    with site(tmp_path / "folder", SHUTDOWN_GRACE_S="10") as made:
        made.tell(
            {"type": "vdn_configured", "timezone": zone, "at": mark_ms - 2 * hour_ms},
            {"type": "call_offered", "call": "A", "skill": 1, "at": mark_ms - 2 * hour_ms},
            {"type": "call_left", "call": "A", "cause": "abandoned", "at": mark_ms - 2 * hour_ms + 9_000},
            {"type": "call_offered", "call": "B", "skill": 1, "at": mark_ms - hour_ms},
        )
        made.tell({"type": "call_offered", "call": "C", "skill": 1, "at": now_ms})
        with made.signed_in() as client:
            cookies = dict(client.cookies)
            before = client.get(f"/live/v1/series?cc=1&vdn=1&{period}").json()["queues"]
        made.running.signal(signal.SIGTERM)
        assert made.running.wait() == 0
    with serving(tmp_path / "folder") as again, again.client(cookies=cookies) as client:
        series = client.get(f"/live/v1/series?cc=1&vdn=1&{period}").json()
        offered = [(five["mark_ms"], five["offered"]) for five in series["queues"][0]["five"]]
        assert series["complete_from_ms"] == mark_ms - 2 * hour_ms
        assert offered == [(mark_ms - 2 * hour_ms, 1), (mark_ms - hour_ms, 1), (mark_ms, 1)]
        assert series["queues"] == before
        with Stream(client, "queues?cc=1&vdn=1") as stream:
            today = stream.next()[2]["queues"][0]["today"]
        assert (today["offered"], today["left"]) == (3, 1)


def test_who_reads_nothing_costs_nothing_and_holds_up_neither_others_nor_the_end(tmp_path: Path) -> None:
    """Sixteen screens that stopped reading, while each of 1,000 queues changes again and again."""
    with site(tmp_path / "folder", LIVE_PUSH_MS="50", SHUTDOWN_GRACE_S="10") as made:
        made.tell(*({"type": "call_offered", "call": f"{n}", "skill": n} for n in range(1, 1_001)))
        with made.signed_in() as client:
            cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            deaf = [made.running.secure() for _ in range(16)]
            for connection in deaf:
                connection.sendall(
                    b"GET /live/v1/queues?cc=1&vdn=1 HTTP/1.1\r\nhost: x\r\ncookie: "
                    + cookie.encode()
                    + b"\r\n\r\n"
                )
            with Stream(client, "queues?cc=1&vdn=1") as stream:
                assert stream.next()[0] == "full"
                before = rss_bytes(made.running)
                told = 0
                for turn in range(60):
                    made.tell(
                        *(
                            {"type": "call_offered", "call": f"{turn}-{n}", "skill": n}
                            for n in range(1, 1_001)
                        )
                    )
                    told += len(stream.next()[2]["queues"])
                assert told > 10_000
                # The deaf ones missed hundreds of MB; what grew are the calls, and what the sockets hold.
                assert rss_bytes(made.running) - before < 120 * 2**20
            made.running.signal(signal.SIGTERM)
            made.running.until_told("ending")
            assert made.running.program.wait(8) == 0
        assert all(is_closed(connection) for connection in deaf)


def rss_bytes(running: Running) -> int:
    return int(Path(f"/proc/{running.program.pid}/statm").read_text().split()[1]) * 4_096
