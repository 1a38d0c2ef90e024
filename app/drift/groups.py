"""The groups on which PSI is computed: ten of nearly equal rows, in integers."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NumericBins
from app.drift.categories import CategoricalBins

GROUPS: Final = 10


def groups_of(bins: NumericBins | CategoricalBins, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give every bin its group number, from the baseline's counts of shape (bins.size,).

    Finite bin b with H_b of N finite rows and C rows before it has group min(9, 10 (2 C + H_b) // 2 N); at most
    ten finite bins keep a group each, as do categories and reserved bins. Without a finite row, finite bins are
    spread evenly.
    """
    if isinstance(bins, CategoricalBins) or bins.finite <= GROUPS:
        return np.arange(bins.size, dtype=np.int64)
    held = [int(count) for count in counts[: bins.finite]]
    rows = sum(held) or len(held)
    held = held if any(held) else [1] * len(held)
    finite, before = [], 0
    for count in held:
        finite.append(min(GROUPS - 1, GROUPS * (2 * before + count) // (2 * rows)))
        before += count
    reserved = range(finite[-1] + 1, finite[-1] + 1 + bins.size - bins.finite)
    return np.array([*finite, *reserved], dtype=np.int64)
