"""`queuepulse serve`: the settings of the command line, and then the server."""

from typing import Annotated

import typer

from queuepulse import server
from queuepulse.cli.console import command_app, misuse
from queuepulse.cli.options import ConfigFile, FolderOption, settings

app = command_app()


@app.command()
def serve(
    config: ConfigFile = None,
    folder: FolderOption = None,
    host: Annotated[str | None, typer.Option(metavar="H", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(metavar="P", help="Port to listen on.")] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Without TLS, for this machine alone.")
    ] = False,
    plain_http_everywhere: Annotated[
        bool, typer.Option("--plain-http-everywhere", help="Without TLS, for whoever gets there.")
    ] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Start although a damaged log has lost events.")
    ] = False,
) -> int:
    """Run the server until it is told to end (SIGTERM or Ctrl-C).

    Everything can also be set by the config file and by QUEUEPULSE_ variables; `check-config` tells.
    """
    if plain_http and plain_http_everywhere:
        raise misuse("Take --plain-http or --plain-http-everywhere, not both.")
    plain = "loopback" if plain_http else "everywhere" if plain_http_everywhere else None
    loaded = settings(
        config,
        folder=folder,
        server__host=host,
        server__port=port,
        server__plain_http=plain,
        log__accept_loss=accept_loss or None,
    )
    return server.run(loaded.config)
