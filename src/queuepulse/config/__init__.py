"""The settings: one table, from which parsing, checks, variables, reports and documentation are drawn.

The structs below are the table: a field is a row, its annotation says unit, meaning, limit and reason.
Where values come from, and what a wrong one is told, is `config_load`.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from queuepulse.config.deployment import Bms
from queuepulse.config.named import SourceNamed, VdnNamed, host_of
from queuepulse.config.rows import Row, Section, settings_of
from queuepulse.engine.events import SKILL_CEILING, SKILL_MAX

DEFAULT_FOLDER: Final = Path("~/.local/share/queuepulse")
"""One place per user and not the folder one happens to stand in: `serve` and `keys` must mean the same."""
EVERY_ADDRESS: Final = "0.0.0.0"
_MASTER_KEY: Final = re.compile(r"[0-9A-Fa-f]{64}")


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


def _https_address(text: str | None) -> str | None:
    if text is not None:
        parts = urlsplit(text)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an address such as https://id.example")
    return text


PlainHttp: TypeAlias = Literal["off", "loopback", "everywhere"]


class Server(Section, frozen=True, kw_only=True):
    """Where the server listens, and how much it lets in."""

    host: Annotated[
        str,
        Row(
            "Address to listen on. With plain HTTP on the loopback only, 127.0.0.1 unless given.",
            check=host_of,
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
    v1_questions_per_s_per_key: Annotated[
        int,
        Row("Questions of one key to `/v1/`.", "1/s", 1, 10_000, "each may look at an hour of 1000 queues"),
    ] = 20
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


def _database(text: str | None) -> str | None:
    if text is not None and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("a URL such as postgresql://user:password@host/database")
    return text


class HistorySettings(Section, frozen=True, kw_only=True):
    """Where history is kept, how long each grain of it, and what of single calls."""

    url: Annotated[
        str | None,
        Row(
            "PostgreSQL 15 or newer, as postgresql://user:password@host/database. Without one, SQLite in the "
            "data folder.",
            check=_database,
            secret=True,
        ),
    ] = None
    five_minutes_days: Annotated[
        int, Row("Five-minute records stay so long.", "days", 3, 36_500, "days are made of them")
    ] = 35
    quarters_days: Annotated[
        int, Row("Those of 15, 30 and 60 minutes.", "days", 3, 36_500, "a century is for ever")
    ] = 400
    days_days: Annotated[
        int, Row("Those of days and months.", "days", 32, 36_500, "a month must be whole")
    ] = 3_650
    calls_days: Annotated[
        int, Row("Records of single calls; 0: none is written.", "days", 0, 400, "they tell of people")
    ] = 1
    mask_numbers: Annotated[
        bool, Row("Hide the numbers in records of calls, but for the last two digits.")
    ] = True

    def __repr__(self) -> str:
        return "HistorySettings()"


class SnapshotSettings(Section, frozen=True, kw_only=True):
    """How often a VDN's engine is written down; what came since is folded anew at a start."""

    every_events: Annotated[
        int,
        Row("Events of a VDN from one to the next.", "events", 1_000, 100_000_000, "it bounds a restart"),
    ] = 200_000
    every_s: Annotated[
        int, Row("Time from one to the next, if there were events.", "s", 10, 86_400, "it bounds the log")
    ] = 600


class ExplainSettings(Section, frozen=True, kw_only=True):
    """How the past is told (`at` of `/v1/explain`)."""

    deadline_s: Annotated[
        int, Row("A question about the past may take so long.", "s", 1, 3_600, "it takes a processor")
    ] = 20
    anchor_bytes_max: Annotated[
        int,
        Row(
            "Room for the older snapshots of a VDN, from which its past is told; above it the oldest go.",
            "bytes",
            0,
            2**40,
            "they are in the log file",
        ),
    ] = 256 * 2**20


class Shutdown(Section, frozen=True, kw_only=True):
    """How the server ends."""

    drain_s: Annotated[
        int,
        Row(
            "Before: requests are still answered, but `/readyz` says no, for a load balancer to see.",
            "s",
            0,
            300,
            "some looks of the load balancer",
        ),
    ] = 0
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


class LiveSettings(Section, frozen=True, kw_only=True):
    """What wallboards are told, and how many may look."""

    push_ms: Annotated[
        int,
        Row("Shortest time between two changes told.", "ms", 50, 10_000, "nobody reads faster, or waits"),
    ] = 250
    streams_max: Annotated[
        int, Row("Streams at once.", "streams", 1, 100_000, "each costs memory and processor time")
    ] = 4_000
    streams_per_vdn_max: Annotated[
        int, Row("The same for one VDN.", "streams", 1, 100_000, "one tenant may not take all")
    ] = 2_000
    streams_per_session_max: Annotated[
        int, Row("The same for one signed-in browser.", "streams", 1, 10_000, "one browser may not take all")
    ] = 32


class SignInSettings(Section, frozen=True, kw_only=True):
    """How people sign in."""

    session_h: Annotated[
        int, Row("A sign-in lasts so long.", "h", 1, 8_760, "a lost browser should not look for ever")
    ] = 12


class OidcSettings(Section, frozen=True, kw_only=True):
    """The identity provider that signs people in, if there is one (OpenID Connect)."""

    issuer: Annotated[
        str | None, Row("The provider, as it names itself: its address.", check=_https_address)
    ] = None
    client_id: Annotated[str | None, Row("What it calls this server.")] = None
    client_secret: Annotated[str | None, Row("What this server proves itself with to it.", secret=True)] = (
        None
    )
    public_url: Annotated[
        str | None,
        Row("How browsers reach this server, such as https://pulse.example.", check=_https_address),
    ] = None
    name_claim: Annotated[str, Row("What in its token is the name of a user here.")] = "preferred_username"
    ca: Annotated[Path | None, Row("PEM file of certificates to trust, in place of the system's.")] = None

    def __repr__(self) -> str:
        return "OidcSettings()"


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
            "Addresses or networks of proxies: `X-Forwarded-Host` and `X-Forwarded-For` of theirs count.",
            check=_networks,
        ),
    ] = ()
    server: Server = Server()
    signature: Signature = Signature()
    limits: Limits = Limits()
    ingest: IngestSettings = IngestSettings()
    log: LogSettings = LogSettings()
    snapshot: SnapshotSettings = SnapshotSettings()
    history: HistorySettings = HistorySettings()
    explain: ExplainSettings = ExplainSettings()
    shutdown: Shutdown = Shutdown()
    keys: KeySettings = KeySettings()
    bms: Bms = Bms()
    live: LiveSettings = LiveSettings()
    sign_in: SignInSettings = SignInSettings()
    oidc: OidcSettings = OidcSettings()
    vdns: tuple[VdnNamed, ...] = ()
    sources: tuple[SourceNamed, ...] = ()


SETTINGS: Final = tuple(settings_of(Config))
"""The table, row by row. VDNs and sources are not in it: they are named by the file alone (`named`)."""


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
