"""`queuepulse health`: how current figures are and how far they were checked; tables or JSON."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queuepulse.cli.connecting import connect
from queuepulse.cli.console import command_app, is_for_people, misuse, note, told
from queuepulse.cli.figures_table import plain_table, screen
from queuepulse.cli.options import Ak, AsJson, AsTable, Ca, Insecure, OneCc, OneVdn, Sk, Token, Url
from queuepulse.client import ClientError
from queuepulse.engine.accounts import CHECKED, CONFIDENCES
from queuepulse.protocol.health import SourceHealth, VdnHealth

app = command_app()


@app.command()
def health(  # noqa: PLR0913, PLR0917 - a command has as many options as it needs
    url: Url,
    cc: OneCc = None,
    vdn: OneVdn = None,
    ak: Ak = None,
    sk: Sk = None,
    token: Token = None,
    insecure: Insecure = False,
    ca: Ca = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
) -> None:
    """Tell of each VDN how current its figures are, and since when its switches agree with them.

    Tables on a terminal, else the server's own line of JSON.
    """
    for_people = is_for_people(as_json, as_table)
    if vdn is not None and cc is None:
        raise misuse("Give --cc with --vdn.")
    with told(ClientError), connect(url, ak=ak, sk=sk, token=token, insecure=insecure, ca=ca) as client:
        answer = client.health(cc, vdn)
    if for_people:
        console = screen()
        show(console, answer.vdns)
        if answer.more:
            note("There are more: choose a call center with --cc.")
    else:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")


def show(console: Console, vdns: list[VdnHealth]) -> None:
    """A table of the VDNs, one of their sources, and what the words mean that stand there."""
    if not vdns:
        console.print("No VDN that this key may see has told anything yet.")
        return
    console.print(vdns_table(vdns))
    sources = [(vdn, source) for vdn in vdns for source in vdn.sources]
    if sources:
        console.print(sources_table(sources))
    for vdn, source in sources:
        if source.queues:
            skills = ", ".join(f"{name} = {skill}" for name, skill in source.queues.items())
            console.print(Text(f"Skills of {source.source} in {vdn.cc}/{vdn.vdn}: {skills}"))
    words = {vdn.confidence for vdn in vdns} | {source.confidence for _, source in sources}
    for word, meaning in CONFIDENCES.items():
        if word in words:
            console.print(Text(f"{word}: {meaning.replace('`confident_since`', 'then')}", "dim"))


def vdns_table(vdns: Iterable[VdnHealth]) -> Table:
    """A line for each VDN."""
    table = plain_table("VDN", "name", "figures are", "since", "last event", "position", "behind")
    for vdn in vdns:
        table.add_row(
            f"{vdn.cc}/{vdn.vdn}",
            Text(vdn.name or ""),
            _word(vdn.confidence),
            instant(vdn.confident_since if vdn.stale_since is None else vdn.stale_since, vdn.now),
            instant(vdn.clock, vdn.now),
            str(vdn.position),
            f"{vdn.lag_ms} ms",
        )
    return table


def sources_table(sources: Iterable[tuple[VdnHealth, SourceHealth]]) -> Table:
    """A line for each source."""
    table = plain_table("VDN", "source", "figures are", "since", "last picture", "pictures", "repairs so far")
    for vdn, source in sources:
        since = source.confident_since if source.link_lost_since is None else source.link_lost_since
        table.add_row(
            f"{vdn.cc}/{vdn.vdn}",
            Text(source.source),
            _word(source.confidence),
            instant(since, vdn.now),
            instant(None if source.picture is None else source.picture.at, vdn.now),
            str(source.pictures),
            "\n".join(f"{kind} {count}" for kind, count in source.repairs.items()),
        )
    return table


def instant(at_ms: int | None, now_ms: int) -> str:
    """An instant to the second, UTC, with its day if that is not today; nothing for none."""
    if at_ms is None:
        return ""
    at, now = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (at_ms, now_ms))
    return at.strftime("%H:%M:%S UTC" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def _word(confidence: str) -> Text:
    return Text(confidence, "green" if confidence == CHECKED else "bold yellow")
