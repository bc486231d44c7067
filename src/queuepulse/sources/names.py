"""Names of a switch to ids of ours: queues to skills, members to agents, reasons of a pause to states.

Pure: what an id stands for is told to the log by who asks (`skill_configured`, `agent_configured`), and comes
back here after a restart as `known`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from queuepulse.engine.events import StateName

PAUSE_STATES: Final[tuple[StateName, ...]] = ("busy", "rest", "study", "work")
"""The states that a pause may stand for."""
AUTO_PAUSE: Final = "Auto-Pause"
"""Asterisk's own reason when it pauses a member who did not answer."""


class NamesClash(ValueError):
    """Two names that the configuration gives one id. The message names both."""


class Ids:
    """The ids of one kind in one VDN, whoever uses them: no two sources take the same one by accident.

    `free_from` is where looking for a free one begins, `id_max` the largest.
    """

    def __init__(self, id_max: int, free_from: int = 1) -> None:
        self.id_max = id_max
        self._taken: set[int] = set()
        # Those that somebody has though no configuration gave it to him: they are his alone.
        self._kept: set[int] = set()
        self._next = free_from

    def take(self, id: int) -> None:  # noqa: A002 - an id is what it is
        """Keeps this id from being given away."""
        self._taken.add(id)

    def keep(self, id: int) -> None:  # noqa: A002
        """Keeps it, and from patterns of others too."""
        self._taken.add(id)
        self._kept.add(id)

    def is_kept(self, id: int) -> bool:  # noqa: A002
        """Whether somebody has it for himself alone."""
        return id in self._kept

    def free(self) -> int | None:
        """The next free one, now kept; `None` when all are gone."""
        while self._next in self._taken:
            self._next += 1
        if self._next > self.id_max:
            return None
        self.keep(self._next)
        return self._next


class Names:
    """The ids of one source's queues, or of its members.

    `table` maps names to ids. `pattern` is a regular expression whose first group, searched for in a name,
    is the id. Both may speak of any spelling of a name: a member has an interface and a name. `known` are
    names that got an id in an earlier run, and `spelled` what else those ids were called; they keep it,
    unless the table says otherwise, or gives it to another name. What none of them tells gets the next free
    id.
    Raises `NamesClash` for a table that gives two names one id, `ValueError` for a pattern without a group.
    """

    def __init__(
        self,
        ids: Ids,
        table: Mapping[str, int] | None = None,
        pattern: str | None = None,
        known: Mapping[str, int] | None = None,
        spelled: Mapping[int, str] | None = None,
    ) -> None:
        self._ids = ids
        self._pattern = re.compile(pattern) if pattern else None
        if self._pattern and not self._pattern.groups:
            raise ValueError(f"the pattern {pattern!r} has no group in parentheses to take the id from")
        self._owners: dict[int, str] = {}
        for name, number in (table or {}).items():
            if number in self._owners:
                raise NamesClash(f"{self._owners[number]!r} and {name!r} are both given the id {number}")
            self._owners[number] = name
            ids.take(number)
        self._table = dict(table or {})
        self._found: dict[str, int] = {}
        for name, number in (known or {}).items():
            if name not in self._table and number not in self._owners:
                self._found[name] = number
                self._owners[number] = name
                spellings = (name, (spelled or {}).get(number, ""))
                (ids.take if number in map(self._hit, spellings) else ids.keep)(number)

    def id_of(self, name: str, *spellings: str) -> int | None:
        """The id of what is known by `name`, and by other spellings too; `None` when no id is left."""
        found = self._found.get(name)
        if found is None:
            found = self._look_up((name, *spellings))
            if found is not None:
                self._found[name] = found
                self._owners.setdefault(found, name)
        return found

    def _look_up(self, spellings: Iterable[str]) -> int | None:
        for spelling in spellings:
            if spelling in self._table:
                return self._table[spelling]
        for number in map(self._hit, spellings):
            # Where two names hit one id the first has it; the other is told apart by a free one.
            if number is not None and number not in self._owners and not self._ids.is_kept(number):
                self._ids.take(number)
                return number
        return self._ids.free()

    def _hit(self, spelling: str) -> int | None:
        """The id that the pattern finds in it."""
        hit = self._pattern.search(spelling) if self._pattern else None
        digits = (hit[1] or "") if hit else ""
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= len(str(self._ids.id_max))
        return int(digits) if is_number and 1 <= int(digits) <= self._ids.id_max else None


class PauseReasons:
    """Which state a pause stands for, by its reason; letter case does not matter.

    `states` are the configured ones; every other reason, and none, is `default`. Raises `ValueError` for a
    state that no pause can stand for.
    """

    def __init__(self, states: Mapping[str, StateName] | None = None, default: StateName = "rest") -> None:
        self._states: dict[str, StateName] = {AUTO_PAUSE.casefold(): "busy"}
        self._states |= {reason.casefold(): state for reason, state in (states or {}).items()}
        self._default = default
        for reason, state in [*self._states.items(), ("any other", default)]:
            if state not in PAUSE_STATES:
                raise ValueError(
                    f"pause reason {reason!r}: {state!r} must be one of {', '.join(PAUSE_STATES)}"
                )

    def state_of(self, reason: str) -> StateName:
        """The state that a pause for this reason is."""
        return self._states.get(reason.casefold(), self._default)
