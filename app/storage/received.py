"""When rows last came: of a model's versions, folded or still in the journal."""

from sqlalchemy import Connection, func, select, union_all

from app.storage import tables


def by_version(conn: Connection, model_id: int | None = None) -> dict[int, dict[str, int]]:
    """When each version's newest batch with rows was received, by model and version; of one model when it is given."""
    known, journal = tables.model_version.c, tables.delta_journal.c
    folded = select(known.model_id, known.version, known.last_received_at)
    waiting = select(journal.model_id, journal.version, journal.received_at)
    if model_id is not None:
        folded, waiting = folded.where(known.model_id == model_id), waiting.where(journal.model_id == model_id)
    both = union_all(folded, waiting).subquery()
    key = (both.c.model_id, both.c.version)
    newest = select(*key, func.max(both.c.last_received_at)).group_by(*key).order_by(*key)
    found: dict[int, dict[str, int]] = {}
    for model, version, at_us in conn.execute(newest):
        found.setdefault(model, {})[version] = at_us
    return found


def folded(conn: Connection) -> dict[tuple[int, str], int]:
    """When the newest folded batch of each model and version was received."""
    known = tables.model_version.c
    return {
        (row[0], row[1]): row[2] for row in conn.execute(select(known.model_id, known.version, known.last_received_at))
    }


def versions(conn: Connection, model_id: int) -> list[str]:
    """The versions of a model that ever had a row, by name."""
    return list(by_version(conn, model_id).get(model_id, {}))
