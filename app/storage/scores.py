"""Scores of evaluated windows: one row for each statistic, an array over the features of the window's baseline."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Table, distinct, func, select, text, tuple_

from app.storage import tables
from app.storage.scored import ScoredWindow, StatisticRow, line
from app.storage.types import to_datetime

__all__ = ["ScoredWindow", "StatisticRow"]

Doubles = NDArray[np.float64]


def save(conn: Connection, model_id: int, scored: ScoredWindow) -> None:
    """Store a window's scores and note the revision they belong to; a newer evaluation is never overwritten."""
    save_many(conn, model_id, [scored])


def save_many(conn: Connection, model_id: int, windows: Sequence[ScoredWindow]) -> None:
    """Store the scores of several windows in place of older evaluations of them.

    Whoever evaluates holds the model's turn, so that two evaluations of one window never write at once.
    """
    ordered = sorted(windows, key=_place)
    if not ordered:
        return
    newer = _newer(conn, model_id, ordered)
    kept = [scored for scored in ordered if _place(scored) not in newer]
    keys = {
        "model": model_id,
        "starts": [to_datetime(scored.start_us) for scored in kept],
        "versions": [scored.version for scored in kept],
        "baselines": [scored.baseline_id for scored in kept],
        "revisions": [scored.revision for scored in kept],
        "computed": [to_datetime(scored.computed_us) for scored in kept],
    }
    conn.execute(_REPLACED, keys)
    copy_lines(
        conn,
        tables.score,
        [line(model_id, scored, statistic) for scored in kept for statistic in sorted(scored.statistics)],
    )
    conn.execute(_SCORED, keys)
    conn.execute(_NEWEST, keys)


def _place(scored: ScoredWindow) -> tuple[int, str, int]:
    return scored.start_us, scored.version, scored.baseline_id


def _newer(conn: Connection, model_id: int, ordered: Sequence[ScoredWindow]) -> set[tuple[int, str, int]]:
    """Find the windows that are already stored at a higher revision."""
    score = tables.score.c
    known = conn.execute(
        select(score.window_start, score.version, score.baseline_id, func.max(score.revision).label("revision"))
        .where(
            score.model_id == model_id,
            score.window_start.between(ordered[0].start_us, ordered[-1].start_us),
        )
        .group_by(score.window_start, score.version, score.baseline_id)
    )
    stored = {(row.window_start, row.version, row.baseline_id): row.revision for row in known}
    return {_place(scored) for scored in ordered if stored.get(_place(scored), 0) > scored.revision}


def copy_lines(conn: Connection, table: Table, lines: Sequence[str]) -> None:
    """Put lines into a table of scores."""
    columns = ", ".join(f'"{column.name}"' for column in table.c)
    cursor = conn.connection.driver_connection.cursor()  # type: ignore[union-attr]
    with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        copy.write("".join(lines))


def narrowed(
    table: Table, *, from_us: int | None, to_us: int | None, version: str | None, statistics: Sequence[str] | None
) -> list[Any]:
    """Give the conditions of a list of scores: those that start in [from, to), of a version, of some statistics."""
    score = table.c
    where: list[Any] = []
    if from_us is not None:
        where.append(score.window_start >= from_us)
    if to_us is not None:
        where.append(score.window_start < to_us)
    if version is not None:
        where.append(score.version == version)
    if statistics is not None:
        where.append(score.statistic.in_(list(statistics)))
    return where


def listed(  # noqa: PLR0913 - the filters of the contract
    conn: Connection,
    model_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    version: str | None = None,
    statistics: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[ScoredWindow]:
    """Evaluated windows that start in [from, to), by start, version and baseline; `limit` counts windows."""
    score = tables.score.c
    chosen = narrowed(tables.score, from_us=from_us, to_us=to_us, version=version, statistics=statistics)
    where: list[Any] = [score.model_id == model_id, *chosen]
    if limit is not None:
        key = (score.window_start, score.version, score.baseline_id)
        ends = conn.execute(select(*key).where(*where).group_by(*key).order_by(*key).offset(limit).limit(1)).first()
        if ends is not None:
            where.append(tuple_(*key) < tuple_(*ends, types=[column.type for column in key]))
    return read(conn, tables.score, where)


def newest(conn: Connection) -> dict[int, list[ScoredWindow]]:
    """The newest evaluated window of every version of every living model."""
    score, known, model = tables.score.c, tables.model_version.c, tables.model.c
    found: dict[int, list[ScoredWindow]] = {}
    statement = (
        select(known.model_id, known.version, known.newest_scored)
        .join(tables.model, model.id == known.model_id)
        .where(model.deleted_at.is_(None), known.newest_scored.is_not(None))
        .order_by(known.model_id, known.version)
    )
    for row in conn.execute(statement).all():
        where = [score.model_id == row.model_id, score.version == row.version, score.window_start == row.newest_scored]
        found.setdefault(row.model_id, []).extend(read(conn, tables.score, where))
    return found


def newest_of(conn: Connection, model_id: int, version: str, *, min_rows: int) -> ScoredWindow | None:
    """The newest evaluated window of one version that had at least `min_rows` rows."""
    score = tables.score.c
    where = [score.model_id == model_id, score.version == version]
    start = conn.scalar(
        select(score.window_start).where(*where, score.rows >= min_rows).order_by(score.window_start.desc()).limit(1)
    )
    found = [] if start is None else read(conn, tables.score, [*where, score.window_start == start])
    return found[-1] if found else None


def counted(
    conn: Connection, model_id: int, *, from_us: int | None, to_us: int | None, without: Sequence[str]
) -> tuple[int, int]:
    """How many windows of a range are scored, and how many numbers that makes, some statistics apart."""
    score = tables.score.c
    where = [score.model_id == model_id]
    if from_us is not None:
        where.append(score.window_start >= from_us)
    if to_us is not None:
        where.append(score.window_start < to_us)
    key = tuple_(score.window_start, score.version)
    scored = conn.scalar(select(func.count(distinct(key))).where(*where)) or 0
    own = select(func.unnest(score["values"]).label("number")).where(*where, score.statistic.not_in(without)).subquery()
    return scored, conn.scalar(select(func.count(own.c.number))) or 0


_GIVEN: Final = """
unnest(CAST(:starts AS timestamptz[]), CAST(:versions AS text[]), CAST(:baselines AS integer[]),
       CAST(:revisions AS bigint[]), CAST(:computed AS timestamptz[]))
    AS given (window_start, version, baseline_id, revision, computed_at)
"""

_REPLACED: Final = text(f"""
DELETE FROM score s USING {_GIVEN}
WHERE s.model_id = :model AND s.window_start = given.window_start AND s.version = given.version
  AND s.baseline_id = given.baseline_id
""")  # noqa: S608 - no value in it

_SCORED: Final = text(f"""
UPDATE window_total w SET scored_revision = greatest(w.scored_revision, given.revision), scored_at = given.computed_at
FROM {_GIVEN}
WHERE w.model_id = :model AND w.window_start = given.window_start AND w.version = given.version
  AND w.baseline_id = given.baseline_id
""")  # noqa: S608 - no value in it

_NEWEST: Final = text(f"""
INSERT INTO model_version AS v (model_id, version, last_received_at, newest_scored)
SELECT :model, given.version, max(given.window_start), max(given.window_start)
FROM {_GIVEN} GROUP BY given.version ORDER BY given.version
ON CONFLICT (model_id, version) DO UPDATE SET newest_scored = greatest(v.newest_scored, excluded.newest_scored)
""")  # noqa: S608 - no value in it


def read(conn: Connection, table: Table, where: Sequence[Any]) -> list[ScoredWindow]:
    """The evaluated windows that a table of scores holds under some conditions, by start, version and baseline."""
    score = table.c
    order = (score.window_start, score.version, score.baseline_id, score.statistic)
    rows = conn.execute(select(table).where(*where).order_by(*order))
    found = []
    for key, group in groupby(rows, key=lambda row: (row.window_start, row.version, row.baseline_id)):
        own = list(group)
        latest = max(own, key=lambda row: (row.revision, row.computed_at))
        statistics = {row.statistic: _statistic(row) for row in own}
        found.append(ScoredWindow(*key, latest.rows, latest.revision, latest.computed_at, statistics))
    return found


def _statistic(row: Row[Any]) -> StatisticRow:
    return StatisticRow(
        values=_doubles(row.values),
        high=None if row.high is None else _doubles(row.high),
        p_values=None if row.p_values is None else _doubles(row.p_values),
        status=None if row.status is None else np.array(row.status, np.int16),
        warning=None if row.warning is None else _doubles(row.warning),
        critical=None if row.critical is None else _doubles(row.critical),
    )


def _doubles(values: Sequence[float | None]) -> Doubles:
    return np.array(values, np.float64)
