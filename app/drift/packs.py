"""Numeric features side by side, so that a small batch costs few calls and a large one stays in the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NUMERIC_RESERVED, BinKind, NumericBins, reserved_of
from app.drift.columns import INVALID, NULL, VALUE, NumericColumn
from app.drift.lookup import CHUNK, Pack, packable

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]

_FEATURES: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class NumericPack:
    """Some features' numbers, their bins' positions among all bins, and how to place their values."""

    features: tuple[int, ...]
    positions: NDArray[np.intp]
    nulls: NDArray[np.intp]
    pack: Pack
    size: int

    def count(
        self,
        columns: Sequence[NumericColumn | None],
        *,
        window: Counts | None,
        windows: int,
        rows: int,
        binned: Doubles | None = None,
    ) -> tuple[Counts, Doubles]:
        """Count one column per feature: (windows, own bins) and the sums of finite values (windows, features).

        `binned`, of shape (own bins,), takes the sums of the finite values in each bin.
        """
        counts = np.zeros((windows, self.size), dtype=np.int64)
        sums = np.zeros((windows, len(self.features)))
        width = max(1, min(rows, CHUNK // len(self.features)))
        room = np.empty((2, len(self.features) * width))
        spots = np.empty(room.shape[1], dtype=np.intp)
        odd = False
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, rows, width):
                part = slice(start, min(start + width, rows))
                shape = len(self.features), part.stop - start
                block, scratch = (half[: shape[0] * shape[1]].reshape(shape) for half in room)
                places = spots[: shape[0] * shape[1]].reshape(shape)
                x = self._filled(columns, part=part, block=block)
                x, totals, odd = self._place(x, scratch=scratch, out=places, odd=odd)
                self._place_missing(columns, part=part, out=places)
                if binned is not None:
                    binned += np.bincount(places.reshape(-1), weights=x.reshape(-1), minlength=self.size)
                if window is None:
                    sums[0] += totals
                else:
                    for f, values in enumerate(x):
                        sums[:, f] += np.bincount(window[part], weights=values, minlength=windows)
                    places += window[part] * self.size
                counts += np.bincount(places.reshape(-1), minlength=counts.size).reshape(counts.shape)
        return counts, sums

    def _filled(self, columns: Sequence[NumericColumn | None], *, part: slice, block: Doubles) -> Doubles:
        """The columns as one block, with 0 for missing values."""
        first = columns[0]
        if len(columns) == 1 and first is not None and first.state is None and first.values.flags.c_contiguous:
            return first.values[None, part]
        whole = [column.values[part] for column in columns if column is not None and column.state is None]
        if len(whole) == len(columns):
            np.concatenate(whole, out=block.reshape(-1))
            return block
        for row, column in zip(block, columns, strict=True):
            row[:] = 0.0 if column is None else column.values[part]
            if column is not None and column.state is not None:
                np.putmask(row, column.state[part] != VALUE, 0.0)
        return block

    def _place(
        self, x: Doubles, *, scratch: Doubles, out: NDArray[np.intp], odd: bool
    ) -> tuple[Doubles, Doubles, bool]:
        """Place every number; `odd` says to expect some that are not finite.

        Gives the numbers with 0 for those that are not finite, their sums by feature, and whether there were any.
        """
        self.pack.place(x, scratch=scratch, out=out)
        if not odd:
            totals = x.sum(axis=1)
            # One value that is not finite makes its sum so; a sum may also overflow by itself.
            if np.isfinite(totals).all():
                return x, totals, False
        finite = np.isfinite(x.reshape(-1))
        special = np.flatnonzero(np.logical_not(finite, out=finite))
        if not len(special):
            return x, x.sum(axis=1), False
        kinds = reserved_of(x.reshape(-1).take(special))
        kinds += self.nulls[0] if len(x) == 1 else self.nulls.take(special // x.shape[1])
        out.reshape(-1)[special] = kinds
        np.copyto(scratch, x)
        scratch.reshape(-1)[special] = 0.0
        return scratch, scratch.sum(axis=1), True

    def _place_missing(self, columns: Sequence[NumericColumn | None], *, part: slice, out: NDArray[np.intp]) -> None:
        for row, null, column in zip(out, self.nulls, columns, strict=True):
            if column is None:
                row[:] = null
            elif column.state is not None:
                state = column.state[part]
                np.putmask(row, state == NULL, null)
                np.putmask(row, state == INVALID, null + NUMERIC_RESERVED.index(BinKind.INVALID))


def numeric_packs(bins: Sequence[tuple[int, NumericBins, int]]) -> tuple[NumericPack, ...]:
    """Pack features given as (feature number, bins, position of the first bin)."""
    alike: dict[object, list[tuple[int, NumericBins, int]]] = {}
    for entry in bins:
        alike.setdefault(packable(entry[1].lookup), []).append(entry)
    return tuple(
        _pack(group[start : start + _FEATURES]) for group in alike.values() for start in range(0, len(group), _FEATURES)
    )


def _pack(group: list[tuple[int, NumericBins, int]]) -> NumericPack:
    sizes = [bins.size for _, bins, _ in group]
    starts = np.cumsum([0, *sizes[:-1]])
    return NumericPack(
        features=tuple(f for f, _, _ in group),
        positions=np.concatenate([np.arange(offset, offset + bins.size) for _, bins, offset in group]),
        nulls=starts + np.array([bins.finite for _, bins, _ in group]),
        pack=Pack.of([bins.lookup for _, bins, _ in group], starts.tolist()),
        size=sum(sizes),
    )
