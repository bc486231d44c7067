"""Settings: the table, its layers, and what a wrong one is told."""

from pathlib import Path
from typing import Any

import pytest

from queuepulse.config import SETTINGS, Config, settings_table, value_of
from queuepulse.config.deployment import listen_of
from queuepulse.config_load import BadConfig, load


def problems_of(file: Path | None, environment: dict[str, str], given: dict[str, Any]) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        load(file, environment, given)
    return caught.value.problems


def written(folder: Path, text: str) -> Path:
    file = folder / "queuepulse.toml"
    file.write_text(text)
    return file


def test_without_anything_given_every_setting_has_its_default() -> None:
    config = load(None, {}, {}).config
    assert config == Config()
    assert [value_of(config, setting.key) for setting in SETTINGS] == [
        setting.default for setting in SETTINGS
    ]


def test_every_default_is_within_its_own_limit() -> None:
    for setting in SETTINGS:
        if setting.type is int:
            assert setting.row.least <= setting.default <= setting.row.most, setting.key


def test_every_limited_setting_says_why_and_every_setting_what_it_means() -> None:
    for setting in SETTINGS:
        assert setting.row.meaning.endswith("."), setting.key
        assert (setting.type is int) == bool(setting.row.reason), setting.key


def test_the_command_line_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[server]\nport = 1\n")
    variable = {"QUEUEPULSE_SERVER_PORT": "2"}
    assert load(file, {}, {}).config.server.port == 1
    assert load(file, variable, {}).config.server.port == 2
    found = load(file, variable, {"server.port": 3})
    assert found.config.server.port == 3
    assert found.origins["server.port"] == "command line"


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("QUEUEPULSE_SKILL_MAX", "5000", "skill_max", 5000),
        ("QUEUEPULSE_SIGNATURE_REPLAY_PROTECTION", "true", "signature.replay_protection", True),
        ("QUEUEPULSE_SIGNATURE_EMPTY_QUERY_LINE", "0", "signature.empty_query_line", False),
        ("QUEUEPULSE_TRUSTED_PROXIES", "10.0.0.0/8, ::1", "trusted_proxies", ("10.0.0.0/8", "::1")),
        ("QUEUEPULSE_FOLDER", "here", "folder", Path("here")),
        ("QUEUEPULSE_SERVER_PLAIN_HTTP", "everywhere", "server.plain_http", "everywhere"),
    ],
)
def test_variables_are_read_in_the_type_of_their_setting(
    variable: str, text: str, key: str, value: object
) -> None:
    assert value_of(load(None, {variable: text}, {}).config, key) == value


@pytest.mark.parametrize("text", ["x", "", "1.0", "1e3", "-1", "70000", "9" * 30, "٣"])
def test_a_bad_number_in_a_variable_is_told_with_rule_and_origin(text: str) -> None:
    [problem] = problems_of(None, {"QUEUEPULSE_SERVER_PORT": text}, {})
    assert problem.startswith("server.port (QUEUEPULSE_SERVER_PORT) must be an integer from 0 to 65,535")


@pytest.mark.parametrize("text", ['"28443"', "1.0", "true", "[1]", "-1"])
def test_a_bad_number_in_the_file_is_told(tmp_path: Path, text: str) -> None:
    [problem] = problems_of(written(tmp_path, f"[server]\nport = {text}\n"), {}, {})
    assert "server.port" in problem
    assert "an integer from 0 to 65,535" in problem


def test_an_unknown_key_is_told_with_the_nearest_known_one(tmp_path: Path) -> None:
    file = written(
        tmp_path, "skil_max = 1\n[server]\nprot = 1\n[srver]\n[[vdns]]\ncc = 1\nvdn = 1\nnmae = 'x'\n"
    )
    first, second, third, fourth = problems_of(file, {}, {})
    assert first.endswith("there is no setting skil_max. Did you mean skill_max?")
    assert second.endswith("there is no setting server.prot. Did you mean server.port?")
    assert "there is no setting srver" in third
    assert fourth == "vdns entry 1: there is no key nmae. Did you mean name?"


def test_an_unknown_variable_of_ours_is_told_and_those_of_others_are_not() -> None:
    [problem] = problems_of(None, {"QUEUEPULSE_SERVER_PROT": "1", "PATH": "x"}, {})
    assert problem.endswith("Did you mean QUEUEPULSE_SERVER_PORT?")
    # A container platform sets these for a service that is called queuepulse; the last one is the client's.
    load(None, {"QUEUEPULSE_SERVICE_HOST": "10.0.0.1", "QUEUEPULSE_PORT": "tcp://10.0.0.1:1"}, {})
    load(None, {"QUEUEPULSE_PORT_28443_TCP_ADDR": "10.0.0.1", "QUEUEPULSE_AK": "x"}, {})
    # These are those of `./dev` and of the tests.
    load(None, {"QUEUEPULSE_COMPILE": "0", "QUEUEPULSE_RECORDINGS": "../shared"}, {})


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, "skill_max = 0\nfoo = 1\n[log]\nkeep_days = 0\n")
    assert len(problems_of(file, {"QUEUEPULSE_SERVER_PORT": "x"}, {})) == 4


@pytest.mark.parametrize(
    "text", ["server = 1", "vdns = 1", "[[vdns]]\nskills = 1\ncc = 1\nvdn = 1", "vdns = [1]", "[", "a = \xff"]
)
def test_a_file_of_another_shape_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    assert problems_of(file, {}, {})


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path / "none.toml", {}, {})
    assert "cannot be read" in problem
    [problem] = problems_of(tmp_path, {}, {})
    assert "cannot be read" in problem


def test_paths_in_the_file_begin_at_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'folder = "log"\n[server]\ncertificate = "c.pem"\nprivate_key = "/k.pem"\n')
    config = load(file, {}, {}).config
    assert config.folder == tmp_path / "log"
    assert config.server.certificate == tmp_path / "c.pem"
    assert config.server.private_key == Path("/k.pem")


def test_a_certificate_wants_its_private_key() -> None:
    [problem] = problems_of(None, {"QUEUEPULSE_SERVER_CERTIFICATE": "c.pem"}, {})
    assert "server.private_key" in problem


def test_plain_http_listens_on_the_loopback_alone_unless_everywhere_is_said() -> None:
    assert load(None, {}, {"server.plain_http": "loopback"}).config.server.host == "127.0.0.1"
    for host in ("127.0.0.2", "::1", "localhost"):
        given = {"server.plain_http": "loopback", "server.host": host}
        assert load(None, {}, given).config.server.host == host
    [problem] = problems_of(None, {}, {"server.plain_http": "loopback", "server.host": "10.0.0.1"})
    assert "--plain-http-everywhere" in problem
    assert load(None, {}, {"server.plain_http": "everywhere"}).config.server.host == "0.0.0.0"


def test_a_secret_is_never_shown() -> None:
    secret = "5e" * 32
    config = load(None, {"QUEUEPULSE_KEYS_MASTER_KEY": secret}, {}).config
    assert config.keys.master_key == secret
    assert secret not in repr(config)
    secrets = [setting for setting in SETTINGS if setting.row.secret]
    assert {setting.key for setting in secrets} == {
        "keys.master_key",
        "bms.token",
        "oidc.client_secret",
        "history.url",
    }
    assert all(setting.shown(secret) == "set, not shown" for setting in secrets)
    config = load(None, {"QUEUEPULSE_BMS_TOKEN": secret}, {}).config
    assert config.bms.token == secret
    assert secret not in repr(config)
    password = "postgresql://user:hidden@host/history"
    assert "hidden" not in repr(load(None, {"QUEUEPULSE_HISTORY_URL": password}, {}).config)
    [problem] = problems_of(None, {"QUEUEPULSE_KEYS_MASTER_KEY": "hush"}, {})
    assert "hush" not in problem


def test_the_file_names_vdns_and_skills(tmp_path: Path) -> None:
    text = """
        [[vdns]]
        cc = 1
        vdn = 2
        name = "Bank"
        timezone = "Europe/Paris"
        day_starts = "06:00"
        cti_version = "3.6"
        [[vdns.skills]]
        id = 7
        name = "Loans"
        wrapup_ms = 5000
    """
    [vdn] = load(written(tmp_path, text), {}, {}).config.vdns
    assert vdn.key == (1, 2)
    assert (vdn.name, vdn.timezone, vdn.day_starts, vdn.cti_version) == (
        "Bank",
        "Europe/Paris",
        "06:00",
        "3.6",
    )
    [skill] = vdn.skills
    assert (skill.id, skill.name, skill.wrapup_ms, skill.max_waiting) == (7, "Loans", 5000, None)


def test_a_vdn_or_a_skill_named_twice_is_told_with_both_places(tmp_path: Path) -> None:
    vdn = "[[vdns]]\ncc = 1\nvdn = 1\n"
    skill = "[[vdns.skills]]\nid = 3\n"
    assert problems_of(written(tmp_path, vdn + "[[vdns]]\ncc = 1\nvdn = 2\n" + vdn), {}, {}) == [
        "VDN 1/1 is named twice: in vdns entry 1 and in vdns entry 3."
    ]
    assert problems_of(written(tmp_path, vdn + skill + skill), {}, {}) == [
        "Skill 3 is named twice: in vdns entry 1, skills entry 1 and in vdns entry 1, skills entry 2."
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('timezone = "Europe/Nowhere"', "IANA"),
        ('day_starts = "24:00"', "time of day"),
        ('cti_version = "9"', "cti_version"),
        ("vdn = 5001", "5000"),
        ("name = 1", "name"),
        ("skills = [{id = 10001}]", "1 to 10,000"),
        ("skills = [{id = 1, wrapup_ms = -1}]", "wrapup_ms"),
        ("skills = [{}]", "id"),
    ],
)
def test_a_bad_vdn_is_told(tmp_path: Path, line: str, told: str) -> None:
    number = "" if line.startswith("vdn") else "vdn = 1\n"
    [problem] = problems_of(written(tmp_path, f"[[vdns]]\ncc = 1\n{number}{line}\n"), {}, {})
    assert problem.startswith("vdns entry 1")
    assert told in problem


def test_the_table_for_the_documentation_has_a_line_for_each_setting() -> None:
    lines = settings_table().splitlines()
    assert len(lines) == 2 + len(SETTINGS)
    assert all(line.count(" | ") == 5 for line in lines[2:])
    assert "| `server.port` | `QUEUEPULSE_SERVER_PORT` | 28443 |" in settings_table()


SOURCE = "[[sources]]\nname = 'pbx'\nkind = 'asterisk'\ncc = 1\nvdn = 2\nusername = 'qp'\n"


def test_a_source_needs_three_lines_and_who_logs_in(tmp_path: Path) -> None:
    file = written(tmp_path, SOURCE + "secret = 'hush'\nca = 'ca.pem'\nqueues = {sales = 1, support = 2}\n")
    [source] = load(file, {}, {}).config.sources
    assert (source.name, source.key, source.host, source.port_used) == ("pbx", (1, 2), "127.0.0.1", 5038)
    assert source.queues == {"sales": 1, "support": 2}
    assert source.ca == tmp_path / "ca.pem"
    assert "hush" not in repr(load(file, {}, {}))


def test_the_secret_of_a_source_may_be_a_variable_and_is_never_told(tmp_path: Path) -> None:
    file = written(tmp_path, SOURCE.replace("'pbx'", "'pbx-1'"))
    [source] = load(file, {"QUEUEPULSE_SOURCES_PBX_1_SECRET": "hush"}, {}).config.sources
    assert source.secret == "hush"
    [problem] = problems_of(file, {}, {})
    assert "QUEUEPULSE_SOURCES_PBX_1_SECRET" in problem
    [problem] = problems_of(file, {"QUEUEPULSE_SOURCES_PBX_1_SECRET": "hu\nsh"}, {})
    assert "hu" not in problem
    assert "secret must be text in one line" in problem


def test_two_names_with_one_id_are_told_both(tmp_path: Path) -> None:
    file = written(tmp_path, SOURCE + "secret = 's'\nqueues = {sales = 1, support = 1}\n")
    assert problems_of(file, {}, {}) == [
        "sources entry 1: queues: 'sales' and 'support' are both given the id 1."
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 70000", "port must be an integer from 0 to 65,535"),
        ("prot = 1", "there is no key prot. Did you mean port?"),
        ("queues = {sales = 0}", "queues must be a table of names, each with a skill from 1"),
        ("queues = {sales = 20000}", "'sales' must have an id from 1 to 10,000"),
        ("agents = 1", "agents must be a table of names"),
        ("reasons = {Lunch = 'idle'}", "reasons must be a table of names, each with one of busy"),
        ("queue_pattern = 'q'", "queue_pattern must be a regular expression with a group"),
        ("agent_pattern = '('", "agent_pattern must be a regular expression with a group"),
        ("resync_s = 1", "resync_s must be an integer from 5"),
    ],
)
def test_a_bad_key_of_a_source_is_told(tmp_path: Path, text: str, told: str) -> None:
    [problem] = problems_of(written(tmp_path, f"{SOURCE}secret = 's'\n{text}\n"), {}, {})
    assert problem.startswith("sources entry 1: ")
    assert told in problem


def test_what_kind_of_switch_it_is_says_which_keys_it_needs(tmp_path: Path) -> None:
    text = SOURCE.replace("asterisk", "freeswitch") + "secret = 's'\ntls = true\n[[sources]]\nname = 'PBX'\n"
    problems = problems_of(written(tmp_path, text), {}, {})
    assert [problem.partition(" ")[0] for problem in problems] == ["sources"] * len(problems)
    assert any("username" in problem for problem in problems)
    assert any("tls must be false" in problem for problem in problems)
    assert any("name must be 1 to 32 small letters" in problem for problem in problems)
    assert any("kind is missing" in problem for problem in problems)


def test_names_of_members_are_for_a_queue_log(tmp_path: Path) -> None:
    said = "members = {'Local/201@agents' = 'Ann'}\n"
    [problem] = problems_of(written(tmp_path, f"{SOURCE}secret = 's'\n{said}"), {}, {})
    assert problem.endswith("members must not be given: asterisk tells itself who is who.")
    text = f"[[sources]]\nname = 'log'\nkind = 'queue_log'\ncc = 1\nvdn = 1\nfile = 'log'\n{said}"
    [source] = load(written(tmp_path, text), {}, {}).config.sources
    assert source.members == {"Local/201@agents": "Ann"}
    [problem] = problems_of(written(tmp_path, text.replace("'Ann'", "7")), {}, {})
    assert "members must be a table of names, each with text" in problem


def test_a_queue_log_has_a_file_and_no_login(tmp_path: Path) -> None:
    text = "[[sources]]\nname = 'log'\nkind = 'queue_log'\ncc = 1\nvdn = 1\n"
    [source] = load(written(tmp_path, text + "file = 'queue_log'\n"), {}, {}).config.sources
    assert source.file == tmp_path / "queue_log"
    [problem] = problems_of(written(tmp_path, text), {}, {})
    assert "file must be given for queue_log" in problem


# A gateway before the BMS


TOKEN = "0123456789abcdef0123456789abcdef"


def test_a_gateway_is_named_by_the_nodes_it_asks() -> None:
    given = {"QUEUEPULSE_BMS_URLS": "https://a:1/, https://[::1]:2", "QUEUEPULSE_BMS_TOKEN": TOKEN}
    assert load(None, given, {}).config.bms.urls == ("https://a:1", "https://[::1]:2")
    assert (
        load(None, {"QUEUEPULSE_BMS_TOKEN": TOKEN}, {"bms.listen": "[::1]:0"}).config.bms.listen == "[::1]:0"
    )


@pytest.mark.parametrize(
    ("text", "host", "port"), [("10.0.0.5:28444", "10.0.0.5", 28444), ("[::1]:0", "::1", 0), ("h:1", "h", 1)]
)
def test_an_address_and_a_port_are_told_apart(text: str, host: str, port: int) -> None:
    assert listen_of(text) == (host, port)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"bms.listen": "10.0.0.5"}, "such as 10.0.0.5:28444"),
        ({"bms.listen": ":1"}, "such as 10.0.0.5:28444"),
        ({"bms.listen": "h:65536"}, "such as 10.0.0.5:28444"),
        ({"bms.listen": "h:1"}, "needs bms.token or bms.ca"),
        ({"bms.urls": ["http://h:1"], "bms.token": TOKEN}, "such as https://"),
        ({"bms.urls": ["https://h/path"], "bms.token": TOKEN}, "such as https://"),
        ({"bms.urls": ["https://u@h"], "bms.token": TOKEN}, "such as https://"),
        ({"bms.urls": ["https://h:99999"], "bms.token": TOKEN}, "such as https://"),
        ({"bms.urls": ["https://h", "https://h/"], "bms.token": TOKEN}, "different"),
        ({"bms.urls": ["https://h"]}, "needs bms.token or bms.certificate"),
        ({"bms.urls": ["https://h"], "bms.listen": "h:1", "bms.token": TOKEN}, "exclude each other"),
        ({"bms.token": "short"}, "at least 32 characters"),
        ({"bms.token": TOKEN + " "}, "without blanks"),
        ({"bms.certificate": "c.pem"}, "given together"),
    ],
)
def test_what_cannot_be_of_a_gateway_is_told(given: dict[str, Any], problem: str) -> None:
    assert any(problem in told for told in problems_of(None, {}, given))


def test_a_gateway_has_no_sources(tmp_path: Path) -> None:
    text = '[[sources]]\nname = "p"\nkind = "queue_log"\ncc = 1\nvdn = 1\nfile = "q"\n[bms]\nurls = ["https://h"]\n'
    problems = problems_of(written(tmp_path, text + f'token = "{TOKEN}"\n'), {}, {})
    assert any("sources" in problem for problem in problems)


@pytest.mark.parametrize(("name", "key"), [("bms.toml", "bms.listen"), ("gateway.toml", "bms.urls")])
def test_the_files_of_contrib_are_good(name: str, key: str) -> None:
    file = Path(__file__).resolve().parents[1] / "contrib" / name
    loaded = load(file, {"QUEUEPULSE_BMS_TOKEN": TOKEN}, {})
    assert loaded.origins[key] == str(file)


# People and their provider


def test_a_provider_is_named_whole_and_with_tls(tmp_path: Path) -> None:
    whole = {
        "QUEUEPULSE_OIDC_ISSUER": "https://id.example/realm",
        "QUEUEPULSE_OIDC_CLIENT_ID": "queuepulse",
        "QUEUEPULSE_OIDC_PUBLIC_URL": "https://pulse.example",
        "QUEUEPULSE_OIDC_CLIENT_SECRET": "s3cret",
    }
    config = load(None, whole, {}).config
    assert config.oidc.issuer == "https://id.example/realm"
    assert "s3cret" not in repr(config)
    for lacking in ("ISSUER", "CLIENT_ID", "PUBLIC_URL"):
        some = {name: text for name, text in whole.items() if not name.endswith(lacking)}
        [problem] = problems_of(None, some, {})
        assert "must be given together" in problem
    for bad in ("http://id.example", "id.example", "https://", "https://id.example/?x=1"):
        problems = problems_of(None, {**whole, "QUEUEPULSE_OIDC_ISSUER": bad}, {})
        assert any("must be an address such as https://id.example" in problem for problem in problems)
