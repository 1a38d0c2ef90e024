"""Prometheus rules for the exposed series: what to page on, what to warn about, and why."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

RUNBOOKS: Final = "docs/runbooks"

_KEYS: Final = "model, version, feature, statistic"
_OVER: Final = """\
max by ({keys}) (drift_score)
  > on ({keys}) group_right ()
max by ({keys}, severity) (drift_score_threshold{{severity="{severity}"}})"""
_WHERE: Final = (
    "{{ $labels.model }}, version {{ $labels.version }}"
    "{{ with $labels.feature }}, feature {{ . }}{{ end }}: {{ $labels.statistic }}"
)
_PATH: Final = '{{ reReplaceAll "\\\\+" "%20" (urlquery $labels.model) }}'
_CAUSE: Final = (
    "{{ with printf `max by (cause) (drift_episode_info{model=%q, version=%q, feature=%q, statistic=%q})`"
    " $labels.model $labels.version $labels.feature $labels.statistic | query }}"
    " Most likely cause: {{ . | first | label `cause` }}.{{ end }}"
)


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule; its runbook is the page of its name."""

    name: str
    severity: str
    expr: str
    summary: str
    description: str
    wait: str | None = None
    keep: str | None = None


RECORDS: Final = (
    Record(
        "model_version_severity:drift_features_over_threshold:count",
        "count by (model, version, severity) (\n"
        "  max by (model, version, feature, statistic) (drift_score)\n"
        "    > on (model, version, feature, statistic) group_right ()\n"
        "  max by (model, version, feature, statistic, severity) (drift_score_threshold)\n"
        ")",
    ),
)

DRIFT: Final = (
    Alert(
        "DriftgaugeDriftCritical",
        "critical",
        _OVER.format(keys=_KEYS, severity="critical"),
        f"Drift in {_WHERE}",
        "{{ $labels.statistic }} is {{ $value | humanize }}, over its critical line: this is outside what the "
        f"reference period does by itself.{_CAUSE}",
    ),
    Alert(
        "DriftgaugeEpisode",
        "critical",
        "max by (model, version, feature, statistic) (\n"
        '  drift_episode_info{severity="critical", statistic=~"null_ratio|unseen_ratio|invalid_ratio|volume"}\n'
        ") == 1",
        f"Drift in {_WHERE}",
        "{{ $labels.statistic }} has gathered more evidence than the budget allows: this is outside what the "
        f"reference period does by itself.{_CAUSE}",
    ),
    Alert(
        "DriftgaugeDriftWarning",
        "warning",
        _OVER.format(keys=_KEYS, severity="warning"),
        f"Unusual window in {_WHERE}",
        "{{ $labels.statistic }} of the last window is {{ $value | humanize }}, over its warning line. Single windows "
        "over a warning line are normal now and then.",
    ),
    Alert(
        "DriftgaugeFeedSilent",
        "critical",
        "time() - max by (model, version) (drift_last_row_timestamp_seconds)\n"
        "  > on (model, version)\n"
        "max by (model, version) (drift_silence_limit_seconds)",
        "No rows from {{ $labels.model }}, version {{ $labels.version }}",
        "The last row came {{ $value | humanizeDuration }} ago, longer than this feed is ever quiet. Its drift scores "
        "stand still and mean nothing until rows come again.",
    ),
)

SERVICE: Final = (
    Alert(
        "DriftgaugeDown",
        "critical",
        "absent(driftgauge_build_info)",
        "No Driftgauge answers",
        "Prometheus has scraped no Driftgauge for two minutes: nobody is watching the models.",
        wait="2m",
    ),
    Alert(
        "DriftgaugeReplicaDown",
        "warning",
        "up == 0\n  and on (job, instance)\nlast_over_time(driftgauge_build_info[1h])",
        "Driftgauge at {{ $labels.instance }} does not answer",
        "Prometheus could not scrape this replica for five minutes.",
        wait="5m",
    ),
    Alert(
        "DriftgaugeDatabaseDown",
        "critical",
        "max(driftgauge_database_up) == 0",
        "No Driftgauge reaches its database",
        "Every replica has lost Postgres: batches are refused and senders must retry.",
        wait="2m",
    ),
    Alert(
        "DriftgaugeEvaluationLate",
        "warning",
        "time() - max by (model) (driftgauge_last_evaluation_timestamp_seconds) > 600",
        "{{ $labels.model }} is not being evaluated",
        "No replica has looked for windows to score for {{ $value | humanizeDuration }}.",
        wait="1m",
    ),
    Alert(
        "DriftgaugeEvaluationFailing",
        "warning",
        "sum by (model) (increase(driftgauge_evaluation_failures_total[15m])) > 0",
        "Evaluations of {{ $labels.model }} fail",
        "{{ $value | humanize }} evaluations ended in an error within 15 minutes; scores may be out of date.",
        keep="15m",
    ),
    Alert(
        "DriftgaugeLedgerImbalance",
        "critical",
        "max(abs(driftgauge_ledger_imbalance_rows)) > 0",
        "Rows were lost or counted twice",
        "Ledger and windows differ by {{ $value | humanize }} rows. Scores cannot be trusted until this is understood.",
        wait="5m",
    ),
    Alert(
        "DriftgaugeJournalOld",
        "warning",
        "time() - min(driftgauge_journal_oldest_timestamp_seconds > 0) > 300",
        "The journal is not being folded",
        "The oldest waiting row is {{ $value | humanizeDuration }} old. Reads stay right but grow slower.",
        wait="5m",
    ),
    Alert(
        "DriftgaugeSeriesDropped",
        "warning",
        "max(driftgauge_series_dropped) > 0",
        "Drift series are left out of /metrics",
        "{{ $value | humanize }} series exceed DRIFTGAUGE_MAX_SERIES; the least important statistics are missing.",
        wait="10m",
    ),
)

GROUPS: Final[Mapping[str, tuple[Record | Alert, ...]]] = {
    "driftgauge-records": RECORDS,
    "driftgauge-drift": DRIFT,
    "driftgauge-service": SERVICE,
}


def text(url: str | None = None) -> str:
    """The rules as YAML; with the service's URL, alerts of a model link to its evidence."""
    return "\n".join(_lines(url)) + "\n"


def _lines(url: str | None) -> Iterator[str]:
    yield "# Written by `driftgauge rules`."
    yield "groups:"
    for group, rules in GROUPS.items():
        yield f"  - name: {group}"
        yield "    rules:"
        for rule in rules:
            yield from _record(rule) if isinstance(rule, Record) else _alert(rule, url)


def _record(rule: Record) -> Iterator[str]:
    yield f"      - record: {rule.name}"
    yield from _expr(rule.expr)


def _alert(rule: Alert, url: str | None) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield from _expr(rule.expr)
    if rule.wait:
        yield f"        for: {rule.wait}"
    if rule.keep:
        yield f"        keep_firing_for: {rule.keep}"
    yield "        labels:"
    yield f"          severity: {rule.severity}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(rule.summary)}"
    yield f"          description: {json.dumps(rule.description)}"
    yield f"          runbook_url: {json.dumps(f'{RUNBOOKS}/{rule.name}.md')}"
    if url and "$labels.model" in rule.summary:
        evidence = f"{url.rstrip('/')}/v1/models/{_PATH}/status"
        yield f"          evidence: {json.dumps(evidence)}"


def _expr(expr: str) -> Iterator[str]:
    yield "        expr: |-"
    for line in expr.splitlines():
        yield f"          {line}"
