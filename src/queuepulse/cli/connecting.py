"""The client that a command's options describe."""

from pathlib import Path

from queuepulse.cli.console import misuse
from queuepulse.client import Client
from queuepulse.hub import SystemClock


def connect(
    url: str,
    *,
    ak: str | None = None,
    sk: str | None = None,
    token: str | None = None,
    insecure: bool = False,
    ca: Path | None = None,
    takes_token: bool = True,
) -> Client:
    """A client of the server at `url`. Raises ClientError, and Failure where the options do not fit.

    `takes_token` is whether the command has --token: where there is one, no key is needed.
    """
    if token is None and (ak is None or sk is None):
        instead = "--token (or QUEUEPULSE_TOKEN), or " if takes_token else ""
        raise misuse(f"Give {instead}--ak and --sk (or QUEUEPULSE_AK and QUEUEPULSE_SK) to sign with.")
    if insecure and ca is not None:
        raise misuse("Take --insecure or --ca, not both.")
    clock = SystemClock()
    return Client(
        url,
        now=lambda: clock.now_ms() / 1000,
        ak=ak,
        sk=sk,
        token=token,
        ca=None if ca is None else str(ca),
        insecure=insecure,
    )
