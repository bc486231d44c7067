"""The bench runs: every measurement, as small as it gets. What it measures then means nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN_S_MAX = 120


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the bench as `./dev bench` does."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_S_MAX,
    )


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("fold", {"fold", "decode+fold"}),
        ("translate", {"translate"}),
        ("ingest", {"ingest"}),
        ("reads", {"ratio 2"}),
        ("latency", {"p99"}),
        ("gateway", {"gateway added 2", "gateway ratio 20"}),
        ("push", set()),  # so few viewers cost nothing that could be measured
        ("restart", {"restart 3000"}),
        ("history", {"history question"}),
        ("explain", {"explain", "explain past"}),
        ("memory", {"memory queue 1", "memory agent 2"}),
    ],
)
def test_each_measurement_gives_its_figures(name: str, keys: set[str], tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    ran = bench(name, "--tiny", "--json", str(report_file))
    report = json.loads(report_file.read_text())
    figures = {figure["key"]: figure for figure in report["figures"]}
    if name in report["skipped"] and "missing" in report["skipped"][name]:
        pytest.skip(report["skipped"][name])
    assert ran.returncode == 0, ran.stderr
    assert keys <= figures.keys()
    assert all(figures[key]["value"] > 0 for key in keys if not key.startswith("memory"))


def test_a_report_names_the_machine_the_goals_and_the_verdicts(tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    ran = bench("fold", "--tiny", "--json", str(report_file))
    assert "verdict" in ran.stdout
    report = json.loads(report_file.read_text())
    assert {"python", "cores", "cpu", "load_at_start", "empty_call_ns"} <= report["machine"].keys()
    (fold,) = (figure for figure in report["figures"] if figure["key"] == "fold")
    assert (fold["floor"], fold["aim"]) == (300_000, 500_000)
    assert fold["verdict"]


def test_a_measurement_that_does_not_exist_is_refused() -> None:
    ran = bench("speed", "--tiny")
    assert ran.returncode == 2
    assert "fold" in ran.stderr
