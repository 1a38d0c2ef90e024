"""Baselines: bins and reference histograms, numbered for each model, never changed once stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, insert, select, text, update

from app.drift.baseline import Baseline
from app.storage import codec, models, partitions, tables
from app.storage.locks import Lock
from app.storage.windows import WindowCounts, unpack_rows


@dataclass(frozen=True, slots=True)
class BaselineInfo:
    """What is known of a baseline without its bins."""

    id: int
    model_id: int
    number: int
    active: bool
    rows: int
    bins: int
    feature_count: int
    source: str
    windows: int
    weeks: float
    sha: bytes
    details: Mapping[str, object]
    created_us: int
    activated_us: int | None
    effective_from_us: int | None


@dataclass(frozen=True, slots=True)
class Activation:
    """From which window start a baseline holds; None is since ever."""

    baseline_id: int
    number: int
    effective_from_us: int | None
    activated_us: int


def add(  # noqa: PLR0913 - what is known of a baseline
    conn: Connection,
    model_id: int,
    baseline: Baseline,
    *,
    source: str,
    sha: bytes = b"",
    weeks: float = 0.0,
    details: Mapping[str, object] | None = None,
    now_us: int,
) -> BaselineInfo:
    """Store a baseline under the model's next number."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, :model)"), {"space": Lock.BASELINE, "model": model_id})
    columns = tables.baseline.c
    last = conn.scalar(select(func.max(columns.number)).where(columns.model_id == model_id)) or 0
    values = {
        "model_id": model_id,
        "number": last + 1,
        "rows": baseline.rows,
        "bins": baseline.total,
        "features": len(baseline.features),
        "windows": 0,
        "weeks": weeks,
        "source": source,
        "sha": sha,
        "details": dict(details or {}),
        "created_at": now_us,
    }
    baseline_id = int(conn.scalar(insert(tables.baseline).values(values).returning(columns.id)) or 0)
    partitions.write(conn, baseline_id, baseline)
    return BaselineInfo(
        id=baseline_id,
        model_id=model_id,
        number=last + 1,
        active=False,
        rows=baseline.rows,
        bins=baseline.total,
        feature_count=len(baseline.features),
        source=source,
        windows=0,
        weeks=weeks,
        sha=sha,
        details=dict(details or {}),
        created_us=now_us,
        activated_us=None,
        effective_from_us=None,
    )


def find(conn: Connection, model_id: int, number: int) -> BaselineInfo | None:
    """The baseline of this number."""
    return next((info for info in listed(conn, model_id) if info.number == number), None)


def listed(conn: Connection, model_id: int) -> list[BaselineInfo]:
    """A model's baselines by number."""
    activations = {activation.baseline_id: activation for activation in schedule(conn, model_id)}
    newest = next(reversed(activations), None) if activations else None
    columns = tables.baseline.c
    rows = conn.execute(select(tables.baseline).where(columns.model_id == model_id).order_by(columns.number))
    return [_info(row, activations.get(row.id), active=row.id == newest) for row in rows]


def load(conn: Connection, baseline_id: int) -> Baseline:
    """Read a whole baseline."""
    rows = conn.scalar(select(tables.baseline.c.rows).where(tables.baseline.c.id == baseline_id))
    if rows is None:
        raise LookupError(f"no baseline {baseline_id}")
    return partitions.read(conn, baseline_id, rows=rows)


def activate(
    conn: Connection, model_id: int, baseline_id: int, *, effective_from_us: int | None, now_us: int
) -> Activation:
    """Let a baseline hold from a window start on; a model's first one holds since ever."""
    models.touch(conn, model_id)
    before = schedule(conn, model_id)
    start = effective_from_us if before else None
    values = {"model_id": model_id, "baseline_id": baseline_id, "effective_from": start, "activated_at": now_us}
    conn.execute(insert(tables.activation).values(values))
    number = conn.scalar(select(tables.baseline.c.number).where(tables.baseline.c.id == baseline_id))
    return Activation(baseline_id, int(number or 0), start, now_us)


def schedule(conn: Connection, model_id: int) -> tuple[Activation, ...]:
    """A model's activations in the order they were made."""
    return schedules(conn, model_id).get(model_id, ())


def schedules(conn: Connection, model_id: int | None = None) -> dict[int, tuple[Activation, ...]]:
    """The activations of every model in the order they were made, by model; of one model when it is given."""
    columns, number = tables.activation.c, tables.baseline.c.number
    statement = (
        select(columns.model_id, columns.baseline_id, number, columns.effective_from, columns.activated_at)
        .join(tables.baseline, tables.baseline.c.id == columns.baseline_id)
        .order_by(columns.id)
    )
    if model_id is not None:
        statement = statement.where(columns.model_id == model_id)
    found: dict[int, tuple[Activation, ...]] = {}
    for model, *activation in conn.execute(statement):
        found[model] = (*found.get(model, ()), Activation(*activation))
    return found


def created(conn: Connection) -> dict[int, int]:
    """When each baseline of every model was made, by its id."""
    return {row.id: row.created_at for row in conn.execute(select(tables.baseline.c.id, tables.baseline.c.created_at))}


def active_at(activations: Sequence[Activation], window_start_us: int) -> Activation | None:
    """The activation that holds for a window: the latest start that is not after it, the later made of equals."""
    held: Activation | None = None
    for activation in activations:
        start = activation.effective_from_us
        if start is not None and start > window_start_us:
            continue
        if held is None or held.effective_from_us is None or (start is not None and start >= held.effective_from_us):
            held = activation
    return held


def add_windows(conn: Connection, baseline_id: int, found: WindowCounts) -> None:
    """Store some of the baseline's own windows."""
    if not len(found):
        return
    rows = [
        {
            "baseline_id": baseline_id,
            "window_start": start,
            "rows": size,
            "counts": codec.pack(found.counts[place]),
            "sums": found.sums[place].tolist(),
        }
        for place, (start, size) in enumerate(zip(found.starts.tolist(), found.rows.tolist(), strict=True))
    ]
    conn.execute(insert(tables.baseline_window), rows)
    columns = tables.baseline.c
    raised = update(tables.baseline).where(columns.id == baseline_id).values(windows=columns.windows + len(rows))
    conn.execute(raised)


def windows(  # noqa: PLR0913 - a range of windows and a range of bins
    conn: Connection,
    baseline_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    bins: tuple[int, int] | None = None,
    features: tuple[int, int] | None = None,
    chunk: int = 64,
) -> Iterator[WindowCounts]:
    """The baseline's own windows that start in [from, to), ascending, a chunk at a time."""
    columns = tables.baseline.c
    shape = conn.execute(select(columns.bins, columns.features).where(columns.id == baseline_id)).one()
    own = tables.baseline_window.c
    wanted = select(own.window_start).where(own.baseline_id == baseline_id).order_by(own.window_start)
    if from_us is not None:
        wanted = wanted.where(own.window_start >= from_us)
    if to_us is not None:
        wanted = wanted.where(own.window_start < to_us)
    starts = conn.scalars(wanted).all()
    for first in range(0, len(starts), chunk):
        part = starts[first : first + chunk]
        rows = conn.execute(
            select(tables.baseline_window)
            .where(own.baseline_id == baseline_id, own.window_start.between(part[0], part[-1]))
            .order_by(own.window_start)
        ).all()
        unpacked, sums = unpack_rows(
            rows, shape.bins, bins=bins or (0, shape.bins), features=features or (0, shape.features)
        )
        sizes = np.array([row.rows for row in rows], np.int64)
        yield WindowCounts(np.array(part, np.int64), sizes, unpacked, sums, np.zeros(len(rows), np.int64))


def window_starts(conn: Connection, baseline_id: int) -> list[int]:
    """When the baseline's own windows start, ascending."""
    own = tables.baseline_window.c
    return list(conn.scalars(select(own.window_start).where(own.baseline_id == baseline_id).order_by(own.window_start)))


def _info(row: Row[Any], activation: Activation | None, *, active: bool) -> BaselineInfo:
    return BaselineInfo(
        id=row.id,
        model_id=row.model_id,
        number=row.number,
        active=active,
        rows=row.rows,
        bins=row.bins,
        feature_count=row.features,
        source=row.source,
        windows=row.windows,
        weeks=row.weeks,
        sha=bytes(row.sha),
        details=row.details,
        created_us=row.created_at,
        activated_us=None if activation is None else activation.activated_us,
        effective_from_us=None if activation is None else activation.effective_from_us,
    )
