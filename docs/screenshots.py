"""Takes the pictures of the wallboard anew: `./dev screenshots`, or some: `./dev screenshots floor tv`.

A simulated center fills the log of a real server with today's hours and those of a week ago; then it goes on
in real time, and Chromium looks. The center lies where it is mid-morning now, so that a picture taken at
night is not empty.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from queuepulse.engine.codec import encode_events
from queuepulse.engine.events import Event, SkillConfigured, SourceRestarted, VdnConfigured, VdnKey
from queuepulse.hub import SystemClock
from queuepulse.simulator import DAY_SHAPE, Assumptions, ContactCenter
from queuepulse.stores.folder import Folder
from queuepulse.stores.sqlite import SqliteLog
from server.running import Running, serving

PICTURES: Final = Path(__file__).resolve().parent / "pictures"
VDN: Final = VdnKey(1, 1)
NAMES: Final = (
    "Sales", "Accounts", "Cards", "Mortgages", "Online banking", "Claims",
    "Business line", "Private clients", "Complaints", "Partners", "Fraud", "Callbacks",
)  # fmt: skip
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LOCAL_HOUR: Final = 10
"""What the clock shows in the pictures."""
OPENS_HOUR: Final = 6
"""When the simulated day begins there: earlier hours are as empty as a center is at night."""
LOGGED_AT_ONCE: Final = 2_000
SETTLED_MS: Final = 1_200
"""For fonts, charts and the last push."""
READY: Final = ".tile, .queue-table, .day canvas, .tv-tile, .agents-table, .verdict"
"""What shows that a view is there."""
NDJSON: Final = {"Content-Type": "application/x-ndjson"}


class Picture(NamedTuple):
    """One picture: which address it shows, on how large a screen, and how."""

    name: str
    address: str
    width: int
    height: int
    theme: str = "light"
    scale: int = 1
    press: str = ""


SHOWN: Final = (
    Picture("floor", "#/floor", 1440, 900),
    Picture("floor-dark", "#/floor", 1440, 900, "dark"),
    Picture("queue", "#/queue/1", 1440, 1040),
    Picture("behind", "#/floor", 1440, 900, press=".tile .in_20s .figure-button"),
    Picture("tv", "#/tv", 1920, 1080, "dark"),
    Picture("phone", "#/floor", 390, 844, scale=2),
    Picture("chinese", "#/floor?as=list&lang=zh", 1440, 900),
)


def center_of(day_ms: int, hours_ahead: int, seed: int) -> ContactCenter:
    """The center on the day that begins then, in a zone so many hours ahead of UTC."""
    shape = tuple(DAY_SHAPE[(hour + hours_ahead) % 24] for hour in range(24))
    assumed = Assumptions(agents=96, skills=len(NAMES), day_shape=shape, shift_ms=None, calls_per_hour=1_420)
    return ContactCenter(assumed, seed=seed, start_ms=day_ms + OPENS_HOUR * HOUR_MS)


def named(at_ms: int, zone: str) -> Iterator[Event]:
    """What the center and its queues are called."""
    yield VdnConfigured(id="vdn", at=at_ms, name="Harbor Bank", timezone=zone)
    for skill, name in enumerate(NAMES, 1):
        yield SkillConfigured(id=f"name-{skill}-{at_ms}", at=at_ms, skill=skill, name=name)


async def log(folder: Path, events: Iterator[Event], clock: SystemClock) -> None:
    with Folder(folder) as ours, closing(SqliteLog(ours.log_file, elapsed=clock.elapsed, warn=print)) as into:
        while some := list(islice(events, LOGGED_AT_ONCE)):
            await into.append(VDN, clock.now_ms(), len(some), encode_events(some))


def filled(folder: Path, clock: SystemClock) -> ContactCenter:
    """Logs a day of last week and today up to now; gives the center, which goes on."""
    now_ms = clock.now_ms()
    hour = now_ms // HOUR_MS % 24
    hours_ahead = (LOCAL_HOUR - hour + 12) % 24 - 12
    # In these names a plus is west.
    zone = f"Etc/GMT{-hours_ahead:+d}" if hours_ahead else "UTC"
    local_ms = now_ms + hours_ahead * HOUR_MS
    day_ms = local_ms - local_ms % DAY_MS - hours_ahead * HOUR_MS
    week_ms = day_ms - 7 * DAY_MS

    def events() -> Iterator[Event]:
        before = center_of(week_ms, hours_ahead, seed=11)
        yield from before.events_until(week_ms + 20 * HOUR_MS)
        # Nobody of last week is left in today's calls.
        yield SourceRestarted(id="week", at=week_ms + 20 * HOUR_MS)
        yield from today.events_until(now_ms)
        yield from named(now_ms, zone)

    today = center_of(day_ms, hours_ahead, seed=12)
    asyncio.run(log(folder, events(), clock))
    return today


def told(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "queuepulse", *arguments, "--data", str(folder)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class Feed:
    """Lets the center go on at the server."""

    def __init__(self, server: Running, token: str, center: ContactCenter, clock: SystemClock) -> None:
        self._center, self._clock = center, clock
        self._client = server.client(headers={"Authorization": f"Bearer {token}"})

    def up_to_now(self) -> None:
        while some := list(islice(self._center.events_until(self._clock.now_ms()), LOGGED_AT_ONCE)):
            body = encode_events(some)
            answer = self._client.post("/ingest/v1/events?cc=1&vdn=1", content=body, headers=NDJSON)
            answer.raise_for_status()


def take(picture: Picture, browser: Browser, link: str, feed: Feed) -> None:
    """One picture, of a page of its own."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.theme == "dark" else "light",
        device_scale_factor=picture.scale,
        ignore_https_errors=True,
        reduced_motion="reduce",
        locale="en-GB",
    )
    page: Page = context.new_page()
    page.goto(link)
    page.wait_for_selector(".tile")
    page.goto(link.split("/live/", maxsplit=1)[0] + "/" + picture.address)
    page.wait_for_selector(READY)
    feed.up_to_now()
    if picture.press:
        page.click(picture.press)
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=PICTURES / f"wallboard-{picture.name}.png")
    context.close()
    print(f"docs/pictures/wallboard-{picture.name}.png")


def main() -> None:
    """Takes the pictures that are named, or all."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("There is no chromium. As root: apt-get install chromium")
    wanted = [picture for picture in SHOWN if not sys.argv[1:] or picture.name in sys.argv[1:]]
    clock = SystemClock()
    with TemporaryDirectory() as name:
        folder = Path(name)
        today = filled(folder, clock)
        keys = dict(
            line.split()
            for line in told(folder, "keys", "add", "center", "--cc", "1", "--ingest").splitlines()
        )
        with serving(folder) as server, sync_playwright() as playwright:
            views = "floor,queue,agents,health"
            made = told(
                folder, "users", "link", "pictures", "--for", "1/1", "--views", views, "--url", server.url
            )
            link = next(word for word in made.split() if "/live/v1/link/" in word)
            feed = Feed(server, keys["TOKEN"], today, clock)
            # As root there is no sandbox.
            quiet = ["--disable-background-networking", "--no-first-run", "--disable-gpu"]
            browser = playwright.chromium.launch(
                executable_path=program, args=[*quiet, *(["--no-sandbox"] if os.getuid() == 0 else [])]
            )
            for picture in wanted:
                take(picture, browser, link, feed)
            browser.close()


if __name__ == "__main__":
    main()
