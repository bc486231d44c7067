"""`queuepulse users`: who may look at the wallboard, by name or by a link. Secrets are shown once."""

import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from queuepulse.cli.console import Failure, command_app, day, misuse, note, print_columns, told
from queuepulse.cli.options import ConfigFile, FolderOption, settings
from queuepulse.config import Config
from queuepulse.engine.events import CC_MAX, VDN_MAX
from queuepulse.hub import SystemClock
from queuepulse.live.endpoints import LINK, LIVE_PREFIX
from queuepulse.live.passwords import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN, Passwords
from queuepulse.live.visitors import NAME_CHARACTERS_MAX
from queuepulse.people import LINK_VIEWS, VIEWS, Role, Scope
from queuepulse.stores.folder import USERS_FILE
from queuepulse.stores.private import StoreUnusable
from queuepulse.stores.users import NameTaken, UserStore

LINK_DAYS_MAX: Final = 3_650
"""The longest life of a link: a wall outlives a person's memory of it."""
DAY_MS: Final = 86_400_000
_PASSWORD_BYTES: Final = 12
_SCOPE: Final = re.compile(r"([0-9]{1,5})/(?:([0-9]{1,4})|all)")
_ROLES: Final = tuple(role.value for role in Role if role is not Role.LINK)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What he signs in as.")]
For = Annotated[
    list[str],
    typer.Option("--for", metavar="CC/VDN", help="What is shown: 1/2, 1/all, or `everything`; many times."),
]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password, and print it once.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]

app = command_app("Make and end the users of the wallboard, and links to it.")


@app.command()
def add(
    name: Name,
    sees: For,
    role: Annotated[str, typer.Option(metavar="ROLE", help=f"One of {', '.join(_ROLES)}.")] = _ROLES[0],
    generate: Generate = False,
    password_stdin: FromStdin = False,
    oidc: Annotated[bool, typer.Option("--oidc", help="The identity provider signs him in.")] = False,
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Make a user. He is asked for no password if the identity provider signs him in."""
    if role not in _ROLES:
        raise misuse(f"--role must be one of {', '.join(_ROLES)}.")
    _check_name(name)
    if oidc and (generate or password_stdin):
        raise misuse("--oidc goes without a password.")
    scopes = _scopes(sees)
    found = settings(config, folder=folder).config
    password_hash = None if oidc else Passwords().hashed(_new_password(generate, password_stdin))
    with told(StoreUnusable, NameTaken), UserStore(found.folder) as users:
        users.add(name, Role(role), scopes, password_hash, SystemClock().now_ms())
    note(f"{name} may sign in as {role}. Kept in {found.folder}.")


@app.command("list")
def list_users(folder: FolderOption = None, config: ConfigFile = None) -> None:
    """List the users."""
    with existing_users(settings(config, folder=folder).config) as users:
        lines = [
            (
                user.person.name,
                user.person.role.value,
                ", ".join(map(str, user.person.scopes)),
                "provider" if user.password_hash is None else "password",
                day(user.added_at_ms),
            )
            for user in users.users()
        ]
    print_columns([("NAME", "ROLE", "FOR", "BY", "MADE"), *lines])


@app.command()
def remove(name: Name, folder: FolderOption = None, config: ConfigFile = None) -> None:
    """End a user. A running server shows him nothing more within two seconds."""
    with existing_users(settings(config, folder=folder).config) as users:
        if not users.remove(name):
            raise _nobody(name)
    note(f"{name} is removed.")


@app.command()
def password(
    name: Name,
    generate: Generate = False,
    password_stdin: FromStdin = False,
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Give a user another password. He has to sign in again everywhere."""
    with existing_users(settings(config, folder=folder).config) as users:
        user = users.user(name)
        if user is None:
            raise _nobody(name)
        if user.password_hash is None:
            raise Failure(f"The identity provider signs {name} in: he has no password here.")
        users.set_password(name, Passwords().hashed(_new_password(generate, password_stdin)))
    note(f"{name} has another password.")


@app.command()
def link(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Where it hangs; for people.")],
    sees: For,
    views: Annotated[str, typer.Option(metavar="LIST", help=f"Views, of {','.join(VIEWS)}.")] = ",".join(
        LINK_VIEWS
    ),
    days: Annotated[int, typer.Option(min=1, max=LINK_DAYS_MAX, help="It expires after so long.")] = 30,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="How browsers reach the server. [default: localhost]")
    ] = None,
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Make a read-only link to the wallboard. Whoever has it may look: it is shown this once only."""
    _check_name(name)
    wanted = [view.strip() for view in views.split(",")]
    if not wanted or not set(wanted) <= set(VIEWS):
        raise misuse(f"--views must be a list of {', '.join(VIEWS)}.")
    scopes = _scopes(sees)
    found = settings(config, folder=folder).config
    now_ms = SystemClock().now_ms()
    with told(StoreUnusable), UserStore(found.folder) as users:
        number, token = users.add_link(name, scopes, wanted, now_ms, now_ms + days * DAY_MS)
    base = (url or f"https://localhost:{found.server.port}").rstrip("/")
    typer.echo(f"{base}{LIVE_PREFIX}{LINK}{token}")
    note(f"Link {number} is good for {days} days. To end it: queuepulse users revoke-link {number}")


@app.command()
def links(folder: FolderOption = None, config: ConfigFile = None) -> None:
    """List the links, revoked ones too, without their secrets."""
    with existing_users(settings(config, folder=folder).config) as users:
        lines = [
            (
                one.person.id.removeprefix("link:"),
                one.person.name,
                ", ".join(map(str, one.person.scopes)),
                ",".join(one.person.views),
                day(one.made_at_ms),
                day(one.expires_at_ms),
                "" if one.revoked_at_ms is None else day(one.revoked_at_ms),
            )
            for one in users.links()
        ]
    print_columns([("LINK", "NAME", "FOR", "VIEWS", "MADE", "EXPIRES", "REVOKED"), *lines])


@app.command("revoke-link")
def revoke_link(
    number: Annotated[str, typer.Argument(metavar="LINK", help="Its id; `users links` shows it.")],
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """End a link. A running server shows nothing more by it within two seconds."""
    with existing_users(settings(config, folder=folder).config) as users:
        if not users.revoke_link(number, SystemClock().now_ms()):
            raise Failure(f"No link in force has the id {number}. See: queuepulse users links")
    note(f"{number} is revoked.")


@contextmanager
def existing_users(found: Config) -> Iterator[UserStore]:
    """The users of a folder that has some: to look must not make a folder."""
    if not (found.folder / USERS_FILE).exists():
        raise Failure(f"There are no users in {found.folder}. Make one with: queuepulse users add")
    with told(StoreUnusable), UserStore(found.folder) as users:
        yield users


def _nobody(name: str) -> Failure:
    return Failure(f"There is no user {name}. See: queuepulse users list")


def _check_name(name: str) -> None:
    if name != name.strip() or not 1 <= len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise misuse(f"NAME must be 1 to {NAME_CHARACTERS_MAX} printable characters, without blanks around.")


def _scopes(texts: Sequence[str]) -> list[Scope]:
    scopes = []
    for text in texts:
        found = _SCOPE.fullmatch(text)
        if text == "everything":
            scopes.append(Scope())
        elif found and 1 <= int(found[1]) <= CC_MAX and (not found[2] or 1 <= int(found[2]) <= VDN_MAX):
            scopes.append(Scope(int(found[1]), int(found[2]) if found[2] else None))
        else:
            raise misuse(f"--for must be such as 1/2, 1/all, or everything, not {text!r}.")
    return scopes


def _new_password(generate: bool, from_stdin: bool) -> str:
    """The password to set: made and printed, read, or asked for twice."""
    if generate and from_stdin:
        raise misuse("Take --generate or --password-stdin, not both.")
    if generate:
        made = secrets.token_urlsafe(_PASSWORD_BYTES)
        typer.echo(f"PASSWORD {made}")
        return made
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise misuse("There is no terminal to ask for a password: take --generate or --password-stdin.")
    if not PASSWORD_CHARACTERS_MIN <= len(given) <= PASSWORD_CHARACTERS_MAX:
        raise misuse(
            f"A password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX:,} characters; this one"
            f" has {len(given)}."
        )
    return given
