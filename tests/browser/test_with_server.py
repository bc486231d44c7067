"""The wallboard on a real server: events go in at one end, and a person sees them at the other."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Open
from server.running import Running, serving, until

PASSWORD = "a horse, a staple, a battery"


class Center(NamedTuple):
    """A server that runs, and what lets events in."""

    folder: Path
    server: Running
    token: str

    def post(self, *events: dict[str, Any]) -> None:
        """The events are durable and applied when this returns."""
        with self.server.client() as client:
            answer = client.post(
                "/ingest/v1/events",
                params={"cc": 1, "vdn": 1},
                json=list(events),
                headers={"Authorization": f"Bearer {self.token}"},
            )
        assert answer.json()["applied"] == len(events), answer.text


def told(folder: Path, *arguments: str, typed: str = "") -> str:
    command = [sys.executable, "-m", "queuepulse", *arguments, "--data", str(folder)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    folder = tmp_path / "center"
    keys = dict(
        line.split() for line in told(folder, "keys", "add", "pbx", "--cc", "1", "--ingest").splitlines()
    )
    for name, role in (("mei", "supervisor"), ("vic", "viewer")):
        told(folder, "users", "add", name, "--for", "1/1", "--role", role, "--password-stdin", typed=PASSWORD)
    with serving(folder) as server:
        center = Center(folder, server, keys["TOKEN"])
        center.post(
            {"type": "vdn_configured", "name": "Harbor Bank"},
            {"type": "skill_configured", "skill": 1, "name": "Sales"},
            {"type": "skill_configured", "skill": 2, "name": "<b>Support</b>"},
            {"type": "agent_configured", "agent": 101, "name": "Ada"},
            {"type": "agent_signed_in", "agent": 101, "skills": [1, 2]},
            {"type": "call_offered", "call": "A", "skill": 1, "caller": "4930901820"},
        )
        yield center


def sign_in(page: Page, name: str = "mei") -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".tile").first).to_be_visible()


def waiting(page: Page, skill: int) -> Any:
    return page.locator(f"[data-skill='{skill}'] .waiting .figure-button")


def test_an_event_is_seen_within_a_second_of_its_acknowledgment(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page)
    expect(waiting(page, 1)).to_have_text("Waiting: 1")
    page.evaluate("window.sameDocument = true")
    center.post(
        {"type": "call_offered", "call": "B", "skill": 1}, {"type": "call_offered", "call": "C", "skill": 1}
    )
    expect(waiting(page, 1)).to_have_text("Waiting: 3", timeout=1_000)
    center.post({"type": "call_left", "call": "B", "cause": "abandoned"})
    expect(waiting(page, 1)).to_have_text("Waiting: 2", timeout=1_000)
    assert page.evaluate("window.sameDocument")
    expect(page.get_by_text("<b>Support</b>")).to_be_visible()


def test_the_floor_counts_each_agent_once(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page)
    staff = page.locator(".summary-agents")
    expect(staff.get_by_role("button", name="Free: 1")).to_be_visible()
    center.post({"type": "call_answered", "call": "A", "agent": 101})
    expect(staff.get_by_role("button", name="Talking: 1")).to_be_visible(timeout=1_000)
    expect(staff.get_by_role("button", name="Free: 0")).to_be_visible()


def test_a_number_is_explained_by_the_server(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page)
    waiting(page, 1).click()
    panel = page.get_by_role("dialog")
    expect(panel.locator(".equation")).to_have_text("1 of 1 count")
    expect(panel.locator(".as-of")).to_contain_text("event 6 of the log")
    panel.get_by_text("One by one").click()
    expect(panel.locator(".terms tbody tr")).to_contain_text("WaitsA")
    center.post({"type": "call_answered", "call": "A", "agent": 101})
    expect(panel.locator(".equation")).to_have_text("0 of 0 count")
    page.keyboard.press("Escape")
    page.locator("[data-skill='1']").get_by_role("button", name="Talking: 1").click()
    panel.get_by_text("One by one").click()
    expect(panel.locator(".terms tbody tr")).to_contain_text("TalkingAda")


def test_a_restart_is_told_survived_and_forgotten(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page)
    center.server.kill()
    expect(page.get_by_role("alert")).to_contain_text("No connection since")
    with serving(center.folder, "--port", str(center.server.port)) as again:
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.get_by_text("Live")).to_be_visible()
        Center(center.folder, again, center.token).post({"type": "call_offered", "call": "D", "skill": 2})
        expect(waiting(page, 2)).to_have_text("Waiting: 1")
        expect(waiting(page, 1)).to_have_text("Waiting: 1")


def test_every_view_has_what_the_server_knows(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page)
    page.get_by_role("link", name="Sales").click()
    expect(page.get_by_role("region", name="Waiting callers").locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("region", name="Agents").locator("tbody tr")).to_contain_text("Ada")
    expect(page.locator("canvas")).to_have_count(3)
    center.post({"type": "call_answered", "call": "A", "agent": 101})
    expect(page.get_by_role("region", name="Agents").locator("tbody tr")).to_contain_text("Talking")
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    page.get_by_role("link", name="Agents").click()
    expect(page.locator("[data-agent='101']")).to_contain_text("Talking")
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    page.get_by_role("button", name="TV mode").click()
    expect(page.locator(".tv-tile")).to_have_count(2)


def test_a_lost_source_makes_the_figures_stale_until_it_is_back(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page)
    center.post({"type": "link_lost", "source": "pbx"})
    expect(page.get_by_role("alert")).to_contain_text("A source is silent since")
    center.post({"type": "link_restored", "source": "pbx"})
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_viewer_sees_no_number_whole(center: Center, opened: Open) -> None:
    page = opened(center.server.url)
    sign_in(page, "vic")
    page.get_by_role("link", name="Sales").click()
    caller = page.get_by_role("region", name="Waiting callers").locator("tbody tr")
    expect(caller).to_contain_text("*")
    assert "4930901820" not in page.content()


def test_a_link_shows_what_it_is_for_and_ends_when_it_is_revoked(center: Center, opened: Open) -> None:
    scope = ("--for", "1/1", "--views", "floor", "--url", center.server.url)
    link = re.search(r"https://\S+/live/v1/link/\S+", told(center.folder, "users", "link", "lobby", *scope))
    assert link
    with center.server.client() as client:
        # The server looks for new links now and then.
        until(lambda: client.get(link[0]).status_code == 303)
    page = opened(link[0])
    expect(page.locator(".tile")).to_have_count(2)
    assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == ["Floor"]
    number = re.search(r"^(\S+).*lobby", told(center.folder, "users", "links"), re.MULTILINE)
    assert number
    told(center.folder, "users", "revoke-link", number[1])
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator(".tile")).to_have_count(0)
