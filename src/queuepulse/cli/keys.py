"""`queuepulse keys`: who may ask and who may send. Secrets are shown once, when a key is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from queuepulse.cli.console import Failure, command_app, day, misuse, note, print_columns, told
from queuepulse.cli.options import ConfigFile, FolderOption, settings
from queuepulse.engine.events import CC_MAX, NAME_MAX, VDN_MAX
from queuepulse.hub import SystemClock
from queuepulse.people import Scope
from queuepulse.stores.folder import KEYS_FILE
from queuepulse.stores.keys import MASTER_KEY_FILE, KeyEntry, KeyStore
from queuepulse.stores.private import StoreUnusable

app = command_app("Make, list, revoke and pass on the keys of clients.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is; for people.")],
    cc: Annotated[int | None, typer.Option(min=1, max=CC_MAX, help="For this call center.")] = None,
    vdn: Annotated[int | None, typer.Option(min=1, max=VDN_MAX, help="For this VDN of it alone.")] = None,
    everything: Annotated[bool, typer.Option("--global", help="For all call centers.")] = False,
    ingest: Annotated[bool, typer.Option("--ingest", help="It may send events, too.")] = False,
    token: Annotated[
        bool, typer.Option("--token", help="It has a token, too, for whoever cannot sign.")
    ] = False,
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Make a key. Prints AK and SK, with --ingest or --token a TOKEN: the secrets this once only."""
    if not name.strip() or len(name) > NAME_MAX or not name.isprintable():
        raise misuse(f"NAME must be 1 to {NAME_MAX} printable characters.")
    if vdn is not None and cc is None:
        raise misuse("--vdn needs --cc: a VDN lies in a call center.")
    if everything == (cc is not None):
        raise misuse("Say what the key is for: --cc N, --cc N --vdn N, or --global.")
    loaded = settings(config, folder=folder)
    master_key = loaded.config.keys.master_key
    with told(StoreUnusable), KeyStore(loaded.config.folder, master_key) as keys:
        made = keys.add(name, [Scope(cc, vdn)], SystemClock().now_ms(), ingest, token)
    typer.echo(f"AK {made.ak}\nSK {made.sk}")
    if made.token is not None:
        typer.echo(f"TOKEN {made.token}")
    note(f"Kept in {loaded.config.folder}. The secrets are not shown again.")


@app.command("list")
def list_keys(folder: FolderOption = None, config: ConfigFile = None) -> None:
    """List the keys, revoked ones too, without their secrets."""
    with existing_keys(folder, config) as keys:
        heads = ("AK", "NAME", "FOR", "INGEST", "MADE", "REVOKED")
        print_columns([heads, *map(columns_of, keys.entries())])


@app.command()
def revoke(
    ak: Annotated[str, typer.Argument(metavar="AK", help="The key's AK; `keys list` shows it.")],
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """End a key. A running server refuses it within two seconds."""
    with existing_keys(folder, config) as keys:
        if not keys.revoke(ak, SystemClock().now_ms()):
            raise Failure(f"No key in force has the AK {ak}. See: queuepulse keys list")
    note(f"{ak} is revoked.")


@app.command("export")
def export_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; replaced if it is there.")],
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Write all keys into a file, for `keys import` on other servers. Secrets stay sealed in it."""
    with existing_keys(folder, config) as keys, told(StoreUnusable):
        typer.echo(f"{file} holds {keys.export(file)} keys.")
    note(f"The master key is not in it: each server needs the same {MASTER_KEY_FILE}.")


@app.command("import")
def import_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `keys export` has written.")],
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Put the keys of a file in the place of all keys. A running server notices within two seconds."""
    loaded = settings(config, folder=folder).config
    with told(StoreUnusable), KeyStore(loaded.folder, loaded.keys.master_key) as keys:
        typer.echo(f"{loaded.folder} has {keys.replace(file)} keys now, those of {file}.")


@contextmanager
def existing_keys(folder: FolderOption, config: ConfigFile) -> Iterator[KeyStore]:
    """The keys of a folder that has some: to look must not make a folder."""
    found = settings(config, folder=folder).config
    if not (found.folder / KEYS_FILE).exists():
        raise Failure(f"There are no keys in {found.folder}. Make one with: queuepulse keys add")
    with told(StoreUnusable), KeyStore(found.folder, found.keys.master_key) as keys:
        yield keys


def columns_of(entry: KeyEntry) -> tuple[str, ...]:
    """The line of the list for one key."""
    revoked = "" if entry.revoked_at_ms is None else day(entry.revoked_at_ms)
    scopes = ", ".join(map(str, entry.scopes))
    return (entry.ak, entry.name, scopes, "yes" if entry.ingests else "no", day(entry.added_at_ms), revoked)
