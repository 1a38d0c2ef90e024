"""What a histogram alone tells of the values inside it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NumericBins

Doubles = NDArray[np.float64]

# Normal distances between the quartiles and between the outer twentieths, in standard deviations.
WIDTHS: Final = ((0.25, 0.75, 1.349), (0.05, 0.95, 3.29))


def positions(bins: NumericBins) -> Doubles:
    """Give a likely mean for each finite bin, shape (K,): its middle, or its only bound, or 0."""
    with np.errstate(invalid="ignore"):
        middle = bins.lower * 0.5 + bins.upper * 0.5
    open_low, open_high = np.isneginf(bins.lower), np.isposinf(bins.upper)
    bound = np.where(open_low, np.where(open_high, 0.0, bins.upper), np.where(open_high, bins.lower, 0.0))
    return np.where(open_low | open_high, bound, middle)


def robust_scale(means: Doubles, counts: NDArray[np.int64]) -> float:
    """Estimate a robust standard deviation from bins: by the quartiles, else the outer twentieths, else 1."""
    held = counts > 0
    if not held.any():
        return 1.0
    where, share = means[held], np.cumsum(counts[held]) / counts.sum()
    for low, high, width in WIDTHS:
        first, last = np.minimum(np.searchsorted(share, [low, high]), len(where) - 1)
        span = float(where[last] * 0.5 - where[first] * 0.5) * 2 / width
        if 0 < span < np.inf:
            return span
    return 1.0
