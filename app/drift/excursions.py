"""How far evidence climbs by itself: excursions of the reference's own windows, and the pace that keeps them short.

Under independent probabilities an excursion that lasts beyond a level exceeds it by 1 / ln 10 on average, since
evidence c is rarer than 10^-c. Where the reference's own excursions reach further, because what makes one window odd
makes the next ones odd too, evidence is divided by so much more. A correlation that never leads far, as that of a
timetable with its weeks, is not held against a feature.
"""

from typing import Final

import numpy as np

from app.drift import evidence
from app.drift.autocorrelation import LONGEST, factor
from app.drift.layout import Floats, Ints

_BLOCK: Final = 64
"""Windows, or features, that are looked at together: what bounds the memory."""
_LEVEL: Final = 0.5
_USUAL: Final = 1.0 / float(np.log(10.0))
_PRIOR: Final = 8.0
"""Excursions of usual height that every feature is credited with."""
_SHORT: Final = 2.0
"""Windows in a row that count as one story whatever the excursions are."""
_STEEP: Final = 2.0
_REACH: Final = 3.0
"""A reference is short: far excursions come seldom, so that their mean is squared, and opens the whole correlation."""


def heights(p: Floats) -> Floats:
    """Mean height of excursions beyond half a unit of evidence at a pace of 1, in usual heights: (W, F) gives (F,).

    `p` are probabilities of reference windows in time order, NaN where one is not judged.
    """
    now, peak, count, total = (np.zeros(p.shape[1]) for _ in range(4))
    for first in range(0, len(p), _BLOCK):
        for gain in _gains(p[first : first + _BLOCK].astype(np.float64)):
            now = np.maximum(now, 0.0) + gain
            peak = np.maximum(peak, now)
            over = (now <= 0) & (peak > _LEVEL)
            count += over
            total += np.where(over, peak - _LEVEL, 0.0)
            peak = np.where(now <= 0, 0.0, peak)
    over = peak > _LEVEL
    count += over
    total += np.where(over, peak - _LEVEL, 0.0)
    return np.asarray((total + _PRIOR * _USUAL) / ((count + _PRIOR) * _USUAL))


def _gains(p: Floats) -> Floats:
    slow, _ = evidence.unrest(p)
    gain = evidence.step(np.where(np.isnan(p), 1.0, p))
    return np.where(np.isnan(p), 0.0, np.where(gain > 0, gain / slow, gain))


def pace(p: Floats, short: Floats, *, index: Ints) -> Floats:
    """What the evidence of each feature is divided by, (F,), from probabilities of its reference windows, (W, F).

    `short` is the factor of autocorrelation, (F,), of windows near each other, `index`, (W,), the number of each
    window on the calendar.
    """
    climb = np.maximum(heights(p), 1.0) ** _STEEP
    least = np.minimum(short, _SHORT)
    whole = np.zeros(p.shape[1])
    far = np.flatnonzero(climb**_REACH > least)
    for first in range(0, len(far), _BLOCK):
        some = p[:, far[first : first + _BLOCK]].astype(np.float64)
        known = ~np.isnan(some)
        score = -np.log10(np.maximum(np.where(known, some, 1.0), evidence.LEAST_P))
        whole[far[first : first + _BLOCK]] = factor(score, known, index=index, longest=LONGEST)
    return np.maximum(np.maximum(least, climb), np.minimum(whole, climb**_REACH))
