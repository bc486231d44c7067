"""What is seen: accessibility, languages, dark, small and large screens, names that mean harm."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Open
from browser.fake import Stage

VIEWS = ("floor", "floor?as=list", "queue/2", "agents", "health", "tv")
READY = ".tile, .queue-table, .day canvas, .agents-table, .verdict, .tv-tile"
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "خدمة العملاء الدولية ٢٤/٧ — الدعم الفني للمؤسسات",  # noqa: RUF001 - digits as they are written there
    "\u202eevil override",
    "🧑\u200d🚀🚀🔥 Emoji désk 🇩🇪👨\u200d👩\u200d👧\u200d👦",
    "W" * 200,
    "客户服务部第一热线中心二十四小时值班组客户服务部第一热线中心",
    "a b " * 50,
)


def shown(opened: Open, address: str, **look: Any) -> Page:
    page = opened(address, **look)
    page.wait_for_selector(READY)
    return page


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
        " 'best-practice']}).then(told => told.violations)"
    )
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_accessible(view: str, theme: str, url: str, opened: Open, axe: str) -> None:
    assert violations(shown(opened, f"{url}/#/{view}", theme=theme), axe) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_sheets_banners_and_the_sign_in_are_accessible(
    theme: str, stage: Stage, url: str, opened: Open, axe: str
) -> None:
    stage.stale_since_ms = stage.now_ms - 60_000
    page = shown(opened, url, theme=theme)
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    page.locator(".tile").first.get_by_role("button").first.click()
    expect(page.get_by_role("dialog").locator("tbody tr").first).to_be_visible()
    assert violations(page, axe) == []
    stage.signed_in = False
    page = opened(url, theme=theme)
    page.wait_for_selector("form")
    assert violations(page, axe) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    view: str, stage: Stage, url: str, opened: Open
) -> None:
    name_all(stage)
    for language in ("en", "zh"):
        glue = "&" if "?" in view else "?"
        page = shown(opened, f"{url}/#/{view}{glue}lang={language}", width=390, height=844, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        if view != "tv":
            navigation = page.get_by_role("navigation").bounding_box()
            assert navigation
            assert navigation["y"] > 700


@pytest.mark.parametrize(
    ("width", "height"), [(844, 390), (768, 1024), (1280, 720), (1920, 1080), (3840, 2160)]
)
def test_no_screen_is_too_small_or_too_large(
    width: int, height: int, stage: Stage, url: str, opened: Open
) -> None:
    name_all(stage)
    for view in VIEWS:
        page = shown(opened, f"{url}/#/{view}", width=width, height=height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        page.context.close()


def test_a_large_screen_has_larger_words(url: str, opened: Open) -> None:
    size = (
        "parseFloat(getComputedStyle(document.querySelector('.tile-name')).fontSize)"
        " * document.querySelector('.tiles').currentCSSZoom"
    )
    small = shown(opened, url, width=1440).evaluate(size)
    large = shown(opened, url, width=3840, height=2160).evaluate(size)
    assert large > 1.9 * small


def test_dark_is_dark_and_light_is_light(url: str, opened: Open) -> None:
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(shown(opened, url, theme="dark").evaluate(ground)) < 40
    assert min(shown(opened, url, theme="light").evaluate(ground)) > 220


def test_chinese_is_chinese(url: str, opened: Open) -> None:
    page = shown(opened, f"{url}/#/floor?lang=zh")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    expect(page.get_by_role("link", name="总览")).to_be_visible()
    expect(page.locator(".badge").first).to_have_text("等待过长")
    words = page.locator("body").inner_text()
    for english in ("Waiting", "Longest", "Agents", "Urgent", "Talking", "today"):
        assert english not in words


def test_a_language_is_chosen_and_kept(url: str, opened: Open) -> None:
    page = shown(opened, url)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Language").select_option("中文")
    expect(page.get_by_role("heading", name="设置")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="总览")).to_be_visible()


def name_all(stage: Stage) -> None:
    """Gives every queue, agent and caller a name that means harm."""
    for number, name in enumerate(HOSTILE):
        one = stage.queues[number % 4 + 1]
        stage.queues[number + 1] = one | {"skill": number + 1, "name": name}
    for agent, name in zip(stage.agents.values(), HOSTILE, strict=False):
        agent |= {"name": name, "reason": name, "phone": name[:40]}
    for call, name in zip(stage.calls[2], HOSTILE, strict=False):
        call |= {"caller": name}
    stage.vdns[0]["name"] = HOSTILE[0] * 3


@pytest.mark.parametrize("view", VIEWS)
def test_no_name_is_markup_or_breaks_the_view(view: str, stage: Stage, url: str, opened: Open) -> None:
    name_all(stage)
    page = shown(opened, f"{url}/#/{view}")
    # A script or a dialog would be told by `opened`; what the name says is on the page, letter by letter.
    assert page.locator("script:not([src]), img").count() == 0
    assert "owned" not in page.title() or "<script>" in page.title()
    if view != "health":
        assert HOSTILE[0] in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    heights = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.offsetHeight)")
    assert len(set(heights)) <= 1
