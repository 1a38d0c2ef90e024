"""Suites of expectations: numbered by name, of each name at most one active."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from app.storage import tables
from app.storage.locks import Lock


@dataclass(frozen=True, slots=True)
class StoredSuite:
    """One version of a suite; `document` is the JSON of Great Expectations."""

    id: int
    model_id: int
    name: str
    number: int
    source: str
    document: dict[str, Any]
    active: bool
    show_values: bool
    created_us: int
    activated_us: int | None


def lock(conn: Connection, model_id: int) -> None:
    """Let nobody else number the model's suites until the end of the transaction; batches go on."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, :model)"), {"space": Lock.SUITE, "model": model_id})


def add(  # noqa: PLR0913 - the columns of the table
    conn: Connection,
    model_id: int,
    *,
    name: str,
    source: str,
    document: Mapping[str, Any],
    show_values: bool,
    now_us: int,
) -> StoredSuite:
    """Store the next version of a suite, inactive; belongs under `lock`."""
    columns = tables.expectation_suite.c
    newest = select(func.coalesce(func.max(columns.number), 0)).where(
        columns.model_id == model_id, columns.name == name
    )
    statement = insert(tables.expectation_suite).values(
        model_id=model_id,
        name=name,
        number=int(conn.scalar(newest) or 0) + 1,
        source=source,
        document=document,
        active=False,
        show_values=show_values,
        created_at=now_us,
    )
    return _suite(conn.execute(statement.returning(*columns)).one())


def activate(conn: Connection, suite: StoredSuite, *, now_us: int) -> None:
    """Let this version hold in the place of the one that did."""
    retire(conn, suite.model_id, suite.name)
    columns = tables.expectation_suite.c
    conn.execute(
        update(tables.expectation_suite).where(columns.id == suite.id).values(active=True, activated_at=now_us)
    )


def retire(conn: Connection, model_id: int, name: str) -> bool:
    """Let no version of a suite hold; False when none did."""
    columns = tables.expectation_suite.c
    held = (columns.model_id == model_id, columns.name == name, columns.active)
    return conn.execute(update(tables.expectation_suite).where(*held).values(active=False)).rowcount > 0


def listed(
    conn: Connection, model_id: int, *, name: str | None = None, number: int | None = None, active: bool | None = None
) -> list[StoredSuite]:
    """List a model's suites by name and number."""
    columns = tables.expectation_suite.c
    statement = select(tables.expectation_suite).where(columns.model_id == model_id)
    for column, wanted in ((columns.name, name), (columns.number, number), (columns.active, active)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return [_suite(row) for row in conn.execute(statement.order_by(columns.name, columns.number))]


def active_ids(conn: Connection, model_id: int) -> tuple[int, ...]:
    """The ids of a model's active suites, ascending."""
    columns = tables.expectation_suite.c
    return tuple(sorted(conn.scalars(select(columns.id).where(columns.model_id == model_id, columns.active))))


def watched_models(conn: Connection) -> list[int]:
    """The living models with an active suite."""
    columns, model = tables.expectation_suite.c, tables.model.c
    joined = tables.expectation_suite.join(tables.model, model.id == columns.model_id)
    wanted = select(columns.model_id).select_from(joined).where(columns.active, model.deleted_at.is_(None)).distinct()
    return sorted(conn.scalars(wanted))


def _suite(row: Row[Any]) -> StoredSuite:
    return StoredSuite(
        id=row.id,
        model_id=row.model_id,
        name=row.name,
        number=row.number,
        source=row.source,
        document=row.document,
        active=row.active,
        show_values=row.show_values,
        created_us=row.created_at,
        activated_us=row.activated_at,
    )
