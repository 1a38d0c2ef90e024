"""What is normal from a Monday on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from app.drift.calibration import Calibration
from app.drift.context import WEEK_US, Grid, monday_us
from app.drift.episodes import Episode, accepted, standing
from app.drift.layout import Bools, Ints
from app.drift.refit import refit
from app.drift.replay import REFERENCE_WEEKS, WAIT_US, State, vouching
from app.drift.trailing import Trailing
from app.monitor.arms import Arm, counted, laid, lived, of_baseline, own_starts
from app.monitor.rulebook import Rulebook
from app.monitor.verdicts import verdicts_of
from app.storage.database import Connection
from app.wire.leftovers import give_back

LARGE_BYTES: Final = 2**24
"""Counts of a reference beyond which what their fit took is given back to the system."""


def fit_baseline(read: Connection, arm: Arm, rulebook: Rulebook) -> Calibration | None:
    """Fit what is normal to the windows of the baseline alone; None when it has none."""
    if not len(arm.starts):
        return None
    return fit_week(read, arm, rulebook, state=arm.beginning(), monday=monday_us(int(arm.starts[-1])) + WEEK_US)


def fit_week(read: Connection, arm: Arm, rulebook: Rulebook, *, state: State, monday: int) -> Calibration:
    """Fit what is normal from a Monday on, to the windows that may vouch for it then."""
    calibration, nbytes = _fitted(read, arm, rulebook, state=state, monday=monday)
    if nbytes >= LARGE_BYTES:
        give_back()
    return calibration


def _fitted(read: Connection, arm: Arm, rulebook: Rulebook, *, state: State, monday: int) -> tuple[Calibration, int]:
    """Fit it, and tell how many bytes the counts took."""
    found = vouchers(read, arm, rulebook, state=state, monday=monday)
    chunks = chain(of_baseline(read, arm, found.own), counted(read, arm, found.live))
    starts, counts, rows = laid(chunks, arm, windows=len(found.own) + len(found.live))
    reference = Trailing(
        starts,
        counts,
        rows,
        own=np.arange(len(starts)) < len(found.own),
        accepted=None if found.features.all() else found.features,
        volume_accepted=None if found.volume.all() else found.volume,
    )
    fitted = refit(arm.layout, reference, grid=rulebook.settings.grid, min_rows=rulebook.settings.min_rows)
    return fitted, counts.nbytes


@dataclass(frozen=True, slots=True)
class Vouchers:
    """The windows that vouch for what is normal: starts of the baseline's own and of the version's.

    `features`, (W, F), and `volume`, (W,), tell for what each of them vouches, the baseline's own first.
    """

    own: Ints
    live: Ints
    features: Bools
    volume: Bools


def vouchers(read: Connection, arm: Arm, rulebook: Rulebook, *, state: State, monday: int) -> Vouchers:
    """Find the windows that vouch from a Monday on.

    When the baseline's own windows are judged, those of the week itself are left out.
    """
    grid = rulebook.settings.grid
    out = standing(state.episodes, verdicts_of(read, arm), at_us=monday)
    least = worth_of(arm, grid)
    live, features, volume = newest(lived(read, arm, before_us=monday), rulebook, out, monday=monday, least=least)
    own = own_starts(read, arm)
    if arm.own:
        own = own[(own < monday) | (own >= monday + WEEK_US)]
    from_baseline, trailing, features, volume = vouching(
        own, live, monday=monday, grid=grid, accepted=features, volume=volume, worth=least
    )
    return Vouchers(own[from_baseline], live[trailing], features, volume)


def worth_of(arm: Arm, grid: Grid) -> int:
    """Give the number of windows that vouch for what is normal."""
    return REFERENCE_WEEKS * WEEK_US // grid.length_us if arm.period is None else arm.period.worth


def newest(
    live: Ints, rulebook: Rulebook, out: Sequence[Episode], *, monday: int, least: int
) -> tuple[Ints, Bools, Bools]:
    """Give the newest of a version's windows among which `least` vouch for each feature, or all if none do.

    With them comes who vouches for which feature, (W, F), and for the volume, (W,). The work is that of the
    reference, however long the history is.
    """
    live = live[live + rulebook.settings.grid.length_us + WAIT_US <= monday]
    taken = least
    while True:
        taken = min(2 * taken, len(live))
        part = live[len(live) - taken :]
        features, volume = accepted(part, rulebook.names, out)
        enough = volume.sum() >= least and bool((features.sum(axis=0) >= least).all())
        if enough or taken == len(live):
            return part, features, volume
