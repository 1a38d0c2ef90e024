"""Keep what people said of an episode while it does not stand."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell episodes that stand from those that may stand again."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("episode", sa.Column("stands", sa.Boolean, nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """Forget those that do not stand."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM episode WHERE NOT stands")
    op.drop_column("episode", "stands")
