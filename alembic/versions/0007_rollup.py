"""Roll windows up to local days and weeks, with scores, weeks walked and episodes of their own."""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)
_NAME: Final = sa.Text(collation="C")
_DOUBLES: Final = ARRAY(sa.Double)
_ZERO: Final = sa.text("0")


def upgrade() -> None:
    """Create the tables; every window is to be rolled up."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("window_total", sa.Column("rolled_revision", sa.BigInteger, nullable=False, server_default=_ZERO))
    op.create_index(
        "window_total_unrolled_idx",
        "window_total",
        ["model_id", "window_start"],
        postgresql_where=sa.text("revision > rolled_revision"),
    )
    op.add_column("episode", sa.Column("length", sa.BigInteger, nullable=False, server_default=_ZERO))
    op.add_column("chronicle", sa.Column("length", sa.BigInteger, nullable=False, server_default=_ZERO))
    _chronicle_key("length", "monday")
    op.create_table(
        "rollup",
        *_key("period"),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("first_start", _INSTANT, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.LargeBinary, nullable=False),
        sa.Column("sums", _DOUBLES, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("scored_revision", sa.BigInteger, nullable=False, server_default=_ZERO),
        sa.PrimaryKeyConstraint("model_id", "length", "period", "version", "baseline_id", name="rollup_pkey"),
    )
    op.create_table(
        "rollup_score",
        *_key("window_start"),
        sa.Column("statistic", _NAME, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("values", _DOUBLES, nullable=False),
        sa.Column("high", _DOUBLES),
        sa.Column("p_values", _DOUBLES),
        sa.Column("status", ARRAY(sa.SmallInteger)),
        sa.Column("warning", _DOUBLES),
        sa.Column("critical", _DOUBLES),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "model_id", "length", "window_start", "version", "baseline_id", "statistic", name="rollup_score_pkey"
        ),
    )


def _key(start: str) -> list[sa.Column[object]]:
    return [
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("length", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column(start, _INSTANT, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("baseline_id", sa.Integer, autoincrement=False, nullable=False),
    ]


def _chronicle_key(*last: str) -> None:
    op.drop_constraint("chronicle_pkey", "chronicle")
    op.create_primary_key("chronicle_pkey", "chronicle", ["model_id", "version", "baseline_id", *last])


def downgrade() -> None:
    """Forget what was rolled up; the windows themselves stay."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("rollup_score")
    op.drop_table("rollup")
    op.execute("DELETE FROM chronicle WHERE length > 0")
    op.execute("DELETE FROM episode WHERE length > 0")
    _chronicle_key("monday")
    op.drop_column("chronicle", "length")
    op.drop_column("episode", "length")
    op.drop_index("window_total_unrolled_idx", "window_total")
    op.drop_column("window_total", "rolled_revision")
