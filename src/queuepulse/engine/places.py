"""Which event of the log told what: noted while a log is folded for somebody who asks for the past."""

from bisect import bisect_right

from queuepulse.engine.books import Books
from queuepulse.engine.facts import Facts


class Places:
    """The positions of the events that told facts, or brought calls and agents where they are."""

    def __init__(self) -> None:
        self._lists: dict[int, tuple[Facts, list[int], list[int]]] = {}
        self._kept: dict[int, tuple[Facts, list[int], list[int | None]]] = {}
        self._calls: dict[str, int] = {}
        self._agents: dict[int, int] = {}
        self._touched: list[int] = []

    def before(self, books: Books, call: str | None, agent_id: int | None) -> None:
        """An event that names this call or agent is about to be folded."""
        self._touched = [] if agent_id is None else [agent_id]
        if call is not None:
            stay = books.calls.get(call)
            if stay is not None:
                self._touched += [stay.agent_id, *[agent.id for agent in stay.ringing]]

    def after(self, books: Books, position: int, at_ms: int, call: str | None) -> None:
        """It was folded: all that is new was told by it."""
        for facts in (books.facts, books.idled):
            told = self._lists.get(id(facts))
            if told is None:
                self._forget(books)
                told = self._lists[id(facts)] = (facts, [0], [0])
            if len(facts) > told[1][-1]:
                told[1].append(len(facts))
                told[2].append(position)
        for agent_id in self._touched:
            agent = books.agents.get(agent_id)
            if agent is not None and agent.since_ms == at_ms:
                self._agents[agent_id] = position
        if call is not None:
            if call in books.calls:
                self._calls[call] = position
            else:
                self._calls.pop(call, None)

    def _forget(self, books: Books) -> None:
        """What is no longer remembered of facts is not of their places either."""
        kept = {id(facts) for _, facts in books.told} | {id(books.facts), id(books.idled)}
        self._lists = {key: told for key, told in self._lists.items() if key in kept}

    def keep(self, kept: Facts, facts: Facts, begin: int) -> None:
        """Puts the fact that begins there into a list of somebody's own, and remembers its place."""
        position = self.of_fact(facts, begin)
        told = self._kept.setdefault(id(kept), (kept, [0], [None]))
        kept.take(facts, begin)
        told[1].append(len(kept))
        told[2].append(position)

    def of_fact(self, facts: Facts, begin: int) -> int | None:
        """Of the fact that begins there in the list; None: it was told before, or by time that passed."""
        kept = self._kept.get(id(facts))
        if kept is not None:
            return kept[2][bisect_right(kept[1], begin)]
        told = self._lists.get(id(facts))
        if told is None:
            return None
        index = bisect_right(told[1], begin)
        return told[2][index] if index < len(told[1]) else None

    def of_call(self, call: str) -> int | None:
        """Of the last event that named a call that waits or talks."""
        return self._calls.get(call)

    def of_agent(self, agent_id: int) -> int | None:
        """Of the event that brought the agent into his state."""
        return self._agents.get(agent_id)
