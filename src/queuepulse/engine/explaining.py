"""What the nineteen figures are made of: how they are explained, one row for each, and the drafting of it.

A draft holds what runs, as it is when it is begun, and reads the facts, which never change, piece by piece:
so the engine may go on meanwhile. Nothing here changes anything.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from queuepulse.engine import questions, running
from queuepulse.engine.books import Books
from queuepulse.engine.explanations import MAX, SUM, Explanation, Operand, Term
from queuepulse.engine.facts import ANSWERED, LEFT, OFFERED, TALKED, WIDTHS, Facts
from queuepulse.engine.figures import FIGURES, Figure
from queuepulse.engine.places import Places
from queuepulse.engine.queues import CAUSES, FIVE_MS, IN_20S_MS, LEFT_CAUSES
from queuepulse.engine.running import Running

_CLOSED: Final = CAUSES["closed"]
_IDLED_WIDTH: Final = 4
_RULES: Final = {figure.name: figure for figure in FIGURES}


class Formula(NamedTuple):
    """How a figure comes of its operands: `text` over their names, which each add up `by` sum or max."""

    text: str
    operands: tuple[tuple[str, str], ...]


def _counted(name: str) -> Formula:
    return Formula(name, ((name, SUM),))


_WAIT_MEAN: Final = Formula("wait_ms // waits // 1000", (("wait_ms", SUM), ("waits", SUM)))
_TALK_MEAN: Final = Formula("talk_ms // talks // 1000", (("talk_ms", SUM), ("talks", SUM)))
_TODAY: Final = Formula("in_talk + ended_today", (("in_talk", SUM), ("ended_today", SUM)))
FORMULAS: Final[dict[str, Formula]] = {
    "idle_s_max": Formula("idle_ms_max // 1000", (("idle_ms_max", MAX),)),
    "wait_s_max": Formula("wait_ms_max // 1000", (("wait_ms_max", MAX),)),
    "wait_s_mean": _WAIT_MEAN,
    "talk_s_mean": _TALK_MEAN,
    "answered_today": _TODAY,
    **{
        name: _counted(name)
        for name in _RULES
        if name not in {"idle_s_max", "wait_s_max", "wait_s_mean", "talk_s_mean", "answered_today"}
    },
}
"""Of each of the nineteen figures. All are at most `figures.FIGURE_MAX`."""


class Draft:
    """The explanation of one figure while it is made. `read` until it is done, then `finish`."""

    def __init__(
        self, books: Books, skill: int, figure: str, now_ms: int, places: Places | None = None
    ) -> None:
        self.rule: Figure = _RULES[figure]
        self.formula = FORMULAS[figure]
        self.skill = skill
        self.now_ms = max(now_ms, books.clock_ms)
        self.value: int = getattr(questions.rows(books, [skill], self.now_ms)[0], figure)
        self.from_ms = running.begin_ms(books, self.rule.period, self.now_ms)
        self.places = places or Places()
        self.counting: list[Term] = []
        self.others: list[Term] = []
        self.lists: list[tuple[Facts, int]] = []
        self.place = 0
        self._begin(books)

    def _begin(self, books: Books) -> None:
        """Takes what runs now, and notes up to where the facts are to be read."""
        now, figure = Running(books, self.skill, self.now_ms, self.places), self.rule.name
        if figure in FACTS_OF:
            mark_ms = self.now_ms - self.now_ms % FIVE_MS
            if mark_ms == books.mark_ms:
                told = [facts for end_ms, facts in books.told if end_ms > mark_ms]
                self.lists = [(facts, len(facts)) for facts in (*told, books.facts)]
        elif figure == "answered_today":
            self._take(now.ended_today())
        if figure == "wait_s_max":
            self._take(now.waits("wait_ms_max"))
        elif figure == "waiting":
            self._take(now.waits(""))
        elif figure in {"in_talk", "answered_today"}:
            self._take(now.talks())
        elif figure == "idle_s_max":
            self._take(now.idlers())
            if self.now_ms - self.now_ms % FIVE_MS == books.mark_ms:
                self._take_idled(books.idled)
        elif figure not in FACTS_OF:
            self._take(now.agents(figure))

    def _take(self, terms: list[Term]) -> None:
        for term in terms:
            (self.others if term.why_not else self.counting).append(term)

    def _take_idled(self, idled: list[Any]) -> None:
        for begin in range(0, len(idled), _IDLED_WIDTH):
            at_ms, agent_id, since_ms, skills = idled[begin : begin + _IDLED_WIDTH]
            if self.skill in skills:
                where = self.places.of_fact(idled, begin)
                adds = {"idle_ms_max": at_ms - since_ms}
                self.counting.append(
                    Term("idled", adds, agent=agent_id, since_ms=since_ms, at_ms=at_ms, position=where)
                )

    def read(self, items_max: int) -> bool:
        """Reads on, about so many items of facts; whether all are read."""
        read, rule = 0, FACTS_OF.get(self.rule.name)
        assert rule is not None or not self.lists, "only figures of facts have lists to be read"
        while self.lists and rule is not None:
            facts, end = self.lists[0]
            begin = self.place
            stop = min(end, begin + items_max - read)
            while begin < stop:
                kind: int = facts[begin]
                # The queue of a fact that a figure is made of lies behind its instant.
                if kind in rule.kinds and facts[begin + 2] == self.skill and facts[begin + 1] >= self.from_ms:
                    where = self.places.of_fact(facts, begin)
                    self._take([rule.term(facts[begin : begin + WIDTHS[kind]], where)])
                begin += WIDTHS[kind]
            read += begin - self.place
            self.place = begin
            if begin < end:
                return False
            self.lists.pop(0)
            self.place = 0
        return True

    def finish(self, after: int, limit: int) -> Explanation:
        """The explanation, with the terms behind the first `after`, at most `limit`."""
        rule, terms = self.rule, self.counting + self.others
        operands = {}
        for name, by in self.formula.operands:
            numbers = [term.adds.get(name, 0) for term in terms]
            unlisted = numbers[:after] + numbers[after + limit :]
            operands[name] = Operand(by, combined(by, numbers), combined(by, unlisted))
        return Explanation(
            self.skill,
            rule.name,
            rule.unit,
            rule.period,
            rule.meaning,
            self.from_ms,
            self.now_ms,
            self.now_ms,
            self.value,
            self.formula.text,
            0,
            operands,
            len(terms),
            after,
            terms[after : after + limit],
        )


def combined(by: str, numbers: list[int]) -> int:
    """What the numbers of the terms add up to; 0 of none."""
    return sum(numbers) if by == SUM else max(numbers, default=0)


class FactsOf(NamedTuple):
    """The facts that a figure is made of, and what each of them adds."""

    kinds: tuple[int, ...]
    term: Callable[[list[Any], int | None], Term]


def _offered(fact: list[Any], position: int | None) -> Term:
    at_ms, inbound, call = fact[1], fact[3], fact[5]
    adds = {"offered_in": 1} if inbound else {}
    return Term("offered", adds, "" if inbound else "outbound", call=call, at_ms=at_ms, position=position)


def _answered_in_20s(fact: list[Any], position: int | None) -> Term:
    at_ms, agent_id, inbound, since_ms, call = fact[1], fact[3], fact[4], fact[5], fact[8]
    why_not = ""
    if not inbound:
        why_not = "outbound"
    elif since_ms < 0:
        why_not = "unknown_wait"
    elif at_ms - since_ms > IN_20S_MS:
        why_not = "too_late"
    adds = {} if why_not else {"answered_in_20s": 1}
    return _answer(adds, why_not, at_ms, agent_id, since_ms, call, position)


def _answer(
    adds: dict[str, int],
    why_not: str,
    at_ms: int,
    agent_id: int,
    since_ms: int,
    call: str,
    position: int | None,
) -> Term:
    since = None if since_ms < 0 else since_ms
    return Term(
        "answered",
        adds,
        why_not,
        call=call,
        agent=agent_id or None,
        since_ms=since,
        at_ms=at_ms,
        position=position,
    )


def _longest_wait(fact: list[Any], position: int | None) -> Term:
    return _wait(fact, position, longest=True)


def _mean_wait(fact: list[Any], position: int | None) -> Term:
    return _wait(fact, position, longest=False)


def _wait(fact: list[Any], position: int | None, longest: bool) -> Term:
    """A wait that ended, by an answer or otherwise."""
    at_ms, since_ms = fact[1], fact[5]
    why_not = ""
    if fact[0] == LEFT and fact[3] == _CLOSED:
        why_not = "closed"
    elif since_ms < 0:
        why_not = "unknown_wait"
    adds: dict[str, int] = {}
    if not why_not:
        # Its beginning may be later than its end, where both come from clocks of others.
        wait_ms = max(at_ms - since_ms, 0)
        adds = {"wait_ms_max": wait_ms} if longest else {"wait_ms": wait_ms, "waits": 1}
    if fact[0] == ANSWERED:
        return _answer(adds, why_not, at_ms, fact[3], since_ms, fact[8], position)
    return Term(
        "left",
        adds,
        why_not,
        call=fact[8],
        since_ms=since_ms,
        at_ms=at_ms,
        cause=LEFT_CAUSES[fact[3]],
        position=position,
    )


def _talk(fact: list[Any], position: int | None) -> Term:
    at_ms, agent_id, talk_ms, hold_ms, call = fact[1], fact[3], fact[4], fact[5], fact[6]
    return Term(
        "talked",
        {"talk_ms": talk_ms, "talks": 1},
        call=call,
        agent=agent_id or None,
        since_ms=at_ms - talk_ms,
        at_ms=at_ms,
        hold_ms=hold_ms,
        position=position,
    )


FACTS_OF: Final = {
    "offered_in": FactsOf((OFFERED,), _offered),
    "answered_in_20s": FactsOf((ANSWERED,), _answered_in_20s),
    "wait_s_max": FactsOf((ANSWERED, LEFT), _longest_wait),
    "wait_s_mean": FactsOf((ANSWERED, LEFT), _mean_wait),
    "talk_s_mean": FactsOf((TALKED,), _talk),
}
"""Figures that are made of facts, all or in part."""
