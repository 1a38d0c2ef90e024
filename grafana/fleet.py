"""The dashboard "Driftgauge: fleet": which model wants a look first."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from grafana import panels, queries, variables

COLORS: Final = {
    "critical": "red",
    "warning": "orange",
    "insufficient_rows": "blue",
    "calibrating": "purple",
    "no_baseline": "gray",
    "ok": "green",
}
WORDS: Final = {rank: (status.replace("_", " "), COLORS[status]) for status, rank in queries.RANKS.items()} | {
    0: ("ok", COLORS["ok"])
}


def build() -> dashboard.Dashboard:
    """Lay out variables, rows and panels."""
    board = variables.board("fleet", "Every model by its worst state, its budget of pages and its feed.", span="24h")
    board.with_variable(variables.service())
    for title, row in (("Now", _now()), ("Models", _models()), ("Over time", _history())):
        board.with_row(dashboard.Row(title))
        for panel in row:
            board.with_panel(panel)
    return board


def _now() -> list[panels.AnyPanel]:
    return [
        panels.tile("Models", "Models that are watched.", (queries.MODELS, "models"), unit="none"),
        panels.tile(
            "Critical models",
            "Models with a feature whose evidence is over its line, or with an episode of nulls, unseen or invalid "
            "values or of volume.",
            (queries.CRITICAL_MODELS, "models"),
            unit="none",
            limits=(1,),
        ),
        panels.tile(
            "Open episodes",
            "Episodes that are open now in all models. Those that began together are one page.",
            (queries.ALL_EPISODES, "episodes"),
            unit="none",
            limits=(1,),
        ),
        panels.tile(
            "Silent feeds",
            "Models of which a version has sent no row for longer than its feed is ever quiet.",
            (queries.SILENT, "models"),
            unit="none",
            limits=(1,),
        ),
        panels.tile(
            "Budgets overspent",
            "Models with more pages in the last 30 days than their owner accepts.",
            (queries.BROKE, "models"),
            unit="none",
            limits=(1,),
        ),
        panels.tile(
            "Oldest scores",
            "Time since the end of the last evaluated window, of the model where it is longest.",
            (f"max({queries.OLD})", "age"),
            unit="s",
        ),
    ]


def _models() -> list[panels.AnyPanel]:
    columns = [
        panels.Column("State", queries.STATE, "none", words=WORDS),
        panels.Column("Open episodes", queries.OPEN_BY_MODEL, "none", limits=(1,)),
        panels.Column("Pages in 30 days", queries.SPENT, "none"),
        panels.Column("Budget used", queries.USED, "percentunit", limits=(0.75, 1.0)),
        panels.Column("Silence, of its limit", queries.QUIET, "percentunit", limits=(0.5, 1.0)),
        panels.Column("Age of scores", queries.OLD, "s"),
        panels.Column("Rows a second", queries.ACCEPTED, "rowsps", decimals=1),
    ]
    chosen = "${__data.fields.Model:percentencode}"
    links = [
        ("Open the model", variables.to_board("model", model=chosen)),
        ("Its state in the service", "${service}/v1/models/" + chosen + "/status"),
    ]
    return [
        panels.grid(
            "Models by worst state",
            "One row a model, as bad as its worst feature. Budget used is pages of the last 30 days against pages a "
            "month that the owner accepts; silence is the time since the last row as a share of the longest that is "
            "normal for the feed.",
            columns,
            by="model",
            links=links,
        )
    ]


def _history() -> list[panels.AnyPanel]:
    return [
        panels.timeline(
            "State of each model",
            "The worst status of any feature of the model.",
            (queries.STATE, "{{model}}"),
            words=WORDS,
        ),
        panels.lines(
            "Closest to a page",
            "The ten scores closest to their critical lines: above 100 % the alert fires.",
            [(queries.AT_LINE, "{{model}} {{version}} {{feature}} {{statistic}}")],
            unit="percentunit",
            top=1,
        ),
        panels.lines(
            "Rows accepted",
            "Rows a second of each model, all versions together.",
            [(queries.ACCEPTED, "{{model}}")],
            unit="rowsps",
        ),
    ]
