"""Every setting of the service, read once from the environment."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.durations import format_duration, parse_duration

PREFIX: Final = "DRIFTGAUGE_"
_FOREIGN: Final = ("DRIFTGAUGE_TEST_",)


def _microseconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    int,
    BeforeValidator(_microseconds),
    PlainSerializer(format_duration, return_type=str),
    Field(ge=0),
]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, Field(ge=0)]


class Settings(BaseSettings):
    """The service's settings; the variable of each is DRIFTGAUGE_ plus its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    data_dir: Path = Field(Path(".driftgauge"), description="Where the embedded Postgres and temporary files live.")
    database_url: str | None = Field(None, description="Postgres to use; without one an embedded Postgres is started.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    public_url: str | None = Field(None, description="Where people reach the service; links in alerts start with it.")
    grafana_url: str | None = Field(None, description="Where people reach Grafana; links in alerts start with it.")
    wait_database: Duration = Field("30s", validate_default=True, description="How long to wait for the database.")
    database_connections: Count = Field(
        12, description="Connections to the database of one process, beside the two that commit."
    )
    prepared_statements: bool = Field(default=False, description="Off behind a transaction-mode pooler.")
    allow_unsafe_postgres: bool = Field(default=False, description="Serve although Postgres runs with fsync off.")

    fold_interval: Duration = Field("500ms", validate_default=True, description="Pause between folds of the journal.")
    evaluate_interval: Duration = Field("5s", validate_default=True, description="Pause between evaluations.")
    refresh_interval: Duration = Field("500ms", validate_default=True, description="Pause between looks for changes.")
    account_interval: Duration = Field("10s", validate_default=True, description="Pause between balances of the books.")
    prune_interval: Duration = Field("10m", validate_default=True, description="Pause between prunings.")
    close_delay: Duration = Field("0s", validate_default=True, description="Wait after a window's end.")
    min_rows: Count = Field(30, description="Rows a window needs to be scored.")
    ledger_retention: Duration = Field("72h", validate_default=True, description="How long a batch id is remembered.")
    window_retention: Duration = Field(
        "730d", validate_default=True, description="How long windows and scores are kept, by the newest of them."
    )
    ledger_margin: Duration = Field("1h", validate_default=True, description="Safety margin within the retention.")
    pairing_timeout: Duration = Field("30s", validate_default=True, description="Wait for the other half of a pair.")

    request_deadline: Duration = Field("10s", validate_default=True, description="Longest time to answer a request.")
    database_deadline: Duration = Field("8s", validate_default=True, description="Longest time of a database call.")
    drain_deadline: Duration = Field("8s", validate_default=True, description="Longest time to finish on SIGTERM.")
    max_body_bytes: Count = Field(16 * 2**20, description="Largest ingest body on the wire.")
    max_decoded_bytes: Count = Field(16 * 2**20, description="Largest ingest body after decompression.")
    max_baseline_bytes: Count = Field(64 * 2**30, description="Largest baseline upload.")
    max_spill_bytes: Limit = Field(
        16 * 2**30, description="Disk that one baseline may fill beside its upload; beyond, rows are parsed twice."
    )
    max_inflight_bytes: Count = Field(64 * 2**20, description="Body bytes held by all requests together.")
    max_decodes: Count = Field(2, description="Bodies decoded at the same time.")
    max_queued_batches: Count = Field(2000, description="Batches waiting for a commit.")
    max_rows: Count = Field(200_000, description="Rows in one batch.")
    max_columns: Count = Field(5_000, description="Features of one model.")
    max_windows: Count = Field(2_000, description="Windows touched by one batch.")
    max_models: Count = Field(500, description="Models kept by one service.")
    max_series: Count = Field(200_000, description="Drift series on /metrics of one process.")
    max_model_series: Count = Field(100_000, description="Drift series on /metrics of one model.")
    max_document_bytes: Count = Field(2**20, description="Largest JSON document that manages a model.")
    max_head_bytes: Count = Field(16 * 2**10, description="Largest request line and headers together.")
    max_connections: Count = Field(1000, description="Connections open to one process.")
    head_timeout: Duration = Field("5s", validate_default=True, description="Longest time to receive headers.")
    body_timeout: Duration = Field("30s", validate_default=True, description="Longest time to receive a batch.")
    min_bytes_per_second: Count = Field(16 * 2**10, description="Slowest sender or reader that is waited for.")
    max_auth_failures: Limit = Field(100, description="Wrong keys a second before guesses are refused; 0: any.")
    max_auth_failures_per_address: Limit = Field(10, description="The same from one address; 0: any.")
    max_key_requests: Limit = Field(0, description="Batches a second of one key; 0: any.")
    max_key_bytes: Limit = Field(0, description="Bytes of batches a second of one key; 0: any.")
    max_key_rows: Limit = Field(0, description="Rows a second of one key; 0: any.")
    bootstrap_admin_key_file: Path | None = Field(None, description="File with an admin key to make at the start.")
    bootstrap_metrics_key_file: Path | None = Field(None, description="File with a metrics key to make at the start.")
    failpoints: str = Field("", description="Points to die, pause or fail at, for tests; loopback only.")
    max_pairing_bytes: Count = Field(256 * 2**20, description="Bytes of halves of calls that wait for each other.")
    keep_undecodable_bodies: bool = Field(
        default=False, description="Keep the first bytes of bodies that cannot be read, values included."
    )
    reservoir_size: Count = Field(2_000, description="Rows sampled of each window.")
    sample_always: bool = Field(default=False, description="Sample models without an active suite, too.")
    sample_retention: Duration = Field("24h", validate_default=True, description="How long sampled rows are kept.")
    result_retention: Duration = Field("90d", validate_default=True, description="How long results are kept.")
    novelty_retention: Duration = Field(
        "56d", validate_default=True, description="How long windows keep new categories by name."
    )
    expectation_deadline: Duration = Field("30s", validate_default=True, description="Longest time of a validation.")
    expectation_memory: Count = Field(4 * 2**30, description="Address space of the process that validates.")
    expectation_idle: Duration = Field("2m", validate_default=True, description="When that process ends, unneeded.")


def unknown_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each DRIFTGAUGE_ variable that is no setting, with the nearest name that is one."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known and not name.startswith(_FOREIGN):
            yield name, next(iter(difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)), None)
