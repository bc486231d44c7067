"""Makes the links to the switches that the settings name: ids for their names, translators, connections."""

import asyncio
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from queuepulse.config import Config
from queuepulse.config.named import SourceNamed
from queuepulse.engine.events import AGENT_MAX, VdnKey
from queuepulse.engine.vdn import NamedIds
from queuepulse.meters import Meters
from queuepulse.ports import Clock, Ingest
from queuepulse.sources import asterisk, freeswitch, queue_log
from queuepulse.sources.asterisk_headers import QueueTerms
from queuepulse.sources.dialects import Ami, Dialect, Esl
from queuepulse.sources.following import Follower
from queuepulse.sources.links import Link
from queuepulse.sources.names import Ids, Names, PauseReasons
from queuepulse.sources.outlet import Address, Chance, Source

CHANCE: Final = Chance(asyncio.sleep, random.random, lambda: secrets.token_hex(4))


NOTHING_KNOWN: Final = NamedIds({}, {}, {})


class Named:
    """The ids of one source's queues and agents, and which words of a pause are which state.

    `known` are the names that it gave in earlier runs.
    """

    def __init__(self, source: SourceNamed, skills: Ids, agents: Ids, known: NamedIds) -> None:
        # An interface is who a member is, and his name is not; other switches tell no interfaces.
        told, other = known.agents, known.phones
        if source.kind == "asterisk":
            told, other = other, told
        spelled = {number: name for name, number in other.items()}
        self.queues = Names(skills, source.queues, source.queue_pattern, known.queues)
        self.agents = Names(agents, source.agents, source.agent_pattern, told, spelled)
        self.reasons = PauseReasons(source.reasons)


class Knowing(Ingest, Protocol):
    """What takes the events, and knows what the log says already."""

    def named_ids(self, vdn: VdnKey, source: str | None = None) -> NamedIds:
        """The ids that names have, in a VDN or with one of its sources."""

    def clock_ms(self, vdn: VdnKey) -> int:
        """The time up to which events of this VDN are known (epoch ms); -1 without any."""


def links(config: Config, hub: Knowing, clock: Clock, meters: Meters) -> Iterator[Link | Follower]:
    """What listens to each source of the settings."""
    for source, named in named_sources(config, hub.named_ids):
        place = Source(source.name, source.key, address_of(source), config.ingest.mask_callers)
        on_defect = partial(meters.translator_failed, source.kind)
        if source.file is not None:
            translator = queue_log_of(source, named)
            clock_ms = hub.clock_ms(source.key)
            yield Follower(place, source.file, translator, hub, clock, CHANCE, clock_ms, on_defect)
        else:
            new_dialect = partial(dialect_of, source, named, terms_of(config, source.key))
            yield Link(place, new_dialect, hub, clock, CHANCE, on_defect=on_defect)


def named_sources(
    config: Config, named_ids: Callable[[VdnKey, str | None], NamedIds]
) -> Iterator[tuple[SourceNamed, Named]]:
    """The sources, each with its ids. `named_ids` is what the log knows, of a whole VDN or of one source.

    Sources of one VDN take their ids from the same, and share one only where their tables or patterns both
    give it.
    """
    for vdn in dict.fromkeys(source.key for source in config.sources):
        some = [source for source in config.sources if source.key == vdn]
        skills, agents = Ids(config.skill_max), Ids(AGENT_MAX)
        known = {one.name: _kept_names(one, some, named_ids(vdn, one.name)) for one in some}
        if len(some) == 1:
            # Whose queue a name of the settings is, is clear where there is one source alone.
            [only] = some
            known[only.name] = _with_settings(known[only.name], config, vdn)
        # What a table of another source, or the log, has given to a name is free for nobody else.
        for one in some:
            _take(skills, one.queues)
            _take(agents, one.agents)
        for names in (named_ids(vdn, None), *known.values()):
            _take(skills, names.queues)
            _take(agents, names.agents)
            _take(agents, names.phones)
        # All first: each keeps for itself what another's pattern might find.
        yield from [(one, Named(one, skills, agents, known[one.name])) for one in some]


def _take(ids: Ids, names: Mapping[str, int]) -> None:
    for number in names.values():
        ids.take(number)


def _kept_names(source: SourceNamed, some: Sequence[SourceNamed], known: NamedIds) -> NamedIds:
    """What the source named in earlier runs, but for ids that tables of others have given away since."""
    others = [one for one in some if one is not source]
    skills = {number for one in others for number in one.queues.values()}
    agents = {number for one in others for number in one.agents.values()}
    return NamedIds(
        {name: number for name, number in known.queues.items() if number not in skills},
        {name: number for name, number in known.agents.items() if number not in agents},
        {name: number for name, number in known.phones.items() if number not in agents},
    )


def _with_settings(known: NamedIds, config: Config, vdn: VdnKey) -> NamedIds:
    """A queue that is called as the settings call a skill is that skill, unless it was another before."""
    had = set(known.queues.values())
    said = {
        skill.name: skill.id
        for one in config.vdns
        if one.key == vdn
        for skill in one.skills
        if skill.name is not None and skill.id not in had
    }
    return known._replace(queues={**said, **known.queues})


def dialect_of(source: SourceNamed, named: Named, terms: Mapping[int, QueueTerms]) -> Dialect:
    """What is spoken with this source."""
    resync_ms, secret = source.resync_s * 1000, source.secret or ""
    if source.kind == "asterisk":
        return Ami(
            asterisk.Translator(
                source.name, named.queues, named.agents, named.reasons, terms, resync_ms=resync_ms
            ),
            source.username or "",
            secret,
        )
    return Esl(
        freeswitch.Translator(source.name, named.queues, named.agents, named.reasons, resync_ms), secret
    )


def queue_log_of(source: SourceNamed, named: Named) -> queue_log.Translator:
    """What reads the lines of this source."""
    return queue_log.Translator(source.name, named.queues, named.agents, named.reasons, source.members)


def address_of(source: SourceNamed) -> Address:
    """Where this source listens."""
    port = 0 if source.file else source.port_used
    return Address(source.host, port, source.tls, source.ca)


def terms_of(config: Config, vdn: VdnKey) -> dict[int, QueueTerms]:
    """What the settings say of the queues of a VDN that no switch tells."""
    return {
        skill.id: QueueTerms(skill.wrapup_ms, skill.max_wait_ms)
        for one in config.vdns
        if one.key == vdn
        for skill in one.skills
    }
