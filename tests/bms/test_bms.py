"""The BMS by itself: who may ask, what the halves of a row are, and that both are of one moment."""

import asyncio
import json
from typing import Any

import pytest

from asking import NOW_MS, TOKEN, Headers, Heard, SteadyBoard, StillClock, Tally, ask, ask_async, scope_of
from queuepulse.bms.app import BmsApp, Settings
from queuepulse.bms.moments import KEPT_S_MAX, Moments
from queuepulse.engine.events import CallAnswered, CallLeft, CallOffered, CallReleased, Event, VdnKey
from queuepulse.engine.figures import Row
from queuepulse.hub import Hub, HubSettings
from queuepulse.ports import Answer, BoardUnreachable
from queuepulse.protocol import bms
from queuepulse.protocol.interfaces import (
    BMS_CALLS,
    BMS_READY_PATH,
    BMS_STATE,
    OLD_SKILL_STATE,
    SKILL_STATE,
)
from queuepulse.stores.memory import MemoryLog
from queuepulse.stores.records import RecentFives

BODY = b'{"ccId":1,"vdn":1,"skillIds":[1,2,3]}'
VDN = VdnKey(1, 1)
BEARER = (b"authorization", b"Bearer " + TOKEN.encode())


def app_of(board: Any = None, token: str | None = TOKEN, clock: StillClock | None = None) -> BmsApp:
    return BmsApp(board or SteadyBoard(), clock or StillClock(), Tally(), lambda: 42, Settings(token, 10_000))


def post(path: str, headers: Headers | None = None) -> dict[str, Any]:
    return scope_of("POST", path.encode(), [BEARER] if headers is None else [BEARER, *headers])


def bytes_of(headers: dict[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def moment_of(heard: Heard) -> bms.Moment:
    told = {name.decode(): value.decode() for name, value in heard.headers}
    moment = bms.Moment.of(told.get(bms.POSITION), told.get(bms.INSTANT))
    assert moment is not None
    return moment


def rows_of(heard: Heard) -> list[dict[str, int]]:
    told = json.loads(heard.body)
    assert told["result"] == "0"
    return list(told["resultDatas"])


# Who may ask


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"Bearer wrong")],
        [(b"authorization", TOKEN.encode())],
        [(b"authorization", b"")],
    ],
)
@pytest.mark.parametrize("path", [BMS_STATE.path, BMS_CALLS.path, BMS_READY_PATH])
def test_without_the_token_nothing_is_told(path: str, headers: Headers) -> None:
    heard = ask(app_of(), scope_of("POST", path.encode(), headers), BODY)
    assert heard.status == 401
    assert bms.POSITION.encode() not in dict(heard.headers)


def test_where_the_certificate_proves_a_gateway_no_token_is_wanted() -> None:
    heard = ask(app_of(token=None), scope_of("POST", BMS_STATE.path.encode(), []), BODY)
    assert heard.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", SKILL_STATE.path, 404),
        ("POST", "/ccbms/ws/monitor/", 404),
        ("GET", BMS_STATE.path, 405),
        ("POST", BMS_READY_PATH, 405),
        ("GET", BMS_READY_PATH, 200),
    ],
)
def test_nothing_else_is_served(method: str, path: str, status: int) -> None:
    assert ask(app_of(), scope_of(method, path.encode(), [BEARER]), b"").status == status


def test_who_is_about_to_leave_is_not_ready_and_still_answers() -> None:
    app = BmsApp(SteadyBoard(), StillClock(), Tally(), lambda: 42, Settings(TOKEN), is_staying=lambda: False)
    assert ask(app, scope_of("GET", BMS_READY_PATH.encode(), [BEARER])).status == 503
    assert ask(app, post(BMS_STATE.path), BODY).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"ccId":1}', b'{"ccId":1,"vdn":1,"skillIds":[0]}', b"[" * 9999]
)
@pytest.mark.parametrize("path", [BMS_STATE.path, BMS_CALLS.path])
def test_a_bad_question_is_told_why(path: str, body: bytes) -> None:
    heard = ask(app_of(), post(path), body)
    assert (heard.status, json.loads(heard.body)["resultCode"]) == (200, "0100002")


def test_a_board_that_cannot_be_reached_is_no_answer() -> None:
    assert ask(app_of(SteadyBoard(error=BoardUnreachable("7"))), post(BMS_STATE.path), BODY).status == 503


def test_what_an_old_switch_cannot_tell_is_refused_and_the_rest_is_not() -> None:
    settings = Settings(TOKEN, v3r6_vdns=frozenset({VDN}))
    app = BmsApp(SteadyBoard(), StillClock(), Tally(), lambda: 42, settings)
    state = ask(app, post(BMS_STATE.path), BODY)
    assert len(rows_of(state)) == 3
    for headers in ([], bytes_of(moment_of(state).headers())):
        heard = ask(app, post(BMS_CALLS.path, headers), BODY)
        assert json.loads(heard.body)["resultCode"] == "0100003"


# Halves of rows


def test_both_halves_are_a_row_of_the_public_interface() -> None:
    app = app_of()
    state = ask(app, post(BMS_STATE.path), BODY)
    calls = ask(app, post(BMS_CALLS.path, bytes_of(moment_of(state).headers())), BODY)
    keys = [column.wire for column in SKILL_STATE.columns]
    for one, other in zip(rows_of(state), rows_of(calls), strict=True):
        assert [*one, *other] == keys
    pieces = bms.spliced(bms.pieces_of(state.body, 3), bms.pieces_of(calls.body, 3))
    rows = json.loads(b"[" + bms.joined(pieces) + b"]")
    assert [row["skillId"] for row in rows] == [1, 2, 3]
    assert rows[0]["cnnedIn20sCallCount"] == 19


def test_a_half_is_renamed_for_the_older_twin() -> None:
    state = ask(app_of(), post(BMS_STATE.path), BODY).body
    (row, *_) = json.loads(b"[" + bms.joined(bms.pieces_of(bms.renamed(state, OLD_SKILL_STATE), 3)) + b"]")
    assert list(row) == [column.wire for column in OLD_SKILL_STATE.columns]
    assert bms.renamed(state, SKILL_STATE) == state


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"", 1),
        (b"{}", 1),
        (b'{"result":"0","resultDatas":[]}', 1),
        (b'{"result":"0","resultDatas":[{"a":1}]}', 2),
        (b'{"result":"0","resultDatas":[{"a":1},{"a":2}]}', 1),
        (b'{"result":"0","resultDatas":[{"a":1}]', 1),
        (b'{"result":"0","resultDatas":[{"a":1}]}', 0),
    ],
)
def test_an_answer_with_another_number_of_rows_is_none(body: bytes, count: int) -> None:
    with pytest.raises(bms.BadAnswer):
        bms.pieces_of(body, count)


@pytest.mark.parametrize("told", ["x", "3", "-1", "0,,x", "0;1"])
def test_places_that_nobody_asked_for_are_refused(told: str) -> None:
    with pytest.raises(bms.BadAnswer):
        bms.places_of({bms.CHANGED: told}, 3)


def test_no_place_is_not_all_places() -> None:
    assert bms.places_of({}, 3) is None
    assert bms.places_of({bms.CHANGED: ""}, 3) == []
    assert bms.places_of({bms.CHANGED: "0,2"}, 3) == [0, 2]


# One moment


def hub_of(clock: StillClock) -> Hub:
    return Hub(MemoryLog(), clock, Tally(), HubSettings(), lambda _: None, lambda *_: None, RecentFives())


def offered(number: int, at_ms: int, skill: int = 1) -> Event:
    return CallOffered(call=f"c{number}", skill=skill, at=at_ms, id=f"o{number}")


def test_the_other_half_is_of_the_same_moment_whatever_came_in_between() -> None:
    async def course() -> None:
        clock = StillClock()
        hub = hub_of(clock)
        app = app_of(hub, clock=clock)
        await hub.ingest(VDN, [offered(1, NOW_MS)])
        state = await ask_async(app, post(BMS_STATE.path), [BODY])
        moment = moment_of(state)
        assert moment == (1, NOW_MS)
        clock.ms += 300_000  # the next five minutes: now all is zero
        await hub.ingest(VDN, [offered(2, clock.ms), offered(3, clock.ms)])
        calls = await ask_async(app, post(BMS_CALLS.path, bytes_of(moment.headers())), [BODY])
        assert moment_of(calls) == moment
        assert [row["allCallCount"] for row in rows_of(calls)] == [1, 0, 0]
        assert [row["callWaitNums"] for row in rows_of(state)] == [1, 0, 0]

    asyncio.run(course())


def test_since_a_moment_only_the_other_rows_are_told_in_both_halves() -> None:
    async def course() -> None:
        clock = StillClock()
        hub = hub_of(clock)
        app = app_of(hub, clock=clock)
        await hub.ingest(VDN, [offered(9, NOW_MS, skill=9)])
        first = await ask_async(app, post(BMS_STATE.path), [BODY])
        since = moment_of(first).since_headers()
        await hub.ingest(VDN, [offered(1, NOW_MS, skill=2)])
        state = await ask_async(app, post(BMS_STATE.path, bytes_of(since)), [BODY])
        both = moment_of(state).headers() | since
        calls = await ask_async(app, post(BMS_CALLS.path, bytes_of(both)), [BODY])
        for half in (state, calls):
            assert half.header(bms.CHANGED.encode()) == b"1"
            assert len(rows_of(half)) == 1
        assert rows_of(state)[0]["skillId"] == 2
        # What nobody was told is not there to be asked for.
        other = bytes_of(moment_of(state).headers())
        assert (await ask_async(app, post(BMS_CALLS.path, other), [BODY])).status == bms.GONE_STATUS
        again = await ask_async(app, post(BMS_STATE.path, bytes_of(moment_of(state).since_headers())), [BODY])
        assert (again.header(bms.CHANGED.encode()), rows_of(again)) == (b"", [])

    asyncio.run(course())


def test_all_rows_are_told_where_most_are_others_or_the_moment_is_unknown() -> None:
    async def course() -> None:
        clock = StillClock()
        hub = hub_of(clock)
        app = app_of(hub, clock=clock)
        await hub.ingest(VDN, [offered(9, NOW_MS, skill=9)])
        first = await ask_async(app, post(BMS_STATE.path), [BODY])
        await hub.ingest(VDN, [offered(1, NOW_MS, 1), offered(2, NOW_MS, 2)])
        for since in (moment_of(first), bms.Moment(77, NOW_MS)):
            state = await ask_async(app, post(BMS_STATE.path, bytes_of(since.since_headers())), [BODY])
            assert (state.header(bms.CHANGED.encode()), len(rows_of(state))) == (None, 3)

    asyncio.run(course())


@pytest.mark.parametrize("headers", [bms.Moment(41, NOW_MS + 1).headers(), bms.Moment(40, NOW_MS).headers()])
def test_a_moment_that_nobody_saw_is_gone(headers: dict[str, str]) -> None:
    app = app_of()
    ask(app, post(BMS_STATE.path), BODY)
    assert ask(app, post(BMS_CALLS.path, bytes_of(headers)), BODY).status == bms.GONE_STATUS


def answer_at(position: int, rows: int = 1) -> Answer:
    return Answer([Row(skill, *range(1, 20)) for skill in range(1, rows + 1)], position, None, NOW_MS)


def test_moments_are_bounded_in_number_and_in_time() -> None:
    clock = StillClock()
    moments = Moments(clock.elapsed, rows_max=10)
    for position in range(5):
        moments.tell(VDN, b"q", answer_at(position, rows=4), None)
    assert len(moments) == 2
    assert moments.told(b"q", bms.Moment(4, NOW_MS), None) is not None
    assert moments.told(b"q", bms.Moment(2, NOW_MS), None) is None
    clock.s += KEPT_S_MAX + 0.1
    moments.tell(VDN, b"q", answer_at(9), None)
    assert len(moments) == 1


# All figures of the calls


def test_the_calls_of_the_five_minutes_are_told_whole_without_a_moment() -> None:
    async def course() -> None:
        clock = StillClock()
        hub = hub_of(clock)
        app = app_of(hub, clock=clock)
        mark_ms = NOW_MS - NOW_MS % 300_000
        await hub.ingest(
            VDN,
            [
                offered(1, mark_ms + 1_000),
                offered(2, mark_ms + 1_000),
                CallOffered(call="out", skill=1, direction="out", at=mark_ms + 1_000, id="o"),
                CallAnswered(call="c1", at=mark_ms + 3_000, id="a1"),
                CallLeft(call="c2", cause="abandoned", at=mark_ms + 4_000, id="l2"),
                CallReleased(call="c1", at=mark_ms + 33_500, id="r1"),
            ],
        )
        heard = await ask_async(app, post(BMS_CALLS.path), [BODY])
        assert rows_of(heard)[0] == {
            "id": 1,
            "startTime": mark_ms,
            "allCallCount": 2,
            "cnnedCallCount": 1,
            "abanCallCount": 1,
            "callEndCount": 1,
            "talkTimeOnIvr": 30,
            "cnnedIn20sCallCount": 1,
        }
        clock.ms = mark_ms + 300_000
        (row, *_) = rows_of(await ask_async(app, post(BMS_CALLS.path), [BODY]))
        assert (row["startTime"], row["allCallCount"], row["talkTimeOnIvr"]) == (mark_ms + 300_000, 0, 0)

    asyncio.run(course())
