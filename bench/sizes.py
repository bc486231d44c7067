"""How large and how long each measurement is: one table, a column for each occasion. Nothing runs here."""

from typing import Final, NamedTuple


class Sizes(NamedTuple):
    """Counts are of events, queues or agents; `_s` are seconds of one run, `_runs` how often it runs."""

    fold_events: int
    fold_runs: int
    ingest_connections: tuple[int, ...]
    ingest_events: int
    """Sent in one run, all connections together."""
    center_queues: int
    center_agents: int
    center_minutes: int
    """How long the simulated center of the reads has been at work."""
    read_queues: tuple[int, ...]
    read_s: int
    read_runs: int
    latency_s: int
    gateway_queues: tuple[int, int]
    """Queues of a question whose time is taken, and of one that is asked as often as it goes."""
    gateway_asks: int
    """Questions of one run, each to the server and to the gateway before it."""
    push_viewers: int
    push_queues: int
    push_agents: int
    push_s: int
    restart_events: tuple[int, ...]
    restart_runs: int
    snapshot_every: int
    memory_vdns: int
    memory_queues: int
    """Queues, and agents, of each VDN."""
    history_events: int
    history_runs: int
    history_pairs: int
    """Pairs of runs, with and without a history."""
    steady_events: int
    steady_pairs: int
    """The same over HTTPS, with history written all the while."""
    history_days: int
    history_queues: int
    window_minutes: int
    """How long the center has been at work whose last hour is asked for, each second of so many."""
    window_asks: int
    explain_events: int
    """Of the VDN whose figures are explained, in an hour and a half."""
    explain_runs: int


FULL: Final = Sizes(
    fold_events=300_000,
    fold_runs=5,
    ingest_connections=(1, 4, 8),
    ingest_events=400_000,
    center_queues=1_000,
    center_agents=1_000,
    center_minutes=30,
    read_queues=(2, 50, 1_000),
    read_s=2,
    read_runs=5,
    latency_s=10,
    gateway_queues=(50, 1_000),
    gateway_asks=300,
    push_viewers=1_000,
    push_queues=200,
    push_agents=1_000,
    push_s=15,
    restart_events=(100_000, 1_000_000, 5_000_000),
    restart_runs=2,
    snapshot_every=200_000,
    memory_vdns=10,
    memory_queues=10_000,
    history_events=200_000,
    history_runs=5,
    history_pairs=24,
    steady_events=200_000,
    steady_pairs=20,
    history_days=30,
    history_queues=1_000,
    window_minutes=75,
    window_asks=60,
    explain_events=400_000,
    explain_runs=21,
)
QUICK: Final = FULL._replace(
    fold_events=100_000,
    fold_runs=3,
    ingest_events=100_000,
    ingest_connections=(1, 4),
    center_minutes=10,
    read_s=1,
    read_runs=2,
    latency_s=3,
    gateway_asks=150,
    push_viewers=300,
    push_s=4,
    restart_events=(300_000,),
    restart_runs=1,
    memory_vdns=2,
    history_events=60_000,
    history_runs=3,
    history_pairs=4,
    steady_events=60_000,
    steady_pairs=2,
    window_minutes=20,
    window_asks=15,
    explain_events=100_000,
    explain_runs=9,
)
TINY: Final = QUICK._replace(
    fold_events=2_000,
    fold_runs=1,
    ingest_events=3_000,
    ingest_connections=(2,),
    center_queues=20,
    center_agents=20,
    read_queues=(2,),
    read_runs=1,
    latency_s=1,
    gateway_queues=(2, 20),
    gateway_asks=20,
    push_viewers=40,
    push_queues=20,
    push_agents=20,
    push_s=1,
    restart_events=(3_000,),
    snapshot_every=2_000,
    memory_vdns=1,
    memory_queues=100,
    history_events=3_000,
    history_runs=1,
    history_pairs=1,
    steady_events=4_000,
    steady_pairs=1,
    history_days=1,
    history_queues=10,
    explain_events=2_000,
    explain_runs=1,
)
