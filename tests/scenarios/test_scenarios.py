"""Every scenario, run in every way: the answers are those named, and the state ends the same."""

from pathlib import Path

import pytest

from scenarios.runner import WAYS, BadScenario, Scenario, run, scenarios

ALL = [scenario for file in sorted(Path(__file__).parent.glob("*.txt")) for scenario in scenarios(file)]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: f"{scenario.file}: {scenario.title}")
def test_a_scenario_holds_whichever_way_it_is_run(scenario: Scenario, tmp_path: Path) -> None:
    states = {way: run(scenario, way, tmp_path) for way in WAYS}
    assert {way for way, state in states.items() if state != states["straight"]} == set()


def test_every_scenario_asks_something_and_has_a_title_of_its_own() -> None:
    assert all(len(scenario.events()) < len(scenario.steps) for scenario in ALL)
    titles = [scenario.title for scenario in ALL]
    assert sorted(titles) == sorted(set(titles))


TOLD = "scenario A call\n09:00:01 call_offered call=A skill=1\n"


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ("at 09:00:02 skill 1: waiting 2", "line 3: waiting is 1, not 2"),
        ("at 09:00:02 skill 1: waiting 1, all else 0", "line 3: wait_s_max is 1, not 0"),
        ("at 09:00:02 skill 1: watching 1", "line 3: watching is not known, not 1"),
        ("five minutes of 09:00 skill 1: offered 0", "line 3: offered is 1, not 0"),
        ("since the start skill 1: left 1", "line 3: left is 0, not 1"),
        ("repairs: pass_opened 1", "line 3: pass_opened is not known, not 1"),
        ("stale since 09:00:00", "line 3: since is None"),
        ("09:00:01 call_held call=A", "line 3: was out_of_place, not applied"),
        ("09:00:02 call_left call=A cause=abandoned -> repeated", "line 3: was applied, not repeated"),
    ],
)
def test_a_wrong_scenario_fails_and_says_where(tmp_path: Path, question: str, complaint: str) -> None:
    (tmp_path / "wrong.txt").write_text(TOLD + question)
    with pytest.raises(AssertionError, match=complaint):
        run(scenarios(tmp_path / "wrong.txt")[0], "straight", tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "call_offered call=A skill=1",
        "09:00:01 call_offered call=A skill=none",
        "09:00:01 call_offered call=A skill",
        "09:00:01 call_lost call=A",
        "at 09:00 skill 1: waiting",
        "on 2026-03-29 Europe/Berlin\n02:30:00 link_lost",
        "09:00:01 snapshot asked_at=@09:00:01 covers=[agents]\n  queue 1 skills=[]",
    ],
)
def test_a_line_that_says_nothing_clear_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.txt").write_text(f"scenario A bad one\n{line}\n")
    with pytest.raises(BadScenario, match=r"bad\.txt:\d"):
        scenarios(tmp_path / "bad.txt")
