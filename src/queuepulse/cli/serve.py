"""`queuepulse serve`: the settings of the command line, and then the server."""

from typing import Annotated

import typer

from queuepulse import server
from queuepulse.cli.console import command_app, misuse
from queuepulse.cli.options import ConfigFile, FolderOption, settings

app = command_app()


@app.command()
def serve(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
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
    bms_listen: Annotated[
        str | None, typer.Option(metavar="H:P", help="Serve the BMS to gateways on this address, too.")
    ] = None,
    bms_url: Annotated[
        str | None,
        typer.Option(
            metavar="URLS", help="Be a gateway: ask the BMS at these addresses, with commas between."
        ),
    ] = None,
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
        bms__listen=bms_listen,
        bms__urls=None if bms_url is None else [url.strip() for url in bms_url.split(",")],
    )
    return server.run(loaded.config)
