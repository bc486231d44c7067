"""Options that several commands have, and how their texts are read."""

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from queuepulse.cli.console import MISUSED, misuse, told
from queuepulse.config_load import BadConfig, Loaded, load
from queuepulse.engine import days
from queuepulse.engine.events import AT_MAX_MS, CC_MAX, SKILL_CEILING, VDN_MAX

SKILLS_MAX: Final = 10_000
"""Queues in one list: all of a large call center. The server's limit for one question is its own."""
_RANGE: Final = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")
_EPOCH_MS: Final = re.compile(r"[0-9]{1,15}")

ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="QUEUEPULSE_CONFIG", help="TOML file of settings."),
]
FolderOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The data folder. [default: the setting `folder`]"),
]
Url: TypeAlias = Annotated[
    str, typer.Option(metavar="URL", envvar="QUEUEPULSE_URL", help="The server, as https://host:port.")
]
Ak: TypeAlias = Annotated[
    str | None, typer.Option(metavar="AK", envvar="QUEUEPULSE_AK", help="The access key.")
]
Sk: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SK",
        envvar="QUEUEPULSE_SK",
        help="Its secret. Others on this machine may see command lines; the variable they do not.",
    ),
]
Token: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="TOKEN", envvar="QUEUEPULSE_TOKEN", help="A token, in place of AK and SK."),
]
Insecure: TypeAlias = Annotated[
    bool, typer.Option("--insecure", help="Trust whoever answers: do not check the certificate.")
]
Ca: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="QUEUEPULSE_CA", help="PEM file of certificates to trust."),
]
Cc: TypeAlias = Annotated[int, typer.Option(min=1, max=CC_MAX, help="The call center.")]
VdnNumber: TypeAlias = Annotated[int, typer.Option(min=1, max=VDN_MAX, help="The VDN in it.")]
OptionalCc: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, max=CC_MAX, help="The call center. [default: the one that the file names]"),
]
OptionalVdn: TypeAlias = Annotated[int | None, typer.Option(min=1, max=VDN_MAX, help="The VDN, likewise.")]
OneCc: TypeAlias = Annotated[
    int | None, typer.Option(min=1, max=CC_MAX, help="A call center. [default: all that the key may see]")
]
OneVdn: TypeAlias = Annotated[
    int | None, typer.Option(min=1, max=VDN_MAX, help="A VDN in it. [default: all of them]")
]
Skills: TypeAlias = Annotated[str, typer.Option(metavar="LIST", help="Skill queues, such as 1,2,5-9.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="JSON, also on a terminal.")]
AsTable: TypeAlias = Annotated[bool, typer.Option("--table", help="A table, also where no terminal is.")]
Timezone: TypeAlias = Annotated[str, typer.Option(metavar="ZONE", help="IANA time zone.")]


def settings(config: Path | None, **given: Any) -> Loaded:
    """The settings; `given` are the command line's: `server__port=1` is `server.port`, None is not given."""
    of_command_line = {key.replace("__", "."): value for key, value in given.items() if value is not None}
    with told(BadConfig, exit_status=MISUSED):
        return load(config, os.environ, of_command_line)


def parse_skills(text: str) -> list[int]:
    """The ids of a list such as `1,2,5-9`, in its order."""
    skills: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        first = int(found[1]) if found else 0
        last = int(found[2] or found[1]) if found else 0
        if not 1 <= first <= last <= SKILL_CEILING:
            raise misuse(f"--skills must be a list such as 1,2,5-9, and {part.strip()!r} is no part of one.")
        if len(skills) + last - first >= SKILLS_MAX:
            raise misuse(f"--skills names more than {SKILLS_MAX:,} queues. Ask for fewer at a time.")
        skills.extend(range(first, last + 1))
    return skills


def parse_instant(text: str, timezone: str, option: str) -> int:
    """Epoch ms of an instant: such milliseconds, or ISO 8601, which is of `timezone` if it names no zone."""
    if _EPOCH_MS.fullmatch(text):
        at_ms = int(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise misuse(
                f"{option} must be epoch milliseconds or ISO 8601 such as 2026-01-05T08:00:00Z, not {text!r}."
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=parse_timezone(timezone))
        # Whole seconds first: a float of epoch seconds is not exact to the millisecond.
        at_ms = int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    if not 0 <= at_ms <= AT_MAX_MS:
        raise misuse(f"{option} must be from 1970 to the year 3000, not {text!r}.")
    return at_ms


def parse_timezone(name: str) -> Any:
    """The zone of that name."""
    try:
        return days.zone(name)
    except ValueError as error:
        raise misuse(f"--timezone: {error}.") from None
