"""What the dashboards of models and features ask Prometheus."""

from typing import Final

MODEL: Final = 'model="$model", version=~"$version"'
FEATURE: Final = f'{MODEL}, feature=~"$feature"'


def score(statistic: str) -> str:
    """One statistic of the chosen features, alike on all replicas."""
    return f'max by (version, feature) (drift_score{{{FEATURE}, statistic="{statistic}"}})'


def with_lines(shown: str, threshold: str, *, by: str) -> str:
    """Series, and the thresholds that belong to them with a label `line` for the legend."""
    drawn = f"max by ({by}, severity) (drift_score_threshold{{{threshold}}})"
    return f'max by ({by}) ({shown})\n  or label_replace({drawn}, "line", " $1 line", "severity", "(.+)")'


def drawn(statistic: str) -> str:
    """One statistic of the chosen features with its lines."""
    where = f'{FEATURE}, statistic="{statistic}"'
    return with_lines(f"drift_score{{{where}}}", where, by="version, feature")


def of_line(statistic: str, severity: str) -> str:
    """One statistic of the chosen features as a share of its line."""
    keys = "(version, feature)"
    drawn = f'drift_score_threshold{{{FEATURE}, statistic="{statistic}", severity="{severity}"}}'
    return f"{score(statistic)} / on {keys} max by {keys} ({drawn} > 0)"


def ratio(statistic: str) -> str:
    """One statistic of the chosen features as a share of the line that pages."""
    return of_line(statistic, "critical")


def named(statistics: str) -> str:
    """Statistics of the chosen feature by name, with their lines."""
    where = f'{FEATURE}, statistic=~"{statistics}"'
    return with_lines(f"drift_score{{{where}}}", where, by="statistic")


def otherwise(query: str, label: str, word: str) -> str:
    """A query that shows one word at zero while there is nothing."""
    return f'{query}\n  or on () label_replace(vector(0), "{label}", "{word}", "", "")'


FEATURES_BY_STATUS: Final = f"sum by (status) (max by (version, status) (drift_features{{{MODEL}}}))"
CLOSEST: Final = (
    f"topk(10, clamp_max(max by (version, feature, statistic) (drift_score{{{MODEL}}})"
    " / on (version, feature, statistic) group_right ()"
    f" max by (version, feature, statistic, severity) (drift_score_threshold{{{MODEL}}} > 0), 2))"
)
AGE: Final = f"time() - max by (version) (drift_window_end_timestamp_seconds{{{MODEL}}})"
SILENCE: Final = f"time() - max by (version) (drift_last_row_timestamp_seconds{{{MODEL}}})"
SILENCE_LIMIT: Final = f"max by (version) (drift_silence_limit_seconds{{{MODEL}}})"
BASELINE: Final = 'max by (baseline) (drift_baseline_info{model="$model"})'
MODEL_USED: Final = (
    'max(drift_alert_budget_spent_pages{model="$model"}) / max(drift_alert_budget_pages_per_month{model="$model"})'
)
CAUSE: Final = otherwise(f"max by (cause) (drift_episode_info{{{FEATURE}}})", "cause", "none")
EPISODES: Final = f"count(max by (version, feature, statistic) (drift_episode_info{{{MODEL}}})) or vector(0)"
ROLLED: Final = otherwise(
    f"max by (window, version, feature, statistic, cause) (drift_rollup_episode_info{{{MODEL}}})", "cause", "none"
)
ROWS: Final = f"max by (version) (drift_window_rows{{{MODEL}}})"
ROWS_DRAWN: Final = with_lines(f"drift_window_rows{{{MODEL}}}", f'{MODEL}, statistic="volume"', by="version")
MEAN: Final = f"max by (version, feature) (drift_feature_mean{{{FEATURE}}})"
INGEST: Final = 'sum by (outcome) (rate(driftgauge_ingest_rows_total{model="$model"}[$__rate_interval]))'
RANKS: Final = {"critical": 5, "warning": 4, "insufficient_rows": 3, "calibrating": 2, "no_baseline": 1}
"""How bad each status is; a model is as bad as its worst feature."""
STATE: Final = (
    "max by (model) (\n  "
    + "\n  or ".join(f'(drift_features{{status="{status}"}} > bool 0) * {rank}' for status, rank in RANKS.items())
    + "\n)"
)
MODELS: Final = "count(max by (model) (drift_alert_budget_pages_per_month))"
NONE: Final = "0 * max by (model) (drift_alert_budget_pages_per_month)"
OPEN_BY_MODEL: Final = f"count by (model) (max by (model, version, feature, statistic) (drift_episode_info)) or {NONE}"
SPENT: Final = "max by (model) (drift_alert_budget_spent_pages)"
USED: Final = f"{SPENT} / on (model) max by (model) (drift_alert_budget_pages_per_month)"
QUIET: Final = (
    "max by (model) (\n"
    "  (time() - max by (model, version) (drift_last_row_timestamp_seconds))\n"
    "  / on (model, version) max by (model, version) (drift_silence_limit_seconds)\n"
    ")"
)
SILENT: Final = f"count({QUIET} > 1) or vector(0)"
OLD: Final = "max by (model) (time() - max by (model, version) (drift_window_end_timestamp_seconds))"
ACCEPTED: Final = 'sum by (model) (rate(driftgauge_ingest_rows_total{outcome="accepted"}[$__rate_interval]))'
AT_LINE: Final = (
    "topk(10, max by (model, version, feature, statistic) (drift_score)\n"
    "  / on (model, version, feature, statistic) group_right ()\n"
    'max by (model, version, feature, statistic) (drift_score_threshold{severity="critical"} > 0))'
)
CRITICAL_MODELS: Final = f"count({STATE} == 5) or vector(0)"
ALL_EPISODES: Final = "count(max by (model, version, feature, statistic) (drift_episode_info)) or vector(0)"
BROKE: Final = f"count({USED} > 1) or vector(0)"
