"""What a switch said, as a file: its bytes, or its queue_log, to events with the times inside them."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import BinaryIO, Final, TypeVar

from queuepulse.cli.console import misuse, note
from queuepulse.cli.event_files import Numbered, chunks_of, numbered_lines
from queuepulse.engine.events import AGENT_MAX, SKILL_CEILING, Event, SkillConfigured
from queuepulse.sources import ami, asterisk, esl, freeswitch, queue_log
from queuepulse.sources.names import Ids, Names, NamesClash, PauseReasons

SOURCE: Final = "replay"
TIMELESS_MAX: Final = 10_000
"""Messages that may come before the first that tells a time: a login and a few lists have less."""
SETTLE_MS: Final = 1_000
"""How long time runs on behind the last message: so much later nothing of it is open."""
SKILL_DIGITS_MAX: Final = len(str(SKILL_CEILING))
_Message = TypeVar("_Message", ami.Message, esl.Message)
_Translator = asterisk.Translator | freeswitch.Translator


class Form(StrEnum):
    """What a file may hold."""

    EVENTS = "events"
    AMI = "ami"
    ESL = "esl"
    QUEUE_LOG = "queue-log"


def parse_queues(text: str) -> dict[str, int]:
    """The table that `sales=1,support=2` is."""
    table: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, digits = part.rpartition("=")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= SKILL_DIGITS_MAX
        if not name or not is_number or not 1 <= int(digits) <= SKILL_CEILING or name in table:
            raise misuse(
                f"--queues must be names with a skill each, such as sales=1,support=2, not {part!r}."
            )
        table[name] = int(digits)
    return table


class Recording:
    """A file of one switch. `queues` gives skills to names; others get the next free ones, as `tell` says."""

    def __init__(self, form: Form, queues: dict[str, int]) -> None:
        self._form = form
        try:
            self._queues = Names(Ids(SKILL_CEILING), queues)
        except NamesClash as clash:
            raise misuse(f"--queues: {clash}.") from None
        self._skills: dict[str, int] = {}
        self._malformed = 0
        self._messages = 0

    def read(self, source: BinaryIO) -> Iterator[Numbered]:
        """The events, each with the number of the message or line that told it."""
        found = {Form.AMI: self._ami, Form.ESL: self._esl, Form.QUEUE_LOG: self._queue_log}[self._form](
            source
        )
        for event in found:
            if isinstance(event, SkillConfigured) and event.name is not None:
                self._skills[event.name] = event.skill
            yield Numbered(self._messages, event)

    def tell(self) -> None:
        """Says which skill each queue was, and what could not be read."""
        if self._skills:
            note("Queues: " + ", ".join(f"{name}={skill}" for name, skill in self._skills.items()) + ".")
        if self._malformed:
            note(f"{self._malformed:,} messages or lines could not be read.")
        if not self._messages:
            note(f"There is nothing in it that {self._form.value} would say: is that its format?")

    def _ami(self, source: BinaryIO) -> Iterator[Event]:
        parser = ami.AmiParser(asterisk.WANTED)
        translator = asterisk.Translator(SOURCE, self._queues, Names(Ids(AGENT_MAX)), PauseReasons())
        messages = (message for chunk in chunks_of(source) for message in parser.feed(chunk))
        yield from self._translated(messages, _ami_ms, translator.take, translator)
        self._malformed = parser.malformed

    def _esl(self, source: BinaryIO) -> Iterator[Event]:
        parser = esl.EslParser()
        translator = freeswitch.Translator(SOURCE, self._queues, Names(Ids(AGENT_MAX)), PauseReasons())
        messages = (message for chunk in chunks_of(source) for message in parser.feed(chunk))
        yield from self._translated(messages, _esl_ms, translator.take, translator)
        self._malformed = parser.malformed

    def _translated(
        self,
        messages: Iterator[_Message],
        time_of: Callable[[_Message], int],
        take: Callable[[_Message, int], None],
        translator: _Translator,
    ) -> Iterator[Event]:
        """The events of these messages. One that tells no time happened when the one before it did."""
        early: list[_Message] = []
        at_ms = 0
        for message in messages:
            early.append(message)
            at_ms = time_of(message)
            if at_ms or len(early) > TIMELESS_MAX:
                break
        if early and not at_ms:
            raise misuse(
                "This recording tells no times: Asterisk needs timestampevents = yes in manager.conf."
            )
        for message in chain(early, messages):
            at_ms = time_of(message) or at_ms
            take(message, at_ms)
            self._messages += 1
            yield from translator.events()
            translator.actions()  # what it would ask, the recording has or has not
        translator.advance(at_ms + SETTLE_MS)
        yield from translator.events()

    def _queue_log(self, source: BinaryIO) -> Iterator[Event]:
        translator = queue_log.Translator(SOURCE, self._queues, Names(Ids(AGENT_MAX)), PauseReasons())
        for _, line in numbered_lines(source):
            translator.take(line.decode("utf-8", "replace"))
            self._messages += 1
            yield from translator.events()
        self._malformed = translator.malformed


def _ami_ms(message: ami.Message) -> int:
    """When the switch said it (epoch ms), 0 if it does not say."""
    return _epoch_ms(message.get("Timestamp", "").partition(".")[::2])


def _esl_ms(message: esl.Message) -> int:
    stamp = message.headers.get("Event-Date-Timestamp", "")
    return _epoch_ms((stamp[:-6], stamp[-6:]))


def _epoch_ms(parts: Iterable[str]) -> int:
    """Milliseconds of seconds and microseconds as texts; 0 where they are none."""
    seconds, micros = parts
    is_time = seconds.isdigit() and len(seconds) < 12 and micros.isdigit() and len(micros) == 6
    return int(seconds) * 1000 + int(micros[:3]) if is_time and (seconds + micros).isascii() else 0
