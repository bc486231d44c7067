"""Signature C2: the published vectors, both forms of the query, and every way to be refused."""

import hmac
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuepulse.protocol.signature import (
    SLICE_BYTES,
    WINDOW_MS,
    Claim,
    Request,
    Rules,
    SeenSignatures,
    Verdict,
    is_current,
    percent_encode,
    read_claim,
    sign,
    verify,
)

DEFAULT_RULES = Rules()
AK = "globalaktest"
SK = "example-secret-key"
AT_MS = 1_704_164_645_000  # 2024-01-02T03:04:05Z
HOST = (b"host", b"10.22.26.181:28080")
BODY = b'{"ccId":1,"vdn":1,"skillIds":[1,2]}'
STATEINFO = Request(
    "POST",
    b"/rest/cmsapp/v1/openapi/skill/stateinfo",
    b"",
    [HOST, (b"content-type", b"application/json;charset=UTF-8"), (b"content-length", b"35")],
    BODY,
)
REST_REASONS = Request("GET", b"/rest/cmsapp/v1/openapi/agentgroup/restreasons/1/170", b"", [HOST], b"")
VECTORS = [
    (
        STATEINFO,
        ["content-length", "content-type", "host"],
        "a197557a0da659b33415e2b25ba18c39c90f6839c07a517ed13946288f27fa73",
    ),
    (STATEINFO, ["host"], "f84e3404899e379c6e42a52a89df5ddba09aa13ae50bdb4dfd69d9f237727cbb"),
    (REST_REASONS, ["host"], "ccc78d48eb8ddcb66a1a949a005cedf39840c6e6772411198b380fdc5cfe9dac"),
    (
        REST_REASONS._replace(query=b"b=x%20y&a="),
        ["host"],
        "d5d82d6170c7b981dc73fcea02018e233ff666ecd86161b104ddfb69bcd428da",
    ),
]


def signed(request: Request, authorization: str) -> Request:
    return request._replace(headers=[*request.headers, (b"authorization", authorization.encode())])


def hand_signed(
    names: str, canonical: str, at: str = "2024-01-02T03:04:05Z", request: Request = STATEINFO
) -> Request:
    """A request signed over this very text, as a client with habits of its own would."""
    prefix = f"auth-v2/{AK}/{at}/{names}"
    signing_key = hmac.new(SK.encode(), prefix.encode(), "sha256").hexdigest()
    signature = hmac.new(signing_key.encode(), canonical.encode(), "sha256").hexdigest()
    return signed(request, f"{prefix}/{signature}")


def verdict_on(
    request: Request,
    sk: str | None = SK,
    now_ms: int = AT_MS,
    rules: Rules = DEFAULT_RULES,
) -> Verdict:
    claim = read_claim(request.headers)
    return claim if isinstance(claim, Verdict) else verify(claim, request, sk, now_ms, rules)


@pytest.mark.parametrize(("request_", "names", "signature"), VECTORS)
def test_we_sign_and_accept_the_published_vectors(
    request_: Request, names: list[str], signature: str
) -> None:
    authorization = sign(AK, SK, AT_MS, request_, names)
    assert authorization == f"auth-v2/{AK}/2024-01-02T03:04:05Z/{';'.join(names)}/{signature}"
    assert verdict_on(signed(request_, authorization)) is Verdict.VALID


def test_the_claim_says_who_signed_and_when() -> None:
    claim = read_claim(signed(STATEINFO, sign(AK, SK, AT_MS, STATEINFO, ["host"])).headers)
    assert isinstance(claim, Claim)
    assert (claim.ak, claim.at_ms, claim.names) == (AK, AT_MS, b"host")


LINES = "content-type:application%2Fjson%3Bcharset%3DUTF-8\nhost:10.22.26.181%3A28080"
ENCODED_BODY = quote(BODY, safe="~")


def test_names_count_exactly_as_received_unsorted_or_with_capitals() -> None:
    for names in ("host;content-type", "Host;Content-Type"):
        canonical = f"POST\n{STATEINFO.path.decode()}\n{names}\n{LINES}\n{ENCODED_BODY}"
        assert verdict_on(hand_signed(names, canonical)) is Verdict.VALID


def test_header_names_of_the_request_match_in_any_case_and_values_are_trimmed() -> None:
    shouted = STATEINFO._replace(
        headers=[
            (b"HOST", b" 10.22.26.181:28080\t"),
            (b"Content-Type", b"application/json;charset=UTF-8"),
        ]
    )
    authorization = sign(AK, SK, AT_MS, STATEINFO, ["content-type", "host"])
    assert verdict_on(signed(shouted, authorization)) is Verdict.VALID


def test_an_empty_query_line_is_accepted_if_the_rules_say_so() -> None:
    canonical = f"POST\n{STATEINFO.path.decode()}\n\nhost\nhost:10.22.26.181%3A28080\n{ENCODED_BODY}"
    request = hand_signed("host", canonical)
    assert verdict_on(request) is Verdict.VALID_WITH_EMPTY_QUERY_LINE
    assert verdict_on(request).valid
    assert verdict_on(request, rules=Rules(empty_query_line=False)) is Verdict.SIGNATURE_WRONG


@pytest.mark.parametrize(
    ("query", "line"),
    [
        (b"a=1+2", "a=1%2B2"),
        (b"a=%41&a=A", "a=A"),
        (b"b=1&a=2&&a", "a=&a=2&b=1"),
        (b"a=%zz", "a=%25zz"),
        (b"%e4%bd%a0=1", "%E4%BD%A0=1"),
        (b"a=1&a-=1", "a-=1&a=1"),
    ],
)
def test_a_query_is_decoded_encoded_made_unique_and_sorted(query: bytes, line: str) -> None:
    canonical = f"POST\n{STATEINFO.path.decode()}\n{line}\nhost\nhost:10.22.26.181%3A28080\n{ENCODED_BODY}"
    request = hand_signed("host", canonical, request=STATEINFO._replace(query=query))
    assert verdict_on(request) is Verdict.VALID


def test_the_path_is_taken_as_it_came() -> None:
    odd = STATEINFO._replace(path=b"/a%2fb//%7Ec")
    assert verdict_on(signed(odd, sign(AK, SK, AT_MS, odd, ["host"]))) is Verdict.VALID
    tidied = odd._replace(path=b"/a/b/~c")
    assert verdict_on(signed(tidied, sign(AK, SK, AT_MS, odd, ["host"]))) is Verdict.SIGNATURE_WRONG


def test_a_time_with_milliseconds_is_signed_as_text_and_read_as_time() -> None:
    canonical = f"POST\n{STATEINFO.path.decode()}\nhost\nhost:10.22.26.181%3A28080\n{ENCODED_BODY}"
    request = hand_signed("host", canonical, at="2024-01-02T03:04:05.678Z")
    claim = read_claim(request.headers)
    assert isinstance(claim, Claim)
    assert claim.at_ms == AT_MS + 678
    assert verdict_on(request) is Verdict.VALID


@pytest.mark.parametrize("off_ms", [-WINDOW_MS, WINDOW_MS])
def test_exactly_fifteen_minutes_off_passes_and_a_millisecond_more_does_not(off_ms: int) -> None:
    request = signed(STATEINFO, sign(AK, SK, AT_MS, STATEINFO, ["host"]))
    further = off_ms + (1 if off_ms > 0 else -1)
    assert verdict_on(request, now_ms=AT_MS + off_ms) is Verdict.VALID
    assert verdict_on(request, now_ms=AT_MS + further) is Verdict.TIME_OUT_OF_WINDOW
    claim = read_claim(request.headers)
    assert isinstance(claim, Claim)
    assert is_current(claim, AT_MS + off_ms, Rules())
    assert not is_current(claim, AT_MS + further, Rules())


@pytest.mark.parametrize(
    ("authorization", "verdict"),
    [
        ("Bearer abc", Verdict.AUTHORIZATION_MALFORMED),
        ("", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v1/{AK}/2024-01-02T03:04:05Z/host/{'0' * 64}", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host/{'0' * 63}", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host/{'A' * 64}", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host/{'0' * 64}\n", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z//{'0' * 64}", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v2/a b/2024-01-02T03:04:05Z/host/{'0' * 64}", Verdict.AUTHORIZATION_MALFORMED),
        (f"auth-v2/{'a' * 65}/2024-01-02T03:04:05Z/host/{'0' * 64}", Verdict.AUTHORIZATION_MALFORMED),
        (
            f"auth-v2/{AK}/2024-01-02T03:04:05Z/host{';x' * 3000}/{'0' * 64}",
            Verdict.AUTHORIZATION_MALFORMED,
        ),
        (f"auth-v2/{AK}/2024-01-02 03:04:05Z/host/{'0' * 64}", Verdict.TIME_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05/host/{'0' * 64}", Verdict.TIME_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05.6Z/host/{'0' * 64}", Verdict.TIME_MALFORMED),
        (f"auth-v2/{AK}/2024-13-02T03:04:05Z/host/{'0' * 64}", Verdict.TIME_MALFORMED),
        (f"auth-v2/{AK}/0000-01-02T03:04:05Z/host/{'0' * 64}", Verdict.TIME_MALFORMED),
        (f"auth-v2/{AK}/20240102T030405Z/host/{'0' * 64}", Verdict.TIME_MALFORMED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/content-type/{'0' * 64}", Verdict.HOST_UNSIGNED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host;x-trace/{'0' * 64}", Verdict.SIGNED_HEADER_MISSING),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host;/{'0' * 64}", Verdict.SIGNED_HEADER_MISSING),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host;Host/{'0' * 64}", Verdict.SIGNED_HEADER_REPEATED),
        (f"auth-v2/{AK}/2024-01-02T03:04:05Z/host/{'0' * 64}", Verdict.SIGNATURE_WRONG),
    ],
)
def test_every_wrong_authorization_has_its_verdict(authorization: str, verdict: Verdict) -> None:
    assert verdict_on(signed(STATEINFO, authorization)) is verdict
    assert not verdict.valid


def test_no_and_two_authorization_headers_are_refused() -> None:
    authorization = sign(AK, SK, AT_MS, STATEINFO, ["host"])
    assert verdict_on(STATEINFO) is Verdict.AUTHORIZATION_MISSING
    twice = signed(signed(STATEINFO, authorization), authorization)
    assert verdict_on(twice) is Verdict.AUTHORIZATION_REPEATED


def test_a_signed_header_sent_twice_is_refused_and_an_unsigned_one_is_not() -> None:
    request = signed(STATEINFO, sign(AK, SK, AT_MS, STATEINFO, ["host"]))
    again = request._replace(headers=[*request.headers, (b"Host", HOST[1])])
    assert verdict_on(again) is Verdict.SIGNED_HEADER_REPEATED
    other = request._replace(headers=[*request.headers, (b"content-type", b"text/plain")])
    assert verdict_on(other) is Verdict.VALID


def test_an_unknown_ak_and_a_wrong_sk_are_refused() -> None:
    request = signed(STATEINFO, sign(AK, SK, AT_MS, STATEINFO, ["host"]))
    assert verdict_on(request, sk=None) is Verdict.AK_UNKNOWN
    assert verdict_on(request, sk="another") is Verdict.SIGNATURE_WRONG


def test_a_change_of_anything_signed_is_noticed() -> None:
    request = signed(STATEINFO, sign(AK, SK, AT_MS, STATEINFO, ["content-type", "host"]))
    changes = [
        request._replace(method="PUT"),
        request._replace(path=request.path + b"x"),
        request._replace(query=b"a=1"),
        request._replace(body=request.body + b" "),
        request._replace(headers=[(b"host", b"elsewhere"), *request.headers[1:]]),
    ]
    for changed in changes:
        assert verdict_on(changed) is Verdict.SIGNATURE_WRONG


def test_an_unknown_ak_costs_the_same_hashing_as_a_wrong_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []

    def counting(key: bytes, text: bytes, digest: str) -> bytes:
        hashed.append(len(text))
        return real(key, text, digest)

    real = hmac.digest
    request = signed(STATEINFO, sign(AK, "x" * 42, AT_MS, STATEINFO, ["host"]))
    monkeypatch.setattr(hmac, "digest", counting)
    costs: list[tuple[int, ...]] = []
    for sk, now_ms in ((None, AT_MS), ("y" * 42, AT_MS), ("y" * 42, 0), (None, 0)):
        hashed.clear()
        assert not verdict_on(request, sk=sk, now_ms=now_ms).valid
        costs.append(tuple(hashed))
    assert len(costs[0]) == 3
    assert len(set(costs)) == 1


def claim_at(at_ms: int) -> Claim:
    claim = read_claim(signed(STATEINFO, sign(AK, SK, at_ms, STATEINFO, ["host"])).headers)
    assert isinstance(claim, Claim)
    return claim


def test_a_signature_is_new_once_until_its_time_is_over() -> None:
    seen, later_ms = SeenSignatures(size_max=10), AT_MS + WINDOW_MS + 1
    assert seen.is_new(claim_at(AT_MS), AT_MS - WINDOW_MS, WINDOW_MS)
    assert not seen.is_new(claim_at(AT_MS), AT_MS + WINDOW_MS, WINDOW_MS)
    assert seen.is_new(claim_at(later_ms), later_ms, WINDOW_MS)
    assert len(seen) == 1


def test_a_full_memory_of_signatures_forgets_the_oldest_and_counts_it() -> None:
    seen = SeenSignatures(size_max=2)
    for second in range(3):
        assert seen.is_new(claim_at(AT_MS + second * 1000), AT_MS, WINDOW_MS)
    assert (len(seen), seen.forgotten) == (2, 1)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_percent_encoding_agrees_with_the_standard_library(text: bytes) -> None:
    assert percent_encode(text) == quote(text, safe="~").encode()


@given(st.binary(max_size=200))
def test_no_authorization_header_raises(value: bytes) -> None:
    for header in (value, b"auth-v2/a/2024-01-02T03:04:05Z/host/" + value, b"auth-v2/" + value):
        request = STATEINFO._replace(headers=[*STATEINFO.headers, (b"authorization", header)])
        assert not verdict_on(request).valid


def test_a_body_of_several_slices_is_signed_whole() -> None:
    large = STATEINFO._replace(body=b'{"%": "\xe4"}' * (SLICE_BYTES // 5))
    names = "host"
    canonical = f"POST\n{large.path.decode()}\nhost\nhost:10.22.26.181%3A28080\n{quote(large.body, safe='~')}"
    assert verdict_on(hand_signed(names, canonical, request=large)) is Verdict.VALID
