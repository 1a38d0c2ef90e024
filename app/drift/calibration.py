"""The calibration of a reference: how much each feature moves between its ordinary windows."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.hours import Hours
from app.drift.layout import Bools, Floats, Ints
from app.drift.normal import Normal
from app.drift.tail import Tail
from app.drift.volume import VolumeCalibration

MIN_JUDGED: Final = 30
MIN_DAYS: Final = 14
MIN_WINDOWS: Final = 200


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is normal for F features on `total` bins, in R context rows; frozen for a week.

    `row_of`, shape (slots, F), says which row of `sums`, shape (R, total), a window of that slot is compared with;
    `own_rows`, (R, F), of them are rows of the baseline itself. `special` and `rows`, (3, F) and (F,), are the counts
    of null, unseen and invalid and the rows of the whole reference. `tau`, (4, F), is what the evidence of each is
    divided by: evidence, null, unseen, invalid. `lean`, (slots,), is how far into their slot the reference windows
    begin.
    `hours` is what all features together say of a shifted clock; a part has none.
    `witnesses` counts the leave-one-out windows of each feature and `days` the days on which they lie.
    """

    row_of: NDArray[np.int16]
    sums: NDArray[np.integer]
    own_rows: Ints
    level: NDArray[np.int8]
    sampling: Floats
    lasting: Floats
    score: Tail
    psi: Normal
    ks: Normal
    ratios: tuple[Tail, Tail, Tail]
    special: Floats
    rows: Floats
    tau: Floats
    witnesses: Ints
    days: Ints
    volume: VolumeCalibration
    lean: Floats
    min_rows: int
    hours: Hours = field(default_factory=Hours.none)

    @property
    def calibrated(self) -> Bools:
        """Features with at least 30 judged windows, on 14 days or 200 windows, shape (F,)."""
        return (self.witnesses >= MIN_JUDGED) & ((self.days >= MIN_DAYS) | (self.witnesses >= MIN_WINDOWS))

    @property
    def volume_calibrated(self) -> bool:
        """Whether the number of rows of a window may be judged: after as many days or windows as a feature needs."""
        days = int(self.days.max(initial=0))
        return self.volume.witnesses >= (MIN_JUDGED if days >= MIN_DAYS else MIN_WINDOWS)

    def missing(self, feature: int) -> str | None:
        """What a feature still lacks, or None."""
        judged, days = int(self.witnesses[feature]), int(self.days[feature])
        if judged < MIN_JUDGED:
            return f"{MIN_JUDGED - judged} more reference windows with at least {self.min_rows} rows"
        if days < MIN_DAYS and judged < MIN_WINDOWS:
            return f"{MIN_DAYS - days} more days or {MIN_WINDOWS - judged} more windows of reference"
        return None

    def part(self, feature: int, low: int, high: int) -> "Calibration":
        """The calibration of one feature alone, whose bins are low to high - 1."""
        one = slice(feature, feature + 1)
        return replace(
            self,
            row_of=self.row_of[:, one],
            sums=self.sums[:, low:high],
            own_rows=self.own_rows[:, one],
            level=self.level[one],
            sampling=self.sampling[low:high],
            lasting=self.lasting[low:high],
            score=self.score.part(one),
            psi=self.psi.part(one),
            ks=self.ks.part(one),
            ratios=(self.ratios[0].part(one), self.ratios[1].part(one), self.ratios[2].part(one)),
            special=self.special[:, one],
            rows=self.rows[one],
            tau=self.tau[:, one],
            witnesses=self.witnesses[one],
            days=self.days[one],
            hours=Hours.none(),
        )
