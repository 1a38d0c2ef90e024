"""Keep the calibration and the evidence of every week, so that a late row recomputes only what follows it."""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)
_NAME: Final = sa.Text(collation="C")


def upgrade() -> None:
    """Create the chronicle, and keep every verdict with the window to which it looks back."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "chronicle",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("baseline_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("monday", _INSTANT, nullable=False),
        sa.Column("settings", sa.LargeBinary, nullable=False),
        sa.Column("calibration", sa.LargeBinary),
        sa.Column("before", sa.LargeBinary, nullable=False),
        sa.Column("after", sa.LargeBinary, nullable=False),
        sa.Column("walked_to", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "version", "baseline_id", "monday", name="chronicle_pkey"),
    )
    op.add_column("episode", sa.Column("verdicts", JSONB, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Forget calibrations; they can be computed again from the windows."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("episode", "verdicts")
    op.drop_table("chronicle")
