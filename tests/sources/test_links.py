"""The connection to a switch: it comes back from everything, and says once what a person can do."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from queuepulse.engine.events import CallOffered, LinkLost, LinkRestored, Snapshot
from queuepulse.sources.ami import login_key
from queuepulse.sources.dialects import Dialect, Esl
from queuepulse.sources.freeswitch import SUBSCRIPTION, Translator
from queuepulse.sources.links import PATIENCE, Patience
from queuepulse.sources.names import Ids, Names, PauseReasons
from sources.fake_switches import (
    RECORDINGS,
    SECRET,
    Folded,
    an_asterisk,
    answering,
    let_in,
    listening,
    never,
    read_action,
    replaying,
    reply,
    show_empty_picture,
    until,
)
from sources.recordings import lines

Log = Sequence[Mapping[str, Any]]


def reasons(log: Log) -> list[str]:
    return [line["reason"] for line in log if "reason" in line]


async def trouble_with(port: int, dialect: Dialect, patience: Patience = PATIENCE, **address: Any) -> str:
    """The one thing that is told of a switch that does not let us listen, however often it is tried."""
    folded, tries = Folded(), 0

    async def counted(seconds: float) -> None:
        nonlocal tries
        tries += 1
        await never(seconds)

    with capture_logs() as log:
        async with listening(port, dialect, folded, patience, wait=counted, **address) as task:
            await until(lambda: tries >= 3 or task.done())
    assert folded.engine.stale_since_ms is not None
    assert folded.seen(LinkLost) == 1
    assert SECRET not in str(log)
    [reason] = reasons(log)
    return reason


# The recorded switch


@pytest.mark.parametrize("options", [("--chop", "7"), ("--garbage-after", "20")])
def test_every_visit_of_a_recorded_switch_is_heard(options: tuple[str, ...]) -> None:
    async def hear(port: int) -> None:
        folded = Folded()
        async with listening(port, an_asterisk(), folded):
            visits = {
                (v["uniqueid"], v["queue"]) for v in lines(RECORDINGS / "asterisk/ast18/visits.ndjson.gz")
            }
            await until(lambda: folded.seen(CallOffered) >= len(visits))
            await until(lambda: not folded.engine.books.calls)
        assert folded.engine.stale_since_ms is None
        assert folded.seen(LinkLost) == 1

    with replaying("ast18", "--speed", "30", "--secret", SECRET, *options) as port:
        asyncio.run(hear(port))


def test_a_cut_link_is_marked_and_the_switch_seen_again() -> None:
    async def hear(port: int) -> None:
        folded = Folded()
        async with listening(port, an_asterisk(), folded):
            await until(lambda: folded.seen(LinkLost) == 2)
            assert folded.engine.stale_since_ms is not None
            await until(lambda: folded.seen(LinkRestored) == 2)
            assert folded.engine.stale_since_ms is None

    with replaying("ast18", "--speed", "30", "--cut-after", "30", "--cut-for", "10") as port:
        asyncio.run(hear(port))


def test_a_wrong_password_is_told_once_and_never_shown() -> None:
    with replaying("ast18", "--secret", "another") as port:
        reason = asyncio.run(trouble_with(port, an_asterisk()))
    assert reason.startswith("The login is refused (Authentication failed): compare username and secret")


# Logins


def test_a_challenge_is_answered_by_its_digest_and_the_secret_stays_here() -> None:
    said: list[dict[str, str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        said.append(await read_action(reader))
        reply(writer, said[0], "Success", Challenge="12345")
        said.append(await read_action(reader))
        reply(writer, said[1], "Success")
        await show_empty_picture(reader, writer)

    async def run() -> None:
        async with answering(talk) as port:
            folded = Folded()
            async with listening(port, an_asterisk(), folded):
                await until(lambda: folded.seen(LinkRestored) == 1)

    asyncio.run(run())
    assert said[1]["Key"] == login_key("12345", SECRET)
    assert SECRET not in str(said)


def test_without_a_challenge_the_login_is_plain() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/1.1\r\n")
        reply(writer, await read_action(reader), "Error", Message="no such command")
        login = await read_action(reader)
        assert (login["Username"], login["Secret"]) == ("queuepulse", SECRET)
        reply(writer, login, "Success")
        await show_empty_picture(reader, writer)

    async def run() -> None:
        async with answering(talk) as port:
            folded = Folded()
            async with listening(port, an_asterisk(), folded):
                await until(lambda: folded.seen(LinkRestored) == 1)

    asyncio.run(run())


def test_what_the_user_may_not_ask_is_told_with_the_permissions_it_needs() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_in(reader, writer)
        while action := await read_action(reader):
            reply(writer, action, "Error", Message="Permission denied")

    async def run() -> None:
        async with answering(talk) as port:
            with capture_logs() as log:
                async with listening(port, an_asterisk(), Folded()):
                    await until(lambda: bool(reasons(log)))
            [reason] = reasons(log)
            assert "Permission denied" in reason
            assert "read = system,call,agent" in reason

    asyncio.run(run())


# Switches that are none, or not well


async def _shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n" + bytes(range(256)) * 20)
    await writer.drain()
    await reader.read()


async def _say_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await let_in(reader, writer)
    writer.write(b"Event: QueueCallerJoin\r\nQueue: sal")
    await reader.read()


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_action(reader)


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (_shout, "What answers there is no AMI: check host and port."),
        (_say_half, "The switch was silent for 0.3 s."),
        (_say_nothing, "There was no login within 0.2 s"),
        (_leave, "127.0.0.1:PORT closed the connection before the login"),
    ],
)
def test_a_rude_switch_is_told_once_and_tried_again(talk: Any, told: str) -> None:
    async def run() -> str:
        async with answering(talk) as port:
            told = await trouble_with(port, an_asterisk(), Patience(5, 0.2, 0.1, 0.3))
            return told.replace(str(port), "PORT")

    assert asyncio.run(run()).startswith(told)


def test_a_silent_switch_that_answers_a_ping_is_kept() -> None:
    pinged = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal pinged
        await let_in(reader, writer)
        while action := await read_action(reader):
            pinged += action["ActionID"].endswith("-alive")
            reply(writer, action, "Success", Ping="Pong")

    async def run() -> None:
        async with answering(talk) as port:
            folded = Folded()
            with capture_logs() as log:
                async with listening(port, an_asterisk(), folded, Patience(5, 5, 0.05, 2.0)):
                    await until(lambda: pinged >= 5)
            assert not reasons(log)

    asyncio.run(run())


def test_where_nothing_listens_it_is_tried_until_something_does() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_in(reader, writer)
        await show_empty_picture(reader, writer)

    async def run() -> None:
        async with answering(talk) as port:
            pass
        assert "Nothing listens at 127.0.0.1" in await trouble_with(port, an_asterisk())
        folded = Folded()
        async with listening(port, an_asterisk(), folded):
            server = await asyncio.start_server(talk, "127.0.0.1", port)
            await until(lambda: folded.seen(LinkRestored) == 1)
        server.close()

    asyncio.run(run())


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return tmp_path / "ca.pem"


async def _with_tls(authority: Path, name: str, ca: Path | None) -> str | None:
    """What is told of a switch whose certificate is of this name; None if it is seen."""
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name).configure_cert(context)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_in(reader, writer)
        await show_empty_picture(reader, writer)

    async with answering(talk, context) as port:
        folded = Folded()
        with capture_logs() as log:
            async with listening(port, an_asterisk(), folded, tls=True, ca=ca):
                await until(lambda: folded.seen(LinkRestored) == 1 or bool(reasons(log)))
    return next(iter(reasons(log)), None)


def test_a_switch_with_a_certificate_of_the_given_authority_is_seen(authority: Path) -> None:
    assert asyncio.run(_with_tls(authority, "127.0.0.1", authority)) is None


def test_a_certificate_that_does_not_match_is_told(authority: Path) -> None:
    for name, ca in (("elsewhere.invalid", authority), ("127.0.0.1", None)):
        told = asyncio.run(_with_tls(authority, name, ca))
        assert told is not None
        assert "The certificate of 127.0.0.1" in told
        assert "`ca`" in told


def test_a_file_of_certificates_that_is_missing_is_told(tmp_path: Path) -> None:
    told = asyncio.run(_with_tls(tmp_path / "ca.pem", "127.0.0.1", tmp_path / "none.pem"))
    assert told is not None
    assert "none.pem of the setting `ca` cannot be read" in told


def test_tls_with_a_switch_that_has_none_is_told() -> None:
    async def run() -> str:
        async with answering(_shout) as port:
            return await trouble_with(port, an_asterisk(), tls=True)

    assert asyncio.run(run()).startswith("TLS with 127.0.0.1")


# The log


def test_while_the_log_is_full_the_switch_waits_and_nothing_is_lost() -> None:
    joins = 20_000
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await let_in(reader, writer)
        for number in range(joins):
            headers = f"Queue: sales\r\nUniqueid: 1.{number}\r\nLinkedid: 1.{number}\r\nChannel: SIP/{number}"
            filling = "X: " + "x" * 900
            writer.write(f"Event: QueueCallerJoin\r\n{headers}\r\n{filling}\r\n\r\n".encode())
            await writer.drain()
            sent += 1
        await reader.read()

    async def run() -> None:
        async with answering(talk) as port:
            folded = Folded()
            async with listening(port, an_asterisk(), folded):
                await until(lambda: folded.seen(CallOffered) > 0)
                folded.is_full = True
                await until(lambda: folded.refused > 20)
                assert sent < joins, "it went on reading"
                folded.is_full = False
                await until(lambda: folded.seen(CallOffered) == joins)
            calls = [event.call for event in folded.events if isinstance(event, CallOffered)]
            assert len(set(calls)) == joins
            assert [call.split("/")[1] for call in calls] == [f"1.{number}" for number in range(joins)]

    asyncio.run(run())


# FreeSWITCH


def a_freeswitch() -> Esl:
    names = Names(Ids(100), {"sales@default": 1}), Names(Ids(100))
    return Esl(Translator("pbx", *names, PauseReasons()), SECRET)


async def _command(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\n\n")).decode().strip()


def test_a_freeswitch_is_logged_in_to_asked_and_seen() -> None:
    said: list[str] = []
    lists = {"queue": "name|strategy\nsales@default|ring-all\n", "agent": "name|status|state\n"}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: auth/request\n\n")
        while command := await _command(reader):
            said.append(command)
            if command.startswith("api"):
                body = lists.get(command.split()[2], "queue|agent\n") + "+OK\n"
                writer.write(f"Content-Type: api/response\nContent-Length: {len(body)}\n\n{body}".encode())
            else:
                writer.write(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")

    async def run() -> None:
        async with answering(talk) as port:
            folded = Folded()
            async with listening(port, a_freeswitch(), folded):
                await until(lambda: folded.seen(LinkRestored) == 1)
            assert folded.seen(Snapshot) == 1

    asyncio.run(run())
    assert said[:2] == [f"auth {SECRET}", SUBSCRIPTION]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n", "The login is refused (-ERR invalid)"),
        (b"Content-Type: text/rude-rejection\n\n", "The switch rejects our address"),
        (b"Content-Type: text/disconnect-notice\n\n", "The switch ended the connection."),
        (b"\xff\xfe\n\n", "There was no login within 0.2 s"),
    ],
)
def test_a_freeswitch_that_does_not_let_us_in_is_told(answer: bytes, told: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: auth/request\n\n")
        await _command(reader)
        writer.write(answer)
        await reader.read()

    async def run() -> str:
        async with answering(talk) as port:
            return await trouble_with(port, a_freeswitch(), Patience(5, 0.2, 0.1, 0.3))

    assert asyncio.run(run()).startswith(told)
