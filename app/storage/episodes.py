"""Episodes, and the verdicts people gave on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import tables

_VERDICT = frozenset({"verdict", "note", "verdict_at", "verdicts"})


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of windows during which a line was crossed; open while it has no end.

    `length_us` is that of the days or weeks in which it was found, 0 for the model's own windows.
    """

    id: str
    version: str
    feature: str
    statistic: str
    severity: str
    start_us: int
    end_us: int | None
    peak: float
    cause: str | None
    group: str | None
    top_bins: Sequence[object]
    verdict: str | None = None
    note: str | None = None
    verdict_us: int | None = None
    verdicts: Sequence[tuple[str, int]] = ()
    length_us: int = 0


def replace(  # noqa: PLR0913 - whose episodes, and since when
    conn: Connection,
    model_id: int,
    version: str,
    *,
    episodes: Sequence[Episode],
    since_us: int,
    until_us: int | None = None,
    unsettled: Sequence[Episode] = (),
    length_us: int = 0,
) -> None:
    """Make these the version's episodes of those that start from one instant to the other.

    What people said of an episode is kept although it stands no more: it may stand again. Of `unsettled` ones it is
    not known yet how they go on: what is shown of them stays. Those of windows of another length are left alone.
    """
    columns = tables.episode.c
    where = [
        columns.model_id == model_id,
        columns.version == version,
        columns.length == length_us,
        columns.start_at >= since_us,
        columns.id.not_in([episode.id for episode in (*episodes, *unsettled)]),
    ]
    if until_us is not None:
        where.append(columns.start_at <= until_us)
    conn.execute(delete(tables.episode).where(*where, columns.verdict.is_(None)))
    conn.execute(update(tables.episode).where(*where, columns.stands).values(stands=False))
    kept = _VERDICT | {"model_id", "id"}
    _put(conn, model_id, episodes, names=[column.name for column in columns if column.name not in kept], stands=True)
    _put(conn, model_id, unsettled, names=["top_bins"], stands=False)


def _put(conn: Connection, model_id: int, episodes: Sequence[Episode], *, names: Sequence[str], stands: bool) -> None:
    """Insert episodes, or of those that are known only what is named."""
    if not episodes:
        return
    ordered = sorted(episodes, key=lambda episode: episode.id)
    rows = [{**_values(model_id, episode), "stands": stands} for episode in ordered]
    statement = upsert(tables.episode)
    replaced = {name: statement.excluded[name] for name in names}
    conn.execute(statement.on_conflict_do_update(index_elements=["model_id", "id"], set_=replaced), rows)


def verdicts(
    conn: Connection, model_id: int, *, version: str, length_us: int
) -> list[tuple[str, Sequence[tuple[str, int]]]]:
    """What people said of a version's episodes, whether they stand or not: id, and verdicts as in Episode."""
    columns = tables.episode.c
    where = (columns.model_id == model_id, columns.version == version, columns.length == length_us)
    statement = select(columns.id, columns.verdicts).where(*where, columns.verdict.is_not(None)).order_by(columns.id)
    return [(row.id, tuple((verdict, us) for verdict, us in row.verdicts)) for row in conn.execute(statement)]


def listed(  # noqa: PLR0913 - the filters of the contract
    conn: Connection,
    model_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    feature: str | None = None,
    version: str | None = None,
    open_only: bool = False,
    length_us: int | None = 0,
) -> list[Episode]:
    """A model's episodes that start in [from, to), oldest first; of its own windows unless another length is asked for.

    With no length, None, those of all lengths.
    """
    columns = tables.episode.c
    where = [columns.model_id == model_id, columns.stands]
    if length_us is not None:
        where.append(columns.length == length_us)
    if from_us is not None:
        where.append(columns.start_at >= from_us)
    if to_us is not None:
        where.append(columns.start_at < to_us)
    if feature is not None:
        where.append(columns.feature == feature)
    if version is not None:
        where.append(columns.version == version)
    if open_only:
        where.append(columns.end_at.is_(None))
    order = (columns.start_at, columns.version, columns.feature, columns.statistic, columns.length)
    return [_episode(row) for row in conn.execute(select(tables.episode).where(*where).order_by(*order))]


def recent(conn: Connection, *, since_us: int) -> dict[int, list[Episode]]:
    """The episodes of every model's own windows that are open or began since an instant, oldest first, by model."""
    columns = tables.episode.c
    where = and_(columns.stands, columns.length == 0, or_(columns.end_at.is_(None), columns.start_at >= since_us))
    order = (columns.start_at, columns.version, columns.feature, columns.statistic)
    found: dict[int, list[Episode]] = {}
    for row in conn.execute(select(tables.episode).where(where).order_by(*order)):
        found.setdefault(row.model_id, []).append(_episode(row))
    return found


def rolled(conn: Connection) -> dict[int, list[Episode]]:
    """The open episodes of every model's days and weeks, oldest first, by model."""
    columns = tables.episode.c
    where = (columns.stands, columns.length > 0, columns.end_at.is_(None))
    order = (columns.start_at, columns.version, columns.feature, columns.statistic)
    found: dict[int, list[Episode]] = {}
    for row in conn.execute(select(tables.episode).where(*where).order_by(*order)):
        found.setdefault(row.model_id, []).append(_episode(row))
    return found


def tops(conn: Connection, model_id: int, ids: Sequence[str]) -> dict[str, Sequence[object]]:
    """The outstanding bins of episodes, by id."""
    columns = tables.episode.c
    where = (columns.model_id == model_id, columns.id.in_(ids))
    return {row.id: row.top_bins for row in conn.execute(select(columns.id, columns.top_bins).where(*where))}


def find(conn: Connection, model_id: int, episode_id: str) -> Episode | None:
    """The episode of this id."""
    columns = tables.episode.c
    where = (columns.model_id == model_id, columns.id == episode_id, columns.stands)
    row = conn.execute(select(tables.episode).where(*where)).one_or_none()
    return None if row is None else _episode(row)


def judge(  # noqa: PLR0913 - a verdict and whose
    conn: Connection,
    model_id: int,
    episode_id: str,
    *,
    verdict: str,
    note: str | None,
    now_us: int,
    window_us: int,
) -> Episode | None:
    """Keep a person's verdict beside the earlier ones, and the newest window evaluated when it was given."""
    columns = tables.episode.c
    statement = (
        update(tables.episode)
        .where(columns.model_id == model_id, columns.id == episode_id)
        .values(
            verdict=verdict,
            note=note,
            verdict_at=now_us,
            verdicts=columns.verdicts.concat(func.jsonb_build_array(func.jsonb_build_array(verdict, window_us))),
        )
        .returning(tables.episode)
    )
    row = conn.execute(statement).one_or_none()
    return None if row is None else _episode(row)


def _values(model_id: int, episode: Episode) -> dict[str, object]:
    return {
        "model_id": model_id,
        "id": episode.id,
        "version": episode.version,
        "feature": episode.feature,
        "statistic": episode.statistic,
        "severity": episode.severity,
        "start_at": episode.start_us,
        "end_at": episode.end_us,
        "peak": episode.peak,
        "cause": episode.cause,
        "group": episode.group,
        "top_bins": list(episode.top_bins),
        "verdict": episode.verdict,
        "note": episode.note,
        "verdict_at": episode.verdict_us,
        "verdicts": [list(one) for one in episode.verdicts],
        "length": episode.length_us,
    }


def _episode(row: Row[Any]) -> Episode:
    return Episode(
        id=row.id,
        version=row.version,
        feature=row.feature,
        statistic=row.statistic,
        severity=row.severity,
        start_us=row.start_at,
        end_us=row.end_at,
        peak=row.peak,
        cause=row.cause,
        group=row.group,
        top_bins=row.top_bins,
        verdict=row.verdict,
        note=row.note,
        verdict_us=row.verdict_at,
        verdicts=tuple((verdict, window_us) for verdict, window_us in row.verdicts),
        length_us=row.length,
    )
