"""Rates by key: exact by the second, borrowing for large batches, and bounded in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuepulse.protocol.limits import RateLimit


def taken(limit: RateLimit, now_s: float, times: int) -> int:
    """How many of so many requests at this moment pass."""
    passed = 0
    for _ in range(times):
        if limit.wait_s("k", now_s) == 0:
            limit.take("k", 1, now_s)
            passed += 1
    return passed


@pytest.mark.parametrize("per_second", [1, 3, 7, 10, 1000])
@pytest.mark.parametrize("now_s", [0.0, 0.1, 123456.789])
def test_a_second_has_as_many_as_it_says(per_second: int, now_s: float) -> None:
    limit = RateLimit(per_second)
    assert taken(limit, now_s, per_second + 5) == per_second
    assert taken(limit, now_s + 1, per_second + 5) == per_second


def test_what_was_not_used_is_saved_up_for_a_second_and_no_longer() -> None:
    limit = RateLimit(10)
    assert taken(limit, 0.0, 20) == 10
    assert taken(limit, 3600.0, 20) == 10


def test_a_batch_above_the_allowance_passes_and_is_waited_for() -> None:
    limit = RateLimit(100)
    limit.take("k", 1000, 0.0)
    assert limit.wait_s("k", 0.0) == 10
    assert limit.wait_s("k", 8.5) == 1
    assert limit.wait_s("k", 9.1) == 0
    assert limit.wait_s("other", 0.0) == 0


def test_the_key_idle_longest_is_forgotten() -> None:
    limit = RateLimit(1, keys_max=2)
    for key in ("a", "b", "a", "c"):
        limit.take(key, 1, 0.0)
    assert len(limit) == 2
    assert [limit.wait_s(key, 0.0) for key in "abc"] == [2, 0, 1]


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 300)), max_size=60), st.integers(1, 100))
def test_the_mean_rate_is_never_above_the_limit(asked: list[tuple[float, int]], per_second: int) -> None:
    limit, now_s, passed, last = RateLimit(per_second), 0.0, 0, 0
    for step_s, count in asked:
        now_s += step_s
        if limit.wait_s("k", now_s) == 0:
            limit.take("k", count, now_s)
            passed, last = passed + count, count
    # One second's worth is saved up, half a unit rounded, and the last may borrow.
    assert passed - last <= per_second * (now_s + 1) + 1
