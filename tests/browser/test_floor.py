"""The floor in a real browser: figures that follow, order, filters, layouts in the address."""

from playwright.sync_api import Page, expect

from browser.conftest import NOON_MS, Open
from browser.fake import Stage, five, row, states


def names(page: Page) -> list[str]:
    return page.locator(".tile-link .name").all_inner_texts()


def tile(page: Page, skill: int) -> Page:
    return page.locator(f"[data-skill='{skill}']")  # type: ignore[return-value]


def test_a_number_changes_without_a_reload(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    waiting = tile(page, 1).locator(".waiting .figure-button")
    expect(waiting).to_have_text("Waiting: 0")
    page.evaluate("window.sameDocument = true")
    stage.push(rows=[{"skill": 1, "waiting": 7, "oldest_waiting_since_ms": NOON_MS}])
    expect(waiting).to_have_text("Waiting: 7", timeout=1_000)
    assert page.evaluate("window.sameDocument")


def test_a_running_wait_goes_on_by_itself(url: str, opened: Open) -> None:
    page = opened(url)
    longest = tile(page, 2).locator(".longest_wait .time")
    expect(longest).to_have_text("1:31")
    expect(longest).to_have_text("1:32")


def test_what_needs_attention_comes_first_and_says_why(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    assert names(page) == ["Billing", "Köln Support", "Sales", "Night shift"]
    expect(tile(page, 2).locator(".badge")).to_have_text("Long wait")
    expect(tile(page, 3).locator(".badge")).to_have_text("Callers wait")
    expect(tile(page, 4).locator(".badge")).to_have_text("Closed")
    stage.push(rows=[{"skill": 4, "waiting": 1, "oldest_waiting_since_ms": NOON_MS - 200_000}])
    expect(tile(page, 4).locator(".badge")).to_have_text("Callers, but no agents")
    expect(page.locator(".tile").first).to_have_attribute("data-skill", "4")


def test_queues_are_sorted_as_one_likes(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    page.get_by_label("Sort").select_option("By name")
    expect(page.locator(".tile").first).to_contain_text("Billing")
    assert names(page) == ["Billing", "Köln Support", "Night shift", "Sales"]
    page.get_by_role("button", name="Reverse the order").click()
    assert names(page) == ["Sales", "Night shift", "Köln Support", "Billing"]
    assert "sort=name" in page.url
    assert "reversed=1" in page.url


def test_the_list_sorts_by_its_heads(url: str, opened: Open) -> None:
    page = opened(f"{url}/#/floor?as=list")
    head = page.get_by_role("columnheader", name="Talking")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert names(page)[:2] == ["Billing", "Sales"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert names(page)[-1] == "Billing"


def test_queues_are_found_and_filtered(url: str, opened: Open) -> None:
    page = opened(url)
    page.get_by_role("searchbox").fill("koln")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.get_by_text("1 of 4 queues")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="Urgent").click()
    expect(page.locator(".tile")).to_have_count(1)
    assert names(page) == ["Billing"]
    page.get_by_role("searchbox").fill("nobody is called so")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.get_by_role("button", name="Clear search and filters").click()
    expect(page.locator(".tile")).to_have_count(4)


def test_an_address_is_a_saved_layout(url: str, opened: Open) -> None:
    page = opened(
        f"{url}/#/floor?q=n&only=urgent,calm&sort=name&as=list&watch=5&urgent=20&theme=dark&lang=zh"
    )
    expect(page.locator("tbody tr")).to_have_count(3 - 1)
    assert names(page) == ["Billing", "Köln Support"]
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.get_by_role("searchbox")).to_have_value("n")


def test_a_layout_that_makes_no_sense_is_the_usual_one(url: str, opened: Open) -> None:
    page = opened(f"{url}/#/attic?sort=magic&skills=1-999999999&vdn=9.9&watch=-1&only=%3Cscript%3E")
    expect(page.locator(".tile")).to_have_count(4)


def test_back_goes_back(url: str, opened: Open) -> None:
    page = opened(url)
    page.get_by_role("link", name="Billing").click()
    expect(page.get_by_role("heading", name="Billing", level=1)).to_be_visible()
    page.go_back()
    expect(page.locator(".tile")).to_have_count(4)


def test_numbers_that_change_move_nothing(stage: Stage, url: str, opened: Open) -> None:
    page = opened(f"{url}/#/floor?sort=name")
    page.evaluate("document.fonts.ready")
    boxes = (
        "[...document.querySelectorAll('.tile, .figure, .toolbar *')]"
        ".map(one => one.getBoundingClientRect().toJSON())"
    )
    expect(tile(page, 1).locator(".waiting .figure-button")).to_have_text("Waiting: 0")
    before = page.evaluate(boxes)
    agents = states(idle=11, talking=88, answering=10, adjust=10, rest=10)
    full = five(offered=99, offered_in=99, answered_in_20s=99)
    stage.push(
        rows=[
            {"skill": skill, "waiting": 24, "oldest_waiting_since_ms": NOON_MS - 3_500_000}
            | {"agents": agents, "signed_in": 129, "five": full}
            for skill in stage.queues
        ]
    )
    expect(tile(page, 1).locator(".waiting .figure-button")).to_have_text("Waiting: 24")
    after = page.evaluate(boxes)
    assert len(before) == len(after)
    moved = [
        (one, two)
        for one, two in zip(before, after, strict=True)
        if any(abs(one[side] - two[side]) > 0.5 for side in ("x", "y", "width", "height"))
    ]
    assert moved == []


def test_behind_a_number_is_what_it_is_made_of(url: str, opened: Open) -> None:
    page = opened(url)
    tile(page, 2).get_by_role("button", name="Waiting: 3").click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("neither answered nor gone")).to_be_visible()
    expect(panel.locator("tbody tr")).to_have_count(3)
    expect(panel.locator("tbody tr").first).to_contain_text("****33")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    tile(page, 1).get_by_role("button", name="Talking: 4").click()
    expect(panel.get_by_text("Ben")).to_be_visible()
    expect(panel.get_by_text("Ada")).to_have_count(0)
    page.keyboard.press("Escape")
    tile(page, 1).get_by_role("button", name="Within 20 s: 100%").click()
    expect(panel.get_by_text("6 of 6 calls answered within 20 s")).to_be_visible()
    expect(panel.locator("tbody tr")).to_have_count(2)
    page.keyboard.press("Escape")
    page.locator(".summary").get_by_role("button", name="Waiting: 4").click()
    expect(panel.locator("tbody tr")).to_have_count(2)
    expect(panel.locator("tbody tr").first).to_contain_text("Billing")


def test_queues_come_and_go(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    stage.push(rows=[row(9, "Fresh")], gone=[4])
    expect(page.get_by_role("link", name="Fresh")).to_be_visible()
    expect(page.get_by_role("link", name="Night shift")).to_have_count(0)
    stage.push(gone=[1, 2, 3, 9])
    expect(page.get_by_text("No queues yet")).to_be_visible()


def test_a_thousand_queues_are_shown(stage: Stage, url: str, opened: Open) -> None:
    stage.queues = {skill: row(skill, f"Queue of {skill}") for skill in range(1, 1001)}
    page = opened(f"{url}/#/floor?sort=name")
    expect(page.locator(".tile")).to_have_count(1000)
    stage.push(rows=[{"skill": 1000, "waiting": 5, "oldest_waiting_since_ms": NOON_MS}])
    expect(page.locator(".summary .waiting .figure-button")).to_have_text("Waiting: 5", timeout=2_000)


def test_the_keyboard_does_it_all(url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    page.keyboard.press("/")
    page.keyboard.type("bill/t2")
    expect(page.get_by_role("searchbox")).to_have_value("bill/t2")
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_have_value("")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".tile-link").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Köln Support", level=1)).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
