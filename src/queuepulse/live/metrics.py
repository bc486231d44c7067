"""The metrics of this server, for Prometheus: what its parts tell (`meters.Meters`), and what a scrape reads.

No label names a tenant: metrics are for who runs the server, and tenants are many.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from queuepulse.vdn_health import Checks

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""The type of what `Metrics.render` gives."""
REQUEST_S_BOUNDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.1, 0.25, 1.0, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of request times: from two queues at best to a body that comes at the last moment."""
_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)
COMMIT_S_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of commit times: from a fast disk to one that is about to fail."""


class Readings(NamedTuple):
    """What others know, and are asked for at each scrape; each must be cheap.

    `position` is the last event in the log. `lag_s` is how many seconds ago the oldest event was logged that
    the figures do not hold yet; 0 when they hold all. `connections` are those open now. `checks` sums up what
    the switches' own pictures said.
    """

    position: Callable[[], int]
    lag_s: Callable[[], float]
    connections: Callable[[], int]
    checks: Callable[[], Checks]


class Metrics:
    """`meters.Meters`, and the text of it all."""

    def __init__(self, readings: Readings) -> None:
        # A time of creation beside each counter doubles the text and tells nothing that a restart does not.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._registry.register(_Read(readings))
        ProcessCollector(registry=self._registry)
        # Looking a label up takes longer than counting; the words are few, so each is looked up once.
        self._requests = cache(
            self._histogram(
                "request_seconds",
                "Time from a request's headers to its answer.",
                ("interface", "status"),
                REQUEST_S_BOUNDS,
            ).labels
        )
        self._refusals = cache(
            self._counter(
                "refusals_total",
                "Requests that got no rows, or whose events were not taken.",
                "interface",
                "reason",
            ).labels
        )
        self._authentication_failures = cache(
            self._counter("authentication_failures_total", "Requests that got HTTP 401.", "cause").labels
        )
        self._events = cache(
            self._counter("events_total", "Events folded since the start, by outcome.", "outcome").labels
        )
        self._clamped = self._counter(
            "events_clamped_total", "Events from the future that were set to our clock."
        )
        self._translator_failures = cache(
            self._counter(
                "translator_failures_total",
                "Times that a source said what our own fault kept us from reading, by its kind.",
                "kind",
            ).labels
        )
        self._commits = self._histogram(
            "log_commit_seconds", "Time until events were durable.", (), COMMIT_S_BOUNDS
        )

    def answered(self, interface: str, status: int, elapsed_s: float) -> None:
        self._requests(interface, f"{status // 100}xx").observe(elapsed_s)

    def refused(self, interface: str, reason: str) -> None:
        self._refusals(interface, reason).inc()

    def authentication_failed(self, cause: str) -> None:
        self._authentication_failures(cause).inc()

    def folded(self, outcome: str, count: int) -> None:
        self._events(outcome).inc(count)

    def clamped(self, count: int) -> None:
        self._clamped.inc(count)

    def committed(self, elapsed_s: float) -> None:
        self._commits.observe(elapsed_s)

    def translator_failed(self, kind: str) -> None:
        self._translator_failures(kind).inc()

    def render(self) -> bytes:
        """All metrics as text, of type CONTENT_TYPE."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"queuepulse_{name}", meaning, labels, registry=self._registry)

    def _histogram(
        self, name: str, meaning: str, labels: tuple[str, ...], bounds: tuple[float, ...]
    ) -> Histogram:
        return Histogram(f"queuepulse_{name}", meaning, labels, buckets=bounds, registry=self._registry)


class _Read(Collector):
    """What is read at each scrape."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        position, lag_s, connections, checks = self._readings
        yield GaugeMetricFamily("queuepulse_log_position", "Last event in the log.", position())
        yield GaugeMetricFamily(
            "queuepulse_log_lag_seconds",
            "How long ago the oldest event was logged that the figures do not hold yet.",
            lag_s(),
        )
        yield GaugeMetricFamily("queuepulse_connections", "Connections open now.", connections())
        told = checks()
        yield _labelled(
            CounterMetricFamily(
                "queuepulse_repairs", "What snapshots of the switch changed, by kind.", labels=("kind",)
            ),
            told.repairs,
        )
        yield _labelled(
            CounterMetricFamily(
                "queuepulse_pictures",
                "Snapshots of switches, by whether they agreed with the figures or corrected them.",
                labels=("result",),
            ),
            told.pictures,
        )
        yield _labelled(
            GaugeMetricFamily(
                "queuepulse_sources",
                "Sources that ever told of their link or gave a snapshot, by confidence.",
                labels=("confidence",),
            ),
            told.sources,
        )


def _labelled(family: _Family, counts: Mapping[str, int]) -> _Family:
    """The family with a sample for each word."""
    for word, count in sorted(counts.items()):
        family.add_metric((word,), count)
    return family
