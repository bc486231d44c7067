"""Bytes to events and back: the one place where an event is checked.

Whatever passes here is valid for good; what does not is a `BadEvent` that names line, key and rule.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from queuepulse.engine import days
from queuepulse.engine.events import (
    SKILL_MAX,
    AgentSignedIn,
    AgentSkillsSet,
    CallAlerting,
    CallAnswered,
    CallHeld,
    CallLeft,
    CallOffered,
    CallReleased,
    CallResumed,
    CallUnanswered,
    Event,
    SkillConfigured,
    Snapshot,
    VdnConfigured,
)

DIGEST_BYTES: Final = 16
"""Of a digest: two events that share one by chance are not to be expected in the life of any server."""
_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)
_array_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])
# Sets in one order: equal events are equal bytes, whatever the hashes.
_encoder: Final = msgspec.json.Encoder(order="deterministic")
_PATH: Final = re.compile(r"(?P<reason>.*) - at `(?:key in )?\$\.?(?P<key>[^`]*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_OF_CALL: Final = (
    CallOffered,
    CallAlerting,
    CallUnanswered,
    CallAnswered,
    CallLeft,
    CallHeld,
    CallResumed,
    CallReleased,
)


class BadEvent(ValueError):
    """An event that never reaches the log.

    `line` counts from 1 (for an array: its index + 1), `key` is the offending key or empty, `reason` the
    rule.
    """

    def __init__(self, line: int, key: str, reason: str) -> None:
        super().__init__(f"line {line}, key {key!r}: {reason}" if key else f"line {line}: {reason}")
        self.line, self.key, self.reason = line, key, reason


def lines_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of an NDJSON body that hold something, each with its number from 1."""
    for number, line in enumerate(body.split(b"\n"), 1):
        if line and not line.isspace():
            yield number, line


def items_of(body: bytes) -> Iterator[tuple[int, bytes | msgspec.Raw]]:
    """The items of a JSON array, each with its index + 1; not yet looked into. Raises `BadEvent`."""
    try:
        return enumerate(_array_decoder.decode(body), 1)
    except RecursionError:
        raise BadEvent(1, "", "nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadEvent(1, "", f"the body is no JSON array: {error}") from None


def decode_line(line: bytes | msgspec.Raw, number: int, skill_max: int = SKILL_MAX) -> Event:
    """One event from the text of one line.

    `number` is only for the report. `skill_max` is the setting. Raises `BadEvent`.
    """
    try:
        event = _decoder.decode(line)
    except RecursionError:
        raise BadEvent(number, "", "nested too deep") from None
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise _refusal(number, str(error)) from None
    except msgspec.DecodeError as error:
        raise BadEvent(number, "", f"no JSON object: {error}") from None
    _check(event, number, skill_max)
    return event


def decode(lines: Iterable[tuple[int, bytes | msgspec.Raw]], skill_max: int = SKILL_MAX) -> list[Event]:
    """The events of numbered lines (`lines_of`, `items_of`). Raises `BadEvent` at the first bad one."""
    return [decode_line(line, number, skill_max) for number, line in lines]


def decode_lines(body: bytes, skill_max: int = SKILL_MAX) -> list[Event]:
    """All events of an NDJSON body; blank lines are passed over. Raises `BadEvent`."""
    return decode(lines_of(body), skill_max)


def decode_array(body: bytes, skill_max: int = SKILL_MAX) -> list[Event]:
    """All events of a JSON array. Raises `BadEvent`."""
    return decode(items_of(body), skill_max)


def encode_events(events: Sequence[Event]) -> bytes:
    """The events as NDJSON, each line ended by a newline: the form in which the log keeps them."""
    return _encoder.encode_lines(events)


def digest_of(event: Event) -> bytes:
    """What tells an event without an id from any other: equal for equal keys and values, and always short."""
    return hashlib.sha256(_encoder.encode(event)).digest()[:DIGEST_BYTES]


def decode_trusted(body: bytes) -> list[Event]:
    """The events of a body that `encode_events` made: our own log, checked when it was written."""
    return _decoder.decode_lines(body)


def _refusal(number: int, message: str) -> BadEvent:
    """Takes msgspec's message apart: the key for the program, the rule for the person."""
    where = _PATH.fullmatch(message)
    reason, path = (where["reason"], where["key"]) if where else (message, "")
    missing = _MISSING.search(reason)
    if missing:
        path = f"{path}.{missing['key']}" if path else missing["key"]
        reason = "is missing"
    return BadEvent(number, path, reason)


def _check(event: Event, number: int, skill_max: int) -> None:
    """The rules that a type cannot say: printable call ids, the highest skill, zones that exist."""
    kind = type(event)
    if isinstance(event, _OF_CALL):
        if not event.call.isprintable():
            raise BadEvent(number, "call", "must be 1-64 printable characters")
        if (kind is CallOffered or kind is CallAnswered) and (event.skill or 0) > skill_max:  # type: ignore[union-attr]
            raise BadEvent(number, "skill", f"must be 1-{skill_max}")
    elif isinstance(event, AgentSignedIn | AgentSkillsSet):
        if max(event.skills, default=0) > skill_max:
            raise BadEvent(number, "skills", f"must be 1-{skill_max} each")
    elif isinstance(event, SkillConfigured):
        if event.skill > skill_max:
            raise BadEvent(number, "skill", f"must be 1-{skill_max}")
    elif isinstance(event, Snapshot):
        _check_picture(event, number, skill_max)
    elif isinstance(event, VdnConfigured):
        _check_zone(event, number)


def _check_picture(event: Snapshot, number: int, skill_max: int) -> None:
    if any(max(agent.skills, default=0) > skill_max for agent in event.agents):
        raise BadEvent(number, "agents.skills", f"must be 1-{skill_max} each")
    for call in event.calls:
        if not call.call.isprintable():
            raise BadEvent(number, "calls.call", "must be 1-64 printable characters")
        if call.skill > skill_max:
            raise BadEvent(number, "calls.skill", f"must be 1-{skill_max}")


def _check_zone(event: VdnConfigured, number: int) -> None:
    for key, value, check in (
        ("timezone", event.timezone, days.zone),
        ("day_starts", event.day_starts, days.minutes_of),
    ):
        if value is not None:
            try:
                check(value)
            except ValueError as error:
                raise BadEvent(number, key, str(error)) from None
