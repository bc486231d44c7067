"""Where a statistics day begins, found by looking at every minute. No event and no figure lives here."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, reset_tzpath

# The zone rules come from the pinned package, never from the machine (statistics.md, "Time").
reset_tzpath([])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def first_instant_ms(day: date, timezone: str, day_starts: str) -> int:
    """Return the first instant (epoch ms) whose local time on or after `day` is `day_starts` or later."""
    zone = ZoneInfo(timezone)
    wanted = datetime.combine(day, time.fromisoformat(day_starts))
    # No zone is ahead of UTC by more than 14 hours, so the walk begins before the wanted local time.
    instant = wanted.replace(tzinfo=UTC) - timedelta(hours=15)
    while instant.astimezone(zone).replace(tzinfo=None) < wanted:
        instant += timedelta(minutes=1)
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def day_start_ms(now_ms: int, timezone: str, day_starts: str) -> int:
    """Return the start (epoch ms) of the statistics day that holds `now_ms`."""
    today = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(timezone)).date()
    starts = [first_instant_ms(today + timedelta(days=n), timezone, day_starts) for n in (-2, -1, 0, 1)]
    return max(start for start in starts if start <= now_ms)
