"""PSI, KS and TVD of many windows against one reference each, on concatenated counts."""

import numpy as np
from numpy.typing import NDArray

from app.drift.layout import Floats, Ints, Layout


def psi(current: Ints, reference: Ints, *, layout: Layout) -> Floats:
    """PSI over the groups, half a row for a zero bin: (W, total) against (W, total) or (1, total) gives (W, F).

    A side without rows gives NaN.
    """
    starts = layout.group_starts
    first = np.searchsorted(starts, layout.offsets[:-1])
    sizes = np.diff(np.concatenate((first, [len(starts)])))
    x = np.add.reduceat(current, starts, axis=1).astype(np.float64)
    y = np.add.reduceat(reference, starts, axis=1).astype(np.float64)
    n, m = np.add.reduceat(x, first, axis=1), np.add.reduceat(y, first, axis=1)
    n, m = np.where(n > 0, n, np.nan), np.where(m > 0, m, np.nan)
    both = (x > 0) | (y > 0)
    p = np.maximum(x, 0.5) / np.repeat(n, sizes, axis=1)
    q = np.maximum(y, 0.5) / np.repeat(m, sizes, axis=1)
    term = np.where(both, (p - q) * np.log(p / q), 0.0)
    return np.add.reduceat(term, first, axis=1)


def ks(current: Ints, reference: Ints, *, layout: Layout) -> tuple[Floats, Floats]:
    """The lower end of the KS interval over the finite bins, and e = 1/n + 1/N of the finite rows; NaN without any."""
    x = np.where(layout.finite, current, 0)
    y = np.where(layout.finite, reference, 0)
    n = np.add.reduceat(x, layout.offsets[:-1], axis=1)
    m = np.add.reduceat(y, layout.offsets[:-1], axis=1)
    sizes = layout.sizes
    before_x, before_y = np.cumsum(n, axis=1) - n, np.cumsum(m, axis=1) - m
    rows = np.where(n > 0, n, np.nan).astype(np.float64)
    against = np.where(m > 0, m, np.nan).astype(np.float64)
    up_x = (np.cumsum(x, axis=1) - np.repeat(before_x, sizes, axis=1)) / np.repeat(rows, sizes, axis=1)
    up_y = (np.cumsum(y, axis=1) - np.repeat(before_y, sizes, axis=1)) / np.repeat(against, sizes, axis=1)
    gap = np.maximum.reduceat(np.abs(up_x - up_y), layout.offsets[:-1], axis=1)
    return gap, 1.0 / rows + 1.0 / against


def tvd(p: Floats, q: Floats, *, layout: Layout) -> Floats:
    """Half the absolute difference of shares, (W, total) to (W, F)."""
    gap: NDArray[np.float64] = np.add.reduceat(np.abs(p - q), layout.offsets[:-1], axis=1)
    return 0.5 * gap
