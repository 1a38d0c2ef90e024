"""What the dashboards ask Prometheus and Postgres."""

from typing import Final

MODEL: Final = 'model="$model", version=~"$version"'
FEATURE: Final = f'{MODEL}, feature=~"$feature"'


def score(statistic: str) -> str:
    """One statistic of the chosen features, alike on all replicas."""
    return f'max by (version, feature) (drift_score{{{FEATURE}, statistic="{statistic}"}})'


def line(statistic: str) -> str:
    """The lines of one statistic of the chosen features."""
    return f'max by (version, feature, severity) (drift_score_threshold{{{FEATURE}, statistic="{statistic}"}})'


def _p99(histogram: str) -> str:
    return f"histogram_quantile(0.99, sum by (le) (rate({histogram}_bucket[$__rate_interval])))"


FEATURES_BY_STATUS: Final = f"sum by (status) (max by (version, status) (drift_features{{{MODEL}}}))"
CLOSEST: Final = (
    f"topk(10, max by (version, feature, statistic) (drift_score{{{MODEL}}})"
    " / on (version, feature, statistic) group_right ()"
    f" max by (version, feature, statistic, severity) (drift_score_threshold{{{MODEL}}} > 0))"
)
AGE: Final = f"time() - max by (version) (drift_window_end_timestamp_seconds{{{MODEL}}})"
SILENCE: Final = f"time() - max by (version) (drift_last_row_timestamp_seconds{{{MODEL}}})"
SILENCE_LIMIT: Final = f"max by (version) (drift_silence_limit_seconds{{{MODEL}}})"
BASELINE: Final = 'max by (baseline) (drift_baseline_info{model="$model"})'
BUDGET: Final = 'max(drift_alert_budget_pages_per_month{model="$model"})'
EPISODES: Final = f"count(max by (version, feature, statistic) (drift_episode_info{{{MODEL}}})) or vector(0)"
ROWS: Final = f"max by (version) (drift_window_rows{{{MODEL}}})"
ROWS_LINE: Final = f'max by (version, severity) (drift_score_threshold{{{MODEL}, statistic="volume"}})'
MEAN: Final = f"max by (version, feature) (drift_feature_mean{{{FEATURE}}})"
INGEST: Final = 'sum by (outcome) (rate(driftgauge_ingest_rows_total{model="$model"}[$__rate_interval]))'
REQUESTS: Final = "sum by (format, code) (rate(driftgauge_ingest_requests_total[$__rate_interval]))"
COMMIT: Final = _p99("driftgauge_ingest_commit_seconds")
EVALUATION: Final = _p99("driftgauge_evaluation_seconds")

HISTOGRAM: Final = """\
WITH chosen AS (
  SELECT window_start, bin, label, count
  FROM feature_histogram
  WHERE model = ${model:sqlstring}
    AND version IN (${version:sqlstring})
    AND feature = ${shape:sqlstring}
    AND $__timeFilter(window_start)
),
newest AS (SELECT * FROM chosen WHERE window_start = (SELECT max(window_start) FROM chosen))
SELECT
  label,
  sum(count) / nullif((SELECT sum(count) FROM chosen), 0) AS "whole range",
  coalesce((SELECT sum(count) FROM newest WHERE newest.bin = chosen.bin), 0)
    / nullif((SELECT sum(count) FROM newest), 0) AS "newest window"
FROM chosen
GROUP BY bin, label
ORDER BY bin"""
