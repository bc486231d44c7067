"""The client of docs/api.md, of the standard library alone: it signs right, and a server answers it."""

import re
import ssl
from datetime import UTC, datetime
from typing import Any

import pytest

from docs.conftest import Running
from docs.pages import blocks
from house.tree import ROOT

AK, SK, HOST = "globalaktest", "example-secret-key", "10.22.26.181:28080"
AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
BODY = '{"ccId":1,"vdn":1,"skillIds":[1,2]}'
PATH = "/rest/cmsapp/v1/openapi/skill/stateinfo"
REST_REASONS = "/rest/cmsapp/v1/openapi/agentgroup/restreasons/1/170"
TYPE = {"content-type": "application/json;charset=UTF-8", "content-length": "35"}
# What the example says of each vector that has no query, in the order of the page.
VECTORS = [
    ("POST", PATH, {"host": HOST, **TYPE}, BODY),
    ("POST", PATH, {"host": HOST}, BODY),
    ("GET", REST_REASONS, {"host": HOST}, ""),
]


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    (text,) = blocks("docs/api.md", "python")
    names: dict[str, Any] = {}
    exec(compile(text, "docs/api.md", "exec"), names)  # our own page
    return names


@pytest.mark.parametrize(("place", "vector"), [*enumerate(VECTORS)])
def test_the_example_signs_as_the_vectors_say(
    place: int, vector: tuple[str, str, dict[str, str], str], example: dict[str, Any]
) -> None:
    method, path, headers, body = vector
    signatures = re.findall(r"`([0-9a-f]{64})`", (ROOT / "docs" / "api.md").read_text())
    signed = example["authorization"](AK, SK, method, path, headers, body, AT)
    assert signed.rpartition("/")[2] == signatures[place]


def test_the_example_gets_figures_from_a_server(example: dict[str, Any], running: Running) -> None:
    tls = ssl.create_default_context(cafile=running.folder / "development.pem")
    rows = example["stateinfo"](running.url, running.ak, running.sk, 1, 4, [2, 1], tls)
    assert [row["skillId"] for row in rows] == [2, 1]
    assert sum(rows[0].values()) == 2


def test_the_example_tells_what_the_server_says(example: dict[str, Any], running: Running) -> None:
    tls = ssl.create_default_context(cafile=running.folder / "development.pem")
    with pytest.raises(RuntimeError, match="0101003: insufficient permission"):
        example["stateinfo"](running.url, running.ak, running.sk, 2, 1, [1], tls)
