"""Scores of evaluated windows: one row for each statistic, an array over the features of the window's baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, distinct, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import tables
from app.storage.types import to_datetime

Doubles = NDArray[np.float64]

_KEY: Final = ("model_id", "window_start", "version", "baseline_id", "statistic")


@dataclass(frozen=True, slots=True, eq=False)
class StatisticRow:
    """One statistic over features, each array of shape (features,), NaN where it does not apply.

    `high` is the upper end of an interval, `warning` and `critical` the lines the values were held against.
    """

    values: Doubles
    high: Doubles | None = None
    p_values: Doubles | None = None
    status: NDArray[np.int16] | None = None
    warning: Doubles | None = None
    critical: Doubles | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ScoredWindow:
    """A window as it was evaluated at one revision of its counts."""

    start_us: int
    version: str
    baseline_id: int
    rows: int
    revision: int
    computed_us: int
    statistics: Mapping[str, StatisticRow] = field(default_factory=dict)


def save(conn: Connection, model_id: int, scored: ScoredWindow) -> None:
    """Store a window's scores and note the revision they belong to; a newer evaluation is never overwritten."""
    save_many(conn, model_id, [scored])


def save_many(conn: Connection, model_id: int, windows: Sequence[ScoredWindow]) -> None:
    """Store the scores of several windows, in the order of their keys."""
    ordered = sorted(windows, key=lambda scored: (scored.start_us, scored.version, scored.baseline_id))
    rows = [_values(model_id, scored, statistic) for scored in ordered for statistic in sorted(scored.statistics)]
    if rows:
        statement = upsert(tables.score)
        replaced = {
            column.name: statement.excluded[column.name] for column in tables.score.c if column.name not in _KEY
        }
        newer = tables.score.c.revision <= statement.excluded.revision
        conn.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=replaced, where=newer), rows)
    for scored in ordered:
        parameters = {
            "model": model_id,
            "start": to_datetime(scored.start_us),
            "version": scored.version,
            "baseline": scored.baseline_id,
            "revision": scored.revision,
            "computed": to_datetime(scored.computed_us),
        }
        conn.execute(_SCORED, parameters)
        conn.execute(_NEWEST, parameters)


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
    where: list[Any] = [score.model_id == model_id]
    if from_us is not None:
        where.append(score.window_start >= from_us)
    if to_us is not None:
        where.append(score.window_start < to_us)
    if version is not None:
        where.append(score.version == version)
    if statistics is not None:
        where.append(score.statistic.in_(list(statistics)))
    if limit is not None:
        key = (score.window_start, score.version, score.baseline_id)
        ends = conn.execute(select(*key).where(*where).group_by(*key).order_by(*key).offset(limit).limit(1)).first()
        if ends is not None:
            where.append(tuple_(*key) < tuple_(*ends, types=[column.type for column in key]))
    return _read(conn, where)


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
        found.setdefault(row.model_id, []).extend(_read(conn, where))
    return found


def newest_of(conn: Connection, model_id: int, version: str, *, min_rows: int) -> ScoredWindow | None:
    """The newest evaluated window of one version that had at least `min_rows` rows."""
    score = tables.score.c
    where = [score.model_id == model_id, score.version == version]
    start = conn.scalar(
        select(score.window_start).where(*where, score.rows >= min_rows).order_by(score.window_start.desc()).limit(1)
    )
    found = [] if start is None else _read(conn, [*where, score.window_start == start])
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


_SCORED: Final = text("""
UPDATE window_total SET scored_revision = greatest(scored_revision, :revision), scored_at = :computed
WHERE model_id = :model AND window_start = :start AND version = :version AND baseline_id = :baseline
""")

_NEWEST: Final = text("""
INSERT INTO model_version AS v (model_id, version, last_received_at, newest_scored)
VALUES (:model, :version, :start, :start)
ON CONFLICT (model_id, version) DO UPDATE SET newest_scored = greatest(v.newest_scored, excluded.newest_scored)
""")


def _read(conn: Connection, where: Sequence[Any]) -> list[ScoredWindow]:
    score = tables.score.c
    order = (score.window_start, score.version, score.baseline_id, score.statistic)
    rows = conn.execute(select(tables.score).where(*where).order_by(*order))
    found = []
    for key, group in groupby(rows, key=lambda row: (row.window_start, row.version, row.baseline_id)):
        own = list(group)
        latest = max(own, key=lambda row: (row.revision, row.computed_at))
        statistics = {row.statistic: _statistic(row) for row in own}
        found.append(ScoredWindow(*key, latest.rows, latest.revision, latest.computed_at, statistics))
    return found


def _values(model_id: int, scored: ScoredWindow, statistic: str) -> dict[str, object]:
    row = scored.statistics[statistic]
    return {
        "model_id": model_id,
        "window_start": scored.start_us,
        "version": scored.version,
        "baseline_id": scored.baseline_id,
        "statistic": statistic,
        "rows": scored.rows,
        "revision": scored.revision,
        "values": _nullable(row.values),
        "high": _nullable(row.high),
        "p_values": _nullable(row.p_values),
        "status": None if row.status is None else row.status.tolist(),
        "warning": _nullable(row.warning),
        "critical": _nullable(row.critical),
        "computed_at": scored.computed_us,
    }


def _statistic(row: Row[Any]) -> StatisticRow:
    return StatisticRow(
        values=_doubles(row.values),
        high=None if row.high is None else _doubles(row.high),
        p_values=None if row.p_values is None else _doubles(row.p_values),
        status=None if row.status is None else np.array(row.status, np.int16),
        warning=None if row.warning is None else _doubles(row.warning),
        critical=None if row.critical is None else _doubles(row.critical),
    )


def _nullable(values: Doubles | None) -> list[float | None] | None:
    if values is None:
        return None
    return [
        None if missing else value for value, missing in zip(values.tolist(), np.isnan(values).tolist(), strict=True)
    ]


def _doubles(values: Sequence[float | None]) -> Doubles:
    return np.array(values, np.float64)
