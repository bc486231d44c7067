"""Whoever follows a feed, from wherever, knows what the rows are; and nothing is told that did not change."""

import json
import random
from typing import Any

import msgspec
import pytest

from queuepulse.live.feeds import CHANGES_KEPT_MAX, QUEUES, Feed, Rows


class Tile(msgspec.Struct, frozen=True):
    """A small row."""

    skill: int
    name: str | None
    waiting: int


HEADS = b'{"at_ms":1}'


class Scene:
    """Rows, and feeds of them."""

    def __init__(self, *feeds: Any) -> None:
        self.rows = Rows(QUEUES)
        self.feeds = [Feed(self.rows, f"e{place}", shows) for place, shows in enumerate(feeds)]

    def show(self, *tiles: Tile, is_news: bool = False) -> list[bool]:
        changed, changes = self.rows.replace({tile.skill: tile for tile in tiles}), dict[int, bytes]()
        return [feed.take(changed, changes, HEADS, is_news=is_news) for feed in self.feeds]


class Screen:
    """What a browser makes of the messages (docs/live.md)."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.last_id = ""

    def read(self, told: bytes) -> None:
        for message in told.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in message.split("\n"))
            self.last_id = lines["id"]
            said = json.loads(lines["data"])
            if lines["event"] == "full":
                self.rows = {row["skill"]: row for row in said["queues"]}
                continue
            for skill in said["gone"]:
                del self.rows[skill]
            for change in said["queues"]:
                self.rows[change["skill"]] = {**self.rows.get(change["skill"], {}), **change}

    def shows(self, *tiles: Tile) -> bool:
        return self.rows == {tile.skill: msgspec.to_builtins(tile) for tile in tiles}


def everything(_number: int, _tile: Tile) -> bool:
    return True


def test_a_change_has_only_what_changed() -> None:
    scene = Scene(everything)
    scene.show(Tile(1, "Sales", 0), Tile(2, None, 0))
    assert scene.show(Tile(1, "Sales", 0), Tile(2, None, 0)) == [False]
    assert scene.show(Tile(1, "Sales", 4), Tile(2, None, 0)) == [True]
    assert scene.feeds[0].since(1) == (
        b'event: change\nid: e0.2\ndata: {"at_ms":1,"queues":[{"skill":1,"waiting":4}],"gone":[]}\n\n'
    )
    assert scene.feeds[0].since(2) == b""
    assert scene.show(Tile(2, None, 0), is_news=True) == [True]
    assert b'"queues":[],"gone":[1]' in scene.feeds[0].since(2)


def test_whoever_follows_knows_the_rows_whenever_he_looks() -> None:
    rng = random.Random(1)
    scene = Scene(everything, lambda number, _: number % 2 == 0, lambda _, tile: tile.waiting > 1)
    screens = [[Screen() for _ in range(6)] for _ in scene.feeds]
    numbers = [[-1] * 6 for _ in scene.feeds]
    for _ in range(600):
        ids = rng.sample(range(1, 9), rng.randrange(9))
        tiles = [Tile(skill, rng.choice([None, "<b>"]), rng.randrange(4)) for skill in ids]
        scene.show(*tiles, is_news=rng.random() < 0.1)
        for place, feed in enumerate(scene.feeds):
            shown = [tile for tile in tiles if feed._shows(tile.skill, tile)]
            for who, screen in enumerate(screens[place]):
                # The first looks each time, the last hardly ever.
                if rng.random() < 1 / (1 + 10 * who):
                    screen.read(feed.since(numbers[place][who]))
                    numbers[place][who] = feed.number
                    assert screen.shows(*shown)


def test_who_comes_back_is_told_what_he_missed_and_a_stranger_everything() -> None:
    scene = Scene(everything)
    screen = Screen()
    scene.show(Tile(1, None, 0))
    screen.read(scene.feeds[0].since(-1))
    feed = scene.feeds[0]
    # Missed changes are told one by one as long as they are shorter than all of it.
    tiles = [Tile(skill, "a name that takes some room", 0) for skill in range(2, 50)]
    scene.show(Tile(1, None, 1), *tiles)
    screen.read(feed.since(feed.number_of(screen.last_id)))
    scene.show(Tile(1, None, 2), *tiles)
    scene.show(Tile(1, None, 3), *tiles)
    assert feed.since(feed.number_of(screen.last_id)).count(b"event: change") == 2
    for other in ("", "e0.", "e0.99", "e0.-1", "e1.2", "e0.2.2", "x", "e0.²", "e0." + "9" * 40):
        assert feed.number_of(other) == -1
        assert feed.since(feed.number_of(other)).startswith(b"event: full\n")


def test_who_is_too_far_behind_gets_the_full_state_and_nothing_piles_up() -> None:
    scene = Scene(everything)
    others = [Tile(skill, "another", 0) for skill in range(2, 400)]
    for waiting in range(CHANGES_KEPT_MAX + 10):
        scene.show(Tile(1, None, waiting), *others)
    feed = scene.feeds[0]
    assert len(feed._kept) == CHANGES_KEPT_MAX
    assert feed.since(feed.number - CHANGES_KEPT_MAX).startswith(b"event: change\n")
    assert feed.since(feed.number - CHANGES_KEPT_MAX - 1).startswith(b"event: full\n")


def test_what_is_kept_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuepulse.live.feeds.CHANGES_KEPT_BYTES_MAX", 500)
    scene = Scene(everything)
    for waiting in range(20):
        scene.show(Tile(1, "x" * 50, waiting))
    feed = scene.feeds[0]
    assert 0 < sum(map(len, feed._kept)) <= 500
    assert feed._kept_bytes == sum(map(len, feed._kept))


def test_a_change_is_encoded_once_for_all_feeds() -> None:
    scene = Scene(everything, everything)
    scene.show(Tile(1, None, 0))
    changed, changes = scene.rows.replace({1: Tile(1, None, 1)}), dict[int, bytes]()
    for feed in scene.feeds:
        feed.take(changed, changes, HEADS, is_news=False)
    assert changes == {1: b'{"skill":1,"waiting":1}'}
    # Had it been encoded anew, it would say so.
    changes[1] = b'{"skill":1,"waiting":"told before"}'
    feed = Feed(scene.rows, "e9", everything)
    feed._shown = {1}
    feed.take(changed, changes, HEADS, is_news=False)
    assert b"told before" in feed.since(0)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "\u202eabc", "a\n\ndata: x", "\r\n\r\n", "\u2028", "😀" * 100, '"\\'],
)
def test_a_hostile_name_stays_a_text_in_one_line(name: str) -> None:
    scene, screen = Scene(everything), Screen()
    scene.show(Tile(1, name, 0))
    told = scene.feeds[0].full()
    assert told.count(b"\n") == 4 and b"\r" not in told
    screen.read(told)
    assert screen.rows[1]["name"] == name
