"""Evidence: probabilities added up over windows until they are worth a page.

A window adds the log of an e-value, 0.1 p^-0.9, divided by the autocorrelation factor tau; the sum never falls below
nothing and is capped just above the line (a CUSUM of log e-values: Shin, Ramdas and Rinaldo 2023; p-to-e calibrator:
Vovk and Wang 2021).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift.context import DAY_US
from app.drift.layout import Floats

LEAST_P: Final = 1e-6
MONTH_US: Final = 30 * DAY_US
_POWER: Final = 0.9
_NOTHING_P: Final = float(10.0 ** (-1.0 / _POWER))
"""The probability that adds nothing."""
_NEAR: Final = 0.5
_PATIENCE_US: Final = 7 * DAY_US // 2


def line(features: int, *, length_us: int, pages_per_month: float) -> float:
    """The evidence that is worth a page: log10(features x windows a month / pages a month)."""
    if features < 1 or length_us < 1 or not pages_per_month > 0:
        raise ValueError("features, length and budget must be positive")
    return float(np.log10(features) + np.log10(MONTH_US / length_us) - np.log10(pages_per_month))


def step(p: Floats, tau: Floats) -> Floats:
    """What a window of probability p adds to the evidence."""
    return np.asarray((_POWER * -np.log10(np.maximum(p, LEAST_P)) - 1.0) / tau)


def advance(before: Floats, p: Floats, *, tau: Floats, line: float) -> Floats:
    """Evidence after one window; where p is NaN the window was not judged and the evidence stays."""
    after = np.minimum(line + 1.0, np.maximum(before, 0.0) + step(np.where(np.isnan(p), 1.0, p), tau))
    return np.where(np.isnan(p), before, after)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What has been added up so far: `features` is (4, F) in the order of STATISTICS, `volume` one number."""

    features: Floats
    volume: float

    @classmethod
    def none(cls, features: int) -> "Evidence":
        """No evidence yet."""
        return cls(features=np.zeros((4, features)), volume=0.0)


def p_to_cross(before: Floats, *, tau: Floats, line: float) -> Floats:
    """The probability below which one more window brings the evidence past the line; below 1e-6 none can."""
    need = (line - np.maximum(before, 0.0)) * tau
    return np.minimum(np.power(10.0, -np.maximum(need + 1.0, 0.0) / _POWER), 1.0)


def worst(p: Floats) -> Floats:
    """The most evidence that windows in time order, (W, ...), would have brought together at tau = 1, NaN apart."""
    walk = np.cumsum(step(np.where(np.isnan(p), _NOTHING_P, p), np.array(1.0)), axis=0)
    lowest = np.minimum.accumulate(np.concatenate([np.zeros_like(walk[:1]), walk[:-1]]), axis=0)
    return np.asarray(np.max(walk - lowest, axis=0, initial=0.0))


def pace(tau: Floats, worst: Floats, *, line: float, length_us: int) -> Floats:
    """The factor by which steps are divided: tau, or more where the reference itself came near the line.

    Never so much that windows of probability 1e-6 would take longer than half a week to page.
    """
    if line <= 0:
        return tau
    slowest = max((_POWER * -np.log10(LEAST_P) - 1.0) * (_PATIENCE_US / length_us) / line, 1.0)
    return np.asarray(np.minimum(np.maximum(tau, worst / (_NEAR * line)), slowest))
