"""Lay the first schema: models, baselines, the batch ledger and its journal, windows, scores and the audit trail."""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)

_STORAGE: Final = """
ALTER TABLE delta_journal ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE journal_quarantine ALTER payload SET STORAGE EXTERNAL;
"""

_EXPOSITION: Final = """
INSERT INTO exposition (revision) VALUES (1);
"""

_APPEND_ONLY: Final = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# The counts of bins first .. first + n - 1: byte planes, then bit planes, the most significant first.
_UNPACK: Final = """
CREATE FUNCTION unpack_counts(packed bytea, bins integer, first integer, n integer) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    stride CONSTANT integer := (bins + 7) / 8;
    skip CONSTANT integer := first % 8;
    flat CONSTANT bytea := packed || ''::bytea; -- decompressed once, not once a plane
    split CONSTANT integer := greatest(0, octet_length(flat) - 8 * stride);
    plane bytea;
    counts bigint[] := array_fill(0::bigint, ARRAY[n]);
BEGIN
    FOR p IN 0 .. split / bins - 1 LOOP
        plane := substr(flat, p * bins + first + 1, n);
        FOR b IN 1 .. n LOOP
            counts[b] := counts[b] * 256 + get_byte(plane, b - 1);
        END LOOP;
    END LOOP;
    FOR p IN 0 .. (octet_length(flat) - split) / stride - 1 LOOP
        plane := substr(flat, split + p * stride + first / 8 + 1, (skip + n + 7) / 8);
        FOR b IN 1 .. n LOOP
            counts[b] := counts[b] * 2 + get_bit(plane, skip + b - 1);
        END LOOP;
    END LOOP;
    RETURN counts;
END $$;
"""

# The limit of one label a count keeps the planner from unpacking a window once for every bin.
_VIEW: Final = """
CREATE VIEW feature_histogram (model, version, feature, window_start, bin, label, count) AS
SELECT m.name, h.version, f.name, h.window_start, (c.place - 1)::integer, b.label, c.count
FROM model m
JOIN window_histogram h ON h.model_id = m.id
JOIN baseline l ON l.id = h.baseline_id
JOIN baseline_feature f ON f.baseline_id = h.baseline_id
CROSS JOIN LATERAL unnest(unpack_counts(h.counts, l.bins, f.first_bin, f.bins)) WITH ORDINALITY AS c (count, place)
CROSS JOIN LATERAL (
    SELECT label FROM bin
    WHERE bin.baseline_id = f.baseline_id AND bin.position = f.position AND bin.bin = c.place - 1
    LIMIT 1
) AS b
WHERE m.deleted_at IS NULL;
COMMENT ON VIEW feature_histogram IS 'Counts of folded rows; the newest rows follow within a fold interval.';
"""


def upgrade() -> None:
    """Create everything."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("models", postgresql.ARRAY(sa.Text(collation="C")), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.Column("last_used_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="api_key_pkey"),
        sa.UniqueConstraint("hash", name="api_key_hash_key"),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_event_pkey"),
    )
    op.create_table(
        "batch_ledger",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.Text(collation="C"), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("rows_accepted", sa.BigInteger(), nullable=False),
        sa.Column("rows_late", sa.BigInteger(), nullable=False),
        sa.Column("rows_future", sa.BigInteger(), nullable=False),
        sa.Column("rows_rejected", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.CheckConstraint("octet_length(fingerprint) BETWEEN 16 AND 32", name="batch_ledger_fingerprint_check"),
        sa.PrimaryKeyConstraint("model_id", "batch_id", name="batch_ledger_pkey"),
    )
    op.create_index(
        "batch_ledger_received_at_idx", "batch_ledger", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "delta_journal",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("baseline_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.CheckConstraint("rows >= 0", name="delta_journal_rows_check"),
        sa.PrimaryKeyConstraint("model_id", "id", name="delta_journal_pkey"),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 2000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "episode",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("feature", sa.Text(collation="C"), nullable=False),
        sa.Column("statistic", sa.Text(collation="C"), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("start_at", _INSTANT, nullable=False),
        sa.Column("end_at", _INSTANT, nullable=True),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("top_bins", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("verdict_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("model_id", "id", name="episode_pkey"),
    )
    op.create_index("episode_start_idx", "episode", ["model_id", "start_at"], unique=False)
    op.create_table(
        "exposition",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id", name="exposition_single_check"),
        sa.PrimaryKeyConstraint("id", name="exposition_pkey"),
    )
    op.create_table(
        "journal_quarantine",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("baseline_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("quarantined_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "id", name="journal_quarantine_pkey"),
    )
    op.create_table(
        "ledger_pruned",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="ledger_pruned_pkey"),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("deleted_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="model_pkey"),
    )
    op.create_index("model_name_key", "model", ["name"], unique=True, postgresql_where=sa.text("deleted_at IS NULL"))
    op.create_table(
        "model_version",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("last_received_at", _INSTANT, nullable=False),
        sa.Column("newest_scored", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("model_id", "version", name="model_version_pkey"),
    )
    op.create_table(
        "score",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("baseline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("statistic", sa.Text(collation="C"), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("values", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("high", postgresql.ARRAY(sa.Double()), nullable=True),
        sa.Column("p_values", postgresql.ARRAY(sa.Double()), nullable=True),
        sa.Column("status", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("warning", postgresql.ARRAY(sa.Double()), nullable=True),
        sa.Column("critical", postgresql.ARRAY(sa.Double()), nullable=True),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "window_start", "version", "baseline_id", "statistic", name="score_pkey"),
    )
    op.create_table(
        "window_histogram",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("baseline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("sums", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "window_start", "version", "baseline_id", name="window_histogram_pkey"),
    )
    op.create_table(
        "window_total",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("baseline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("scored_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("scored_at", _INSTANT, nullable=True),
        sa.Column("last_received_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "window_start", "version", "baseline_id", name="window_total_pkey"),
    )
    op.create_index(
        "window_total_dirty_idx",
        "window_total",
        ["model_id", "window_start"],
        unique=False,
        postgresql_where=sa.text("revision > scored_revision"),
    )
    op.create_table(
        "baseline",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bins", sa.Integer(), nullable=False),
        sa.Column("features", sa.Integer(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("weeks", sa.Double(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha", sa.LargeBinary(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="baseline_model_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="baseline_pkey"),
        sa.UniqueConstraint("model_id", "number", name="baseline_model_id_number_key"),
    )
    op.create_table(
        "feature",
        sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="feature_model_id_fkey"),
        sa.PrimaryKeyConstraint("model_id", "position", name="feature_pkey"),
        sa.UniqueConstraint("model_id", "name", name="feature_model_id_name_key"),
    )
    op.create_table(
        "threshold",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("statistic", sa.Text(collation="C"), nullable=False),
        sa.Column("feature", sa.Text(collation="C"), nullable=True),
        sa.Column("version", sa.Text(collation="C"), nullable=True),
        sa.Column("warning", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("critical", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="threshold_model_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="threshold_pkey"),
        sa.UniqueConstraint(
            "model_id",
            "statistic",
            "feature",
            "version",
            name="threshold_model_id_statistic_feature_version_key",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "activation",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("baseline_id", sa.Integer(), nullable=False),
        sa.Column("effective_from", _INSTANT, nullable=True),
        sa.Column("activated_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["baseline_id"], ["baseline.id"], name="activation_baseline_id_fkey"),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="activation_model_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="activation_pkey"),
    )
    op.create_index("activation_model_id_idx", "activation", ["model_id"], unique=False)
    op.create_table(
        "baseline_feature",
        sa.Column("baseline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("first_bin", sa.Integer(), nullable=False),
        sa.Column("bins", sa.Integer(), nullable=False),
        sa.Column("scale", sa.Double(), nullable=True),
        sa.Column("known", sa.LargeBinary(), nullable=True),
        sa.Column("known_count", sa.BigInteger(), nullable=True),
        sa.Column("known_exact", sa.Boolean(), nullable=True),
        sa.Column("singletons", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["baseline_id"], ["baseline.id"], name="baseline_feature_baseline_id_fkey"),
        sa.PrimaryKeyConstraint("baseline_id", "position", name="baseline_feature_pkey"),
        sa.UniqueConstraint("baseline_id", "name", name="baseline_feature_baseline_id_name_key"),
    )
    op.create_table(
        "baseline_window",
        sa.Column("baseline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("sums", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.ForeignKeyConstraint(["baseline_id"], ["baseline.id"], name="baseline_window_baseline_id_fkey"),
        sa.PrimaryKeyConstraint("baseline_id", "window_start", name="baseline_window_pkey"),
    )
    op.create_table(
        "bin",
        sa.Column("baseline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bin", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("lower", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("value_number", sa.Double(), nullable=True),
        sa.Column("value_text", sa.Text(collation="C"), nullable=True),
        sa.Column("bucket", sa.SmallInteger(), nullable=True),
        sa.Column("mean", sa.Double(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["baseline_id"], ["baseline.id"], name="bin_baseline_id_fkey"),
        sa.PrimaryKeyConstraint("baseline_id", "position", "bin", name="bin_pkey"),
    )
    for statement in (_STORAGE, _EXPOSITION, _APPEND_ONLY, _UNPACK, _VIEW):
        op.execute(statement)


def downgrade() -> None:
    """Drop everything."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP VIEW feature_histogram")
    op.execute("DROP FUNCTION unpack_counts")
    op.drop_table("bin")
    op.drop_table("baseline_window")
    op.drop_table("baseline_feature")
    op.drop_table("activation")
    op.drop_table("threshold")
    op.drop_table("feature")
    op.drop_table("baseline")
    op.drop_table("window_total")
    op.drop_table("window_histogram")
    op.drop_table("score")
    op.drop_table("model_version")
    op.drop_table("model")
    op.drop_table("ledger_pruned")
    op.drop_table("journal_quarantine")
    op.drop_table("exposition")
    op.drop_table("episode")
    op.drop_table("delta_journal")
    op.drop_table("batch_ledger")
    op.drop_table("audit_event")
    op.drop_table("api_key")
    op.execute("DROP FUNCTION refuse_change")
