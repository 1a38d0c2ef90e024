"""What a reference histogram would look like if its values had been moved, stretched or given in another unit."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from app.drift.layout import Bools, Floats

_ATOMS: Final = 8
_SHIFTS: Final = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""In standard deviations: what goes further leaves the range that was ever seen, which no ordinary shift does."""
_SPREADS: Final = (0.25, 0.4, 0.5, 0.67, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 2.5, 4.0)
_LEVELS: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_NARROW: Final = 1.0
"""Standard deviations that a range may span and still stand for one value."""
_UNITS: Final = (10.0, 100.0, 1000.0, 1e6, 60.0, 3600.0, 24.0, 1.609344, 2.54, 0.3048, 2.2046226218, 1.852, 3.785411784)
_FAHRENHEIT: Final = ((1.8, 32.0), (1 / 1.8, -32 / 1.8))


@lru_cache(maxsize=1)
def units() -> tuple[tuple[float, float], ...]:
    """Factor and offset of the changes of unit that are tried."""
    return (*[(unit, 0.0) for unit in _UNITS], *[(1.0 / unit, 0.0) for unit in _UNITS], (-1.0, 0.0), *_FAHRENHEIT)


class Atoms:
    """A histogram over finite bins as points of equal weight within each bin, ready to be moved."""

    @np.errstate(over="ignore", invalid="ignore")
    def __init__(self, share: Floats, lower: Floats, upper: Floats) -> None:
        """Spread shares (K,) over bins with these bounds; an open end is twice as wide as the range beside it."""
        self.share = share
        self.is_value: Bools = lower == upper
        width = np.where(np.isfinite(lower) & np.isfinite(upper), upper, np.nan) - lower
        ranges = width[width > 0]
        first, last = (2.0 * float(ranges[0]), 2.0 * float(ranges[-1])) if len(ranges) else (1.0, 1.0)
        least = 0.0 if upper[0] > 0 else -np.inf
        low = np.where(np.isfinite(lower), lower, np.where(np.isfinite(upper), np.maximum(upper - first, least), 0.0))
        high = np.where(np.isfinite(upper), upper, low + last)
        steps = (np.arange(_ATOMS) + 0.5) / _ATOMS
        self.points = low[:, None] + (high - low)[:, None] * steps
        self.cuts = upper[:-1].copy()
        before = self.is_value[1:] & ~self.is_value[:-1]
        self.cuts[before] = np.nextafter(self.cuts[before], -np.inf)
        self.weight = np.repeat(share / _ATOMS, _ATOMS)
        self.narrow: Bools = width <= _NARROW * self.scale()

    def scale(self) -> float:
        """A robust standard deviation."""
        low, high = self.quantiles((0.25, 0.75))
        width = float(high - low) / 1.349
        return width if width > 0 else float(np.ptp(self.points)) / 6.0

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """The quantiles at these levels."""
        rising = np.cumsum(self.weight)
        at = np.minimum(np.searchsorted(rising, np.array(levels) * rising[-1]), len(rising) - 1)
        return np.asarray(self.points.ravel()[at])

    @np.errstate(over="ignore", invalid="ignore")
    def moved(self, factor: float, offset: float) -> Floats:
        """The shares (K,) after x becomes factor x + offset."""
        bins = np.searchsorted(self.cuts, self.points.ravel() * factor + offset, side="left")
        return np.bincount(bins, weights=self.weight, minlength=len(self.share)).astype(np.float64)

    @np.errstate(over="ignore", invalid="ignore")
    def locations(self, seen: "Atoms") -> Floats:
        """The shares after shifts both ways, those between the quantiles of what was seen among them, (S, K)."""
        unit = self.scale()
        between = seen.quantiles(_LEVELS) - self.quantiles(_LEVELS)
        fitted = between[np.abs(between) <= _SHIFTS[-1] * unit]
        return np.stack(
            [self.moved(1.0, by) for by in (*(np.array(_SHIFTS) * unit), *(-np.array(_SHIFTS) * unit), *fitted)]
        )

    @np.errstate(over="ignore", invalid="ignore")
    def spreads(self, seen: "Atoms") -> Floats:
        """The shares after stretching about the median, to the widths of what was seen among others, (S, K)."""
        middle = float(self.quantiles((0.5,))[0])
        mine, other = self.quantiles(_LEVELS), seen.quantiles(_LEVELS)
        fitted = [
            float(other[-at] - other[at - 1]) / float(mine[-at] - mine[at - 1])
            for at in (1, 2)
            if mine[-at] > mine[at - 1]
        ]
        sizes = [*_SPREADS, *[size for size in fitted if _SPREADS[0] <= size <= _SPREADS[-1]]]
        return np.stack([self.moved(size, middle * (1.0 - size)) for size in sizes])

    def rescaled(self) -> Floats:
        """The shares in other units, (S, K)."""
        return np.stack([self.moved(*unit) for unit in units()])


def closed(counts: Floats, normal: Floats, tried: Floats) -> Floats:
    """How much of the distance from counts to normal shares, (K,), each of the shares tried, (S, K), closes, (S,).

    1 is all of it, below 0 widens it. The distance is that of Cramer and von Mises between the distribution functions
    at the edges of the bins, less what as many independent rows differ by anyway.
    """
    rows = counts.sum()
    seen, normal = counts / rows, normal / normal.sum()
    weight = 0.5 * (seen + normal)
    weight = 0.5 * (weight[1:] + weight[:-1])
    mine = np.cumsum(seen)[:-1]
    noise = float((weight * mine * (1.0 - mine)).sum() / rows)

    def distance(other: Floats) -> Floats:
        whole = other.sum(axis=-1, keepdims=True)
        gap = mine - np.cumsum(other / np.where(whole > 0, whole, 1.0), axis=-1)[..., :-1]
        return np.asarray(np.maximum((weight * gap * gap).sum(axis=-1) - noise, 0.0))

    apart = float(distance(normal))
    return np.zeros(len(tried)) if apart <= 0 else 1.0 - np.sqrt(distance(tried) / apart)
