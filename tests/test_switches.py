"""From the settings to links: ids of several sources, what the log knows, and a server that listens."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import msgspec

from queuepulse import cli
from queuepulse.config import Config
from queuepulse.config.named import SkillNamed, SourceNamed, VdnNamed
from queuepulse.engine.events import AgentConfigured, SkillConfigured, VdnKey
from queuepulse.engine.vdn import NamedIds, Vdn
from queuepulse.switches import NOTHING_KNOWN, Named, named_sources
from server.running import Running, serving, until
from sources.fake_switches import SECRET, replaying

SALES = SkillNamed(id=9, name="sales")


class Runs:
    """The same settings, run after run: what one run tells the log, the next one knows."""

    def __init__(self, *sources: SourceNamed, vdns: tuple[VdnNamed, ...] = ()) -> None:
        self.config = Config(sources=sources, vdns=vdns)
        self.engine = Vdn()
        self.told = 0

    def begin(self) -> list[Named]:
        """The names of each source at a start."""
        self.engine = Vdn.restore(self.engine.snapshot())
        return [named for _, named in named_sources(self.config, self._known)]

    def _known(self, vdn: VdnKey, source: str | None) -> NamedIds:
        if vdn != (1, 1):
            return NOTHING_KNOWN
        return self.engine.named_ids() if source is None else self.engine.named_ids_of(source)

    def skill(self, source: int, named: Named, name: str) -> int:
        """The skill of a queue, told to the log."""
        skill = named.queues.id_of(name)
        assert skill is not None
        self._tell(SkillConfigured(at=1, source=self.config.sources[source].name, skill=skill, name=name))
        return skill

    def agent(self, source: int, named: Named, phone: str, name: str) -> int:
        """The agent that a member is, told to the log."""
        agent = named.agents.id_of(phone, name)
        assert agent is not None
        of = self.config.sources[source].name
        self._tell(AgentConfigured(at=1, source=of, agent=agent, name=name, phone=phone))
        return agent

    def _tell(self, event: SkillConfigured | AgentConfigured) -> None:
        self.told += 1
        self.engine.apply(msgspec.structs.replace(event, id=str(self.told)))


def asterisk(name: str, **more: Any) -> SourceNamed:
    return SourceNamed(name=name, kind="asterisk", cc=1, **{"vdn": 1, **more})


def test_a_name_that_is_not_mapped_keeps_its_id_from_the_log() -> None:
    runs = Runs(asterisk("a"))
    [first] = runs.begin()
    assert [runs.skill(0, first, name) for name in ("sales", "support")] == [1, 2]
    assert [runs.agent(0, first, phone, "Ann") for phone in ("PJSIP/1", "PJSIP/2")] == [1, 2]
    [second] = runs.begin()
    assert [runs.skill(0, second, name) for name in ("new", "support", "sales")] == [3, 2, 1]
    assert [runs.agent(0, second, phone, "Ann") for phone in ("PJSIP/3", "PJSIP/2")] == [3, 2]


def test_a_member_is_known_again_by_his_interface_on_asterisk_and_by_his_name_elsewhere() -> None:
    known = NamedIds({}, {"Ann": 70}, {"PJSIP/100": 71})
    for kind, name, number in (("asterisk", "PJSIP/100", 71), ("freeswitch", "Ann", 70)):
        source = SourceNamed(name="x", kind=kind, cc=1, vdn=1)
        [(_, named)] = named_sources(Config(sources=(source,)), lambda _vdn, _source: known)
        assert named.agents.id_of(name) == number


def test_names_of_several_sources_that_are_not_mapped_keep_their_ids_for_ever() -> None:
    runs = Runs(asterisk("a"), SourceNamed(name="f", kind="freeswitch", cc=1, vdn=1))
    given = {}
    for order in ((0, 1), (1, 0), (0, 1)):
        named = runs.begin()
        for source in order:
            for name in ("sales", "support"):
                skill = runs.skill(source, named[source], name)
                agent = runs.agent(source, named[source], "Ann", "Ann")
                assert given.setdefault((source, name), (skill, agent)) == (skill, agent)
    assert list(given) == [(0, "sales"), (0, "support"), (1, "sales"), (1, "support")]
    assert list(given.values()) == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_a_queue_keeps_its_id_when_the_settings_call_the_skill_otherwise() -> None:
    runs = Runs(asterisk("a"))
    [named] = runs.begin()
    assert runs.skill(0, named, "sales") == 1
    runs.engine.apply(SkillConfigured(at=2, skill=1, name="Sales and service"))
    [named] = runs.begin()
    assert [runs.skill(0, named, name) for name in ("sales", "support")] == [1, 2]


def test_a_queue_of_the_only_source_is_the_skill_that_the_settings_call_so() -> None:
    vdns = (VdnNamed(cc=1, vdn=1, skills=(SALES,)), VdnNamed(cc=1, vdn=2, skills=()))
    [alone] = Runs(asterisk("a"), vdns=vdns).begin()
    assert alone.queues.id_of("sales") == 9
    both = Runs(asterisk("a"), asterisk("b"), vdns=vdns).begin()
    assert [named.queues.id_of("sales") for named in both] == [1, 2]
    before = Runs(asterisk("a"), vdns=vdns)
    before.engine.apply(SkillConfigured(at=1, source="a", skill=4, name="sales"))
    [kept] = before.begin()
    assert kept.queues.id_of("sales") == 4


def test_two_sources_of_a_vdn_share_only_what_their_tables_share() -> None:
    first = asterisk("a", queues={"sales": 1, "vip": 2})
    second = asterisk("b", queues={"verkauf": 1, "nacht": 3})
    runs = Runs(first, second)
    runs.engine.apply(SkillConfigured(at=1, skill=4, name="night"))
    one, two = runs.begin()
    assert one.queues.id_of("sales") == two.queues.id_of("verkauf") == 1
    given = [one.queues.id_of("night"), two.queues.id_of("night"), one.queues.id_of("new")]
    assert given == [5, 6, 7]


def test_a_name_gives_its_id_up_to_a_table_of_another_source() -> None:
    runs = Runs(asterisk("a"), asterisk("b"))
    one, _ = runs.begin()
    assert (runs.skill(0, one, "sales"), runs.agent(0, one, "PJSIP/1", "Ann")) == (1, 1)
    runs.config = Config(
        sources=(runs.config.sources[0], asterisk("b", queues={"vip": 1}, agents={"Bob": 1}))
    )
    one, two = runs.begin()
    assert (one.queues.id_of("sales"), two.queues.id_of("vip")) == (2, 1)
    assert (one.agents.id_of("PJSIP/1"), two.agents.id_of("Bob")) == (2, 1)


def test_patterns_share_what_both_find_and_nothing_that_another_has_without_one() -> None:
    runs = Runs(asterisk("a"), *(asterisk(name, agent_pattern="([0-9]+)") for name in "bc"))
    for _ in range(2):
        free, one, two = runs.begin()
        assert runs.agent(0, free, "SIP/ann", "Ann") == 1
        assert runs.agent(1, one, "PJSIP/7", "Bea") == runs.agent(2, two, "PJSIP/7", "Bea") == 7
        assert runs.agent(1, one, "SIP/cora", "Cora 8") == runs.agent(2, two, "SIP/cora", "Cora 8") == 8
        assert runs.agent(1, one, "PJSIP/1", "Dora") == 2
        assert runs.agent(2, two, "PJSIP/1", "Dora") == 3


def test_sources_of_two_vdns_have_nothing_to_do_with_one_another() -> None:
    one, two = Runs(asterisk("a", vdn=2), asterisk("b", vdn=3)).begin()
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
