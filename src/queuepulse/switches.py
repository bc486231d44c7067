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


class Named:
    """The ids of one source's queues and agents, and which words of a pause are which state."""

    def __init__(self, source: SourceNamed, skills: Ids, agents: Ids, known: NamedIds) -> None:
        told = known.phones if source.kind == "asterisk" else known.agents
        self.queues = Names(skills, source.queues, source.queue_pattern, known.queues)
        self.agents = Names(agents, source.agents, source.agent_pattern, told)
        self.reasons = PauseReasons(source.reasons)


class Knowing(Ingest, Protocol):
    """What takes the events, and knows what the log says already."""

    def named_ids(self, vdn: VdnKey) -> NamedIds:
        """The ids that names have."""

    def clock_ms(self, vdn: VdnKey) -> int:
        """The time up to which events of this VDN are known (epoch ms); -1 without any."""


def links(config: Config, hub: Knowing, clock: Clock, meters: Meters) -> Iterator[Link | Follower]:
    """What listens to each source of the settings."""
    for source, named in named_sources(config.sources, config.skill_max, hub.named_ids):
        place = Source(source.name, source.key, address_of(source), config.ingest.mask_callers)
        on_defect = partial(meters.translator_failed, source.kind)
        if source.file is not None:
            translator = queue_log.Translator(source.name, named.queues, named.agents, named.reasons)
            clock_ms = hub.clock_ms(source.key)
            yield Follower(place, source.file, translator, hub, clock, CHANCE, clock_ms, on_defect)
        else:
            new_dialect = partial(dialect_of, source, named, terms_of(config, source.key))
            yield Link(place, new_dialect, hub, clock, CHANCE, on_defect=on_defect)


def named_sources(
    sources: Sequence[SourceNamed], skill_max: int, named_ids: Callable[[VdnKey], NamedIds]
) -> Iterator[tuple[SourceNamed, Named]]:
    """The sources, each with its ids. Sources of one VDN take theirs from the same."""
    for vdn in dict.fromkeys(source.key for source in sources):
        some = [source for source in sources if source.key == vdn]
        skills, agents, known = Ids(skill_max), Ids(AGENT_MAX), named_ids(vdn)
        # What a table of another source, or the log, has given to a name is free for nobody else.
        for one in some:
            for number in one.queues.values():
                skills.take(number)
            for number in one.agents.values():
                agents.take(number)
        if len(some) > 1:
            # The log does not say whose a name is, and alike names of two switches are no proof.
            for ids, given in ((skills, known.queues), (agents, known.agents), (agents, known.phones)):
                for number in given.values():
                    ids.take(number)
            known = NamedIds({}, {}, {})
        for one in some:
            yield one, Named(one, skills, agents, known)


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
