"""The walk through a version's windows, week by week, taken up where it has to be."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.drift.calibration import Calibration
from app.drift.context import WEEK_US, monday_us
from app.drift.record import packed
from app.drift.replay import State, walk
from app.drift.states import packed_state, unpacked_state
from app.monitor.arms import EVER_US, Arm, counted
from app.monitor.crossing import crossed
from app.monitor.explanations import TopBins, top_bins
from app.monitor.fitting import fit_week
from app.monitor.judged import entries
from app.monitor.memory import kept_calibration, kept_state
from app.monitor.rulebook import Rulebook
from app.storage import chronicles
from app.storage.chronicles import Chronicle
from app.storage.database import Connection
from app.storage.scores import ScoredWindow

KEPT_CALIBRATIONS_US = 4 * WEEK_US
Reach = Callable[[int], Arm]


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a walk goes on: the first window to judge, the state before it, and the calibration if it is known.

    `before` is the packed state at the week's Monday when the walk goes on in the middle of that week.
    """

    at: int
    state: State
    calibration: Calibration | None = None
    before: bytes | None = None


def resume(conn: Connection, arm: Arm, rulebook: Rulebook, *, reach: Reach) -> tuple[Arm, Resumption] | None:
    """Find the latest point from which walking on gives what walking from the start would; None when all is walked.

    `reach` gives the arm with its windows from an instant on; no more of them is asked for than are walked.
    """
    last = chronicles.last(
        conn, arm.model_id, version=arm.version, baseline_id=arm.baseline_id, length_us=arm.length_us
    )
    after = None if last is None else kept_state(last.after)
    if last is None or after is None or last.settings != rulebook.digest():
        return _anew(conn, reach(EVER_US))
    changed = arm.changed(conn)
    if changed is not None and changed <= last.walked_to_us:
        return _again(conn, arm, monday=monday_us(changed), reach=reach)
    arm = reach(last.walked_to_us + 1)
    at = int(np.searchsorted(arm.starts, last.walked_to_us, side="right"))
    if at == len(arm.starts):
        return None
    if monday_us(int(arm.starts[at])) != last.monday_us:
        return arm, Resumption(at, after)
    return arm, Resumption(at, after, kept_calibration(last.calibration), last.before)


def _anew(conn: Connection, arm: Arm) -> tuple[Arm, Resumption] | None:
    """Forget every week whose windows are kept and begin with the first of them, if there is one."""
    chronicles.forget(
        conn,
        arm.model_id,
        version=arm.version,
        baseline_id=arm.baseline_id,
        length_us=arm.length_us,
        since_us=arm.kept_us,
    )
    return (arm, Resumption(0, beginning(conn, arm))) if len(arm.starts) else None


def beginning(conn: Connection, arm: Arm) -> State:
    """Give the state before the first window that is kept."""
    past = None
    if arm.kept_us != EVER_US:
        past = chronicles.last(
            conn, arm.model_id, version=arm.version, baseline_id=arm.baseline_id, before_us=arm.kept_us - 1
        )
    known = None if past is None else kept_state(past.after)
    return arm.beginning() if known is None else known


def _again(conn: Connection, arm: Arm, *, monday: int, reach: Reach) -> tuple[Arm, Resumption] | None:
    """Forget the weeks after a Monday's and walk again from that Monday."""
    version, baseline_id, length_us = arm.version, arm.baseline_id, arm.length_us
    first = chronicles.last(
        conn, arm.model_id, version=version, baseline_id=baseline_id, length_us=length_us, before_us=monday
    )
    same_week = first is not None and first.monday_us == monday
    state = None if first is None else kept_state(first.before if same_week else first.after)
    if first is None or state is None:
        return _anew(conn, reach(EVER_US))
    chronicles.forget(
        conn, arm.model_id, version=version, baseline_id=baseline_id, length_us=length_us, since_us=monday + WEEK_US
    )
    arm = reach(monday)
    at = int(np.searchsorted(arm.starts, monday))
    calibration = kept_calibration(first.calibration) if same_week else None
    return arm, Resumption(at, state, calibration, first.before if same_week else None)


def walk_week(  # noqa: PLR0913 - what is read, what is written, and what was known
    read: Connection,
    conn: Connection,
    arm: Arm,
    rulebook: Rulebook,
    resumption: Resumption,
    *,
    now_us: int,
    store: Callable[[list[ScoredWindow]], None],
) -> tuple[int, dict[str, TopBins]]:
    """Judge the windows up to the end of the week that was resumed, and note how far that is.

    Stores the scored windows, a few at a time. Gives the start of the last of them, and the outstanding bins of every
    episode that began among them.
    """
    at, state = resumption.at, resumption.state
    monday = monday_us(int(arm.starts[at]))
    end = int(np.searchsorted(arm.starts, monday + WEEK_US))
    calibration = resumption.calibration
    if calibration is None:
        then = state if resumption.before is None else unpacked_state(resumption.before)
        calibration = fit_week(read, arm, rulebook, state=then, monday=monday)
    before = packed_state(state) if resumption.before is None else resumption.before
    tops: dict[str, TopBins] = {}
    for chunk in counted(read, arm, arm.starts[at:end]):
        week = walk(
            arm.layout,
            calibration,
            state=state,
            windows=arm.windows(chunk),
            settings=rulebook.settings,
            names=rulebook.names,
            version=arm.version,
        )
        scored = entries(arm.baseline, chunk, week, rulebook=rulebook, baseline_id=arm.baseline_id, now_us=now_us)
        state = crossed(week.state, scored, rulebook)
        store(scored)
        tops |= top_bins(arm.baseline, calibration, chunk, state.episodes, grid=rulebook.settings.grid)
    chronicles.save(
        conn,
        arm.model_id,
        version=arm.version,
        baseline_id=arm.baseline_id,
        length_us=arm.length_us,
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
        length_us=arm.length_us,
        before_us=monday - KEPT_CALIBRATIONS_US,
    )
    return int(arm.starts[end - 1]), tops
