"""The likely cause of a shift, as far as a histogram shows it.

Every cause is a hypothesis about the shares of a window; its worth is how much of the gap between the expected and the
observed shares, in log-likelihood, it explains. Worths add up over the windows of an episode.
"""

from typing import Final

import numpy as np

from app.drift.calibration import Calibration
from app.drift.changes import Atoms
from app.drift.context import HOUR_US, Grid
from app.drift.judgement import expected, place
from app.drift.layout import ABSENT, Floats, Ints, Layout

CAUSES: Final = ("clock_shift", "nulls", "unseen", "unit_change", "stuck_value", "location", "spread")
MIX: Final = "mix"
VOLUME: Final = "volume"
_OF_STATISTIC: Final = {"null_ratio": "nulls", "unseen_ratio": "unseen", "volume": VOLUME}
_HOURS: Final = tuple(hours for hour in range(1, 13) for hours in (hour, -hour))
_FLOOR: Final = 0.02
_ENOUGH: Final = 0.5
_PARAMETER: Final = 1.0
_FAR: Final = 0.05

Signs = tuple[float, ...]


def _log_likelihood(x: Floats, shares: Floats) -> Floats:
    """Log-likelihood of counts (B,) under shares (..., B), a little of which is spread evenly."""
    return np.asarray((x * np.log((1.0 - _FLOOR) * shares + _FLOOR / shares.shape[-1])).sum(axis=-1))


def _raised(p: Floats, q: Floats, at: int) -> Floats:
    """The expected shares with one bin raised to its observed share."""
    left = 1.0 - float(q[at])
    out = q * ((1.0 - float(p[at])) / (left if left > 0 else 1.0))
    out[at] = p[at]
    return np.asarray(out)


def signs(  # noqa: PLR0913 - a window is found by all of them
    layout: Layout, calibration: Calibration, *, feature: int, start: int, counts: Ints, grid: Grid
) -> Signs:
    """What one window of counts (total,) says.

    The gap to explain, what each shift of the clock explains of it, and what each of the other CAUSES does.
    """
    low, high = int(layout.offsets[feature]), int(layout.offsets[feature + 1])
    x = counts[low:high].astype(np.float64)
    n = float(x.sum())
    part, own = layout.part(feature, feature + 1), calibration.part(feature, low, high)
    starts = np.array([start, *[start + hours * HOUR_US for hours in _HOURS]], dtype=np.int64)
    where = place(own, starts, grid=grid)
    shares = expected(part, own, place=where, counts=np.tile(counts[low:high], (len(starts), 1))).q
    q = shares[0]
    if n <= 0 or not q.sum() > 0:
        return (0.0,) * (len(_HOURS) + len(CAUSES))
    p = x / n
    base = float(_log_likelihood(x, q))
    gap = float(_log_likelihood(x, p)) - base - 0.5 * max(int(np.count_nonzero((p > 0) | (q > 0))) - 1, 0)

    def worth(tried: Floats) -> float:
        return max(float(_log_likelihood(x, tried).max()) - base - _PARAMETER, 0.0)

    found = dict.fromkeys(CAUSES[1:], 0.0)
    clock = _log_likelihood(x, shares[1:]) - base - _PARAMETER
    for cause, position in (("nulls", int(part.null[0])), ("unseen", int(part.unseen[0]))):
        if position != ABSENT and p[position] > q[position]:
            found[cause] = worth(_raised(p, q, position))
    ordinary = np.ones(high - low, dtype=np.bool_)
    ordinary[[at for at in (int(part.null[0]), int(part.unseen[0]), int(part.invalid[0])) if at != ABSENT]] = False
    risen = np.flatnonzero(ordinary & (p > q))
    if len(risen):
        found["stuck_value"] = worth(np.stack([_raised(p, q, int(at)) for at in risen]))
    finite = np.flatnonzero(part.finite)
    if len(finite) > 1 and not np.isnan(part.lower[finite]).any() and q[finite].sum() > 0:
        atoms = Atoms(q[finite], part.lower[finite], part.upper[finite])
        for cause, tried in (
            ("unit_change", atoms.rescaled()),
            ("location", atoms.locations()),
            ("spread", atoms.spreads()),
        ):
            whole = np.repeat(q[None, :], len(tried), axis=0)
            whole[:, finite] = tried
            found[cause] = worth(whole)
    return (gap, *clock.tolist(), *found.values())


def added(one: Signs, other: Signs) -> Signs:
    """The signs of two windows together."""
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one and other else one or other


def named(found: Signs, *, statistic: str = "evidence") -> str:
    """The cause that explains most of the gap, `mix` if none explains half of it.

    A change of unit is named only where it explains clearly more than a shift or a stretch does.
    """
    if statistic in _OF_STATISTIC:
        return _OF_STATISTIC[statistic]
    if not found or found[0] <= 0:
        return MIX
    hours = len(_HOURS)
    worths = (max(found[1 : 1 + hours]), *found[1 + hours :])
    share = {cause: value / found[0] for cause, value in zip(CAUSES, worths, strict=True)}
    moved = max(share["location"], share["spread"])
    if share["unit_change"] < moved + _FAR * max(1.0 - moved, 0.0):
        share["unit_change"] = 0.0
    best = max(CAUSES, key=lambda cause: share[cause])
    return best if share[best] >= _ENOUGH else MIX
