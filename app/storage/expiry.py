"""Windows that are kept no more, and from when on the others are."""

from typing import Final

from sqlalchemy import Connection, delete, func, select, text

from app.storage import tables
from app.storage.fold import take
from app.storage.rollups import Strand
from app.storage.types import to_datetime


def kept_from(conn: Connection, model_id: int, *, version: str) -> dict[int, int]:
    """The instant from which a version's windows are kept, by baseline; nothing where all are."""
    pruned = tables.window_pruned.c
    statement = select(pruned.baseline_id, pruned.before)
    rows = conn.execute(statement.where(pruned.model_id == model_id, pruned.version == version))
    return {row.baseline_id: row.before for row in rows}


def expire(  # noqa: PLR0913 - whose windows, and how many
    conn: Connection,
    model_id: int,
    *,
    version: str,
    baseline_id: int,
    before_us: int,
    rolled: bool,
    limit: int,
) -> int:
    """Forget up to `limit` windows that start before an instant, with their scores, and keep their rows in the books.

    With `rolled` only windows that were rolled up as they are. Gives 0, too, while the model's journal is being folded.
    """
    if not take(conn, model_id, wait=False):
        return 0
    forgotten = conn.scalar(
        _EXPIRED,
        {
            "model": model_id,
            "version": version,
            "baseline": baseline_id,
            "before": to_datetime(before_us),
            "rolled": rolled,
            "limit": limit,
        },
    )
    return int(forgotten or 0)


_MINE: Final = """
WHERE w.model_id = :model AND w.version = :version AND w.baseline_id = :baseline
  AND w.window_start IN (SELECT window_start FROM old)
"""

_EXPIRED: Final = text(f"""
WITH old AS (
    SELECT window_start FROM window_total
    WHERE model_id = :model AND version = :version AND baseline_id = :baseline AND window_start < :before
      AND (rolled_revision >= revision OR NOT :rolled)
    ORDER BY window_start LIMIT :limit
), histograms AS (DELETE FROM window_histogram w {_MINE}
), novelties AS (DELETE FROM window_novelty w {_MINE}
), scores AS (DELETE FROM score w {_MINE}
), totals AS (DELETE FROM window_total w {_MINE} RETURNING w.rows
), booked AS (
    INSERT INTO window_pruned AS p (model_id, version, baseline_id, before, rows)
    SELECT :model, :version, :baseline, :before, coalesce(sum(rows), 0) FROM totals
    ON CONFLICT (model_id, version, baseline_id)
    DO UPDATE SET before = greatest(p.before, excluded.before), rows = p.rows + excluded.rows
)
SELECT count(*) FROM totals
""")  # noqa: S608 - no value in it


def forget_weeks(conn: Connection, model_id: int, *, version: str, baseline_id: int, before_us: int) -> None:
    """Forget the weeks that begin before an instant but the last of them, from which the walk goes on."""
    columns = tables.chronicle.c
    mine = (
        columns.model_id == model_id,
        columns.version == version,
        columns.baseline_id == baseline_id,
        columns.length == 0,
        columns.monday < before_us,
    )
    last = select(func.max(columns.monday)).where(*mine).scalar_subquery()
    conn.execute(delete(tables.chronicle).where(*mine, columns.monday < last))


def forget_scores(conn: Connection, strand: Strand, *, before_us: int) -> int:
    """Forget the scores of periods that begin before an instant; what they add up to stays. Gives how many rows."""
    score = tables.rollup_score.c
    where = (
        score.model_id == strand.model_id,
        score.length == strand.length_us,
        score.version == strand.version,
        score.baseline_id == strand.baseline_id,
        score.window_start < before_us,
    )
    return conn.execute(delete(tables.rollup_score).where(*where)).rowcount
