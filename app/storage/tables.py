"""The tables, one noun each."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from app.storage.types import Instant

metadata: Final = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)
NAME: Final = Text(collation="C")
DOUBLES: Final = ARRAY(Double)


def _key(name: str, *, references: str | None = None) -> Column[int]:
    foreign = [ForeignKey(references)] if references else []
    return Column(name, Integer, *foreign, primary_key=True, autoincrement=False)


model = Table(
    "model",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", NAME, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Index("model_name_key", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
)

feature = Table(
    "feature",
    metadata,
    _key("model_id", references="model.id"),
    _key("position"),
    Column("name", NAME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("declared", Boolean, nullable=False),
    Column("sensitive", Boolean, nullable=False),
    UniqueConstraint("model_id", "name"),
)

baseline = Table(
    "baseline",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("model_id", Integer, ForeignKey("model.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bins", Integer, nullable=False),
    Column("features", Integer, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("weeks", Double, nullable=False),
    Column("source", Text, nullable=False),
    Column("sha", LargeBinary, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("model_id", "number"),
)

activation = Table(
    "activation",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("model_id", Integer, ForeignKey("model.id"), nullable=False, index=True),
    Column("baseline_id", Integer, ForeignKey("baseline.id"), nullable=False),
    Column("effective_from", Instant),
    Column("activated_at", Instant, nullable=False),
)

baseline_feature = Table(
    "baseline_feature",
    metadata,
    _key("baseline_id", references="baseline.id"),
    _key("position"),
    Column("name", NAME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("first_bin", Integer, nullable=False),
    Column("bins", Integer, nullable=False),
    Column("scale", Double),
    Column("known", LargeBinary),
    Column("known_count", BigInteger),
    Column("known_exact", Boolean),
    Column("singletons", BigInteger),
    UniqueConstraint("baseline_id", "name"),
)

bin_ = Table(
    "bin",
    metadata,
    _key("baseline_id", references="baseline.id"),
    _key("position"),
    _key("bin"),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("group", Integer, nullable=False),
    Column("lower", Double),
    Column("upper", Double),
    Column("value_number", Double),
    Column("value_text", NAME),
    Column("bucket", SmallInteger),
    Column("mean", Double),
    Column("count", BigInteger, nullable=False),
)

baseline_window = Table(
    "baseline_window",
    metadata,
    _key("baseline_id", references="baseline.id"),
    Column("window_start", Instant, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("sums", DOUBLES, nullable=False),
)

batch_ledger = Table(
    "batch_ledger",
    metadata,
    _key("model_id"),
    Column("batch_id", NAME, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("rows_accepted", BigInteger, nullable=False),
    Column("rows_late", BigInteger, nullable=False),
    Column("rows_future", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("received_at", Instant, nullable=False),
    CheckConstraint("octet_length(fingerprint) BETWEEN 16 AND 32", name="fingerprint"),
    Index("batch_ledger_received_at_idx", "received_at", postgresql_using="brin"),
)

ledger_pruned = Table(
    "ledger_pruned",
    metadata,
    _key("model_id"),
    Column("rows", BigInteger, nullable=False),
)

_JOURNAL_VACUUM: Final[dict[str, Any]] = {
    "postgresql_with": {
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 2000,
        "autovacuum_vacuum_cost_delay": 0,
    }
}

delta_journal = Table(
    "delta_journal",
    metadata,
    _key("model_id"),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("baseline_id", Integer, nullable=False),
    Column("version", NAME, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("novelties", LargeBinary),
    CheckConstraint("rows >= 0", name="rows"),
    **_JOURNAL_VACUUM,
)

journal_quarantine = Table(
    "journal_quarantine",
    metadata,
    _key("model_id"),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("baseline_id", Integer, nullable=False),
    Column("version", NAME, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("quarantined_at", Instant, nullable=False),
    Column("novelties", LargeBinary),
)

pairing = Table(
    "pairing",
    metadata,
    Column("pair", LargeBinary, primary_key=True),
    Column("half", NAME, primary_key=True),
    Column("model_id", Integer, nullable=False),
    Column("sender", NAME, nullable=False),
    Column("version", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("header_length", BigInteger),
    Column("body", LargeBinary, nullable=False),
    Column("event_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False, index=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retry_at", Instant),
    **_JOURNAL_VACUUM,
)

sample = Table(
    "sample",
    metadata,
    _key("model_id"),
    Column("format", NAME, primary_key=True),
    Column("reason", NAME, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)

window_histogram = Table(
    "window_histogram",
    metadata,
    _key("model_id"),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("counts", LargeBinary, nullable=False),
    Column("sums", DOUBLES, nullable=False),
)

window_novelty = Table(
    "window_novelty",
    metadata,
    _key("model_id"),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("novelties", LargeBinary, nullable=False),
    Index("window_novelty_window_start_idx", "window_start"),
)

window_total = Table(
    "window_total",
    metadata,
    _key("model_id"),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("rows", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("scored_revision", BigInteger, nullable=False, server_default="0"),
    Column("scored_at", Instant),
    Column("last_received_at", Instant, nullable=False),
    Column("rolled_revision", BigInteger, nullable=False, server_default="0"),
    Index(
        "window_total_dirty_idx",
        "model_id",
        "window_start",
        postgresql_where=text("revision > scored_revision"),
    ),
    Index(
        "window_total_unrolled_idx",
        "model_id",
        "window_start",
        postgresql_where=text("revision > rolled_revision"),
    ),
)

window_pruned = Table(
    "window_pruned",
    metadata,
    _key("model_id"),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("before", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
)

rollup = Table(
    "rollup",
    metadata,
    _key("model_id"),
    Column("length", BigInteger, primary_key=True, autoincrement=False),
    Column("period", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("zone", Text, nullable=False),
    Column("first_start", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("sums", DOUBLES, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("scored_revision", BigInteger, nullable=False, server_default="0"),
)

model_version = Table(
    "model_version",
    metadata,
    _key("model_id"),
    Column("version", NAME, primary_key=True),
    Column("last_received_at", Instant, nullable=False),
    Column("newest_scored", Instant),
)

score = Table(
    "score",
    metadata,
    _key("model_id"),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("statistic", NAME, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("values", DOUBLES, nullable=False),
    Column("high", DOUBLES),
    Column("p_values", DOUBLES),
    Column("status", ARRAY(SmallInteger)),
    Column("warning", DOUBLES),
    Column("critical", DOUBLES),
    Column("computed_at", Instant, nullable=False),
)

rollup_score = Table(
    "rollup_score",
    metadata,
    _key("model_id"),
    Column("length", BigInteger, primary_key=True, autoincrement=False),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("statistic", NAME, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("values", DOUBLES, nullable=False),
    Column("high", DOUBLES),
    Column("p_values", DOUBLES),
    Column("status", ARRAY(SmallInteger)),
    Column("warning", DOUBLES),
    Column("critical", DOUBLES),
    Column("computed_at", Instant, nullable=False),
)

threshold = Table(
    "threshold",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("model_id", Integer, ForeignKey("model.id"), nullable=False),
    Column("statistic", NAME, nullable=False),
    Column("feature", NAME),
    Column("version", NAME),
    Column("warning", JSONB(none_as_null=True)),
    Column("critical", JSONB(none_as_null=True)),
    UniqueConstraint("model_id", "statistic", "feature", "version", postgresql_nulls_not_distinct=True),
)

episode = Table(
    "episode",
    metadata,
    _key("model_id"),
    Column("id", NAME, primary_key=True),
    Column("version", NAME, nullable=False),
    Column("feature", NAME, nullable=False),
    Column("statistic", NAME, nullable=False),
    Column("severity", Text, nullable=False),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant),
    Column("peak", Double, nullable=False),
    Column("cause", Text),
    Column("group", Text),
    Column("top_bins", JSONB, nullable=False),
    Column("verdict", Text),
    Column("note", Text),
    Column("verdict_at", Instant),
    Column("verdicts", JSONB, nullable=False, server_default="[]"),
    Column("length", BigInteger, nullable=False, server_default="0"),
    Column("stands", Boolean, nullable=False, server_default=true()),
    Index("episode_start_idx", "model_id", "start_at"),
)

chronicle = Table(
    "chronicle",
    metadata,
    _key("model_id"),
    Column("version", NAME, primary_key=True),
    _key("baseline_id"),
    Column("length", BigInteger, primary_key=True, autoincrement=False, server_default="0"),
    Column("monday", Instant, primary_key=True),
    Column("settings", LargeBinary, nullable=False),
    Column("calibration", LargeBinary),
    Column("before", LargeBinary, nullable=False),
    Column("after", LargeBinary, nullable=False),
    Column("walked_to", Instant, nullable=False),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    Column("request_id", Text, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

exposition = Table(
    "exposition",
    metadata,
    Column("id", Boolean, primary_key=True, server_default=text("true")),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("id", name="single"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("models", ARRAY(NAME)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

reservoir_part = Table(
    "reservoir_part",
    metadata,
    _key("model_id"),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", NAME, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Index("reservoir_part_window_idx", "model_id", "window_start", "version"),
)

reservoir = Table(
    "reservoir",
    metadata,
    _key("model_id"),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
)

expectation_suite = Table(
    "expectation_suite",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("model_id", Integer, ForeignKey("model.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("number", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("document", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("show_values", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("activated_at", Instant),
    UniqueConstraint("model_id", "name", "number"),
    Index("expectation_suite_active_idx", "model_id", "name", unique=True, postgresql_where=text("active")),
)

expectation_result = Table(
    "expectation_result",
    metadata,
    _key("model_id"),
    Column("window_start", Instant, primary_key=True),
    Column("version", NAME, primary_key=True),
    _key("suite_id"),
    Column("revision", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sample_rows", Integer, nullable=False),
    Column("results", JSON, nullable=False),
    Column("computed_at", Instant, nullable=False),
    Index("expectation_result_suite_idx", "suite_id", "window_start"),
)
