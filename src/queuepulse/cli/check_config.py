"""`queuepulse check-config`: what `serve` would make of a file, without serving."""

from pathlib import Path
from typing import Annotated

import typer

from queuepulse.cli.console import Failure, command_app, note
from queuepulse.cli.options import settings
from queuepulse.config import SETTINGS, Config, value_of
from queuepulse.config.named import SourceNamed, VdnNamed

app = command_app()


@app.command()
def check_config(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of settings.")],
) -> None:
    """Check a config file: print every setting with its value and who gave it, and the VDNs it names.

    QUEUEPULSE_ variables count as they do for `serve`. With a problem, each is told, and the status is 2.
    """
    config, origins = settings(file)
    for path in unreadable_files(config):
        raise Failure(f"The file {path} cannot be read. It is named in {file} or in a variable.")
    shown = [(setting.key, setting.shown(value_of(config, setting.key))) for setting in SETTINGS]
    key_width = max(len(key) for key, _ in shown)
    value_width = max(len(value) for _, value in shown)
    for key, value in shown:
        typer.echo(f"{key:{key_width}}  {value:{value_width}}  {origins.get(key, 'default')}")
    for vdn in config.vdns:
        typer.echo(vdn_line(vdn))
    for source in config.sources:
        typer.echo(source_line(source))
    note(f"{file} is good.")


def unreadable_files(config: Config) -> list[Path]:
    """The files that settings name and that cannot be read."""
    server, bms = config.server, config.bms
    named = [server.certificate, server.private_key, config.oidc.ca, *(one.ca for one in config.sources)]
    named += [bms.ca, bms.certificate, bms.private_key]
    return [path for path in named if path and not path.is_file()]


def vdn_line(vdn: VdnNamed) -> str:
    """What the file says of a VDN, in a line."""
    said = [f'"{vdn.name}"'] if vdn.name else []
    said += [f"time zone {vdn.timezone}"] if vdn.timezone else []
    said += [f"day starts {vdn.day_starts}"] if vdn.day_starts else []
    said += [f"CTI {vdn.cti_version}", f"{len(vdn.skills)} named skills"]
    return f"VDN {vdn.cc}/{vdn.vdn}: {', '.join(said)}"


def source_line(source: SourceNamed) -> str:
    """What the file says of a source, in a line."""
    said = [f"{source.kind} {source.file}"] if source.file else []
    said += [] if source.file else [f"{source.kind} at {source.host}:{source.port_used}"]
    said += ["with TLS"] if source.tls else []
    said += [f"user {source.username}"] if source.username else []
    said += [f"{len(source.queues)} mapped queues", f"{len(source.agents)} mapped agents"]
    return f"Source {source.name} of VDN {source.cc}/{source.vdn}: {', '.join(said)}"
