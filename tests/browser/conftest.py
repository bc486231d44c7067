"""A browser, and pages of it that look at a stage or at a real server."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from browser.fake import Stage, staged, web_is_built
from browser.given import small_floor

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
    """A small floor at noon, somebody signed in."""
    return small_floor(NOON_MS)


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
