"""The settings: one table, from which parsing, checks, variables, reports and documentation are drawn.

The structs below are the table: a field is a row, its annotation says unit, meaning, limit and reason.
Where values come from, and what a wrong one is told, is `config_load`.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from queuepulse.engine.events import (
    CC_MAX,
    SKILL_CEILING,
    SKILL_MAX,
    VDN_MAX,
    Count,
    DurationMs,
    Media,
    SkillId,
    Text,
    VdnKey,
)

PREFIX: Final = "QUEUEPULSE_"
"""Every variable of ours begins so; the rest is the key in capitals, dots as underscores."""
DEFAULT_FOLDER: Final = Path("~/.local/share/queuepulse")
"""One place per user and not the folder one happens to stand in: `serve` and `keys` must mean the same."""
EVERY_ADDRESS: Final = "0.0.0.0"
LOOPBACK: Final = "127.0.0.1"
_MASTER_KEY: Final = re.compile(r"[0-9A-Fa-f]{64}")


class Row(NamedTuple):
    """What the table says of a setting besides its name, type and default.

    `least` and `most` bound a number, both included, and `reason` says why. `check` gives a better form of
    a value, or raises ValueError with the rule. A `secret` is never shown.
    """

    meaning: str
    unit: str = ""
    least: int | None = None
    most: int | None = None
    reason: str = ""
    check: Callable[[Any], Any] | None = None
    secret: bool = False


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError("a list of IP addresses or networks such as 10.0.0.0/8") from None
    return texts


def _master_key(text: str | None) -> str | None:
    if text is not None and not _MASTER_KEY.fullmatch(text):
        raise ValueError("64 hexadecimal digits")
    return text


def _host(text: str) -> str:
    if not text or text.split() != [text]:
        raise ValueError("an address or a host name")
    return text


PlainHttp: TypeAlias = Literal["off", "loopback", "everywhere"]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that belong together; a table of the file."""


class Server(Section, frozen=True, kw_only=True):
    """Where the server listens, and how much it lets in."""

    host: Annotated[
        str,
        Row(
            "Address to listen on. With plain HTTP on the loopback only, 127.0.0.1 unless given.", check=_host
        ),
    ] = EVERY_ADDRESS
    port: Annotated[
        int, Row("Port to listen on; 0 lets the system choose.", "", 0, 65_535, "ports have 16 bits")
    ] = 28_443
    certificate: Annotated[
        Path | None, Row("PEM file of the server's certificate and chain; without one, one is made and kept.")
    ] = None
    private_key: Annotated[Path | None, Row("PEM file of the certificate's private key.")] = None
    plain_http: Annotated[
        PlainHttp, Row("Serve without TLS: `loopback` only to this machine, `everywhere` on `server.host`.")
    ] = "off"
    connections_max: Annotated[
        int,
        Row("Connections at once, idle ones too.", "connections", 1, 1_000_000, "each costs a descriptor"),
    ] = 16_384
    connections_per_address_max: Annotated[
        int,
        Row("The same for one client address.", "connections", 1, 1_000_000, "one client may not take all"),
    ] = 1_024
    body_timeout_s: Annotated[
        int,
        Row("A request's body must have come by then.", "s", 1, 300, "stalled bodies hold a connection"),
    ] = 10


class Signature(Section, frozen=True, kw_only=True):
    """What is accepted as a signed request."""

    window_s: Annotated[
        int,
        Row("How far a request's time may be off ours.", "s", 1, 86_400, "older ones could be replayed"),
    ] = 900
    replay_protection: Annotated[
        bool, Row("Refuse a signature seen before; pollers that ask twice a second may send one twice.")
    ] = False
    empty_query_line: Annotated[
        bool, Row("Also accept signatures with an empty query line, as some published clients make them.")
    ] = True


class Limits(Section, frozen=True, kw_only=True):
    """What one key may do in a second; above it: HTTP 429."""

    requests_per_s_per_key: Annotated[
        int,
        Row("Queries of one key.", "1/s", 1, 1_000_000, "one client may not take all of the processor"),
    ] = 1_000
    events_per_s_per_key: Annotated[
        int,
        Row("Events sent with one key.", "1/s", 10_000, 10_000_000, "a batch of 10,000 must pass"),
    ] = 100_000


class IngestSettings(Section, frozen=True, kw_only=True):
    """What happens to events before they are logged."""

    mask_callers: Annotated[bool, Row("Hide the callers' numbers, but for the last two digits.")] = False
    ahead_ms_max: Annotated[
        int,
        Row(
            "An event's `at` further ahead of our clock is set to it.",
            "ms",
            0,
            3_600_000,
            "a VDN's clock never goes back",
        ),
    ] = 5_000


class LogSettings(Section, frozen=True, kw_only=True):
    """How long the log remembers."""

    keep_days: Annotated[
        int, Row("Events logged longer ago are removed.", "days", 1, 36_500, "a century is for ever")
    ] = 30
    bytes_max: Annotated[
        int,
        Row("Above it the oldest events are removed.", "bytes", 64 * 2**20, 2**50, "room for snapshots"),
    ] = 20 * 2**30
    accept_loss: Annotated[bool, Row("Start although events are lost in a damaged log.")] = False


class SnapshotSettings(Section, frozen=True, kw_only=True):
    """How often a VDN's engine is written down; what came since is folded anew at a start."""

    every_events: Annotated[
        int,
        Row("Events of a VDN from one to the next.", "events", 1_000, 100_000_000, "it bounds a restart"),
    ] = 200_000
    every_s: Annotated[
        int, Row("Time from one to the next, if there were events.", "s", 10, 86_400, "it bounds the log")
    ] = 600


class Shutdown(Section, frozen=True, kw_only=True):
    """How the server ends."""

    grace_s: Annotated[
        int,
        Row("Requests that run may take so long to end.", "s", 1, 300, "service supervisors kill later"),
    ] = 10


class KeySettings(Section, frozen=True, kw_only=True):
    """How the secrets of keys are kept."""

    master_key: Annotated[
        str | None,
        Row(
            "Seals the SKs: 64 hexadecimal digits. Without it, the file `master.key` in the data folder.",
            check=_master_key,
            secret=True,
        ),
    ] = None

    def __repr__(self) -> str:
        return "KeySettings()"


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


class Config(Section, frozen=True, kw_only=True):
    """All settings, checked."""

    folder: Annotated[Path, Row("The data folder: log, keys, certificate. On the command line `--data`.")] = (
        DEFAULT_FOLDER.expanduser()
    )
    skill_max: Annotated[
        int,
        Row("Largest skill id, in events and queries.", "", 1, SKILL_CEILING, "ids stay small integers"),
    ] = SKILL_MAX
    trusted_proxies: Annotated[
        tuple[str, ...],
        Row(
            "Addresses or networks of proxies whose `X-Forwarded-Host` is the host that was signed.",
            check=_networks,
        ),
    ] = ()
    server: Server = Server()
    signature: Signature = Signature()
    limits: Limits = Limits()
    ingest: IngestSettings = IngestSettings()
    log: LogSettings = LogSettings()
    snapshot: SnapshotSettings = SnapshotSettings()
    shutdown: Shutdown = Shutdown()
    keys: KeySettings = KeySettings()
    vdns: tuple[VdnNamed, ...] = ()


class Setting(NamedTuple):
    """A row of the table, whole. `key` is its name in the file, such as `server.port`."""

    key: str
    variable: str
    type: Any
    default: Any
    row: Row

    @property
    def rule(self) -> str:
        """What a value must be, to go after "must be"."""
        choices = get_args(self.type)
        if self.type is bool:
            return "true or false"
        if self.type is int:
            return f"an integer from {self.row.least:,} to {self.row.most:,}"
        if get_origin(self.type) is Literal:
            return f"one of {', '.join(choices)}"
        if get_origin(self.type) is tuple:
            return "a list of texts"
        return "a path" if Path in (self.type, *choices) else "text"

    @property
    def limit(self) -> str:
        """What the documentation says of the values it may take, and why."""
        because = f": {self.row.reason}" if self.row.reason else ""
        return self.rule + because

    def shown(self, value: Any) -> str:
        """A value as it may be shown to anybody."""
        if value is None or value == ():
            return "not set"
        if self.row.secret:
            return "set, not shown"
        if isinstance(value, bool):
            return "true" if value else "false"
        return ", ".join(value) if isinstance(value, tuple) else str(value)


def _settings_of(section: type[Section], prefix: str) -> Iterator[Setting]:
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        hint, key = hints[field.name], prefix + field.name
        if isinstance(hint, type) and issubclass(hint, Section):
            yield from _settings_of(hint, key + ".")
        elif get_origin(hint) is Annotated:
            plain, row = get_args(hint)
            yield Setting(key, PREFIX + key.upper().replace(".", "_"), plain, field.default, row)


SETTINGS: Final = tuple(_settings_of(Config, ""))
"""The table, row by row. The VDNs are not in it: they are named by the file alone."""


def settings_table() -> str:
    """The table for the documentation, in Markdown."""
    lines = [
        "| setting | variable | default | unit | meaning | values, and why |",
        "|---|---|---|---|---|---|",
    ]
    for setting in SETTINGS:
        default = DEFAULT_FOLDER if setting.key == "folder" else setting.default
        lines.append(
            f"| `{setting.key}` | `{setting.variable}` | {setting.shown(default)} | {setting.row.unit} "
            f"| {setting.row.meaning} | {setting.limit} |"
        )
    return "\n".join(lines) + "\n"


def value_of(config: Config, key: str) -> Any:
    """The value of a setting by its key, such as `server.port`."""
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value
