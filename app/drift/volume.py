"""What is normal for the number of rows of a window."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift import special, tail, wobble
from app.drift.autocorrelation import factor
from app.drift.cells import CELL_SHARE, CELL_WINDOWS, group, resolved
from app.drift.context import DAY_US, LEVELS, Grid
from app.drift.evidence import story
from app.drift.layout import Bools, Floats, Ints
from app.drift.tail import LEAST_LOG, Tail

_SMALL: Final = 0.05
"""A relative change of the rows that is never worth a page."""
_FAR: Final = 50.0
_BEND: Final = 0.3
"""How the logarithm of a squared deviation bends among dice, less a little for the days that are not like others."""
_UNORDERED: Final = 9.0
"""Room for windows that lie in two slots: three standard deviations, were the hours of a slot without any order."""


@dataclass(frozen=True, slots=True)
class VolumeCalibration:
    """Mean rows and number of reference windows of every slot, (slots,), and how log rows vary around them.

    No reference is taken for calmer than rows that arrive independently, by Poisson's law: one that a schedule makes
    has the same number in each window, and every other number would be without example.
    """

    mean: Floats
    windows: Floats
    sampling: Floats
    lasting: Floats
    tail: Tail
    tau: float
    witnesses: int

    def p(self, rows: Ints, slot: Ints, *, other: Ints, part: Floats) -> Floats:
        """Probability of rows as far from normal, (W,), of windows that lie by `part` in another slot."""
        mean, windows = self.mean[slot], self.windows[slot]
        mean = (1.0 - part) * mean + part * self.mean[other]
        steps = np.diff(np.log(self.mean + 0.5), append=np.log(self.mean[:1] + 0.5))
        lasting = self.lasting + _UNORDERED * part * np.mean(steps * steps)
        logs = _log_score(rows, mean, windows, sampling=self.sampling, lasting=lasting)
        y, e = _terms(rows, mean, windows)
        p = np.maximum(self.tail.p(logs[:, None])[:, 0], special.erfc(np.sqrt(y / e / 2.0)))
        small = np.abs(np.log((rows + 0.5) / (mean + 0.5))) < _SMALL
        return np.where(windows > 0, np.where(small, 1.0, p), np.nan)

    def lines(self, slot: int, p: float) -> tuple[float, float]:
        """The fewest and the most rows that are no rarer than p in this slot."""
        mean, windows = float(self.mean[slot]), float(self.windows[slot])
        if windows <= 0:
            return 0.0, np.inf
        e = (1.0 + 1.0 / windows) / (mean + 0.5)
        variance = float(self.sampling[0]) * e + float(self.lasting[0])
        calm = float(special.erfcinv(p) * np.sqrt(2.0 * e))
        reach = max(float(np.sqrt(np.exp(self.tail.score(np.array([p]))[0]) * variance)), calm)
        reach = min(max(reach, _SMALL), _FAR)
        fewest, most = float(np.exp(-reach)), float(np.exp(reach))
        return max((mean + 0.5) * fewest - 0.5, 0.0), (mean + 0.5) * most - 0.5


def _terms(rows: Ints, mean: Floats, windows: Floats) -> tuple[Floats, Floats]:
    change = np.log((rows + 0.5) / (mean + 0.5))
    e = (1.0 + 1.0 / np.maximum(windows, 1.0)) / (mean + 0.5)
    return change * change, e


def _log_score(rows: Ints, mean: Floats, windows: Floats, *, sampling: Floats, lasting: Floats) -> Floats:
    y, e = _terms(rows, mean, windows)
    return np.log(np.maximum(y / (sampling * e + lasting + 1e-12), 1e-3))


def fit(rows: Ints, starts: Ints, *, accepted: Bools, grid: Grid) -> VolumeCalibration:
    """Fit to the accepted windows by leave-one-out, at the level of least mean log error, a tie the finer."""
    slots = grid.slot(starts)
    cells, _ = grid.cells()
    used = np.where(accepted, rows, 0)
    sums, count = group(used, slots, grid=grid), group(accepted.astype(np.int64), slots, grid=grid)
    errors = np.full(LEVELS, np.inf)
    seen = max(int(accepted.sum()), 1)
    for level in range(LEVELS):
        cell = cells[level][slots]
        if level < LEVELS - 1 and (accepted & (count[cell] >= CELL_WINDOWS)).sum() < CELL_SHARE * seen:
            continue
        usable = accepted & (count[cell] > 1)
        mean = (sums[cell] - used) / np.maximum(count[cell] - 1, 1)
        gap = np.abs(np.log((rows + 0.5) / (mean + 0.5)))
        errors[level] = np.where(usable, gap, 0.0).sum() / max(int(usable.sum()), 1)
    row_of = resolved(np.array([np.argmin(errors)]), count[:, None], grid=grid)[:, 0]
    cell = row_of[slots]
    usable = accepted & (count[cell] > 1)
    others = np.maximum(count[cell] - 1, 1).astype(np.float64)
    mean = (sums[cell] - used) / others
    y, e = _terms(rows, mean, others)
    sampling, lasting = wobble.fit(y[:, None], e[:, None], weight=usable[:, None].astype(np.float64))
    sampling = np.maximum(sampling, 1.0)
    logs = np.where(usable, _log_score(rows, mean, others, sampling=sampling, lasting=lasting), LEAST_LOG)[:, None]
    windows = count[row_of].astype(np.float64)
    law = tail.fit(logs, usable[:, None], day=starts // DAY_US, bend=_BEND)
    return VolumeCalibration(
        mean=sums[row_of] / np.maximum(windows, 1.0),
        windows=windows,
        sampling=sampling,
        lasting=lasting,
        tail=law,
        tau=min(float(factor(logs, usable[:, None], index=starts // grid.length_us)[0]), story(grid.length_us)),
        witnesses=int(usable.sum()),
    )
