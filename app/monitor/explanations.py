"""Why a window stands out, bin by bin."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.calibration import Calibration
from app.drift.context import Grid, monday_us
from app.drift.episodes import Episode
from app.drift.explanation import explain
from app.drift.novelty import Novelty
from app.durations import format_duration
from app.errors import NotFound
from app.monitor.arms import Arm, counted
from app.monitor.arrival import DEFAULT_VERSION
from app.monitor.catalog import Watched
from app.monitor.fitting import fit_week
from app.monitor.history import walked_arms
from app.monitor.instants import instant_text
from app.monitor.layouts import layout_of
from app.monitor.memory import kept_calibration, kept_state
from app.monitor.novelty import told
from app.monitor.rulebook import Rulebook
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.monitor.terms import period_of, terms
from app.storage import chronicles, novelties, thresholds
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


def document(  # noqa: PLR0913 - what names a window
    service: Service,
    watched: Watched,
    feature: str,
    *,
    start_us: int | None,
    version: str | None,
    window: str | None = None,
) -> dict[str, object]:
    """Explain one feature of one window, day or week, the newest when none is named; NotFound without it."""
    version, period = version or DEFAULT_VERSION, period_of(watched, window)
    with service.database.snapshot(deadline_s=60.0) as read:
        arm, start = _found(walked_arms(service, read, watched, version, period=period), version, start_us)
        names = [one.name for one in arm.baseline.features]
        if feature not in names:
            raise NotFound("unknown-feature", f"the model has no feature {feature!r}")
        chunk = next(iter(counted(read, arm, np.array([start], np.int64))))
        rulebook = terms(service, watched, arm, thresholds.listed(read, watched.id))
        calibration = _calibration(read, arm, rulebook, start)
        noted = None if period else _noted(read, arm, start)
    f = names.index(feature)
    bins, cause = _bins(
        arm.baseline, calibration, f, chunk.counts[0], start=start, grid=rulebook.settings.grid, ranked=False
    )
    missing = calibration.missing(f)
    length_us = watched.configuration.window if period is None else period.length_us
    own = {} if noted is None else _categories(watched, arm, f, chunk.counts[0], noted.get(f))
    return {
        "feature": feature,
        "version": version,
        "window": format_duration(length_us),
        "window_start": instant_text(arm.instant(start)),
        "window_end": instant_text(arm.instant(start + length_us)),
        "rows": int(chunk.rows[0]),
        "cause": cause,
        "status": "ok" if missing is None else "calibrating",
        "missing": missing,
        **own,
        "bins": bins,
    }


def _noted(read: Connection, arm: Arm, start: int) -> Mapping[int, Novelty]:
    return novelties.of_window(read, arm.model_id, start_us=start, version=arm.version, baseline_id=arm.baseline_id)


def _categories(
    watched: Watched, arm: Arm, f: int, counts: NDArray[np.int64], noted: Novelty | None
) -> dict[str, object]:
    sensitive = arm.baseline.features[f].name in sensitive_names(watched)
    return told(arm.baseline, f, counts, noted, sensitive=sensitive)


def _found(arms: Sequence[Arm], version: str, start_us: int | None) -> tuple[Arm, int]:
    for arm in sorted(arms, key=lambda arm: (int(arm.starts[-1]), arm.baseline_id), reverse=True):
        wanted = arm.instant(int(arm.starts[-1])) if start_us is None else start_us
        for start in arm.starts.tolist() if arm.period else arm.starts[arm.starts == wanted].tolist():
            if arm.instant(start) == wanted:
                return arm, start
    raise NotFound("no-window", f"version {version!r} has no such closed window with rows")


def _calibration(read: Connection, arm: Arm, rulebook: Rulebook, start: int) -> Calibration:
    monday = monday_us(start)
    last = chronicles.last(
        read,
        arm.model_id,
        version=arm.version,
        baseline_id=arm.baseline_id,
        length_us=arm.length_us,
        before_us=monday,
    )
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
