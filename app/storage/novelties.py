"""What windows hold beyond their named categories, beside their histograms: folded with them and read with them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from app.drift.novelty import Novelty, packed, unpacked
from app.storage import tables

_NOTED: Final = tables.window_novelty.c
_PLACE: Final = tuple_(_NOTED.window_start, _NOTED.version, _NOTED.baseline_id)

_Key = tuple[int, str, int]


def add(conn: Connection, model_id: int, noted: Mapping[_Key, Sequence[bytes]]) -> None:
    """Add notes to those of their windows, given as (start, version, baseline)."""
    if not noted:
        return
    ordered = sorted(noted)
    stored: dict[_Key, bytes] = {
        (row.window_start, row.version, row.baseline_id): bytes(row.novelties)
        for row in conn.execute(select(tables.window_novelty).where(_NOTED.model_id == model_id, _PLACE.in_(ordered)))
    }
    rows = [
        {
            **dict(zip(("window_start", "version", "baseline_id"), key, strict=True)),
            "model_id": model_id,
            "novelties": packed(read([stored.get(key, b""), *noted[key]])),
        }
        for key in ordered
    ]
    statement = upsert(tables.window_novelty)
    replaced = {"novelties": statement.excluded.novelties}
    keys = list(tables.window_novelty.primary_key)
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=replaced), rows)


def of_window(conn: Connection, model_id: int, *, start_us: int, version: str, baseline_id: int) -> dict[int, Novelty]:
    """Read one window's notes, folded or not, by feature number; wants the connection of a snapshot."""
    parts: list[bytes] = []
    for table in (tables.window_novelty, tables.delta_journal):
        columns: Any = table.c
        parts += conn.scalars(
            select(columns.novelties).where(
                columns.model_id == model_id,
                columns.window_start == start_us,
                columns.version == version,
                columns.baseline_id == baseline_id,
                columns.novelties.is_not(None),
            )
        )
    return read([bytes(part) for part in parts])


def read(parts: Sequence[bytes]) -> dict[int, Novelty]:
    """Read notes written one after the other; of damaged ones nothing is known."""
    try:
        return unpacked(b"".join(parts))
    except ValueError:
        return {}


def forget(conn: Connection, *, start_before_us: int, limit: int) -> int:
    """Forget the notes of up to `limit` old windows; gives how many."""
    old = select(*tables.window_novelty.primary_key).where(_NOTED.window_start < start_before_us).limit(limit)
    key = tuple_(*tables.window_novelty.primary_key)
    return int(conn.execute(delete(tables.window_novelty).where(key.in_(old))).rowcount)
