"""What scoring needs of a baseline, worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import NumericBins
from app.drift.categories import CategoricalBins

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

_LARGEST: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The reference side of every statistic.

    Over all bins: `share` (total,) and the first bin of each feature, `starts`. Over groups: the first bin of each
    group, the group that begins each feature, rows and shares with half a row for an empty group. `null`,
    `invalid` and `unseen` are bin numbers, those of `unseen` for the features `categorical`.
    """

    share: Doubles
    starts: Indices
    group_starts: Indices
    feature_groups: Indices
    group_empty: NDArray[np.bool_]
    group_share: Doubles
    null: Indices
    invalid: Indices
    unseen: Indices
    categorical: Indices
    ordered: "Ordered"


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """The finite bins of numeric features, side by side.

    `features` (numeric features,) with their first place in `bins` and their number of bins and rows; `bins`
    (finite bins,) are bin numbers, `owner` says which numeric feature each belongs to. `cumulative` and `share` are of
    the baseline; `gap` is the scaled distance from a bin's mean position to the next one's, 0 at the last.
    """

    features: Indices
    starts: Indices
    sizes: Counts
    rows: Counts
    bins: Indices
    owner: Indices
    cumulative: Doubles
    share: Doubles
    is_value: NDArray[np.bool_]
    gap: Doubles


def reference_of(
    parts: Sequence[tuple[NumericBins | CategoricalBins, Doubles | None, float | None]],
    *,
    counts: Counts,
    rows: int,
    groups: Counts,
) -> Reference:
    """Prepare features given as (bins, means, scale), laid side by side in `counts` and `groups`."""
    sizes = np.array([bins.size for bins, _, _ in parts], dtype=np.intp)
    starts = np.cumsum(sizes) - sizes
    categorical = np.array([isinstance(bins, CategoricalBins) for bins, _, _ in parts], dtype=np.bool_)
    group_starts = _runs(groups, starts)
    held = np.add.reduceat(counts, group_starts) if len(group_starts) else counts[:0]
    all_rows = np.float64(rows) if rows else np.float64(np.nan)
    return Reference(
        share=counts / all_rows,
        starts=starts,
        group_starts=group_starts,
        feature_groups=group_starts.searchsorted(starts),
        group_empty=held == 0,
        group_share=np.where(held == 0, 0.5, held) / all_rows,
        null=starts + np.array([bins.finite for bins, _, _ in parts], dtype=np.intp),
        invalid=starts + sizes - 1,
        unseen=(starts + sizes - 2)[categorical],
        categorical=np.flatnonzero(categorical),
        ordered=_ordered(parts, starts=starts, counts=counts),
    )


def _runs(groups: Counts, starts: Indices) -> Indices:
    """Where a new group or a new feature begins; groups are runs of neighbouring bins."""
    begins = np.zeros(len(groups), dtype=np.bool_)
    begins[1:] = groups[1:] != groups[:-1]
    begins[starts] = True
    return np.flatnonzero(begins)


def _ordered(
    parts: Sequence[tuple[NumericBins | CategoricalBins, Doubles | None, float | None]],
    *,
    starts: Indices,
    counts: Counts,
) -> Ordered:
    numeric = [(f, bins, means, scale) for f, (bins, means, scale) in enumerate(parts) if isinstance(bins, NumericBins)]
    sizes = np.array([bins.finite for _, bins, _, _ in numeric], dtype=np.int64)
    own = [counts[starts[f] : starts[f] + bins.finite] for f, bins, _, _ in numeric]
    rows = np.array([part.sum() for part in own], dtype=np.int64)
    divisors = [float(n) if n else np.nan for n in rows]
    nothing = np.zeros(0)
    return Ordered(
        features=np.array([f for f, _, _, _ in numeric], dtype=np.intp),
        starts=(np.cumsum(sizes) - sizes).astype(np.intp),
        sizes=sizes,
        rows=rows,
        bins=np.concatenate(
            [np.arange(starts[f], starts[f] + bins.finite) for f, bins, _, _ in numeric] or [nothing]
        ).astype(np.intp),
        owner=np.repeat(np.arange(len(numeric)), sizes),
        cumulative=np.concatenate([nothing, *(p.cumsum() / n for p, n in zip(own, divisors, strict=True))]),
        share=np.concatenate([nothing, *(part / n for part, n in zip(own, divisors, strict=True))]),
        is_value=np.concatenate([nothing.astype(np.bool_), *(bins.is_value for _, bins, _, _ in numeric)]),
        gap=np.concatenate([nothing, *(_gaps(bins, means, scale) for _, bins, means, scale in numeric)]),
    )


def _gaps(bins: NumericBins, means: Doubles | None, scale: float | None) -> Doubles:
    """Distances between the mean positions of neighbouring bins, in units of the scale."""
    with np.errstate(over="ignore", invalid="ignore"):
        middle = bins.lower * 0.5 + bins.upper * 0.5
        position = np.where(np.isneginf(bins.lower), bins.upper, np.where(np.isposinf(bins.upper), bins.lower, middle))
        if means is not None:
            position = np.where(np.isfinite(means), means, position)
        gaps = np.append(np.diff(position), 0.0) / (scale or 1.0)
    return np.clip(gaps, 0.0, _LARGEST)
