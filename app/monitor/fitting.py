"""What is normal from a Monday on."""

from app.drift.calibration import Calibration
from app.drift.context import WEEK_US, monday_us
from app.drift.episodes import accepted, standing
from app.drift.refit import refit
from app.drift.replay import State, reference_for, vouching
from app.monitor.arms import Arm, counted, laid, of_baseline, own_starts
from app.monitor.rulebook import Rulebook
from app.monitor.verdicts import verdicts_of
from app.storage.database import Connection


def fit_baseline(read: Connection, arm: Arm, rulebook: Rulebook) -> Calibration | None:
    """Fit what is normal to the windows of the baseline alone; None when it has none."""
    if not len(arm.starts):
        return None
    return fit_week(read, arm, rulebook, state=arm.beginning(), monday=monday_us(int(arm.starts[-1])) + WEEK_US)


def fit_week(read: Connection, arm: Arm, rulebook: Rulebook, *, state: State, monday: int) -> Calibration:
    """Fit what is normal from a Monday on, to the windows that may vouch for it then.

    When the baseline's own windows are judged, those of the week itself are left out.
    """
    grid = rulebook.settings.grid
    live = arm.starts[:0] if arm.own else arm.starts[arm.starts < monday]
    out = standing(state.episodes, verdicts_of(read, arm), at_us=monday)
    features, volume = accepted(live, rulebook.names, out)
    own = own_starts(read, arm)
    if arm.own:
        own = own[(own < monday) | (own >= monday + WEEK_US)]
    worth = None if arm.period is None else arm.period.worth
    from_baseline, trailing, _, _ = vouching(
        own, live, monday=monday, grid=grid, accepted=features, volume=volume, worth=worth
    )
    reference = reference_for(
        laid(of_baseline(read, arm, own[from_baseline]), arm),
        laid(counted(read, arm, live[trailing]), arm),
        monday=monday,
        grid=grid,
        accepted=features[trailing],
        volume=volume[trailing],
        worth=worth,
    )
    return refit(arm.layout, reference, grid=grid, min_rows=rulebook.settings.min_rows)
