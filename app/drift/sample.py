"""A bounded, reproducible picture of one numeric feature."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NumericBins

Doubles = NDArray[np.float64]
Hashes = NDArray[np.uint64]

BINS: Final = 50
EVERYTHING: Final = np.uint64(2**64 - 1)
# Some more values than the cap are gathered before the surplus is dropped, so that few chunks pay for it.
SLACK: Final = 4
_LARGEST: Final = float(np.finfo(np.float64).max)


def row_hashes(first: int, rows: int) -> Hashes:
    """Output of splitmix64 (Steele, Lea and Flood, 2014) for each row number: a fixed shuffle of the rows."""
    z = (np.arange(first, first + rows, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class NumericSample:
    """The finite values of the `cap` rows with the smallest hashes, all of them while there are no more.

    Distinct values are followed over all rows until there are more than BINS of them.
    """

    def __init__(self, cap: int) -> None:
        """Keep at most `cap` values."""
        self.cap = cap
        self._values: list[Doubles] = [np.empty(0)]
        self._hashes: list[Hashes] = [np.empty(0, dtype=np.uint64)]
        self._held = 0
        self._bound = EVERYTHING
        self._distinct: Doubles | None = np.empty(0)

    def add(self, values: Doubles, hashes: Hashes) -> None:
        """Take more values and their rows' hashes; those that are not finite are passed over."""
        finite = np.isfinite(values)
        if not finite.all():
            values, hashes = values[finite], hashes[finite]
        self.see(values)
        if self._bound < EVERYTHING:
            low = hashes <= self._bound
            values, hashes = values[low], hashes[low]
        self._values.append(values + 0.0)
        self._hashes.append(hashes)
        self._held += len(values)
        if self._held > self.cap + self.cap // SLACK:
            self._kept()

    def see(self, values: Doubles) -> None:
        """Follow the distinct values of more rows, all finite."""
        if self._distinct is not None:
            distinct = np.union1d(self._distinct, values + 0.0)
            self._distinct = distinct if len(distinct) <= BINS else None

    def adopt(self, values: Doubles, hashes: Hashes, *, bound: np.uint64) -> None:
        """Begin with the values of rows whose hashes are the smallest so far, all up to `bound`."""
        self._values, self._hashes, self._held, self._bound = [values], [hashes], len(values), bound

    def _kept(self) -> Doubles:
        """Drop all but the rows with the smallest hashes."""
        values, hashes = np.concatenate(self._values), np.concatenate(self._hashes)
        if len(values) > self.cap:
            kept = np.argpartition(hashes, self.cap - 1)[: self.cap]
            values, hashes = values[kept], hashes[kept]
            self._bound = hashes.max()
        self._values, self._hashes, self._held = [values], [hashes], len(values)
        return values

    def bins(self) -> NumericBins:
        """Cut at the quantiles k/50; values that are few or heavy have bins of their own."""
        if self._distinct is not None:
            return NumericBins.between(np.empty(0), self._distinct)
        values = np.sort(self._kept())
        ranks = (np.arange(1, BINS) * len(values) + BINS - 1) // BINS - 1
        distinct, counts = np.unique(values, return_counts=True)
        return NumericBins.between(values[ranks], distinct[counts * BINS >= len(values)])

    def scale(self) -> float:
        """A robust standard deviation: by the quartiles, else the outer twentieths, else the plain one, else 1."""
        values = np.sort(self._kept())
        if not len(values):
            return 1.0
        p05, p25, p75, p95 = np.quantile(values * 0.5, [0.05, 0.25, 0.75, 0.95]).tolist()
        with np.errstate(over="ignore", invalid="ignore"):
            plain = float(np.std(values))
        for width in (2 * (p75 - p25) / 1.349, 2 * (p95 - p05) / 3.29, plain):
            if width > 0:
                return min(width, _LARGEST)
        return 1.0
