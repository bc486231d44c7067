"""The interfaces of the CC-CMS open API that we serve, as one table; a new one is a new row.

Router, encoder, client and documentation are drawn from it. Beside them stand the two internal interfaces
(BMS) that make up `skill/stateinfo`. No behaviour lives here.
"""

from enum import Enum
from typing import NamedTuple

BASE = "/rest/cmsapp/v1/openapi/"
# Not of that API but beside it: where events are posted, and what they are posted as.
INGEST_PATH = "/ingest/v1/events"
NDJSON = "application/x-ndjson"


class Envelope(Enum):
    """Which keys surround the rows of a success. A failure looks alike everywhere (`wire.encode_refusal`)."""

    FULL = "result, resultCode, resultDatas, resultDesc"
    OLD = "result, resultDatas"


class Column(NamedTuple):
    """One figure of a row: its spelling on the wire and the attribute of our row that holds it."""

    wire: str
    field: str


class Interface(NamedTuple):
    """One interface: where it is, who may ask it, what a row of it holds, in wire order."""

    path: str
    method: str
    needs_cti_v3r8: bool
    envelope: Envelope
    columns: tuple[Column, ...]


_SKILL_COLUMNS = (
    Column("skillId", "skill"),
    Column("agentLoginNums", "signed_in"),
    Column("agentTalkingNums", "talking"),
    Column("agentIdleNums", "idle"),
    Column("agentAvailableNums", "available"),
    Column("agentSetBusyNums", "busy"),
    Column("agentRestNums", "rest"),
    Column("agentMaxIdleTimeIn5", "idle_s_max"),
    Column("agentWorkNums", "work"),
    Column("agentStudyNums", "study"),
    Column("agentOccupyNums", "occupied"),
    Column("agentPreOccupyNums", "preoccupied"),
    Column("totalCallNums", "answered_today"),
    Column("processingCallNums", "in_talk"),
    Column("maxCallWaitTimesIn5", "wait_s_max"),
    Column("callWaitNums", "waiting"),
    Column("evenCallTimeIn5", "talk_s_mean"),
    Column("evenWaitTimeIn5", "wait_s_mean"),
    Column("allCallCount", "offered_in"),
    Column("cnnedIn20sCallCount", "answered_in_20s"),
)

# The older twin ends before the last two figures and spells one key with a small b.
_OLD_SKILL_COLUMNS = tuple(
    column._replace(wire="agentSetbusyNums") if column.field == "busy" else column
    for column in _SKILL_COLUMNS[:-2]
)

SKILL_STATE = Interface(BASE + "skill/stateinfo", "POST", True, Envelope.FULL, _SKILL_COLUMNS)
OLD_SKILL_STATE = Interface(
    BASE + "realindex/skill/stateinfo", "POST", False, Envelope.OLD, _OLD_SKILL_COLUMNS
)

INTERFACES = (SKILL_STATE, OLD_SKILL_STATE)
BY_PATH = {interface.path: interface for interface in INTERFACES}

# What the BMS serves to gateways. Its rows are those of `skill/currentcallstateinfo`, as far as the engine
# counts: wrap-ups belong to agents and to no queue, so `clearUpCallCount` and `clearUpTime` are not told.
BMS_BASE = "/ccbms/ws/monitor/"
_CALL_COLUMNS = (
    Column("id", "skill"),
    Column("startTime", "starts_at_ms"),
    Column("allCallCount", "offered_in"),
    Column("cnnedCallCount", "answered"),
    Column("abanCallCount", "left"),
    Column("callEndCount", "talks"),
    Column("talkTimeOnIvr", "talk_s"),
    Column("cnnedIn20sCallCount", "answered_in_20s"),
)
BMS_CALLS = Interface(BMS_BASE + "querycurrentcallstatinfo", "POST", True, Envelope.OLD, _CALL_COLUMNS)
BMS_STATE = Interface(
    BMS_BASE + "queryStatInfoOfEverySkill", "POST", False, Envelope.OLD, _SKILL_COLUMNS[:-2]
)
# The other half of a row of BMS_STATE, of the same moment. Which moment is told by headers (`protocol.bms`).
BMS_CALLS_OF_A_MOMENT = BMS_CALLS._replace(columns=_SKILL_COLUMNS[-2:])

BMS_INTERFACES = (BMS_CALLS, BMS_STATE)
BMS_BY_PATH = {interface.path: interface for interface in BMS_INTERFACES}
BMS_READY_PATH = BMS_BASE + "ready"
