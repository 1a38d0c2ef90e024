"""Keep halves of calls until they meet, and a few bodies that could not be read."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)
_NAME: Final = sa.Text(collation="C")


def upgrade() -> None:
    """Create both tables."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "pairing",
        sa.Column("pair", sa.LargeBinary, nullable=False),
        sa.Column("half", _NAME, nullable=False),
        sa.Column("model_id", sa.Integer, nullable=False),
        sa.Column("sender", _NAME, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("header_length", sa.BigInteger),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("event_at", _INSTANT, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("pair", "half", name="pairing_pkey"),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 2000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index("pairing_received_at_idx", "pairing", ["received_at"])
    op.create_table(
        "sample",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("format", _NAME, nullable=False),
        sa.Column("reason", _NAME, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "format", "reason", name="sample_pkey"),
    )


def downgrade() -> None:
    """Forget what waits; senders that retry send it again."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("sample")
    op.drop_table("pairing")
