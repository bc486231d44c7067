"""Who is in the simulated center: its queues, agents and calls, as the simulation keeps them.

Values and names only; what agents do of themselves is in `staff`, what happens to calls in `center`.
"""

import enum
import itertools
import random
from typing import Final

from queuepulse.simulator.assumptions import SHIFTS, Assumptions

FIRST_AGENT: Final = 1001
"""Agent ids start here, so that hardly anyone takes one for a skill."""
SPREAD: Final = 0.618_033_988_749_895
"""The golden ratio: its multiples, modulo 1, cover the shifts evenly for any number of agents."""

QUEUE_NAMES: Final = ("Sales", "Support", "Billing", "Orders", "Returns", "Technical", "Accounts", "Claims")
GIVEN_NAMES: Final = (
    "Ada", "Bela", "Chidi", "Dana", "Emil", "Fatma", "Goran", "Hana", "Ines", "Jun",
    "Kofi", "Lena", "Mina", "Nils", "Omar", "Petra", "Quinn", "Rosa", "Samir", "Tuva",
)  # fmt: skip
INITIALS: Final = "ABCDEFGHIJKLMNOPRSTVWZ"


class Activity(enum.Enum):
    """What an agent is at. `BUSY` is everything about a call, from its ring to the end of the wrap-up."""

    OFF = enum.auto()
    FREE = enum.auto()
    BUSY = enum.auto()
    BREAK = enum.auto()


class Agent:
    """One agent. `call` is the one that rings or talks; `break_due` and `leaving` wait till he is free."""

    __slots__ = (
        "activity",
        "break_due",
        "call",
        "id",
        "leaving",
        "shift_ends_at_ms",
        "skills",
        "starts_hour",
    )

    def __init__(self, agent_id: int, skills: tuple[int, ...], starts_hour: int) -> None:
        self.id = agent_id
        self.skills = skills
        self.starts_hour = starts_hour
        self.activity = Activity.OFF
        self.call: Call | None = None
        self.shift_ends_at_ms: int | None = None
        self.break_due = False
        self.leaving = False


class Call:
    """One live call. `agent` is the one whose phone rings or who talks.

    `order` is its place among all that entered a queue. `wait` numbers its stays: a timer that was set
    in an earlier one is void.
    """

    __slots__ = ("agent", "id", "order", "outbound", "skill", "wait", "waiting")

    def __init__(self, call_id: str, skill: int, *, outbound: bool) -> None:
        self.id = call_id
        self.skill = skill
        self.outbound = outbound
        self.order = 0
        self.wait = 0
        self.waiting = False
        self.agent: Agent | None = None


class Popularity:
    """How much each queue is asked for: the n-th of them 1/sqrt(n) as often as the first."""

    def __init__(self, skills: int) -> None:
        self._skills = range(1, skills + 1)
        self._cumulated = list(itertools.accumulate(skill**-0.5 for skill in self._skills))

    def choose(self, chance: random.Random) -> int:
        """The skill id that one more call asks for."""
        return chance.choices(self._skills, cum_weights=self._cumulated)[0]

    def choose_other(self, chance: random.Random, skill: int) -> int:
        """As `choose`, but never `skill`; there must be another one."""
        assert len(self._skills) > 1
        while (other := self.choose(chance)) == skill:
            pass
        return other

    def choose_several(self, chance: random.Random, count: int, first: int | None = None) -> tuple[int, ...]:
        """`count` different skill ids in rising order, `first` among them, or all if there are fewer."""
        chosen = {self.choose(chance) if first is None else first}
        while len(chosen) < min(count, len(self._skills)):
            chosen.add(self.choose(chance))
        return tuple(sorted(chosen))


def hire(assumptions: Assumptions, popularity: Popularity, chance: random.Random) -> list[Agent]:
    """The agents of the center. The first ones have one queue each for their own, so that none is bare."""
    agents = []
    for number in range(assumptions.agents):
        first = number + 1 if number < assumptions.skills else None
        skills = popularity.choose_several(chance, chance.randint(*assumptions.skills_per_agent), first)
        agents.append(Agent(FIRST_AGENT + number, skills, _starts_hour(number)))
    return agents


def _starts_hour(number: int) -> int:
    place = number * SPREAD % 1
    for shift in SHIFTS:
        place -= shift.share
        if place < 0:
            break
    return shift.starts_hour


def queue_name(skill: int) -> str:
    """The name of a skill queue: `Sales`, `Support`, … and from the second round on `Sales 2`."""
    earlier_rounds, place = divmod(skill - 1, len(QUEUE_NAMES))
    return f"{QUEUE_NAMES[place]} {earlier_rounds + 1}" if earlier_rounds else QUEUE_NAMES[place]


def agent_name(agent_id: int) -> str:
    """The name of an agent, such as `Ada B.`; in a large center some have the same."""
    number = agent_id - FIRST_AGENT
    initial = INITIALS[number // len(GIVEN_NAMES) % len(INITIALS)]
    return f"{GIVEN_NAMES[number % len(GIVEN_NAMES)]} {initial}."
