"""What a VDN knows of its sources: pictures, what they corrected, and since when they agree (decision 21)."""

from typing import Any

import pytest

from engine.folding import NINE_MS, event, folded, folded_with_restores
from queuepulse.engine.accounts import CORRECTIONS_KEPT_MAX, Correction
from queuepulse.engine.events import Event
from queuepulse.engine.reliances import Standing
from queuepulse.engine.vdn import NamedIds, Vdn

ALL = ["agents", "waiting", "talking"]
ANN = {"agent": 1, "skills": [1], "state": "idle"}


def picture(after_ms: int, *agents: dict[str, Any], source: str = "pbx", covers: Any = ALL) -> Event:
    """A whole picture, asked for a second before."""
    return event(
        "snapshot",
        after_ms,
        id=f"{source}{after_ms}",
        source=source,
        asked_at=NINE_MS + after_ms - 1_000,
        covers=covers,
        agents=agents,
        calls=[],
    )


def told(after_ms: int, kind: str, source: str = "pbx") -> Event:
    return event(kind, after_ms, id=f"{source}{kind}{after_ms}", source=source)


def of_vdn(*events: Event) -> Standing:
    """What the events make of it; the same with the engine made anew after each of them."""
    vdn = folded(events)
    again = folded_with_restores(events)
    assert again.snapshot() == vdn.snapshot()
    assert again.reliance().whole == vdn.reliance().whole
    return vdn.reliance().whole


def checked(after_ms: int) -> Standing:
    return Standing("checked", NINE_MS + after_ms)


def test_a_picture_that_corrects_nothing_leaves_the_instant_and_one_that_corrects_sets_it() -> None:
    first, same = picture(1_000, ANN), picture(61_000, ANN)
    assert of_vdn(first) == checked(1_000)
    assert of_vdn(first, same) == checked(1_000)
    assert of_vdn(first, same, picture(121_000)) == checked(121_000)
    assert of_vdn(first, same, picture(121_000), picture(181_000)) == checked(121_000)


def test_the_first_picture_makes_sure_also_of_an_empty_switch() -> None:
    assert of_vdn(picture(1_000)) == checked(1_000)


@pytest.mark.parametrize("covers", [[], ["agents", "waiting"]])
def test_a_picture_of_a_part_makes_nothing_sure_and_can_only_unsettle(covers: list[str]) -> None:
    assert of_vdn(picture(1_000, ANN, covers=covers)) == Standing("unchecked", None)
    whole, part = picture(1_000, ANN), picture(2_000, ANN, covers=covers)
    assert of_vdn(whole, part) == checked(1_000)
    assert of_vdn(whole, picture(9_000, covers=["agents"])) == checked(9_000)


def test_while_a_link_is_lost_there_is_none_and_the_next_picture_begins_anew() -> None:
    lost = [picture(1_000, ANN), told(2_000, "link_lost")]
    assert of_vdn(*lost) == Standing("lost", None)
    assert of_vdn(*lost, picture(9_000, ANN)) == Standing("lost", None)
    assert of_vdn(*lost, picture(9_000, ANN), told(9_000, "link_restored")) == checked(9_000)


def test_a_restarted_switch_is_unknown_until_its_next_picture() -> None:
    restarted = [picture(1_000, ANN), told(2_000, "source_restarted")]
    assert of_vdn(*restarted) == Standing("awaited", None)
    assert of_vdn(*restarted, picture(9_000)) == checked(9_000)


def test_of_several_sources_the_latest_counts_and_the_worst() -> None:
    one, two = picture(1_000, ANN), picture(5_000, source="fs")
    assert of_vdn(one, two) == checked(5_000)
    assert of_vdn(one, two, told(6_000, "link_lost", "fs")) == Standing("lost", None)
    assert of_vdn(one, told(500, "link_lost", "fs"), told(600, "link_restored", "fs")) == checked(1_000)


def test_events_of_programs_that_tell_no_pictures_are_checked_by_nobody() -> None:
    offered = event("call_offered", 0, call="A", skill=1)
    left = event("call_left", 9_000, call="A", cause="key")
    assert of_vdn() == of_vdn(offered) == Standing("unchecked", None)
    assert of_vdn(picture(1_000, ANN), offered) == Standing("unchecked", None)
    assert of_vdn(picture(1_000, ANN), offered, left) == checked(1_000)
    assert list(folded([picture(1_000, ANN), offered]).reliance().sources) == ["main", "pbx"]


def test_what_a_picture_corrected_is_counted_by_source_and_told_once() -> None:
    vdn = folded([picture(1_000, ANN), picture(2_000, ANN), told(3_000, "link_lost"), picture(4_000)])
    account, _ = vdn.reliance().sources["pbx"]
    assert (account.pictures, account.corrections) == (3, 2)
    assert account.repairs == vdn.repairs == {"session_opened": 1, "session_closed": 1}
    assert (account.asked_at_ms, account.picture_at_ms) == (NINE_MS + 3_000, NINE_MS + 4_000)
    assert account.corrected == {"session_closed": 1}
    assert vdn.take_corrections() == [
        Correction("pbx", NINE_MS, NINE_MS + 1_000, False, {"session_opened": 1}),
        Correction("pbx", NINE_MS + 3_000, NINE_MS + 4_000, True, {"session_closed": 1}),
    ]
    assert vdn.take_corrections() == []


def test_corrections_that_nobody_takes_do_not_pile_up() -> None:
    pictures = [picture(9_000 * n, *([ANN] if n % 2 else [])) for n in range(1, 2 * CORRECTIONS_KEPT_MAX)]
    corrections = folded(pictures).take_corrections()
    assert len(corrections) == CORRECTIONS_KEPT_MAX
    assert corrections[-1].at_ms == pictures[-1].at


def test_a_source_keeps_the_names_that_it_gave_whatever_others_call_them() -> None:
    vdn = folded(
        [
            event("skill_configured", 0, source="pbx", skill=7, name="sales"),
            event("skill_configured", 1, source="fs", skill=8, name="sales"),
            event("skill_configured", 2, skill=7, name="Sales and service"),
            event("agent_configured", 3, source="pbx", agent=70, name="Ann", phone="PJSIP/100"),
            event("agent_configured", 4, agent=70, name="Ann Other"),
        ]
    )
    for one in (vdn, Vdn.restore(vdn.snapshot())):
        assert one.named_ids_of("pbx") == NamedIds({"sales": 7}, {"Ann": 70}, {"PJSIP/100": 70})
        assert one.named_ids_of("fs") == NamedIds({"sales": 8}, {}, {})
        assert one.named_ids_of("main") == NamedIds({}, {}, {})
        assert one.named_ids() == NamedIds(
            {"Sales and service": 7, "sales": 8}, {"Ann Other": 70}, {"PJSIP/100": 70}
        )
