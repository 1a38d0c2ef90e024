"""Why a window stands out, bin by bin."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.calibration import Calibration
from app.drift.context import Grid, monday_us
from app.drift.episodes import Episode
from app.drift.explanation import explain
from app.errors import NotFound
from app.monitor.arms import Arm, arms_of, counted
from app.monitor.arrival import DEFAULT_VERSION
from app.monitor.catalog import Watched
from app.monitor.fitting import fit_week
from app.monitor.instants import instant_text
from app.monitor.layouts import layout_of
from app.monitor.memory import kept_calibration, kept_state
from app.monitor.novelty import told
from app.monitor.rulebook import Rulebook, lines_of
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.storage import chronicles, novelties
from app.storage.database import Connection
from app.storage.windows import WindowCounts
from app.wire.partition import described

TopBins = list[dict[str, object]]


def top_bins(
    baseline: Baseline, calibration: Calibration, chunk: WindowCounts, episodes: Sequence[Episode], *, grid: Grid
) -> dict[str, TopBins]:
    """Tell, for each episode that begins in these windows, the three bins that stand out most in its first one."""
    names = [feature.name for feature in baseline.features]
    found: dict[str, TopBins] = {}
    for episode in episodes:
        at = np.flatnonzero(chunk.starts == episode.start_us)
        if episode.feature in names and len(at):
            f = names.index(episode.feature)
            shown = _bins(baseline, calibration, f, chunk.counts[at[0]], start=episode.start_us, grid=grid)
            found[episode.id] = [
                {key: one[key] for key in ("label", "kind", "expected", "observed", "z")} for one in shown[0][:3]
            ]
    return found


def document(
    service: Service, watched: Watched, feature: str, *, start_us: int | None, version: str | None
) -> dict[str, object]:
    """Explain one feature of one window, the newest when none is named; NotFound without it."""
    version = version or DEFAULT_VERSION
    with service.database.snapshot(deadline_s=60.0) as read:
        arm, start = _found(service, read, watched, version, start_us)
        names = [one.name for one in arm.baseline.features]
        if feature not in names:
            raise NotFound("unknown-feature", f"the model has no feature {feature!r}")
        chunk = next(iter(counted(read, arm, np.array([start], np.int64))))
        lines = lines_of(read, watched, arm.baseline)
        rulebook = Rulebook.of(
            watched.configuration, arm.baseline, lines=lines, version=version, min_rows=service.policy.min_rows
        )
        calibration = _calibration(read, arm, rulebook, start)
        noted = novelties.of_window(read, watched.id, start_us=start, version=version, baseline_id=arm.baseline_id)
    f = names.index(feature)
    bins, cause = _bins(
        arm.baseline, calibration, f, chunk.counts[0], start=start, grid=rulebook.settings.grid, ranked=False
    )
    missing = calibration.missing(f)
    return {
        "feature": feature,
        "version": version,
        "window_start": instant_text(start),
        "window_end": instant_text(start + watched.configuration.window),
        "rows": int(chunk.rows[0]),
        "cause": cause,
        "status": "ok" if missing is None else "calibrating",
        "missing": missing,
        **told(arm.baseline, f, chunk.counts[0], noted.get(f), sensitive=feature in sensitive_names(watched)),
        "bins": bins,
    }


def _found(service: Service, read: Connection, watched: Watched, version: str, start_us: int | None) -> tuple[Arm, int]:
    for arm in reversed(arms_of(service, read, watched, version)):
        start = int(arm.starts[-1]) if start_us is None else start_us
        if start in arm.starts:
            return arm, start
    raise NotFound("no-window", f"version {version!r} has no such closed window with rows")


def _calibration(read: Connection, arm: Arm, rulebook: Rulebook, start: int) -> Calibration:
    monday = monday_us(start)
    last = chronicles.last(read, arm.model_id, version=arm.version, baseline_id=arm.baseline_id, before_us=monday)
    if last is None:
        return fit_week(read, arm, rulebook, state=arm.beginning(), monday=monday)
    same_week = last.monday_us == monday
    known = kept_calibration(last.calibration) if same_week else None
    if known is not None:
        return known
    state = kept_state(last.before if same_week else last.after) or arm.beginning()
    return fit_week(read, arm, rulebook, state=state, monday=monday)


def _bins(  # noqa: PLR0913 - an explanation depends on all of them
    baseline: Baseline,
    calibration: Calibration,
    f: int,
    counts: NDArray[np.int64],
    *,
    start: int,
    grid: Grid,
    ranked: bool = True,
) -> tuple[TopBins, str]:
    told = explain(layout_of(baseline), calibration, feature=f, start=start, counts=counts, grid=grid)
    own = counts[baseline.slice_of(f)].tolist()
    bins: TopBins = [
        {
            **described(one),
            "count": own[b],
            "expected": float(told.expected[b]),
            "observed": float(told.observed[b]),
            "psi": float(told.psi[b]),
            "z": float(told.z[b]),
        }
        for b, one in enumerate(baseline.bins_of(f))
    ]
    return ([bins[b] for b in told.top()] if ranked else bins), told.cause
