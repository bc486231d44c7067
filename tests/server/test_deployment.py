"""The documented deployment, whole: load balancer, gateways, BMS nodes; one of each is killed under load."""

import shutil
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from queuepulse.certificates import DEVELOPMENT_FILE
from queuepulse.protocol.interfaces import BMS_BY_PATH, BMS_CALLS, BMS_READY_PATH, BMS_STATE
from server.deployment import (
    HOST,
    QUEUES,
    TOKEN,
    Authority,
    BmsNode,
    Client,
    Feeder,
    Key,
    Load,
    first_of,
    gateway_of,
    haproxy,
    metric,
    nginx,
    passed_on_keys,
)
from server.running import WAIT_S, Running, until

CLIENTS = 4
BODY = {"ccId": 1, "vdn": 1, "skillIds": [1, 2]}


@pytest.fixture
def ended() -> Iterator[list[Running]]:
    """What is put in is killed at the end."""
    running: list[Running] = []
    yield running
    for one in running:
        one.kill()


def test_one_of_each_is_killed_under_load_and_no_figure_is_wrong(
    tmp_path: Path, ended: list[Running]
) -> None:
    folders = [tmp_path / name for name in ("node-1", "node-2", "gateway-1", "gateway-2")]
    key = passed_on_keys(*folders)
    nodes = [BmsNode(folder) for folder in folders[:2]]
    ended += [node.running for node in nodes]
    # All development certificates have one name, which HAProxy cannot tell apart.
    authority = Authority(tmp_path)
    certificate = authority.settings("SERVER", "gateway")
    gateways = [gateway_of(folder, nodes, **certificate) for folder in folders[2:]]
    ended += gateways
    with haproxy(tmp_path, gateways, authority) as port, Feeder(nodes, key) as feeder:
        feeder.feed()
        until(lambda: is_answered(port, key))
        until(
            lambda: all(metric(one, "queuepulse_bms_seconds_count") for one in gateways) or not ask(port, key)
        )
        with Load(port, key, feeder, CLIENTS) as load:

            def go_on(answers: int = 100) -> None:
                """Feed until so many more answers have come."""
                enough = load.answers + answers
                until(lambda: bool(feeder.feed()) or load.answers >= enough or bool(load.wrong))

            go_on()
            first_of(nodes).running.kill()
            go_on()
            assert load.failures == []

            gateways[0].signal(signal.SIGTERM)
            gateways[0].until_told("draining")
            go_on()
            assert gateways[0].wait() == 0
            assert not [line for line in gateways[0].lines if "cut off" in line]
            assert load.failures == []

            again = gateway_of(folders[2], nodes, port=gateways[0].port, **certificate)
            ended.append(again)
            until(lambda: bool(feeder.feed()) or metric(again, "queuepulse_bms_seconds_count") > CLIENTS)
            assert load.failures == []

            gateways[1].kill()
            go_on()
            assert len(load.failures) <= CLIENTS, load.failures
    assert load.wrong == []
    assert load.answers > 400


def ask(port: int, key: Key) -> int:
    client = Client(port, key)
    try:
        return client.ask()[0]
    finally:
        client.close()


def is_answered(port: int, key: Key) -> bool:
    return is_status(port, key, 200)


def test_behind_nginx_the_host_that_was_signed_is_believed(tmp_path: Path, ended: list[Running]) -> None:
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is missing (apt-get install nginx-light)")
    key = passed_on_keys(tmp_path / "node", tmp_path / "gateway-1", tmp_path / "gateway-2")
    node, authority = BmsNode(tmp_path / "node"), Authority(tmp_path)
    ended.append(node.running)
    certificate = authority.settings("SERVER", "gateway")
    gateways = [gateway_of(tmp_path / f"gateway-{number}", [node], **certificate) for number in (1, 2)]
    ended += gateways
    with nginx(program, tmp_path, gateways, authority) as port:
        until(lambda: is_answered(port, key))
        gateways[0].kill()
        assert all(ask(port, key) == 200 for _ in range(20))
        stranger = Client(port, key._replace(sk="guessed"))
        assert stranger.ask()[0] == 401
        stranger.close()
        assert gateways[1].until_told("authentication failed")["peer"] == HOST
    # nginx tells its own name as the host: without trust in it nobody's signature holds.
    distrustful = gateway_of(tmp_path / "gateway-1", [node], TRUSTED_PROXIES="", **certificate)
    ended.append(distrustful)
    with nginx(program, tmp_path, [distrustful, distrustful], authority) as port:
        until(lambda: is_status(port, key, 401))


def is_status(port: int, key: Key, status: int) -> bool:
    try:
        return ask(port, key) == status
    except (OSError, ValueError):
        return False


# What a gateway answers, and where


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BmsNode, Running, Key]]:
    """A node and a gateway before it."""
    place = tmp_path_factory.mktemp("pair")
    key = passed_on_keys(place / "node", place / "gateway")
    node = BmsNode(place / "node")
    gateway = gateway_of(place / "gateway", [node])
    yield node, gateway, key
    gateway.kill()
    node.running.kill()


def test_a_gateway_answers_as_the_server_does(pair: tuple[BmsNode, Running, Key]) -> None:
    node, gateway, key = pair
    with Feeder([node], key) as feeder:
        for _ in range(3):
            feeder.feed()
    direct, through = Client(node.running.port, key), Client(gateway.port, key)
    for queues in ([1], QUEUES, [40, 40, 7, 99]):
        answers = [client.ask(queues) for client in (direct, through)]
        assert answers[0][2]["resultDesc"][0]["callWaitNums"] == 3
        for told in answers:
            for row in told[2]["resultDesc"]:
                assert row.pop("maxCallWaitTimesIn5") < WAIT_S  # a second may have passed in between
            told[2].pop("resultDatas")
        position = "x-queuepulse-position"
        assert [(told[0], told[1][position], told[2]) for told in answers[1:]] == [
            (answers[0][0], answers[0][1][position], answers[0][2])
        ]
    direct.close()
    through.close()


def test_the_bms_is_nowhere_but_on_its_own_address(pair: tuple[BmsNode, Running, Key]) -> None:
    node, gateway, _ = pair
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(verify=False, headers=headers, timeout=WAIT_S) as client:
        for path in (*BMS_BY_PATH, BMS_READY_PATH):
            for url in (node.running.url, gateway.url):
                assert client.post(url + path, json=BODY).status_code == 404
        assert client.post(node.bms_url + BMS_STATE.path, json=BODY).status_code == 200
        assert client.post(node.bms_url + BMS_CALLS.path, json=BODY).json()["result"] == "0"
        for path in ("/metrics", "/readyz", "/healthz", "/rest/cmsapp/v1/openapi/skill/stateinfo"):
            assert client.post(node.bms_url + path, json=BODY).status_code == 404
            assert client.get(node.bms_url + path).status_code == 404
        client.headers["authorization"] = "Bearer " + "x" * 40
        assert client.post(node.bms_url + BMS_STATE.path, json=BODY).status_code == 401


def test_a_gateway_takes_no_events_and_keeps_none(pair: tuple[BmsNode, Running, Key]) -> None:
    _, gateway, key = pair
    with gateway.client() as client:
        headers = {"authorization": f"Bearer {key.token}", "content-type": "application/x-ndjson"}
        assert client.post("/ingest/v1/events?cc=1&vdn=1", content=b"{}", headers=headers).status_code == 404
        assert client.get("/readyz").status_code == 200
        assert "queuepulse_bms_up{" in client.get("/metrics").text


def test_a_gateway_without_nodes_is_not_ready_and_says_why(tmp_path: Path, ended: list[Running]) -> None:
    key = passed_on_keys(tmp_path / "node", tmp_path / "gateway")
    node = BmsNode(tmp_path / "node")
    ended.append(node.running)
    node.running.kill()
    gateway = gateway_of(tmp_path / "gateway", [node])
    ended.append(gateway)
    with gateway.client() as client:
        assert "no BMS node answers" in client.get("/readyz").json()["reason"]
    client = Client(gateway.port, key)
    status, _, told = client.ask()
    assert (status, told["resultCode"]) == (200, "0100001")
    client.close()
    assert {path.name for path in (tmp_path / "gateway").iterdir()} <= {
        "keys.sqlite",
        "keys.sqlite-wal",
        "keys.sqlite-shm",
        "master.key",
        "bms.pem",
        DEVELOPMENT_FILE,
    }


def test_a_wrong_token_is_told_to_the_operator(tmp_path: Path, ended: list[Running]) -> None:
    passed_on_keys(tmp_path / "node", tmp_path / "gateway")
    node = BmsNode(tmp_path / "node")
    ended.append(node.running)
    gateway = gateway_of(tmp_path / "gateway", [node], BMS_TOKEN="another-token-of-forty-characters-or-so")
    ended.append(gateway)
    with gateway.client() as client:
        assert "refuses our token" in client.get("/readyz").json()["reason"]
    node.running.until_told("somebody asks the BMS without its token")


# Certificates


def test_with_mutual_tls_only_a_gateway_with_a_certificate_is_heard(
    tmp_path: Path, ended: list[Running]
) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    key = passed_on_keys(tmp_path / "node", tmp_path / "gateway", tmp_path / "other")
    issuers = {"node": authority, "gateway": authority, "other": stranger}

    def identity(name: str) -> dict[str, str]:
        issued = issuers[name].settings("BMS", f"{name}-certificate")
        return {"BMS_CA": str(authority.file), "BMS_TOKEN": "", **issued}

    node = BmsNode(tmp_path / "node", **identity("node"))
    ended.append(node.running)
    for name, is_heard in (("gateway", True), ("other", False)):
        gateway = gateway_of(tmp_path / name, [node], **identity(name))
        ended.append(gateway)
        client = Client(gateway.port, key)
        assert client.ask()[2]["resultCode"] == ("0100000" if is_heard else "0100001")
        client.close()
    context = ssl.create_default_context(cafile=str(authority.file))
    with httpx.Client(verify=context, timeout=WAIT_S) as nobody, pytest.raises(httpx.TransportError):
        nobody.post(node.bms_url + BMS_STATE.path, json=BODY)


def test_a_bms_that_no_authority_vouches_for_is_not_asked(tmp_path: Path, ended: list[Running]) -> None:
    passed_on_keys(tmp_path / "node", tmp_path / "gateway", tmp_path / "other")
    node = BmsNode(tmp_path / "node")
    ended.append(node.running)
    other = BmsNode(tmp_path / "other")
    ended.append(other.running)
    wrong = str(tmp_path / "other" / DEVELOPMENT_FILE)
    gateway = gateway_of(tmp_path / "gateway", [node], BMS_CA=wrong)
    ended.append(gateway)
    with gateway.client() as client:
        assert "certificate" in client.get("/readyz").json()["reason"].lower()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"BMS_CA": "none.pem"}, "cannot be read"),
        ({"BMS_CA": "nonsense.pem"}, "PEM form"),
    ],
)
def test_authorities_that_are_none_stop_the_start(
    tmp_path: Path, variables: dict[str, str], reason: str
) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    given = {name: str(tmp_path / value) for name, value in variables.items()} | {"BMS_TOKEN": TOKEN}
    for way in (("--bms-listen", f"{HOST}:0"), ("--bms-url", f"https://{HOST}:1")):
        running = Running(tmp_path / "folder", "--host", HOST, "--port", "0", *way, **given)
        try:
            assert running.wait() == 1
        finally:
            running.kill()
        assert reason in "".join(running.lines)
