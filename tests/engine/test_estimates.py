"""How long a caller may wait: estimates as the specification defines them, and how wrong they were."""

import json
import random
from typing import NamedTuple

import pytest

from engine.folding import NINE_MS, SKILLS, event, of_kind, stream_of
from oracle.history import Historian, Visit
from queuepulse.engine.clips import Wanted
from queuepulse.engine.codec import decode_line
from queuepulse.engine.estimates import ANSWERS_MS, JUDGED_MS, Estimates, estimate_ms, presents
from queuepulse.engine.facts import OFFERED
from queuepulse.engine.vdn import Vdn
from queuepulse.engine.windows import capture
from queuepulse.simulator import Assumptions, simulate

WANTED = Wanted(frozenset(SKILLS), frozenset())


def follow(estimates: Estimates, vdn: Vdn, now: int) -> None:
    for _ in estimates.follow(capture(vdn.books, WANTED, now)):
        pass


class Offer(NamedTuple):
    """What the queue was like just before an offer."""

    visit: Visit
    waiting: int
    available: int


def by_hand(historian: Historian, offers: list[Offer], skill: int, now: int) -> int | None:
    """The mean absolute error of the last hour, over lists of all that happened."""
    answers = [
        one.answered_at for one in historian.visits if one.skill == skill and one.answered_at is not None
    ]
    errors = []
    for visit, waiting, available in offers:
        if visit.skill != skill or not now - JUDGED_MS <= visit.at <= now or visit.answered_at is None:
            continue
        if visit.wait is None:
            continue
        count = sum(visit.at - ANSWERS_MS <= at < visit.at for at in answers)
        estimated = 0 if available else (waiting + 1) * ANSWERS_MS // count if count else None
        if estimated is not None:
            errors.append(abs(estimated - visit.wait))
    return sum(errors) // len(errors) if errors else None


@pytest.mark.parametrize("seed", range(200, 230))
def test_the_error_is_what_lists_of_everything_give(seed: int) -> None:
    rng, historian, vdn, estimates = random.Random(seed), Historian(), Vdn(), Estimates()
    offers: list[Offer] = []
    judged = 0
    for one in stream_of(seed, 160, snapshots=False):
        visits = len(historian.visits)
        historian.apply(one)
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
        vdn.advance(vdn.clock_ms)
        if len(historian.visits) > visits:
            visit = historian.visits[-1]
            [row] = vdn.rows([visit.skill], vdn.clock_ms)
            # It stands among those that wait; whom its last queue gave free is available to it.
            offer = Offer(visit, row.waiting - 1, row.available)
            if one["type"] == "call_answered":
                # A pass that its answer opens is gone when one can look: its fact alone saw the queue.
                *_, told = of_kind(vdn.books.facts, OFFERED)
                offer = Offer(visit, told[5], told[6])
            offers.append(offer)
        if rng.random() < 0.4:
            now = vdn.clock_ms + rng.choice((0, 1_000))
            follow(estimates, vdn, now)
            anew = Estimates()
            follow(anew, Vdn.restore(vdn.snapshot()), now)
            for skill in SKILLS:
                expected = by_hand(historian, offers, skill, now)
                assert estimates.error_ms(skill, now) == expected == anew.error_ms(skill, now)
                judged += expected is not None
    assert judged


def test_an_estimate_is_the_queue_before_a_caller_times_the_time_between_answers() -> None:
    assert estimate_ms(waiting=0, available=1, answers=0) == 0
    assert estimate_ms(waiting=0, available=0, answers=0) is None
    assert estimate_ms(waiting=2, available=0, answers=9) == 300_000


def test_who_enters_now_is_told_by_the_answers_of_the_last_quarter_of_an_hour() -> None:
    vdn, estimates = Vdn(), Estimates()
    vdn.apply(event("agent_signed_in", 0, agent=101, skills=[1]))
    for number in range(3):
        vdn.apply(event("call_offered", 1_000 * number, call=f"c{number}", skill=1))
        vdn.apply(event("call_answered", 1_000 * number + 500, call=f"c{number}", agent=101))
    vdn.apply(event("call_offered", 4_000, call="w", skill=1))
    for after_ms, estimated in ((5_000, 600_000), (900_500, 600_000), (900_501, 900_000), (902_501, None)):
        now = NINE_MS + after_ms
        follow(estimates, vdn, now)
        [present] = presents(vdn.books, [1], now)
        assert (present.waiting, present.oldest_call, present.oldest_since_ms) == (1, "w", NINE_MS + 4_000)
        assert estimates.estimated_ms(1, present, now) == estimated
    [nobody] = presents(vdn.books, [2], NINE_MS)
    assert (nobody.waiting, nobody.oldest_since_ms) == (0, -1)


def test_of_simulated_days_the_error_is_what_the_documents_say() -> None:
    """docs/figures.md: 15 to 25 s of a mean wait of 8 to 11 s."""
    errors = []
    vdn, estimates = Vdn(), Estimates()
    start_ms = 1_767_571_200_000
    hours = iter(range(1, 25))
    looked_ms = start_ms + next(hours) * JUDGED_MS
    skills = range(1, 9)
    for one in simulate(Assumptions(agents=60, skills=8), seed=1, start_ms=start_ms, hours=24):
        assert one.at is not None
        while one.at >= looked_ms:
            follow(estimates, vdn, looked_ms)
            errors += [
                found for skill in skills if (found := estimates.error_ms(skill, looked_ms)) is not None
            ]
            looked_ms = start_ms + next(hours) * JUDGED_MS
        vdn.apply(one)
        vdn.advance(vdn.clock_ms)
        vdn.tell()
    assert len(errors) > 60
    assert 10_000 < sum(errors) / len(errors) < 35_000
