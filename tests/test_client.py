"""The SDK against a small server of the standard library: what it sends, and what each failure becomes."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import trustme

from queuepulse import client as sdk
from queuepulse.client import Client, ClientError, IngestReceipt, SkillFigures
from queuepulse.engine.figures import Row
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.health import HealthAnswer, Picture, SourceHealth, VdnHealth
from queuepulse.protocol.interfaces import SKILL_STATE
from queuepulse.protocol.signature import Request, Rules, Verdict, read_claim, verify
from queuepulse.protocol.wire import UNAUTHENTICATED, Encoder, Refusal, encode_refusal

AK, SK = "reader", "a-secret"
NOW_S = 1_704_164_645.678
ROW = Row(7, *range(1, 20))
RECEIPT = b'{"accepted":1,"applied":1,"repeated":0,"out_of_place":0,"position":9}'


class Reply(NamedTuple):
    """What the server is to answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Server(http.server.ThreadingHTTPServer):
    """Answers every GET and POST with `reply`, and keeps what was asked."""

    daemon_threads = True
    reply: Reply | None = Reply()
    asked: Request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Asked(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, _, query = self.path.partition("?")
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        self.server.asked = Request(self.command, path.encode(), query.encode(), headers, body)
        reply = self.server.reply
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Asked) as it:
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield it
        it.shutdown()
        thread.join()


def reader(url: str, **settings: Any) -> Client:
    return Client(url, now=lambda: NOW_S, **{"ak": AK, "sk": SK, **settings})


def verdict_on(request: Request) -> Verdict:
    claim = read_claim(request.headers)
    if isinstance(claim, Verdict):
        return claim
    assert claim.ak == AK
    return verify(claim, request, SK, int(NOW_S * 1000), Rules())


def test_a_question_is_signed_and_its_answer_typed(server: Server) -> None:
    body = Encoder(SKILL_STATE).encode((1, 2), [ROW])
    server.reply = Reply(200, body, (("X-QueuePulse-Position", "41"), ("X-QueuePulse-Stale-Since", "5")))
    with reader(server.url) as client:
        assert client.stateinfo(1, 2, [7]) == SkillFigures([ROW], 41, 5)
        server.reply = Reply(200, body)
        assert client.stateinfo(1, 2, [7]) == SkillFigures([ROW], None, None)
    assert server.asked.path == b"/rest/cmsapp/v1/openapi/skill/stateinfo"
    assert msgspec.json.decode(server.asked.body) == {"ccId": 1, "vdn": 2, "skillIds": [7]}
    assert verdict_on(server.asked) is Verdict.VALID


def test_a_path_before_ours_is_asked_and_signed(server: Server) -> None:
    server.reply = Reply(200, Encoder(SKILL_STATE).encode((1, 2), []))
    with reader(server.url + "/pulse/") as client:
        client.stateinfo(1, 2, [7])
    assert server.asked.path == b"/pulse/rest/cmsapp/v1/openapi/skill/stateinfo"
    assert verdict_on(server.asked) is Verdict.VALID


def test_events_are_sent_signed(server: Server) -> None:
    server.reply = Reply(200, RECEIPT)
    with reader(server.url) as client:
        assert client.ingest(1, 2, b'{"type":"link_lost"}\n') == IngestReceipt(1, 1, 0, 0, 9)
    assert (server.asked.path, server.asked.query) == (b"/ingest/v1/events", b"cc=1&vdn=2")
    assert (b"Content-Type", b"application/x-ndjson") in server.asked.headers
    assert verdict_on(server.asked) is Verdict.VALID


def test_events_are_sent_with_a_token_if_there_is_one(server: Server) -> None:
    server.reply = Reply(200, RECEIPT)
    with reader(server.url, token="a-token") as client:
        client.ingest(1, 2, b"")
    assert (b"Authorization", b"Bearer a-token") in server.asked.headers


def test_health_is_asked_for_signed_or_with_the_token(server: Server) -> None:
    source = SourceHealth(
        "pbx", "lost", None, 5, 2, 1, {"pass_closed": 1}, Picture(3, 4, ["agents"], {}), {"a": 1}
    )
    vdn = VdnHealth(1, 2, None, 9, 8, 41, 0, "lost", None, 5, {"pass_closed": 1}, [source])
    answer = HealthAnswer([vdn], more=False)
    server.reply = Reply(200, msgspec.json.encode(answer))
    with reader(server.url) as client:
        assert client.health() == answer
        assert (server.asked.method, server.asked.query) == ("GET", b"")
        assert client.health(1, 2) == answer
    assert (server.asked.path, server.asked.query) == (b"/health/v1/vdns", b"cc=1&vdn=2")
    assert verdict_on(server.asked) is Verdict.VALID
    with reader(server.url, token="a-token") as client:
        client.health(1)
    assert (b"Authorization", b"Bearer a-token") in server.asked.headers
    server.reply = Reply(200, b'{"vdns":[{"cc":1}]}')
    with reader(server.url) as client, pytest.raises(sdk.UnexpectedAnswer):
        client.health()


def refused(code: ResultCode) -> Reply:
    return Reply(200, encode_refusal(Refusal(code, "the reason")))


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (Reply(401, UNAUTHENTICATED), sdk.NotAuthenticated, "this machine's clock"),
        (refused(ResultCode.NOT_PERMITTED), sdk.NotPermitted, "the reason"),
        (refused(ResultCode.CALL_FAILED), sdk.Unavailable, "the reason"),
        (refused(ResultCode.ILLEGAL_PARAMETER), sdk.Refused, "0100002: the reason"),
        (refused(ResultCode.NEEDS_CTI_V3R8), sdk.Refused, "0100003: the reason.*cti_version"),
        (refused(ResultCode.UNKNOWN_EXCEPTION), sdk.Refused, "0100999: the reason.*Report it"),
        (Reply(429, b"", (("Retry-After", "3"),)), sdk.TooManyRequests, "Wait 3 s"),
        (Reply(503, b"stopping"), sdk.Unavailable, "stopping.*Wait a little"),
        (Reply(404, b"<h1>no\nsuch \x1b[31m page</h1>"), sdk.Refused, r"404: <h1>no such \[31m page</h1>"),
        (Reply(500, b""), sdk.UnexpectedAnswer, "HTTP 500 .*no text"),
        (Reply(302, b"", (("Location", "http://127.0.0.1:1/"),)), sdk.UnexpectedAnswer, "HTTP 302"),
        (Reply(200, b"hello"), sdk.UnexpectedAnswer, "HTTP 200 .*hello"),
        (Reply(200, b"\xff"), sdk.UnexpectedAnswer, "HTTP 200"),
        (Reply(200, b"[" * 100_000), sdk.UnexpectedAnswer, "HTTP 200"),
        (
            Reply(200, b'{"resultCode":"0100000","resultDesc":[{"skillId":1}]}'),
            sdk.UnexpectedAnswer,
            "skillId",
        ),
        (Reply(200, b'{"resultCode":"0100000","resultDesc":[1]}'), sdk.UnexpectedAnswer, "HTTP 200"),
        (Reply(200, b'{"resultCode":"0100000","resultDesc":"rows"}'), sdk.UnexpectedAnswer, "HTTP 200"),
        (None, sdk.Unreachable, "127.0.0.1"),
    ],
)
def test_every_failure_is_of_its_kind_and_says_what_to_do(
    server: Server, reply: Reply | None, kind: type[ClientError], says: str
) -> None:
    server.reply = reply
    with reader(server.url) as client, pytest.raises(kind, match=says) as caught:
        client.stateinfo(1, 2, [7])
    assert type(caught.value) is kind
    assert server.url in caught.value.where
    assert caught.value.advice in str(caught.value)
    assert SK not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (Reply(400, b"line 2: agent"), sdk.Refused, "400: line 2: agent"),
        (Reply(401, UNAUTHENTICATED), sdk.NotAuthenticated, "token"),
        (Reply(403, b"no ingest right"), sdk.NotPermitted, "no ingest right"),
        (Reply(503, b"disk full", (("Retry-After", "9"),)), sdk.Unavailable, "disk full.*Wait 9 s"),
        (Reply(503, b'{"reason":"disk full"}'), sdk.Unavailable, r"now: disk full \("),
        (Reply(503, b'{"error":"starting"}'), sdk.Unavailable, r"now: starting \("),
        (Reply(413, b'{"resultCode":"0100002","resultDesc":"too long"}'), sdk.Refused, r"413: too long \("),
        (Reply(400, b'{"key":"cc","reason":"must be 1"}'), sdk.Refused, r"400: cc: must be 1 \("),
        (
            Reply(400, b'{"line":2,"key":"skill","reason":"bad","text":"line 2: bad"}'),
            sdk.Refused,
            r"400: line 2: bad \(",
        ),
        (Reply(400, b'{"reason":7}'), sdk.Refused, r'400: {"reason":7} \('),
        (Reply(200, b"{}"), sdk.UnexpectedAnswer, "HTTP 200"),
    ],
)
def test_a_refused_batch_says_why(server: Server, reply: Reply, kind: type[ClientError], says: str) -> None:
    server.reply = reply
    with reader(server.url, token="t") as client, pytest.raises(kind, match=says):
        client.ingest(1, 2, b"{}")


def test_retry_after_is_a_number_for_programs(server: Server) -> None:
    for text, seconds in (("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", None)):
        server.reply = Reply(429, b"", (("Retry-After", text),))
        with reader(server.url) as client, pytest.raises(sdk.TooManyRequests) as caught:
            client.stateinfo(1, 2, [7])
        assert caught.value.retry_after_s == seconds


def test_an_answer_without_end_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "ANSWER_BYTES_MAX", 100)
    server.reply = Reply(200, b" " * 101)
    with reader(server.url) as client, pytest.raises(sdk.UnexpectedAnswer):
        client.stateinfo(1, 2, [7])


def test_nobody_at_home_is_unreachable(server: Server) -> None:
    server.server_close()
    with reader(server.url) as client, pytest.raises(sdk.Unreachable, match=r"refused.*that the server runs"):
        client.stateinfo(1, 2, [7])


@pytest.mark.parametrize("url", ["", "pulse", "ftp://pulse:1", "https://", "https://a:b:c"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ClientError, match="https://host:port"):
        reader(url)


def test_without_a_key_nothing_is_asked() -> None:
    with reader("http://127.0.0.1:1", sk=None) as client, pytest.raises(ClientError, match="no key to sign"):
        client.stateinfo(1, 2, [7])


def test_a_certificate_counts_only_if_trusted(server: Server, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.reply = Reply(200, Encoder(SKILL_STATE).encode((1, 2), [ROW]))
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    url = server.url.replace("http:", "https:")
    with reader(url) as client, pytest.raises(sdk.CertificateNotTrusted, match=r"--ca FILE.*--insecure"):
        client.stateinfo(1, 2, [7])
    for settings in ({"ca": str(tmp_path / "ca.pem")}, {"insecure": True}):
        with reader(url, **settings) as client:
            assert client.stateinfo(1, 2, [7]).rows == [ROW]
    assert verdict_on(server.asked) is Verdict.VALID


def test_a_server_without_tls_is_told_from_one_that_is_not_trusted(server: Server) -> None:
    with (
        reader(server.url.replace("http:", "https:")) as client,
        pytest.raises(sdk.Unreachable, match="No TLS"),
    ):
        client.stateinfo(1, 2, [7])


def test_plain_http_to_a_server_with_tls_is_told_to_try_https(server: Server) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with reader(server.url) as client, pytest.raises(sdk.Unreachable, match="try https://"):
        client.stateinfo(1, 2, [7])


def test_a_file_of_certificates_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(ClientError, match=f"certificates to trust cannot be read.*{name}"):
            reader("https://127.0.0.1:1", ca=str(tmp_path / name))
