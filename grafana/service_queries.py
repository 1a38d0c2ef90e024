"""What the dashboard of the service asks Prometheus."""

from typing import Final

from grafana.queries import otherwise

_AT: Final = 'instance=~"$instance"'
COMMIT: Final = "driftgauge_ingest_commit_seconds"
EVALUATION: Final = "driftgauge_evaluation_seconds"


def quantile(share: float, histogram: str) -> str:
    """The time within which this share of a histogram's events is done."""
    return f"histogram_quantile({share:g}, sum by (le) (rate({histogram}_bucket{{{_AT}}}[$__rate_interval])))"


def _rate(by: str, counter: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({counter}{{{where}{_AT}}}[$__rate_interval]))"


REPLICAS: Final = f"count(driftgauge_build_info{{{_AT}}})"
VERSIONS: Final = f"count by (version, python) (driftgauge_build_info{{{_AT}}})"
ROWS: Final = f'sum(rate(driftgauge_ingest_rows_total{{outcome="accepted", {_AT}}}[$__rate_interval]))'
OUTCOMES: Final = _rate("outcome", "driftgauge_ingest_rows_total")
REQUESTS: Final = _rate("format, code", "driftgauge_ingest_requests_total")
REFUSALS: Final = otherwise(_rate("code", "driftgauge_ingest_requests_total", 'code!~"2..", '), "code", "none")
REFUSED_SHARE: Final = (
    f'(sum(rate(driftgauge_ingest_requests_total{{code!~"2..", {_AT}}}[$__rate_interval])) or vector(0))\n'
    f"  / (sum(rate(driftgauge_ingest_requests_total{{{_AT}}}[$__rate_interval])) > 0)"
)
KEYS: Final = otherwise(_rate("reason", "driftgauge_auth_failures_total"), "reason", "none")
UNPAIRED: Final = otherwise(_rate("model, kind", "driftgauge_unpaired_events_total"), "kind", "none")
JOURNAL: Final = f"max(driftgauge_journal_rows{{{_AT}}})"
JOURNAL_AGE: Final = (
    f"time() - min(driftgauge_journal_oldest_timestamp_seconds{{{_AT}}} > 0)\n"
    f"  or 0 * max(driftgauge_journal_oldest_timestamp_seconds{{{_AT}}})"
)
IMBALANCE: Final = f"max(abs(driftgauge_ledger_imbalance_rows{{{_AT}}}))"
QUARANTINED: Final = f"max(driftgauge_journal_quarantined_rows{{{_AT}}})"
LATE: Final = f"time() - max by (model) (driftgauge_last_evaluation_timestamp_seconds{{{_AT}}})"
FAILURES: Final = otherwise(
    f"sum by (model) (increase(driftgauge_evaluation_failures_total{{{_AT}}}[$__rate_interval]))", "model", "none"
)
DROPPED: Final = f"max(driftgauge_series_dropped{{{_AT}}})"
PROCESSOR: Final = (
    f"rate(process_cpu_seconds_total{{{_AT}}}[$__rate_interval])\n  and on (job, instance) driftgauge_build_info"
)
MEMORY: Final = f"process_resident_memory_bytes{{{_AT}}} and on (job, instance) driftgauge_build_info"
DATABASE: Final = f"max by (instance) (driftgauge_database_up{{{_AT}}})"
