"""The laws of scores, fitted to what reference windows score when they are left out, many features at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.drift import evidence, normal, tail
from app.drift.autocorrelation import factor
from app.drift.calibration import Calibration
from app.drift.context import DAY_US, Grid
from app.drift.layout import Bools, Floats, Ints
from app.drift.tail import LEAST_LOG
from app.drift.volume import VolumeCalibration

SCORE_BEND: Final = 0.1
BIN_BEND: Final = 0.8
PSI_BEND: Final = 0.25
KS_BEND: Final = 0.3
"""How the logarithms of these three bend among dice: that of the score more, by BIN_BEND / bins, the fewer bins."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Leave-one-out scores of W reference windows of F features, (W, F) unless said, and what they rest on.

    `scores` and `known` are of evidence, null, unseen and invalid; `rows` is the number of context rows, and `row` says
    in which a window lies. `inside` and `filled`, (F,), are the reference's rows and the bins that they fill; the rest
    is as in Calibration.
    """

    judged: Bools
    row: Ints
    rows: int
    scores: tuple[Floats, ...]
    known: tuple[Bools, ...]
    psi: Floats
    psi_size: Floats
    ks: Floats
    ks_size: Floats
    row_of: NDArray[np.int16]
    own_rows: Ints
    level: NDArray[np.int8]
    sampling: Floats
    lasting: Floats
    special: Floats
    inside: Floats
    filled: Ints


def laws(  # noqa: PLR0913 - a law is fitted with all of them
    parts: Sequence[Scored], *, starts: Ints, grid: Grid, volume: VolumeCalibration, lean: Floats, least: int
) -> tuple[Calibration, NDArray[np.float32]]:
    """Fit the laws of neighbouring features; the calibration's `sums` are left empty.

    Gives the probabilities of the reference's own scores as well, (W, F), NaN where a window is not judged.
    """

    def beside(name: str, axis: int = 1) -> Any:
        return np.concatenate([getattr(part, name) for part in parts], axis=axis)

    judged, row, rows = beside("judged"), beside("row"), parts[0].rows
    day, index = starts // DAY_US, starts // grid.length_us
    bend = SCORE_BEND + BIN_BEND / np.maximum(beside("filled", 0), 2)
    tails, taus = [], []
    for s in range(len(parts[0].scores)):
        score = np.concatenate([part.scores[s] for part in parts], axis=1)
        known = np.concatenate([part.known[s] for part in parts], axis=1)
        tails.append(tail.fit(np.where(known, score, LEAST_LOG), known, day=day, bend=0.0 if s else bend))
        taus.append(np.minimum(factor(score, judged, index=index), evidence.story(grid.length_us)))
    score = np.concatenate([part.scores[0] for part in parts], axis=1)
    p = np.where(judged, tails[0].p(score), np.nan).astype(np.float32)
    fitted = Calibration(
        row_of=beside("row_of"),
        sums=np.zeros((rows, 0), dtype=np.uint16),
        own_rows=beside("own_rows"),
        level=beside("level", 0),
        sampling=beside("sampling", 0),
        lasting=beside("lasting", 0),
        score=tails[0],
        psi=normal.fit(beside("psi"), beside("psi_size"), counts=judged, row=row, rows=rows, day=day, bend=PSI_BEND),
        ks=normal.fit(beside("ks"), beside("ks_size"), counts=judged, row=row, rows=rows, day=day, bend=KS_BEND),
        ratios=(tails[1], tails[2], tails[3]),
        special=beside("special"),
        rows=beside("inside", 0),
        tau=np.stack(taus),
        witnesses=np.count_nonzero(judged, axis=0),
        days=_days(judged, day),
        volume=volume,
        lean=lean,
        min_rows=least,
    )
    return fitted, p


def _days(judged: Bools, day: Ints) -> Ints:
    """On how many days each feature was judged, (F,)."""
    return np.array([len(np.unique(day[one])) for one in judged.T], dtype=np.int64)
