"""The dashboard "Driftgauge: model": is it drifting, where, since when, and does the data arrive."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana import panels, queries

STATUS_COLORS = {
    "ok": "green",
    "warning": "orange",
    "critical": "red",
    "insufficient_rows": "blue",
    "calibrating": "purple",
    "no_baseline": "gray",
}
BY_FEATURE = "{{version}} {{feature}}"
LINE = "{{version}} {{feature}} {{severity}} line"


def build() -> dashboard.Dashboard:
    """Lay out variables, rows and panels."""
    board = (
        dashboard.Dashboard("Driftgauge: model")
        .uid("driftgauge-model")
        .description("Drift of one model's features against its baseline, with the lines its alerts use.")
        .tags(["driftgauge", "drift", "machine learning"])
        .time("now-7d", "now")
        .refresh("1m")
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(_source("datasource", "Prometheus", "prometheus"))
        .with_variable(_source("sql", "Postgres", panels.SQL_TYPE))
        .with_variable(_label("model", "Model", "label_values(drift_features, model)"))
        .with_variable(_many("version", "Version", 'label_values(drift_features{model="$model"}, version)'))
        .with_variable(_many("feature", "Feature", 'label_values(drift_feature_scored{model="$model"}, feature)'))
        .with_variable(_label("shape", "Histogram of", 'label_values(drift_feature_scored{model="$model"}, feature)'))
    )
    for title, row in (("Now", _now()), ("Drift", _drift()), ("Values", _values()), ("Ingest", _ingest())):
        board.with_row(dashboard.Row(title))
        for panel in row:
            board.with_panel(panel)
    return board


def _now() -> list[panels.AnyPanel]:
    return [
        panels.tile(
            "Open episodes",
            "Episodes that are open now: features whose evidence crossed a critical line and has not come back.",
            (queries.EPISODES, "episodes"),
            unit="none",
            limits=(1,),
        ),
        panels.tile(
            "Age of the scores",
            "Time since the end of the last evaluated window. Old scores say nothing about now.",
            (queries.AGE, "{{version}}"),
            unit="s",
        ),
        panels.tile(
            "Silence",
            "Time since the last accepted row was received.",
            (queries.SILENCE, "{{version}}"),
            unit="s",
        ),
        panels.tile(
            "Rows in the last window",
            "Accepted rows of the last evaluated window.",
            (queries.ROWS, "{{version}}"),
            unit="short",
        ),
        panels.tile(
            "Alert budget",
            "Pages a month that the owner accepts for this model; the critical lines follow from it.",
            (queries.BUDGET, "pages a month"),
            unit="none",
        ),
        panels.name_tile("Baseline", "Number of the active baseline.", (queries.BASELINE, "{{baseline}}")),
        panels.shares(
            "Features by status",
            "How many features are in each status; the whole height is all features of the chosen versions.",
            (queries.FEATURES_BY_STATUS, "{{status}}"),
            colors=STATUS_COLORS,
        ),
        panels.lines(
            "Closest to their lines",
            "The ten highest scores as a share of their own line: above 100 % the alert of that severity fires.",
            [(queries.CLOSEST, "{{version}} {{feature}} {{statistic}} {{severity}}")],
            unit="percentunit",
        ),
    ]


def _drift() -> list[panels.AnyPanel]:
    return [
        panels.heat(
            "Evidence by feature",
            "Accumulated log-evidence that a feature is outside its normal range. Orange is worth a look, red is over "
            "the default critical line.",
            (queries.score("evidence"), BY_FEATURE),
            limits=(2.5, 5.16),
        ),
        panels.lines(
            "Evidence",
            "Accumulated log-evidence against its line. It grows while windows stay unusual, else it falls.",
            [(queries.score("evidence"), BY_FEATURE), (queries.line("evidence"), LINE)],
            unit="short",
            width=24,
        ),
        panels.lines(
            "PSI",
            "Population stability index of the last window against the baseline, with its lines.",
            [(queries.score("psi"), BY_FEATURE), (queries.line("psi"), LINE)],
            unit="short",
        ),
        panels.lines(
            "KS",
            "Kolmogorov-Smirnov distance of the last window from the baseline, with its lines; numeric features only.",
            [(queries.score("ks"), BY_FEATURE), (queries.line("ks"), LINE)],
            unit="short",
        ),
    ]


def _values() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Nulls",
            "Share of the window's rows without a value.",
            [(queries.score("null_ratio"), BY_FEATURE), (queries.line("null_ratio"), LINE)],
            unit="percentunit",
            width=8,
        ),
        panels.lines(
            "Unseen",
            "Share of the window's rows with a category that the baseline has never seen.",
            [(queries.score("unseen_ratio"), BY_FEATURE), (queries.line("unseen_ratio"), LINE)],
            unit="percentunit",
            width=8,
        ),
        panels.lines(
            "Invalid",
            "Share of the window's rows with a value of the wrong kind.",
            [(queries.score("invalid_ratio"), BY_FEATURE), (queries.line("invalid_ratio"), LINE)],
            unit="percentunit",
            width=8,
        ),
        panels.lines(
            "Mean",
            "Mean of the finite values of each window, in the feature's own unit.",
            [(queries.MEAN, BY_FEATURE)],
            unit="short",
            width=24,
        ),
        panels.bars(
            "Histogram of $shape",
            "Share of the rows in each bin: the newest window of the chosen time range beside the whole range.",
            queries.HISTOGRAM,
        ),
    ]


def _ingest() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Rows in a window",
            "Accepted rows of each evaluated window, with the lines of volume.",
            [(queries.ROWS, "{{version}}"), (queries.ROWS_LINE, "{{version}} {{severity}} line")],
            unit="short",
        ),
        panels.lines(
            "Silence",
            "Time since the last accepted row against the longest silence that is normal for this feed.",
            [(queries.SILENCE, "{{version}}"), (queries.SILENCE_LIMIT, "{{version}} silence line")],
            unit="s",
        ),
        panels.lines(
            "Rows received",
            "Rows a second by what became of them.",
            [(queries.INGEST, "{{outcome}}")],
            unit="rowsps",
            width=8,
        ),
        panels.lines(
            "Requests",
            "Ingest requests a second of all models, by format and HTTP status code.",
            [(queries.REQUESTS, "{{format}} {{code}}")],
            unit="reqps",
            width=8,
        ),
        panels.lines(
            "Commit and evaluation time",
            "99th percentile of the time from a decoded batch to its COMMIT, and of an evaluation.",
            [(queries.COMMIT, "commit"), (queries.EVALUATION, "evaluation")],
            unit="s",
            width=8,
        ),
    ]


def _source(name: str, label: str, kind: str) -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable(name).label(label).type(kind)


def _label(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query({"query": query, "refId": name})
        .definition(query)
        .datasource(DataSourceRef(type_val="prometheus", uid="${datasource}"))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def _many(name: str, label: str, query: str) -> dashboard.QueryVariable:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return _label(name, label, query).multi(multi=True).include_all(include_all=True).current(everything)
