"""Show baselines to SQL, as windows are shown already."""

from typing import Final

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_VIEW: Final = """
CREATE VIEW baseline_histogram (model, baseline, feature, bin, label, "group", count) AS
SELECT m.name, l.number, f.name, b.bin, b.label, b."group", b.count
FROM model m
JOIN baseline l ON l.model_id = m.id
JOIN baseline_feature f ON f.baseline_id = l.id
JOIN bin b ON b.baseline_id = f.baseline_id AND b.position = f.position
WHERE m.deleted_at IS NULL;
COMMENT ON VIEW baseline_histogram IS
    'Counts of every baseline; bin and label match those of feature_histogram, PSI adds bins of a group.';
"""


def upgrade() -> None:
    """Create the view."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_VIEW)


def downgrade() -> None:
    """Remove it."""
    op.execute("DROP VIEW baseline_histogram")
