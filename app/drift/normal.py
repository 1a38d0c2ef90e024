"""What a published score is on an ordinary window: its expected size in each context, and its law around it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift import tail, wobble
from app.drift.layout import Bools, Floats, Ints
from app.drift.sums import down
from app.drift.tail import Tail

_PRIOR_WINDOWS: Final = 2.0
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Normal:
    """Expected score = slope x nu + place: nu is its size for independent rows, place is by context row, (R, F)."""

    slope: Floats
    place: Floats
    tail: Tail

    def part(self, which: slice) -> "Normal":
        """The normal of some features alone."""
        return Normal(self.slope[which], self.place[:, which], self.tail.part(which))

    def expected(self, nu: Floats, row: Ints, *, other: Ints, part: Floats) -> Floats:
        """Expected score of windows whose nu and context row are given, (W, F), `part` of them in another row."""
        column = np.arange(row.shape[1])
        place = (1.0 - part) * self.place[row, column] + part * self.place[other, column]
        return self.slope * nu + place + _TINY

    def p(self, score: Floats, expected: Floats) -> Floats:
        """Upper probability of scores, (W, F)."""
        return self.tail.p(log_ratio(score, expected))

    def line(self, p: float | Floats, expected: Floats) -> Floats:
        """The score whose probability is p, one or (F,), where this much is expected, (W, F)."""
        return np.exp(self.tail.score(np.array([p]))) * expected


def log_ratio(score: Floats, expected: Floats) -> Floats:
    """Natural logarithm of score over expected, no lower than that of a thousandth."""
    return np.log(np.maximum(score / expected, 1e-3))


def fit(  # noqa: PLR0913 - a score comes with all of them
    score: Floats, nu: Floats, *, counts: Bools, row: Ints, rows: int, day: Ints, bend: float
) -> Normal:
    """Fit to leave-one-out scores (W, F), whose windows lie in context rows `row` (W, F) of `rows`."""
    features = score.shape[1]
    counts = counts & np.isfinite(score) & np.isfinite(nu)
    y, x = np.where(counts, score, 0.0), np.where(counts, nu, 1.0)
    weight = counts.astype(np.float64)
    slope, _ = wobble.fit(y, x, weight=weight)
    above = weight * np.maximum(y - slope * x, 0.0)
    flat = (row * features + np.arange(features)).ravel()
    known = np.bincount(flat, weights=weight.ravel(), minlength=rows * features).reshape(rows, features)
    sums = np.bincount(flat, weights=above.ravel(), minlength=rows * features).reshape(rows, features)
    whole = down(above) / np.maximum(down(weight), 1.0)
    place = (sums + _PRIOR_WINDOWS * whole) / (known + _PRIOR_WINDOWS)
    column = np.arange(features)
    others = np.maximum(sums[row, column] - above, 0.0) + _PRIOR_WINDOWS * whole
    left = others / (known[row, column] - weight + _PRIOR_WINDOWS)
    logs = log_ratio(y, slope * x + left + _TINY)
    law = tail.fit(np.where(counts, logs, tail.LEAST_LOG), counts, day=day, bend=bend)
    return Normal(slope=slope, place=place, tail=law)
