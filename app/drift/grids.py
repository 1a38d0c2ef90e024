"""Monotone maps from doubles to small cell numbers, many features at once.

Each grid rounds as it likes but never decreases, and cuts pass through the same arithmetic as rows. A row can
therefore only be undecided about the cuts that share its cell, whatever the distribution.

Every parameter has shape (features, 1) and meets blocks of shape (features, rows). `cells` writes the cell of every
value, any number for those that are not finite.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]
Longs = NDArray[np.int64]

# Doubles from 2^52 on are whole, so the low bits of x + 2^52 are x rounded: a cast that vectorises everywhere.
_WHOLE: Final = 2.0**52
_WHOLE_BITS: Final = int(np.float64(_WHOLE).view(np.int64))
_FARTHEST: Final = 2.0**50
_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Cells of equal width."""

    scale: Doubles
    offset: Doubles
    low: Doubles
    high: Doubles

    @classmethod
    def over(cls, cuts: Doubles, cells: int) -> Self:
        """Spread `cells` cells over the cuts; where doubles cannot, make the cells one wide from 0 on."""
        first, last = (float(cuts[0]), float(cuts[-1])) if len(cuts) else (0.0, 0.0)
        span = last - first
        scale = (cells - 2) / span if span > 0 else 1.0
        if not (0 < scale < np.inf and abs(first * scale) < _FARTHEST):
            first, scale = 0.0, 1.0
        offset = _WHOLE - float(np.floor(first * scale))
        return cls(_column(scale), _column(offset), _column(_WHOLE), _column(_WHOLE + cells - 1))

    def shifted(self, start: int) -> Self:
        """Move every cell up by `start`."""
        return type(self)(self.scale, self.offset + start, self.low + start, self.high + start)

    def cells(self, x: Doubles, *, scratch: Doubles, out: Indices) -> None:
        """Scale, shift, clip, and read the integer from the low bits."""
        np.multiply(x, self.scale, out=scratch)
        np.add(scratch, self.offset, out=scratch)
        if len(x) > 1:
            np.clip(scratch, self.low, self.high, out=scratch)
        else:
            np.maximum(scratch, self.low, out=scratch)
        np.subtract(scratch.view(np.int64), _WHOLE_BITS, out=out)


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Cells of nearly equal ratio for cuts that are mostly positive: the high bits of the double itself."""

    low: Doubles
    high: Doubles
    key: Longs
    shift: Longs
    start: Longs

    @classmethod
    def over(cls, cuts: Doubles, cells: int) -> Self | None:
        """Spread `cells` cells over the positive cuts; the first takes everything below them."""
        positive = cuts[cuts > 0]
        if not len(positive):
            return None
        low = max(float(positive[0]) * 0.5, _TINY)
        high = max(float(positive[-1]), low)
        key = _bits(low)
        shift = _shift(_bits(high) - key, cells)
        return cls(_column(low), _column(high), _long(key), _long(shift), _long(0))

    def shifted(self, start: int) -> Self:
        """Move every cell up by `start`."""
        return type(self)(self.low, self.high, self.key, self.shift, self.start + start)

    def cells(self, x: Doubles, *, scratch: Doubles, out: Indices) -> None:
        """Clip, then keep the exponent and the first bits of the fraction."""
        if len(x) > 1:
            np.clip(x, self.low, self.high, out=scratch)
        else:
            np.maximum(x, self.low, out=scratch)
        np.subtract(scratch.view(np.int64), self.key, out=out)
        np.right_shift(out, self.shift, out=out)
        if len(x) > 1:
            np.add(out, self.start, out=out)


@dataclass(frozen=True, slots=True, eq=False)
class TwoSided:
    """Cells of nearly equal ratio on both sides of a centre, and of equal width close to it."""

    centre: Doubles
    unit: Doubles
    reach: Doubles
    key: Longs
    shift: Longs
    zero: Longs

    @classmethod
    def over(cls, cuts: Doubles, cells: int) -> Self | None:
        """Spread half of `cells` over each side of the middle cut."""
        if not len(cuts):
            return None
        centre = float(cuts[len(cuts) // 2])
        away = np.abs(cuts - centre)
        reach = float(away.max())
        if not (reach > 0 and np.isfinite(reach)):
            return None
        unit = max(float(away[away > 0].min()) * 0.5, _TINY)
        key = _bits(unit)
        shift = _shift(_bits(reach + unit) - key, cells // 2 - 1)
        zero = _long((_bits(reach + unit) - key >> shift) + 1)
        return cls(_column(centre), _column(unit), _column(reach), _long(key), _long(shift), zero)

    def shifted(self, start: int) -> Self:
        """Move every cell up by `start`."""
        return type(self)(self.centre, self.unit, self.reach, self.key, self.shift, self.zero + start)

    def cells(self, x: Doubles, *, scratch: Doubles, out: Indices) -> None:
        """Take the high bits of the distance from the centre and give them back its sign."""
        np.subtract(x, self.centre, out=scratch)
        sign = scratch.view(np.int64) >> 63
        np.abs(scratch, out=scratch)
        if len(x) > 1:
            np.minimum(scratch, self.reach, out=scratch)
        np.add(scratch, self.unit, out=scratch)
        np.subtract(scratch.view(np.int64), self.key, out=out)
        np.right_shift(out, self.shift, out=out)
        np.bitwise_xor(out, sign, out=out)
        np.subtract(out, sign, out=out)
        np.add(out, self.zero, out=out)


Grid = Linear | Log | TwoSided


def stacked(grids: Sequence[Grid], starts: Sequence[int]) -> Grid:
    """Put grids of one kind side by side, the cells of each beginning at its start, an even number.

    Halves are rounded to even: an odd start would round them elsewhere than the grid on its own.
    """
    moved = [grid.shifted(start) for grid, start in zip(grids, starts, strict=True)]
    names = [field.name for field in fields(moved[0])]
    return type(moved[0])(*(np.concatenate([getattr(grid, name) for grid in moved]) for name in names))


def _shift(span: int, cells: int) -> int:
    return max(0, (span // max(cells - 1, 1)).bit_length())


def _bits(x: float) -> int:
    return int(np.float64(x).view(np.int64))


def _column(x: float) -> Doubles:
    return np.full((1, 1), x, dtype=np.float64)


def _long(x: int) -> Longs:
    return np.full((1, 1), x, dtype=np.int64)
