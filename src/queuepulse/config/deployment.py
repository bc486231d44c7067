"""The settings of a server that is taken apart: a gateway in one network, the BMS behind it in another."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlsplit

from queuepulse.config.rows import Row, Section

TOKEN_LENGTH_MIN: Final = 32
"""Characters of the internal token: as many as a guess of 128 bits has in hexadecimal digits."""
NODES_MAX: Final = 16
"""BMS nodes behind a gateway: more than one deadline could ask in turn."""
_TOKEN: Final = re.compile(rf"[!-~]{{{TOKEN_LENGTH_MIN},512}}")
_PORT: Final = re.compile(r"[0-9]{1,5}")


class Listen(NamedTuple):
    """Where to listen."""

    host: str
    port: int


def listen_of(text: str) -> Listen:
    """The parts of `HOST:PORT`; the host of IPv6 stands in brackets. Raises ValueError with the rule."""
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or host.split() != [host] or not _PORT.fullmatch(port) or int(port) > 65_535:
        raise ValueError("an address and a port, such as 10.0.0.5:28444 or [::1]:28444")
    return Listen(host, int(port))


def _listen(text: str | None) -> str | None:
    if text is not None:
        listen_of(text)
    return text


def _urls(texts: tuple[str, ...]) -> tuple[str, ...]:
    urls = tuple(text.rstrip("/") for text in texts)
    for url in urls:
        try:
            parts = urlsplit(url)
            is_good = parts.scheme == "https" and parts.hostname and parts.port != 0
        except ValueError:
            is_good = False
        if not is_good or parts.path or parts.query or parts.fragment or parts.username:
            raise ValueError("a list of addresses such as https://10.0.0.5:28444")
    if len(set(urls)) < len(urls) or len(urls) > NODES_MAX:
        raise ValueError(f"a list of at most {NODES_MAX} different addresses")
    return urls


def _token(text: str | None) -> str | None:
    if text is not None and not _TOKEN.fullmatch(text):
        raise ValueError(f"a text of at least {TOKEN_LENGTH_MIN} characters without blanks")
    return text


class Bms(Section, frozen=True, kw_only=True):
    """The two internal interfaces: where we serve them (`listen`), or whom we ask (`urls`)."""

    listen: Annotated[
        str | None,
        Row(
            "Serve the BMS to gateways on this address, as HOST:PORT. It needs `token` or `ca`.",
            check=_listen,
        ),
    ] = None
    urls: Annotated[
        tuple[str, ...],
        Row("Be a gateway without a log: ask the BMS at these addresses (https://HOST:PORT).", check=_urls),
    ] = ()
    token: Annotated[
        str | None,
        Row("The internal token: shown by gateways, wanted by the BMS.", check=_token, secret=True),
    ] = None
    ca: Annotated[
        Path | None,
        Row("PEM file of the authorities that sign the other side's certificates; the BMS then wants one."),
    ] = None
    certificate: Annotated[
        Path | None,
        Row("PEM file of our certificate towards the other side; the BMS serves the server's without it."),
    ] = None
    private_key: Annotated[Path | None, Row("PEM file of that certificate's private key.")] = None
    deadline_ms: Annotated[
        int,
        Row(
            "A gateway has asked all nodes that it has to by then.",
            "ms",
            50,
            4_500,
            "the BMS keeps a moment for 5 s",
        ),
    ] = 2_000

    def __repr__(self) -> str:
        return "Bms()"


def contradictions(values: Mapping[str, Any], has_sources: bool) -> Iterator[str]:
    """What cannot be of the settings of the BMS that are given, as sentences."""
    given = {key.removeprefix("bms.") for key, value in values.items() if key.startswith("bms.") and value}
    if ("certificate" in given) != ("private_key" in given):
        yield "bms.certificate and bms.private_key must be given together."
    if {"listen", "urls"} <= given:
        yield "bms.listen and bms.urls exclude each other: a gateway has no state to serve."
    if "listen" in given and not given & {"token", "ca"}:
        yield "bms.listen needs bms.token or bms.ca: it must know gateways from others."
    if "urls" in given and not given & {"token", "certificate"}:
        yield "bms.urls needs bms.token or bms.certificate: the BMS must know us from others."
    if "urls" in given and has_sources:
        yield "A gateway (bms.urls) has no log: [[sources]] belong to the BMS nodes."
