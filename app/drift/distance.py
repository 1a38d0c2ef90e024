"""PSI, KS and TVD of many windows against one reference, on concatenated counts."""

import numpy as np
from numpy.typing import NDArray

from app.drift.layout import Bools, Floats, Ints, Layout


def divergence(held: Ints, n: Floats, *, share: Floats, empty: Bools, first: Ints) -> Floats:
    """PSI of groups: counts (W, G) of n rows, (W, 1) or (W, G), against shares, half a row for an empty group.

    `share` is already that of half a row where the reference is `empty`; `first` are the features' first groups. A
    group that is empty on both sides adds nothing.
    """
    p = np.where(held > 0, held, 0.5) / n
    terms = (p - share) * np.log(p / share)
    return np.add.reduceat(np.where((held > 0) | ~empty, terms, 0.0), first, axis=1)


def climbed(counts: Ints, starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Cumulative counts within each feature, (W, B) to (W, B), and its total, (W, F)."""
    rising = counts.cumsum(axis=1)
    before = rising[:, starts] - counts[:, starts]
    total = rising[:, starts + sizes - 1] - before
    rising -= np.repeat(before, sizes, axis=1)
    return rising, total


def psi(current: Ints, reference: Ints, *, layout: Layout, own: Bools | None = None) -> Floats:
    """PSI over the groups, half a row for a zero bin: (W, total) against (1, total) gives (W, F).

    Windows marked `own`, (W,), are part of the reference and taken out of it. A side without rows gives NaN.
    """
    starts = layout.group_starts
    first = np.searchsorted(starts, layout.offsets[:-1])
    sizes = np.diff(np.concatenate((first, [len(starts)])))
    x, y = np.add.reduceat(current, starts, axis=1), np.add.reduceat(reference, starts, axis=1)
    if own is not None:
        y = np.maximum(y - np.where(own[:, None], x, 0), 0)
    n, m = np.add.reduceat(x, first, axis=1), np.add.reduceat(y, first, axis=1)
    rows, against = (np.repeat(np.where(side > 0, side, np.nan), sizes, axis=1) for side in (n, m))
    return divergence(x, rows, share=np.where(y > 0, y, 0.5) / against, empty=y == 0, first=first)


def ks(current: Ints, reference: Ints, *, layout: Layout, own: Bools | None = None) -> tuple[Floats, Floats]:
    """The lower end of the KS interval over the finite bins, and e = 1/n + 1/N of the finite rows; NaN without any.

    As `psi`: (W, total) against (1, total), less what is `own`.
    """
    first, sizes = layout.offsets[:-1], layout.sizes
    x, n = climbed(np.where(layout.finite, current, 0), first, sizes)
    y, m = climbed(np.where(layout.finite, reference, 0), first, sizes)
    if own is not None:
        y, m = y - np.where(own[:, None], x, 0), m - np.where(own[:, None], n, 0)
    rows, against = (np.where(side > 0, side, np.nan).astype(np.float64) for side in (n, m))
    gap = x / np.repeat(rows, sizes, axis=1)
    gap -= y / np.repeat(against, sizes, axis=1)
    return np.maximum.reduceat(np.abs(gap, out=gap), first, axis=1), 1.0 / rows + 1.0 / against


def tvd(p: Floats, q: Floats, *, layout: Layout) -> Floats:
    """Half the absolute difference of shares, (W, total) to (W, F)."""
    gap: NDArray[np.float64] = np.add.reduceat(np.abs(p - q), layout.offsets[:-1], axis=1)
    return 0.5 * gap
