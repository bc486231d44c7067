"""From the settings to links: ids of several sources, what the log knows, and a server that listens."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from queuepulse import cli
from queuepulse.config.named import SourceNamed
from queuepulse.engine.events import AgentConfigured, SkillConfigured, VdnKey
from queuepulse.engine.vdn import NamedIds, Vdn
from queuepulse.switches import Named, named_sources
from server.running import Running, serving, until
from sources.fake_switches import SECRET, replaying

NOTHING = NamedIds({}, {}, {})


def named(known: NamedIds, *sources: SourceNamed) -> list[Named]:
    known_of: Callable[[VdnKey], NamedIds] = lambda vdn: known if vdn == (1, 1) else NOTHING  # noqa: E731
    return [names for _, names in named_sources(sources, 10_000, known_of)]


def test_a_name_that_is_not_mapped_keeps_its_id_from_the_log() -> None:
    engine = Vdn()
    engine.apply(SkillConfigured(at=1, skill=7, name="sales"))
    engine.apply(SkillConfigured(at=1, skill=8, name="sales"))
    engine.apply(AgentConfigured(at=1, agent=70, name="Ann", phone="PJSIP/100"))
    known = engine.named_ids()
    assert known == NamedIds({"sales": 7}, {"Ann": 70}, {"PJSIP/100": 70})
    [asterisk] = named(known, SourceNamed(name="a", kind="asterisk", cc=1, vdn=1))
    assert asterisk.queues.id_of("sales") == 7
    assert asterisk.agents.id_of("PJSIP/100") == 70
    assert asterisk.queues.id_of("support") == 1
    [freeswitch] = named(known, SourceNamed(name="f", kind="freeswitch", cc=1, vdn=1))
    assert freeswitch.agents.id_of("Ann") == 70


def test_two_sources_of_a_vdn_share_only_what_their_tables_share() -> None:
    first = SourceNamed(name="a", kind="asterisk", cc=1, vdn=1, queues={"sales": 1, "vip": 2})
    second = SourceNamed(name="b", kind="asterisk", cc=1, vdn=1, queues={"verkauf": 1, "nacht": 3})
    one, two = named(NamedIds({"sales": 1, "night": 4}, {}, {}), first, second)
    assert one.queues.id_of("sales") == two.queues.id_of("verkauf") == 1
    given = [one.queues.id_of("night"), two.queues.id_of("night"), one.queues.id_of("new")]
    assert given == [5, 6, 7]


def test_sources_of_two_vdns_have_nothing_to_do_with_one_another() -> None:
    first = SourceNamed(name="a", kind="asterisk", cc=1, vdn=2)
    second = SourceNamed(name="b", kind="asterisk", cc=1, vdn=3)
    one, two = named(NOTHING, first, second)
    assert one.queues.id_of("sales") == two.queues.id_of("night") == 1


def test_a_server_sees_the_switch_of_its_settings_and_tells_how_sure_it_is(
    tmp_path: Path, capfd: Any
) -> None:
    config = tmp_path / "center.toml"
    with replaying("ast18", "--now", "--secret", SECRET) as port:
        config.write_text(
            f'[[sources]]\nname = "pbx"\nkind = "asterisk"\ncc = 1\nvdn = 1\nport = {port}\nusername = "x"\n'
        )
        options = ("--config", str(config), "--plain-http")
        folder = tmp_path / "folder"
        assert cli.run(["keys", "add", "board", "--cc", "1", "--data", str(folder)]) == 0
        with serving(folder, *options, SOURCES_PBX_SECRET=SECRET) as server:
            corrected = server.until_told("a picture of the switch corrected the figures")
            told = server.until_told("a switch is in sight")
            (_, ak), (_, sk) = [line.split(" ") for line in capfd.readouterr().out.splitlines()[:2]]
            asking = ["health", "--url", server.url, "--ak", ak, "--sk", sk]
            assert cli.run(asking) == cli.run([*asking, "--table", "--cc", "1", "--vdn", "1"]) == 0
        assert told["source"] == corrected["source"] == "pbx"
        assert told["greeting"].startswith("Asterisk Call Manager/")
    assert (corrected["vdn"], corrected["level"]) == ("1/1", "info")
    assert corrected["repairs"]["session_opened"] > 3
    answer, *tables = capfd.readouterr().out.splitlines()
    [vdn] = json.loads(answer)["vdns"]
    assert (vdn["confidence"], vdn["stale_since"]) == ("checked", None)
    assert vdn["confident_since"] == vdn["sources"][0]["picture"]["at"] == corrected["picture_at"]
    assert tables[2].split()[:2] == ["1/1", "checked"]
    assert any(line.split()[:3] == ["1/1", "pbx", "checked"] for line in tables)


def test_a_server_follows_a_queue_log_and_counts_nothing_twice(tmp_path: Path) -> None:
    config, log = tmp_path / "center.toml", tmp_path / "queue_log"
    config.write_text(
        f'[[sources]]\nname = "log"\nkind = "queue_log"\ncc = 1\nvdn = 1\nfile = "{log.name}"\n'
    )
    line = "1767600000|1767600000.{}|sales|NONE|ENTERQUEUE||5550001|1\n"
    log.write_text(line.format(1))
    options = ("--config", str(config), "--plain-http")

    def applied(server: Running) -> int:
        with server.client() as client:
            page = client.get("/metrics").text
        return sum(int(float(n)) for n in re.findall(r'outcome="applied"\} (\S+)', page))

    with serving(tmp_path / "folder", *options) as server:
        until(lambda: applied(server) == 2)  # the queue's name, and the call
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    with log.open("a") as file:
        file.write(line.format(2))
    with serving(tmp_path / "folder", *options) as server:
        until(lambda: applied(server) == 1)  # the second call; a name that is known says nothing
