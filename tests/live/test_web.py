"""The wallboard's files: their types, caching and headers; and what is said when there are none."""

import asyncio
from pathlib import Path

import pytest

from asking import Heard, ask_async, scope_of
from queuepulse.live.web import FILES_BYTES_MAX, POLICY, WebFiles

FILES = {
    "index.html": b"<!doctype html>",
    "favicon.svg": b"<svg/>",
    "licenses.txt": b"MIT",
    "secret.py": b"import os",
    "assets/index-B4xk9_aZ.js": b"let a",
    "assets/index-B4xk9_aZ.css": b"a{}",
    "assets/inter-latin-DugUm5f8.woff2": b"wOF2",
    "assets/plain.js": b"let b",
}


@pytest.fixture
def web(tmp_path: Path) -> WebFiles:
    for name, body in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    return WebFiles(tmp_path)


def get(web: WebFiles, path: str, method: str = "GET", **headers: str) -> Heard:
    given = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return asyncio.run(ask_async(web, scope_of(method, path.encode(), given), []))


@pytest.mark.parametrize(
    ("path", "name", "kind", "is_for_ever"),
    [
        ("/", "index.html", b"text/html;charset=UTF-8", False),
        ("/index.html", "index.html", b"text/html;charset=UTF-8", False),
        ("/favicon.svg", "favicon.svg", b"image/svg+xml", False),
        ("/licenses.txt", "licenses.txt", b"text/plain;charset=UTF-8", False),
        ("/assets/index-B4xk9_aZ.js", "assets/index-B4xk9_aZ.js", b"text/javascript;charset=UTF-8", True),
        ("/assets/index-B4xk9_aZ.css", "assets/index-B4xk9_aZ.css", b"text/css;charset=UTF-8", True),
        ("/assets/inter-latin-DugUm5f8.woff2", "assets/inter-latin-DugUm5f8.woff2", b"font/woff2", True),
        ("/assets/plain.js", "assets/plain.js", b"text/javascript;charset=UTF-8", False),
    ],
)
def test_a_file_has_its_type_and_lasts_as_its_name_does(
    web: WebFiles, path: str, name: str, kind: bytes, is_for_ever: bool
) -> None:
    heard = get(web, path)
    assert (heard.status, heard.body, heard.header(b"content-type")) == (200, FILES[name], kind)
    assert (b"immutable" in (heard.header(b"cache-control") or b"")) is is_for_ever
    assert heard.header(b"content-security-policy") == POLICY
    assert heard.header(b"x-content-type-options") == b"nosniff"
    again = get(web, path, if_none_match=(heard.header(b"etag") or b"").decode())
    assert (again.status, again.body) == (304, b"")
    assert get(web, path, "HEAD").body == b""


@pytest.mark.parametrize(
    "path", ["/secret.py", "/nowhere", "/assets/", "/assets", "/../secret.py", "/assets/../index.html", "//"]
)
def test_nothing_else_is_there(web: WebFiles, path: str) -> None:
    heard = get(web, path)
    assert heard.status == 404
    assert heard.header(b"content-security-policy") == POLICY


def test_files_are_only_got(web: WebFiles) -> None:
    assert get(web, "/", "POST").status == 405
    assert get(web, "/nowhere", "POST").status == 404


def test_the_policy_lets_in_nothing_from_elsewhere() -> None:
    assert b"default-src 'none'" in POLICY and b"frame-ancestors 'none'" in POLICY
    assert b"unsafe" not in POLICY and b"http" not in POLICY and b"*" not in POLICY


def test_an_installation_without_a_wallboard_says_how_to_build_it(tmp_path: Path) -> None:
    web = WebFiles(tmp_path / "nowhere")
    heard = get(web, "/")
    assert heard.status == 200 and b"./dev wallboard" in heard.body
    assert get(web, "/index.html").status == 404


def test_a_folder_that_is_no_wallboard_is_not_held_in_memory(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"x" * (FILES_BYTES_MAX + 1))
    with pytest.raises(AssertionError, match="small"):
        WebFiles(tmp_path)
