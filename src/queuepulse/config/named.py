"""What the file alone can name: VDNs with their skill queues, and the switches that we listen to."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from queuepulse.config.rows import PREFIX, Row, Section, settings_of
from queuepulse.engine.events import (
    AGENT_MAX,
    CC_MAX,
    SKILL_CEILING,
    VDN_MAX,
    AgentId,
    Count,
    DurationMs,
    Media,
    SkillId,
    Text,
    VdnKey,
)

LOOPBACK: Final = "127.0.0.1"
SourceKind: TypeAlias = Literal["asterisk", "freeswitch", "queue_log"]
PORTS: Final[dict[tuple[str, bool], int]] = {
    ("asterisk", False): 5038,
    ("asterisk", True): 5039,
    ("freeswitch", False): 8021,
}
"""The usual port of a switch, by its kind and whether that is with TLS."""
_SOURCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def host_of(text: str) -> str:
    """A host as it was given. Raises ValueError with the rule."""
    if not text or text.split() != [text]:
        raise ValueError("an address or a host name")
    return text


def _source_name(text: str) -> str:
    # It becomes part of a variable's name, and no two names the same one.
    if not _SOURCE_NAME.fullmatch(text):
        raise ValueError("1 to 32 small letters, digits and hyphens, such as pbx-1")
    return text


def _one_line(text: str | None) -> str | None:
    if text is not None and (not text or not text.isprintable()):
        raise ValueError("text in one line")
    return text


def _pattern(text: str | None) -> str | None:
    try:
        if text is None or re.compile(text).groups:
            return text
    except re.error:
        pass
    raise ValueError("a regular expression with a group in parentheses, such as /([0-9]+)$")


class SkillNamed(Section, frozen=True, kw_only=True, omit_defaults=True):
    """A skill queue that the file names (`[[vdns.skills]]`); the keys are those of `skill_configured`."""

    id: SkillId
    name: Text | None = None
    media: Media | None = None
    answer_within_ms: DurationMs | None = None
    short_wait_ms: DurationMs | None = None
    max_waiting: Count | None = None
    max_wait_ms: DurationMs | None = None
    wrapup_ms: DurationMs | None = None


class VdnNamed(Section, frozen=True, kw_only=True, omit_defaults=True):
    """A VDN that the file names (`[[vdns]]`). What is None the file leaves open: the log's word stands."""

    cc: Annotated[int, msgspec.Meta(ge=1, le=CC_MAX)]
    vdn: Annotated[int, msgspec.Meta(ge=1, le=VDN_MAX)]
    name: Text | None = None
    timezone: str | None = None
    day_starts: str | None = None
    cti_version: Literal["8", "3.6"] = "8"
    skills: tuple[SkillNamed, ...] = ()

    @property
    def key(self) -> VdnKey:
        return VdnKey(self.cc, self.vdn)


class SourceNamed(Section, frozen=True, kw_only=True):
    """A switch that we listen to (`[[sources]]`)."""

    name: Annotated[
        str, Row("What the log calls it, for ever: what it told stays its own.", check=_source_name)
    ]
    kind: Annotated[SourceKind, Row("What it is.")]
    cc: Annotated[int, Row("The call center whose calls it has.", "", 1, CC_MAX, "16 bits on the wire")]
    vdn: Annotated[int, Row("The VDN in it.", "", 1, VDN_MAX, "the interface knows no larger ones")]
    host: Annotated[str, Row("Its address.", check=host_of)] = LOOPBACK
    port: Annotated[
        int,
        Row("Its port; 0 is the usual one: 5038, with TLS 5039; FreeSWITCH 8021.", "", 0, 65_535, "16 bits"),
    ] = 0
    file: Annotated[Path | None, Row("The file of a `queue_log`, which has no address.")] = None
    username: Annotated[str | None, Row("Whom to log in as; Asterisk alone asks.", check=_one_line)] = None
    secret: Annotated[
        str | None,
        Row(
            "The password of a switch. Or in the variable `QUEUEPULSE_SOURCES_<NAME>_SECRET`.",
            check=_one_line,
            secret=True,
        ),
    ] = None
    tls: Annotated[bool, Row("Connect with TLS and check the certificate; Asterisk alone has it.")] = False
    ca: Annotated[Path | None, Row("PEM file of certificates to trust, in place of the system's.")] = None
    resync_s: Annotated[
        int,
        Row("How often the switch is asked for its own picture.", "s", 5, 3_600, "it is work for the switch"),
    ] = 60
    queues: Annotated[
        dict[str, SkillId],
        Row("Which skill a queue is.", each=f"a skill from 1 to {SKILL_CEILING:,}"),
    ] = msgspec.field(default_factory=dict)
    queue_pattern: Annotated[
        str | None, Row("Finds the skill in a queue's name: its first group.", check=_pattern)
    ] = None
    agents: Annotated[
        dict[str, AgentId],
        Row("Which agent a member is, by interface or name.", each=f"an agent from 1 to {AGENT_MAX:,}"),
    ] = msgspec.field(default_factory=dict)
    agent_pattern: Annotated[
        str | None, Row("Finds the agent in an interface or name: its first group.", check=_pattern)
    ] = None
    members: Annotated[
        dict[str, str],
        Row("What a member is called, by interface; a `queue_log` says now one, now the other.", each="text"),
    ] = msgspec.field(default_factory=dict)
    reasons: Annotated[
        dict[str, Literal["busy", "rest", "study", "work"]],
        Row(
            "Which state a pause is, by its reason; others are `rest`, `Auto-Pause` is `busy`.",
            each="one of busy, rest, study, work",
        ),
    ] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> VdnKey:
        return VdnKey(self.cc, self.vdn)

    @property
    def port_used(self) -> int:
        """The port that is given, or the usual one."""
        return self.port or PORTS[self.kind, self.tls]

    def __repr__(self) -> str:
        return f"SourceNamed({self.name})"


SOURCE_SETTINGS: Final = tuple(settings_of(SourceNamed))
"""The keys of a source, row by row."""


def secret_variable(source: str) -> str:
    """The variable that may hold the secret of the source of that name."""
    return f"{PREFIX}SOURCES_{source.upper().replace('-', '_')}_SECRET"
