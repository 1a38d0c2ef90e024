"""Keep books of windows that are kept no more."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)
_NAME: Final = sa.Text(collation="C")


def upgrade() -> None:
    """Create the table."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "window_pruned",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("baseline_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("before", _INSTANT, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "version", "baseline_id", name="window_pruned_pkey"),
    )


def downgrade() -> None:
    """Forget the books; the imbalance then shows the rows of windows that are gone."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("window_pruned")
