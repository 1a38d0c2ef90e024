"""The likely cause of a shift, as far as a histogram shows it.

Every cause is a hypothesis about the shares of a window; its worth is how much of the gap between the expected and the
observed shares, in log-likelihood, it explains. Values that move together need not keep to the bins, so that moves of
all values are also worth as much of the finite shares' gap as they close between the distribution functions. Worths
add up over the windows of an episode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift.calibration import Calibration
from app.drift.changes import Atoms, closed
from app.drift.context import HOUR_US, Grid
from app.drift.judgement import expected, place
from app.drift.layout import ABSENT, Floats, Ints, Layout

CAUSES: Final = ("clock_shift", "nulls", "unseen", "unit_change", "stuck_value", "location", "spread")
MOVES: Final = ("unit_change", "location", "spread")
"""The causes that move all values."""
MIX: Final = "mix"
VOLUME: Final = "volume"
_OF_STATISTIC: Final = {"null_ratio": "nulls", "unseen_ratio": "unseen", "invalid_ratio": "unseen", "volume": VOLUME}
"""What cannot be read as a number was never seen as one."""
_HOURS: Final = tuple(hours for hour in range(1, 13) for hours in (hour, -hour))
_FLOOR: Final = 0.02
_ENOUGH: Final = 0.5
_CLOSED: Final = 0.6
_CLOCK: Final = 0.1
"""One shift of the clock for all windows is simpler than a move of values fitted to each: it may explain this less."""
_NEAR: Final = 2 * 3
"""Shifts of up to three hours. In few windows a move of one feature looks like a shift by half a day of its rhythm."""
_TOGETHER: Final = 2
_PART: Final = 0.25
"""What a shift of the clock that all share must explain of each feature's own gap."""
_PARAMETER: Final = 1.0
_FAR: Final = 0.05
_NOT_ALL: Final = 0.9
"""A constant may lie beyond all that is normal; where nearly every row does so, or others moved too, values moved."""

_SIGNS: Final = len(_HOURS) + len(CAUSES) + len(MOVES)

Signs = tuple[float, ...]


def _log_likelihood(x: Floats, shares: Floats) -> Floats:
    """Log-likelihood of counts (B,) under shares (..., B), a little of which is spread evenly."""
    return np.asarray((x * np.log((1.0 - _FLOOR) * shares + _FLOOR / shares.shape[-1])).sum(axis=-1))


def _parameters(p: Floats, q: Floats) -> float:
    """What a free choice of every share gains by chance."""
    return 0.5 * max(int(np.count_nonzero((p > 0) | (q > 0))) - 1, 0)


def _raised(p: Floats, q: Floats, at: int) -> Floats:
    """The expected shares with one bin raised to its observed share."""
    left = 1.0 - float(q[at])
    out = q * ((1.0 - float(p[at])) / (left if left > 0 else 1.0))
    out[at] = p[at]
    return np.asarray(out)


def _exchanged(p: Floats, q: Floats, at: int, other: int) -> Floats:
    """The expected shares with what one bin gained taken from one other alone."""
    out = q.copy()
    out[at] += min(p[at] - q[at], q[other])
    out[other] -= min(p[at] - q[at], q[other])
    return out


@dataclass(frozen=True, slots=True)
class _Gap:
    """Counts x (B,) of a window beside the shares q that were expected; `finite` are the places of the finite bins.

    `whole` is the gap in log-likelihood, `shape` what of it lies between the finite shares.
    """

    x: Floats
    q: Floats
    finite: Ints
    base: float
    whole: float
    shape: float

    @classmethod
    def of(cls, x: Floats, q: Floats, finite: Ints) -> "_Gap":
        """Measure the gap."""
        p = x / x.sum()
        base = float(_log_likelihood(x, q))
        shape = 0.0
        if len(finite) > 1 and p[finite].sum() > 0 and q[finite].sum() > 0:
            shaped = q.copy()
            shaped[finite] = p[finite] * (q[finite].sum() / p[finite].sum())
            shape = float(_log_likelihood(x, shaped)) - base - _parameters(p[finite], q[finite])
        return cls(x, q, finite, base, float(_log_likelihood(x, p)) - base - _parameters(p, q), max(shape, 0.0))

    def worths(self, tried: Floats) -> Floats:
        """What each of some expected shares, (S, B), explains."""
        return _log_likelihood(self.x, tried) - self.base - _PARAMETER

    def worth(self, tried: Floats) -> float:
        """What the best of them explains."""
        return max(float(self.worths(tried).max()), 0.0)

    def moved(self, tried: Floats) -> tuple[float, float]:
        """What the best of some finite shares, (S, K), explains bin by bin, and between distribution functions."""
        whole = np.repeat(self.q[None, :], len(tried), axis=0)
        whole[:, self.finite] = tried
        mine = self.x[self.finite]
        share = float(closed(mine, self.q[self.finite], tried).max()) if self.shape > 0 else 0.0
        return self.worth(whole), self.shape * max(share, 0.0)


def signs(  # noqa: PLR0913 - a window is found by all of them
    layout: Layout, calibration: Calibration, *, feature: int, start: int, counts: Ints, grid: Grid
) -> Signs:
    """What one window of counts (total,) says.

    The gap to explain, what each shift of the clock explains of it, what each of the other CAUSES does, and what the
    MOVES close of it.
    """
    low, high = int(layout.offsets[feature]), int(layout.offsets[feature + 1])
    x = counts[low:high].astype(np.float64)
    part, own = layout.part(feature, feature + 1), calibration.part(feature, low, high)
    starts = np.array([start, *[start + hours * HOUR_US for hours in _HOURS]], dtype=np.int64)
    where = place(own, starts, grid=grid)
    shares = expected(part, own, place=where, counts=np.tile(counts[low:high], (len(starts), 1))).q
    q = shares[0]
    if x.sum() <= 0 or not q.sum() > 0:
        return (0.0,) * _SIGNS
    p = x / x.sum()
    gap = _Gap.of(x, q, np.flatnonzero(part.finite))
    found = dict.fromkeys(CAUSES[1:], 0.0)
    places = (("nulls", part.null), ("unseen", part.unseen), ("unseen", part.invalid))
    for cause, position in [(cause, int(at[0])) for cause, at in places]:
        if position != ABSENT and p[position] > q[position]:
            found[cause] = max(found[cause], gap.worth(_raised(p, q, position)))
    single = np.ones(high - low, dtype=np.bool_)
    single[[at for at in (int(part.null[0]), int(part.unseen[0]), int(part.invalid[0])) if at != ABSENT]] = False
    closes = dict.fromkeys(MOVES, 0.0)
    if gap.shape > 0 and not np.isnan(part.lower[gap.finite]).any():
        bounds = part.lower[gap.finite], part.upper[gap.finite]
        normal, seen = Atoms(q[gap.finite], *bounds), Atoms(p[gap.finite], *bounds)
        single = np.zeros_like(single)
        single[gap.finite] = normal.narrow
        for cause, tried in zip(MOVES, (normal.rescaled(), normal.locations(seen), normal.spreads(seen)), strict=True):
            found[cause], closes[cause] = gap.moved(tried)
        ends = gap.finite[np.isinf(bounds[0]) | np.isinf(bounds[1])]
        moved = max(*closes.values(), *(found[cause] for cause in MOVES))
        single[[at for at in ends if p[at] <= _NOT_ALL and gap.worth(_raised(p, q, int(at))[None, :]) > moved]] = True
    risen = np.flatnonzero(single & (p > q))
    if len(risen):
        stuck = gap.worth(np.stack([_raised(p, q, int(at)) for at in risen]))
        fallen = int(np.argmin(p - q))
        swapped = gap.worth(np.stack([_exchanged(p, q, int(at), fallen) for at in risen]))
        found["stuck_value"] = stuck if stuck >= swapped else 0.0
    return (gap.whole, *gap.worths(shares[1:]).tolist(), *found.values(), *closes.values())


def added(one: Signs, other: Signs) -> Signs:
    """The signs of two windows together; those that were read another way, and so differ in number, are let go."""
    return tuple(a + b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else other or one


def clocked(found: Sequence[Signs]) -> list[bool]:
    """Which of some features that broke together one shift of the clock explains: none where it does not win jointly.

    It is the same shift for all of them, while every other cause is fitted to each; so it may explain that much less.
    A feature to whose own gap it does not add is left out.
    """
    read = [one if len(one) == _SIGNS and one[0] > 0 else (0.0,) * _SIGNS for one in found]
    known = [one for one in read if one[0] > 0]
    if len(known) < _TOGETHER:
        return [False] * len(found)
    hours = len(_HOURS)
    gap = sum(one[0] for one in known)
    worths = [sum(one[hour] for one in known) for hour in range(1, hours + 1)]
    best = max(range(hours), key=lambda hour: worths[hour])
    other = sum(max(0.0, *one[hours + 1 : hours + len(CAUSES)]) for one in known)
    wins = worths[best] >= max(_ENOUGH * gap, other - _CLOCK * gap)
    return [wins and one[0] > 0 and one[best + 1] >= _PART * one[0] for one in read]


def _moved(share: Mapping[str, float]) -> dict[str, float]:
    """The share that each of the MOVES explains, a change of unit only where it explains clearly more than the rest."""
    moved = max(share["location"], share["spread"])
    unit = share["unit_change"]
    return {**share, "unit_change": unit if unit >= moved + _FAR * max(1.0 - moved, 0.0) else 0.0}


def named(found: Signs, *, statistic: str = "evidence") -> str:
    """The cause that explains most of the gap, `mix` if none explains half of it or closes three fifths of it."""
    if statistic in _OF_STATISTIC:
        return _OF_STATISTIC[statistic]
    if not found or found[0] <= 0:
        return MIX
    share = [value / found[0] for value in found[1:]]
    hours, last = len(_HOURS), len(_HOURS) + len(CAUSES) - 1
    bins = _moved(dict(zip(CAUSES[1:], share[hours:last], strict=True)))
    other = max(bins.values())
    if max(share[:_NEAR]) >= max(_ENOUGH, other - _CLOCK) or max(share[_NEAR:hours]) >= max(_ENOUGH, other + _CLOCK):
        return CAUSES[0]
    curve = _moved(dict(zip(MOVES, share[last:], strict=True)))
    worth = {cause: value for cause, value in bins.items() if value >= _ENOUGH}
    for cause, value in curve.items():
        if value >= _CLOSED:
            worth[cause] = max(value, worth.get(cause, 0.0))
    return max(worth, key=lambda cause: worth[cause]) if worth else MIX
