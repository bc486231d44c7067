"""The addresses of the live interface: one table, from which routing and documentation are drawn."""

from typing import Final, NamedTuple

from queuepulse.live.feeds import AGENTS, QUEUES, Kind

LIVE_PREFIX: Final = "/live/v1/"
"""Begins the path of each."""
_ANY: Final[frozenset[str]] = frozenset()


class Endpoint(NamedTuple):
    """A row of the table: `views` are those that need it, any of which must be the visitor's; empty: all.

    `answers` names who of `app.LiveApp` answers, `kind` what is streamed.
    """

    method: str
    path: str
    answers: str
    views: frozenset[str]
    does: str
    kind: Kind | None = None


ENDPOINTS: Final = (
    Endpoint("GET", "session", "session", _ANY, "Who is signed in, and what he may see."),
    Endpoint("POST", "sign-in", "sign_in", _ANY, "Signs in with name and password."),
    Endpoint("POST", "sign-out", "sign_out", _ANY, "Ends the session."),
    Endpoint(
        "GET",
        "queues",
        "stream",
        frozenset({"floor", "queue", "agents"}),
        "Streams the queues of a VDN.",
        QUEUES,
    ),
    Endpoint(
        "GET", "agents", "stream", frozenset({"queue", "agents"}), "Streams the agents of a VDN.", AGENTS
    ),
    Endpoint("GET", "waiting", "waiting", frozenset({"queue"}), "The calls that wait in a queue."),
    Endpoint("GET", "health", "health", frozenset({"health"}), "How a VDN fares."),
    Endpoint("GET", "series", "series", frozenset({"floor", "queue"}), "Five minutes by five minutes."),
    Endpoint("GET", "explain", "explain", frozenset({"queue"}), "What a figure is made of."),
    Endpoint("GET", "link/…", "link", _ANY, "Opens a link, and goes to the wallboard."),
    Endpoint("GET", "oidc/start", "oidc_start", _ANY, "Goes to the identity provider."),
    Endpoint("GET", "oidc/callback", "oidc_callback", _ANY, "Comes back from there."),
)
BY_PATH: Final = {endpoint.path: endpoint for endpoint in ENDPOINTS}
"""The table by path."""
LINK: Final = "link/"
"""Begins the path of a link; its token follows."""
OPEN: Final = frozenset({"session", "sign_in", "link", "oidc_start", "oidc_callback"})
"""What anybody may ask; the rest is for who is signed in."""
