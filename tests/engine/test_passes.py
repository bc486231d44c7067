"""The record of each pass is what the slow second reading of the specification writes down of it."""

import json

import pytest

from engine.folding import HOUR_MS, NINE_MS, event, folded, stream_of
from oracle.passes import Registrar, Stay
from queuepulse.engine.calls import OUTCOMES, RINGS_MAX, PassRecord
from queuepulse.engine.codec import decode_line
from queuepulse.engine.finished import Finished
from queuepulse.engine.passes import Wanted, calls_of, record_of
from queuepulse.engine.vdn import Vdn

LENGTH = 150


def as_stay(record: PassRecord) -> Stay:
    """The record as the second reading has it."""

    def pairs(flat: list[int] | None) -> list[tuple[int, int]]:
        return list(zip(*[iter(flat or [])] * 2, strict=True))

    return Stay(
        record.call,
        record.call_at_ms,
        record.number,
        record.skill,
        "in" if record.inbound else "out",
        record.offered_at_ms,
        record.waiting_since_ms,
        None if record.answered_at_ms < 0 else record.answered_at_ms,
        None if record.ended_at_ms < 0 else record.ended_at_ms,
        OUTCOMES[record.outcome],
        record.talked_id or None,
        record.hold_ms,
        record.wrapup_ms,
        record.wait_known,
        record.short,
        pairs(record.rang_at),
        pairs(record.talked_until),
    )


def given_by(vdn: Vdn) -> list[PassRecord]:
    return [record for some in vdn.tell().passes for part in some.parts(10) for record in part]


@pytest.mark.parametrize("seed", range(80))
def test_every_record_is_what_the_second_reading_writes_down(seed: int) -> None:
    registrar, vdn, given = Registrar(), Vdn(), []
    for number, one in enumerate(stream_of(seed, LENGTH, snapshots=False)):
        registrar.apply(one)
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
        if number % 7 == seed % 7:
            vdn = Vdn.restore(vdn.snapshot())
        if number % 5 == 0:
            given += given_by(vdn)
    live = {call: as_stay(record_of(one)) for call, one in vdn.books.calls.items()}
    for call in registrar.calls:
        talks = registrar.calls[call].phase == "talking"
        registrar.stays[call].hold = registrar.held_ms[call] if talks else 0
        assert live.pop(call) == registrar.stays[call]
    assert not live
    vdn.advance(vdn.clock_ms + HOUR_MS)
    given += given_by(vdn)
    # A restart ends many at once: of these no order is promised.
    assert sorted(map(as_stay, given), key=repr) == sorted(registrar.ended_stays, key=repr)
    assert given_by(vdn) == []


@pytest.mark.parametrize("seed", range(40))
def test_with_pictures_too_each_pass_is_told_once_and_under_a_key_of_its_own(seed: int) -> None:
    vdn = Vdn()
    for one in stream_of(seed, LENGTH):
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
    live = [record_of(one) for one in vdn.books.calls.values()]
    vdn.advance(vdn.clock_ms + HOUR_MS)
    given = given_by(vdn)
    books = vdn.books.queues.values()
    assert len(given) == sum(queue.offered - queue.waiting - queue.in_talk for queue in books)
    assert all(
        record.ended_at_ms < 0 and OUTCOMES[record.outcome] in {"waiting", "talking"} for record in live
    )
    keys = [(one.skill, one.place) for one in (*given, *live)]
    assert len(set(keys)) == len(keys)


def test_a_record_names_no_more_agents_than_it_may() -> None:
    agents = range(1, RINGS_MAX + 20)
    vdn = folded([event("agent_signed_in", 0, agent=agent, skills=[1]) for agent in agents])
    vdn.apply(event("call_offered", 1, call="A", skill=1))
    for agent in agents:
        vdn.apply(event("call_alerting", 1 + agent, call="A", agent=agent))
    for agent in agents:
        vdn.apply(event("call_answered", 1_000 + agent, call="A", agent=agent))
    vdn.apply(event("call_released", 5_000, call="A"))
    [[record]] = vdn.books.finished.parts(10)
    assert record.rang_at is not None and record.talked_until is not None
    assert record.rang_at == [n for agent in agents[:RINGS_MAX] for n in (agent, NINE_MS + 1 + agent)]
    assert record.talked_until == [
        n for agent in agents[:RINGS_MAX] for n in (agent, NINE_MS + 1_001 + agent)
    ]
    assert record.talked_id == agents[-1]


def test_what_is_asked_of_memory_is_found_there() -> None:
    vdn = folded(
        [
            event("call_offered", 0, call="A", skill=1),
            event("call_answered", 10, call="A", agent=7),
            event("call_offered", 20, call="A", skill=2),
            event("call_left", 30, call="A", cause="key"),
            event("call_offered", 20, call="B", skill=1),
            event("call_left", 40, call="B", cause="abandoned"),
        ]
    )
    passes = vdn.books.finished
    first, second, at_ms = (NINE_MS, "A"), (NINE_MS + 20, "B"), NINE_MS
    everything = Wanted(0, 2**60, (0, ""))
    assert passes.calls(everything) == [first, first, second]
    for asked, found in (
        (everything._replace(from_ms=at_ms + 1), [second]),
        (everything._replace(to_ms=at_ms + 20), [first, first]),
        (everything._replace(after=first), [second]),
        (everything._replace(after=(at_ms + 20, "A")), [second]),
        (everything._replace(after=second), []),
        (everything._replace(skill=2), [first]),
        (everything._replace(agent=7), [first]),
        (everything._replace(outcome=OUTCOMES.index("abandoned")), [second]),
        (everything._replace(skill=2, agent=7), []),
    ):
        assert passes.calls(asked) == found, asked
    assert [one.number for one in passes.with_id("A")] == [1, 2]
    assert passes.with_id("C") == passes.of_calls({(NINE_MS, "B")}) == []
    assert [one.call for one in passes.of_calls({second, (0, "A")})] == ["B"]


def test_of_live_calls_too_those_that_are_wanted_are_found() -> None:
    vdn = folded(
        [
            event("call_offered", 0, call="A", skill=1),
            event("call_answered", 10, call="A", agent=7),
            event("call_offered", 20, call="B", skill=2),
        ]
    )
    first, second, any_call = (NINE_MS, "A"), (NINE_MS + 20, "B"), Wanted(0, 2**60, (0, ""))
    for asked, found in (
        (any_call, [first, second]),
        (any_call._replace(from_ms=NINE_MS + 1), [second]),
        (any_call._replace(to_ms=NINE_MS + 20), [first]),
        (any_call._replace(after=first), [second]),
        (any_call._replace(skill=2), [second]),
        (any_call._replace(agent=7), [first]),
        (any_call._replace(outcome=OUTCOMES.index("waiting")), [second]),
    ):
        assert calls_of(vdn.books.calls.values(), asked) == found, asked


@pytest.mark.parametrize("seed", range(5))
def test_what_is_taken_again_is_the_same_to_the_last_ring(seed: int) -> None:
    vdn = Vdn()
    for one in stream_of(seed, LENGTH):
        vdn.apply(decode_line(json.dumps(one).encode(), 1))
    vdn.advance(vdn.clock_ms + HOUR_MS)
    for finished in vdn.tell().passes:
        again, parts = Finished(), dict[int, Finished]()
        records = [record for part in finished.parts(10) for record in part]
        for record in records:
            again.add_record(record)
        assert (again.packed(), again.texts) == (finished.packed(), finished.texts)
        finished.part_by_begin(60_000, parts)
        parted = [one for some in parts.values() for part in some.parts(10) for one in part]
        assert sorted(parted, key=repr) == sorted(records, key=repr)
