"""The other views: one queue, agents, health, signing in."""

from playwright.sync_api import expect

from browser.conftest import NOON_MS, Open
from browser.fake import NAME, PASSWORD, Stage
from browser.given import HOUR_MS

NOTHING = "\u2013"
"""How a figure that is not there is written."""


def test_signing_in_and_out(stage: Stage, url: str, opened: Open) -> None:
    stage.signed_in = False
    page = opened(url)
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".tile")).to_have_count(4)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_ends_asks_to_sign_in(stage: Stage, url: str, opened: Open) -> None:
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    stage.signed_in = False
    stage.hang_up()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator(".tile")).to_have_count(0)


def test_one_queue_shows_callers_agents_and_the_day(stage: Stage, url: str, opened: Open) -> None:
    page = opened(f"{url}/#/queue/2")
    expect(page.get_by_role("heading", name="Billing", level=1)).to_be_visible()
    callers = page.get_by_role("region", name="Waiting callers").locator("tbody tr")
    expect(callers).to_have_count(3)
    expect(callers.first).to_contain_text("****33")
    expect(callers.first).to_contain_text("Ben")
    people = page.get_by_role("region", name="Agents").locator("tbody tr")
    expect(people).to_have_count(4)
    expect(people.first).to_contain_text("Free")
    stage.push("agents", [{"agent": 101, "state": "study", "since_ms": NOON_MS}])
    expect(page.locator("[data-agent='101']")).to_contain_text("In training")
    expect(page.locator("canvas")).to_have_count(3)
    page.get_by_role("button", name="As a table").click()
    expect(page.locator(".day-table tbody tr").first).to_contain_text("60 %")


def test_the_day_stands_beside_the_same_weekday(stage: Stage, url: str, opened: Open) -> None:
    day = opened(f"{url}/#/queue/2").get_by_role("region", name="Five minutes by five minutes").first
    expect(day.get_by_role("list")).to_contain_text("A week ago, Monday 16 November")
    day.get_by_role("button", name="As a table").click()
    # Today's first mark, and the last one of a week ago, which is not here yet.
    row = day.locator("tbody tr").first
    assert " ".join(row.inner_text().split()) == (
        "11:05 4 a week ago 5 100 % a week ago 60 % 0:05 a week ago 0:18"
    )
    last = day.locator("tbody tr").last
    expect(last).to_contain_text("14:00")
    assert last.locator("td").first.inner_text().split()[0] == NOTHING


def test_a_past_that_is_not_known_is_told_and_not_drawn_as_zeros(
    stage: Stage, url: str, opened: Open
) -> None:
    stage.series = {2: [one for one in stage.series[2] if one["mark_ms"] >= NOON_MS - HOUR_MS]}
    stage.complete_from_ms = NOON_MS - HOUR_MS
    day = opened(f"{url}/#/queue/2").get_by_role("region", name="Five minutes by five minutes").first
    expect(day.get_by_role("list")).to_contain_text("No figures of a week ago.")
    expect(day.get_by_role("list")).to_contain_text("Today known since 11:07")
    day.get_by_role("button", name="As a table").click()
    rows = day.locator("tbody tr")
    expect(rows).to_have_count(11)
    assert all(f"a week ago {NOTHING}" in " ".join(row.split()) for row in rows.all_inner_texts())


def test_charts_that_cannot_be_loaded_say_so_and_come_by_themselves(
    stage: Stage, url: str, opened: Open
) -> None:
    stage.faults["series"] = (503, {"error": "starting"})
    page = opened("about:blank")
    page.clock.install()
    page.goto(f"{url}/#/queue/2")
    day = page.get_by_role("region", name="Five minutes by five minutes").first
    expect(day.get_by_role("status")).to_contain_text("cannot be loaded now")
    before = day.bounding_box()
    stage.faults.clear()
    page.clock.run_for(11_000)
    expect(day.get_by_role("status")).to_have_count(0)
    expect(page.locator("canvas")).to_have_count(3)
    after = day.bounding_box()
    assert before and after and abs(before["height"] - after["height"]) < 60


def test_callers_are_asked_for_anew_when_they_change(stage: Stage, url: str, opened: Open) -> None:
    page = opened(f"{url}/#/queue/2")
    callers = page.get_by_role("region", name="Waiting callers").locator("tbody tr")
    expect(callers).to_have_count(3)
    stage.calls[2] = stage.calls[2][1:]
    stage.push(rows=[{"skill": 2, "waiting": 2, "oldest_waiting_since_ms": NOON_MS - 60_000}])
    expect(callers).to_have_count(2)


def test_a_queue_that_does_not_exist_is_no_secret(url: str, opened: Open) -> None:
    page = opened(f"{url}/#/queue/999")
    expect(page.get_by_text("There is no such queue here.")).to_be_visible()


def test_agents_are_found_filtered_and_sorted(stage: Stage, url: str, opened: Open) -> None:
    page = opened(f"{url}/#/agents")
    lines = page.locator(".agents-table tbody tr")
    expect(lines).to_have_count(4)
    expect(lines.first).to_contain_text("Agent 104")
    page.get_by_role("button", name="Away").click()
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("On a break")
    page.get_by_role("button", name="Away").click()
    page.get_by_role("searchbox").fill("ad")
    expect(lines).to_have_count(1)
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Sort").select_option("By name")
    expect(lines.first).to_contain_text("Ada")
    stage.push("agents", gone=[101])
    expect(lines).to_have_count(3)


def test_health_says_what_is_wrong(stage: Stage, url: str, opened: Open) -> None:
    page = opened(f"{url}/#/health")
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    stage.health |= {
        "links": [{"source": "<b>pbx-1</b>", "lost_since_ms": NOON_MS - 60_000}],
        "confidence": "lost",
        "sources": [
            {"source": "<b>pbx-1</b>", "confidence": "lost", "lost_since_ms": NOON_MS - 60_000},
            {"source": "pbx-2", "confidence": "checked", "confident_since_ms": NOON_MS - 3_600_000},
            {"source": "pbx-3", "confidence": "awaited"},
        ],
        "repairs": {"pass_closed": 3, "not_known_here": 2, "state_changed": 0},
        "log": {"events": 1_234_567, "bytes": 61_000_000},
        "load": {"cpu": 0.07, "rss_bytes": 118_000_000, "loop_lag_ms": 1.2, "streams": 14},
    }
    expect(page.get_by_role("heading", name="1 of the sources lost")).to_be_visible()
    sources = page.locator(".sources li")
    expect(sources).to_contain_text(
        ["<b>pbx-1</b>Lost since", "pbx-2Agrees with its switch since", "pbx-3not checked yet"]
    )
    expect(page.locator(".facts div").filter(has_text="Confident since")).to_contain_text("link lost")
    expect(page.get_by_text("Ends of calls that were missed")).to_be_visible()
    expect(page.get_by_text("not_known_here")).to_be_visible()
    expect(page.get_by_text("1,234,567")).to_be_visible()


def test_only_views_of_the_session_are_offered(stage: Stage, url: str, opened: Open) -> None:
    stage.views = ["floor"]
    stage.user = {"name": "", "role": "link"}
    page = opened(url)
    expect(page.locator(".tile")).to_have_count(4)
    assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == ["Floor"]
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_a_vdn_of_others_is_never_asked_for(stage: Stage, url: str, opened: Open) -> None:
    page = opened("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/#/floor?vdn=7.7")
    expect(page.locator(".tile")).to_have_count(4)
    assert not [one for one in asked if "cc=7" in one]


def test_a_refused_vdn_shows_nothing(stage: Stage, url: str, opened: Open) -> None:
    stage.refused = (403, {"error": "not_permitted"})
    page = opened(url)
    expect(page.get_by_role("alert")).to_have_text("You may not see this call center.")
    expect(page.locator(".tile")).to_have_count(0)


def test_another_vdn_is_chosen(stage: Stage, url: str, opened: Open) -> None:
    stage.vdns.append({"cc": 1, "vdn": 2, "name": "Harbor Insurance", "timezone": "Asia/Shanghai"})
    page = opened(url)
    page.get_by_label("Call center").select_option("Harbor Insurance")
    expect(page.locator(".line-time")).to_contain_text("20:07")
    assert "vdn=1.2" in page.url
