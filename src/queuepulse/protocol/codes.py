"""The result codes of the CC-CMS open API, as one table. Nothing else lives here.

Source: the public pages of the API.
"""

from enum import StrEnum
from typing import Self


class ResultCode(StrEnum):
    """What `resultCode` says; the member is the text on the wire, `meaning` is for people."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SUCCESS = "0100000", "success"
    CALL_FAILED = "0100001", "call failed: the VDN cannot be reached now"
    ILLEGAL_PARAMETER = "0100002", "illegal parameter"
    NEEDS_CTI_V3R8 = "0100003", "needs CTI V3R8, found V3R6"
    UNKNOWN_EXCEPTION = "0100999", "unknown exception"
    INSPECTION_FAILED = "0101001", "quality-inspection interface failed"
    NUMBER_UNKNOWN = "0101002", "number unknown in the UAP"
    NOT_PERMITTED = "0101003", "insufficient permission"
