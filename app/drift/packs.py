"""Numeric features side by side, so that a small batch costs few calls and a large one stays in the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NumericBins, reserved_of
from app.drift.columns import INVALID, NULL, NumericColumn
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
        self, columns: Sequence[NumericColumn | None], *, window: Counts | None, windows: int, rows: int
    ) -> tuple[Counts, Doubles]:
        """Count one column per feature: (windows, own bins) and the sums of finite values (windows, features)."""
        counts = np.zeros((windows, self.size), dtype=np.int64)
        sums = np.zeros((windows, len(self.features)))
        width = max(1, min(rows, CHUNK // len(self.features)))
        room = np.empty((2, len(self.features) * width))
        spots = np.empty(room.shape[1], dtype=np.intp)
        for start in range(0, rows, width):
            stop = min(start + width, rows)
            shape = len(self.features), stop - start
            block, scratch = (half[: shape[0] * shape[1]].reshape(shape) for half in room)
            places = spots[: shape[0] * shape[1]].reshape(shape)
            part = slice(start, stop)
            x = self._fill(columns, part=part, block=block)
            x = self._place(columns, part=part, x=x, scratch=scratch, out=places)
            _tally(x, places, window=None if window is None else window[part], counts=counts, sums=sums)
        return counts, sums

    def _fill(self, columns: Sequence[NumericColumn | None], *, part: slice, block: Doubles) -> Doubles:
        first = columns[0]
        if len(columns) == 1 and first is not None and first.state is None and first.values.flags.c_contiguous:
            return first.values[None, part]
        for f, column in enumerate(columns):
            if column is None:
                block[f] = 0.0
                continue
            block[f] = column.values[part]
            if column.state is not None:
                block[f, column.state[part] != 0] = 0.0
        return block

    def _place(
        self,
        columns: Sequence[NumericColumn | None],
        *,
        part: slice,
        x: Doubles,
        scratch: Doubles,
        out: NDArray[np.intp],
    ) -> Doubles:
        """Place every row, and give back the numbers with 0 for those that are not finite."""
        self.pack.place(x, scratch=scratch, out=out)
        finite = np.isfinite(x)
        if not finite.all():
            special = np.flatnonzero(~finite.reshape(-1))
            kinds = reserved_of(x.reshape(-1)[special])
            out.reshape(-1)[special] = kinds + self.nulls[special // x.shape[1]]
            np.copyto(scratch, x)
            scratch.reshape(-1)[special] = 0.0
            x = scratch
        for f, column in enumerate(columns):
            if column is None:
                out[f] = self.nulls[f]
            elif column.state is not None:
                state = column.state[part]
                out[f, state == NULL] = self.nulls[f]
                out[f, state == INVALID] = self.nulls[f] + 4
        return x


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


def _tally(x: Doubles, places: NDArray[np.intp], *, window: Counts | None, counts: Counts, sums: Doubles) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        if window is None:
            sums[0] += x.sum(axis=1)
        else:
            for f, values in enumerate(x):
                sums[:, f] += np.bincount(window, weights=values, minlength=len(sums))
            places = places + window * counts.shape[1]
    counts += np.bincount(places.reshape(-1), minlength=counts.size).reshape(counts.shape)
