"""The wallboard's files: read once at the start, and given to anybody. They hold no figures."""

import hashlib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from queuepulse.asgi import TEXT, Headers, Receive, Scope, Send, answer, header

FILES_BYTES_MAX: Final = 32 * 1024 * 1024
"""All files together: they are held in memory. The wallboard has a hundredth of it."""
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page of ours may load and do: nothing but what comes from here."""
SECURITY: Final[Headers] = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"x-frame-options", b"DENY"),
)
"""Headers of everything that browsers get from us."""
TYPES: Final = {
    "css": b"text/css;charset=UTF-8",
    "html": b"text/html;charset=UTF-8",
    "ico": b"image/x-icon",
    "js": b"text/javascript;charset=UTF-8",
    "json": b"application/json",
    "map": b"application/json",
    "png": b"image/png",
    "svg": b"image/svg+xml",
    "txt": TEXT,
    "webmanifest": b"application/manifest+json",
    "woff2": b"font/woff2",
}
"""Types by the end of a name. A file of another kind is not served."""
NOT_BUILT: Final = (
    b"The wallboard is not built into this installation of QueuePulse.\n\n"
    b"From a clone, build it once (Node is fetched if there is none), then start the server again:\n\n"
    b"    ./dev wallboard\n\n"
    b"The figures are there all the same: docs/api.md.\n"
)
_IMMUTABLE: Final = b"public, max-age=31536000, immutable"
# What the build puts there is named by its content: another content is another name.
_HASHED: Final = re.compile(r"assets/[^/]+[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+")


class File(NamedTuple):
    """A file as it is served."""

    body: bytes
    type: bytes
    etag: bytes
    caching: bytes


class WebFiles:
    """An ASGI callable for all paths that nobody else has."""

    def __init__(self, folder: Traversable | None = None) -> None:
        """Reads the files of `folder`; of this package, unless another is given."""
        self._files = _read(files("queuepulse") / "web" if folder is None else folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"].removeprefix("/")
        file = self._files.get(path or "index.html")
        if file is None and path:
            await _say(send, 404, b"there is nothing here\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _say(send, 405, b"ask with GET\n", (b"allow", b"GET, HEAD"))
        elif file is None:
            await _say(send, 200, NOT_BUILT)
        else:
            about = (*SECURITY, (b"cache-control", file.caching), (b"etag", file.etag))
            if header(scope, b"if-none-match") == file.etag:
                await send({"type": "http.response.start", "status": 304, "headers": list(about)})
                await send({"type": "http.response.body", "body": b""})
            else:
                body = b"" if scope["method"] == "HEAD" else file.body
                await answer(send, 200, body, content_type=file.type, headers=about)


async def _say(send: Send, status: int, words: bytes, *headers: tuple[bytes, bytes]) -> None:
    about = (*SECURITY, (b"cache-control", b"no-store"), *headers)
    await answer(send, status, words, content_type=TEXT, headers=about)


def _read(folder: Traversable, prefix: str = "") -> dict[str, File]:
    found: dict[str, File] = {}
    if not folder.is_dir():
        return found
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found |= _read(entry, f"{prefix}{entry.name}/")
            continue
        kind = TYPES.get(entry.name.rpartition(".")[2])
        if kind is not None:
            body = entry.read_bytes()
            etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
            caching = _IMMUTABLE if _HASHED.fullmatch(prefix + entry.name) else b"no-cache"
            found[prefix + entry.name] = File(body, kind, etag, caching)
    assert sum(len(file.body) for file in found.values()) <= FILES_BYTES_MAX, "the wallboard is small"
    return found
