"""Where settings come from: command line, then environment, then file, then default.

All problems are found at once. Nothing but the file is opened.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from queuepulse.config import SETTINGS, Config
from queuepulse.config.deployment import contradictions
from queuepulse.config.named import (
    LOOPBACK,
    SOURCE_SETTINGS,
    SkillNamed,
    SourceNamed,
    VdnNamed,
    secret_variable,
)
from queuepulse.config.rows import PREFIX, Section, Setting
from queuepulse.engine import days
from queuepulse.engine.events import AGENT_MAX
from queuepulse.sources.names import Ids, Names

CLIENT_VARIABLES: Final = tuple(PREFIX + name for name in ("CONFIG", "URL", "AK", "SK", "TOKEN", "CA"))
"""Variables that the command line reads in place of options; no settings of a server."""
TOOL_VARIABLES: Final = tuple(PREFIX + name for name in ("COMPILE", "RECORDINGS"))
"""Variables that `./dev` and the tests read. A shell in which they stand may start servers, too."""
CONFIG_BYTES_MAX: Final = 16 * 2**20
"""A file that names 100,000 queues has less; a log given by mistake has more."""
# A container platform tells a program of its neighbours by such variables.
_FOREIGN: Final = re.compile(r"QUEUEPULSE_PORT|\w+_SERVICE_(HOST|PORT)\w*|\w+_PORT_\d+_(TCP|UDP)\w*")
_BY_KEY: Final = {setting.key: setting for setting in SETTINGS}
_BY_VARIABLE: Final = {setting.variable: setting for setting in SETTINGS}
_OF_SOURCES: Final = {setting.key: setting for setting in SOURCE_SETTINGS}
_SECRET_VARIABLE: Final = re.compile(re.escape(secret_variable("?")).replace(re.escape("?"), "[A-Z0-9_]+"))
_NAMED: Final = ("vdns", "sources")
"""Tables of the file that come many times; all others are sections of settings."""
_SECTIONS: Final = frozenset(key.rpartition(".")[0] for key in _BY_KEY if "." in key)
_Named = TypeVar("_Named", bound=Section)
_PATH: Final = re.compile(r"(?P<rule>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?", re.DOTALL)


class BadConfig(Exception):
    """Settings that cannot be used. `problems` are sentences for a person, one for each; `str` has all."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class Loaded(NamedTuple):
    """The settings, and for each key that was given, by whom: `command line`, a variable, or the file."""

    config: Config
    origins: dict[str, str]


def load(file: Path | None, environment: Mapping[str, str], given: Mapping[str, Any]) -> Loaded:
    """All settings; `given` are those of the command line, by key. Raises BadConfig with every problem."""
    problems: list[str] = []
    document = {} if file is None else _read(file)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting, value, origin, base in _layers(file, document, environment, given, problems):
        try:
            values[setting.key] = _parse(setting, value, base)
            origins[setting.key] = origin
        except ValueError as error:
            told = "" if setting.row.secret else f", not {_short(value)}"
            problems.append(f"{setting.key} ({origin}) must be {error}{told}.")
    skill_max = values.get("skill_max", Config().skill_max)
    vdns = _vdns(document.get("vdns", []), skill_max, problems)
    base = Path() if file is None else file.parent
    sources = _sources(document.get("sources", []), environment, base, skill_max, problems)
    if not problems:
        _settle(values, origins, problems)
        problems += contradictions(values, has_sources=bool(sources))
    if problems:
        raise BadConfig(problems)
    return Loaded(_build(values, vdns, sources), origins)


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as source:
            text = source.read(CONFIG_BYTES_MAX + 1)
        if len(text) > CONFIG_BYTES_MAX:
            raise BadConfig([f"{file} is larger than {CONFIG_BYTES_MAX:,} bytes: it is no file of settings."])
        return tomllib.loads(text.decode())
    except OSError as error:
        raise BadConfig([f"The config file {file} cannot be read: {error.strerror}."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig([f"The config file {file} is no TOML: {error}."]) from None


def _layers(
    file: Path | None,
    document: dict[str, Any],
    environment: Mapping[str, str],
    given: Mapping[str, Any],
    problems: list[str],
) -> Iterator[tuple[Setting, Any, str, Path]]:
    """The given settings from the weakest layer to the strongest: row, value, origin, what paths start at."""
    if file is not None:
        for key, value in _flat(document, "", problems):
            if key in _BY_KEY:
                yield _BY_KEY[key], value, str(file), file.parent
            else:
                problems.append(f"{file}: there is no setting {key}.{_nearest(key, [*_BY_KEY, *_NAMED])}")
    for variable, text in environment.items():
        if variable in _BY_VARIABLE:
            setting = _BY_VARIABLE[variable]
            yield setting, _from_text(setting.type, text), variable, Path()
        elif (
            variable.startswith(PREFIX)
            and variable not in (*CLIENT_VARIABLES, *TOOL_VARIABLES)
            and not _FOREIGN.fullmatch(variable)
            and not _SECRET_VARIABLE.fullmatch(variable)
        ):
            known = [*_BY_VARIABLE, *CLIENT_VARIABLES]
            problems.append(f"There is no setting with the variable {variable}.{_nearest(variable, known)}")
    for key, value in given.items():
        yield _BY_KEY[key], value, "command line", Path()


def _flat(table: dict[str, Any], prefix: str, problems: list[str]) -> Iterator[tuple[str, Any]]:
    """The keys of a document with their values, `section.key` for those in sections; without the named."""
    for name, value in table.items():
        key = prefix + name
        if key in _NAMED:
            continue
        if key in _SECTIONS and not isinstance(value, dict):
            problems.append(f"{key} must be a section, written [{key}], not {_short(value)}.")
        elif isinstance(value, dict) and (value or key in _SECTIONS) and key not in _BY_KEY:
            yield from _flat(value, key + ".", problems)
        else:
            yield key, value


def _from_text(kind: Any, text: str) -> Any:
    """What a variable's text stands for; the text itself where it stands for nothing of that type."""
    if kind is int:
        return int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else text
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _parse(setting: Setting, value: Any, base: Path) -> Any:
    """The value in the setting's type; paths begin at `base`. ValueError tells the rule."""
    kind, row = setting.type, setting.row
    if Path in (kind, *get_args(kind)):
        if not isinstance(value, str | Path) or not str(value):
            raise ValueError(setting.rule)
        return base / Path(value).expanduser()
    try:
        value = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise ValueError(setting.rule) from None
    if row.least is not None and row.most is not None and not row.least <= value <= row.most:
        raise ValueError(setting.rule)
    return row.check(value) if row.check else value


def _settle(values: dict[str, Any], origins: dict[str, str], problems: list[str]) -> None:
    """The rules that hold between settings."""
    if ("server.certificate" in values) != ("server.private_key" in values):
        problems.append("server.certificate and server.private_key must be given together.")
    given = [f"oidc.{name}" in values for name in ("issuer", "client_id", "public_url")]
    if any(given) and not all(given):
        problems.append("oidc.issuer, oidc.client_id and oidc.public_url must be given together.")
    if values.get("server.plain_http") == "loopback":
        host = values.setdefault("server.host", LOOPBACK)
        origins.setdefault("server.host", "server.plain_http")
        if not _is_loopback(host):
            problems.append(
                f"Plain HTTP on the loopback only cannot listen on {host}. Leave server.host out, or take"
                ' --plain-http-everywhere (server.plain_http = "everywhere"): everybody can then read it.'
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _build(values: Mapping[str, Any], vdns: tuple[VdnNamed, ...], sources: tuple[SourceNamed, ...]) -> Config:
    tree: dict[str, Any] = {"vdns": vdns, "sources": sources}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    defaults = Config()
    for section in _SECTIONS & tree.keys():
        tree[section] = msgspec.structs.replace(getattr(defaults, section), **tree[section])
    return msgspec.structs.replace(defaults, **tree)


# The VDNs


def _vdns(entries: Any, skill_max: int, problems: list[str]) -> tuple[VdnNamed, ...]:
    """The VDNs of a document. A place is told as the file counts it: `vdns entry 2, skills entry 1`."""
    vdns: list[VdnNamed] = []
    places: dict[tuple[int, int], str] = {}
    for place, entry in _entries(entries, "vdns", problems):
        skill_entries = entry.pop("skills", [])
        vdn = _named(entry, VdnNamed, ["skills"], place, problems)
        skills = _skills(skill_entries, place, skill_max, problems)
        if vdn is None:
            continue
        _check_day(vdn, place, problems)
        if vdn.key in places:
            problems.append(f"VDN {vdn.cc}/{vdn.vdn} is named twice: in {places[vdn.key]} and in {place}.")
        places[vdn.key] = place
        vdns.append(msgspec.structs.replace(vdn, skills=skills))
    return tuple(vdns)


def _skills(entries: Any, vdn_place: str, skill_max: int, problems: list[str]) -> tuple[SkillNamed, ...]:
    skills: list[SkillNamed] = []
    places: dict[int, str] = {}
    for place, entry in _entries(entries, f"{vdn_place}, skills", problems):
        skill = _named(entry, SkillNamed, [], place, problems)
        if skill is None:
            continue
        if skill.id > skill_max:
            problems.append(f"{place}: id must be an integer from 1 to {skill_max:,} (skill_max).")
        if skill.id in places:
            problems.append(f"Skill {skill.id} is named twice: in {places[skill.id]} and in {place}.")
        places[skill.id] = place
        skills.append(skill)
    return tuple(skills)


def _entries(entries: Any, name: str, problems: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        table = f"[[{name}]]" if name in _NAMED else "[[vdns.skills]]"
        problems.append(f"{name} must be tables, each under a line {table}.")
        return
    for number, entry in enumerate(entries, 1):
        yield f"{name} entry {number}", dict(entry)


def _named(
    entry: dict[str, Any], kind: type[_Named], others: list[str], place: str, problems: list[str]
) -> _Named | None:
    """The entry as a value of that kind; None, and the problems told, if it is not."""
    known = [field.name for field in msgspec.structs.fields(kind)]
    unknown = [name for name in entry if name not in known]
    problems += [f"{place}: there is no key {name}.{_nearest(name, known + others)}" for name in unknown]
    try:
        return msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        found = _PATH.fullmatch(str(error))
        assert found is not None
        key = f"{found['key']}: " if found["key"] else ""
        problems.append(f"{place}: {key}{found['rule']}.")
        return None


def _check_day(vdn: VdnNamed, place: str, problems: list[str]) -> None:
    for key, value, check in (
        ("timezone", vdn.timezone, days.zone),
        ("day_starts", vdn.day_starts, days.minutes_of),
    ):
        if value is not None:
            try:
                check(value)
            except ValueError as error:
                problems.append(f"{place}: {key}: {error}.")


# The sources


def _sources(
    entries: Any, environment: Mapping[str, str], base: Path, skill_max: int, problems: list[str]
) -> tuple[SourceNamed, ...]:
    """The sources of a document, each with its secret."""
    sources: list[SourceNamed] = []
    places: dict[str, str] = {}
    for place, entry in _entries(entries, "sources", problems):
        secret = environment.get(secret_variable(str(entry.get("name"))))
        source = _source({**entry, "secret": secret} if secret else entry, place, base, problems)
        if source is None:
            continue
        _check_source(source, place, skill_max, problems)
        if source.name in places:
            problems.append(f"Source {source.name} is named twice: in {places[source.name]} and in {place}.")
        places[source.name] = place
        sources.append(source)
    return tuple(sources)


def _source(entry: dict[str, Any], place: str, base: Path, problems: list[str]) -> SourceNamed | None:
    """The entry as a source; None, and the problems told, if it is not."""
    values, before = {}, len(problems)
    for key, value in entry.items():
        setting = _OF_SOURCES.get(key)
        if setting is None:
            problems.append(f"{place}: there is no key {key}.{_nearest(key, [*_OF_SOURCES])}")
            continue
        try:
            values[key] = _parse(setting, value, base)
        except ValueError as error:
            told = "" if setting.row.secret else f", not {_short(value)}"
            problems.append(f"{place}: {key} must be {error}{told}.")
    problems += [
        f"{place}: {field.name} is missing."
        for field in msgspec.structs.fields(SourceNamed)
        if field.required and field.name not in entry
    ]
    return None if len(problems) > before else SourceNamed(**values)


def _check_source(source: SourceNamed, place: str, skill_max: int, problems: list[str]) -> None:
    """What holds between the keys of a source. No two names may have one id."""
    if (source.file is None) == (source.kind == "queue_log"):
        problems.append(f"{place}: file must be given for queue_log, and for nothing else.")
    if source.secret is None and source.kind != "queue_log":
        problems.append(f"{place}: secret is missing: give it, or {secret_variable(source.name)}.")
    if (source.username is None) == (source.kind == "asterisk"):
        problems.append(f"{place}: username must be given for asterisk, and for nothing else.")
    if source.tls and source.kind != "asterisk":
        problems.append(f"{place}: tls must be false: {source.kind} has none. Use a tunnel.")
    if source.members and source.kind != "queue_log":
        problems.append(f"{place}: members must not be given: {source.kind} tells itself who is who.")
    for key, names, id_max in (("queues", source.queues, skill_max), ("agents", source.agents, AGENT_MAX)):
        try:
            Names(Ids(id_max), names)
        except ValueError as clash:
            problems.append(f"{place}: {key}: {clash}.")
        problems += [
            f"{place}: {key}: {name!r} must have an id from 1 to {id_max:,}."
            for name, number in names.items()
            if number > id_max
        ]


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def _short(value: Any) -> str:
    """A value that was given, as far as it helps to find it."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
