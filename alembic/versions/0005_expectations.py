"""Keep samples of windows, suites of expectations, their results, and a view of scores for people with SQL."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)
_NAME: Final = sa.Text(collation="C")

_VIEW: Final = """
CREATE VIEW feature_score (model, version, feature, window_start, statistic, value, p_value, warning, critical, "rows")
AS SELECT m.name, s.version, coalesce(f.name, ''), s.window_start, s.statistic, v.value, s.p_values[v.place],
          s.warning[v.place], s.critical[v.place], s.rows
FROM score s
JOIN model m ON m.id = s.model_id AND m.deleted_at IS NULL
CROSS JOIN LATERAL unnest(s."values") WITH ORDINALITY AS v (value, place)
LEFT JOIN baseline_feature f
    ON f.baseline_id = s.baseline_id AND f.position = v.place - 1 AND s.statistic <> 'volume'
WHERE v.value IS NOT NULL AND s.statistic NOT IN ('mean', 'psi_expected', 'ks_expected')
"""


def upgrade() -> None:
    """Create the tables and the view."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    _samples()
    _suites()
    op.execute(_VIEW)


def downgrade() -> None:
    """Forget samples, suites and their results."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP VIEW feature_score")
    for table in ("expectation_result", "expectation_suite", "reservoir", "reservoir_part"):
        op.drop_table(table)


def _samples() -> None:
    op.create_table(
        "reservoir_part",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "id", name="reservoir_part_pkey"),
    )
    op.create_index("reservoir_part_window_idx", "reservoir_part", ["model_id", "window_start", "version"])
    op.create_table(
        "reservoir",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "window_start", "version", name="reservoir_pkey"),
    )


def _suites() -> None:
    op.create_table(
        "expectation_suite",
        sa.Column("id", sa.Integer, sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("show_values", sa.Boolean, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("activated_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name="expectation_suite_pkey"),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="expectation_suite_model_id_fkey"),
        sa.UniqueConstraint("model_id", "name", "number", name="expectation_suite_model_id_name_number_key"),
    )
    op.create_index(
        "expectation_suite_active_idx",
        "expectation_suite",
        ["model_id", "name"],
        unique=True,
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "expectation_result",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("suite_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("sample_rows", sa.Integer, nullable=False),
        sa.Column("results", sa.JSON, nullable=False),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "window_start", "version", "suite_id", name="expectation_result_pkey"),
    )
    op.create_index("expectation_result_suite_idx", "expectation_result", ["suite_id", "window_start"])
