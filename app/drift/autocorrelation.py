"""How many windows in a row tell one story: the autocorrelation factor of a series of log scores."""

from typing import Final

import numpy as np

from app.drift.layout import Bools, Floats, Ints
from app.drift.sums import down

LONGEST: Final = 60.0
_USUAL: Final = 6.0
_LEAST: Final = 0.05
_LAGS: Final = 48
_CONSTANT: Final = 1e-12


def factor(score: Floats, counts: Bools, *, index: Ints, longest: float = _USUAL) -> Floats:
    """1 + 2 x the sum of autocorrelations until they fall below 0.05, at most `longest`: scores (W, F) give (F,).

    `index`, shape (W,), is the number of each window on the calendar, ascending; a gap is no neighbour.
    """
    features = score.shape[1]
    tau = np.ones(features)
    count = np.maximum(counts.sum(axis=0), 1)
    centre = down(np.where(counts, score, 0.0)) / count
    deviation = np.where(counts, score - centre, 0.0)
    variance = down(deviation * deviation) / count
    going = variance > _CONSTANT
    safe = np.where(going, variance, 1.0)
    for lag in range(1, _LAGS + 1):
        here = np.searchsorted(index, index + lag)
        found = here < len(index)
        found[found] = index[here[found]] == index[found] + lag
        before, after = np.flatnonzero(found), here[found]
        both = counts[before] & counts[after]
        pairs = both.sum(axis=0)
        product = down(np.where(both, deviation[before] * deviation[after], 0.0))
        correlation = product / np.maximum(pairs, 1) / safe
        going &= (correlation >= _LEAST) & (pairs > 0) & (tau < longest)
        if not going.any():
            break
        tau = np.where(going, tau + 2.0 * correlation, tau)
    return np.minimum(tau, longest)
