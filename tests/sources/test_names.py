"""Names to ids: by table, by pattern, as they were before, or the next free one for ever."""

import pytest

from queuepulse.sources.names import Ids, Names, NamesClash, PauseReasons


def test_a_table_says_the_id_by_any_spelling() -> None:
    names = Names(Ids(100), {"sales": 7, "Ann Archer": 9})
    assert names.id_of("sales") == 7
    assert names.id_of("Local/201@agents", "Ann Archer") == 9


def test_a_pattern_takes_the_id_out_of_the_name() -> None:
    names = Names(Ids(1000, free_from=900), pattern=r"Local/(\d+)@agents")
    assert names.id_of("Local/201@agents") == 201
    assert names.id_of("IAX2/ag301/301", "Hana Holt") == 900


def test_what_nobody_maps_gets_the_next_free_id_and_keeps_it() -> None:
    names = Names(Ids(100), {"sales": 1, "vip": 3})
    assert [names.id_of(name) for name in ("a", "b", "a", "sales")] == [2, 4, 2, 1]
    later = Names(Ids(100), {"sales": 1, "vip": 3}, known={"b": 4, "a": 2})
    assert [later.id_of(name) for name in ("c", "a", "b")] == [5, 2, 4]


def test_two_sources_of_one_vdn_take_no_id_twice() -> None:
    ids = Ids(100)
    one, two = Names(ids), Names(ids)
    assert (one.id_of("sales"), two.id_of("sales")) == (1, 2)


def test_two_sources_share_a_queue_where_the_configuration_says_so() -> None:
    ids = Ids(100)
    assert Names(ids, {"sales": 5}).id_of("sales") == Names(ids, {"verkauf": 5}).id_of("verkauf") == 5


def test_two_names_with_one_id_are_refused_with_both_names() -> None:
    with pytest.raises(NamesClash, match=r"'sales' and 'support' are both given the id 4"):
        Names(Ids(100), {"sales": 4, "support": 4})


def test_two_names_that_a_pattern_gives_one_id_are_told_apart() -> None:
    names = Names(Ids(1000, free_from=900), pattern=r"(\d+)")
    assert (names.id_of("a201"), names.id_of("b201")) == (201, 900)


def test_a_pattern_without_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="no group"):
        Names(Ids(100), pattern=r"\d+")


def test_when_no_id_is_left_there_is_none() -> None:
    names = Names(Ids(1))
    assert (names.id_of("a"), names.id_of("b")) == (1, None)


def test_a_pause_is_rest_unless_its_reason_says_otherwise() -> None:
    reasons = PauseReasons({"Coaching": "study", "meeting": "work"})
    assert [reasons.state_of(reason) for reason in ("coaching", "meeting", "", "lunch", "Auto-Pause")] == [
        "study",
        "work",
        "rest",
        "rest",
        "busy",
    ]


def test_a_pause_that_is_no_pause_is_refused() -> None:
    with pytest.raises(ValueError, match="'lunch': 'idle' must be one of busy, rest, study, work"):
        PauseReasons({"lunch": "idle"})
