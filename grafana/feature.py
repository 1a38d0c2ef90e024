"""The dashboard "Driftgauge: feature": what moved inside one feature, and since when."""

from grafana_foundation_sdk.builders import dashboard

from grafana import panels, queries, sql, variables

DRAWN = "{{statistic}}{{line}}"


def build() -> dashboard.Dashboard:
    """Lay out variables, rows and panels."""
    known = 'drift_feature_scored{model="$model", version="$version"}'
    board = (
        variables.board("feature", "One feature of one version against its baseline, bin by bin.", span="24h")
        .with_variable(variables.sql())
        .with_variable(variables.model())
        .with_variable(
            variables.one("version", "Version", 'label_values(drift_feature_scored{model="$model"}, version)')
        )
        .with_variable(variables.one("feature", "Feature", f"label_values({known}, feature)"))
        .with_variable(
            variables.one("baseline", "Baseline", 'label_values(drift_baseline_info{model="$model"}, baseline)')
        )
        .with_variable(variables.service())
    )
    for title, row in (("Now", _now()), ("Bins", _bins()), ("History", _history())):
        board.with_row(dashboard.Row(title))
        for panel in row:
            board.with_panel(panel)
    return board


def _now() -> list[panels.AnyPanel]:
    explanation = variables.link("Explanation of the newest window", variables.EXPLANATION)
    return [
        panels.tile(
            "Evidence, of its line",
            "Accumulated log-evidence that the feature is outside its normal range, as a share of the line that pages.",
            (queries.ratio("evidence"), "evidence"),
            unit="percentunit",
            limits=(0.5, 1.0),
        ).links([explanation]),
        panels.name_tile(
            "Likely cause",
            "The cause of the open episode, if one is open.",
            (queries.CAUSE, "{{cause}}"),
        ),
        panels.tile(
            "PSI, of its line",
            "Population stability index of the newest window as a share of its warning line.",
            (queries.of_line("psi", "warning"), "psi"),
            unit="percentunit",
            limits=(1.0,),
        ),
        panels.tile(
            "KS, of its line",
            "Kolmogorov-Smirnov distance of the newest window as a share of its warning line; numeric features only.",
            (queries.of_line("ks", "warning"), "ks"),
            unit="percentunit",
            limits=(1.0,),
        ),
        panels.tile(
            "Nulls",
            "Share of the newest window's rows without a value.",
            (queries.score("null_ratio"), "nulls"),
            unit="percentunit",
        ),
        panels.tile(
            "Scored",
            "Whether the newest window could be scored; 0 means that an older score stands.",
            (f"max(drift_feature_scored{{{queries.FEATURE}}})", "scored"),
            unit="none",
        ),
    ]


def _bins() -> list[panels.AnyPanel]:
    explanation = variables.link("Explanation of the newest window", variables.EXPLANATION)
    return [
        panels.bars(
            "$feature: baseline and newest window",
            "Share of the rows in each bin: the baseline beside the newest window of the chosen time range.",
            sql.SHARES,
            width=16,
            height=12,
        ).links([explanation]),
        panels.rows(
            "Bins that moved",
            "The groups of bins, as PSI adds them, whose share differs most from the baseline's.",
            sql.MOVED,
            width=8,
            height=12,
        ).links([explanation]),
        panels.bin_heat(
            "Bins over time",
            "Each group of bins, as PSI adds them, as a multiple of its share in the baseline: 1 is as expected, blue "
            "is emptier, red fuller. Bins that the baseline never filled are left out.",
            sql.BINS,
            colors=[(None, "dark-blue"), (0.25, "blue"), (0.67, "green"), (1.5, "orange"), (4.0, "red")],
        ),
    ]


def _history() -> list[panels.AnyPanel]:
    def history(title: str, description: str, statistic: str, top: float, unit: str = "short") -> panels.AnyPanel:
        return panels.lines(title, description, [(queries.named(statistic), DRAWN)], unit=unit, top=top)

    return [
        history("Evidence", "Accumulated log-evidence against the line that pages.", "evidence", 1),
        history("PSI", "Population stability index against its moving lines.", "psi", 0.25),
        history("KS", "Kolmogorov-Smirnov distance against its moving lines; numeric features only.", "ks", 0.2),
        history(
            "Shares that can go wrong",
            "Shares of the window's rows that are null, never seen before, or of the wrong kind.",
            "null_ratio|unseen_ratio|invalid_ratio",
            0.05,
            "percentunit",
        ),
        history(
            "Other distances",
            "Jensen-Shannon divergence and total variation distance of the window from the baseline.",
            "js|tvd",
            0.2,
        ),
        panels.lines(
            "Mean",
            "Mean of the finite values of each window, in the feature's own unit.",
            [(queries.MEAN, "mean")],
            unit="short",
        ),
    ]
