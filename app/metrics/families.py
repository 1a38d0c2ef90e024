"""The drift series: their names, what they teach, and which survive when there are too many."""

from typing import Final

SCORE: Final = "drift_score"
THRESHOLD: Final = "drift_score_threshold"
SCORED: Final = "drift_feature_scored"
FEATURES: Final = "drift_features"
WINDOW_ROWS: Final = "drift_window_rows"
WINDOW_START: Final = "drift_window_start_timestamp_seconds"
WINDOW_END: Final = "drift_window_end_timestamp_seconds"
LAST_ROW: Final = "drift_last_row_timestamp_seconds"
SILENCE_LIMIT: Final = "drift_silence_limit_seconds"
MEAN: Final = "drift_feature_mean"
DISTINCT: Final = "drift_distinct_values"
BASELINE: Final = "drift_baseline_info"
BASELINE_CREATED: Final = "drift_baseline_created_timestamp_seconds"
BUDGET: Final = "drift_alert_budget_pages_per_month"
SPENT: Final = "drift_alert_budget_spent_pages"
EPISODE: Final = "drift_episode_info"
ROLLUP: Final = "drift_rollup_episode_info"
EXPECTATION: Final = "drift_expectation_success"
UNEXPECTED: Final = "drift_expectation_unexpected_ratio"
INCIDENT: Final = "drift_incident_start_timestamp_seconds"

VOLUME: Final = "volume"

HELP: Final = {
    SCORE: (
        "How far the last evaluated window is from its reference, by statistic. Statistics have different scales: "
        "compare each with drift_score_threshold, never sum or average over statistic. Larger means more drift."
    ),
    THRESHOLD: (
        "The line drift_score is compared with, resolved for this series; a calibrated line moves with the window. "
        "No sample means that the line is off."
    ),
    SCORED: (
        "1 when the last evaluated window gave this feature a score, 0 when it kept an older one: too few rows, or "
        "still calibrating."
    ),
    FEATURES: "Number of features in each status; the statuses of a version add up to its features.",
    WINDOW_ROWS: "Accepted rows of the last evaluated window.",
    WINDOW_START: "Start of the last evaluated window, as Unix time.",
    WINDOW_END: "End of the last evaluated window, as Unix time; time() minus this is the age of the scores.",
    LAST_ROW: "When the last accepted row was received, as Unix time; time() minus this is the silence of the feed.",
    SILENCE_LIMIT: (
        "The longest silence that is normal for this feed; compare with time() - drift_last_row_timestamp_seconds."
    ),
    MEAN: "Mean of the finite values of a numeric feature in the last evaluated window, in the feature's own unit.",
    DISTINCT: (
        "About how many different values a categorical feature had in the last evaluated window, within some percent."
    ),
    BASELINE: "Always 1; the label names the active baseline, so a change of baseline is a change of series.",
    BASELINE_CREATED: "When the active baseline was made, as Unix time.",
    BUDGET: "Pages a month that the owner accepts for this model; calibrated lines follow from it.",
    SPENT: (
        "Pages of the last 30 days, drift that began together being one; compare with "
        "drift_alert_budget_pages_per_month."
    ),
    EPISODE: "Always 1 while an episode is open; the label names its most likely cause.",
    ROLLUP: (
        "Always 1 while an episode of local days or weeks, told by the label window, is open: worth a ticket, no page. "
        "Days and weeks are judged by themselves; all other drift series are of the model's own windows."
    ),
    EXPECTATION: "1 when the newest window on which the suite ran met the expectation, 0 when it did not.",
    UNEXPECTED: "Share of that window's values that the expectation did not expect.",
    INCIDENT: (
        "While an incident is open, the start of its first window as Unix time. Episodes that belong together are one "
        "incident, named by its first feature and statistic until the last of them closes: one incident, one page."
    ),
}

KEPT: Final = (
    "evidence",
    "volume",
    "null_ratio",
    "unseen_ratio",
    "invalid_ratio",
    "psi",
    "ks",
    "ratio",
    "wasserstein",
    "js",
    "tvd",
)
"""The order in which statistics are given room under the series cap: the one that pages first."""
