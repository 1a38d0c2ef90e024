"""How far a share moves between ordinary windows: a sampling part and a lasting part."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.sums import down

Floats = NDArray[np.float64]

_CAP_SHARE: Final = 0.98
_LEAST_SAMPLING: Final = 0.1
_SAME: Final = 1e-6


def _capped(y: Floats, weight: Floats, share: float) -> Floats:
    """Cut each column of y, shape (W, B), at its upper quantile among the windows that count."""
    if not len(y):
        return y.copy()
    count = np.count_nonzero(weight, axis=0)
    rank = len(y) - np.maximum(count - np.floor(share * np.maximum(count - 1, 0)).astype(np.int64), 1)
    ordered = np.where(weight > 0, y, -1.0)
    ordered.partition(np.unique(rank), axis=0)
    cap = np.take_along_axis(ordered, rank[None, :], axis=0)
    return np.asarray(np.minimum(y, np.maximum(cap, 0.0)))


def fit(
    y: Floats, e: Floats, *, weight: Floats, expected: Floats | None = None, cap: float = _CAP_SHARE
) -> tuple[Floats, Floats]:
    """Weighted non-negative least squares of y on a e + rho, each column of (W, B) on its own: a and rho, shape (B,).

    a is 1 for independent rows; rho is the correlation within a window of a beta-binomial law. e = 1/n + 1/N.
    `weight` is 1 where a window counts. `expected`, shape (B,), is the mean number of rows in the bin: a bin that
    expects few rows is never believed to move less than independent rows do.
    """
    count = np.maximum(down(weight), 1.0)
    y = _capped(y, weight, cap)
    spare = weight * y
    mean_y = down(spare) / count
    mean_e = down(np.multiply(weight, e, out=spare)) / count
    w = e + np.maximum(mean_y - mean_e, 0.0)
    np.maximum(w, 1e-300, out=w)
    np.divide(weight, w, out=w)
    s0 = down(w)
    safe = np.where(s0 > 0, s0, 1.0)
    y_bar = down(np.multiply(w, y, out=spare)) / safe
    e_bar = down(np.multiply(w, e, out=spare)) / safe
    along = down(np.multiply(spare, y, out=spare)) / safe
    centred = np.subtract(e, e_bar, out=spare)
    w *= centred
    slope = down(np.multiply(w, y, out=y)) / safe
    spread = down(np.multiply(w, centred, out=w)) / safe
    flat = spread <= _SAME * e_bar * e_bar
    a = np.where(flat, 1.0, slope / np.where(flat, 1.0, spread))
    through = along / np.maximum(spread + e_bar * e_bar, 1e-300)
    a = np.where(y_bar - a * e_bar < 0, through, a)
    least = np.full(a.shape, _LEAST_SAMPLING)
    if expected is not None:
        least = np.maximum(least, 1.0 / (1.0 + expected))
    a = np.maximum(a, least)
    rho = np.maximum(y_bar - a * e_bar, 0.0)
    empty = s0 <= 0
    return np.where(empty, 1.0, a), np.where(empty, 0.0, rho)
