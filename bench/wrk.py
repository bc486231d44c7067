"""Runs wrk with one signed request, sent again and again, and checks what it counts."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench.figures import Skipped
from bench.machine import program as path_of
from bench.nginx import INSTALL
from bench.requests import Question

THREADS: Final = 2
CONNECTIONS: Final = 16
TIMEOUT_S: Final = 10
SIZE_SHARE: Final = 0.1
"""A refusal has status 200, too: answers whose mean length is off by more are not what was asked."""
HEAD_BYTES_MAX: Final = 512
"""Bytes of the heads of answers, ours and those of nginx."""
_SCRIPT: Final = """
local questions = {{ {questions} }}
local number = 0
function request()
  number = number % #questions + 1
  local one = questions[number]
  return wrk.format("POST", one.path, one.headers, one.body)
end
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.stderr:write(string.format(
    '{{"requests":%d,"elapsed_us":%d,"bytes":%d,"failed":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}}\\n',
    summary.requests, summary.duration, summary.bytes, failed,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


class Load(msgspec.Struct, frozen=True):
    """What wrk counted in one run; `bytes` with the heads of the answers, times in microseconds."""

    requests: int
    elapsed_us: int
    bytes: int
    failed: int
    p50_us: int
    p99_us: int
    max_us: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.elapsed_us * 1e6


class Wrk(NamedTuple):
    """wrk, with its scripts in `place`."""

    program: str
    place: Path

    def run(self, url: str, questions: Sequence[Question], answer_bytes: int, seconds: int) -> Load:
        """Asks these in turn over all connections for so long.

        Raises Skipped if an answer is not what was asked.
        """
        script = self.place / "question.lua"
        script.write_text(_SCRIPT.format(questions=", ".join(map(_in_lua, questions))))
        command = [
            self.program,
            f"-t{THREADS}",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            f"--timeout={TIMEOUT_S}s",
        ]
        ran = subprocess.run(
            [*command, "-s", str(script), url],
            capture_output=True,
            check=False,
            timeout=seconds + 3 * TIMEOUT_S,
        )
        if ran.returncode:
            raise Skipped(f"wrk failed: {ran.stderr.decode(errors='replace').strip()}")
        load = msgspec.json.decode(ran.stderr.splitlines()[-1], type=Load)
        if load.failed or not load.requests:
            raise Skipped(f"{load.failed} of {load.requests} requests to {url} failed")
        mean_bytes = load.bytes / load.requests
        if (
            not (1 - SIZE_SHARE) * answer_bytes
            < mean_bytes
            < (1 + SIZE_SHARE) * answer_bytes + HEAD_BYTES_MAX
        ):
            raise Skipped(f"answers of {url} have {mean_bytes:.0f} bytes, not {answer_bytes}")
        return load


def _in_lua(question: Question) -> str:
    # wrk adds a `Host` of its own where it finds none of that very spelling.
    named = {name.title(): value for name, value in question.headers.items()}
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in named.items())
    body = json.dumps(question.body.decode())
    return f"{{ path = {json.dumps(question.path)}, headers = {{ {headers} }}, body = {body} }}"


def wrk(place: Path) -> Wrk:
    """Raises Skipped where there is no wrk."""
    found = path_of("wrk")
    if found is None:
        raise Skipped(f"wrk is missing ({INSTALL})")
    return Wrk(found, place)
