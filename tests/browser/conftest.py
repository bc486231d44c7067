"""A browser, and pages of it that look at a stage or at a real server."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from browser.fake import FIVE_MS, Stage, five, row, staged, states, web_is_built

# Debian's, and what others call it.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# As root there is no sandbox; and nothing of a browser's own may ask the network for anything.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOON_MS = 1_795_435_632_000
"""2026-11-23T12:07:12Z: what the stage's clock shows."""
# What the network does is told by the page itself; it is no error of the page.
NETWORK = ("Failed to load resource", "net::ERR_")
Open = Callable[..., Page]

expect.set_options(timeout=10_000)


def lacking(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        lacking("there is no chromium; `./dev test` installs it, or says how")
    if not web_is_built():
        lacking("the wallboard is not built; `./dev wallboard` says why")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens pages, and holds at the end that none of them had an error of its own."""
    contexts, wrong = [], []

    def tell(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in NETWORK):
            wrong.append(message.text)

    def open_page(
        url: str, *, width: int = 1440, height: int = 900, theme: str = "light", **options: object
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            locale="en-GB",
            ignore_https_errors=True,
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", tell)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def stage() -> Stage:
    """A small floor: one queue of each level, with agents and callers."""
    stage = Stage(NOON_MS)
    stage.signed_in = True
    stage.queues = {
        1: row(1, "Sales", agents=states(idle=2, talking=4, adjust=1, rest=1)),
        2: row(2, "Billing", waiting=3, oldest_waiting_since_ms=NOON_MS - 90_000, agents=states(talking=5)),
        3: row(3, "Köln Support", waiting=1, oldest_waiting_since_ms=NOON_MS - 30_000),
        4: row(4, "Night shift", agents=states()),
    }
    stage.queues[1] |= {
        "five": five(offered=6, offered_in=6, answered=6, answered_in_20s=6),
        "today": {"answered": 120, "offered": 140, "answered_in_20s": 100, "left": 20},
    }
    stage.agents = {
        number: {
            "agent": number,
            "name": name,
            "phone": f"****{number % 100}",
            "state": state,
            "since_ms": NOON_MS - number * 1_000,
            "reason": None,
            "skills": [1, 2],
            "talks": 1 if state == "talking" else 0,
            "wrapup_until_ms": None,
        }
        for number, name, state in [
            (101, "Ada", "idle"),
            (102, "Ben", "talking"),
            (103, "Cem", "rest"),
            (104, None, "adjust"),
        ]
    }
    stage.calls = {
        2: [
            {
                "call": f"c{place}",
                "waiting_since_ms": NOON_MS - place * 30_000,
                "ringing": [102] if place == 3 else [],
                "priority": None,
                "caller": f"****{place}{place}",
            }
            for place in (3, 2, 1)
        ]
    }
    mark_ms = NOON_MS - NOON_MS % FIVE_MS
    week_ms = 7 * 86_400_000
    stage.series = {
        2: [
            {"mark_ms": at_ms, **five(offered=5, offered_in=5, answered_in_20s=3, waits=5, wait_ms=90_000)}
            for at_ms in (*range(mark_ms - week_ms - 3_600_000, mark_ms - week_ms + 7_200_000, FIVE_MS),)
        ]
        + [
            {"mark_ms": at_ms, **five(offered=4, offered_in=4, answered_in_20s=4, waits=4, wait_ms=20_000)}
            for at_ms in range(mark_ms - 3_600_000, mark_ms, FIVE_MS)
        ]
    }
    return stage


@pytest.fixture
def url(stage: Stage) -> Iterator[str]:
    with staged(stage) as address:
        yield address


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker, as a script."""
    from house.tree import ROOT  # noqa: PLC0415

    script = Path(ROOT, "wallboard", "node_modules", "axe-core", "axe.min.js")
    if not script.is_file():
        lacking("axe-core is missing: `wallboard/build_hook.py tools` installs it")
    return script.read_text()
