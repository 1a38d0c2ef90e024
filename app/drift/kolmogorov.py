"""How surprising a Kolmogorov-Smirnov distance between two histograms is."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.drift import special

# Broadie, Glasserman and Kou, A continuity correction for discrete barrier options, 1997: -zeta(1/2)/sqrt(2 pi).
DISCRETE_WATCH: Final = 0.5826


def p_value(distance: ArrayLike, n: ArrayLike, m: ArrayLike, bins: ArrayLike = np.inf) -> NDArray[np.float64]:
    """Two-sample p of a distance seen at `bins` points only; NaN where a side is empty.

    Q(sqrt(n m / (n + m)) D + 0.5826 / sqrt(bins)) with Kolmogorov's Q; bins = inf is the usual asymptotic test.
    """
    n, m = np.asarray(n, np.float64), np.asarray(m, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = 1.0 / (1.0 / np.where(n > 0, n, np.nan) + 1.0 / np.where(m > 0, m, np.nan))
        reach = np.sqrt(size) * distance + DISCRETE_WATCH / np.sqrt(np.asarray(bins, np.float64))
    return np.asarray(special.kolmogorov(reach), np.float64)
