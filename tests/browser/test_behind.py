"""What is behind a number: its meaning, what it is made of, and how that gives it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import NOON_MS, Open
from browser.fake import Stage, explained
from browser.given import small_floor
from browser.test_looks import HOSTILE, violations


@pytest.fixture
def stage() -> Stage:
    """A small floor whose figures are explained."""
    stage = small_floor(NOON_MS)
    stage.explained = {
        "answered_in_20s": explained(
            "answered_in_20s",
            [
                {"what": "answered", "call": "c-7", "agent": 101, "at_ms": NOON_MS - 5_000},
                {"what": "answered", "call": "c-8", "agent": 102, "at_ms": NOON_MS, "why_not": "too_late"},
            ],
        ),
        "offered_in": explained("offered_in", [{"what": "offered", "call": "c-9", "at_ms": NOON_MS}] * 3),
        "answered_today": explained(
            "answered_today",
            [
                {"what": "talking", "call": "c-1", "agent": 101, "since_ms": NOON_MS - 60_000},
                {"what": "talks", "at_ms": NOON_MS - 3_600_000, "adds": {"ended_today": 17}},
            ],
            others=99,
            in_talk=4,
            ended_today=116,
        ),
        "waiting": explained(
            "waiting", [{"what": "waiting", "call": f"c{n}", "since_ms": NOON_MS} for n in (1, 2, 3)]
        ),
        "talking": explained(
            "talking",
            [{"what": "agent", "agent": 102, "state": "talking", "since_ms": NOON_MS - 9_000}] * 4
            + [
                {
                    "what": "agent",
                    "agent": 103,
                    "state": "rest",
                    "since_ms": NOON_MS,
                    "why_not": "other_state",
                }
            ]
            * 4,
        ),
    }
    return stage


def pressed(page: Page, skill: int, name: str) -> Locator:
    """The panel behind that figure of a tile."""
    page.locator(f"[data-skill='{skill}']").get_by_role("button", name=name).click()
    return page.get_by_role("dialog")


def test_a_share_is_explained_call_by_call(url: str, opened: Open) -> None:
    panel = pressed(opened(url), 1, "Within 20 s")
    expect(panel.locator(".behind-value")).to_have_text("100%")
    equations = panel.locator(".equation")
    expect(equations).to_have_text(["1 of 2 count", "3 of 3 count"])
    lines = panel.locator(".terms").first.locator("tbody tr")
    expect(lines.nth(0)).to_contain_text("12:07:07")
    expect(lines.nth(0)).to_contain_text("Call answeredAdac-7")
    expect(lines.nth(0).locator("td").last).to_have_text("+1")
    expect(lines.nth(1).locator("td").last).to_have_text("after 20 s")
    expect(panel.locator(".as-of")).to_have_text("As of 12:07:12 · event 4,711 of the log")


def test_a_sum_is_told_with_its_parts_and_what_is_not_listed(url: str, opened: Open) -> None:
    page = opened(f"{url}/#/queue/1")
    page.get_by_role("button", name="Answered today").click()
    panel = page.get_by_role("dialog")
    expect(panel.locator(".equation")).to_have_text("4 in talk now + 116 ended today = 120")
    expect(panel.locator("tbody tr").last).to_contain_text("Talks that ended in this minute+17")
    expect(panel).to_contain_text("And 99 more, which add 198.")


def test_hours_add_up_to_what_was_offered_today(stage: Stage, url: str, opened: Open) -> None:
    stage.queues[2]["today"] = {"answered": 48, "offered": 48, "answered_in_20s": 48, "left": 0}
    page = opened(f"{url}/#/queue/2")
    page.get_by_role("button", name="Offered today").click()
    panel = page.get_by_role("dialog")
    # Twelve marks of four calls, from 11:05 on.
    expect(panel.locator("tbody tr")).to_have_text(["11:0044", "12:004"])
    expect(panel.locator("tfoot tr")).to_have_text("Sum48")


def test_agents_are_listed_live_and_explained_when_asked_by_keyboard(url: str, opened: Open) -> None:
    page = opened(url)
    panel = pressed(page, 1, "Talking: 4")
    expect(panel.locator(".agents-table tbody tr")).to_have_count(1)
    expect(panel.locator(".equation")).to_have_text("4 of 8 count")
    expect(panel.locator(".terms")).not_to_be_visible()
    panel.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".terms tbody tr")).to_have_count(8)
    expect(panel.locator(".terms tbody tr").last).to_contain_text("other state")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert page.evaluate("document.activeElement.innerText").startswith("Talking")


def test_it_is_explained_anew_when_the_figure_changes(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    panel = pressed(page, 2, "Waiting")
    expect(panel.locator(".equation")).to_have_text("3 of 3 count")
    stage.explained["waiting"] = explained("waiting", [{"what": "waiting", "call": "c1"}])
    stage.push(rows=[{"skill": 2, "waiting": 1}])
    expect(panel.locator(".equation")).to_have_text("1 of 1 count")
    expect(panel.locator(".behind-value")).to_have_text("1")


def test_an_explanation_that_does_not_come_is_told_and_moves_nothing(
    stage: Stage, url: str, opened: Open
) -> None:
    stage.faults["explain"] = (503, {"error": "starting"})
    page = opened("about:blank")
    page.clock.install()
    page.goto(url)
    page.locator("[data-skill='2']").get_by_role("button", name="Waiting").click()
    panel = page.get_by_role("dialog")
    value = panel.locator(".behind-value")
    page.clock.run_for(300)
    expect(panel.get_by_text("cannot be explained now")).to_be_visible()
    expect(value).to_have_text("3")
    before = value.bounding_box()
    stage.faults.clear()
    page.clock.run_for(11_000)
    expect(panel.locator(".equation")).to_have_text("3 of 3 count")
    expect(panel.get_by_text("cannot be explained now")).to_have_count(0)
    assert value.bounding_box() == before


def test_who_may_not_look_into_queues_asks_for_no_explanation(stage: Stage, url: str, opened: Open) -> None:
    stage.views = ["floor"]
    panel = pressed(opened(url), 1, "Within 20 s")
    expect(panel.locator("tbody tr")).to_have_count(2)
    expect(panel.get_by_text("How it comes about")).to_have_count(0)
    assert not [one for one in stage.asked if one.startswith("explain")]


def test_an_explanation_is_in_chinese_too(url: str, opened: Open) -> None:
    page = opened(f"{url}/#/floor?lang=zh")
    panel = pressed(page, 1, "20秒接通率")
    expect(panel.locator(".equation").first).to_have_text(re.compile("共 2 项.计入 1 项"))
    expect(panel.locator(".terms").first).to_contain_text("超过20秒")
    for english in ("How", "Call", "count", "As of", "event"):
        assert english not in panel.inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("figure", ["Within 20 s", "Talking: 4", "Waiting"])
def test_explanations_are_accessible(figure: str, theme: str, url: str, opened: Open, axe: str) -> None:
    page = opened(url, theme=theme)
    panel = pressed(page, 1, figure)
    expect(panel.locator(".equation").first).to_be_visible()
    for summary in panel.locator("summary").all():
        if summary.evaluate("one => !one.parentElement.open"):
            summary.click()
    assert violations(page, axe) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_name_means_does_no_harm(name: str, stage: Stage, url: str, opened: Open) -> None:
    terms: list[dict[str, Any]] = [
        {"what": "answered", "call": name, "agent": 9, "name": name, "at_ms": NOON_MS}
    ]
    stage.explained["answered_in_20s"] = explained("answered_in_20s", terms)
    page = opened(url, width=390, height=844)
    panel = pressed(page, 1, "Within 20 s")
    expect(panel.locator(".terms").first).to_be_visible()
    assert page.locator("script:not([src]), img").count() == 0
    inside = panel.locator(".sheet-inside")
    assert inside.evaluate("one => one.scrollWidth <= one.clientWidth")
