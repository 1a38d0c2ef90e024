"""What each week's walk began with and ended with, so that the next walk can go on from there."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import tables

_KEY = ("model_id", "version", "baseline_id", "length", "monday")


@dataclass(frozen=True, slots=True)
class Chronicle:
    """One week of one version on one baseline; `settings` tells under which settings it was walked.

    `before` and `after` are the packed states at its Monday and after the window that starts at `walked_to_us`;
    `calibration` is None once it is old enough to be fitted again if it is ever needed.
    """

    monday_us: int
    settings: bytes
    calibration: bytes | None
    before: bytes
    after: bytes
    walked_to_us: int


def last(  # noqa: PLR0913 - a walk is named by all of them
    conn: Connection,
    model_id: int,
    *,
    version: str,
    baseline_id: int,
    length_us: int = 0,
    before_us: int | None = None,
) -> Chronicle | None:
    """The newest week, of those whose Monday is not after `before_us` when that is given.

    `length_us` is that of the periods that were walked, 0 for the model's own windows.
    """
    columns = tables.chronicle.c
    where = _walk(model_id, version=version, baseline_id=baseline_id, length_us=length_us)
    if before_us is not None:
        where.append(columns.monday <= before_us)
    row = conn.execute(select(tables.chronicle).where(*where).order_by(columns.monday.desc()).limit(1)).first()
    return None if row is None else _chronicle(row)


def save(  # noqa: PLR0913 - a walk is named by all of them
    conn: Connection, model_id: int, *, version: str, baseline_id: int, chronicle: Chronicle, length_us: int = 0
) -> None:
    """Keep a week in place of what was known of it."""
    values = {
        "model_id": model_id,
        "version": version,
        "baseline_id": baseline_id,
        "length": length_us,
        "monday": chronicle.monday_us,
        "settings": chronicle.settings,
        "calibration": chronicle.calibration,
        "before": chronicle.before,
        "after": chronicle.after,
        "walked_to": chronicle.walked_to_us,
    }
    statement = upsert(tables.chronicle).values(values)
    replaced = {name: statement.excluded[name] for name in values if name not in _KEY}
    conn.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=replaced))


def forget(  # noqa: PLR0913 - a walk is named by all of them
    conn: Connection, model_id: int, *, version: str, baseline_id: int, since_us: int, length_us: int = 0
) -> None:
    """Forget the weeks that begin at or after an instant."""
    columns = tables.chronicle.c
    conn.execute(
        delete(tables.chronicle).where(
            *_walk(model_id, version=version, baseline_id=baseline_id, length_us=length_us),
            columns.monday >= since_us,
        )
    )


def slim(  # noqa: PLR0913 - a walk is named by all of them
    conn: Connection, model_id: int, *, version: str, baseline_id: int, before_us: int, length_us: int = 0
) -> None:
    """Drop the calibrations of the weeks that begin before an instant; they can be fitted again."""
    columns = tables.chronicle.c
    conn.execute(
        update(tables.chronicle)
        .where(
            *_walk(model_id, version=version, baseline_id=baseline_id, length_us=length_us),
            columns.monday < before_us,
            columns.calibration.is_not(None),
        )
        .values(calibration=None)
    )


def _walk(model_id: int, *, version: str, baseline_id: int, length_us: int) -> list[Any]:
    columns = tables.chronicle.c
    return [
        columns.model_id == model_id,
        columns.version == version,
        columns.baseline_id == baseline_id,
        columns.length == length_us,
    ]


def _chronicle(row: Row[Any]) -> Chronicle:
    return Chronicle(row.monday, row.settings, row.calibration, row.before, row.after, row.walked_to)
