"""The simulated center at work: its calls come, wait, ring, talk and go.

Queueing discipline: a queue is first come, first served; of the free agents who serve it, the one who has
been free longest gets the call; an agent who gets free takes the call that has waited longest in any of
his queues.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Literal

from queuepulse.engine.events import (
    CallAlerting,
    CallAnswered,
    CallHeld,
    CallLeft,
    CallOffered,
    CallReleased,
    CallResumed,
    CallUnanswered,
    Event,
    LeftCause,
    SkillConfigured,
)
from queuepulse.simulator.assumptions import DAY_MS, HOUR_MS, Assumptions
from queuepulse.simulator.course import Course
from queuepulse.simulator.people import Agent, Call, Popularity, queue_name
from queuepulse.simulator.staff import Staff

HOLD_TALK_MIN_MS: Final = 10_000
"""Nobody is put on hold in a talk shorter than this: the hold has to begin and end within it."""
DIAL_MEAN_MS: Final = 12_000
"""How long the other side's phone rings when an agent calls out."""
CALLER_ENDS_SHARE: Final = 0.7
"""Talks that the caller ends, and not the agent."""


def simulate(assumptions: Assumptions, *, seed: int, start_ms: int, hours: float) -> Iterator[Event]:
    """The events of `hours` from `start_ms` (epoch ms, UTC) on, in time order, each with an `id`.

    They stop in the midst of work, with callers waiting and talking, as a real switch would be left.
    Memory is bounded by the size of the center, not by the hours.
    """
    center = ContactCenter(assumptions, seed=seed, start_ms=start_ms)
    return center.events_until(start_ms + round(hours * HOUR_MS))


class ContactCenter:
    """One contact center from `start_ms` (epoch ms, UTC) on, for as long as anybody asks.

    Its events depend on `assumptions`, `seed` and `start_ms` alone, not on the steps in which they are
    asked for. At `start_ms` it names its queues and agents, and those whose shift runs sign in.
    """

    def __init__(self, assumptions: Assumptions, *, seed: int, start_ms: int) -> None:
        self._assumed = assumptions
        self._course = Course(seed, start_ms)
        self._popularity = Popularity(assumptions.skills)
        self._staff = Staff(assumptions, self._course, self._popularity, self._take_call)
        self._waiting: dict[int, OrderedDict[str, Call]] = {
            skill: OrderedDict() for skill in range(1, assumptions.skills + 1)
        }
        self._calls_number = 0
        self._entered_number = 0
        self._course.after(0, self._open)

    def events_until(self, end_ms: int) -> Iterator[Event]:
        """The next events, up to those before `end_ms` (epoch ms), in time order; each is given once.

        Ask again with a later `end_ms` to go on: so a demo follows the time of day.
        """
        return self._course.events_until(end_ms)

    def _open(self) -> None:
        for skill in self._waiting:
            self._course.tell(
                SkillConfigured,
                skill=skill,
                name=queue_name(skill),
                max_waiting=self._assumed.waiting_max,
                max_wait_ms=self._assumed.wait_max_ms,
            )
        self._staff.open()
        self._plan_arrival()
        self._plan_outbound()

    # Calls come

    def _plan_arrival(self) -> None:
        self._course.after(self._until_next_ms(self._assumed.busiest_per_hour), self._arrive)

    def _until_next_ms(self, busiest_per_hour: float) -> float:
        # Thinning: calls come at the busiest rate, and as many are dropped as the hour is less busy.
        delay_ms = 0.0
        while True:
            delay_ms += self._course.chance.expovariate(busiest_per_hour / HOUR_MS)
            if self._course.happens(self._busyness(self._course.now_ms + delay_ms)):
                return delay_ms

    def _busyness(self, at_ms: float) -> float:
        hour, part = divmod(at_ms % DAY_MS / HOUR_MS, 1)
        shape = self._assumed.day_shape
        here, there = shape[int(hour)], shape[(int(hour) + 1) % len(shape)]
        return here + (there - here) * part

    def _arrive(self) -> None:
        self._plan_arrival()
        call = self._new_call(self._popularity.choose(self._course.chance), outbound=False)
        self._begin_wait(call, call.skill, caller=self._number())

    def _new_call(self, skill: int, *, outbound: bool) -> Call:
        self._calls_number += 1
        return Call(f"c{self._calls_number}", skill, outbound=outbound)

    def _number(self) -> str:
        # 555-0100 to 555-0199 are kept free for fiction.
        return f"55501{self._calls_number % 100:02}"

    # Calls wait

    def _begin_wait(self, call: Call, skill: int, caller: str | None = None) -> None:
        call.skill = skill
        call.wait += 1
        call.waiting = True
        self._enter(call, caller)
        if call.waiting:  # neither sent away nor answered at once
            self._plan_end_of_wait(call)

    def _enter(self, call: Call, caller: str | None = None) -> None:
        self._entered_number += 1
        call.order = self._entered_number
        waiting = self._waiting[call.skill]
        self._course.tell(CallOffered, call=call.id, skill=call.skill, caller=caller)
        if agent := self._staff.longest_free(call.skill):
            self._ring(agent, call)
        elif not self._staff.serves(call.skill):
            self._leave(call, "no_agent")
        elif self._assumed.waiting_max is not None and len(waiting) >= self._assumed.waiting_max:
            self._leave(call, "full")
        else:
            waiting[call.id] = call

    def _plan_end_of_wait(self, call: Call) -> None:
        limit_ms = self._assumed.wait_max_ms
        cause: LeftCause = "timeout"
        if self._assumed.patience_mean_ms is not None:
            patience_ms = self._course.exponential_ms(self._assumed.patience_mean_ms)
            if limit_ms is None or patience_ms < limit_ms:
                limit_ms = patience_ms
                cause = "key" if self._course.happens(self._assumed.key_share) else "abandoned"
        if limit_ms is not None:
            self._course.after(limit_ms, self._end_wait, call, call.wait, cause)
        if self._assumed.skills > 1 and self._course.happens(self._assumed.overflow_share):
            self._course.after(self._assumed.overflow_after_ms, self._overflow, call, call.wait)

    def _end_wait(self, call: Call, wait: int, cause: LeftCause) -> None:
        if call.waiting and call.wait == wait:  # or it was answered in time
            self._leave(call, cause)

    def _leave(self, call: Call, cause: LeftCause) -> None:
        call.waiting = False
        self._waiting[call.skill].pop(call.id, None)
        self._course.tell(CallLeft, call=call.id, cause=cause)
        if call.agent is not None:
            self._staff.get_free(call.agent)

    def _overflow(self, call: Call, wait: int) -> None:
        if not call.waiting or call.wait != wait or call.agent is not None:
            return  # it was answered in time, or is about to be: a phone rings for it
        del self._waiting[call.skill][call.id]
        call.skill = self._popularity.choose_other(self._course.chance, call.skill)
        self._enter(call)

    def _take_call(self, agent: Agent) -> bool:
        heads = [next(iter(waiting.values())) for skill in agent.skills if (waiting := self._waiting[skill])]
        if not heads:
            return False
        self._ring(agent, min(heads, key=lambda call: call.order))
        return True

    # Phones ring

    def _ring(self, agent: Agent, call: Call) -> None:
        self._waiting[call.skill].pop(call.id, None)
        self._staff.get_busy(agent)
        agent.call, call.agent = call, agent
        ring_mean_ms = self._assumed.ring_mean_ms
        if not ring_mean_ms:
            self._answer(agent, call)
            return
        self._course.tell(CallAlerting, call=call.id, agent=agent.id)
        chance = self._course.chance.random() - self._assumed.unanswered_share
        if chance < 0:
            self._course.after(self._assumed.ring_max_ms, self._miss, agent, call, "no_answer")
        elif chance < self._assumed.rejected_share:
            self._course.after(self._course.uniform_ms(ring_mean_ms), self._miss, agent, call, "rejected")
        else:
            self._course.after(self._course.uniform_ms(ring_mean_ms), self._pick_up, agent, call)

    def _pick_up(self, agent: Agent, call: Call) -> None:
        if agent.call is call:  # or the caller hung up meanwhile
            self._answer(agent, call)

    def _miss(self, agent: Agent, call: Call, cause: Literal["no_answer", "rejected"]) -> None:
        if agent.call is not call:
            return  # the caller hung up meanwhile
        self._course.tell(CallUnanswered, call=call.id, agent=agent.id, cause=cause)
        call.agent = None
        if other := self._staff.longest_free(call.skill):
            self._ring(other, call)
        else:
            waiting = self._waiting[call.skill]
            waiting[call.id] = call
            waiting.move_to_end(call.id, last=False)
        self._staff.get_free(agent)

    # Calls talk

    def _answer(self, agent: Agent, call: Call) -> None:
        call.waiting = False
        self._course.tell(CallAnswered, call=call.id, agent=agent.id)
        talk_ms = self._course.exponential_ms(self._assumed.talk_mean_ms)
        if talk_ms >= HOLD_TALK_MIN_MS and self._course.happens(self._assumed.hold_share):
            held_ms = min(self._course.exponential_ms(self._assumed.hold_mean_ms), talk_ms // 2)
            self._course.after(talk_ms // 3, self._tell_of, CallHeld, call)
            self._course.after(talk_ms // 3 + held_ms, self._tell_of, CallResumed, call)
        self._course.after(talk_ms, self._end_talk, agent, call)

    def _tell_of(self, kind: type[CallHeld] | type[CallResumed], call: Call) -> None:
        self._course.tell(kind, call=call.id)

    def _end_talk(self, agent: Agent, call: Call) -> None:
        agent.call = call.agent = None
        if call.outbound:
            self._course.tell(CallReleased, call=call.id, by="caller")
            self._staff.set_state(agent, "idle")
            self._staff.get_free(agent)
        elif self._assumed.skills > 1 and self._course.happens(self._assumed.transfer_share):
            self._begin_wait(call, self._popularity.choose_other(self._course.chance, call.skill))
            self._staff.get_free(agent)
        else:
            self._release(agent, call)

    def _release(self, agent: Agent, call: Call) -> None:
        by = "caller" if self._course.happens(CALLER_ENDS_SHARE) else "agent"
        if not self._assumed.wrapup_mean_ms:
            self._course.tell(CallReleased, call=call.id, by=by)
            self._staff.get_free(agent)
            return
        wrapup_ms = self._course.exponential_ms(self._assumed.wrapup_mean_ms)
        self._course.tell(CallReleased, call=call.id, by=by, wrapup_ms=wrapup_ms)
        if self._course.happens(self._assumed.wrapup_cut_share):
            self._course.after(wrapup_ms // 2, self._cut_wrapup, agent)
        else:
            self._course.after(wrapup_ms, self._staff.get_free, agent)

    def _cut_wrapup(self, agent: Agent) -> None:
        self._staff.set_state(agent, "idle")
        self._staff.get_free(agent)

    # Agents call out

    def _plan_outbound(self) -> None:
        if per_hour := self._assumed.busiest_per_hour * self._assumed.outbound_share:
            self._course.after(self._until_next_ms(per_hour), self._call_out)

    def _call_out(self) -> None:
        self._plan_outbound()
        skill = self._popularity.choose(self._course.chance)
        agent = self._staff.longest_free(skill)
        if agent is None:
            return
        self._staff.get_busy(agent)
        call = self._new_call(skill, outbound=True)
        self._staff.set_state(agent, "occupied")
        self._course.tell(CallOffered, call=call.id, skill=skill, direction="out", called=self._number())
        self._course.after(self._course.uniform_ms(DIAL_MEAN_MS), self._reach, agent, call)

    def _reach(self, agent: Agent, call: Call) -> None:
        if self._course.happens(self._assumed.reached_share):
            self._answer(agent, call)
            return
        self._course.tell(CallLeft, call=call.id, cause="withdrawn")
        self._staff.set_state(agent, "idle")
        self._staff.get_free(agent)
