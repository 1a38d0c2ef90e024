"""From a log score to a probability: ranks in the body, a Pareto law in the tail.

The tail is the predictive law of an exponential excess given the exceedances of the reference, which needs no
optimiser; its weight in observations is the number of distinct days, since windows of one day are no independent
witnesses. Logarithms of sums of squares, as dice make them, fall off faster than that: where the exceedances do not
speak against it, the excess is bent as Gompertz's law bends it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift import special
from app.drift.sums import down

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BODY: Final = 33
_TAIL_WINDOWS: Final = 40
_TAIL_SHARES: Final = (0.03, 0.2)
_PRIOR_EXCESS: Final = 0.2
_PRIOR_WEIGHT: Final = 1.0
_SAME: Final = 1e-12
_FEW: Final = 16
_LIGHT: Final = 2.1
"""Mean square over squared mean: 2 of an exponential law, and a little for chance."""
_FARTHEST: Final = 10.0
LEAST_LOG: Final = float(np.log(1e-3))
"""A score a thousand times below normal is as calm as any."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The law of a log score for each of F features.

    `body` holds, shape (F, 33), the scores whose upper probabilities fall geometrically from 1 to `share`; beyond the
    last of them, p = share (1 + bent / days)^-days, bent = (exp(bend x excess / scale) - 1) / bend, or excess / scale
    where bend is 0.
    """

    body: Floats
    share: Floats
    scale: Floats
    days: Floats
    bend: Floats

    def p(self, score: Floats) -> Floats:
        """Upper probability of log scores of shape (W, F); NaN stays NaN."""
        last = self.body[:, -1]
        steps = np.maximum(score - last, 0.0) / self.scale
        curved = np.expm1(np.minimum(self.bend * steps, _FARTHEST)) / self._bent
        tail = self.share * np.power(1.0 + np.where(self.bend > 0, curved, steps) / self.days, -self.days)
        index = np.clip((self.body[None] < score[..., None]).sum(axis=-1), 1, BODY - 1)
        column = np.arange(len(last))
        low, high = self.body[column, index - 1], self.body[column, index]
        span = high - low
        apart = span > _SAME
        step = np.where(apart, (score - low) / np.where(apart, span, 1.0), 0.0)
        rung = (index - 1 + np.clip(step, 0.0, 1.0)) / (BODY - 1)
        inside = np.power(self.share, rung)
        p = np.where(score > last, tail, inside)
        return np.where(np.isnan(score), np.nan, p)

    def part(self, which: slice) -> "Tail":
        """The law of some features alone."""
        return Tail(*[getattr(self, name)[which] for name in ("body", "share", "scale", "days", "bend")])

    @property
    def _bent(self) -> Floats:
        return np.where(self.bend > 0, self.bend, 1.0)

    def score(self, p: Floats) -> Floats:
        """The log score that has upper probability p, shape (F,) or (W, F): the inverse of `p`."""
        p = np.broadcast_to(p, np.broadcast_shapes(p.shape, self.share.shape))
        steps = self.days * (np.power(np.minimum(p / self.share, 1.0), -1.0 / self.days) - 1.0)
        excess = self.scale * np.where(self.bend > 0, np.log1p(self.bend * steps) / self._bent, steps)
        rung = np.clip(np.log(p) / np.log(self.share) * (BODY - 1), 0.0, BODY - 1)
        index = np.minimum(rung.astype(np.int64), BODY - 2)
        column = np.arange(len(self.share))
        low, high = self.body[column, index], self.body[column, index + 1]
        return np.where(p < self.share, self.body[:, -1] + excess, low + (rung - index) * (high - low))


def fit(score: Floats, counts: Bools, *, day: NDArray[np.int64], bend: float | Floats = 0.0) -> Tail:
    """Fit the law to leave-one-out log scores of shape (K, F), of which those with `counts` count.

    `day`, shape (K,), is ascending within the order given or repeated; equal numbers are one witness. The tail is bent
    by `bend`, one or (F,), where the exceedances do not spread more than an exponential law's.
    """
    features = score.shape[1]
    k_all = np.count_nonzero(counts, axis=0)
    ordered = np.sort(np.where(counts, score, -np.inf), axis=0)[::-1]
    tail_share = np.clip(_TAIL_WINDOWS / np.maximum(k_all, 1), *_TAIL_SHARES)
    exceeding = np.floor(tail_share * k_all).astype(np.int64)
    column = np.arange(features)
    start = ordered[np.minimum(exceeding, len(ordered) - 1), column] if len(ordered) else np.zeros(features)
    start = np.maximum(np.where(k_all > 0, start, 0.0), 0.0)
    beyond = counts & (score > start)
    k = np.count_nonzero(beyond, axis=0)
    over = np.where(beyond, score - start, 0.0)
    excess, squares = down(over), down(over * over)
    light = (k >= _FEW) & (squares * k < _LIGHT * excess * excess)
    mean = (excess + _PRIOR_WEIGHT * _PRIOR_EXCESS) / (k + _PRIOR_WEIGHT)
    order = np.argsort(day, kind="stable")
    sorted_day = day[order]
    days = np.zeros(features)
    if len(day):
        first = np.flatnonzero(np.concatenate(([True], sorted_day[1:] != sorted_day[:-1])))
        days += np.logical_or.reduceat(beyond[order], first, axis=0).sum(axis=0)
    share = (k + 1.0) / (k_all + 1.0)
    share = np.minimum(share, 0.5)
    rungs = np.power(share[None, :], np.linspace(0.0, 1.0, BODY)[:, None])
    rank = np.clip(np.ceil(rungs * (k_all + 1.0)).astype(np.int64) - 1, 0, np.maximum(k_all - 1, 0))
    body = ordered[rank, column] if len(ordered) else np.zeros((BODY, features))
    body = np.minimum(np.where(k_all > 0, body, LEAST_LOG), start)
    body[-1] = start
    return Tail(
        body=np.ascontiguousarray(np.maximum.accumulate(body, axis=0).T),
        share=share,
        scale=mean / np.where(light, _mean_excess(bend), 1.0),
        days=days + _PRIOR_WEIGHT,
        bend=np.where(light, bend, 0.0),
    )


def _mean_excess(bend: float | Floats) -> Floats:
    """Mean excess of a bent tail in units of its scale: exp(1/b) E1(1/b) / b."""
    inverse = 1.0 / np.where(np.asarray(bend) > 0, bend, 1.0)
    return np.where(np.asarray(bend) > 0, np.exp(inverse) * special.exp1(inverse) * inverse, 1.0)
