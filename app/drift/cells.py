"""Windows grouped by context, and how fine a context each feature bears."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.context import DAY_US, LEVELS, MONDAY_US, WEEK_US, Grid
from app.drift.layout import Bools, Floats, Ints, Layout
from app.drift.sums import down

CELL_WINDOWS: Final = 5
"""Windows that a cell needs before its level may be chosen."""
CELL_SHARE: Final = 0.9
"""Share of the windows that must lie in such cells: a clock change or a closed hour must not coarsen a model."""
FALLBACK_WINDOWS: Final = 3
"""A cell with fewer windows borrows the next coarser cell."""
_ALIGNED: Final = 1e-6
_BLOCKS: Final = 4
"""Blocks that a reference must have to be left out one at a time."""
_WIDE: Final = 6
"""Blocks from which on the neighbours are left out too: live windows are a week and more from what vouches."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Sums of the accepted windows by cell: `sums` (R, B), `windows` (R, F), `own_rows` (R, F) of baseline windows.

    `row_of`, shape (slots, F), is the row that a slot is compared with and `level`, shape (F,), the level chosen.
    `rest`, (W, B), is what each window's row holds without the window's own block.
    """

    sums: Ints
    windows: Ints
    own_rows: Ints
    row_of: Ints
    level: Ints
    rest: Ints


def blocks(starts: Ints) -> Ints:
    """The block that each window is left out with: its week, or its day or itself where there are few weeks."""
    for length in (WEEK_US, DAY_US):
        block = (starts - MONDAY_US) // length
        if len(np.unique(block)) >= _BLOCKS:
            return block
    return np.arange(len(starts))


def leaning(grid: Grid, *, starts: Ints, slots: Ints) -> Floats:
    """Mean lean of the windows of every slot, (slots,); where a slot has none, that of all."""
    lean = grid.lean(starts, slots)
    count = np.bincount(slots, minlength=grid.slots)
    whole = float(lean.mean()) if len(lean) else 0.0
    return np.where(count > 0, np.bincount(slots, weights=lean, minlength=grid.slots) / np.maximum(count, 1), whole)


def straddle(grid: Grid, *, starts: Ints, slots: Ints, lean: Floats) -> tuple[Ints, Floats]:
    """The other slot that each window lies in, measured by the reference's lean, and its part in it, (W,)."""
    past = grid.lean(starts, slots) - lean[slots]
    part = np.clip(np.abs(past), 0.0, 1.0)
    part = np.where(part < _ALIGNED, 0.0, part)
    return (slots + np.where(past > 0, 1, -1)) % grid.slots, part


@dataclass(frozen=True, slots=True)
class _Rest:
    """What the cells of one level hold without one block each, (keys, B), and the key of every window, (W,).

    `own`, (keys, B), is what was left out, `first`, (keys,), one window of each.
    """

    left: Ints
    key: Ints
    own: Ints
    first: Ints

    @classmethod
    def of(cls, counts: Ints, sums: Ints, *, cell: Ints, block: Ints, finer: "_Rest | None" = None) -> "_Rest":
        """Leave out each window's block, and from six blocks on its neighbours, from the sums, (R, B), of its cell.

        What the cells of a finer level hold of each block need only be added up.
        """
        span = int(block.max() - block.min()) + 3 if len(block) else 1
        number = cell * span + (block - block.min() + 1 if len(block) else block)
        if finer is None:
            kept, first, key = np.unique(number, return_index=True, return_inverse=True)
            own = _added(counts, key, cells=len(kept))
        else:
            kept, index, part = np.unique(number[finer.first], return_index=True, return_inverse=True)
            first, key = finer.first[index], part[finer.key]
            own = _added(finer.own, part, cells=len(kept))
        left = sums[kept // span] - own
        if len(np.unique(block)) >= _WIDE:
            beside = (kept[1:] == kept[:-1] + 1)[:, None]
            np.subtract(left[1:], own[:-1], out=left[1:], where=beside)
            np.subtract(left[:-1], own[1:], out=left[:-1], where=beside)
        return cls(left, key, own, first)

    def error(self, p: Floats, layout: Layout) -> Floats:
        """TVD of every window's shares, (W, B), against the rest of its cell, (W, F); NaN where nothing is left."""
        rows = np.add.reduceat(self.left, layout.offsets[:-1], axis=1)
        q = np.repeat(np.where(rows > 0, rows, np.nan), layout.sizes, axis=1)
        np.divide(self.left, q, out=q)
        gap = q[self.key]
        np.subtract(p, gap, out=gap)
        np.abs(gap, out=gap)
        return np.asarray(0.5 * np.add.reduceat(gap, layout.offsets[:-1], axis=1))


def _added(values: NDArray[np.integer], number: Ints, *, cells: int) -> Ints:
    if not len(number):
        return np.zeros((cells, *values.shape[1:]), dtype=values.dtype)
    order = np.argsort(number, kind="stable")
    ordered = number[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sums = values[order].astype(values.dtype, copy=False)
    if len(starts) < len(sums):
        sums = np.add.reduceat(sums, starts, axis=0, dtype=values.dtype)
    if len(starts) == cells:
        return sums
    out = np.zeros((cells, *values.shape[1:]), dtype=values.dtype)
    out[ordered[starts]] = sums
    return out


def group(values: NDArray[np.integer], slots: Ints, *, grid: Grid) -> Ints:
    """Sum windows, (W, ...), into the cells of all levels, (R, ...), exactly."""
    cells, first = grid.cells()
    by_slot = _added(values, slots, cells=grid.slots)
    coarser = [
        _added(by_slot, cells[level] - first[level], cells=int(first[level + 1] - first[level]))
        for level in range(1, LEVELS)
    ]
    return np.concatenate([by_slot, *coarser])


def resolved(chosen: Ints, windows: Ints, *, grid: Grid) -> Ints:
    """The row of each slot, (slots, F), for levels (F,): its own cell, or the finest coarser one that is not thin."""
    cells, _ = grid.cells()
    row_of = np.broadcast_to(cells[LEVELS - 1][:, None], (grid.slots, len(chosen)))
    for level in range(LEVELS - 2, -1, -1):
        mine = cells[level]
        take = (chosen[None, :] <= level) & (windows[mine] >= FALLBACK_WINDOWS)
        row_of = np.where(take, mine[:, None], row_of)
    return np.ascontiguousarray(row_of)


def cells_of(  # noqa: PLR0913 - a window is told by all of them
    counts: Ints, x: Floats, judged: Bools, *, slots: Ints, grid: Grid, layout: Layout, own: Bools, block: Ints
) -> Cells:
    """Group accepted counts, (W, B), choose each feature's level, and resolve thin cells to coarser ones.

    The level is the one with the least mean leave-one-out error among those whose cells hold five windows; a tie goes
    to the finer. `judged`, shape (W, F), marks the windows that count in the choice; x is the counts as floats.
    """
    cells, first = grid.cells()
    sums = group(counts, slots, grid=grid)
    rows = np.add.reduceat(counts if counts.dtype == np.int64 else x, layout.offsets[:-1], axis=1).astype(np.int64)
    windows = group((rows > 0).astype(np.int64), slots, grid=grid)
    own_rows = group(np.where(own[:, None], rows, 0), slots, grid=grid)
    p = np.repeat(np.where(rows > 0, rows, 1).astype(np.float64), layout.sizes, axis=1)
    np.divide(x, p, out=p)
    errors = np.full((LEVELS, layout.features), np.inf)
    seen = np.maximum(np.count_nonzero(judged, axis=0), 1)
    rests: dict[int, _Rest] = {}
    for level in range(LEVELS):
        mine = cells[level][slots]
        full = judged & (windows[mine] >= CELL_WINDOWS)
        enough = (full.sum(axis=0) >= CELL_SHARE * seen) | (level == LEVELS - 1)
        if not enough.any():
            continue
        rests[level] = _Rest.of(counts, sums, cell=mine, block=block, finer=rests.get(level - 1))
        error = rests[level].error(p, layout)
        usable = judged & np.isfinite(error)
        mean = down(np.where(usable, error, 0.0)) / np.maximum(usable.sum(axis=0), 1)
        errors[level] = np.where(enough, mean, np.inf)
    chosen = np.argmin(errors, axis=0)
    row_of = resolved(chosen, windows, grid=grid)
    level_of = np.searchsorted(first, row_of[slots], side="right") - 1
    rest = np.zeros_like(counts)
    for level in np.unique(level_of).tolist():
        if level not in rests:
            rests[level] = _Rest.of(counts, sums, cell=cells[level][slots], block=block)
        use = level_of == level
        mine = rests[level].left[rests[level].key]
        rest = mine if use.all() else np.where(np.repeat(use, layout.sizes, axis=1), mine, rest)
    return Cells(sums=sums, windows=windows, own_rows=own_rows, row_of=row_of, level=chosen, rest=rest)
