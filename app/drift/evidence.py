"""Evidence: probabilities added up over windows until they are worth a page.

A window adds the log of an e-value, the mean of 0.15 p^-0.85 and 0.5 p^-0.5, divided by a pace; the sum never falls
below nothing and is capped just above the line (a CUSUM of log e-values: Shin, Ramdas and Rinaldo 2023; p-to-e
calibrators: Vovk and Wang 2021).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.context import DAY_US, HOUR_US
from app.drift.layout import Bools, Floats

LEAST_P: Final = 1e-6
MONTH_US: Final = 30 * DAY_US
_POWERS: Final = (0.85, 0.5)
"""The first is for shifts that one window shows, the second for those that only many windows together show."""
_ALONE: Final = 0.8
"""The share of the line that one window may bring."""
_PATIENCE_US: Final = 7 * DAY_US // 2
_STORY_US: Final = 9 * HOUR_US
_STORY_WINDOWS: Final = (3.0, 4.5)
_LOUD: Final = 2.0
"""-log10 p beyond which a feature says no more of the day: a broken one is not ten times as special."""
_ORDINARY: Final = 0.4
"""More than the mean -log10 p of an ordinary window, 0.43, comes to when the largest is left out."""
_STEEP: Final = 30.0
_SLOWEST: Final = 6.0


def line(features: int, *, length_us: int, pages_per_month: float) -> float:
    """The evidence that is worth a page: log10(features x windows a month / pages a month)."""
    if features < 1 or length_us < 1 or not pages_per_month > 0:
        raise ValueError("features, length and budget must be positive")
    return float(np.log10(features) + np.log10(MONTH_US / length_us) - np.log10(pages_per_month))


def step(p: Floats) -> Floats:
    """What a window of probability p adds to the evidence at a pace of 1."""
    least = np.maximum(p, LEAST_P)
    e_values = [(1.0 - power) * np.power(least, -power) for power in _POWERS]
    return np.asarray(np.log10(sum(e_values) / len(e_values)))


@dataclass(frozen=True, slots=True)
class Pace:
    """The divisors of what windows add: `rise` where they add, `fall` where they take."""

    rise: Floats
    fall: Floats


def story(length_us: int) -> float:
    """How many windows autocorrelation may make one story, where excursions are not asked.

    Nine hours' worth, three windows at least and four and a half at most: what lasts longer is worth a page.
    """
    return min(max(_STORY_US / length_us, _STORY_WINDOWS[0]), _STORY_WINDOWS[1])


def pace(tau: Floats, unrest: Floats, *, line: float, length_us: int) -> Pace:
    """The pace of a calibration's tau, (..., F), under this unrest, (F,).

    The unrest slows only what rises, and never so much that windows of probability 1e-6 would take longer than half a
    week to page.
    """
    slowest = max(float(step(np.array(LEAST_P))) * (_PATIENCE_US / length_us) / line, 1.0) if line > 0 else np.inf
    return Pace(rise=np.minimum(tau * unrest, slowest), fall=tau)


def unrest(p: Floats) -> tuple[Floats, Floats]:
    """How special a day the other features make of each window: factors from 1 to 6, (W, F), and for the volume, (W,).

    On a holiday or in a storm features that nothing binds move together, while a broken one moves alone. `p`, (W, F),
    are probabilities of all features, NaN where one is not judged; the most unlikely of the others is not asked, so
    that one broken feature never slows another down. Fewer than two others make no unrest.
    """
    known = ~np.isnan(p)
    loud = np.where(known, np.minimum(-np.log10(np.maximum(np.where(known, p, 1.0), LEAST_P)), _LOUD), 0.0)
    alone = np.zeros((len(p), 2))
    ranked = np.sort(np.concatenate([alone, loud], axis=1), axis=1)
    first, second = ranked[:, -1:], ranked[:, -2:-1]
    total = np.cumsum(np.concatenate([alone, loud], axis=1), axis=1)[:, -1:]
    count = np.count_nonzero(known, axis=1)[:, None]
    largest = np.where(loud == first, second, first)
    among = (total - loud - largest) / np.maximum(count - known - 1, 1)
    whole = (total - first) / np.maximum(count - 1, 1)
    return _slowed(among, count - known), _slowed(whole, count)[:, 0]


def _slowed(loudness: Floats, others: NDArray[np.int64]) -> Floats:
    slowed = np.clip(1.0 + _STEEP * (loudness - _ORDINARY), 1.0, _SLOWEST)
    return np.where(others > 1, slowed, 1.0)


def advance(before: Floats, p: Floats, *, pace: Pace, healing: Bools, line: float) -> Floats:
    """Evidence after one window; where p is NaN the window was not judged and the evidence stays.

    One window alone never pages. Where an episode is open, `healing`, evidence falls at full pace: what is over is
    over.
    """
    gain = step(np.where(np.isnan(p), 1.0, p))
    slow = np.where(gain > 0, pace.rise, np.where(healing, 1.0, pace.fall))
    gain = np.minimum(gain / slow, _ALONE * line) if line > 0 else gain / slow
    after = np.minimum(line + 1.0, np.maximum(before, 0.0) + gain)
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
