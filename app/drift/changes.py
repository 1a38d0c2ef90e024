"""What a reference histogram would look like if its values had been moved, stretched or given in another unit."""

from functools import lru_cache
from typing import Final

import numpy as np

from app.drift.layout import Bools, Floats

_ATOMS: Final = 8
_SHIFTS: Final = tuple(float(x) for x in (0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5))
_SPREADS: Final = (0.25, 0.4, 0.5, 0.67, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 2.5, 4.0)
_UNITS: Final = (10.0, 100.0, 1000.0, 1e6, 60.0, 3600.0, 24.0, 1.609344, 2.54, 0.3048, 2.2046226218, 1.852, 3.785411784)
_FAHRENHEIT: Final = ((1.8, 32.0), (1 / 1.8, -32 / 1.8))


@lru_cache(maxsize=1)
def units() -> tuple[tuple[float, float], ...]:
    """Factor and offset of the changes of unit that are tried."""
    return (*[(unit, 0.0) for unit in _UNITS], *[(1.0 / unit, 0.0) for unit in _UNITS], (-1.0, 0.0), *_FAHRENHEIT)


class Atoms:
    """A histogram over finite bins as points of equal weight within each bin, ready to be moved."""

    def __init__(self, share: Floats, lower: Floats, upper: Floats) -> None:
        """Spread shares (K,) over bins with these bounds; an open end is as wide as its neighbours together."""
        self.share = share
        self.is_value: Bools = lower == upper
        finite = np.concatenate([lower[np.isfinite(lower)], upper[np.isfinite(upper)]])
        reach = float(np.ptp(finite)) / max(len(lower) - 2, 1) * 2.0 if len(finite) else 1.0
        reach = reach or 1.0
        low = np.where(np.isfinite(lower), lower, np.where(np.isfinite(upper), upper - reach, -reach))
        high = np.where(np.isfinite(upper), upper, low + reach)
        steps = (np.arange(_ATOMS) + 0.5) / _ATOMS
        self.points = low[:, None] + (high - low)[:, None] * steps
        self.cuts = upper[:-1].copy()
        before = self.is_value[1:] & ~self.is_value[:-1]
        self.cuts[before] = np.nextafter(self.cuts[before], -np.inf)
        self.weight = np.repeat(share / _ATOMS, _ATOMS)

    def middle(self) -> float:
        """The median."""
        return self._quantile(0.5)

    def scale(self) -> float:
        """A robust standard deviation."""
        width = (self._quantile(0.75) - self._quantile(0.25)) / 1.349
        return width if width > 0 else float(np.ptp(self.points)) / 6.0

    def _quantile(self, level: float) -> float:
        rising = np.cumsum(self.weight)
        at = min(int(np.searchsorted(rising, level * rising[-1])), len(rising) - 1)
        return float(self.points.ravel()[at])

    def moved(self, factor: float, offset: float) -> Floats:
        """The shares (K,) after x becomes factor x + offset."""
        bins = np.searchsorted(self.cuts, self.points.ravel() * factor + offset, side="left")
        return np.bincount(bins, weights=self.weight, minlength=len(self.share)).astype(np.float64)

    def locations(self) -> Floats:
        """The shares after shifts both ways, (S, K)."""
        unit = self.scale()
        return np.stack([self.moved(1.0, sign * size * unit) for size in _SHIFTS for sign in (-1.0, 1.0)])

    def spreads(self) -> Floats:
        """The shares after stretching about the median, (S, K)."""
        middle = self.middle()
        return np.stack([self.moved(size, middle * (1.0 - size)) for size in _SPREADS])

    def rescaled(self) -> Floats:
        """The shares in other units, (S, K)."""
        return np.stack([self.moved(*unit) for unit in units()])
