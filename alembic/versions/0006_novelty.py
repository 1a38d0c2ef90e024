"""Keep what windows hold beyond their named categories."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)
_NAME: Final = sa.Text(collation="C")


def upgrade() -> None:
    """Create the table, and room for notes in the journal."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("delta_journal", sa.Column("novelties", sa.LargeBinary))
    op.add_column("journal_quarantine", sa.Column("novelties", sa.LargeBinary))
    op.create_table(
        "window_novelty",
        sa.Column("model_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("window_start", _INSTANT, nullable=False),
        sa.Column("version", _NAME, nullable=False),
        sa.Column("baseline_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("novelties", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "window_start", "version", "baseline_id", name="window_novelty_pkey"),
    )
    op.create_index("window_novelty_window_start_idx", "window_novelty", ["window_start"])


def downgrade() -> None:
    """Forget the notes; counts are not touched."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("window_novelty")
    op.drop_column("journal_quarantine", "novelties")
    op.drop_column("delta_journal", "novelties")
