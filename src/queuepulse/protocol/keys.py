"""What a key is and what it may do. Where keys are kept, and how they get there, is `stores.keys`."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is in force. Scopes add up: single VDNs, whole call centers, or everything (`sees_all`).

    `sk` is the secret that signs; it never shows in a representation.
    """

    ak: str
    name: str
    sk: str = field(repr=False)
    vdns: frozenset[tuple[int, int]] = frozenset()
    ccs: frozenset[int] = frozenset()
    sees_all: bool = False
    ingests: bool = False

    def may_see(self, cc: int, vdn: int) -> bool:
        """Whether it may ask for the figures of this VDN."""
        return self.sees_all or (cc, vdn) in self.vdns or cc in self.ccs

    def may_ingest(self, cc: int, vdn: int) -> bool:
        """Whether it may send events of this VDN: it has the `ingest` right, and this VDN is in its scope."""
        return self.ingests and self.may_see(cc, vdn)


def token_hash(token: str) -> bytes:
    """What is kept of a token, and what it is looked up by.

    A plain SHA-256: a token is 256 random bits, so there is nothing to guess that a slow hash would protect.
    Looking up by hash also leaves no timing that tells how much of a guess was right.
    """
    return hashlib.sha256(token.encode()).digest()
