"""The dashboard "Driftgauge: service": does it take in what is sent, and does it keep up."""

from grafana_foundation_sdk.builders import dashboard

from grafana import panels, variables
from grafana import service_queries as ask


def build() -> dashboard.Dashboard:
    """Lay out variables, rows and panels."""
    board = variables.board("service", "Ingest, journal, evaluation and replicas of Driftgauge itself.", span="6h")
    board.with_variable(
        variables.many("instance", "Replica", "label_values(driftgauge_build_info, instance)")
    ).with_variable(variables.service())
    rows = (("Now", _now()), ("Ingest", _ingest()), ("Journal", _journal()), ("Evaluation", _evaluation()))
    for title, row in (*rows, ("Replicas", _replicas())):
        board.with_row(dashboard.Row(title))
        for panel in row:
            board.with_panel(panel)
    return board


def _now() -> list[panels.AnyPanel]:
    return [
        panels.tile("Replicas", "Replicas that answer.", (ask.REPLICAS, "replicas"), unit="none"),
        panels.tile("Rows a second", "Rows accepted a second.", (ask.ROWS, "rows"), unit="rowsps"),
        panels.tile(
            "Refused",
            "Share of the ingest requests that were answered with an error.",
            (ask.REFUSED_SHARE, "refused"),
            unit="percentunit",
            limits=(0.01, 0.1),
        ),
        panels.tile(
            "Commit, 99 %",
            "99 of 100 batches are committed within this time after they were decoded.",
            (ask.quantile(0.99, ask.COMMIT), "commit"),
            unit="s",
        ),
        panels.tile(
            "Journal age",
            "Age of the oldest row that waits to be folded into its window; 0 when none waits.",
            (ask.JOURNAL_AGE, "age"),
            unit="s",
            limits=(60, 300),
        ),
        panels.tile(
            "Rows lost or doubled",
            "Accepted rows by the ledger minus rows in windows and journal. Anything but 0 is a fault.",
            (ask.IMBALANCE, "rows"),
            unit="none",
            limits=(1,),
        ),
    ]


def _ingest() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Rows by outcome",
            "Rows a second by what became of them, all models together.",
            [(ask.OUTCOMES, "{{outcome}}")],
            unit="rowsps",
        ),
        panels.lines(
            "Requests",
            "Ingest requests a second by format and HTTP status code.",
            [(ask.REQUESTS, "{{format}} {{code}}")],
            unit="reqps",
        ),
        panels.lines(
            "Commit time",
            "Time from a decoded batch to its COMMIT, waiting included.",
            [(ask.quantile(q, ask.COMMIT), f"{q:.0%}") for q in (0.5, 0.9, 0.99)],
            unit="s",
            width=8,
        ),
        panels.lines(
            "Refusals",
            "Requests a second that were answered with an error, and keys that were refused, by reason.",
            [(ask.REFUSALS, "status {{code}}"), (ask.KEYS, "key {{reason}}")],
            unit="reqps",
            width=8,
        ),
        panels.lines(
            "Unpaired events",
            "Requests and responses a second whose other half did not come in time.",
            [(ask.UNPAIRED, "{{model}} {{kind}}")],
            unit="eps",
            width=8,
        ),
    ]


def _journal() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Journal", "Journal rows that wait to be folded.", [(ask.JOURNAL, "waiting")], unit="short", width=8, top=10
        ),
        panels.lines(
            "Age of the oldest journal row",
            "How long it has waited; the alert fires at 300 s.",
            [(ask.JOURNAL_AGE, "age"), ("vector(300)", "critical line")],
            unit="s",
            width=8,
        ),
        panels.lines(
            "Books",
            "Rows the books do not account for, and rows set aside because they cannot be read. Both should be 0.",
            [(ask.IMBALANCE, "imbalance"), (ask.QUARANTINED, "quarantined")],
            unit="none",
            width=8,
            top=1,
        ),
    ]


def _evaluation() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Evaluation time",
            "Time to score the windows of one model that were due.",
            [(ask.quantile(q, ask.EVALUATION), f"{q:.0%}") for q in (0.5, 0.99)],
            unit="s",
            width=8,
        ),
        panels.lines(
            "Since the last look",
            "Time since any replica looked for windows of the model to score; the alert fires at 600 s.",
            [(ask.LATE, "{{model}}")],
            unit="s",
            width=8,
        ),
        panels.lines(
            "Failures and dropped series",
            "Evaluations that failed in the interval, and drift series left out of /metrics.",
            [(ask.FAILURES, "{{model}} failed"), (ask.DROPPED, "series dropped")],
            unit="none",
            width=8,
            top=1,
        ),
    ]


def _replicas() -> list[panels.AnyPanel]:
    return [
        panels.lines(
            "Processor",
            "Share of one core that each replica uses.",
            [(ask.PROCESSOR, "{{instance}}")],
            unit="percentunit",
            width=8,
            top=1,
        ),
        panels.lines(
            "Memory",
            "Resident memory of each replica's own process.",
            [(ask.MEMORY, "{{instance}}")],
            unit="bytes",
            width=8,
            top=2**28,
        ),
        panels.lines(
            "Database within reach",
            "1 when the replica's last look found its database.",
            [(ask.DATABASE, "{{instance}}")],
            unit="none",
            width=8,
            top=1,
        ),
        panels.name_tile("Versions", "What runs.", (ask.VERSIONS, "{{version}} on Python {{python}}")),
    ]
