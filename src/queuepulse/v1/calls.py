"""`GET /v1/calls` and `GET /v1/calls/{call}`: single calls, each with its passes."""

from queuepulse.calling import CallRecords, CallsBusy, CallUnknown, RecordsTold
from queuepulse.engine.calls import OUTCOMES
from queuepulse.engine.events import AT_MAX_MS
from queuepulse.engine.passes import Wanted
from queuepulse.protocol.codes import ResultCode
from queuepulse.v1.app import Asked, NotFound, Refused, Told

RETRY_S = 1
"""When those who were too many may ask again."""


class CallEndpoint:
    """Answers for one call, out of `CallRecords`."""

    def __init__(self, records: CallRecords) -> None:
        self._records = records

    async def __call__(self, asked: Asked) -> Told:
        try:
            return _told(await self._records.call(asked.vdn, asked.values["call"]))
        except CallUnknown as unknown:
            raise NotFound(str(unknown), "call") from unknown
        except CallsBusy as busy:
            raise Refused(ResultCode.CALL_FAILED, str(busy), retry_s=RETRY_S) from busy


class CallsEndpoint:
    """Answers for the calls of a stretch of time."""

    def __init__(self, records: CallRecords) -> None:
        self._records = records

    async def __call__(self, asked: Asked) -> Told:
        values = asked.values
        from_ms, to_ms = values["from"], AT_MAX_MS if values["to"] is None else values["to"]
        if to_ms < from_ms:
            raise Refused(ResultCode.ILLEGAL_PARAMETER, "is before `from`", key="to")
        wanted = Wanted(
            from_ms,
            to_ms,
            values["after"] or (0, ""),
            values["skill"] or 0,
            values["agent"] or 0,
            -1 if values["outcome"] is None else OUTCOMES.index(values["outcome"]),
        )
        try:
            return _told(await self._records.page(asked.vdn, wanted, values["limit"]))
        except CallsBusy as busy:
            raise Refused(ResultCode.CALL_FAILED, str(busy), retry_s=RETRY_S) from busy


def _told(told: RecordsTold) -> Told:
    return Told(told.body, told.position, told.stale_since_ms)
