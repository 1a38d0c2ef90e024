"""Numeric features side by side, so that a small batch costs few calls and a large one stays in the cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NUMERIC_RESERVED, BinKind, NumericBins, reserved_of
from app.drift.columns import INVALID, NULL, VALUE, Block, NumericColumn
from app.drift.lookup import CHUNK, Pack, packable

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]

FEATURES: Final = ((192, 512), (513, 64), (None, 32))
"""Features of a pack for batches of fewer rows than that: what is counted at once should be as large as a chunk."""
_BUFFER: Final = 384
_SMALL_ROWS_BUFFER: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class NumericPack:
    """Some features' numbers and names, their bins' positions among all bins, and how to place their values."""

    features: NDArray[np.intp] | slice
    names: tuple[str, ...]
    positions: NDArray[np.intp] | slice
    nulls: NDArray[np.intp]
    pack: Pack
    size: int
    found: list[tuple[Mapping[str, int], slice | list[int] | None]] = field(default_factory=list)

    def within(self, block: Block) -> Doubles | None:
        """Give the features' values, shape (features, rows); None when one of them is not in the block."""
        last = self.found[0] if self.found else None
        if last is None or last[0] is not block.places:
            # Batches of one sender come with the same places, as long as their schema is remembered.
            last = (block.places, self._among(block.places))
            self.found[:] = [last]
        if last[1] is None or isinstance(last[1], slice):
            return None if last[1] is None else block.values[last[1]]
        return block.values.take(last[1], axis=0)

    def _among(self, named: Mapping[str, int]) -> slice | list[int] | None:
        """Find where the features' values lie; None when one is nowhere."""
        places = [named.get(name, -1) for name in self.names]
        first = min(places)
        if first < 0:
            return None
        beside = places == list(range(first, first + len(places)))
        return slice(first, first + len(places)) if beside else places

    def count(
        self,
        columns: Sequence[NumericColumn | None] | Doubles,
        *,
        window: Counts | None,
        windows: int,
        rows: int,
        binned: Doubles | None = None,
    ) -> tuple[Counts, Doubles]:
        """Count one column per feature, or all of shape (features, rows) without a missing value.

        Gives (windows, own bins) and the sums of finite values (windows, features).

        `binned`, of shape (own bins,), takes the sums of the finite values in each bin, one value after the other, so
        that rows add up to the same last digit however they are parted.
        """
        counts = np.zeros((windows, self.size), dtype=np.int64)
        features = len(self.names)
        sums = np.zeros((windows, features))
        width = max(1, min(rows, CHUNK // features))
        room = np.empty((2, features * width))
        spots = np.empty(room.shape[1], dtype=np.intp)
        odd = False
        with np.errstate(over="ignore", invalid="ignore"):
            # Holds until errstate ends. A row as long as numpy's buffer meets its parameter without a copy of it.
            np.setbufsize(_BUFFER if width >= _BUFFER else _SMALL_ROWS_BUFFER)
            for start in range(0, rows, width):
                part = slice(start, min(start + width, rows))
                shape = features, part.stop - start
                block, scratch = (half[: shape[0] * shape[1]].reshape(shape) for half in room)
                places = spots[: shape[0] * shape[1]].reshape(shape)
                if isinstance(columns, np.ndarray):
                    x, totals, odd = self._place(columns[:, part], scratch=scratch, out=places, odd=odd)
                else:
                    x = self._filled(columns, part=part, block=block)
                    x, totals, odd = self._place(x, scratch=scratch, out=places, odd=odd)
                    self._place_missing(columns, part=part, out=places)
                if binned is not None:
                    np.add.at(binned, places.reshape(-1), x.reshape(-1))
                if window is None:
                    sums[0] += totals
                else:
                    for f, values in enumerate(x):
                        sums[:, f] += np.bincount(window[part], weights=values, minlength=windows)
                    places += window[part] * self.size
                np.add.at(counts.reshape(-1), places.reshape(-1), 1)
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


Entry = tuple[int, str, NumericBins, int]


def numeric_packs(bins: Sequence[Entry], *, features: int) -> tuple[NumericPack, ...]:
    """Pack features given as (feature number, name, bins, position of the first bin), so many together at most."""
    alike: dict[object, list[Entry]] = {}
    for entry in bins:
        alike.setdefault(packable(entry[2].lookup), []).append(entry)
    return tuple(
        _pack(group[start : start + features]) for group in alike.values() for start in range(0, len(group), features)
    )


def _pack(group: list[Entry]) -> NumericPack:
    sizes = [bins.size for _, _, bins, _ in group]
    starts = np.cumsum([0, *sizes[:-1]])
    return NumericPack(
        features=_run(np.array([f for f, _, _, _ in group], np.intp)),
        names=tuple(name for _, name, _, _ in group),
        positions=_run(np.concatenate([np.arange(offset, offset + bins.size) for _, _, bins, offset in group])),
        nulls=starts + np.array([bins.finite for _, _, bins, _ in group]),
        pack=Pack.of([bins.lookup for _, _, bins, _ in group], starts.tolist()),
        size=sum(sizes),
    )


def _run(numbers: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Give a slice for numbers that follow each other, which costs less to write to."""
    first, last = int(numbers[0]), int(numbers[-1])
    return slice(first, last + 1) if np.array_equal(numbers, np.arange(first, last + 1)) else numbers
