"""`queuepulse health`: what a person reads of it."""

import io
from typing import Any

import pytest
from rich.console import Console

from queuepulse import cli
from queuepulse.cli.figures_table import WIDTH
from queuepulse.cli.health import instant, show
from queuepulse.protocol.health import Picture, SourceHealth, VdnHealth

NOON_MS = 1_767_614_400_000
"""2026-01-05T12:00:00Z."""
MINUTE_MS = 60_000


def source(confidence: str, **keys: Any) -> SourceHealth:
    told = {
        "confident_since": None, "link_lost_since": None, "pictures": 0, "corrections": 0, "repairs": {},
        "picture": None, "queues": {}, "source": "main",
    }  # fmt: skip
    return SourceHealth(confidence=confidence, **{**told, **keys})


def vdn(confidence: str, *sources: SourceHealth, **keys: Any) -> VdnHealth:
    told = {
        "name": None, "now": NOON_MS, "clock": NOON_MS - 1_000, "position": 41, "lag_ms": 3,
        "confident_since": None, "stale_since": None, "repairs": {},
    }  # fmt: skip
    return VdnHealth(cc=1, vdn=2, confidence=confidence, sources=list(sources), **{**told, **keys})


def shown(*vdns: VdnHealth) -> str:
    file = io.StringIO()
    show(Console(file=file, width=WIDTH), list(vdns))
    return file.getvalue()


def test_a_checked_switch_has_since_when_and_its_repairs_and_skills() -> None:
    since_ms = NOON_MS - 90 * MINUTE_MS
    picture = Picture(NOON_MS - 30_100, NOON_MS - 30_000, ["agents", "talking", "waiting"], {})
    repairs = {"pass_closed": 2, "state_changed": 1}
    pbx = source(
        "checked", source="pbx", confident_since=since_ms, pictures=90, corrections=2, repairs=repairs,
        picture=picture, queues={"sales": 7, "support": 8},
    )  # fmt: skip
    text = shown(vdn("checked", pbx, confident_since=since_ms, name="Bank"))
    lines = [line.split() for line in text.splitlines()]
    assert ["1/2", "Bank", "checked", "10:30:00", "UTC", "11:59:59", "UTC", "41", "3", "ms"] in lines
    assert ["state_changed", "1"] in lines
    assert "11:59:30 UTC" in text
    assert "Skills of pbx in 1/2: sales = 7, support = 8" in text
    assert "since then" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_lost_link_has_since_when_and_other_words_are_explained_too() -> None:
    lost_ms = NOON_MS - 24 * 60 * MINUTE_MS
    text = shown(
        vdn("lost", source("lost", source="pbx", link_lost_since=lost_ms), stale_since=lost_ms),
        vdn("unchecked", source("unchecked"), clock=None),
    )
    assert text.count("2026-01-04 12:00:00") == 2
    assert "lost: the switch is out of sight" in text
    assert "unchecked: nobody checks" in text
    assert "checked: pictures" not in text.replace("unchecked: ", "")


def test_where_there_is_nothing_it_says_so() -> None:
    assert shown() == "No VDN that this key may see has told anything yet.\n"


def test_an_instant_has_its_day_only_if_that_is_another() -> None:
    assert instant(NOON_MS, NOON_MS) == "12:00:00 UTC"
    assert instant(NOON_MS - 13 * 60 * MINUTE_MS, NOON_MS) == "2026-01-04 23:00:00"
    assert instant(None, NOON_MS) == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--vdn", "1", "--token", "t"], "Give --cc with --vdn."),
        (["--json", "--table", "--token", "t"], "not both"),
        ([], "Give --token"),
    ],
)
def test_bad_use_is_told(options: list[str], told: str, capfd: Any) -> None:
    assert cli.run(["health", "--url", "https://127.0.0.1:1", *options]) == 2
    assert told in capfd.readouterr().err
