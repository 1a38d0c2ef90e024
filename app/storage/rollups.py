"""Days and weeks that windows were rolled up to; the baseline's own are kept under no version at all.

Periods are known by their first local day, as app.drift.period has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import codec, tables
from app.storage.scored import ScoredWindow, line
from app.storage.scores import copy_lines, narrowed, read
from app.storage.types import to_datetime
from app.storage.windows import WindowCounts, unpack_rows

BASELINE: Final = ""
"""The version under which a baseline's own periods are kept: no real version has an empty name."""
_KEY: Final = ("model_id", "length", "period", "version", "baseline_id")


@dataclass(frozen=True, slots=True)
class Strand:
    """What is rolled up together: one version on one baseline, to periods of one length."""

    model_id: int
    version: str
    baseline_id: int
    length_us: int


@dataclass(frozen=True, slots=True)
class Rollup:
    """What is known of a period without its counts; `first_us` is where its first window starts."""

    start_us: int
    version: str
    baseline_id: int
    rows: int
    first_us: int
    revision: int
    scored_revision: int


def oldest_unrolled(conn: Connection) -> dict[int, int]:
    """The start of the oldest folded window that changed since it was rolled up, by model."""
    total = tables.window_total.c
    statement = select(total.model_id, func.min(total.window_start).label("start"))
    rows = conn.execute(statement.where(total.revision > total.rolled_revision).group_by(total.model_id))
    return {row.model_id: row.start for row in rows}


def unrolled(conn: Connection, model_id: int, *, start_before_us: int, limit: int) -> list[tuple[int, str, int]]:
    """Start, version and baseline of folded windows that changed since they were rolled up, the oldest first."""
    total = tables.window_total.c
    key = (total.window_start, total.version, total.baseline_id)
    where = (total.model_id == model_id, total.revision > total.rolled_revision, total.window_start < start_before_us)
    return [(row[0], row[1], row[2]) for row in conn.execute(select(*key).where(*where).order_by(*key).limit(limit))]


def note_rolled(conn: Connection, strand: Strand, found: WindowCounts) -> None:
    """Note that these windows were rolled up as they are here."""
    keys = {
        "model": strand.model_id,
        "version": strand.version,
        "baseline": strand.baseline_id,
        "starts": [to_datetime(start) for start in found.starts.tolist()],
        "revisions": found.revisions.tolist(),
    }
    conn.execute(_ROLLED, keys)


_ROLLED: Final = text("""
UPDATE window_total w SET rolled_revision = greatest(w.rolled_revision, given.revision)
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:revisions AS bigint[])) AS given (window_start, revision)
WHERE w.model_id = :model AND w.version = :version AND w.baseline_id = :baseline
  AND w.window_start = given.window_start
""")


def save(conn: Connection, strand: Strand, found: WindowCounts, *, firsts: Sequence[int], zone: str) -> None:
    """Keep these periods in place of what was known of them; one of fewer rows than are known stays as it is.

    Rows are never taken away from a window, so fewer of them mean that some windows of the period are kept no more.
    """
    if not len(found):
        return
    rows = [
        {
            "model_id": strand.model_id,
            "length": strand.length_us,
            "period": int(start),
            "version": strand.version,
            "baseline_id": strand.baseline_id,
            "zone": zone,
            "first_start": firsts[at],
            "rows": int(found.rows[at]),
            "counts": codec.pack(found.counts[at]),
            "sums": found.sums[at].tolist(),
            "revision": 1,
        }
        for at, start in enumerate(found.starts)
    ]
    statement = upsert(tables.rollup)
    replaced: dict[str, Any] = {
        name: statement.excluded[name] for name in ("zone", "first_start", "rows", "counts", "sums")
    }
    replaced["revision"] = tables.rollup.c.revision + 1
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=list(_KEY),
            set_=replaced,
            where=tables.rollup.c.rows <= statement.excluded.rows,
        ),
        rows,
    )


def listed(  # noqa: PLR0913 - a range has two ends
    conn: Connection,
    model_id: int,
    *,
    length_us: int,
    version: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
) -> list[Rollup]:
    """Periods that start in [from, to), by start, version and baseline; of all versions but the baseline's own."""
    rollup = tables.rollup.c
    where = [rollup.model_id == model_id, rollup.length == length_us]
    where.append(rollup.version != BASELINE if version is None else rollup.version == version)
    if from_us is not None:
        where.append(rollup.period >= from_us)
    if to_us is not None:
        where.append(rollup.period < to_us)
    columns = (
        rollup.period,
        rollup.version,
        rollup.baseline_id,
        rollup.rows,
        rollup.first_start,
        rollup.revision,
        rollup.scored_revision,
    )
    order = (rollup.period, rollup.version, rollup.baseline_id)
    return [Rollup(*row) for row in conn.execute(select(*columns).where(*where).order_by(*order))]


def starts(conn: Connection, strand: Strand) -> list[int]:
    """When the periods of a strand start, ascending."""
    rollup = tables.rollup.c
    return list(conn.scalars(select(rollup.period).where(*_of(strand)).order_by(rollup.period)))


def counts(
    conn: Connection, strand: Strand, *, from_us: int, to_us: int, chunk: int = 64
) -> Iterator[tuple[WindowCounts, list[int]]]:
    """The counts of the periods that start in [from, to), a chunk at a time, and where their first windows start."""
    rollup, columns = tables.rollup.c, tables.baseline.c
    shape = conn.execute(select(columns.bins, columns.features).where(columns.id == strand.baseline_id)).one()
    wanted = [start for start in starts(conn, strand) if from_us <= start < to_us]
    for first in range(0, len(wanted), chunk):
        part = wanted[first : first + chunk]
        rows = conn.execute(
            select(tables.rollup).where(*_of(strand), rollup.period.between(part[0], part[-1])).order_by(rollup.period)
        ).all()
        unpacked, sums = unpack_rows(rows, shape.bins, bins=(0, shape.bins), features=(0, shape.features))
        sizes = np.array([row.rows for row in rows], np.int64)
        revisions = np.array([row.revision for row in rows], np.int64)
        found = WindowCounts(np.array(part, np.int64), sizes, unpacked, sums, revisions)
        yield found, [row.first_start for row in rows]


def save_scores(conn: Connection, model_id: int, length_us: int, found: Sequence[ScoredWindow]) -> None:
    """Store the scores of several periods in place of older ones, and note what they were computed from."""
    for scored in found:
        mine = {"version": scored.version, "baseline_id": scored.baseline_id}
        conn.execute(
            delete(tables.rollup_score).filter_by(
                model_id=model_id, length=length_us, window_start=scored.start_us, **mine
            )
        )
        conn.execute(
            update(tables.rollup)
            .filter_by(model_id=model_id, length=length_us, period=scored.start_us, **mine)
            .values(scored_revision=scored.revision)
        )
    ordered = sorted(found, key=lambda one: (one.start_us, one.version, one.baseline_id))
    table = tables.rollup_score
    lines = [
        line(model_id, scored, statistic, table=table, length_us=length_us)
        for scored in ordered
        for statistic in sorted(scored.statistics)
    ]
    copy_lines(conn, table, lines)


def scores(  # noqa: PLR0913 - a range has two ends
    conn: Connection,
    model_id: int,
    length_us: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    version: str | None = None,
    statistics: Sequence[str] | None = None,
) -> list[ScoredWindow]:
    """Evaluated periods that start in [from, to), by start, version and baseline."""
    score = tables.rollup_score.c
    chosen = narrowed(tables.rollup_score, from_us=from_us, to_us=to_us, version=version, statistics=statistics)
    where = [score.model_id == model_id, score.length == length_us, *chosen]
    return read(conn, tables.rollup_score, where)


def newest_scores(conn: Connection, model_id: int, length_us: int) -> list[ScoredWindow]:
    """The newest evaluated period of every version."""
    score = tables.rollup_score.c
    where = (score.model_id == model_id, score.length == length_us)
    newest = select(score.version, func.max(score.window_start)).where(*where).group_by(score.version)
    return read(conn, tables.rollup_score, [*where, tuple_(score.version, score.window_start).in_(newest)])


def elsewhere(conn: Connection, model_id: int, *, zone: str) -> bool:
    """Tell whether a model has periods of another zone's calendar."""
    rollup = tables.rollup.c
    found = select(rollup.model_id).where(rollup.model_id == model_id, rollup.zone != zone).limit(1)
    return conn.scalar(found) is not None


def forget(conn: Connection, model_id: int) -> None:
    """Forget everything that was rolled up of a model, so that it is rolled up anew."""
    for table in (tables.rollup, tables.rollup_score):
        conn.execute(delete(table).where(table.c.model_id == model_id))
    for table in (tables.chronicle, tables.episode):
        conn.execute(delete(table).where(table.c.model_id == model_id, table.c.length > 0))
    total = tables.window_total.c
    conn.execute(update(tables.window_total).where(total.model_id == model_id).values(rolled_revision=0))


def _of(strand: Strand) -> list[Any]:
    rollup = tables.rollup.c
    return [
        rollup.model_id == strand.model_id,
        rollup.length == strand.length_us,
        rollup.version == strand.version,
        rollup.baseline_id == strand.baseline_id,
    ]
