"""The dashboard "Driftgauge: model": is it drifting, where, since when, and does the data arrive."""

from grafana_foundation_sdk.builders import dashboard

from grafana import expectations, panels, queries, variables
from grafana.fleet import COLORS

BY_FEATURE = "{{version}} {{feature}}"
DRAWN = "{{version}} {{feature}}{{line}}"
ROLLED_EXPLAINED = (
    variables.EVIDENCE + "/features/${__data.fields.Feature:percentencode}/explanation"
    "?version=${__data.fields.Version:percentencode}&window=${__data.fields.Window:percentencode}"
)
EXPLAINED = variables.to_board(
    "feature",
    model="${model:percentencode}",
    version="${__field.labels.version:percentencode}",
    feature="${__field.labels.feature:percentencode}",
)


def build() -> dashboard.Dashboard:
    """Lay out variables, rows and panels."""
    chosen = 'label_values(drift_feature_scored{model="$model", version=~"$version"}, feature)'
    board = (
        variables.board(
            "model", "Drift of one model's features against its baseline, with its alerts' lines.", span="7d"
        )
        .with_variable(variables.model())
        .with_variable(variables.many("version", "Version", 'label_values(drift_features{model="$model"}, version)'))
        .with_variable(variables.many("feature", "Feature", chosen))
        .with_variable(variables.service())
    )
    rows = {
        "Now": _now(),
        "Drift": _drift(),
        "Values": _values(),
        "Expectations": expectations.row(),
        "Ingest": _ingest(),
    }
    for title, row in rows.items():
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
        ).links([variables.link("Episodes with causes and top bins", variables.EVIDENCE + "/episodes")]),
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
            "Budget used",
            "Pages of the last 30 days as a share of the pages a month that the owner accepts.",
            (queries.MODEL_USED, "used"),
            unit="percentunit",
            limits=(0.75, 1.0),
        ),
        panels.name_tile("Baseline", "Number of the active baseline.", (queries.BASELINE, "{{baseline}}")),
        panels.shares(
            "Features by status",
            "How many features are in each status; the whole height is all features of the chosen versions.",
            (queries.FEATURES_BY_STATUS, "{{status}}"),
            colors=COLORS,
        ),
        panels.lines(
            "Closest to their lines",
            "The ten highest scores as a share of their own line: above 100 % the alert of that severity fires. What "
            "is over 200 % is drawn there.",
            [(queries.CLOSEST, "{{version}} {{feature}} {{statistic}} {{severity}}")],
            unit="percentunit",
            top=1,
        ),
    ]


def _drift() -> list[panels.AnyPanel]:
    return [
        panels.heat(
            "Evidence by feature",
            "Accumulated log-evidence that a feature is outside its normal range, as a share of the line that pages. "
            "A click opens the feature.",
            (queries.ratio("evidence"), BY_FEATURE),
            limits=(0.5, 1.0),
        ).data_links([variables.link("Open the feature", EXPLAINED)]),
        panels.lines(
            "Evidence",
            "Accumulated log-evidence against its line. It grows while windows stay unusual, else it falls.",
            [(queries.drawn("evidence"), DRAWN)],
            unit="short",
            width=24,
        ),
        panels.lines(
            "PSI",
            "Population stability index of the last window against the baseline, with its lines.",
            [(queries.drawn("psi"), DRAWN)],
            unit="short",
        ),
        panels.lines(
            "KS",
            "Kolmogorov-Smirnov distance of the last window from the baseline, with its lines; numeric features only.",
            [(queries.drawn("ks"), DRAWN)],
            unit="short",
        ),
        panels.labels(
            "Open over days and weeks",
            "Episodes that local days or weeks show, which are tickets: windows have too few rows to be judged, or the "
            "shift is too small for any of them.",
            queries.ROLLED,
            names=("window", "version", "feature", "statistic", "cause"),
            by="feature",
            links=[
                ("Explain the newest", ROLLED_EXPLAINED),
                ("Episodes with causes and top bins", variables.EVIDENCE + "/episodes?window=all"),
            ],
        ),
    ]


def _values() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Nulls",
            "Share of the window's rows without a value.",
            [(queries.drawn("null_ratio"), DRAWN)],
            unit="percentunit",
            width=8,
            top=0.05,
        ),
        panels.lines(
            "Unseen",
            "Share of the window's rows with a category that the baseline has never seen.",
            [(queries.drawn("unseen_ratio"), DRAWN)],
            unit="percentunit",
            width=8,
            top=0.05,
        ),
        panels.lines(
            "Invalid",
            "Share of the window's rows with a value of the wrong kind.",
            [(queries.drawn("invalid_ratio"), DRAWN)],
            unit="percentunit",
            width=8,
            top=0.05,
        ),
        panels.lines(
            "Mean",
            "Mean of the finite values of each window, in the feature's own unit.",
            [(queries.MEAN, BY_FEATURE)],
            unit="short",
            width=24,
        ),
    ]


def _ingest() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Rows in a window",
            "Accepted rows of each evaluated window, with the lines of volume.",
            [(queries.ROWS_DRAWN, "{{version}}{{line}}")],
            unit="short",
            top=1,
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
        ),
    ]
