"""The distance of windows from their baseline, all features and many windows at once.

A window's numbers are the same bits however many windows are scored beside it: counts are summed as integers, and
every sum of doubles runs along one feature's own bins.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift import distance, kolmogorov
from app.drift.baseline import Baseline
from app.drift.reference import Ordered, Reference

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]

_AT_ONCE: Final = 1 << 16
_LARGEST: Final = float(np.finfo(np.float64).max)


class Statistic(StrEnum):
    """The name of a score."""

    PSI = "psi"
    KS = "ks"
    JS = "js"
    TVD = "tvd"
    WASSERSTEIN = "wasserstein"
    RATIO = "ratio"
    EVIDENCE = "evidence"
    NULL_RATIO = "null_ratio"
    UNSEEN_RATIO = "unseen_ratio"
    INVALID_RATIO = "invalid_ratio"
    VOLUME = "volume"


SCORED: Final = (
    Statistic.PSI,
    Statistic.KS,
    Statistic.JS,
    Statistic.TVD,
    Statistic.WASSERSTEIN,
    Statistic.NULL_RATIO,
    Statistic.UNSEEN_RATIO,
    Statistic.INVALID_RATIO,
)
_OF_ORDER: Final = frozenset({Statistic.KS, Statistic.WASSERSTEIN})
_OF_SHARES: Final = frozenset(SCORED) - _OF_ORDER - {Statistic.PSI}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Arrays of shape (windows, features) by statistic, NaN where one does not apply.

    `ks` is the lower end of its interval and `ks_high` the upper one, with the p-value of the lower end.
    """

    values: dict[Statistic, Doubles]
    ks_high: Doubles
    ks_p: Doubles


def score(baseline: Baseline, counts: Counts, rows: Counts, only: Collection[Statistic] = SCORED) -> Scores:
    """Score windows of shape (windows, total bins) and their accepted rows (windows,) against the baseline.

    A feature that fewer rows carried is scored on those. Statistics that are not in `only` may be left NaN.
    """
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    rows = np.asarray(rows, dtype=np.int64)
    scores = _score(baseline, counts, rows, only)
    if not baseline.features:
        return scores
    carried = np.add.reduceat(counts, baseline.offsets[:-1], axis=1)
    for w in np.flatnonzero((carried != rows[:, None]).any(axis=1)):
        for own in np.unique(carried[w]):
            mine = carried[w] == own
            again = _score(baseline, counts[w : w + 1], np.array([own]), only)
            for statistic, values in again.values.items():
                scores.values[statistic][w, mine] = values[0, mine]
    return scores


def _score(baseline: Baseline, counts: Counts, rows: Counts, only: Collection[Statistic]) -> Scores:
    shape = len(counts), len(baseline.features)
    if counts.shape != (len(rows), baseline.total):
        raise ValueError(f"counts need the shape ({len(rows)}, {baseline.total})")
    values = {statistic: np.full(shape, np.nan) for statistic in SCORED}
    scores = Scores(values, ks_high=np.full(shape, np.nan), ks_p=np.full(shape, np.nan))
    if not baseline.features:
        return scores
    step = max(1, _AT_ONCE // baseline.total)
    for start in range(0, len(counts), step):
        part = slice(start, start + step)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            n = np.where(rows[part] > 0, rows[part], np.nan)[:, None]
            if Statistic.PSI in only:
                values[Statistic.PSI][part] = psi(baseline.reference, counts[part], n)
            if not _OF_SHARES.isdisjoint(only):
                _shares(baseline.reference, counts[part], n, scores=scores, part=part)
            if not _OF_ORDER.isdisjoint(only):
                _order(baseline.reference.ordered, counts[part], scores=scores, part=part)
    return scores


def _shares(reference: Reference, counts: Counts, n: Doubles, *, scores: Scores, part: slice) -> None:
    values = scores.values
    p, q = counts / n, reference.share
    middle = 0.5 * (p + q)
    spread = np.where(p > 0, p * np.log(p / middle), 0.0) + np.where(q > 0, q * np.log(q / middle), 0.0)
    divergence = 0.5 * np.add.reduceat(spread, reference.starts, axis=1)
    values[Statistic.JS][part] = np.clip(divergence, 0.0, np.log(2.0)) + 0.0 * n
    values[Statistic.TVD][part] = 0.5 * np.add.reduceat(np.abs(p - q), reference.starts, axis=1)
    values[Statistic.NULL_RATIO][part] = counts[:, reference.null] / n
    values[Statistic.INVALID_RATIO][part] = counts[:, reference.invalid] / n
    values[Statistic.UNSEEN_RATIO][part, reference.categorical] = counts[:, reference.unseen] / n


def psi(reference: Reference, counts: Counts, n: Doubles) -> Doubles:
    """Population stability index on groups, with half a row for an empty group; n has shape (windows, 1)."""
    held = np.add.reduceat(counts, reference.group_starts, axis=1)
    found = distance.divergence(
        held, n, share=reference.group_share, empty=reference.group_empty, first=reference.feature_groups
    )
    return found + 0.0 * n


def _order(ordered: Ordered, counts: Counts, *, scores: Scores, part: slice) -> None:
    if not len(ordered.features):
        return
    held = np.take(counts, ordered.bins, axis=1)
    cumulative, finite = distance.climbed(held, ordered.starts, ordered.sizes)
    n = np.where(finite > 0, finite, np.nan)[:, ordered.owner]
    apart = cumulative / n - ordered.cumulative
    gap = np.abs(apart)
    low = np.maximum.reduceat(gap, ordered.starts, axis=1)
    # Rows equal to one value cannot be apart in the middle of its bin: it adds nothing to the interval.
    earlier = (cumulative - held) / n - (ordered.cumulative - ordered.share)
    inside = np.maximum(earlier + held / n, ordered.share - earlier)
    inside[:, ordered.is_value] = 0.0
    high = np.minimum(np.maximum(low, np.maximum.reduceat(inside, ordered.starts, axis=1)), 1.0)
    moved = np.minimum(np.add.reduceat(gap * ordered.gap, ordered.starts, axis=1), _LARGEST)
    scores.values[Statistic.KS][part, ordered.features] = low
    scores.values[Statistic.WASSERSTEIN][part, ordered.features] = moved
    scores.ks_high[part, ordered.features] = high
    scores.ks_p[part, ordered.features] = kolmogorov.p_value(low, finite, ordered.rows, ordered.sizes)
