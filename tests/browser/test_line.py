"""The line to the server: it is lost, it is said since when, and it comes back by itself. And television."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from browser.conftest import NOON_MS, Open
from browser.fake import Stage, row, staged


def test_a_server_that_is_gone_is_told_and_its_return_noticed(stage: Stage, opened: Open) -> None:
    with staged(stage) as url:
        page = opened(url)
        expect(page.get_by_text("Live")).to_be_visible()
    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("No connection since 12:07:")
    expect(page.locator(".shell")).to_have_class("shell lost")
    wait = page.locator("[data-skill='2'] .longest_wait .time")
    stopped = wait.inner_text()
    expect(banner).to_contain_text("for 0:04")
    assert wait.inner_text() == stopped
    stage.queues[1]["waiting"] = 42
    with staged(stage, urlsplit(url).port or 0):
        expect(banner).to_have_count(0)
        expect(page.locator("[data-skill='1'] .waiting .figure-button")).to_have_text("Waiting: 42")
        expect(page.get_by_text("Live")).to_be_visible()


def test_a_short_break_is_not_worth_a_word(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    page.evaluate(
        "new MutationObserver(() => { if (document.querySelector('.banner')) window.bannerSeen = true; })"
        ".observe(document.body, {childList: true, subtree: true})"
    )
    stage.hang_up()
    stage.queues[1]["waiting"] = 5
    expect(page.locator("[data-skill='1'] .waiting .figure-button")).to_have_text("Waiting: 5")
    assert not page.evaluate("window.bannerSeen")


def test_figures_of_a_lost_source_are_called_stale_and_since_when(
    stage: Stage, url: str, opened: Open
) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    stage.stale_since_ms = NOON_MS - 130_000
    stage.push()
    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("A source is silent since 12:05:02.")
    stage.stale_since_ms = None
    stage.push()
    expect(banner).to_have_count(0)


def test_a_page_that_opens_before_the_server_waits_for_it(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    page.route("**/live/v1/session", lambda route: route.abort())
    page.reload()
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    page.unroute("**/live/v1/session")
    expect(page.locator(".tile")).to_have_count(4)


def test_another_version_is_told_and_on_television_taken(stage: Stage, url: str, opened: Open) -> None:
    floor, television = opened(url), opened(f"{url}/#/tv")
    expect(floor.locator(".tile")).to_have_count(4)
    expect(television.locator(".tv-tile")).to_have_count(4)
    television.evaluate("window.sameDocument = true")
    stage.version = "2.0.0"
    with television.expect_event("load"):
        stage.hang_up()
    expect(floor.get_by_text("A new version is there.")).to_be_visible()
    assert television.evaluate("window.sameDocument === undefined")
    expect(television.locator(".tv-tile")).to_have_count(4)


def height_of(page: Page, selector: str) -> float:
    """How high the smallest digit is that fits the selector, as a share of the screen."""
    return page.evaluate(
        "([selector, capital]) => Math.min(...[...document.querySelectorAll(selector)]"
        ".map(one => parseFloat(getComputedStyle(one).fontSize) * capital)) / innerHeight",
        # Inter's digits are this share of the size of the font.
        [selector, 0.727],
    )


def test_television_can_be_read_from_eight_meters(stage: Stage, url: str, opened: Open) -> None:
    stage.queues |= {skill: row(skill, f"Queue {skill}") for skill in range(5, 20)}
    # What is 32 mm high is read from 250 times as far, eight meters; a 55-inch screen is 685 mm high.
    least = 32 / 685
    for tiles in (1, 4, 6, 12):
        page = opened(f"{url}/#/tv?tiles={tiles}", width=1920, height=1080)
        expect(page.locator(".tv-tile")).to_have_count(tiles)
        assert height_of(page, ".tv-figures div:not(.tv-share) dd") >= least
        assert page.locator(".tv-tile, .tv-figures").evaluate_all(
            "all => all.every(one => one.scrollWidth <= one.clientWidth)"
        )
        assert page.locator(".tv-tile").evaluate_all(
            "all => all.every(one => one.scrollHeight <= one.clientHeight)"
        )
        assert page.evaluate("document.documentElement.scrollHeight") <= 1080


def test_television_turns_its_pages_and_goes_on(stage: Stage, url: str, opened: Open) -> None:
    stage.queues = {skill: row(skill, f"Queue {skill}") for skill in range(1, 8)}
    page = opened(f"{url}/#/tv?sort=name&dwell=3")
    first, second = page.get_by_role("heading", name="Queue 1"), page.get_by_role("heading", name="Queue 7")
    for heading in (first, second, first):
        expect(heading).to_be_visible()
    stage.push(rows=[{"skill": 1, "waiting": 3, "oldest_waiting_since_ms": NOON_MS - 300_000}])
    expect(page.locator(".tv-urgent")).to_contain_text("Queue 1")


def test_television_begins_and_ends_with_a_key(url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    page.get_by_role("button", name="TV mode").click()
    expect(page.locator(".tv-tile")).to_have_count(4)
    assert page.evaluate("document.fullscreenElement !== null")
    page.keyboard.press("t")
    expect(page.locator(".tile")).to_have_count(4)
    assert page.evaluate("document.fullscreenElement === null")


def test_television_says_that_the_server_is_gone(stage: Stage, opened: Open) -> None:
    with staged(stage) as url:
        page = opened(f"{url}/#/tv", width=1920, height=1080)
        expect(page.locator(".tv-tile")).to_have_count(4)
    expect(page.get_by_role("alert")).to_contain_text("No connection since")
    assert page.locator(".banner").bounding_box()["height"] > 80  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    with staged(stage, urlsplit(url).port or 0):
        expect(page.get_by_role("alert")).to_have_count(0)
