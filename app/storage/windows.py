"""Stored windows: what is folded and what still waits in the journal, seen together.

Every read here wants the connection of a snapshot: in one snapshot each delta is in exactly one of the two places.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, literal, select, union_all

from app.storage import codec, tables


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """W windows of one version on one baseline, ascending; counts (W, bins), sums (W, features), the rest (W,)."""

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    revisions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What is known of a window without its counts; a revision counts its folds."""

    start_us: int
    version: str
    baseline_id: int
    rows: int
    revision: int
    scored_revision: int
    unfolded_rows: int
    last_received_us: int


def listed(  # noqa: PLR0913 - a range has two ends
    conn: Connection,
    model_id: int,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    version: str | None = None,
    limit: int | None = None,
) -> list[WindowRow]:
    """Windows that start in [from, to), by start, version and baseline."""
    total, journal = tables.window_total.c, tables.delta_journal.c
    folded = select(
        total.window_start,
        total.version,
        total.baseline_id,
        total.rows,
        total.revision,
        total.scored_revision,
        literal(0).label("unfolded"),
        total.last_received_at,
    ).where(*_range(total, model_id, from_us=from_us, to_us=to_us, version=version))
    waiting = select(
        journal.window_start,
        journal.version,
        journal.baseline_id,
        journal.rows,
        literal(0),
        literal(0),
        journal.rows,
        journal.received_at,
    ).where(*_range(journal, model_id, from_us=from_us, to_us=to_us, version=version))
    both = union_all(folded, waiting).subquery()
    key = (both.c.window_start, both.c.version, both.c.baseline_id)
    statement = select(
        *key,
        func.sum(both.c.rows),
        func.max(both.c.revision),
        func.max(both.c.scored_revision),
        func.sum(both.c.unfolded),
        func.max(both.c.last_received_at),
    )
    rows = conn.execute(statement.group_by(*key).order_by(*key).limit(limit))
    return [WindowRow(row[0], row[1], row[2], int(row[3]), row[4], row[5], int(row[6]), row[7]) for row in rows]


def oldest_dirty(conn: Connection) -> dict[int, int]:
    """The start of the oldest folded window that changed since it was scored, by model."""
    total = tables.window_total.c
    statement = select(total.model_id, func.min(total.window_start).label("start"))
    rows = conn.execute(statement.where(total.revision > total.scored_revision).group_by(total.model_id))
    return {row.model_id: row.start for row in rows}


def dirty(conn: Connection, model_id: int, *, start_before_us: int) -> list[WindowRow]:
    """Folded windows that changed since they were scored, ascending."""
    total = tables.window_total.c
    where = (total.model_id == model_id, total.revision > total.scored_revision, total.window_start < start_before_us)
    order = (total.window_start, total.version, total.baseline_id)
    return [
        WindowRow(
            row.window_start,
            row.version,
            row.baseline_id,
            row.rows,
            row.revision,
            row.scored_revision,
            0,
            row.last_received_at,
        )
        for row in conn.execute(select(tables.window_total).where(*where).order_by(*order))
    ]


def oldest_changed(
    conn: Connection, model_id: int, *, version: str, baseline_id: int, from_us: int | None = None
) -> int | None:
    """The start of the oldest folded window of a version on a baseline that changed since it was scored."""
    total = tables.window_total.c
    mine = [total.model_id == model_id, total.version == version, total.baseline_id == baseline_id]
    if from_us is not None:
        mine.append(total.window_start >= from_us)
    start: int | None = conn.scalar(
        select(func.min(total.window_start)).where(*mine, total.revision > total.scored_revision)
    )
    return start


def first_start(  # noqa: PLR0913 - a range has two ends
    conn: Connection, model_id: int, *, version: str, baseline_id: int, from_us: int | None, to_us: int
) -> int | None:
    """The start of a version's first folded window in [from, to) on a baseline."""
    total = tables.window_total.c
    where = [total.model_id == model_id, total.version == version, total.baseline_id == baseline_id]
    where.append(total.window_start < to_us)
    if from_us is not None:
        where.append(total.window_start >= from_us)
    return conn.scalar(select(total.window_start).where(*where).order_by(total.window_start).limit(1))


def newest_start(
    conn: Connection, model_id: int, *, version: str, baseline_id: int | None = None, to_us: int | None = None
) -> int | None:
    """The start of a version's newest folded window that starts before an instant; on one baseline or any."""
    total = tables.window_total.c
    where = [total.model_id == model_id, total.version == version]
    if baseline_id is not None:
        where.append(total.baseline_id == baseline_id)
    if to_us is not None:
        where.append(total.window_start < to_us)
    return conn.scalar(select(total.window_start).where(*where).order_by(total.window_start.desc()).limit(1))


def counts(  # noqa: PLR0913 - a range of windows and a range of bins
    conn: Connection,
    model_id: int,
    *,
    baseline_id: int,
    version: str,
    from_us: int | None = None,
    to_us: int | None = None,
    bins: tuple[int, int] | None = None,
    features: tuple[int, int] | None = None,
    chunk: int = 64,
) -> Iterator[WindowCounts]:
    """The counts of windows that start in [from, to), a chunk at a time; only some bins and features if asked."""
    shape = _shape(conn, baseline_id)
    rows = [
        row
        for row in listed(conn, model_id, from_us=from_us, to_us=to_us, version=version)
        if row.baseline_id == baseline_id
    ]
    for first in range(0, len(rows), chunk):
        yield _counts(
            conn,
            model_id,
            rows[first : first + chunk],
            shape=shape,
            bins=bins or (0, shape[0]),
            features=features or (0, shape[1]),
        )


def histograms(conn: Connection, model_id: int, *, start_us: int, version: str) -> list[tuple[int, WindowCounts]]:
    """The counts of one window, once for each baseline in it."""
    found = []
    for row in listed(conn, model_id, from_us=start_us, to_us=start_us + 1, version=version):
        shape = _shape(conn, row.baseline_id)
        whole = _counts(conn, model_id, [row], shape=shape, bins=(0, shape[0]), features=(0, shape[1]))
        found.append((row.baseline_id, whole))
    return found


def unpack_rows(
    rows: Sequence[Any], total: int, *, bins: tuple[int, int], features: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The counts and sums of stored rows, one below the other."""
    unpacked = np.zeros((len(rows), bins[1] - bins[0]), np.int64)
    sums = np.zeros((len(rows), features[1] - features[0]))
    for place, row in enumerate(rows):
        _unpack(row, unpacked[place], sums[place], total=total, bins=bins, features=features)
    return unpacked, sums


def _unpack(  # noqa: PLR0913 - a row, and where what of it belongs
    row: Any,
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
    *,
    total: int,
    bins: tuple[int, int],
    features: tuple[int, int],
) -> None:
    counts[:] = codec.unpack(row.counts, total, first=bins[0], stop=bins[1])
    sums[:] = row.sums[features[0] : features[1]]


def _counts(  # noqa: PLR0913 - as counts
    conn: Connection,
    model_id: int,
    rows: Sequence[WindowRow],
    *,
    shape: tuple[int, int],
    bins: tuple[int, int],
    features: tuple[int, int],
) -> WindowCounts:
    starts = [row.start_us for row in rows]
    places = {start: place for place, start in enumerate(starts)}
    found = WindowCounts(
        starts=np.array(starts, np.int64),
        rows=np.array([row.rows for row in rows], np.int64),
        counts=np.zeros((len(rows), bins[1] - bins[0]), np.int64),
        sums=np.zeros((len(rows), features[1] - features[0])),
        revisions=np.array([row.revision for row in rows], np.int64),
    )
    histogram, journal = tables.window_histogram.c, tables.delta_journal.c

    def here(columns: Any) -> list[Any]:
        span = _range(columns, model_id, from_us=starts[0], to_us=starts[-1] + 1, version=rows[0].version)
        return [*span, columns.baseline_id == rows[0].baseline_id]

    folded = conn.execute(
        select(histogram.window_start, histogram.counts, histogram.sums).where(*here(histogram))
    ).all()
    for one in folded:
        at = places[one.window_start]
        _unpack(one, found.counts[at], found.sums[at], total=shape[0], bins=bins, features=features)
    if any(row.unfolded_rows for row in rows) or len(folded) < len(rows):
        waiting = select(journal.window_start, journal.payload).where(*here(journal))
        for row in conn.execute(waiting):
            payload = codec.decode(row.payload, shape=shape)
            found.counts[places[row.window_start]] += payload.counts[bins[0] : bins[1]]
            with np.errstate(over="ignore", invalid="ignore"):
                found.sums[places[row.window_start]] += payload.sums[features[0] : features[1]]
    return found


def _range(columns: Any, model_id: int, *, from_us: int | None, to_us: int | None, version: str | None) -> list[Any]:
    where = [columns.model_id == model_id]
    if from_us is not None:
        where.append(columns.window_start >= from_us)
    if to_us is not None:
        where.append(columns.window_start < to_us)
    if version is not None:
        where.append(columns.version == version)
    return where


def _shape(conn: Connection, baseline_id: int) -> tuple[int, int]:
    columns = tables.baseline.c
    row = conn.execute(select(columns.bins, columns.features).where(columns.id == baseline_id)).one()
    return row.bins, row.features
