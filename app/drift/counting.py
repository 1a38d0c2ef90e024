"""Counting a batch: every row of every feature into one bin."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.columns import Block, CategoricalColumn, Column, NumericColumn
from app.drift.novelty import Novelty, novelty
from app.drift.packs import NumericPack

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What one batch adds: counts (windows, total bins), sums of finite values (windows, features), rows (windows,).

    The sums of categorical features are 0. For every window and feature the bins sum to the rows. `novelties` tells,
    window by window, of values without a bin of their own, where that was asked for.
    """

    counts: Counts
    sums: NDArray[np.float64]
    rows: Counts
    novelties: tuple[dict[int, Novelty], ...] = ()


def count(  # noqa: PLR0913 - three of them are asked for now and then
    baseline: Baseline,
    columns: Mapping[str, Column],
    window: Counts,
    windows: int,
    *,
    nameless: Collection[str] | None = None,
    binned: NDArray[np.float64] | None = None,
    block: Block | None = None,
) -> Delta:
    """Count columns of equal length whose rows fall in windows 0 to `windows` - 1; a missing feature is all null.

    With `nameless`, the features whose new values are nobody's business, novelties are noted, else not. `binned`, of
    shape (total,), takes the sums of the finite values in each numeric bin, value by value. What `block` holds,
    `columns` need not.
    """
    if len(window) and window.view(np.uint64).max() >= windows:  # negative ones are very large as such
        raise ValueError("a row lies in none of the windows")
    # A bincount of the rows would cost as much as counting a feature.
    rows = np.bincount(window, minlength=windows) if windows > 1 else np.full(windows, len(window))
    delta = Delta(
        counts=np.zeros((windows, baseline.total), dtype=np.int64),
        sums=np.zeros((windows, len(baseline.features))),
        rows=rows.astype(np.int64),
        novelties=() if nameless is None else tuple({} for _ in range(windows)),
    )
    if not len(window):
        return delta
    for pack in baseline.packs_for(len(window)):
        _numeric(pack, columns=columns, window=window, delta=delta, binned=binned, block=block)
    _categorical(baseline, columns, window, delta, nameless=nameless or ())
    return delta


def _numeric(  # noqa: PLR0913 - what count is given
    pack: NumericPack,
    *,
    columns: Mapping[str, Column],
    window: Counts,
    delta: Delta,
    binned: NDArray[np.float64] | None,
    block: Block | None,
) -> None:
    if block is not None and block.values.shape[1] != len(window):
        raise ValueError(f"the block needs {len(window)} rows")
    whole = None if block is None else pack.within(block)
    wanted = _wanted(pack.names, columns, block, rows=len(window)) if whole is None else whole
    windows = len(delta.rows)
    own = None if binned is None else binned[pack.positions].copy()
    one = window if windows > 1 else None
    counts, sums = pack.count(wanted, window=one, windows=windows, rows=len(window), binned=own)
    delta.counts[:, pack.positions] = counts
    delta.sums[:, pack.features] = sums
    if binned is not None and own is not None:
        binned[pack.positions] = own


def _wanted(
    names: Sequence[str], columns: Mapping[str, Column], block: Block | None, *, rows: int
) -> list[NumericColumn | None]:
    found: list[NumericColumn | None] = []
    for name in names:
        column = columns.get(name)
        if column is None and block is not None:
            column = block.column(name)
        if column is not None and (not isinstance(column, NumericColumn) or len(column) != rows):
            raise ValueError(f"{name} needs {rows} numbers")
        found.append(column)
    return found


def _categorical(
    baseline: Baseline, columns: Mapping[str, Column], window: Counts, delta: Delta, *, nameless: Collection[str]
) -> None:
    windows = len(delta.rows)
    for f, feature, bins in baseline.categorical:
        own = delta.counts[:, baseline.slice_of(f)]
        column = columns.get(feature.name)
        if column is None:
            own[:, bins.null] = delta.rows
            continue
        if not isinstance(column, CategoricalColumn) or len(column) != len(window):
            raise ValueError(f"{feature.name} needs {len(window)} categories")
        placed = bins.place(column.categories)
        places = placed.table.take(column.codes, mode="wrap")
        if delta.novelties and len(placed.strangers):
            for w, held in _held(column, window, windows):
                found = novelty(
                    bins, placed, categories=column.categories, counts=held, named=feature.name not in nameless
                )
                if found is not None:
                    delta.novelties[w][f] = found
        if windows > 1:
            places = places + window * bins.size
        own += np.bincount(places, minlength=own.size).reshape(own.shape)


def _held(column: CategoricalColumn, window: Counts, windows: int) -> Iterator[tuple[int, Counts]]:
    """Give each window that has rows, and how many it has of each category."""
    for w in range(windows) if windows == 1 else np.unique(window).tolist():
        codes = column.codes if windows == 1 else column.codes[window == w]
        yield w, np.bincount(codes[codes >= 0], minlength=len(column.categories))
