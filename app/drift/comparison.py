"""The shares of windows beside the shares that their reference expects."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift.layout import ABSENT, Floats, Layout

_LEAST_VARIANCE: Final = 1.0
"""Of the rows in a bin that moves like independent rows: a stray row is one standard deviation, however rare."""
_UNEVEN: Final = 4.0
_UNORDERED: Final = 0.15


@dataclass(frozen=True, slots=True)
class Comparison:
    """Observed and expected shares p, q and their unit variance v, (W, B); rows n, m and e = 1/n + 1/m, (W, F).

    e is NaN where a side has no rows. `extra`, (W, B), is variance added where a window straddles two slots.
    """

    p: Floats
    q: Floats
    v: Floats
    n: Floats
    m: Floats
    e: Floats
    extra: Floats | None = None


def compare(current: Floats, reference: Floats, *, layout: Layout, pseudo: Floats | None = None) -> Comparison:
    """Compare counts (W, B) with reference counts (W, B); `pseudo`, (W, F), are rows expected in `unseen` besides."""
    first, sizes = layout.offsets[:-1], layout.sizes
    n = np.add.reduceat(current, first, axis=1)
    m = np.add.reduceat(reference, first, axis=1)
    if pseudo is not None:
        fresh = np.flatnonzero(layout.unseen != ABSENT)
        reference = reference.copy()
        reference[:, layout.unseen[fresh]] += pseudo[:, fresh]
        m = m.copy()
        m[:, fresh] += pseudo[:, fresh]
    both = (n > 0) & (m > 0)
    n_safe, m_safe = np.where(n > 0, n, 1.0), np.where(m > 0, m, 1.0)
    p, q = np.repeat(n_safe, sizes, axis=1), np.repeat(m_safe, sizes, axis=1)
    np.divide(current, p, out=p)
    np.divide(reference, q, out=q)
    least = np.repeat(0.5 / np.maximum(m_safe, 1.0), sizes, axis=1)
    v = np.maximum(q, least)
    np.minimum(v, np.subtract(1.0, least, out=least), out=v)
    v *= np.subtract(1.0, v, out=least)
    e = np.where(both, 1.0 / n_safe + 1.0 / m_safe, np.nan)
    return Comparison(p=p, q=q, v=v, n=n, m=m, e=e)


def straddling(one: Comparison, other: Comparison, part: Floats, *, step: Floats) -> Comparison:
    """Compare windows that lie by `part`, (W, 1), in the other slot: expected shares in proportion.

    What the hours of a slot are like one by one is not known, so there is room for more: traffic need not be even, so
    that bins in which the two slots differ are uncertain; and were the hours without any order, a window that swaps a
    part of them for others would differ by that part of `step`, (B,), the mean square by which shares change from slot
    to slot.
    """
    q = (1.0 - part) * one.q + part * other.q
    usable = np.isfinite(other.e)
    return Comparison(
        p=one.p,
        q=q,
        v=(1.0 - part) * one.v + part * other.v,
        n=one.n,
        m=np.where(usable, (1.0 - part) * one.m + part * other.m, one.m),
        e=np.where(usable, (1.0 - part) * one.e + part * other.e, np.nan),
        extra=_UNEVEN * (part * (1.0 - part) * (one.q - other.q)) ** 2 + _UNORDERED * part * step,
    )


def variance(seen: Comparison, sampling: Floats, lasting: Floats, *, layout: Layout) -> Floats:
    """Normal wobble of the difference of shares in every bin, (W, B)."""
    known = np.isfinite(seen.e)
    e = np.repeat(np.where(known, seen.e, 1.0), layout.sizes, axis=1)
    e *= sampling
    e += lasting
    e *= seen.v
    if seen.extra is not None:
        e += seen.extra
    rows = np.where(known, seen.n, 1.0)
    np.maximum(e, sampling * np.repeat(_LEAST_VARIANCE / (rows * rows), layout.sizes, axis=1), out=e)
    return e
