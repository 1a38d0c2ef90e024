"""Every query of every dashboard against a real Prometheus and a real Postgres that watch a real model drift."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.storage.embedded import EmbeddedPostgres
from scene import MODEL, PATH, Fault, Feed, Scene, scene

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
WINDOW_US = 1_000_000
FEED_S = 14.0
VARIABLES = {"model": MODEL, "version": "default", "feature": "device_age", "instance": ".*"}
FULL = {name: value if name in {"model", "instance"} else ".*" for name, value in VARIABLES.items()}
KSERVE = {
    "ce-specversion": "1.0",
    "ce-id": "alone",
    "ce-source": "http://localhost:9081/",
    "ce-type": "org.kubeflow.serving.inference.response",
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def watched() -> Iterator[Scene]:
    """A model whose device_age loses most of its values after three seconds, with some requests that go wrong."""
    if shutil.which("prometheus") is None:
        message = "prometheus is not installed: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    faults = [Fault("null storm", 3, 1e9)]
    settings = {"DRIFTGAUGE_PAIRING_TIMEOUT": "1s"}
    with scene(Feed(faults=faults), window="1s", window_us=WINDOW_US, rows=60, settings=settings) as found:
        client = found.replicas[0].client
        off = {"statistic": "volume", "feature": None, "version": None, "warning": None, "critical": None}
        client.put(f"{PATH}/thresholds", json=off).raise_for_status()  # a slow machine sends what it can
        client.post("/v1/cloudevents", params={"model": MODEL}, headers=KSERVE, json={"predictions": [0.5]})
        client.get("/v1/limits", headers={"Authorization": "Bearer nonsense"})
        client.put("/v1/models/nobody/batches/1", json={"rows": []})
        while time.time() < found.started_s + FEED_S or not found.prometheus.get("query", query="drift_episode_info"):
            assert found.post(rows=30).status_code == 200
            found.post(rows=20, late=True)
            time.sleep(0.25)
        yield found


def panels(path: Path) -> Iterator[dict[str, Any]]:
    """Every panel that shows something."""
    yield from (panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row")


def filled(query: str, variables: dict[str, str]) -> str:
    """A query with its variables and Grafana's words."""
    query = query.replace("$__rate_interval", "60s")
    for name, value in variables.items():
        query = query.replace(f"${name}", value)
    return query


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_panel_shows_series(watched: Scene, path: Path) -> None:
    """Each Prometheus query finds series on the replicas' pages, whatever the dashboard is for."""
    variables = VARIABLES if path.stem == "feature" else FULL
    for panel in panels(path):
        for target in panel["targets"]:
            if "expr" in target:
                found = watched.prometheus.wait(filled(target["expr"], variables), seconds=20)
                assert found, panel["title"]
                assert not re.search(r"\$[a-z_]", filled(target["expr"], variables))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_variable_can_be_chosen(watched: Scene, path: Path) -> None:
    """Each variable that asks Prometheus is offered a value."""
    for one in json.loads(path.read_text())["templating"]["list"]:
        if one["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", one["definition"])
            assert asked is not None
            series = watched.prometheus.wait(filled(asked[1], VARIABLES))
            assert any(found["metric"].get(asked[2]) for found in series), one["name"]


def test_every_statement_finds_rows(watched: Scene) -> None:
    """Each SQL query finds the bins of the feature, and nulls are what moved."""
    words = {
        **{f"${{{name}:sqlstring}}": f"'{value}'" for name, value in VARIABLES.items()},
        "${baseline:sqlstring}": "'1'",
        "$__timeFilter(window_start)": "window_start BETWEEN now() - interval '1 hour' AND now()",
        "$__timeGroup(window_start, $__interval)": "floor(extract(epoch FROM window_start) / 5) * 5",
    }
    answers: dict[str, list[tuple[Any, ...]]] = {}
    with EmbeddedPostgres(watched.replicas[0].data_dir) as server, psycopg.connect(server.url) as conn:
        for panel in (panel for path in BOARDS for panel in panels(path)):
            for query in (target["rawSql"] for target in panel["targets"] if "rawSql" in target):
                for word, value in words.items():
                    query = query.replace(word, value)  # noqa: PLW2901 - word by word
                assert "$" not in query, panel["title"]
                answers[panel["title"]] = conn.execute(query.encode()).fetchall()
    assert len(answers) == 3
    assert all(answers.values())
    assert answers["Bins that moved"][0][0] == "null"
    assert answers["Bins that moved"][0][3] > 0.3


def test_the_page_tells_cause_evidence_and_dashboard(watched: Scene) -> None:
    """The alert that fires leads to the feature's explanation and to its dashboard, wherever those are."""
    watched.prometheus.wait('ALERTS{severity="critical", feature="device_age", alertstate="firing"}')
    alerts = watched.prometheus.get("alerts")["alerts"]
    (page,) = [one for one in alerts if one["labels"].get("feature") and one["labels"]["severity"] == "critical"]
    assert page["labels"]["feature"] == "device_age"
    assert page["labels"]["alertname"] in {"DriftgaugeNulls", "DriftgaugeDriftCritical"}
    told = page["annotations"]
    assert "Most likely cause: nulls." in told["description"]
    path = "/v1/models/payments/features/device_age/explanation?version=default"
    assert told["evidence"] == f"http://drift.example.org{path}"
    assert watched.replicas[1].client.get(path).json()["bins"]
    assert told["dashboard"] == (
        "http://grafana.example.org/d/driftgauge-feature?var-feature=device_age&var-model=payments&var-version=default"
    )
    assert (ROOT / told["runbook_url"]).exists()


def test_no_rule_fails(watched: Scene) -> None:
    """Every rule is evaluated on the pages of two replicas."""
    groups = watched.prometheus.get("rules")["groups"]
    assert [rule["lastError"] for group in groups for rule in group["rules"] if "lastError" in rule] == []


def test_no_sample_is_dropped(watched: Scene) -> None:
    """Prometheus takes every sample of every scrape: none out of order, twice or out of bounds."""
    for name in ("out_of_order", "duplicate_timestamp", "out_of_bounds"):
        answer = watched.prometheus.raw(f"prometheus_target_scrapes_sample_{name}_total")
        assert answer == 0, name
