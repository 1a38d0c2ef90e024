"""The noise floor: what PSI is between two samples of independent rows of one distribution.

PSI is about e chi-square with groups - 1 degrees of freedom, e = 1/n + 1/N (Yurdakul and Naranjo 2020).
"""

from dataclasses import dataclass

import numpy as np

from app.drift import special
from app.drift.layout import Floats, Ints, Layout


@dataclass(frozen=True, slots=True)
class Floor:
    """PSI against its noise floor, and the probability of as much by chance; both (W, F)."""

    ratio: Floats
    p: Floats


def noise_floor(layout: Layout, psi: Floats, rows: Ints, *, baseline_rows: int) -> Floor:
    """Hold PSI of shape (W, F) of windows with `rows` (W,) against independent rows; NaN without rows."""
    edges = np.searchsorted(layout.group_starts, layout.offsets)
    degrees = np.maximum(np.diff(edges) - 1, 1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        e = np.where(rows > 0, 1.0 / rows + 1.0 / max(baseline_rows, 1), np.nan)[:, None]
        return Floor(ratio=psi / (degrees * e), p=special.chdtrc(degrees, psi / e))
