"""The bytes of questions and answers, golden for success and for each refusal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from queuepulse.engine.figures import Row
from queuepulse.protocol.codes import ResultCode
from queuepulse.protocol.interfaces import BY_PATH, INTERFACES, OLD_SKILL_STATE, SKILL_STATE
from queuepulse.protocol.wire import (
    UNAUTHENTICATED,
    Encoder,
    Refusal,
    SkillQuery,
    decode_skill_query,
    encode_refusal,
    is_accepted_type,
)

VDN = (1, 1)
IDS_RULE = "skillIds must be an array of 1 to 1000 integers, each from 1 to 10000"
CC_RULE = "ccId must be an integer from 1 to 65535"
VDN_RULE = "vdn must be an integer from 1 to 5000"


def row(skill: int) -> Row:
    """A row whose figures are 1, 2, 3 … in wire order after the skill."""
    return Row(skill, *range(1, 20))


ROW_7 = (
    b'{"skillId":7,"agentLoginNums":1,"agentTalkingNums":2,"agentIdleNums":3,"agentAvailableNums":4,'
    b'"agentSetBusyNums":5,"agentRestNums":6,"agentMaxIdleTimeIn5":7,"agentWorkNums":8,"agentStudyNums":9,'
    b'"agentOccupyNums":10,"agentPreOccupyNums":11,"totalCallNums":12,"processingCallNums":13,'
    b'"maxCallWaitTimesIn5":14,"callWaitNums":15,"evenCallTimeIn5":16,"evenWaitTimeIn5":17,'
    b'"allCallCount":18,"cnnedIn20sCallCount":19}'
)
OLD_ROW_7 = (
    b'{"skillId":7,"agentLoginNums":1,"agentTalkingNums":2,"agentIdleNums":3,"agentAvailableNums":4,'
    b'"agentSetbusyNums":5,"agentRestNums":6,"agentMaxIdleTimeIn5":7,"agentWorkNums":8,"agentStudyNums":9,'
    b'"agentOccupyNums":10,"agentPreOccupyNums":11,"totalCallNums":12,"processingCallNums":13,'
    b'"maxCallWaitTimesIn5":14,"callWaitNums":15,"evenCallTimeIn5":16,"evenWaitTimeIn5":17}'
)


def test_a_success_of_stateinfo_is_byte_exact() -> None:
    other = ROW_7.replace(b'"skillId":7', b'"skillId":8')
    rows = ROW_7 + b"," + other + b"," + ROW_7
    assert Encoder(SKILL_STATE).encode(VDN, [row(7), row(8), row(7)]) == (
        b'{"result":"0","resultCode":"0100000","resultDatas":[' + rows + b'],"resultDesc":[' + rows + b"]}"
    )


def test_a_success_of_the_older_twin_is_byte_exact() -> None:
    assert Encoder(OLD_SKILL_STATE).encode(VDN, [row(7)]) == (
        b'{"result":"0","resultDatas":[' + OLD_ROW_7 + b"]}"
    )


def test_bytes_of_a_row_are_kept_per_vdn_and_renewed_with_the_row() -> None:
    encoder = Encoder(OLD_SKILL_STATE, rows_kept_max=3)
    first = row(7)
    changed, elsewhere = replace(first, waiting=16), replace(first, waiting=17)
    for _ in range(3):
        for vdn, kept in ((VDN, first), ((1, 2), elsewhere), (VDN, changed)):
            answer = json.loads(encoder.encode(vdn, [kept]))
            assert answer["resultDatas"][0]["callWaitNums"] == kept.waiting


def test_an_encoder_forgets_its_rows_rather_than_grow() -> None:
    encoder = Encoder(SKILL_STATE, rows_kept_max=5)
    for vdn in range(1, 20):
        encoder.encode((1, vdn), [row(1), row(2), row(1)])
        assert sum(map(len, encoder._kept.values())) <= 5


def test_whole_answers_are_kept_and_yet_no_stale_row_is_told() -> None:
    encoder = Encoder(SKILL_STATE)
    first, second = row(7), row(9)
    questions = [
        [first, row(8), second],
        [first, replace(row(8), waiting=16), second],
        [first, row(8), replace(second, talking=1)],
        [first, row(6), second],  # as long, with the same first and last queue
    ]
    for rows in (*questions, *questions):
        answer = encoder.encode(VDN, rows)
        assert answer == Encoder(SKILL_STATE).encode(VDN, rows)
        assert encoder.encode(VDN, list(rows)) is answer


def test_an_encoder_forgets_its_answers_rather_than_grow() -> None:
    length = len(Encoder(SKILL_STATE).encode(VDN, [row(1)]))
    encoder = Encoder(SKILL_STATE, answers_kept_bytes_max=3 * length)
    for skill in (*range(1, 9), *range(1, 9)):
        encoder.encode(VDN, [row(skill)])
        held = sum(len(body) for _, body in encoder._answers.values())
        assert held == encoder._answers_bytes <= 3 * length


@pytest.mark.parametrize(
    ("refusal", "body"),
    [
        (
            Refusal(ResultCode.CALL_FAILED, "the VDN cannot be reached now"),
            b'{"result":"1","resultCode":"0100001","resultDesc":"the VDN cannot be reached now"}',
        ),
        (
            Refusal(ResultCode.ILLEGAL_PARAMETER, VDN_RULE),
            b'{"result":"1","resultCode":"0100002","resultDesc":"vdn must be an integer from 1 to 5000"}',
        ),
        (
            Refusal(ResultCode.NEEDS_CTI_V3R8, ResultCode.NEEDS_CTI_V3R8.meaning),
            b'{"result":"1","resultCode":"0100003","resultDesc":"needs CTI V3R8, found V3R6"}',
        ),
        (
            Refusal(ResultCode.UNKNOWN_EXCEPTION, 'request "x"\n'),
            b'{"result":"1","resultCode":"0100999","resultDesc":"request \\"x\\"\\n"}',
        ),
        (
            Refusal(ResultCode.NOT_PERMITTED, ResultCode.NOT_PERMITTED.meaning),
            b'{"result":"1","resultCode":"0101003","resultDesc":"insufficient permission"}',
        ),
    ],
)
def test_each_refusal_is_byte_exact(refusal: Refusal, body: bytes) -> None:
    assert encode_refusal(refusal) == body


def test_the_body_of_a_401_tells_nothing() -> None:
    assert UNAUTHENTICATED == (b'{"result":"1","resultCode":"0101003","resultDesc":"authentication failed"}')


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b'{"ccId":1,"vdn":1,"skillIds":[1,2]}', (1, 1, [1, 2])),
        (b'{"queryParam":{"ccId":65535,"vdn":5000,"skillIds":[10000]}}', (65535, 5000, [10000])),
        (
            b'{"ccId":"x","queryParam":{"ccId":2,"vdn":3,"skillIds":[4,4]},"vdn":0}',
            (2, 3, [4, 4]),
        ),
        (b'{"ccId":"x","ccId":1,"vdn":9,"vdn":1,"skillIds":{},"skillIds":[1]}', (1, 1, [1])),
        (b'{"queryParam":7,"queryParam":{"ccId":1,"vdn":1,"skillIds":[1]}}', (1, 1, [1])),
        (b' {"skillIds" : [ 1 ] ,\n"vdn":1, "ccId":1, "more":[1e999,{"a":null}]} ', (1, 1, [1])),
        (b'{"cc\\u0049d":1,"vdn":1,"skillIds":[1]}', (1, 1, [1])),
    ],
)
def test_both_forms_are_read_and_the_last_of_duplicates_counts(
    body: bytes, query: tuple[int, int, list[int]]
) -> None:
    assert decode_skill_query(body) == SkillQuery(*query)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body must be JSON"),
        (b"{", "the body must be JSON"),
        (b'{"ccId":1}x', "the body must be JSON"),
        (b'{"ccId":NaN}', "the body must be JSON"),
        (b'{"ccId":01}', "the body must be JSON"),
        (b'\xef\xbb\xbf{"ccId":1}', "the body must be JSON"),
        (b"[1]", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'{"other":"\xff"}', "the body must be UTF-8"),
        (b"\xff\xfe", "the body must be UTF-8"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the body is nested too deeply"),
        (b'{"queryParam":null}', "queryParam must be a JSON object"),
        (b'{"queryParam":[],"ccId":1,"vdn":1,"skillIds":[1]}', "queryParam must be a JSON object"),
        (b'{"vdn":1,"skillIds":[1]}', CC_RULE),
        (b'{"queryParam":{},"ccId":1,"vdn":1,"skillIds":[1]}', CC_RULE),
        (b'{"queryParam":{"queryParam":{"ccId":1,"vdn":1,"skillIds":[1]}}}', CC_RULE),
        *[
            (b'{"ccId":%s,"vdn":1,"skillIds":[1]}' % wrong, CC_RULE)
            for wrong in (
                b"0",
                b"-1",
                b"65536",
                b"1.0",
                b'"1"',
                b"true",
                b"null",
                b"[1]",
                b"1e0",
                b"9" * 30,
                b"9" * 5000,
            )
        ],
        (b'{"ccId":1,"skillIds":[1]}', VDN_RULE),
        (b'{"ccId":1,"vdn":5001,"skillIds":[1]}', VDN_RULE),
        (b'{"ccId":1,"vdn":1}', IDS_RULE),
        *[
            (b'{"ccId":1,"vdn":1,"skillIds":%s}' % wrong, IDS_RULE)
            for wrong in (
                b"[]",
                b"1",
                b'"1"',
                b"null",
                b"{}",
                b"[0]",
                b"[1,10001]",
                b"[1.0]",
                b'["1"]',
                b"[true]",
                b"[null]",
                b"[[1]]",
                b"[" + b"9" * 30 + b"]",
                b"[" + b"9" * 5000 + b"]",
                b"[" + b",".join([b"1"] * 1001) + b"]",
            )
        ],
    ],
)
def test_a_wrong_body_is_refused_with_the_key_and_the_rule(body: bytes, text: str) -> None:
    assert decode_skill_query(body) == Refusal(ResultCode.ILLEGAL_PARAMETER, text)


def test_a_thousand_ids_pass_and_the_largest_id_is_a_setting() -> None:
    body = b'{"ccId":1,"vdn":1,"skillIds":[' + b",".join([b"5001"] * 1000) + b"]}"
    assert decode_skill_query(body) == SkillQuery(1, 1, [5001] * 1000)
    assert decode_skill_query(body, skill_id_max=5000) == Refusal(
        ResultCode.ILLEGAL_PARAMETER,
        "skillIds must be an array of 1 to 1000 integers, each from 1 to 5000",
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["ccId", "vdn", "skillIds", "queryParam", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_no_body_raises_and_what_passes_is_within_its_limits(body: bytes) -> None:
    query = decode_skill_query(body)
    if isinstance(query, SkillQuery):
        assert 1 <= query.cc <= 65535
        assert 1 <= query.vdn <= 5000
        assert all(1 <= skill <= 10000 for skill in query.skill_ids)
        assert 1 <= len(query.skill_ids) <= 1000
    else:
        assert query.code is ResultCode.ILLEGAL_PARAMETER


@given(st.data())
def test_a_damaged_body_never_raises(drawn: st.DataObject) -> None:
    body = bytearray(b'{"a":["\\ud83d\\ude00",-1.5e3],"queryParam":{"ccId":1,"vdn":1,"skillIds":[1,2]}}')
    for _ in range(drawn.draw(st.integers(1, 4))):
        body[drawn.draw(st.integers(0, len(body) - 1))] = drawn.draw(st.integers(0, 255))
    assert isinstance(decode_skill_query(bytes(body)), SkillQuery | Refusal)


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        (b"application/json; charset=UTF-8", True),
        (b"Application/JSON", True),
        (b'application/json;\tcharset = "utf-8"', True),
        (b"application/json; charset=gbk", False),
        (b"text/plain", False),
        (b"", False),
    ],
)
def test_content_types(content_type: bytes, accepted: bool) -> None:
    assert is_accepted_type(content_type) is accepted


def test_the_table_of_interfaces_is_sound() -> None:
    assert set(BY_PATH) == {
        "/rest/cmsapp/v1/openapi/skill/stateinfo",
        "/rest/cmsapp/v1/openapi/realindex/skill/stateinfo",
    }
    assert tuple(column.field for column in SKILL_STATE.columns) == Row.__struct_fields__
    assert [interface.needs_cti_v3r8 for interface in INTERFACES] == [True, False]
    for interface in INTERFACES:
        assert len({column.wire for column in interface.columns}) == len(interface.columns)
