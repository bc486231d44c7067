"""The only way out: HTTPS to the identity provider, with limits. What is asked belongs to `oidc`."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from queuepulse.live.oidc import OidcFailed

FETCH_S_MAX: Final = 5.0
"""Connecting, and reading, each: somebody waits at his browser."""
ANSWER_BYTES_MAX: Final = 1024 * 1024
"""Bytes of one answer: descriptions and keys have some thousand."""
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class TrustUnusable(Exception):
    """The certificates to trust cannot be read; `str()` tells a person which and what to do."""


class Fetcher:
    """`oidc.Fetch` over the network; certificates are checked, by `ca` if one is given. It follows nobody.

    Raises TrustUnusable.
    """

    def __init__(self, ca: Path | None = None) -> None:
        try:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except OSError as error:
            raise TrustUnusable(
                f"{ca} cannot be trusted: {error}. oidc.ca must be a PEM file of certificates."
            ) from error
        self._pool = urllib3.PoolManager(ssl_context=context, timeout=FETCH_S_MAX, retries=False)

    def __call__(self, address: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> bytes:
        try:
            reply = self._pool.request(
                "GET" if form is None else "POST",
                address,
                body=None if form is None else urlencode(form),
                headers={"accept": "application/json", **({} if form is None else _FORM), **headers},
                preload_content=False,
            )
            try:
                body = reply.read(ANSWER_BYTES_MAX + 1)
            finally:
                reply.release_conn()
        except HTTPError as error:
            raise OidcFailed(f"{address} cannot be asked: {error}") from error
        if reply.status != 200:
            raise OidcFailed(f"{address} answered with status {reply.status}")
        if len(body) > ANSWER_BYTES_MAX:
            raise OidcFailed(f"{address} answered with more than {ANSWER_BYTES_MAX:,} bytes")
        return body
