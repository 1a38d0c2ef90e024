"""The alerting rules, judged by Prometheus's own tool."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.metrics import alerts, families, rules
from app.metrics.alert import Alert
from app.metrics.page import Page
from metrics.cases import CASES
from metrics.matrix import SITUATIONS, document, incident
from metrics.tools import ROOT, promtool
from metrics.views import complete, model, used

DEPLOYED = ROOT / "deploy" / "prometheus" / "driftgauge.rules.yml"
ALERTS = [rule for group in alerts.GROUPS.values() for rule in group if isinstance(rule, Alert)]
NAMED = {alert.name: alert for alert in ALERTS}
METRIC = re.compile(r"\b(?:driftgauge|drift)_[a-z_]+")


def passes(tests: Mapping[str, object], folder: Path) -> None:
    """Let promtool run tests."""
    (folder / "tests.yml").write_text(json.dumps(tests), encoding="utf-8")
    result = promtool("test", "rules", str(folder / "tests.yml"))
    assert result.returncode == 0, result.stdout + result.stderr


def known_metrics() -> set[str]:
    """Every sample name the page can show."""
    page = Page(used(), max_series=1000)
    page.publish([complete()])
    return set(re.findall(r"^([a-z_]+)[{ ]", page.render(None, None)[0].decode(), re.MULTILINE))


def test_the_deployed_rules_are_the_generated_ones() -> None:
    """`driftgauge rules` and deploy/prometheus never part; `make dashboards` writes them anew."""
    assert DEPLOYED.read_text() == rules.text()


@pytest.mark.parametrize("url", [None, "https://drift.example.org/"])
def test_promtool_accepts_the_rules(tmp_path: Path, url: str | None) -> None:
    """Syntax and templates are lawful with and without links."""
    path = tmp_path / "rules.yml"
    path.write_text(rules.text(url))
    result = promtool("check", "rules", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_accepts_the_page() -> None:
    """The exposition keeps Prometheus's own naming advice."""
    page = Page(used(), max_series=1000)
    page.publish([model()])
    own = [line for line in page.render(None, None)[0].decode().splitlines() if "process_" not in line]
    result = promtool("check", "metrics", text="\n".join(own) + "\n")
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_the_rules_pass_their_unit_tests() -> None:
    """They fire, stay quiet, and bear replicas and severities."""
    result = promtool("test", "rules", str(DEPLOYED.with_name("driftgauge.rules.test.yml")))
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_example_configuration_is_lawful() -> None:
    """deploy/prometheus/prometheus.yml loads with its rules."""
    result = promtool("check", "config", str(DEPLOYED.with_name("prometheus.yml")))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_can_be_acted_on(alert: Alert) -> None:
    """Each has a severity, a summary, a description and a runbook that exists."""
    assert alert.severity in {"warning", "critical"}
    assert alert.summary
    assert alert.description
    runbook = ROOT / rules.RUNBOOKS / f"{alert.name}.md"
    assert runbook.read_text().startswith(f"# {alert.name}\n")


def test_every_runbook_belongs_to_an_alert() -> None:
    """A renamed alert takes its page along."""
    assert {page.stem for page in (ROOT / rules.RUNBOOKS).glob("*.md")} == {alert.name for alert in ALERTS}


def test_every_metric_in_the_rules_exists() -> None:
    """No rule waits for a series that nobody exposes."""
    named = {name for group in alerts.GROUPS.values() for rule in group for name in METRIC.findall(rule.expr)}
    assert named <= known_metrics()
    assert set(families.HELP) <= known_metrics()


def test_a_link_changes_no_alert() -> None:
    """With a URL the page has the same groups, names, expressions and labels, so loading both pages once."""
    plain = yaml.safe_load(rules.text())
    linked = yaml.safe_load(rules.text("https://drift.example.org"))

    def links(document: dict[str, Any]) -> list[str]:
        found = [rule["annotations"] for group in document["groups"] for rule in group["rules"] if "alert" in rule]
        return [annotations.pop("evidence") for annotations in found if "evidence" in annotations]

    assert all("driftgauge_build_info" in link for link in links(plain))
    assert all(link.startswith("https://drift.example.org/v1/models/") for link in links(linked))
    assert plain == linked


def test_every_alert_is_shown_to_fire_and_to_stay_quiet() -> None:
    """The unit tests hold, for each alert, a moment at which it fires with all it says and one at which it does not."""
    cases = yaml.safe_load(DEPLOYED.with_name("driftgauge.rules.test.yml").read_text())["tests"]
    told = [(one["alertname"], bool(one["exp_alerts"])) for case in cases for one in case.get("alert_rule_test", ())]
    names = {alert.name for alert in ALERTS}
    assert {name for name, fires in told if fires} == names
    assert {name for name, fires in told if not fires} == names


def test_every_alert_has_a_case() -> None:
    """A new alert, or one that is renamed, is put into every situation."""
    assert CASES.keys() == NAMED.keys()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_alert_in_every_situation(tmp_path: Path, situation: str) -> None:
    """It fires, stays quiet, ends with its series, misses none, counts two replicas as one, and bears a restart."""
    passes(document(situation, alerts=NAMED, rules=str(DEPLOYED)), tmp_path)


def test_one_incident_is_one_page(tmp_path: Path) -> None:
    """Lines, episodes and expectations beside an incident page nobody; it pages under its statistic's name."""
    passes(incident(NAMED, rules=str(DEPLOYED)), tmp_path)
