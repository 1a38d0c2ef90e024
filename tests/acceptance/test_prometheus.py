"""What we print for Prometheus is lawful, complete and of the promised names."""

import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from acceptance import bodies
from acceptance.streams import clean, recent
from acceptance.world import World, good, now_us

PROMISED: Final = {
    *("drift_score", "drift_score_threshold", "drift_feature_scored", "drift_features", "drift_window_rows"),
    *("drift_window_start_timestamp_seconds", "drift_window_end_timestamp_seconds"),
    *("drift_last_row_timestamp_seconds", "drift_feature_mean", "drift_baseline_info"),
    *("drift_baseline_created_timestamp_seconds", "drift_alert_budget_pages_per_month"),
    *("driftgauge_ingest_rows_total", "driftgauge_ingest_requests_total", "driftgauge_ingest_commit_seconds_bucket"),
    *("driftgauge_journal_rows", "driftgauge_journal_oldest_timestamp_seconds", "driftgauge_ledger_imbalance_rows"),
    *("driftgauge_database_up", "driftgauge_evaluation_seconds_bucket", "driftgauge_build_info"),
    *("driftgauge_last_evaluation_timestamp_seconds", "driftgauge_series_dropped"),
}
LABELS: Final = {
    "drift_score": {"model", "version", "feature", "statistic"},
    "drift_score_threshold": {"model", "version", "feature", "statistic", "severity"},
    "drift_feature_scored": {"model", "version", "feature"},
    "drift_features": {"model", "version", "status"},
    "drift_window_rows": {"model", "version"},
    "drift_last_row_timestamp_seconds": {"model", "version"},
    "drift_feature_mean": {"model", "version", "feature"},
    "drift_baseline_info": {"model", "baseline"},
    "drift_baseline_created_timestamp_seconds": {"model"},
    "drift_alert_budget_pages_per_month": {"model"},
    "driftgauge_ingest_rows_total": {"model", "format", "outcome"},
    "driftgauge_ingest_requests_total": {"format", "code"},
    "driftgauge_last_evaluation_timestamp_seconds": {"model"},
    "driftgauge_build_info": {"version", "python"},
}
STATISTICS: Final = {"psi", "ks", "js", "tvd", "wasserstein", "null_ratio", "unseen_ratio", "invalid_ratio", "volume"}
MORE: Final = {"ratio", "evidence"}


@pytest.fixture
def page(world: World) -> str:
    """The exposition of a service with a scored model and a line."""
    model, start, random = world.model(), recent(now_us()), Random(7)
    model.baseline(bodies.as_array(clean(random, 600, start=start)))
    good(model.batch(bodies.as_array(clean(random, 400, start=start, shift=0.3))))
    line = {"statistic": "psi", "warning": {"mode": "fixed", "value": 0.1}, "critical": None}
    good(model.client.put(f"{model.path}/thresholds", json=line))
    model.evaluate()
    answer = world.client.get("/metrics")
    assert answer.headers["content-type"].startswith(("text/plain", "application/openmetrics-text"))
    return answer.text


def promtool() -> str:
    """The program, which may be missing on a developer's machine but never in CI."""
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI"):
        pytest.fail("promtool is missing in CI")
    if found is None:
        pytest.skip("PROMTOOL IS NOT INSTALLED: what we print for Prometheus was not checked")
    return found


def test_check_metrics(page: str) -> None:
    """`promtool check metrics` has nothing to say about the exposition."""
    done = subprocess.run(
        [promtool(), "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_rules(world: World, tmp_path: Path) -> None:
    """`promtool check rules` accepts what `driftgauge rules` prints."""
    done = world.service.run("rules")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "rules.yml"
    file.write_text(done.stdout, encoding="utf-8")
    checked = subprocess.run(
        [promtool(), "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS" in checked.stdout
    assert "drift_score_threshold" in done.stdout


def test_promised_names(page: str) -> None:
    """Every promised series is there with exactly its labels, and no sample is NaN or carries a time."""
    seen = set()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            seen.add(sample.name)
            assert sample.timestamp is None
            assert sample.value == sample.value
            if sample.name in LABELS:
                assert sample.labels.keys() == LABELS[sample.name], sample.name
            if sample.name == "drift_score":
                assert sample.labels["statistic"] in STATISTICS | MORE
                assert (sample.labels["statistic"] == "volume") <= (sample.labels["feature"] == "")
    assert seen >= PROMISED


def test_every_statistic(page: str) -> None:
    """Every statistic of this stage has a gauge."""
    scores = (s for f in text_string_to_metric_families(page) if f.name == "drift_score" for s in f.samples)
    assert {sample.labels["statistic"] for sample in scores} >= STATISTICS


def test_health(world: World) -> None:
    """The service is alive and ready, tells its version, and lists every operation in its OpenAPI."""
    assert world.client.get("/livez").status_code == 200
    assert world.client.get("/readyz").status_code == 200
    assert good(world.client.get("/version"))
    paths = good(world.client.get("/openapi.json"))["paths"]
    assert {"/v1/models/{model}", "/v1/models/{model}/batches/{batch_id}"} <= paths.keys()
    assert world.client.get("/docs").status_code == 200
