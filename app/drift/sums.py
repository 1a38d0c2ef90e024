"""Sums whose last digit does not depend on what lies beside them."""

import numpy as np

from app.drift.layout import Floats


def down(values: Floats) -> Floats:
    """Sum over windows, (W, X) to (X,), window by window whatever X is.

    A single column would be added up pairwise, and so differ in its last bit from the same column among others.
    """
    if values.shape[1] == 1:
        return np.asarray(np.repeat(values, 2, axis=1).sum(axis=0)[:1])
    return np.asarray(values.sum(axis=0))


def settled(values: Floats) -> Floats:
    """Round to twelve significant digits, because the last ones of a sum depend on the order of its terms."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        digits = 10.0 ** (11 - np.floor(np.log10(np.abs(values))))
        rounded = np.rint(values * digits) / digits
    return np.where(np.isfinite(rounded), rounded, values)
