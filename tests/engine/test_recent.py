"""The memory of what was seen lately, against the plainest one that could be written."""

from hypothesis import given
from hypothesis import strategies as st

from queuepulse.engine.recent import Recent

KEEP_MS, SIZE_MAX = 10_000, 4


class Plain:
    """All sightings in a list, the latest of each key at its end."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def again(self, key: str, clock_ms: int) -> bool:
        self.seen = [(one, at_ms) for one, at_ms in self.seen if clock_ms - at_ms <= KEEP_MS]
        known = key in dict(self.seen)
        self.seen = [(one, at_ms) for one, at_ms in self.seen if one != key] + [(key, clock_ms)]
        self.seen = self.seen[-SIZE_MAX:]
        return known


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.sampled_from([0, 1, 999, 1_001, 5_000, 10_001]), st.booleans()
        )
    )
)
def test_it_knows_what_the_plainest_memory_knows(steps: list[tuple[str, int, bool]]) -> None:
    recent, plain, clock_ms = Recent[str](KEEP_MS, SIZE_MAX), Plain(), 0
    for key, passed_ms, restore in steps:
        clock_ms += passed_ms
        known = plain.again(key, clock_ms)
        assert recent.again(key, clock_ms) is known
        keys, seen_ms = recent.kept(clock_ms) if restore else ([], {})
        if restore:
            assert [(one, seen_ms[one]) for one in keys] == plain.seen
            recent = Recent(KEEP_MS, SIZE_MAX)
            recent.restore({one: seen_ms[one] for one in keys})


def test_one_key_seen_for_ever_takes_no_more_room_than_many() -> None:
    recent = Recent[str](KEEP_MS, SIZE_MAX)
    for _ in range(10_000):
        recent.again("a", 0)
        recent.again("b", 0)
    assert len(recent._order) <= 2 * SIZE_MAX + 2
