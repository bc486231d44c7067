"""`queuepulse backup`: a copy of log and keys, also beside a running server."""

from pathlib import Path
from typing import Annotated

import typer

from queuepulse.cli.console import command_app, note, told
from queuepulse.cli.options import ConfigFile, FolderOption, settings
from queuepulse.ports import LogDamaged
from queuepulse.stores.backup import MASTER_KEY_NOTE, BackupContents, BackupRefused, backup
from queuepulse.stores.folder import FolderRefused

app = command_app()


@app.command("backup")
def backup_folder(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; replaced if it is there.")],
    folder: FolderOption = None,
    config: ConfigFile = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on although events are lost in a damaged log.")
    ] = False,
) -> None:
    """Write the log, the keys and the users of a data folder into a file. The server may run on."""
    source = settings(config, folder=folder).config.folder
    with told(BackupRefused, FolderRefused, LogDamaged):
        contents = backup(source, file, accept_loss=accept_loss)
    typer.echo(f"{file} holds {contents_text(contents)} of {source}.")
    if contents.has_keys:
        note(MASTER_KEY_NOTE)


def contents_text(contents: BackupContents) -> str:
    """What a backup holds, in words."""
    count = max(0, contents.position - contents.first + 1)
    found = [name for name, there in (("keys", contents.has_keys), ("users", contents.has_users)) if there]
    return (
        f"{count:,} events, up to position {contents.position},"
        + (f" and the {' and '.join(found)}" if found else " and no keys")
        + (f", with {contents.losses:,} losses accepted" if contents.losses else "")
    )
