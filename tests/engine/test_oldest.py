"""Who stands longest, against a plain model: a dictionary and `min`."""

import random

from hypothesis import given
from hypothesis import strategies as st

from queuepulse.engine.heaps import LAPSED_MAX, SWEEP_FACTOR
from queuepulse.engine.oldest import NOBODY_MS, Oldest

STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=60)


@given(STEPS)
def test_the_longest_is_that_of_a_plain_search(steps: list[tuple[int, int]]) -> None:
    oldest: Oldest[int] = Oldest()
    plain: dict[int, int] = {}
    for key, since_ms in steps:
        if key in plain:
            oldest.drop(key)
            del plain[key]
        else:
            oldest.add(key, since_ms)
            plain[key] = since_ms
        assert oldest.first_ms() == min(plain.values(), default=NOBODY_MS)
        first = min(((since_ms, key) for key, since_ms in plain.items()), default=None)
        assert oldest.first() == (first and first[::-1])
        assert len(oldest) == len(plain)


def test_late_ones_that_were_dropped_do_not_pile_up() -> None:
    oldest: Oldest[int] = Oldest()
    rng = random.Random(1)
    oldest.add(0, 1_000_000)
    for key in range(1, 5_000):
        oldest.add(key, rng.randrange(1_000_000))
        if key > 10:
            oldest.drop(key - 10)
    assert len(oldest._heap) <= SWEEP_FACTOR * 11 + LAPSED_MAX + 1
