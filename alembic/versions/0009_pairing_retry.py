"""Put off calls that cannot be counted."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INSTANT: Final = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add how often it failed, and when it is tried again."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("pairing", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("pairing", sa.Column("retry_at", _INSTANT))


def downgrade() -> None:
    """Try each of them in every round again."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("pairing", "retry_at")
    op.drop_column("pairing", "failures")
