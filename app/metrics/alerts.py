"""What to page on, what to warn about, and why: the rules themselves."""

from collections.abc import Mapping
from textwrap import indent
from typing import Final

from app.metrics.alert import Alert, Record
from app.metrics.service_alerts import SERVICE

_KEYS: Final = "model, version, feature, statistic"
_SCORE: Final = f"max by ({_KEYS}) (drift_score)"
_OVER: Final = (
    f'{_SCORE}\n  > on ({_KEYS}) group_right ()\nmax by ({_KEYS}, severity) (drift_score_threshold{{severity="%s"}})'
)
_OWN: Final = {
    "null_ratio": ("DriftgaugeNulls", "Missing values"),
    "unseen_ratio": ("DriftgaugeUnseen", "Categories never seen before"),
    "invalid_ratio": ("DriftgaugeInvalid", "Values of the wrong kind"),
    "volume": ("DriftgaugeVolume", "Unusual number of rows"),
}
_OTHERS: Final = f'statistic!~"{"|".join(_OWN)}"'
_SILENT: Final = (
    "min by ({by}) (timestamp(drift_last_row_timestamp_seconds) - drift_last_row_timestamp_seconds)\n"
    "  > on ({by})\n"
    "max by ({by}) (drift_silence_limit_seconds)"
)
_QUIET: Final = (
    "max by (model) (driftgauge_last_evaluation_timestamp_seconds)\n"
    "  - on (model) max by (model) (drift_last_row_timestamp_seconds)\n"
    "  > on (model) max by (model) (drift_silence_limit_seconds)"
)
"""The same by the database's clock: when it and Prometheus's disagree, nobody is woken for that."""
_INCIDENT: Final = "drift_incident_start_timestamp_seconds"
_HELD: Final = (
    f"max by ({_KEYS}) (\n"
    f"  {_INCIDENT}{{%(which)s}}\n"
    "  or\n"
    f"  last_over_time({_INCIDENT}{{%(which)s}}[1h]) and on () absent(driftgauge_build_info)\n"
    ")"
)
"""What was open when the last replica went is open until one tells: no outage pages it a second time."""
_ALONE: Final = f"unless on (model, version)\n  {_INCIDENT}"
"""Beside an incident no line, no episode and no expectation of the same version is a page of its own."""
_WHERE: Final = "{{ $labels.model }}, version {{ $labels.version }}{{ with $labels.feature }}, feature {{ . }}{{ end }}"
_NAMED: Final = f"{_WHERE}: {{{{ $labels.statistic }}}}"
_BROKEN: Final = f"{_WHERE}: {{{{ $labels.expectation }}}}"
_SCORED: Final = (
    "{{ with printf `max(drift_score{model=%q, version=%q, feature=%q, statistic=%q})`"
    " $labels.model $labels.version $labels.feature $labels.statistic | query }}"
    "{{ . | first | value | humanize }}{{ end }}"
)
_CAUSE: Final = (
    "{{ with printf `max by (cause) (drift_episode_info{model=%q, version=%q, feature=%q, statistic=%q})`"
    " $labels.model $labels.version $labels.feature $labels.statistic | query }}"
    " Most likely cause: {{ . | first | label `cause` }}.{{ end }}"
)
_BESIDE: Final = (
    "{{ with printf `topk(10, count by (feature, cause) (drift_episode_info{model=%q, version=%q, feature!=%q}))`"
    " $labels.model $labels.version $labels.feature | query | sortByLabel `feature` }}"
    " Drifting with it:{{ range . }} {{ or .Labels.feature `number of rows` }} ({{ .Labels.cause }}){{ end }}.{{ end }}"
)


def _named(name: str, statistic: str, *, what: str) -> Alert:
    """Page on an incident that began with a share or the volume; their evidence has no line in their own unit."""
    own = f'statistic="{statistic}"'
    return Alert(
        name,
        "critical",
        f"{_HELD % {'which': own}}\n"
        "or\n"
        f'max by ({_KEYS}) (\n  drift_episode_info{{severity="critical", statistic="{statistic}"}}\n'
        f"  {_ALONE}\n)",
        f"{what} in {_WHERE}",
        "{{ $labels.statistic }} has gathered more evidence than the budget allows: this is outside what the "
        f"reference period does by itself.{_CAUSE}{_BESIDE}",
    )


RECORDS: Final = (
    Record(
        "model_version_severity:drift_features_over_threshold:count",
        "count by (model, version, severity) (\n"
        f"  {_SCORE}\n"
        f"    > on ({_KEYS}) group_right ()\n"
        f"  max by ({_KEYS}, severity) (drift_score_threshold)\n"
        ")",
    ),
)

DRIFT: Final = (
    Alert(
        "DriftgaugeDriftCritical",
        "critical",
        f"{_HELD % {'which': _OTHERS}}\nor\nmax by ({_KEYS}) (\n{indent(_OVER % 'critical', '  ')}\n  {_ALONE}\n)",
        f"Drift in {_NAMED}",
        f"{{{{ $labels.statistic }}}} crossed its critical line and is {_SCORED}: this is outside what the reference "
        f"period does by itself.{_CAUSE}{_BESIDE}",
    ),
    *(_named(name, statistic, what=what) for statistic, (name, what) in _OWN.items()),
    Alert(
        "DriftgaugeDriftWarning",
        "warning",
        _OVER % "warning",
        f"Unusual window in {_NAMED}",
        "{{ $labels.statistic }} of the last window is {{ $value | humanize }}, over its warning line. Single windows "
        f"over a warning line are normal now and then.{_CAUSE}",
    ),
    Alert(
        "DriftgaugeDriftOverDays",
        "warning",
        f'max by ({_KEYS}, window) (drift_rollup_episode_info{{severity="warning"}})\n'
        'unless on (model, version, feature)\n  drift_episode_info{severity="critical"}',
        f"Drift over days or weeks in {_NAMED}, windows of {{{{ $labels.window }}}}",
        "Added up to windows of {{ $labels.window }}, this is outside what the reference period does by itself. The "
        "model's own windows do not show it, or have too few rows to.",
    ),
    Alert(
        "DriftgaugeFeedSilent",
        "critical",
        f"{_SILENT.format(by='model')}\nand on (model)\n{_QUIET}",
        "No rows from {{ $labels.model }}",
        "The last row came {{ $value | humanizeDuration }} ago, longer than this feed is ever quiet. Its drift scores "
        "stand still and mean nothing until rows come again.",
        wait="1m",  # senders that were refused while the database was away are given the time to come back
    ),
    Alert(
        "DriftgaugeVersionSilent",
        "warning",
        f"{_SILENT.format(by='model, version')}\nunless on (model)\n{_SILENT.format(by='model')}",
        "No rows from {{ $labels.model }}, version {{ $labels.version }}, while other versions have some",
        "The last row came {{ $value | humanizeDuration }} ago. A version that was retired leaves the metrics a week "
        "after its last row; one that was not has lost its feed.",
    ),
    Alert(
        "DriftgaugeBaselineMissing",
        "warning",
        "max by (model) (drift_alert_budget_pages_per_month)\nunless on (model)\nmax by (model) (drift_baseline_info)",
        "{{ $labels.model }} has no baseline",
        "Nothing can be compared, and every batch is refused until a baseline is active.",
        wait="1h",
    ),
    Alert(
        "DriftgaugeCalibrationMissing",
        "warning",
        'max by (model, version) (drift_features{status="calibrating"}) > 0',
        "{{ $labels.model }}, version {{ $labels.version }} is not calibrated",
        "{{ $value | humanize }} features cannot be judged: their baseline is too short to tell what is normal, so no "
        "drift of theirs will page.",
        wait="1h",
    ),
)

EXPECTATIONS: Final = (
    Alert(
        "DriftgaugeExpectationFailed",
        "critical",
        'min by (model, version, expectation, feature) (drift_expectation_success{severity="critical"}) == 0\n'
        f"{_ALONE}",
        _BROKEN,
        "The newest validated window breaks an expectation that its suite calls critical.",
    ),
    Alert(
        "DriftgaugeExpectationUnusual",
        "warning",
        'min by (model, version, expectation, feature) (drift_expectation_success{severity="warning"}) == 0',
        _BROKEN,
        "The newest validated window breaks an expectation that its suite calls a warning.",
    ),
)

GROUPS: Final[Mapping[str, tuple[Record | Alert, ...]]] = {
    "driftgauge-records": RECORDS,
    "driftgauge-drift": DRIFT,
    "driftgauge-service": SERVICE,
    "driftgauge-expectations": EXPECTATIONS,
}
