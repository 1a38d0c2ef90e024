"""Bodies that could not be read: how often, why, and a few of them."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, text

from app.storage import tables
from app.storage.types import to_datetime

KEPT: Final = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """One reason why bodies of a format were refused; the body is the last one, None unless bodies are kept."""

    format: str
    reason: str
    count: int
    content_type: str
    size: int
    body: bytes | None
    first_us: int
    last_us: int


def note(conn: Connection, model_id: int, sample: Sample) -> None:
    """Count a sample; the one that was last met longest ago makes room for an eleventh."""
    values = {
        "model": model_id,
        "format": sample.format,
        "reason": sample.reason,
        "count": sample.count,
        "content_type": sample.content_type,
        "size": sample.size,
        "body": sample.body,
        "at": to_datetime(sample.last_us),
    }
    conn.execute(_NOTE, values)
    conn.execute(_TRIM, {"model": model_id, "kept": KEPT})


def listed(conn: Connection, model_id: int) -> list[Sample]:
    """The samples of a model, the newest first."""
    columns = tables.sample.c
    statement = select(tables.sample).where(columns.model_id == model_id)
    rows = conn.execute(statement.order_by(columns.last_at.desc(), columns.reason)).mappings()
    return [
        Sample(
            format=row["format"],
            reason=row["reason"],
            count=row["count"],
            content_type=row["content_type"],
            size=row["size"],
            body=row["body"],
            first_us=row["first_at"],
            last_us=row["last_at"],
        )
        for row in rows
    ]


_NOTE: Final = text("""
INSERT INTO sample AS s (model_id, format, reason, count, content_type, size, body, first_at, last_at)
VALUES (:model, :format, :reason, :count, :content_type, :size, :body, :at, :at)
ON CONFLICT (model_id, format, reason) DO UPDATE
SET count = s.count + excluded.count, content_type = excluded.content_type, size = excluded.size,
    body = excluded.body, last_at = excluded.last_at
""")

_TRIM: Final = text("""
DELETE FROM sample WHERE model_id = :model AND (format, reason) NOT IN (
    SELECT format, reason FROM sample WHERE model_id = :model ORDER BY last_at DESC, reason LIMIT :kept
)
""")
