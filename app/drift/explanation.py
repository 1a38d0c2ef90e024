"""Where a window differs from what its context expects, bin by bin."""

from dataclasses import dataclass

import numpy as np

from app.drift import causes
from app.drift.calibration import Calibration
from app.drift.context import Grid
from app.drift.judgement import expected, place
from app.drift.layout import Floats, Ints, Layout
from app.drift.refit import standardised


@dataclass(frozen=True, slots=True)
class Explanation:
    """Bin by bin of one feature, (B,): expected and observed share, contribution to PSI, z; and the likely cause."""

    expected: Floats
    observed: Floats
    psi: Floats
    z: Floats
    cause: str

    def top(self, bins: int = 3) -> list[int]:
        """The bins furthest from normal, the furthest first."""
        order = np.argsort(-np.abs(self.z), kind="stable")
        return [int(b) for b in order[:bins] if self.z[b] != 0]


def explain(  # noqa: PLR0913 - a window is found by all of them
    layout: Layout, calibration: Calibration, *, feature: int, start: int, counts: Ints, grid: Grid
) -> Explanation:
    """Explain one feature of one window whose counts are (total,); a window without rows differs in nothing."""
    low, high = int(layout.offsets[feature]), int(layout.offsets[feature + 1])
    part, own = layout.part(feature, feature + 1), calibration.part(feature, low, high)
    mine = counts[None, low:high]
    seen = expected(part, own, place=place(own, np.array([start]), grid=grid), counts=mine)
    z = standardised(seen, own.sampling, own.lasting, layout=part)[0]
    p, q = seen.p[0], seen.q[0]
    n, m = max(float(seen.n[0, 0]), 1.0), max(float(seen.m[0, 0]), 1.0)
    a, b = np.where(p > 0, p, 0.5 / n), np.where(q > 0, q, 0.5 / m)
    known = (seen.n[0, 0] > 0) & (seen.m[0, 0] > 0) & ((p > 0) | (q > 0))
    found = causes.signs(layout, calibration, feature=feature, start=start, counts=counts, grid=grid)
    return Explanation(
        expected=q, observed=p, psi=np.where(known, (a - b) * np.log(a / b), 0.0), z=z, cause=causes.named(found)
    )
