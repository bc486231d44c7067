"""The statistics day of a VDN: which instants it begins at (statistics.md, "Time").

The zone rules come from the pinned `tzdata` package and never from the machine, so equal logs give equal
days.
"""

import datetime
import functools
import importlib.resources
import re
import zoneinfo

UTC = "UTC"
MIDNIGHT = "00:00"
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_DAY_STARTS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MINUTE = datetime.timedelta(minutes=1)


@functools.cache
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The IANA zone of that name, from `tzdata`; `ValueError` for one that does not exist."""
    if not _ZONE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no IANA time zone")
    file = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    try:
        with file.open("rb") as rules:
            return zoneinfo.ZoneInfo.from_file(rules, key=name)
    except (OSError, ValueError):
        raise ValueError(f"{name!r} is no IANA time zone") from None


def minutes_of(day_starts: str) -> int:
    """Minutes after midnight of `HH:MM`; `ValueError` for anything else."""
    if not _DAY_STARTS.fullmatch(day_starts):
        raise ValueError(f"{day_starts!r} is no time of day from 00:00 to 23:59")
    return int(day_starts[:2]) * 60 + int(day_starts[3:])


def day_of(at_ms: int, timezone: str, day_starts: str) -> tuple[int, int]:
    """The statistics day that holds the instant `at_ms`: its first instant and that of the next, epoch ms."""
    tz, minutes = zone(timezone), minutes_of(day_starts)
    date = (_EPOCH + datetime.timedelta(milliseconds=at_ms)).astimezone(tz).date()
    # A shift of the clocks can put the start of a date on either side of its own date: look one day around.
    starts = [_start_ms(date + datetime.timedelta(days=shift), tz, minutes) for shift in (-1, 0, 1, 2)]
    begun = [start for start in starts if start <= at_ms]
    return max(begun), min(start for start in starts if start > at_ms)


def _start_ms(date: datetime.date, tz: zoneinfo.ZoneInfo, minutes: int) -> int:
    """The first instant whose local time is `minutes` after midnight of `date`, or later.

    Of an hour that comes twice it is the first; of one that does not come, the instant of the shift.
    """
    wanted = datetime.datetime.combine(date, datetime.time()) + minutes * _MINUTE
    first = _epoch_ms(wanted.replace(tzinfo=tz, fold=0))
    if _local(first, tz) == wanted:
        return first
    # The local time does not exist: the shift lies between its two readings, and is found by halving.
    low, high = sorted((first, _epoch_ms(wanted.replace(tzinfo=tz, fold=1))))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _local(middle, tz) >= wanted else (middle, high)
    return high


def _epoch_ms(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)


def _local(at_ms: int, tz: zoneinfo.ZoneInfo) -> datetime.datetime:
    return (_EPOCH + datetime.timedelta(milliseconds=at_ms)).astimezone(tz).replace(tzinfo=None)
