"""The SDK: asks a QueuePulse server for figures and sends it events, signed or with a token.

    client = Client("https://pulse.example:28443", now=time.time, ak="…", sk="…")
    for row in client.stateinfo(cc=1, vdn=1, skill_ids=[1, 2]).rows:
        print(row.skill, row.waiting)

Every failure is a `ClientError` that says what happened, where, and what to do. Certificates are always
checked unless `insecure` is given. What to do about a failure (wait, retry, give up) is the caller's.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, NoReturn, Self, TypeVar
from urllib.parse import quote

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning, LocationParseError, ProtocolError, SSLError

from queuepulse.calling import CALLS_PATH, CallAnswer, CallsAnswer
from queuepulse.engine.figures import Row
from queuepulse.protocol import signature
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.health import HEALTH_PATH, HealthAnswer
from queuepulse.protocol.interfaces import INGEST_PATH, NDJSON, SKILL_STATE
from queuepulse.protocol.wire import CONTENT_TYPE, POSITION_HEADER, STALE_SINCE_HEADER
from queuepulse.retelling import EXPLAIN_PATH, Explained
from queuepulse.windowing import FIGURES_PATH, FiguresTold

CONNECT_S_MAX: Final = 5.0
# A server with a slow disk may hold an ingest answer back for its commit.
READ_S_MAX: Final = 30.0
# The largest honest answer is six million figures of a month, some 40 MB.
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
T = TypeVar("T")
# As much of an unexpected answer as helps a person.
_TEXT_SHOWN_MAX: Final = 500
# What to do about codes for which the request is not to blame.
_ADVICE: Final[dict[str, str]] = {
    ResultCode.NEEDS_CTI_V3R8: "The server's settings say so of this VDN (`cti_version`): ask its operator.",
    ResultCode.UNKNOWN_EXCEPTION: "Report it to the server's operator: its log says more.",
}


class ClientError(Exception):
    """A request that did not succeed: `what` happened, `where`, and `advice`, what to do about it."""

    def __init__(self, what: str, where: str, advice: str) -> None:
        super().__init__(f"{what} ({where}). {advice}")
        self.what = what
        self.where = where
        self.advice = advice


class Unreachable(ClientError):
    """No answer: refused, unknown name, no route, too slow, or broken off."""


class CertificateNotTrusted(ClientError):
    """The server's certificate is not one that this machine trusts for this name."""


class NotAuthenticated(ClientError):
    """HTTP 401: the key, its secret, the token or the clock is wrong; the server does not say which."""


class NotPermitted(ClientError):
    """The key is good, and not for this VDN or this interface."""


class Refused(ClientError):
    """The server understood and will not: `code` is its result code, or its HTTP status where it has none."""

    def __init__(self, code: str, text: str, where: str, advice: str) -> None:
        super().__init__(f"{code}: {text}", where, advice)
        self.code = code


class Unavailable(ClientError):
    """The server cannot now; `retry_after_s` seconds are its own estimate, if it gave one."""

    def __init__(self, what: str, where: str, advice: str, retry_after_s: int | None) -> None:
        super().__init__(what, where, advice)
        self.retry_after_s = retry_after_s


class TooManyRequests(Unavailable):
    """HTTP 429: more a second than this key may."""


class UnexpectedAnswer(ClientError):
    """Something answered, but not as a QueuePulse server does."""


class SkillFigures(NamedTuple):
    """The rows, in the order asked; the log position they hold; since when the switch is unseen, if it is."""

    rows: list[Row]
    position: int | None
    stale_since_ms: int | None


class IngestReceipt(msgspec.Struct, frozen=True):
    """What became of a batch, in events; `position` is that of its last event in the log."""

    accepted: int
    applied: int
    repeated: int
    out_of_place: int
    position: int


class _Answer(msgspec.Struct):
    code: str = msgspec.field(name="resultCode")
    payload: list[Any] | str = msgspec.field(name="resultDesc")


class _Told(msgspec.Struct):
    """The keys under which our bodies tell a person what is wrong; the first that is there says most."""

    text: str = ""
    reason: str = ""
    error: str = ""
    description: str = msgspec.field(default="", name="resultDesc")
    key: str = ""

    def __str__(self) -> str:
        words = self.text or self.reason or self.error or self.description
        return f"{self.key}: {words}" if self.key and words == self.reason else words


class _Reply(NamedTuple):
    where: str
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    def integer(self, header: str) -> int | None:
        text = self.headers.get(header, "")
        return int(text) if text.isascii() and text.isdigit() else None

    def text(self) -> str:
        """What the body says, or else the body itself, as far as it can be shown to a person."""
        try:
            told = str(msgspec.json.decode(self.body, type=_Told))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            told = ""
        return _printable(told or self.body[:_TEXT_SHOWN_MAX].decode(errors="replace"))


class Client:
    """One server, one key. May be used from several threads; connections are kept and used again.

    `url` is `https://host:port`, with a path in front if a proxy adds one. `now` gives epoch seconds, as
    `time.time` does. To ask takes `ak` and `sk`; to send takes those, or a `token`. `ca` is a file of
    certificates to trust instead of the machine's. `insecure` trusts whoever answers.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], float],
        ak: str | None = None,
        sk: str | None = None,
        token: str | None = None,
        ca: str | None = None,
        insecure: bool = False,
    ) -> None:
        try:
            parts = urllib3.util.parse_url(url)
        except LocationParseError:
            parts = urllib3.util.Url()
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ClientError("This is no URL of a server", url, "Write it as https://host:port.")
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.netloc
        self._path = (parts.path or "").rstrip("/")
        self._now = now
        self._ak, self._sk, self._token = ak, sk, token
        self._pool = urllib3.PoolManager(
            ssl_context=_tls(ca, insecure),
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_S_MAX, read=READ_S_MAX),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._pool.clear()

    def stateinfo(self, cc: int, vdn: int, skill_ids: Sequence[int]) -> SkillFigures:
        """The figures of 1 to 1000 skill queues of one VDN, now. Raises ClientError."""
        body = msgspec.json.encode({"ccId": cc, "vdn": vdn, "skillIds": list(skill_ids)})
        reply = self._ask("POST", SKILL_STATE.path, "", CONTENT_TYPE, body, token=None)
        if reply.status != 200:
            _raise_for_status(reply)
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
            if answer.code == ResultCode.SUCCESS and isinstance(answer.payload, list):
                rows = [_row(wire_row) for wire_row in answer.payload]
                return SkillFigures(rows, reply.integer(POSITION_HEADER), reply.integer(STALE_SINCE_HEADER))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError) as error:
            raise _unexpected(reply) from error
        _raise_for_code(answer, reply)

    def ingest(self, cc: int, vdn: int, lines: bytes) -> IngestReceipt:
        """Sends events, one JSON object a line. All count or none does. Raises ClientError."""
        reply = self._ask("POST", INGEST_PATH, f"cc={cc}&vdn={vdn}", NDJSON, lines, token=self._token)
        if reply.status != 200:
            _raise_for_status(reply)
        try:
            return msgspec.json.decode(reply.body, type=IngestReceipt)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _unexpected(reply) from error

    def health(self, cc: int | None = None, vdn: int | None = None) -> HealthAnswer:
        """How current figures are, of one VDN, of a call center, or of all VDNs. Raises ClientError."""
        return self._told(HEALTH_PATH, {"cc": cc, "vdn": vdn}, HealthAnswer)

    def figures(self, cc: int, vdn: int, **chosen: int | str | None) -> FiguresTold:
        """The figures beyond those of `stateinfo`, over a window.

        `chosen` are further parameters of `GET /v1/figures` (docs/v1.md), such as `skills="1,2,5-9"` and
        `seconds=3600`; `from_` stands for `from`. Raises ClientError.
        """
        return self._told(FIGURES_PATH, {"cc": cc, "vdn": vdn, **chosen}, FiguresTold)

    def explain(self, cc: int, vdn: int, skill: int, figure: str, **chosen: int | str | None) -> Explained:
        """What a figure of a queue is made of; `chosen` as in `GET /v1/explain`. Raises ClientError."""
        values = {"cc": cc, "vdn": vdn, "skill": skill, "figure": figure, **chosen}
        return self._told(EXPLAIN_PATH, values, Explained)

    def call(self, cc: int, vdn: int, call: str) -> CallAnswer:
        """One call with its passes, by its id. Raises ClientError; Refused where it is not known."""
        return self._told(f"{CALLS_PATH}/{quote(call, safe='')}", {"cc": cc, "vdn": vdn}, CallAnswer)

    def calls(self, cc: int, vdn: int, from_ms: int, **chosen: int | str | None) -> CallsAnswer:
        """A page of calls that began from then on; `chosen` as in `GET /v1/calls`. Raises ClientError."""
        return self._told(CALLS_PATH, {"cc": cc, "vdn": vdn, "from": from_ms, **chosen}, CallsAnswer)

    def _told(self, path: str, values: Mapping[str, int | str | None], kind: type[T]) -> T:
        """What one of our own interfaces answers to these parameters. Raises ClientError."""
        query = "&".join(
            f"{name.rstrip('_')}={quote(str(value), safe='')}"
            for name, value in values.items()
            if value is not None
        )
        reply = self._ask("GET", path, query, None, b"", token=self._token)
        if reply.status != 200:
            _raise_for_status(reply)
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _unexpected(reply) from error

    def _ask(
        self, method: str, path: str, query: str, content_type: str | None, body: bytes, token: str | None
    ) -> _Reply:
        path = self._path + path
        headers = {"Host": self._host}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if token is None:
            headers["Authorization"] = self._authorization(method, path, query, headers, body)
        else:
            headers["Authorization"] = f"Bearer {token}"
        where = self._url + path
        target = f"{where}?{query}" if query else where
        try:
            response = self._pool.urlopen(
                method, target, headers=headers, body=body or None, redirect=False, preload_content=False
            )
            try:
                answer = response.read(ANSWER_BYTES_MAX + 1)
            finally:
                response.release_conn()
        except (HTTPError, OSError) as error:
            raise _connection_error(error, self._url) from error
        reply = _Reply(where, response.status, response.headers, answer)
        if len(answer) > ANSWER_BYTES_MAX:
            raise _unexpected(reply)
        return reply

    def _authorization(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str:
        if self._ak is None or self._sk is None:
            raise ClientError("There is no key to sign with", self._url, "Give an AK and its SK.")
        request = signature.Request(
            method,
            path.encode(),
            query.encode(),
            [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            body,
        )
        names = sorted(name.lower() for name in headers)
        return signature.sign(self._ak, self._sk, int(self._now() * 1000), request, names)


def _tls(ca: str | None, insecure: bool) -> ssl.SSLContext:
    if insecure:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # Whoever wrote `insecure` was told once; a line on every request tells nothing more.
        urllib3.disable_warnings(InsecureRequestWarning)
        return context
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ClientError(
            f"The certificates to trust cannot be read: {error}", str(ca), "Give a PEM file."
        ) from error


def _printable(text: str) -> str:
    """One line of bounded length without control characters: it may go to a terminal."""
    line = " ".join(text[:_TEXT_SHOWN_MAX].split())
    return "".join(letter for letter in line if letter.isprintable()) or "no text"


def _row(wire_row: dict[str, Any]) -> Row:
    return msgspec.convert({column.field: wire_row[column.wire] for column in SKILL_STATE.columns}, Row)


def _connection_error(error: Exception, url: str) -> ClientError:
    cause = error.args[0] if isinstance(error, SSLError) and error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return CertificateNotTrusted(
            f"The certificate is not trusted: {cause.verify_message}",
            url,
            "Trust it with --ca FILE (its own certificate, or its authority's), or use --insecure.",
        )
    if isinstance(error, SSLError):
        return Unreachable(
            f"No TLS: {cause}", url, "Check the port, and whether the URL should begin with http:."
        )
    # urllib3 puts the connection before its words, or the cause after them; only the words are for people.
    words = error.args[0] if isinstance(error, ProtocolError) else str(error)
    words = str(words).rpartition("): ")[2].rstrip(".")
    if isinstance(error, ProtocolError) and url.startswith("http:"):
        return Unreachable(
            words, url, "Check that the server runs; if it speaks TLS on this port, try https://."
        )
    return Unreachable(words, url, "Check the address and the port, and that the server runs.")


def _raise_for_status(reply: _Reply) -> NoReturn:
    where, status = reply.where, reply.status
    if status == 401:
        raise NotAuthenticated(
            "The server does not accept this signature or token",
            where,
            "Check the key and its secret, whether it was revoked, and this machine's clock.",
        )
    if status == 403:
        raise NotPermitted(reply.text(), where, "Use a key with the right to do this in this VDN.")
    retry_after_s = reply.integer("Retry-After")
    when = "a little" if retry_after_s is None else f"{retry_after_s} s"
    if status == 429:
        raise TooManyRequests(
            "Too many requests or events with this key",
            where,
            f"Wait {when}, then go on more slowly.",
            retry_after_s,
        )
    if status == 503:
        raise Unavailable(
            f"The server cannot now: {reply.text()}", where, f"Wait {when}, then try again.", retry_after_s
        )
    if 400 <= status < 500:
        raise Refused(str(status), reply.text(), where, "Correct the request, or check the URL.")
    raise _unexpected(reply)


def _raise_for_code(answer: _Answer, reply: _Reply) -> NoReturn:
    if answer.code == ResultCode.SUCCESS or not isinstance(answer.payload, str):
        raise _unexpected(reply)
    text = _printable(answer.payload)
    if answer.code == ResultCode.NOT_PERMITTED:
        raise NotPermitted(text, reply.where, "Use a key that may see this VDN.")
    if answer.code == ResultCode.CALL_FAILED:
        raise Unavailable(text, reply.where, "Wait a little, then try again.", reply.integer("Retry-After"))
    advice = _ADVICE.get(answer.code, "Correct the request.")
    raise Refused(answer.code, text, reply.where, advice)


def _unexpected(reply: _Reply) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"HTTP {reply.status} with an answer that is not of this API: {reply.text()}",
        reply.where,
        "Check that the URL is that of a QueuePulse server; its log may say more.",
    )
