"""The thresholds set by owners; defaults are not stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import tables

Rule = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class StoredThreshold:
    """The lines of a statistic, of one feature or version or of all; a severity of None is off."""

    statistic: str
    feature: str | None
    version: str | None
    warning: Rule | None
    critical: Rule | None


def put(conn: Connection, model_id: int, threshold: StoredThreshold) -> None:
    """Set a threshold."""
    rules = {"warning": threshold.warning, "critical": threshold.critical}
    scope = {"statistic": threshold.statistic, "feature": threshold.feature, "version": threshold.version}
    statement = upsert(tables.threshold).values(model_id=model_id, **scope, **rules)
    replaced = {name: statement.excluded[name] for name in rules}
    conn.execute(statement.on_conflict_do_update(index_elements=["model_id", *scope], set_=replaced))


def drop(conn: Connection, model_id: int, *, statistic: str, feature: str | None, version: str | None) -> bool:
    """Go back to the default; False when there was nothing to drop."""
    columns = tables.threshold.c
    where = (
        columns.model_id == model_id,
        columns.statistic == statistic,
        columns.feature.is_not_distinct_from(feature),
        columns.version.is_not_distinct_from(version),
    )
    return conn.execute(delete(tables.threshold).where(*where)).rowcount == 1


def listed(conn: Connection, model_id: int) -> list[StoredThreshold]:
    """A model's thresholds by statistic, feature and version; those of all come first."""
    return _read(conn, tables.threshold.c.model_id == model_id).get(model_id, [])


def all_models(conn: Connection) -> dict[int, list[StoredThreshold]]:
    """The thresholds of every living model, by its id."""
    living = select(tables.model.c.id).where(tables.model.c.deleted_at.is_(None))
    return _read(conn, tables.threshold.c.model_id.in_(living))


def _read(conn: Connection, where: Any) -> dict[int, list[StoredThreshold]]:
    columns = tables.threshold.c
    order = (columns.model_id, columns.statistic, columns.feature.nulls_first(), columns.version.nulls_first())
    found: dict[int, list[StoredThreshold]] = {}
    for row in conn.execute(select(tables.threshold).where(where).order_by(*order)):
        found.setdefault(row.model_id, []).append(_threshold(row))
    return found


def _threshold(row: Row[Any]) -> StoredThreshold:
    return StoredThreshold(row.statistic, row.feature, row.version, row.warning, row.critical)
