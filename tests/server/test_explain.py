"""A real server is asked for the past: it answers, ends with a question under way, and answers again."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.folding import NINE_MS, SKILLS, events_of
from queuepulse.engine.codec import encode_events
from queuepulse.engine.events import Clock
from queuepulse.engine.vdn import Vdn
from recomputing import recomputed
from server.deployment import queuepulse
from server.running import Running, serving, until

EVENTS = sorted(
    (one for one in events_of(11, 300) if not isinstance(one, Clock)), key=lambda one: one.at or 0
)


@pytest.fixture
def token(tmp_path: Path) -> str:
    told = queuepulse("keys", "add", "client", "--cc", "1", "--ingest", "--data", str(tmp_path))
    return dict(line.split() for line in told.splitlines())["TOKEN"]


def ask(running: Running, token: str, **values: Any) -> httpx.Response:
    chosen = {"cc": 1, "vdn": 1, "skill": 2, "figure": "signed_in", **values}
    with running.client(headers={"authorization": f"Bearer {token}"}) as client:
        return client.get("/v1/explain", params=chosen)


def send(running: Running, token: str) -> None:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/x-ndjson"}
    with running.client(headers=headers) as client:
        sent = client.post("/ingest/v1/events?cc=1&vdn=1", content=encode_events(EVENTS))
        assert sent.status_code == 200, sent.text
        assert sent.json()["accepted"] == len(EVENTS)
    # The program that writes history begins a little later; from here on others are those that tell the past.
    until(lambda: any(writes_history(one) for one in children(running)))


def writes_history(program: int) -> bool:
    return any("history" in os.path.realpath(one) for one in Path(f"/proc/{program}/fd").glob("*"))


def children(running: Running) -> set[int]:
    """Of all its threads."""
    tasks = Path(f"/proc/{running.program.pid}/task").glob("*/children")
    return {int(one) for task in tasks for one in task.read_text().split()}


def test_the_past_is_answered_before_and_after_a_restart_with_a_question_under_way(
    tmp_path: Path, token: str
) -> None:
    at_ms = EVENTS[200].at or 0
    engine = Vdn()
    for one in EVENTS:
        if (one.at or 0) <= at_ms:
            engine.apply(one)
    with serving(tmp_path, SHUTDOWN_GRACE_S="2") as running:
        send(running, token)
        before = children(running)
        first = ask(running, token, at=at_ms).json()
        [row] = engine.rows([2], at_ms)
        assert first["value"] == recomputed(first) == row.signed_in
        # The programs that tell the past stand still, and so does the next question.
        workers = children(running) - before
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        answers: list[Any] = []

        def wait() -> None:
            try:
                answers.append(ask(running, token, at=at_ms).status_code)
            except httpx.HTTPError as error:
                answers.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        with running.client() as client:
            assert client.get("/healthz").status_code == 200
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        waiting.join(20)
        assert answers and answers != [200]
        until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    with serving(tmp_path) as running:
        assert ask(running, token, at=at_ms).json() == first
        now = ask(running, token, figure="waiting").json()
        assert now["value"] == recomputed(now)
        assert ask(running, token, at=NINE_MS, vdn=2, skill=SKILLS[0]).json()["value"] == 0


def test_a_question_that_takes_too_long_is_ended_and_told(tmp_path: Path, token: str) -> None:
    with serving(tmp_path, EXPLAIN_DEADLINE_S="1") as running:
        send(running, token)
        before = children(running)
        assert ask(running, token, at=EVENTS[200].at).status_code == 200
        for worker in children(running) - before:
            os.kill(worker, signal.SIGSTOP)
        late = ask(running, token, at=EVENTS[200].at)
        assert (late.status_code, late.headers["retry-after"]) == (503, "2")
        assert "explain.deadline_s" in late.json()["reason"]
        assert ask(running, token, at=EVENTS[200].at).status_code == 200
