"""What the service counts about itself, in a registry of its own."""

import platform
from collections.abc import Collection
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

FORMATS: Final = frozenset(
    {
        "json",
        "ndjson",
        "csv",
        "arrow",
        "parquet",
        "histogram",
        "msgpack",
        "kserve",
        "seldon",
        "modelmesh",
        "v1",
        "v2",
        "otlp",
        "bentoml",
    }
)
OUTCOMES: Final = frozenset({"accepted", "late", "future", "rejected", "duplicate", "unknown_model"})
AUTH_FAILURES: Final = frozenset({"missing", "malformed", "unknown", "expired", "revoked", "scope", "model"})
UNPAIRED: Final = frozenset({"request", "response"})
OTHER: Final = "other"

_COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EVALUATION_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_FIRST_STATUS: Final = 100
_LAST_STATUS: Final = 599


class Instruments:
    """The driftgauge_ series of one application."""

    def __init__(self, version: str) -> None:
        """Register every series; `version` is the service's own."""
        self.registry = registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        self._rows = Counter(
            "driftgauge_ingest_rows",
            "Rows received, by what became of them; each row counts once, on its first receipt.",
            ["model", "format", "outcome"],
            registry=registry,
        )
        self._requests = Counter(
            "driftgauge_ingest_requests",
            "Ingest requests answered, by HTTP status code.",
            ["format", "code"],
            registry=registry,
        )
        self._unpaired = Counter(
            "driftgauge_unpaired_events",
            "Events whose other half did not come within the pairing time-out.",
            ["model", "kind"],
            registry=registry,
        )
        self._auth_failures = Counter(
            "driftgauge_auth_failures", "Requests refused for their API key.", ["reason"], registry=registry
        )
        self._evaluation_failures = Counter(
            "driftgauge_evaluation_failures", "Evaluations that ended in an error.", ["model"], registry=registry
        )
        self._last_evaluation = Gauge(
            "driftgauge_last_evaluation_timestamp_seconds",
            "When this process last looked for windows to score, as Unix time; take the maximum over replicas.",
            ["model"],
            registry=registry,
        )
        self._of_models = (self._rows, self._unpaired, self._evaluation_failures, self._last_evaluation)
        self.commit_seconds = Histogram(
            "driftgauge_ingest_commit_seconds",
            "Time from a decoded batch to its COMMIT, waiting included.",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self.evaluation_seconds = Histogram(
            "driftgauge_evaluation_seconds",
            "Time to score the windows of one model that were due.",
            buckets=_EVALUATION_SECONDS,
            registry=registry,
        )
        self.journal_rows = Gauge(
            "driftgauge_journal_rows", "Journal rows that wait to be folded into windows.", registry=registry
        )
        self.journal_oldest = Gauge(
            "driftgauge_journal_oldest_timestamp_seconds",
            "When the oldest waiting journal row was written, as Unix time; 0 when none waits.",
            registry=registry,
        )
        self.journal_quarantined = Gauge(
            "driftgauge_journal_quarantined_rows",
            "Accepted rows set aside because their counts cannot be read; anything but 0 wants a person.",
            registry=registry,
        )
        self.calls_put_off = Gauge(
            "driftgauge_calls_put_off",
            "Calls whose counting failed, tried again up to an hour later; their halves are kept.",
            registry=registry,
        )
        self.ledger_imbalance = Gauge(
            "driftgauge_ledger_imbalance_rows",
            "Accepted rows by the ledger minus rows in windows and journal; anything but 0 is a fault.",
            registry=registry,
        )
        self.database_up = Gauge(
            "driftgauge_database_up", "1 when the database answered at the last look.", registry=registry
        )
        self.series_dropped = Gauge(
            "driftgauge_series_dropped",
            "Drift series left out because of DRIFTGAUGE_MAX_SERIES or DRIFTGAUGE_MAX_MODEL_SERIES.",
            registry=registry,
        )
        self._links = Gauge(
            "driftgauge_link_info",
            "Always 1; the label url is where people reach this service, or its dashboards. Alerts make links of it.",
            ["to", "url"],
            registry=registry,
        )
        Gauge(
            "driftgauge_build_info",
            "Always 1; the labels name the running version.",
            ["version", "python"],
            registry=registry,
        ).labels(version, platform.python_version()).set(1)

    def link(self, to: str, url: str) -> None:
        """Tell where people reach the `service` or `grafana`."""
        self._links.labels(to, url.rstrip("/")).set(1)

    def count_rows(self, model: str, format_: str, *, outcome: str, rows: int) -> None:
        """Count rows of a known model (or of no model, with an empty name)."""
        if rows:
            self._rows.labels(model, _known(format_, FORMATS), _known(outcome, OUTCOMES)).inc(rows)

    def count_request(self, format_: str, status: int) -> None:
        """Count one answered ingest request."""
        code = str(status) if _FIRST_STATUS <= status <= _LAST_STATUS else OTHER
        self._requests.labels(_known(format_, FORMATS), code).inc()

    def count_unpaired(self, model: str, kind: str) -> None:
        """Count one event whose other half never came."""
        self._unpaired.labels(model, _known(kind, UNPAIRED)).inc()

    def count_auth_failure(self, reason: str) -> None:
        """Count one refused key."""
        self._auth_failures.labels(_known(reason, AUTH_FAILURES)).inc()

    def evaluated(self, model: str, *, at_us: int) -> None:
        """Note that this process evaluated a model."""
        self._last_evaluation.labels(model).set(at_us / 1_000_000)
        self._evaluation_failures.labels(model)

    def evaluation_failed(self, model: str) -> None:
        """Count one evaluation that ended in an error."""
        self._evaluation_failures.labels(model).inc()

    def forget(self, model: str) -> None:
        """Drop every series of a deleted model."""
        for family in self._of_models:
            family.remove_by_labels({"model": model})

    def keep(self, models: Collection[str]) -> None:
        """Drop every series of models but these, as another replica may have deleted one."""
        shown = {
            sample.labels["model"] for family in self._of_models for one in family.collect() for sample in one.samples
        }
        for model in shown.difference(models, [""]):
            self.forget(model)


def _known(word: str, words: frozenset[str]) -> str:
    return word if word in words else OTHER
