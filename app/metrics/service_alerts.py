"""What to page on and warn about when the service itself is in trouble."""

from typing import Final

from app.metrics.alert import Alert

SERVICE: Final = (
    Alert(
        "DriftgaugeDown",
        "critical",
        "absent(driftgauge_build_info)",
        "No Driftgauge answers",
        "Prometheus has scraped no Driftgauge for two minutes: nobody is watching the models.",
        wait="2m",
        keep="2m",
    ),
    Alert(
        "DriftgaugeReplicaDown",
        "warning",
        "up == 0\n  and on (job, instance)\nlast_over_time(driftgauge_build_info[1h])",
        "Driftgauge at {{ $labels.instance }} does not answer",
        "Prometheus could not scrape this replica for five minutes.",
        wait="5m",
        keep="5m",
    ),
    Alert(
        "DriftgaugeDatabaseDown",
        "critical",
        "max(driftgauge_database_up) == 0",
        "No Driftgauge reaches its database",
        "Every replica has lost Postgres: batches are refused and senders must retry.",
        wait="2m",
        keep="2m",
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
        keep="15m",
    ),
    Alert(
        "DriftgaugeJournalOld",
        "warning",
        "time() - min(driftgauge_journal_oldest_timestamp_seconds > 0) > 300",
        "The journal is not being folded",
        "The oldest waiting row is {{ $value | humanizeDuration }} old. Reads stay right but grow slower.",
        wait="5m",
        keep="5m",
    ),
    Alert(
        "DriftgaugeJournalQuarantined",
        "warning",
        "max(driftgauge_journal_quarantined_rows) > 0",
        "Accepted rows could not be counted",
        "{{ $value | humanize }} accepted rows are set aside because their counts cannot be read: the windows they "
        "belong to lack them.",
        wait="1m",
    ),
    Alert(
        "DriftgaugeCallsPutOff",
        "warning",
        "max(driftgauge_calls_put_off) > 0",
        "Calls of model servers cannot be counted",
        "Counting {{ $value | humanize }} calls has failed for a quarter of an hour. Their halves are kept and tried "
        "again.",
        wait="15m",
    ),
    Alert(
        "DriftgaugeSeriesDropped",
        "warning",
        "max(driftgauge_series_dropped) > 0",
        "Drift series are left out of /metrics",
        "{{ $value | humanize }} series exceed DRIFTGAUGE_MAX_SERIES or DRIFTGAUGE_MAX_MODEL_SERIES; the least "
        "important statistics are missing.",
        wait="10m",
        keep="15m",
    ),
)
