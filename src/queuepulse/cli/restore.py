"""`queuepulse restore`: a backup becomes a data folder."""

from pathlib import Path
from typing import Annotated

import typer

from queuepulse.cli.backup import contents_text
from queuepulse.cli.console import command_app, misuse, note, told
from queuepulse.cli.options import ConfigFile, FolderOption, settings
from queuepulse.ports import LogDamaged
from queuepulse.stores.backup import MASTER_KEY_NOTE, BackupRefused, restore
from queuepulse.stores.folder import FolderRefused

app = command_app()


@app.command("restore")
def restore_folder(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `queuepulse backup` wrote.")],
    folder: FolderOption = None,
    config: ConfigFile = None,
) -> None:
    """Put a backup into a data folder that has no log. No server may run on it."""
    if not file.is_file():
        raise misuse(f"There is no file {file}.")
    target = settings(config, folder=folder).config.folder
    with told(BackupRefused, FolderRefused, LogDamaged):
        contents = restore(file, target)
    typer.echo(f"{target} holds {contents_text(contents)}.")
    if contents.has_keys:
        note(MASTER_KEY_NOTE)
