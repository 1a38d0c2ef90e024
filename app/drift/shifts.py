"""Evidence that the clock of a feed is shifted, added up over its features and windows.

Each shift has a sum of log-likelihood ratios of its own, which never falls below nothing, and which nothing but a day
of windows makes worth a page: on a warm morning it seems late, on a warm evening early, and values that moved look like
a shift for half a day. What a shift leaves unexplained tells them apart as well.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift import hours
from app.drift.calibration import Calibration
from app.drift.comparison import variance
from app.drift.context import DAY_US, Grid
from app.drift.hours import SHIFTS
from app.drift.judgement import expected, place
from app.drift.layout import Floats, Ints, Layout

_MARGIN: Final = 1.0
"""Decades that the choice among so many shifts is worth."""
_LEAST_US: Final = DAY_US
_SURE: Final = 0.8
_LIKELY: Final = 2.0
"""A shift that explains that share of all that stands out, and is worth that many decades, is the cause of it."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """Of W windows and H shifts: decimal log-likelihood ratios `gain`, (W, H), and what squared z add up to.

    `gap`, (W,), is their sum over all bins beyond the usual, `explained`, (W, H), what of it each shift explains.
    """

    gain: Floats
    explained: Floats
    gap: Floats


@dataclass(frozen=True, slots=True)
class Clock:
    """The sums so far, (H,): evidence for each shift, and since it last was nothing gap, explained and windows."""

    evidence: Floats
    gap: Floats
    explained: Floats
    windows: Floats

    @classmethod
    def none(cls) -> "Clock":
        """Nothing seen."""
        return cls(*(np.zeros(len(SHIFTS)) for _ in range(4)))

    def advance(self, ratios: Ratios, w: int, *, line: float, length_us: int) -> "Clock":
        """Add window w."""
        whole = max(line, 0.0) + _MARGIN
        going = self.evidence > 0
        windows = np.where(going, self.windows, 0.0) + 1.0
        most = np.minimum(whole * windows * length_us / _LEAST_US, whole + 1.0)
        return Clock(
            evidence=np.minimum(np.maximum(self.evidence, 0.0) + ratios.gain[w], most),
            gap=np.where(going, self.gap, 0.0) + ratios.gap[w],
            explained=np.where(going, self.explained, 0.0) + ratios.explained[w],
            windows=windows,
        )

    def worth(self, calibration: Calibration) -> float:
        """Evidence for the likeliest shift, comparable with any other.

        None where it leaves more unexplained than it explains, beyond what chance leaves.
        """
        best = int(np.argmax(self.evidence))
        left = self.gap[best] - self.explained[best]
        most = self.explained[best] + calibration.hours.unrest * np.sqrt(self.windows[best])
        return float(self.evidence[best]) - _MARGIN if left <= most else 0.0

    def blamed(self, calibration: Calibration, *, start: int, line: float, length_us: int) -> int | None:
        """Tell since when, in microseconds, a shifted clock explains what stands out at a window, None if it does not.

        That takes less than a page: something does stand out.
        """
        if self.worth(calibration) > line:
            return start - int(self.windows[np.argmax(self.evidence)]) * length_us
        best = int(np.argmax(self.explained))
        decades = 0.5 * self.explained[best] / (np.log(10.0) * calibration.hours.spread[best])
        sure = decades > _LIKELY and self.explained[best] >= _SURE * self.gap[best]
        return start - int(self.windows[best]) * length_us if sure else None


def ratios(layout: Layout, calibration: Calibration, *, starts: Ints, counts: Ints, grid: Grid) -> Ratios:
    """Ask windows with starts (W,) and counts (W, total); the same digits however they are grouped.

    Windows that straddle two slots, and those with too few rows, say nothing.
    """
    rhythm = calibration.hours
    shape = (len(starts), len(SHIFTS))
    along, size, squares, seen_any = np.zeros(shape), np.zeros(shape), np.zeros(len(starts)), np.zeros(len(starts))
    if not len(rhythm.which) or not len(starts):
        return Ratios(np.zeros(shape), np.zeros(shape), np.zeros(len(starts)))
    where = place(calibration, starts, grid=grid)
    asked = np.flatnonzero(where.part == 0)
    cell = hours.cell_of(starts, grid=grid)
    for k, f in enumerate(rhythm.which.tolist()):
        low, high = int(layout.offsets[f]), int(layout.offsets[f + 1])
        part, own = layout.part(f, f + 1), calibration.part(f, low, high)
        for at in np.unique(cell[asked]).tolist():
            here = asked[cell[asked] == at]
            mine = np.ascontiguousarray(counts[here, low:high], dtype=np.int64)
            seen = expected(part, own, place=place(own, starts[here], grid=grid), counts=mine)
            known = (seen.n[:, 0] >= max(calibration.min_rows, 1)) & np.isfinite(seen.e[:, 0])
            spread = variance(seen, own.sampling, own.lasting, layout=part)
            a, b, c = hours.terms(seen, spread, moves=rhythm.moves(k, at)[None], known=known)
            along[here] += a
            size[here] += b
            squares[here] += c
            seen_any[here] += known
    gap = np.where(seen_any > 0, squares - rhythm.gap, 0.0)
    explained = 2.0 * along - size
    return Ratios(gain=rhythm.ratios(along, size), explained=explained, gap=gap)
