"""Signature C2 ("auth-v2") of the CC-CMS open API, both sides: `sign` for clients, `verify` for servers.

    kSign = H(SK, prefix)            prefix = auth-v2/AK/ts/names
    Authorization: prefix/H(kSign, canon)
    canon = METHOD, path, [query,] names, one line per signed header, then the percent-encoded body

What a stranger can send is never an exception here: every way to fail is a `Verdict`.
Whose SK it is, what the time is and what is logged is the caller's; no key store and no clock live here.
"""

import functools
import hmac
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

# A signer's clock may be off by this much either way; exactly this much still passes.
WINDOW_MS = 15 * 60 * 1000
# Our own header has about 180 bytes; this is room for 64-character AKs and dozens of signed names.
AUTHORIZATION_BYTES_MAX = 4096
# The body is encoded and hashed in slices, so that a thread that verifies a large body keeps giving
# the interpreter back to the loop: one slice takes well below a millisecond.
SLICE_BYTES = 64 * 1024
# Text in so few parts, such as a head and a body of one slice, is hashed in one call.
SHORT_PARTS = 2
# Names and values of headers whose encoded form is kept, and how long they may be.
HEADERS_KEPT_MAX = 1_024
SHORT_HEADER_BYTES = 128
# Above this many different bytes to encode, one look-up a byte is faster than one replacement for each.
_REPLACED_BYTES_MAX = 24
# Used for an AK that nobody has, so that asking for it takes as long as a wrong signature.
_DUMMY_SK = "the-sk-of-nobody-0123456789-0123456789-abc"

_AUTHORIZATION = re.compile(rb"(auth-v2/([A-Za-z0-9._-]{1,64})/([^/]+)/([^/]+))/([0-9a-f]{64})")
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_PERCENT = ord("%")
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ENCODED = [bytes((code,)) if code in _UNRESERVED else b"%%%02X" % code for code in range(256)]


class Verdict(Enum):
    """What became of a signature. The value says it in words, for the log; the client is told only 401."""

    VALID = "valid"
    VALID_WITH_EMPTY_QUERY_LINE = "valid, signed with an empty query line"
    AUTHORIZATION_MISSING = "no Authorization header"
    AUTHORIZATION_REPEATED = "more than one Authorization header"
    AUTHORIZATION_MALFORMED = "the Authorization header is not auth-v2/AK/ts/names/signature"
    TIME_MALFORMED = "the time of signing is not yyyy-MM-ddTHH:mm:ss[.SSS]Z"
    HOST_UNSIGNED = "host is not among the signed headers"
    SIGNED_HEADER_MISSING = "a signed header is missing"
    SIGNED_HEADER_REPEATED = "a signed header is repeated"
    AK_UNKNOWN = "unknown AK"
    TIME_OUT_OF_WINDOW = "signed too long ago or too far ahead"
    SIGNATURE_WRONG = "wrong signature"
    SIGNATURE_SEEN_BEFORE = "this signature was used before"

    @property
    def valid(self) -> bool:
        return self is Verdict.VALID or self is Verdict.VALID_WITH_EMPTY_QUERY_LINE


class Request(NamedTuple):
    """What is signed, as it goes over the wire: nothing decoded, nothing normalised.

    `path` is the raw request target before `?`, `query` what follows it (empty: none). Header names in any
    case, any order. Behind a proxy the caller puts the original `host` in.
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Claim(NamedTuple):
    """A well-formed Authorization header: who says to have signed what, and when. Nothing is proved yet."""

    ak: str
    at_ms: int
    names: bytes
    prefix: bytes
    signature: bytes


class Rules(NamedTuple):
    """What a server accepts. `empty_query_line`: also texts with an empty line where no query is."""

    window_ms: int = WINDOW_MS
    empty_query_line: bool = True


class SeenSignatures:
    """Remembers valid signatures until they are too old to be valid. At most `size_max` of them.

    When full it forgets the oldest, counted in `forgotten`: protection gets shorter, nobody is refused.
    """

    def __init__(self, size_max: int) -> None:
        assert size_max > 0, "a memory of nothing protects from nothing"
        self._size_max = size_max
        # Ordered: its front is found at once, while that of a dict lies behind all that was dropped.
        self._known_until_ms: OrderedDict[bytes, int] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._known_until_ms)

    def is_new(self, claim: Claim, now_ms: int, window_ms: int) -> bool:
        """Whether this signature was not seen before; it is from now on."""
        known = self._known_until_ms
        while known and next(iter(known.values())) < now_ms:
            known.popitem(last=False)
        if claim.signature in known:
            return False
        if len(known) >= self._size_max:
            known.popitem(last=False)
            self.forgotten += 1
        # A time of signing may lie ahead by a whole window. Keeping all for as long as the youngest could
        # need keeps the dictionary in order of leaving.
        known[claim.signature] = now_ms + 2 * window_ms
        return True


def percent_encode(text: bytes) -> bytes:
    """Each byte but `A-Z a-z 0-9 - . _ ~` as %XX, upper case.

    JSON has few different bytes to encode and many of each: replacing byte by byte value is four times
    as fast as a look-up for each byte.
    """
    different = set(text.translate(None, _UNRESERVED))
    if len(different) > _REPLACED_BYTES_MAX:
        return b"".join([_ENCODED[code] for code in text])
    if _PERCENT in different:  # before those that bring new ones
        different.remove(_PERCENT)
        text = text.replace(b"%", b"%25")
    for code in different:
        text = text.replace(bytes((code,)), _ENCODED[code])
    return text


def _encoded_header(text: bytes) -> bytes:
    return _encoded_short(text) if len(text) <= SHORT_HEADER_BYTES else percent_encode(text)


# Clients send the same few headers again and again.
_encoded_short = functools.lru_cache(maxsize=HEADERS_KEPT_MAX)(percent_encode)


def read_claim(headers: Iterable[tuple[bytes, bytes]]) -> Claim | Verdict:
    """The claim that these request headers make, or why they make none."""
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if not values:
        return Verdict.AUTHORIZATION_MISSING
    if len(values) > 1:
        return Verdict.AUTHORIZATION_REPEATED
    match = None if len(values[0]) > AUTHORIZATION_BYTES_MAX else _AUTHORIZATION.fullmatch(values[0])
    if match is None:
        return Verdict.AUTHORIZATION_MALFORMED
    prefix, ak, at, names, signature = match.groups()
    at_ms = _epoch_ms(at)
    if at_ms is None:
        return Verdict.TIME_MALFORMED
    return Claim(ak.decode(), at_ms, names, prefix, signature)


def is_current(claim: Claim, now_ms: int, rules: Rules) -> bool:
    """Whether the time of signing lies within the window. Cheap: what large bodies are first asked for."""
    return abs(now_ms - claim.at_ms) <= rules.window_ms


def verify(
    claim: Claim,
    request: Request,
    sk: str | None,
    now_ms: int,
    rules: Rules,
) -> Verdict:
    """Whether the owner of `sk` signed this request. `sk` is None when nobody has this AK.

    An unknown AK, an old time and a wrong signature cost the same work. Takes about 2 ms for each 300 kB of
    body on a slow core: large ones belong in a thread.
    """
    lines = _signed_lines(claim.names, request.headers)
    if isinstance(lines, Verdict):
        return lines
    signing_key = _hmac_hex((_DUMMY_SK if sk is None else sk).encode(), (claim.prefix,))
    query = _canonical_query(request.query)
    body = _encoded_slices(request.body)
    verdict = Verdict.VALID
    expected = _hmac_hex(signing_key, (_canonical_head(request, query, claim.names, lines), *body))
    matches = hmac.compare_digest(expected, claim.signature)
    current = is_current(claim, now_ms, rules)
    # Also where the first form matches but the time is over: an old request costs what a wrong one costs.
    if query is None and rules.empty_query_line and not (matches and current):
        expected = _hmac_hex(signing_key, (_canonical_head(request, b"", claim.names, lines), *body))
        if hmac.compare_digest(expected, claim.signature):
            matches, verdict = True, Verdict.VALID_WITH_EMPTY_QUERY_LINE
    if sk is None:
        return Verdict.AK_UNKNOWN
    if not current:
        return Verdict.TIME_OUT_OF_WINDOW
    if not matches:
        return Verdict.SIGNATURE_WRONG
    return verdict


def sign(ak: str, sk: str, at_ms: int, request: Request, names: Sequence[str]) -> str:
    """The value of the Authorization header for this request.

    `names` are the headers to sign, lower case; each must be in the request once, and `host` among them.
    """
    joined = ";".join(sorted(names)).encode()
    lines = _signed_lines(joined, request.headers)
    assert not isinstance(lines, Verdict), f"cannot sign: {lines}"
    prefix = b"auth-v2/%s/%s/%s" % (ak.encode(), _time_text(at_ms), joined)
    signing_key = _hmac_hex(sk.encode(), (prefix,))
    head = _canonical_head(request, _canonical_query(request.query), joined, lines)
    signature = _hmac_hex(signing_key, (head, *_encoded_slices(request.body)))
    return (prefix + b"/" + signature).decode()


def _hmac_hex(key: bytes, parts: Sequence[bytes]) -> bytes:
    if len(parts) <= SHORT_PARTS:
        return hmac.digest(key, b"".join(parts), "sha256").hex().encode()
    code = hmac.new(key, digestmod="sha256")
    for part in parts:
        code.update(part)
    return code.hexdigest().encode()


def _canonical_head(request: Request, query: bytes | None, names: bytes, lines: bytes) -> bytes:
    """The signed text up to the body. `query` None: no query line; empty: an empty one."""
    target = (request.path,) if query is None else (request.path, query)
    return b"\n".join((request.method.encode(), *target, names, lines, b""))


def _encoded_slices(body: bytes) -> list[bytes]:
    return [percent_encode(body[start : start + SLICE_BYTES]) for start in range(0, len(body), SLICE_BYTES)]


def _canonical_query(query: bytes) -> bytes | None:
    """Parameters decoded (%XX only, `+` stays), encoded again, unique, sorted; None when there are none."""
    if not query:
        return None
    pairs = set()
    for piece in query.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.add(percent_encode(unquote_to_bytes(name)) + b"=" + percent_encode(unquote_to_bytes(value)))
    return b"&".join(sorted(pairs)) if pairs else None


def _signed_lines(names: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes | Verdict:
    """One line `name:value` per signed header, sorted, or what is wrong with these headers."""
    listed = names.lower().split(b";")
    wanted = set(listed)
    if b"host" not in wanted:
        return Verdict.HOST_UNSIGNED
    if len(wanted) < len(listed):
        return Verdict.SIGNED_HEADER_REPEATED
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        name = name.lower()
        if name in wanted:
            if name in values:
                return Verdict.SIGNED_HEADER_REPEATED
            values[name] = value
    if len(values) < len(wanted):
        return Verdict.SIGNED_HEADER_MISSING
    return b"\n".join(
        sorted(
            _encoded_header(name) + b":" + _encoded_header(value.strip(b" \t"))
            for name, value in values.items()
        )
    )


def _epoch_ms(text: bytes) -> int | None:
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return (datetime.fromisoformat(text.decode()) - _EPOCH) // _MILLISECOND
    except ValueError:  # a 13th month, a 61st second
        return None


def _time_text(at_ms: int) -> bytes:
    moment = _EPOCH + at_ms // 1000 * timedelta(seconds=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
