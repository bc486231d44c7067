"""The metrics as a scrape gets them."""

from prometheus_client.parser import text_string_to_metric_families

from queuepulse.live.metrics import CONTENT_TYPE, Metrics, Readings
from queuepulse.meters import Meters
from queuepulse.vdn_health import Checks


def samples(metrics: Metrics) -> dict[str, float]:
    """All samples, by name and labels as they are written."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def fresh() -> Metrics:
    checks = Checks({"closed": 2, "opened": 1}, {"agreed": 7, "corrected": 2}, {"checked": 3, "lost": 1})
    return Metrics(Readings(lambda: 41, lambda: 0.25, lambda: 3, lambda: checks))


def test_what_was_told_is_shown() -> None:
    metrics = fresh()
    meters: Meters = metrics
    meters.answered("skill/stateinfo", 200, 0.0007)
    meters.answered("skill/stateinfo", 204, 0.3)
    meters.answered("ingest", 401, 0.001)
    meters.refused("ingest", "unauthenticated")
    meters.authentication_failed("token_unknown")
    meters.folded("applied", 7)
    meters.folded("applied", 1)
    meters.clamped(2)
    meters.committed(0.004)
    meters.translator_failed("asterisk")
    found = samples(metrics)
    assert found["queuepulse_request_seconds_count{interface=skill/stateinfo,status=2xx}"] == 2
    assert found["queuepulse_request_seconds_bucket{interface=skill/stateinfo,le=0.001,status=2xx}"] == 1
    assert found["queuepulse_request_seconds_count{interface=ingest,status=4xx}"] == 1
    assert found["queuepulse_refusals_total{interface=ingest,reason=unauthenticated}"] == 1
    assert found["queuepulse_authentication_failures_total{cause=token_unknown}"] == 1
    assert found["queuepulse_events_total{outcome=applied}"] == 8
    assert found["queuepulse_events_clamped_total{}"] == 2
    assert found["queuepulse_translator_failures_total{kind=asterisk}"] == 1
    assert found["queuepulse_log_commit_seconds_bucket{le=0.005}"] == 1


def test_what_others_know_is_read_at_each_scrape() -> None:
    found = samples(fresh())
    assert found["queuepulse_log_position{}"] == 41
    assert found["queuepulse_log_lag_seconds{}"] == 0.25
    assert found["queuepulse_connections{}"] == 3
    assert found["queuepulse_repairs_total{kind=closed}"] == 2
    assert found["queuepulse_pictures_total{result=agreed}"] == 7
    assert found["queuepulse_sources{confidence=checked}"] == 3
    assert "process_resident_memory_bytes{}" in found


def test_two_servers_in_one_process_do_not_share_counters() -> None:
    one, other = fresh(), fresh()
    one.clamped(1)
    assert samples(other)["queuepulse_events_clamped_total{}"] == 0


def test_the_type_is_that_of_the_text_format() -> None:
    assert CONTENT_TYPE.startswith("text/plain")
