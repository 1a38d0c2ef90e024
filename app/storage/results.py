"""What became of expectations, by window, version and suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import tables

_GIVEN: Final = ("revision", "rows", "sample_rows", "results", "computed_at")


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One run of a suite; `results` are in the order of its expectations."""

    window_start_us: int
    version: str
    suite_id: int
    revision: int
    rows: int
    sample_rows: int
    results: list[dict[str, Any]]
    computed_us: int


def save(conn: Connection, model_id: int, result: StoredResult) -> None:
    """Store a run in the place of an earlier one of the same window and suite."""
    table = tables.expectation_result
    statement = upsert(table).values(
        model_id=model_id,
        window_start=result.window_start_us,
        version=result.version,
        suite_id=result.suite_id,
        revision=result.revision,
        rows=result.rows,
        sample_rows=result.sample_rows,
        results=result.results,
        computed_at=result.computed_us,
    )
    given = {name: statement.excluded[name] for name in _GIVEN}
    conn.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=given))


def listed(  # noqa: PLR0913 - the filters of a list
    conn: Connection,
    model_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    version: str | None = None,
    suite_ids: Sequence[int],
) -> list[StoredResult]:
    """List runs by window, version and suite."""
    columns = tables.expectation_result.c
    statement = select(tables.expectation_result).where(columns.model_id == model_id, columns.suite_id.in_(suite_ids))
    if from_us is not None:
        statement = statement.where(columns.window_start >= from_us)
    if to_us is not None:
        statement = statement.where(columns.window_start < to_us)
    if version is not None:
        statement = statement.where(columns.version == version)
    ordered = statement.order_by(columns.window_start, columns.version, columns.suite_id)
    return [_result(row) for row in conn.execute(ordered)]


def newest(conn: Connection, model_id: int, *, suite_ids: Sequence[int]) -> list[StoredResult]:
    """The last window's run of each version and suite."""
    columns = tables.expectation_result.c
    last = (
        select(columns.version, columns.suite_id, func.max(columns.window_start).label("start"))
        .where(columns.model_id == model_id, columns.suite_id.in_(suite_ids))
        .group_by(columns.version, columns.suite_id)
        .subquery()
    )
    joined = (
        (columns.version == last.c.version)
        & (columns.suite_id == last.c.suite_id)
        & (columns.window_start == last.c.start)
    )
    statement = select(tables.expectation_result).join(last, joined).where(columns.model_id == model_id)
    return [_result(row) for row in conn.execute(statement.order_by(columns.version, columns.suite_id))]


def prune(conn: Connection, *, computed_before_us: int) -> int:
    """Forget old runs."""
    table = tables.expectation_result
    return conn.execute(delete(table).where(table.c.computed_at < computed_before_us)).rowcount


def _result(row: Row[Any]) -> StoredResult:
    found = row._mapping  # noqa: SLF001 - `rows` of a row is a column here
    return StoredResult(
        window_start_us=found["window_start"],
        version=found["version"],
        suite_id=found["suite_id"],
        revision=found["revision"],
        rows=found["rows"],
        sample_rows=found["sample_rows"],
        results=found["results"],
        computed_us=found["computed_at"],
    )
