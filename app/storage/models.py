"""The machine-learning models being watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError

from app.drift.columns import Kind, Role
from app.errors import Conflict, PreconditionFailed
from app.storage import tables
from app.storage.locks import Lock


@dataclass(frozen=True, slots=True)
class ModelFeature:
    """A feature as the model knows it, declared by its owner or learnt from a baseline."""

    name: str
    kind: Kind
    role: Role
    declared: bool = True
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A model; its revision rises with everything that changes how rows are binned."""

    id: int
    name: str
    revision: int
    config: Mapping[str, object]
    features: tuple[ModelFeature, ...]
    created_us: int


def create(
    conn: Connection, name: str, *, config: Mapping[str, object], features: Sequence[ModelFeature], now_us: int
) -> Model:
    """Add a model."""
    statement = insert(tables.model).values(name=name, config=dict(config), created_at=now_us)
    try:
        with conn.begin_nested():
            model_id = conn.scalar(statement.returning(tables.model.c.id))
    except IntegrityError as error:
        raise Conflict("model-exists", "A model of this name exists.") from error
    _write_features(conn, int(model_id or 0), features)
    return Model(int(model_id or 0), name, 1, dict(config), tuple(features), now_us)


def change(conn: Connection, model: Model, *, config: Mapping[str, object], features: Sequence[ModelFeature]) -> Model:
    """Replace a model's configuration and features, if nobody else did since it was read."""
    lock(conn, model.id)
    where = (
        tables.model.c.id == model.id,
        tables.model.c.revision == model.revision,
        tables.model.c.deleted_at.is_(None),
    )
    statement = update(tables.model).where(*where).values(config=dict(config), revision=model.revision + 1)
    if conn.execute(statement).rowcount != 1:
        raise PreconditionFailed("model-changed", "The model changed meanwhile; read it again.")
    _write_features(conn, model.id, features)
    return Model(model.id, model.name, model.revision + 1, dict(config), tuple(features), model.created_us)


def find(conn: Connection, name: str) -> Model | None:
    """The living model of this name."""
    return next(iter(_read(conn, tables.model.c.name == name)), None)


def get(conn: Connection, model_id: int) -> Model | None:
    """The living model of this id."""
    return next(iter(_read(conn, tables.model.c.id == model_id)), None)


def listed(conn: Connection) -> list[Model]:
    """All living models by name."""
    return _read(conn)


def names(conn: Connection) -> list[str]:
    """The names of all living models, in order."""
    columns = tables.model.c
    return list(conn.scalars(select(columns.name).where(columns.deleted_at.is_(None)).order_by(columns.name)))


def delete(conn: Connection, model_id: int, *, now_us: int) -> bool:
    """Remove a model from sight; its rows stay in the books."""
    lock(conn, model_id)
    where = (tables.model.c.id == model_id, tables.model.c.deleted_at.is_(None))
    statement = update(tables.model).where(*where).values(deleted_at=now_us, revision=tables.model.c.revision + 1)
    return conn.execute(statement).rowcount == 1


def touch(conn: Connection, model_id: int) -> int:
    """Raise the revision, so that rows binned before are binned again."""
    lock(conn, model_id)
    statement = update(tables.model).where(tables.model.c.id == model_id).values(revision=tables.model.c.revision + 1)
    return int(conn.scalar(statement.returning(tables.model.c.revision)) or 0)


def revisions(conn: Connection) -> dict[int, int]:
    """The revision of every living model, by id."""
    columns = tables.model.c
    return {
        row.id: row.revision
        for row in conn.execute(select(columns.id, columns.revision).where(columns.deleted_at.is_(None)))
    }


def lock(conn: Connection, model_id: int) -> None:
    """Wait for the batches being committed; those that follow see the new revision or are sent back."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, :model)"), {"space": Lock.MODEL, "model": model_id})


def _write_features(conn: Connection, model_id: int, features: Sequence[ModelFeature]) -> None:
    conn.execute(delete_from(tables.feature).where(tables.feature.c.model_id == model_id))
    rows = [
        {
            "model_id": model_id,
            "position": position,
            "name": feature.name,
            "kind": feature.kind.value,
            "role": feature.role.value,
            "declared": feature.declared,
            "sensitive": feature.sensitive,
        }
        for position, feature in enumerate(features)
    ]
    if rows:
        conn.execute(insert(tables.feature), rows)


def _read(conn: Connection, *where: Any) -> list[Model]:
    living = select(tables.model).where(tables.model.c.deleted_at.is_(None), *where).order_by(tables.model.c.name)
    rows = conn.execute(living).all()
    columns = tables.feature.c
    wanted = select(tables.feature).where(columns.model_id.in_([row.id for row in rows]))
    features: dict[int, list[ModelFeature]] = {row.id: [] for row in rows}
    for row in conn.execute(wanted.order_by(columns.model_id, columns.position)) if rows else ():
        features[row.model_id].append(_feature(row))
    return [Model(row.id, row.name, row.revision, row.config, tuple(features[row.id]), row.created_at) for row in rows]


def _feature(row: Row[Any]) -> ModelFeature:
    return ModelFeature(row.name, Kind(row.kind), Role(row.role), declared=row.declared, sensitive=row.sensitive)
