"""The walk through a version's windows, week by week, taken up where it has to be."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.calibration import Calibration
from app.drift.context import WEEK_US, monday_us
from app.drift.episodes import accepted, standing
from app.drift.evidence import Evidence
from app.drift.layout import Layout
from app.drift.record import packed, unpacked
from app.drift.refit import refit
from app.drift.replay import State, Windows, reference_for, vouching, walk
from app.drift.states import packed_state, unpacked_state
from app.monitor.crossing import crossed
from app.monitor.judged import entries
from app.monitor.layouts import layout_of
from app.monitor.rulebook import Rulebook
from app.monitor.verdicts import verdicts_of
from app.storage import baselines, chronicles, windows
from app.storage.chronicles import Chronicle
from app.storage.database import Connection
from app.storage.scores import ScoredWindow
from app.storage.windows import WindowCounts

Starts = NDArray[np.int64]
KEPT_CALIBRATIONS_US = 4 * WEEK_US
EVER_US = -(2**55)
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Arm:
    """One version of a model on one baseline, with its closed windows: starts and dirty of shape (W,), ascending."""

    model_id: int
    version: str
    baseline_id: int
    baseline: Baseline
    starts: Starts
    dirty: NDArray[np.bool_]

    @property
    def layout(self) -> Layout:
        """Give the baseline as the calibration sees it."""
        return layout_of(self.baseline)


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a walk goes on: the first window to judge, the state before it, and the calibration if it is known.

    `before` is the packed state at the week's Monday when the walk goes on in the middle of that week.
    """

    at: int
    state: State
    calibration: Calibration | None = None
    before: bytes | None = None


def resume(conn: Connection, arm: Arm, rulebook: Rulebook) -> Resumption | None:
    """Find the latest point from which walking on gives what walking from the start would; None when all is walked."""
    digest = rulebook.digest()
    version, baseline_id = arm.version, arm.baseline_id
    last = chronicles.last(conn, arm.model_id, version=version, baseline_id=baseline_id)
    if last is None or last.settings != digest:
        chronicles.forget(conn, arm.model_id, version=version, baseline_id=baseline_id, since_us=EVER_US)
        return Resumption(0, none(arm)) if len(arm.starts) else None
    late = arm.starts[arm.dirty & (arm.starts <= last.walked_to_us)]
    if not len(late):
        at = int(np.searchsorted(arm.starts, last.walked_to_us, side="right"))
        if at == len(arm.starts):
            return None
        same_week = monday_us(int(arm.starts[at])) == last.monday_us
        known = None if last.calibration is None or not same_week else unpacked(last.calibration)
        return Resumption(at, unpacked_state(last.after), known, last.before if same_week else None)
    monday = monday_us(int(late[0]))
    chronicles.forget(conn, arm.model_id, version=version, baseline_id=baseline_id, since_us=monday + WEEK_US)
    first = chronicles.last(conn, arm.model_id, version=version, baseline_id=baseline_id, before_us=monday)
    if first is None:
        return Resumption(0, none(arm))
    at = int(np.searchsorted(arm.starts, monday))
    if first.monday_us != monday:
        return Resumption(at, unpacked_state(first.after))
    known = None if first.calibration is None else unpacked(first.calibration)
    return Resumption(at, unpacked_state(first.before), known, first.before)


def walk_week(  # noqa: PLR0913 - what is read, what is written, and what was known
    read: Connection, conn: Connection, arm: Arm, rulebook: Rulebook, resumption: Resumption, *, now_us: int
) -> list[ScoredWindow]:
    """Judge the windows up to the end of the week that was resumed, and note how far that is."""
    at, state = resumption.at, resumption.state
    monday = monday_us(int(arm.starts[at]))
    end = int(np.searchsorted(arm.starts, monday + WEEK_US))
    calibration = resumption.calibration
    if calibration is None:
        then = state if resumption.before is None else unpacked_state(resumption.before)
        calibration = fit_week(read, arm, rulebook, state=then, monday=monday)
    before = packed_state(state) if resumption.before is None else resumption.before
    found: list[ScoredWindow] = []
    for chunk in counted(read, arm, arm.starts[at:end]):
        part = Windows(chunk.starts, chunk.counts, chunk.rows)
        week = walk(
            arm.layout,
            calibration,
            state=state,
            windows=part,
            settings=rulebook.settings,
            names=rulebook.names,
            version=arm.version,
        )
        scored = entries(arm.baseline, chunk, week, rulebook=rulebook, baseline_id=arm.baseline_id, now_us=now_us)
        state = crossed(week.state, scored, rulebook)
        found += scored
    chronicles.save(
        conn,
        arm.model_id,
        version=arm.version,
        baseline_id=arm.baseline_id,
        chronicle=Chronicle(
            monday_us=monday,
            settings=rulebook.digest(),
            calibration=packed(calibration),
            before=before,
            after=packed_state(state),
            walked_to_us=int(arm.starts[end - 1]),
        ),
    )
    chronicles.slim(
        conn,
        arm.model_id,
        version=arm.version,
        baseline_id=arm.baseline_id,
        before_us=monday - KEPT_CALIBRATIONS_US,
    )
    return found


def fit_week(read: Connection, arm: Arm, rulebook: Rulebook, *, state: State, monday: int) -> Calibration:
    """Fit what is normal from a Monday on, to the windows that may vouch for it then."""
    grid = rulebook.settings.grid
    live = arm.starts[arm.starts < monday]
    out = standing(state.episodes, verdicts_of(read, arm.model_id, arm.version), at_us=monday)
    features, volume = accepted(live, rulebook.names, out)
    own = np.array(baselines.window_starts(read, arm.baseline_id), np.int64)
    from_baseline, trailing, _, _ = vouching(own, live, monday=monday, grid=grid, accepted=features, volume=volume)
    reference = reference_for(
        _windows(baseline_windows(read, arm, own[from_baseline]), arm),
        _windows(counted(read, arm, live[trailing]), arm),
        monday=monday,
        grid=grid,
        accepted=features[trailing],
        volume=volume[trailing],
    )
    return refit(arm.layout, reference, grid=grid, min_rows=rulebook.settings.min_rows)


def baseline_windows(read: Connection, arm: Arm, wanted: Starts) -> Iterator[WindowCounts]:
    """Read the given windows of the baseline itself, a few at a time."""
    if len(wanted):
        first, stop = int(wanted[0]), int(wanted[-1]) + 1
        for chunk in baselines.windows(read, arm.baseline_id, from_us=first, to_us=stop, chunk=CHUNK):
            yield _only(chunk, wanted)


def counted(read: Connection, arm: Arm, wanted: Starts) -> Iterator[WindowCounts]:
    """Read the given windows of the version, a few at a time."""
    if len(wanted):
        for chunk in windows.counts(
            read,
            arm.model_id,
            baseline_id=arm.baseline_id,
            version=arm.version,
            from_us=int(wanted[0]),
            to_us=int(wanted[-1]) + 1,
            chunk=CHUNK,
        ):
            yield _only(chunk, wanted)


def _only(chunk: WindowCounts, wanted: Starts) -> WindowCounts:
    mine = np.isin(chunk.starts, wanted)
    if mine.all():
        return chunk
    return WindowCounts(
        chunk.starts[mine], chunk.rows[mine], chunk.counts[mine], chunk.sums[mine], chunk.revisions[mine]
    )


def _windows(chunks: Iterator[WindowCounts], arm: Arm) -> Windows:
    """Lay windows end to end, each count in as few bytes as the largest of its chunk needs."""
    starts: list[Starts] = [np.zeros(0, np.int64)]
    rows: list[Starts] = [np.zeros(0, np.int64)]
    counts: list[NDArray[np.integer]] = [np.zeros((0, arm.baseline.total), np.uint16)]
    for chunk in chunks:
        starts.append(chunk.starts)
        rows.append(chunk.rows)
        counts.append(chunk.counts.astype(np.min_scalar_type(int(chunk.counts.max(initial=0)))))
    return Windows(np.concatenate(starts), np.concatenate(counts), np.concatenate(rows))


def none(arm: Arm) -> State:
    """Give the state before the first window."""
    return State(Evidence.none(len(arm.baseline.features)))
