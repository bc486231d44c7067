"""What the nineteen figures are made of: how they are explained, one row for each, and the drafting of it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from queuepulse.engine import questions, running
from queuepulse.engine.books import Books
from queuepulse.engine.drafts import Draft, Formula, Period
from queuepulse.engine.explanations import MAX, SUM, Operand, Term
from queuepulse.engine.facts import ANSWERED, LEFT, OFFERED, TALKED, Facts
from queuepulse.engine.figures import FIGURES
from queuepulse.engine.places import Places
from queuepulse.engine.queues import CAUSES, FIVE_MS, IN_20S_MS, LEFT_CAUSES
from queuepulse.engine.running import Running

_CLOSED: Final = CAUSES["closed"]
_RULES: Final = {figure.name: figure for figure in FIGURES}


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


class FigureDraft(Draft):
    """The explanation of one of the nineteen."""

    def __init__(self, books: Books, skill: int, figure: str, now_ms: int, places: Places) -> None:
        rule = _RULES[figure]
        from_ms = running.begin_ms(books, rule.period, now_ms)
        super().__init__(rule, skill, Period(rule.period, from_ms, now_ms, now_ms), FORMULAS[figure], 0)
        self.shown: int = getattr(questions.rows(books, [skill], now_ms)[0], figure)
        self.from_ms = from_ms
        self.facts_of = FACTS_OF.get(figure)
        self.places = places
        self._begin(books, figure, now_ms)

    def _begin(self, books: Books, figure: str, now_ms: int) -> None:
        """Takes what runs now, and notes up to where the facts are to be read."""
        now, mark_ms = Running(books, self.skill, now_ms, self.places), now_ms - now_ms % FIVE_MS
        if self.facts_of is not None:
            if mark_ms == books.mark_ms:
                told = [facts for end_ms, facts in books.told if end_ms > mark_ms]
                self.lists = [(facts, len(facts)) for facts in (*told, books.facts)]
        elif figure == "answered_today":
            self.terms += now.ended_today()
        if figure == "wait_s_max":
            self.terms += now.waits("wait_ms_max")
        elif figure == "waiting":
            self.terms += now.waits("")
        elif figure in {"in_talk", "answered_today"}:
            self.terms += now.talks()
        elif figure == "idle_s_max":
            self.terms += now.idlers()
            if mark_ms == books.mark_ms:
                self._take_idled(books.idled)
        elif self.facts_of is None:
            self.terms += now.agents(figure)

    def _take_idled(self, idled: Facts) -> None:
        begin = 0
        while begin < len(idled):
            if self.skill in idled.skills(begin):
                at_ms, agent_id, since_ms = (
                    idled.items[begin + 1],
                    idled.items[begin + 2],
                    idled.items[begin + 4],
                )
                where = self.places.of_fact(idled, begin)
                adds = {"idle_ms_max": int(at_ms - since_ms)}
                self.terms.append(
                    Term(
                        "idled",
                        adds,
                        agent=int(agent_id),
                        since_ms=int(since_ms),
                        at_ms=int(at_ms),
                        position=where,
                    )
                )
            begin += idled.width(begin)

    def take(self, facts: Facts, begin: int, kind: int) -> None:
        """Takes the fact of that kind that begins there, if the figure is made of it."""
        rule = self.facts_of
        assert rule is not None, "only figures of facts have lists to be read"
        # The queue of a fact that a figure is made of lies behind its instant.
        items = facts.items
        if kind in rule.kinds and items[begin + 2] == self.skill and items[begin + 1] >= self.from_ms:
            where = self.places.of_fact(facts, begin)
            self.terms.append(rule.term(facts.fact(begin), facts.call(begin), where))

    def value(self, operands: dict[str, Operand]) -> int:
        """The figure as it was when the draft was begun."""
        return self.shown


class FactsOf(NamedTuple):
    """The facts that a figure is made of, and what each of them adds."""

    kinds: tuple[int, ...]
    term: Callable[[list[int], str, int | None], Term]


def _offered(fact: list[int], call: str, position: int | None) -> Term:
    at_ms, inbound = fact[1], fact[3]
    adds = {"offered_in": 1} if inbound else {}
    return Term("offered", adds, "" if inbound else "outbound", call=call, at_ms=at_ms, position=position)


def _answered_in_20s(fact: list[int], call: str, position: int | None) -> Term:
    at_ms, agent_id, inbound, since_ms = fact[1], fact[3], fact[4], fact[5]
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


def _longest_wait(fact: list[int], call: str, position: int | None) -> Term:
    return _wait(fact, call, position, longest=True)


def _mean_wait(fact: list[int], call: str, position: int | None) -> Term:
    return _wait(fact, call, position, longest=False)


def _wait(fact: list[int], call: str, position: int | None, longest: bool) -> Term:
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
        return _answer(adds, why_not, at_ms, fact[3], since_ms, call, position)
    return Term(
        "left",
        adds,
        why_not,
        call=call,
        since_ms=since_ms,
        at_ms=at_ms,
        cause=LEFT_CAUSES[fact[3]],
        position=position,
    )


def _talk(fact: list[int], call: str, position: int | None) -> Term:
    at_ms, agent_id, talk_ms, hold_ms = fact[1], fact[3], fact[4], fact[5]
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
