"""Where the statistics day begins, against a walk over every minute (statistics.md, "Time")."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.folding import DAY_MS, HOUR_MS
from oracle.days import day_start_ms
from queuepulse.engine.days import day_of, minutes_of, zone

MINUTE_MS = 60_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# Instants in UTC around which the clocks of a zone change, or are otherwise odd.
CHANGES = [
    ("UTC", "2026-01-01"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/Sao_Paulo", "2018-11-04"),  # no midnight
    ("America/Havana", "2024-11-03"),  # a midnight that comes twice
    ("Africa/Cairo", "2026-04-24"),  # no midnight
    ("Africa/Cairo", "2026-10-29"),
    ("Asia/Beirut", "2026-03-29"),  # no midnight
    ("Asia/Kathmandu", "2026-01-01"),  # 5 h 45 min
    ("Australia/Lord_Howe", "2026-10-04"),  # a change of half an hour
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Africa/Casablanca", "2026-02-15"),  # clocks go back for Ramadan
    ("Pacific/Kiritimati", "2026-01-01"),  # UTC+14
    ("Etc/GMT+12", "2026-01-01"),
    ("Pacific/Apia", "2011-12-30"),  # this day was left out
    ("Asia/Tehran", "2022-03-22"),
    ("America/St_Johns", "2006-10-29"),  # clocks went back at 00:01
]
STARTS = ["00:00", "00:01", "00:30", "01:30", "02:00", "02:30", "04:45", "23:30", "23:59"]


@pytest.mark.parametrize(("timezone", "day"), CHANGES)
def test_a_day_begins_where_a_walk_over_all_minutes_finds_it(timezone: str, day: str) -> None:
    for day_starts in STARTS:
        for hours in range(-30, 56, 5):
            at_ms = ms(day) + hours * HOUR_MS
            begin, end = day_of(at_ms, timezone, day_starts)
            assert begin == day_start_ms(at_ms, timezone, day_starts), (day_starts, hours)
            # The end is the start of the day that holds it, and nothing before it is.
            assert day_start_ms(end, timezone, day_starts) == end
            assert day_start_ms(end - 1, timezone, day_starts) == begin


@pytest.mark.parametrize(("timezone", "day"), CHANGES)
def test_days_follow_one_another_without_a_gap(timezone: str, day: str) -> None:
    for day_starts in STARTS:
        begin, end = day_of(ms(day) - 4 * DAY_MS, timezone, day_starts)
        for _ in range(8):
            assert begin % MINUTE_MS == 0
            assert begin < end <= begin + 49 * HOUR_MS  # a date that was left out makes one day of two
            assert (
                day_of(begin, timezone, day_starts) == day_of(end - 1, timezone, day_starts) == (begin, end)
            )
            begin, end = day_of(end, timezone, day_starts)


@pytest.mark.parametrize(
    ("timezone", "at", "begin", "hours"),
    [
        ("UTC", "2026-01-01T12:00", "2026-01-01T00:00", 24),
        ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", 25),
        ("Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", 23),
        ("America/Havana", "2024-11-03T12:00", "2024-11-03T04:00", 25),
    ],
)
def test_days_of_23_24_and_25_hours(timezone: str, at: str, begin: str, hours: int) -> None:
    assert day_of(ms(at), timezone, "00:00") == (ms(begin), ms(begin) + hours * HOUR_MS)


@pytest.mark.parametrize("at_ms", [0, 1, 32_503_680_000_000, -1])
def test_the_first_and_the_last_instant_that_an_event_can_have_lie_in_a_day(at_ms: int) -> None:
    for timezone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        begin, end = day_of(at_ms, timezone, "23:59")
        assert begin <= at_ms < end <= begin + 25 * HOUR_MS


def test_a_time_of_day_is_told_in_hours_and_minutes() -> None:
    assert [minutes_of(text) for text in ("00:00", "01:02", "23:59")] == [0, 62, 1439]
    for text in ("24:00", "00:60", "1:00", "01:00:00", "", "01.00", "0\u0661:00", "01:00\n"):
        with pytest.raises(ValueError, match="no time of day"):
            minutes_of(text)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Nowhere/City", "../../etc/passwd", "/UTC", "utc ", "UTC\n", "zone.tab"]
)
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no IANA time zone"):
        zone(name)


def test_the_zones_come_from_the_package_and_not_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONTZPATH", "/nowhere")
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert noon.astimezone(zone("Europe/Berlin")).utcoffset() == timedelta(hours=2)
